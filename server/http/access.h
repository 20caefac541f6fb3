#ifndef SERVER_HTTP_ACCESS_H
#define SERVER_HTTP_ACCESS_H

/* Access control by bearer tokens (RFC 6750) from files, one for /cam and the
 * models, one for /metrics. Without a file, a route is open to everyone.
 *
 * A file has one token per line, of 16 to 256 letters, digits and "-._~+/=";
 * empty lines and lines that begin with # are ignored. Only the SHA-256 of a
 * token is kept, and tokens are compared in constant time. A token is never
 * printed, not even an invalid one.
 *
 *     access_open(&access, &config, &err)
 *     access_allows(&access, route->access, authorization header)
 *     access_reload(&access, ...)          SIGHUP
 *     access_close(&access) */

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/error.h"
#include "server/config/config.h"

enum {
    ACCESS_MAX_TOKENS = 256, /* in a file */
    ACCESS_MAX_FILE = 131072,
    ACCESS_MIN_TOKEN = 16,
    ACCESS_MAX_TOKEN = 256
};

/* The file that protects a route. */
enum access_realm { ACCESS_OPEN, ACCESS_CAM, ACCESS_METRICS, ACCESS_NUM };

struct access_digest {
    uint8_t bytes[32];
};

struct access_list {
    struct access_digest *digests; /* owned (count); NULL: open */
    size_t count;
};

/* `= {0}` allows everyone. */
struct access {
    const struct config *config; /* borrowed */
    pthread_mutex_t lock;
    struct access_list lists[ACCESS_NUM]; /* guarded by lock */
    bool open;
};

/* Reads the tokens in `text` (len). ERROR_INPUT names the line, never the
 * token: an invalid token, too many, or none. ERROR_MEMORY. */
bool access_parse(struct access_list *list, const char *text, size_t len,
                  struct error *err) __attribute__((warn_unused_result));

/* Reads the files that `config` names. ERROR_IO; ERROR_INPUT also if a file is
 * world-writable. */
bool access_open(struct access *access, const struct config *config,
                 struct error *err) __attribute__((warn_unused_result));

/* Reloads both files, or on failure keeps all old tokens. May run while other
 * threads call access_allows. */
bool access_reload(struct access *access, struct error *err)
    __attribute__((warn_unused_result));

/* Whether an Authorization header (NULL: none) gives access to the realm. Any
 * thread. */
bool access_allows(struct access *access, enum access_realm realm,
                   const char *authorization);

void access_list_release(struct access_list *list);

void access_close(struct access *access);

#endif

#ifndef SERVER_HTTP_EXCHANGE_H
#define SERVER_HTTP_EXCHANGE_H

/* An exchange is one request and its answer, from the request line until the
 * last byte is handed to the kernel. The three functions are libmicrohttpd's
 * callbacks; http.c says in which order they are called, and what is whose
 * when. All on the HTTP thread. */

#include <microhttpd.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "server/config/config.h"
#include "server/http/backend.h"
#include "server/http/request.h"

struct connections;
struct hangup;
struct upload;

enum {
    EXCHANGE_MAX_TARGET = 512, /* of a request target, as it is logged */
    EXCHANGE_MEMORY = 65536    /* for the headers of one, and then for the
                                  pieces that its body comes in */
};

/* What all exchanges share. */
struct exchange_door {
    const struct config *config; /* borrowed */
    struct backend backend;
    struct hangup *hangup; /* owned by http.c, as the next */
    struct connections *connections;
    uint64_t inflight_bytes; /* of bodies; the HTTP thread's */
    struct exchange *open;   /* those that have not ended; likewise */

    _Atomic uint64_t busy_since_us; /* when a callback began; 0: none runs */
};

enum exchange_stage {
    EXCHANGE_HEADERS, /* next come the headers */
    EXCHANGE_BODY,    /* pieces of it, and its end */
    EXCHANGE_WORK,    /* the response is deferred: a call to start that */
    EXCHANGE_DONE     /* it is there */
};

struct exchange {
    struct exchange_door *door;        /* borrowed */
    struct exchange *prev, *next;      /* of door->open */
    struct MHD_Connection *connection; /* borrowed */
    enum exchange_stage stage;
    uint64_t begin_us;
    int fd;            /* the connection's */
    size_t target_len; /* with the query */
    uint64_t received; /* bytes of body so far */
    uint64_t held;     /* of door->inflight_bytes */
    struct request request;
    struct upload *upload; /* owned; NULL: the body is thrown away */
    char method[16];       /* as it is logged, cut to fit */
    char target[EXCHANGE_MAX_TARGET];
    bool has_nul;      /* the path decodes to a NUL */
    bool interim;      /* the client understands 1xx */
    bool linger;       /* hung up on while it sends */
    unsigned status;   /* of the response, once there is one */
    uint64_t sent_len; /* of the response's body */
};

/* The request line: makes the exchange. It is given as it came: the path that
 * exchange_step gets is decoded and ends at the first NUL. */
void *exchange_begin(void *arg, const char *target,
                     struct MHD_Connection *connection);

/* The headers, the pieces of the body, its end; and again after a job. */
enum MHD_Result exchange_step(void *arg, struct MHD_Connection *connection,
                              const char *path, const char *method,
                              const char *version, const char *bytes,
                              size_t *len, void **slot);

/* However it ended: logs, counts and frees it. */
void exchange_end(void *arg, struct MHD_Connection *connection, void **slot,
                  enum MHD_RequestTerminationCode code);

/* The connection is about to be closed. Ends an exchange that libmicrohttpd has
 * not ended: 0.9.75 forgets to where it fails twice. */
void exchange_forget(struct exchange_door *door,
                     struct MHD_Connection *connection);

#endif

#ifndef SERVER_HTTP_EXCHANGE_H
#define SERVER_HTTP_EXCHANGE_H

/* An exchange is one request and its response, from the request line until the
 * last byte is passed to the kernel. callbacks.c creates and drives it. Here
 * are its data, its limits, and the sending of its response. All on the HTTP
 * thread. */

#include <microhttpd.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "server/config/config.h"
#include "server/http/backend.h"
#include "server/http/request.h"
#include "server/observe/metrics.h"

struct connections;
struct lingering;
struct upload;

enum {
    EXCHANGE_MAX_TARGET = 512, /* of a request target in the log */
    EXCHANGE_MEMORY = 65536 /* for its headers, then for pieces of its body */
};

/* What all exchanges share. */
struct exchange_door {
    const struct config *config; /* borrowed */
    struct backend backend;
    struct lingering *lingering; /* owned by http.c, as the next */
    struct connections *connections;
    uint64_t inflight_bytes; /* of bodies; HTTP thread only */
    struct exchange *open;   /* the list of all; likewise */

    _Atomic uint64_t busy_since_us; /* when a callback began; 0: idle */
};

enum exchange_stage {
    EXCHANGE_HEADERS, /* the headers come next */
    EXCHANGE_BODY,    /* pieces of the body, or its end */
    EXCHANGE_WORK,    /* a call to start the deferred response */
    EXCHANGE_DONE     /* the response is ready, or a streamed one begins */
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
    struct upload *upload; /* owned; NULL: the body is discarded */
    char method[16];       /* for the log, cut to fit */
    char target[EXCHANGE_MAX_TARGET];
    bool has_nul;      /* the path decodes to a NUL */
    bool interim;      /* the client accepts 1xx */
    bool linger;       /* refused while the client is sending */
    unsigned status;   /* of the response, once there is one */
    uint64_t sent_len; /* of the response's body */
};

/* Creates it from the request line. NULL: not enough memory. */
struct exchange *exchange_new(struct exchange_door *door,
                              struct MHD_Connection *connection,
                              const char *target)
    __attribute__((warn_unused_result));

/* Logs, counts and frees it, however it ended. */
void exchange_close(struct exchange *x);

/* Whether a body may have this length; false: the failure is recorded. */
bool exchange_check_length(struct exchange *x, uint64_t len);

/* Whether `len` more bytes of body are within the limit on all bodies; false:
 * the failure is recorded. Only bytes that have arrived count, not those that
 * clients announce. */
bool exchange_check_room(struct exchange *x, uint64_t len);

/* Takes its body out of the count. */
void exchange_give_back(struct exchange *x);

/* Counts a rejected request. */
void exchange_count(struct exchange *x, enum metrics_reason reason);

/* Passes the response, deferred or not, or the recorded failure to
 * libmicrohttpd, once the request is complete. The result of this and the next
 * function is for libmicrohttpd. */
enum MHD_Result exchange_send(struct exchange *x);

/* Responds with the recorded failure while the body is still arriving, and
 * closes the connection. Earlier responses are in the kernel already, so the
 * order is kept. If the socket does not take this short text at once, it is
 * lost. */
enum MHD_Result exchange_refuse(struct exchange *x);

#endif

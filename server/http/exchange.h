#ifndef SERVER_HTTP_EXCHANGE_H
#define SERVER_HTTP_EXCHANGE_H

/* An exchange is one request and its answer, from the request line until the
 * last byte is handed to the kernel. callbacks.c makes it and drives it; here
 * are what all parts of it share, its limits, and how its response goes out.
 * All on the HTTP thread. */

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
    EXCHANGE_MAX_TARGET = 512, /* of a request target, as it is logged */
    EXCHANGE_MEMORY = 65536    /* for the headers of one, and then for the
                                  pieces that its body comes in */
};

/* What all exchanges share. */
struct exchange_door {
    const struct config *config; /* borrowed */
    struct backend backend;
    struct lingering *lingering; /* owned by http.c, as the next */
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

/* From the request line. NULL: there is no memory for it. */
struct exchange *exchange_new(struct exchange_door *door,
                              struct MHD_Connection *connection,
                              const char *target)
    __attribute__((warn_unused_result));

/* However it ended: logs, counts and frees it. */
void exchange_close(struct exchange *x);

/* Whether the body may be so long; false: the failure is recorded. */
bool exchange_check_length(struct exchange *x, uint64_t len);

/* Whether there is room for so many bytes of body more. What clients announce
 * takes no room from others: only what has come does. */
bool exchange_check_room(struct exchange *x, uint64_t len);

/* Gives back the room that its body took. */
void exchange_give_back(struct exchange *x);

/* Counts something refused. */
void exchange_count(struct exchange *x, enum metrics_reason reason);

/* Gives libmicrohttpd the response that the request or another thread has made,
 * or the failure that was recorded, when the request is there as a whole. What
 * this and the next return is for libmicrohttpd. */
enum MHD_Result exchange_send(struct exchange *x);

/* Answers the recorded failure while the body still comes in, and hangs up.
 * The responses before this one are in the kernel already, so nothing is
 * overtaken; and what is not taken at once from so short a text is lost with
 * the connection. */
enum MHD_Result exchange_refuse(struct exchange *x);

#endif

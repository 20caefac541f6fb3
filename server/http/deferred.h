#ifndef SERVER_HTTP_DEFERRED_H
#define SERVER_HTTP_DEFERRED_H

/* A response that another thread makes. A handler stores it in its request, and
 * the exchange starts it once the connection is suspended.
 *
 * Ownership: it belongs to exactly one thread at a time. From `start` until
 * `done` the HTTP thread must not look at it. */

#include <stdbool.h>

#include "engine/base/error.h"
#include "server/http/response.h"
#include "server/http/stream.h"
#include "server/observe/stages.h"

struct request;

struct deferred {
    /* Passes it to another thread. false: the failure is in the request, and
     * the caller keeps it. */
    bool (*start)(struct deferred *deferred, struct request *request);
    void (*free)(struct deferred *deferred);

    /* Set by the exchange. The other thread calls it when the response is
     * complete, and must not touch the struct afterwards. */
    void (*done)(struct deferred *deferred);
    /* Whether the client has disconnected; the other thread may call it until
     * it returns true. May be NULL. */
    bool (*cancelled)(struct deferred *deferred);
    void *owner; /* for both */

    /* NULL: the response is sent when it is complete. Otherwise the other
     * thread may add lines to it before; the response's body then becomes the
     * last one. If the client disconnects meanwhile, `done` frees the struct.
     * `free` frees the stream. */
    struct stream *stream;

    /* Once done: */
    struct response response;
    struct stages stages; /* times of the stages */
    struct error err; /* why the response is a problem, if a worker failed */
    bool late;        /* the deadline passed before it was done */
};

#endif

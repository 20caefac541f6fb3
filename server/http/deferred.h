#ifndef SERVER_HTTP_DEFERRED_H
#define SERVER_HTTP_DEFERRED_H

/* A response that is made by other threads. A handler leaves it in its request,
 * and the exchange starts it when the connection is suspended.
 *
 * Ownership: it belongs to exactly one thread at a time. From `start` until
 * `done` the HTTP thread must not look at it. */

#include <stdbool.h>

#include "engine/base/error.h"
#include "server/http/response.h"
#include "server/observe/stages.h"

struct request;

struct deferred {
    /* Gives it to another thread. false: the failure is in the request, and it
     * stays the caller's. */
    bool (*start)(struct deferred *deferred, struct request *request);
    void (*free)(struct deferred *deferred);

    /* The exchange's. Called by the other thread when the response is there, as
     * the last thing it does with it: in it, it changes hands. */
    void (*done)(struct deferred *deferred);
    /* Whether nobody waits for the response any more; asked by the other thread
     * now and then, until it is so. May be NULL. */
    bool (*cancelled)(struct deferred *deferred);
    void *owner; /* for both */

    /* Once done: */
    struct response response;
    struct stages stages; /* its times */
    struct error
        err;   /* why the response is a problem, where a worker says so */
    bool late; /* the deadline had passed before it was begun */
};

#endif

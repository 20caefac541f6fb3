#ifndef SERVER_WORK_SERVICE_H
#define SERVER_WORK_SERVICE_H

/* Everything the handlers share, opened in order and closed in reverse. What
 * is not atomic or locked by itself is immutable after service_open. */

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "engine/base/error.h"
#include "engine/engine.h"
#include "server/config/config.h"
#include "server/http/access.h"
#include "server/http/peer.h"
#include "server/observe/metrics.h"
#include "server/observe/process.h"
#include "server/work/models.h"
#include "server/work/pool.h"
#include "server/work/queue.h"

struct service {
    const struct config *config; /* borrowed */
    struct access access;
    struct models models;
    struct queue queue;
    struct pool *pool; /* owned */
    struct metrics metrics;
    struct process process;
    struct peer_nets trusted; /* proxies whose X-Forwarded-For counts */
    atomic_bool draining, abandoned;
};

/* Reads the tokens, opens the models and starts the workers. On failure
 * `service` is empty. */
bool service_open(struct service *service, const struct config *config,
                  struct error *err) __attribute__((warn_unused_result));

/* Reads the tokens anew (those of before stay where they cannot be read), and
 * opens every model anew, one after another. One that is fine takes the old
 * one's place: requests that were begun are answered by the old one, which is
 * freed with the last of them. One that is not leaves the old one where it is.
 * Logs a line for each. Takes as long as opening does, and the room of one
 * model more; by the thread that opened the service, while it is not
 * draining. */
void service_reload(struct service *service);

/* From now on readyz says so, and each answer is its connection's last. */
void service_begin_drain(struct service *service);

bool service_is_draining(const struct service *service);

/* There is no time: takes no work in any more, and has what is queued refused,
 * and not done. */
void service_abandon(struct service *service);

bool service_is_abandoned(const struct service *service);

/* Lets the workers finish what is queued, and waits for that. */
void service_finish(struct service *service);

/* After service_finish; also of the empty service. */
void service_close(struct service *service);

#endif

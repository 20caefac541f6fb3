#ifndef SERVER_SERVICE_H
#define SERVER_SERVICE_H

/* Everything the handlers share, opened in order and closed in reverse. What
 * is not atomic or locked by itself is immutable after service_open. */

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "config.h"
#include "engine.h"
#include "error.h"
#include "metrics.h"
#include "pool.h"
#include "queue.h"

struct service {
    const struct config *config; /* borrowed */
    struct engine *engine;       /* owned */
    struct engine_info info;
    struct queue queue;
    struct pool *pool; /* owned */
    struct metrics metrics;
    atomic_bool draining;
    _Atomic uint64_t num_in_flight;
};

/* Opens the model and starts the workers. On failure `service` is empty. */
bool service_open(struct service *service, const struct config *config,
                  struct error *err) __attribute__((warn_unused_result));

/* From now on no work is taken in, and readyz says so. */
void service_begin_drain(struct service *service);

bool service_is_draining(const struct service *service);

/* Requests begun and not yet answered; counted by the HTTP door. */
uint64_t service_in_flight(const struct service *service);

/* Lets the workers finish what is queued, and waits for that. */
void service_finish(struct service *service);

/* After service_finish; also of the empty service. */
void service_close(struct service *service);

#endif

#ifndef SERVER_WORK_SERVICE_H
#define SERVER_WORK_SERVICE_H

/* Everything that the handlers share, opened in order and closed in reverse.
 * Members that are not atomic and have no lock are immutable after
 * service_open. */

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
#include "server/work/allowed.h"
#include "server/work/exemplars.h"
#include "server/work/film.h"
#include "server/work/models.h"
#include "server/work/pool.h"
#include "server/work/queue.h"

struct service {
    const struct config *config; /* borrowed */
    struct access access;
    struct allowed allowed; /* methods */
    struct models models;
    struct exemplars exemplars;
    struct film film;
    struct queue queue;
    struct pool *pool; /* owned */
    struct metrics metrics;
    struct process process;
    struct peer_nets trusted; /* proxies whose X-Forwarded-For is trusted */
    atomic_bool draining, abandoned;
};

/* Reads the tokens, opens the models, reads the indices of exemplars and the
 * film, and starts the workers. On failure `service` is empty. */
bool service_open(struct service *service, const struct config *config,
                  struct error *err) __attribute__((warn_unused_result));

/* Reloads the tokens and every model, one after another. A model that loads
 * replaces the old one, which still serves the requests that have begun and is
 * freed with the last of them. If a file cannot be read or a model does not
 * load, the old one stays. Reads the indices of exemplars anew. Logs a line for
 * each. Takes the time of opening and
 * the memory of one more model. Only on the thread that opened the service,
 * while it is not draining. */
void service_reload(struct service *service);

/* From now on /readyz responds with 503, and each response closes its
 * connection. */
void service_begin_drain(struct service *service);

bool service_is_draining(const struct service *service);

/* When time is up: accepts no more jobs, and refuses those in the queue. */
void service_abandon(struct service *service);

bool service_is_abandoned(const struct service *service);

/* Waits until the workers have finished the queued jobs. */
void service_finish(struct service *service);

/* After service_finish; an empty service is fine too. */
void service_close(struct service *service);

#endif

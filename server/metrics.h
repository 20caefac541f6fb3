#ifndef SERVER_METRICS_H
#define SERVER_METRICS_H

/* Counters and gauges in the Prometheus text format. Any thread. */

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "error.h"
#include "problem.h"

/* X(status): the statuses that are no problem's; 0 stands for answers never
 * given, and for statuses that are not known. Those of PROBLEMS come after. */
#define METRICS_STATUSES(X) X(0) X(200) X(204) X(304)

/* X(reason, label): why a request, or a connection before it could become one,
 * was refused to save the service, and not for what it asked. One row a
 * reason; each is there from the start, so that a rate can be had of it. */
#define METRICS_REASONS(X)                                        \
    X(METRICS_QUEUE_FULL, "queue_full")                           \
    X(METRICS_DEADLINE, "deadline")                               \
    X(METRICS_DRAINING, "draining")                               \
    X(METRICS_MEMORY, "memory")                                   \
    X(METRICS_CLIENT_GONE, "client_gone")                         \
    X(METRICS_CONNECTIONS, "connections")                         \
    X(METRICS_CONNECTIONS_PER_ADDRESS, "connections_per_address") \
    X(METRICS_IDLE_EVICTED, "idle_evicted")                       \
    X(METRICS_HEADER_BYTES, "header_bytes")                       \
    X(METRICS_HEADER_TIMEOUT, "header_timeout")                   \
    X(METRICS_BODY_BYTES, "body_bytes")                           \
    X(METRICS_RECEIVE_TIMEOUT, "receive_timeout")                 \
    X(METRICS_SEND_TIMEOUT, "send_timeout")                       \
    X(METRICS_INFLIGHT_BYTES, "inflight_bytes")                   \
    X(METRICS_FORM_FIELDS, "form_fields")                         \
    X(METRICS_UNAUTHORIZED, "unauthorized")

enum metrics_reason {
#define X(reason, label) reason,
    METRICS_REASONS(X)
#undef X
        METRICS_NUM_REASONS
};

enum {
#define X(status) +1
    METRICS_NUM_STATUSES = 0 METRICS_STATUSES(X)
#undef X
#define X(problem, status, title, kind) +1
        PROBLEMS(X),
#undef X
    METRICS_MAX_ROUTES = 32
};

/* X(field, name, type, help): the numbers without labels, one row each. */
#define METRICS_NUMBERS(X)                                         \
    X(forward_passes, "wherefore_forward_passes_total", "counter", \
      "Runs of the network.")                                      \
    X(queue_length, "wherefore_queue_length", "gauge",             \
      "Pictures waiting for a worker.")                            \
    X(busy_workers, "wherefore_busy_workers", "gauge",             \
      "Workers that have a picture in hand.")                      \
    X(workers, "wherefore_workers", "gauge", "Workers.")           \
    X(in_flight, "wherefore_requests_in_flight", "gauge",          \
      "Requests begun and not yet answered.")

/* X(field, name, type, help): the numbers of each model. */
#define METRICS_MODEL_NUMBERS(X)                                         \
    X(forward_passes, "wherefore_model_forward_passes_total", "counter", \
      "Runs of the network by model.")                                   \
    X(generation, "wherefore_model_generation", "gauge",                 \
      "1, and one more each time the model was read anew.")              \
    X(failed_reloads, "wherefore_model_failed_reloads_total", "counter", \
      "Times the model could not be read anew and the old one stayed.")

struct metrics_model {
    const char *name; /* borrowed */
#define X(field, name, type, help) uint64_t field;
    METRICS_MODEL_NUMBERS(X)
#undef X
};

/* A snapshot, taken by whoever asks for the text. */
struct metrics_numbers {
#define X(field, name, type, help) uint64_t field;
    METRICS_NUMBERS(X)
#undef X
    const struct metrics_model *models; /* (num_models) borrowed */
    size_t num_models;
};

/* `= {0}` is empty. */
struct metrics {
    _Atomic uint64_t requests[METRICS_MAX_ROUTES][METRICS_NUM_STATUSES];
    _Atomic uint64_t rejected[METRICS_NUM_REASONS];
};

/* Counts a finished request. route < METRICS_MAX_ROUTES. */
void metrics_count(struct metrics *metrics, size_t route, unsigned status);

/* Counts something refused. */
void metrics_reject(struct metrics *metrics, enum metrics_reason reason);

/* Appends the text. `routes` (num_routes) are the names of the routes by
 * number; combinations that never occurred are left out. ERROR_MEMORY. */
bool metrics_render(struct buf *out, const struct metrics *metrics,
                    const char *const *routes, size_t num_routes,
                    const struct metrics_numbers *numbers, struct error *err)
    __attribute__((warn_unused_result));

#endif

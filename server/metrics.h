#ifndef SERVER_METRICS_H
#define SERVER_METRICS_H

/* Counters and gauges in the Prometheus text format. Any thread. */

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "error.h"

/* Every status we answer; others, and answers never given, count as 0. */
/* clang-format off */
#define METRICS_STATUSES(X)                                   \
    X(0)   X(200) X(204) X(304) X(400) X(404) X(405)          \
    X(406) X(408) X(413) X(415) X(422) X(500) X(503)
/* clang-format on */

enum {
#define X(status) +1
    METRICS_NUM_STATUSES = 0 METRICS_STATUSES(X),
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
};

/* Counts a finished request. route < METRICS_MAX_ROUTES. */
void metrics_count(struct metrics *metrics, size_t route, unsigned status);

/* Appends the text. `routes` (num_routes) are the names of the routes by
 * number; combinations that never occurred are left out. ERROR_MEMORY. */
bool metrics_render(struct buf *out, const struct metrics *metrics,
                    const char *const *routes, size_t num_routes,
                    const struct metrics_numbers *numbers, struct error *err)
    __attribute__((warn_unused_result));

#endif

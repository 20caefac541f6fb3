#ifndef SERVER_OBSERVE_METRICS_H
#define SERVER_OBSERVE_METRICS_H

/* Counters and gauges in the Prometheus text format. Any thread. */

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/buf.h"
#include "engine/base/error.h"
#include "server/observe/process.h"
#include "server/observe/stages.h"

/* The statuses that are counted. 0 counts requests without a response, and all
 * other statuses. */
#define METRICS_STATUSES                                                     \
    0, 200, 204, 304, 400, 401, 403, 404, 405, 406, 408, 413, 414, 415, 422, \
        429, 431, 500, 503

/* X(reason, label): why a request or a connection was rejected to protect the
 * service, regardless of what it asked for. One row per reason. All are
 * exported from the start, so that rates can be computed. */
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
    X(METRICS_MALFORMED, "malformed")                             \
    X(METRICS_UNAUTHORIZED, "unauthorized")

enum metrics_reason {
#define X(reason, label) reason,
    METRICS_REASONS(X)
#undef X
        METRICS_NUM_REASONS
};

enum {
    METRICS_NUM_STATUSES =
        sizeof((unsigned[]){METRICS_STATUSES}) / sizeof(unsigned),
    METRICS_MAX_ROUTES = 64,
    METRICS_MAX_METHODS = 65 /* of explanation, and none */
};

/* X(field, name, type, help): the metrics without labels, one row each. */
#define METRICS_NUMBERS(X)                                                  \
    X(forward_passes, "wherefore_forward_passes_total", "counter",          \
      "Runs of the network.")                                               \
    X(request_bytes, "wherefore_request_body_bytes_total", "counter",       \
      "Bytes of request bodies received.")                                  \
    X(response_bytes, "wherefore_reply_body_bytes_total", "counter",        \
      "Bytes of response bodies sent.")                                     \
    X(queue_length, "wherefore_queue_length", "gauge",                      \
      "Images waiting for a worker.")                                       \
    X(queue_limit, "wherefore_queue_limit", "gauge",                        \
      "Images that may wait for a worker.")                                 \
    X(busy_workers, "wherefore_busy_workers", "gauge",                      \
      "Workers that are processing an image.")                              \
    X(long_jobs, "wherefore_long_jobs", "gauge",                            \
      "Workers that are processing an image with a method of many passes.") \
    X(workers, "wherefore_workers", "gauge", "Workers.")                    \
    X(in_flight, "wherefore_requests_in_flight", "gauge",                   \
      "Requests without a complete response.")                              \
    X(connections, "wherefore_connections", "gauge", "Open connections.")   \
    X(connections_limit, "wherefore_connections_limit", "gauge",            \
      "Connections that may be open.")                                      \
    X(draining, "wherefore_draining", "gauge",                              \
      "1 while the service is shutting down, else 0.")                      \
    X(log_dropped, "wherefore_log_dropped_lines_total", "counter",          \
      "Log lines dropped because nobody read standard error.")              \
    X(process.cpu_seconds, "process_cpu_seconds_total", "counter",          \
      "Total user and system CPU time spent in seconds.")                   \
    X(process.resident_bytes, "process_resident_memory_bytes", "gauge",     \
      "Resident memory size in bytes.")                                     \
    X(process.virtual_bytes, "process_virtual_memory_bytes", "gauge",       \
      "Virtual memory size in bytes.")                                      \
    X(process.open_fds, "process_open_fds", "gauge",                        \
      "Number of open file descriptors.")                                   \
    X(process.max_fds, "process_max_fds", "gauge",                          \
      "Maximum number of open file descriptors.")                           \
    X(process.start_seconds, "process_start_time_seconds", "gauge",         \
      "Start time of the process since unix epoch in seconds.")

/* X(field, name, type, help): the metrics of each model. */
#define METRICS_MODEL_NUMBERS(X)                                         \
    X(forward_passes, "wherefore_model_forward_passes_total", "counter", \
      "Runs of the network, by model.")                                  \
    X(generation, "wherefore_model_generation", "gauge",                 \
      "1, plus 1 for each reload of the model.")                         \
    X(failed_reloads, "wherefore_model_failed_reloads_total", "counter", \
      "Failed reloads, after which the old model stayed in use.")

struct metrics_model {
    const char *name;   /* borrowed */
    const char *method; /* "cam", or "none" without a map */
    size_t num_classes, input_width, input_height;
#define X(field, name, type, help) uint64_t field;
    METRICS_MODEL_NUMBERS(X)
#undef X
};

/* A snapshot, taken by the caller. NAN is unknown, and is left out of the text.
 */
struct metrics_numbers {
    double forward_passes, request_bytes, response_bytes;
    double queue_length, queue_limit, busy_workers, long_jobs, workers;
    double in_flight, connections, connections_limit, draining, log_dropped;
    struct process_figures process;
    const char *xnnpack;                /* its generation */
    const struct metrics_model *models; /* (num_models) borrowed */
    size_t num_models;
    const char *const *methods; /* (num_methods) names, by number; borrowed */
    size_t num_methods;
};

enum { METRICS_NUM_BUCKETS = 15 };

/* Times of one stage. */
struct metrics_histogram {
    _Atomic uint64_t buckets[METRICS_NUM_BUCKETS + 1]; /* the last: longer */
    _Atomic uint64_t sum_us;
};

/* `= {0}` is empty. Counting takes no lock. */
struct metrics {
    _Atomic uint64_t requests[METRICS_MAX_ROUTES][METRICS_NUM_STATUSES];
    _Atomic uint64_t rejected[METRICS_NUM_REASONS];
    _Atomic uint64_t passes[METRICS_MAX_METHODS];
    struct metrics_histogram stages[STAGES_COUNT + 1]; /* the last: total */
    _Atomic uint64_t request_bytes, response_bytes;    /* of bodies */
    _Atomic uint64_t connections; /* open; counted by connections.c */
    _Atomic uint64_t in_flight;   /* requests; counted by exchange.c */
};

/* Counts a finished request. route < METRICS_MAX_ROUTES. */
void metrics_count(struct metrics *metrics, size_t route, unsigned status);

/* Counts the bytes of a finished request's body and of its response's. */
void metrics_bytes(struct metrics *metrics, uint64_t request_bytes,
                   uint64_t response_bytes);

/* Counts the times of an image: one for each stage that it went through, and
 * the total from the request line until the response was sent. */
void metrics_stages(struct metrics *metrics, const struct stages *stages,
                    double total_ms);

/* Counts passes of the network for method number `method`. */
void metrics_passes(struct metrics *metrics, size_t method, uint64_t count);

/* Counts a rejected request or connection. */
void metrics_reject(struct metrics *metrics, enum metrics_reason reason);

/* Appends the text. `routes` (num_routes) are the names of the routes by
 * number. Statuses that never occurred are left out, except 200, 500 and 503.
 * ERROR_MEMORY. */
bool metrics_render(struct buf *out, const struct metrics *metrics,
                    const char *const *routes, size_t num_routes,
                    const struct metrics_numbers *numbers, struct error *err)
    __attribute__((warn_unused_result));

#endif

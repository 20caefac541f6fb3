#include "server/observe/metrics.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "server/version.h"

static const unsigned statuses[] = {METRICS_STATUSES};

static const char *const reasons[METRICS_NUM_REASONS] = {
#define X(reason, label) [reason] = label,
    METRICS_REASONS(X)
#undef X
};

/* Upper bounds of the buckets, from decoding a small image to the longest
 * sensible deadline. */
static const double bounds_ms[METRICS_NUM_BUCKETS] = {
    0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000, 30000};

static void add(_Atomic uint64_t *counter, uint64_t n)
{
    atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

/* Where a status is counted. */
static size_t index_of(unsigned status)
{
    size_t i = 0;

    while (i < METRICS_NUM_STATUSES && statuses[i] != status)
        i++;
    return i < METRICS_NUM_STATUSES ? i : 0;
}

void metrics_count(struct metrics *metrics, size_t route, unsigned status)
{
    add(&metrics->requests[route][index_of(status)], 1);
}

void metrics_bytes(struct metrics *metrics, uint64_t request_bytes,
                   uint64_t response_bytes)
{
    add(&metrics->request_bytes, request_bytes);
    add(&metrics->response_bytes, response_bytes);
}

static void observe(struct metrics_histogram *histogram, double ms)
{
    size_t i = 0;

    while (i < METRICS_NUM_BUCKETS && ms > bounds_ms[i])
        i++;
    add(&histogram->buckets[i], 1);
    add(&histogram->sum_us, (uint64_t)(ms * 1000));
}

void metrics_stages(struct metrics *metrics, const struct stages *stages,
                    double total_ms)
{
    for (size_t i = 0; i < stages->count; i++)
        observe(&metrics->stages[i], stages->ms[i]);
    observe(&metrics->stages[STAGES_COUNT], total_ms);
}

void metrics_passes(struct metrics *metrics, size_t method, uint64_t count)
{
    if (method < METRICS_MAX_METHODS)
        add(&metrics->passes[method], count);
}

void metrics_reject(struct metrics *metrics, enum metrics_reason reason)
{
    add(&metrics->rejected[reason], 1);
}

static bool print_head(struct buf *out, const char *name, const char *type,
                       const char *help, struct error *err)
{
    return buf_printf(out, err, "# HELP %s %s\n# TYPE %s %s\n", name, help,
                      name, type);
}

static bool print_number(struct buf *out, const char *name, const char *type,
                         const char *help, double value, struct error *err)
{
    if (isnan(value))
        return true;
    return print_head(out, name, type, help, err) &&
           (isinf(value) ? buf_printf(out, err, "%s +Inf\n", name)
                         : buf_printf(out, err, "%s %.15g\n", name, value));
}

/* The statuses that alerts use are exported from the start: if a counter
 * appears with the value 1, Prometheus does not see that increase. */
static bool is_always_exported(unsigned status)
{
    return status == 200 || status == 500 || status == 503;
}

static bool print_requests(struct buf *out, const struct metrics *metrics,
                           const char *const *routes, size_t num_routes,
                           struct error *err)
{
    if (!print_head(out, "wherefore_requests_total", "counter",
                    "Requests by route and status; status 0: the client "
                    "disconnected, or did not send HTTP.",
                    err))
        return false;
    for (size_t r = 0; r < num_routes; r++)
        for (size_t s = 0; s < METRICS_NUM_STATUSES; s++) {
            uint64_t count = atomic_load(&metrics->requests[r][s]);

            if ((count > 0 || is_always_exported(statuses[s])) &&
                !buf_printf(
                    out, err,
                    "wherefore_requests_total{route=\"%s\",status=\"%u\"} "
                    "%" PRIu64 "\n",
                    routes[r], statuses[s], count))
                return false;
        }
    return true;
}

static bool print_rejected(struct buf *out, const struct metrics *metrics,
                           struct error *err)
{
    if (!print_head(out, "wherefore_rejected_total", "counter",
                    "Requests and connections rejected to protect the service, "
                    "by reason.",
                    err))
        return false;
    for (size_t i = 0; i < METRICS_NUM_REASONS; i++)
        if (!buf_printf(out, err,
                        "wherefore_rejected_total{reason=\"%s\"} %" PRIu64 "\n",
                        reasons[i], atomic_load(&metrics->rejected[i])))
            return false;
    return true;
}

static bool print_passes(struct buf *out, const struct metrics *metrics,
                         const struct metrics_numbers *numbers,
                         struct error *err)
{
    if (!print_head(out, "wherefore_passes_total", "counter",
                    "Runs of the network, whole or in part, by the method of "
                    "explanation that they are for.",
                    err))
        return false;
    for (size_t i = 0; i < numbers->num_methods; i++)
        if (!buf_printf(out, err,
                        "wherefore_passes_total{method=\"%s\"} %" PRIu64 "\n",
                        numbers->methods[i], atomic_load(&metrics->passes[i])))
            return false;
    return true;
}

static bool print_histogram(struct buf *out, const char *stage,
                            const struct metrics_histogram *histogram,
                            struct error *err)
{
    static const char metric[] = "wherefore_stage_seconds";
    uint64_t sum_us = atomic_load(&histogram->sum_us), count = 0;

    for (size_t i = 0; i < METRICS_NUM_BUCKETS; i++) {
        count += atomic_load(&histogram->buckets[i]);
        if (!buf_printf(out, err,
                        "%s_bucket{stage=\"%s\",le=\"%g\"} %" PRIu64 "\n",
                        metric, stage, bounds_ms[i] / 1000, count))
            return false;
    }
    count += atomic_load(&histogram->buckets[METRICS_NUM_BUCKETS]);
    return buf_printf(out, err,
                      "%s_bucket{stage=\"%s\",le=\"+Inf\"} %" PRIu64 "\n",
                      metric, stage, count) &&
           buf_printf(out, err, "%s_sum{stage=\"%s\"} %.15g\n", metric, stage,
                      (double)sum_us / 1e6) &&
           buf_printf(out, err, "%s_count{stage=\"%s\"} %" PRIu64 "\n", metric,
                      stage, count);
}

static bool print_stages(struct buf *out, const struct metrics *metrics,
                         struct error *err)
{
    if (!print_head(out, "wherefore_stage_seconds", "histogram",
                    "Time of an image by stage; total: from its request line "
                    "until its response was sent.",
                    err))
        return false;
    for (size_t i = 0; i <= STAGES_COUNT; i++)
        if (!print_histogram(out, stages_name(i), &metrics->stages[i], err))
            return false;
    return true;
}

enum { MAX_NAME = 300 }; /* of an escaped model's name */

/* Escapes a label value; a long one is cut. */
static void escape(char out[MAX_NAME], const char *name)
{
    size_t len = 0;

    for (; *name && len + 3 <= MAX_NAME; name++) {
        if (*name == '"' || *name == '\\' || *name == '\n')
            out[len++] = '\\';
        out[len++] = *name == '\n' ? 'n' : *name;
    }
    out[len] = '\0';
}

static bool print_models(struct buf *out, const struct metrics_numbers *numbers,
                         struct error *err)
{
    char name[MAX_NAME];

#define X(field, metric, type, help)                                        \
    if (!print_head(out, metric, type, help, err))                          \
        return false;                                                       \
    for (size_t i = 0; i < numbers->num_models; i++) {                      \
        escape(name, numbers->models[i].name);                              \
        if (!buf_printf(out, err, "%s{model=\"%s\"} %" PRIu64 "\n", metric, \
                        name, numbers->models[i].field))                    \
            return false;                                                   \
    }
    METRICS_MODEL_NUMBERS(X)
#undef X
    return true;
}

static bool print_info(struct buf *out, const struct metrics_numbers *numbers,
                       struct error *err)
{
    char name[MAX_NAME];

    if (!print_head(out, "wherefore_build_info", "gauge",
                    "Version of the program; always 1.", err) ||
        !buf_printf(out, err,
                    "wherefore_build_info{version=\"%s\",xnnpack=\"%s\"} 1\n",
                    VERSION_TEXT, numbers->xnnpack) ||
        !print_head(out, "wherefore_model_info", "gauge",
                    "Properties of each model; always 1.", err))
        return false;
    for (size_t i = 0; i < numbers->num_models; i++) {
        const struct metrics_model *model = &numbers->models[i];

        escape(name, model->name);
        if (!buf_printf(out, err,
                        "wherefore_model_info{model=\"%s\",method=\"%s\","
                        "classes=\"%zu\",input=\"%zux%zu\"} 1\n",
                        name, model->method, model->num_classes,
                        model->input_width, model->input_height))
            return false;
    }
    return true;
}

bool metrics_render(struct buf *out, const struct metrics *metrics,
                    const char *const *routes, size_t num_routes,
                    const struct metrics_numbers *numbers, struct error *err)
{
    if (!print_requests(out, metrics, routes, num_routes, err) ||
        !print_rejected(out, metrics, err) ||
        !print_passes(out, metrics, numbers, err) ||
        !print_stages(out, metrics, err))
        return false;
#define X(field, name, type, help)                                 \
    if (!print_number(out, name, type, help, numbers->field, err)) \
        return false;
    METRICS_NUMBERS(X)
#undef X
    return print_models(out, numbers, err) && print_info(out, numbers, err);
}

#include "metrics.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

static const unsigned statuses[METRICS_NUM_STATUSES] = {
#define X(status) status,
    METRICS_STATUSES(X)
#undef X
/* One that several problems share is counted at its first place. */
#define X(problem, status, title, kind) status,
        PROBLEMS(X)
#undef X
};

static const char *const reasons[METRICS_NUM_REASONS] = {
#define X(reason, label) [reason] = label,
    METRICS_REASONS(X)
#undef X
};

void metrics_count(struct metrics *metrics, size_t route, unsigned status)
{
    size_t i = 0;

    while (i < METRICS_NUM_STATUSES && statuses[i] != status)
        i++;
    if (i == METRICS_NUM_STATUSES)
        i = 0;
    atomic_fetch_add_explicit(&metrics->requests[route][i], 1,
                              memory_order_relaxed);
}

void metrics_reject(struct metrics *metrics, enum metrics_reason reason)
{
    atomic_fetch_add_explicit(&metrics->rejected[reason], 1,
                              memory_order_relaxed);
}

__attribute__((format(printf, 3, 4))) static bool
print(struct buf *out, struct error *err, const char *fmt, ...)
{
    char line[512];
    va_list args;
    int len;

    va_start(args, fmt);
    len = vsnprintf(line, sizeof line, fmt, args);
    va_end(args);
    if (len < 0 || (size_t)len >= sizeof line)
        return fail(err, ERROR_INTERNAL, "a metric is too long");
    return buf_append(out, line, (size_t)len, err);
}

static bool print_number(struct buf *out, const char *name, const char *type,
                         const char *help, uint64_t value, struct error *err)
{
    return print(out, err, "# HELP %s %s\n# TYPE %s %s\n", name, help, name,
                 type) &&
           print(out, err, "%s %" PRIu64 "\n", name, value);
}

static bool print_requests(struct buf *out, const struct metrics *metrics,
                           const char *const *routes, size_t num_routes,
                           struct error *err)
{
    if (!print(out, err,
               "# HELP wherefore_requests_total Requests by route and status; "
               "status 0: the client left.\n"
               "# TYPE wherefore_requests_total counter\n"))
        return false;
    for (size_t r = 0; r < num_routes; r++)
        for (size_t s = 0; s < METRICS_NUM_STATUSES; s++) {
            uint64_t count = atomic_load(&metrics->requests[r][s]);

            if (count > 0 &&
                !print(out, err,
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
    if (!print(out, err,
               "# HELP wherefore_rejected_total Requests and connections "
               "refused to save the service, by reason.\n"
               "# TYPE wherefore_rejected_total counter\n"))
        return false;
    for (size_t i = 0; i < METRICS_NUM_REASONS; i++)
        if (!print(out, err,
                   "wherefore_rejected_total{reason=\"%s\"} %" PRIu64 "\n",
                   reasons[i], atomic_load(&metrics->rejected[i])))
            return false;
    return true;
}

enum { MAX_NAME = 300 }; /* of an escaped model's name */

/* As label values want it; cut where it is too long. */
static void escape(char out[MAX_NAME], const char *name)
{
    size_t len = 0;

    for (; *name && len + 3 <= MAX_NAME; name++) {
        if (*name == '"' || *name == '\\')
            out[len++] = '\\';
        out[len++] = *name;
    }
    out[len] = '\0';
}

static bool print_models(struct buf *out, const struct metrics_numbers *numbers,
                         struct error *err)
{
    char name[MAX_NAME];

#define X(field, metric, type, help)                                           \
    if (!print(out, err, "# HELP %s %s\n# TYPE %s %s\n", metric, help, metric, \
               type))                                                          \
        return false;                                                          \
    for (size_t i = 0; i < numbers->num_models; i++) {                         \
        escape(name, numbers->models[i].name);                                 \
        if (!print(out, err, "%s{model=\"%s\"} %" PRIu64 "\n", metric, name,   \
                   numbers->models[i].field))                                  \
            return false;                                                      \
    }
    METRICS_MODEL_NUMBERS(X)
#undef X
    return true;
}

bool metrics_render(struct buf *out, const struct metrics *metrics,
                    const char *const *routes, size_t num_routes,
                    const struct metrics_numbers *numbers, struct error *err)
{
    if (!print_requests(out, metrics, routes, num_routes, err) ||
        !print_rejected(out, metrics, err))
        return false;
#define X(field, name, type, help)                                 \
    if (!print_number(out, name, type, help, numbers->field, err)) \
        return false;
    METRICS_NUMBERS(X)
#undef X
    return print_models(out, numbers, err);
}

#ifndef SERVER_OBSERVE_OBSERVE_H
#define SERVER_OBSERVE_OBSERVE_H

/* Counts and logs a finished request. */

#include <stddef.h>

#include "server/config/config.h"
#include "server/observe/log.h"
#include "server/observe/metrics.h"

struct observed {
    struct log_entry line;
    size_t route;               /* its number */
    enum metrics_reason reason; /* why it was rejected; METRICS_NUM_REASONS: it
                                   was not, or that is counted already */
    const char *why;            /* an error for the log only; NULL: none */
};

/* Counts the request and logs it. Any thread. */
void observe_request(struct metrics *metrics, enum config_log_format format,
                     const struct observed *observed);

#endif

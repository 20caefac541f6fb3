#ifndef SERVER_OBSERVE_OBSERVE_H
#define SERVER_OBSERVE_OBSERVE_H

/* What remains of a request when it has ended: counts and a line of log. */

#include <stddef.h>

#include "server/config/config.h"
#include "server/observe/log.h"
#include "server/observe/metrics.h"

struct observed {
    struct log_entry line;
    size_t route;               /* its number */
    enum metrics_reason reason; /* why it was refused, where that is not counted
                                   yet; METRICS_NUM_REASONS: it is, or it was
                                   not refused */
    const char *why; /* an error that only who runs the service is told; NULL:
                        there was none */
};

/* Counts the request and logs it. Any thread. */
void observe_request(struct metrics *metrics, enum config_log_format format,
                     const struct observed *observed);

#endif

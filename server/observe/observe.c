#include "server/observe/observe.h"

void observe_request(struct metrics *metrics, enum config_log_format format,
                     const struct observed *observed)
{
    const struct log_entry *line = &observed->line;

    metrics_count(metrics, observed->route, line->status);
    metrics_bytes(metrics, line->received, line->status ? line->bytes : 0);
    if (line->stages && line->stages->count > 0)
        metrics_stages(metrics, line->stages, line->ms);
    if (observed->reason != METRICS_NUM_REASONS)
        metrics_reject(metrics, observed->reason);
    if (observed->why)
        log_notice(format, "request %s: %s", line->id, observed->why);
    log_request(format, line);
}

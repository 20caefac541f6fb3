#include "handle.h"

#include <string.h>

#include "request.h"
#include "route.h"
#include "service.h"

static bool answer_text(struct request *request, const char *text)
{
    struct reply *reply = &request->reply;

    reply->status = 200;
    reply->content_type = "text/plain; charset=utf-8";
    reply->constant = (const uint8_t *)text;
    reply->constant_len = strlen(text);
    reply_header(reply, "Cache-Control", "no-store");
    return true;
}

bool handle_healthz(struct service *service, struct request *request)
{
    (void)service;
    return answer_text(request, "ok\n");
}

bool handle_readyz(struct service *service, struct request *request)
{
    if (service_is_draining(service))
        return request_fail(request, PROBLEM_DRAINING,
                            "the service is shutting down");
    return answer_text(request, "ready\n");
}

bool handle_metrics(struct service *service, struct request *request)
{
    struct reply *reply = &request->reply;
    struct model *models[CONFIG_MAX_LIST];
    struct metrics_model rows[CONFIG_MAX_LIST];
    struct metrics_numbers numbers = {
        .queue_length = queue_len(&service->queue),
        .busy_workers = pool_num_busy(service->pool),
        .workers = service->config->workers,
        .in_flight = service_in_flight(service),
    };
    const char *const *names;
    size_t num_names = route_names(&names);
    bool ok;

    for (size_t i = 0; i < service->models.count; i++) {
        const struct models_counts *counts = &service->models.counts[i];

        models[i] = models_get(&service->models, i);
        rows[i] = (struct metrics_model){
            .name = models[i]->info.name,
            .forward_passes = atomic_load(&counts->forward_passes),
            .generation = models[i]->generation,
            .failed_reloads = atomic_load(&counts->failed_reloads),
        };
        numbers.forward_passes += rows[i].forward_passes;
    }
    numbers.models = rows;
    numbers.num_models = service->models.count;
    reply->status = 200;
    reply->content_type = "text/plain; version=0.0.4; charset=utf-8";
    reply_header(reply, "Cache-Control", "no-store");
    ok = metrics_render(&reply->body, &service->metrics, names, num_names,
                        &numbers, &request->err);
    for (size_t i = 0; i < service->models.count; i++)
        model_release(models[i]);
    return ok;
}

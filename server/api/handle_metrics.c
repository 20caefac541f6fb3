#include "server/api/handle.h"

#include "server/api/routes.h"
#include "server/http/request.h"
#include "server/observe/log.h"
#include "server/work/service.h"

static void read_service(struct service *service,
                         struct metrics_numbers *numbers)
{
    const struct metrics *metrics = &service->metrics;

    *numbers = (struct metrics_numbers){
        .request_bytes = (double)atomic_load(&metrics->request_bytes),
        .response_bytes = (double)atomic_load(&metrics->response_bytes),
        .queue_length = (double)queue_len(&service->queue),
        .queue_limit = (double)service->config->queue_length,
        .busy_workers = (double)pool_num_busy(service->pool),
        .long_jobs = (double)pool_num_long(service->pool),
        .workers = (double)service->config->workers,
        .in_flight = (double)atomic_load(&metrics->in_flight),
        .connections = (double)atomic_load(&metrics->connections),
        .connections_limit = (double)service->config->max_connections,
        .draining = service_is_draining(service),
        .log_dropped = (double)log_num_dropped(),
    };
    process_read(&service->process, &numbers->process);
}

static void read_model(struct metrics_model *row, const struct model *model,
                       const struct models_counts *counts)
{
    const struct engine_info *info = &model->info;

    *row = (struct metrics_model){
        .name = info->name,
        .method = info->method ? info->method : "none",
        .num_classes = info->num_classes,
        .input_width = info->input_width,
        .input_height = info->input_height,
        .forward_passes = atomic_load(&counts->forward_passes),
        .generation = model->generation,
        .failed_reloads = atomic_load(&counts->failed_reloads),
    };
}

/* The methods by number, then "none"; returns how many. */
static size_t list_methods(const char *names[METRICS_MAX_METHODS])
{
    const struct explain_method *method;
    size_t count = 0;

    while (count + 1 < METRICS_MAX_METHODS && (method = explain_method(count)))
        names[count++] = explain_method_name(method);
    names[count++] = "none";
    return count;
}

bool handle_metrics(struct service *service, struct request *request)
{
    struct response *response = &request->response;
    struct model *models[CONFIG_MAX_LIST] = {0};
    struct metrics_model rows[CONFIG_MAX_LIST];
    struct metrics_numbers numbers;
    const char *const *names, *methods[METRICS_MAX_METHODS];
    size_t num_names = routes_names(&names), count = service->models.count;
    bool ok;

    read_service(service, &numbers);
    for (size_t i = 0; i < count; i++) {
        models[i] = models_get(&service->models, i);
        read_model(&rows[i], models[i], &service->models.counts[i]);
        numbers.forward_passes += (double)rows[i].forward_passes;
    }
    numbers.models = rows;
    numbers.num_models = count;
    numbers.methods = methods;
    numbers.num_methods = list_methods(methods);
    numbers.xnnpack = count > 0 ? models[0]->info.runtime : "";
    response->status = 200;
    response->content_type = "text/plain; version=0.0.4; charset=utf-8";
    response_header(response, "Cache-Control", "no-store");
    ok = metrics_render(&response->body, &service->metrics, names, num_names,
                        &numbers, &request->err);
    for (size_t i = 0; i < count; i++)
        model_release(models[i]);
    return ok;
}

#include "service.h"

#include <string.h>

bool service_open(struct service *service, const struct config *config,
                  struct error *err)
{
    struct image_limits limits = {
        .max_width = (uint32_t)config->max_width,
        .max_height = (uint32_t)config->max_height,
        .max_pixels = config->max_pixels,
    };
    struct engine_options options = {0};

    memset(service, 0, sizeof *service);
    service->config = config;
    if (!engine_options_parse_size(&options, config->input_size, err))
        return error_prefix(err, "--input-size");
    service->engine = engine_open(config->model, &options, err);
    if (!service->engine)
        return error_prefix(err, "model %s", config->model);
    engine_info(service->engine, &service->info);
    queue_init(&service->queue, config->queue_length);
    service->pool = pool_new(service->engine, &service->queue, config->workers,
                             &limits, err);
    if (service->pool)
        return true;
    queue_release(&service->queue);
    engine_free(service->engine);
    memset(service, 0, sizeof *service);
    return false;
}

void service_begin_drain(struct service *service)
{
    atomic_store(&service->draining, true);
    queue_close(&service->queue);
}

bool service_is_draining(const struct service *service)
{
    return atomic_load(&service->draining);
}

uint64_t service_in_flight(const struct service *service)
{
    return atomic_load(&service->num_in_flight);
}

void service_finish(struct service *service)
{
    queue_close(&service->queue);
    pool_join(service->pool);
}

void service_close(struct service *service)
{
    if (!service->engine)
        return;
    pool_free(service->pool);
    queue_release(&service->queue);
    engine_free(service->engine);
    memset(service, 0, sizeof *service);
}

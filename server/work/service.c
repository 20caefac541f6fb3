#include "server/work/service.h"

#include <string.h>

#include "server/observe/log.h"

/* A pause in which a worker keeps its memory. */
enum { IDLE_MS = 5000 };

/* The number of workers, but not more than there are cores: more threads would
 * only take turns. */
static unsigned lone_threads(const struct config *config)
{
    const unsigned workers = (unsigned)config->workers;
    const unsigned count = team_num_cores();

    if (config->lone_threads > 0)
        return (unsigned)config->lone_threads;
    return count > 0 && count < workers ? count : workers;
}

bool service_open(struct service *service, const struct config *config,
                  struct error *err)
{
    struct image_limits limits = {
        .max_width = (uint32_t)config->max_width,
        .max_height = (uint32_t)config->max_height,
        .max_pixels = config->max_pixels,
        .max_unpacked = config->max_unpacked_bytes,
        .free_pixels = IMAGE_FREE_PIXELS,
    };
    struct pool_size size = {
        .num_workers = config->workers,
        .lone_threads = lone_threads(config),
        .idle_ms = IDLE_MS,
    };
    struct engine_options options = {0};

    memset(service, 0, sizeof *service);
    service->config = config;
    if (!engine_options_parse_size(&options, config->input_size, err))
        return error_prefix(err, "--input-size");
    if (!peer_nets_parse(&service->trusted, &config->trusted_proxies, err))
        return error_prefix(err, "--trusted-proxy");
    if (!allowed_parse(&service->allowed, config->methods, err))
        return error_prefix(err, "--methods");
    options.precision = (enum precision_choice)config->precision;
    if (!access_open(&service->access, config, err))
        return false;
    if (!models_open(&service->models, &config->models, &options, err))
        goto out;
    if (!exemplars_open(&service->exemplars, config->exemplars,
                        &service->models, config->log_format, err)) {
        error_prefix(err, "--exemplars");
        goto out_models;
    }
    if (!film_open(&service->film, config->film, err)) {
        error_prefix(err, "--film");
        goto out_exemplars;
    }
    queue_init(&service->queue, config->queue_length);
    service->pool =
        pool_new(&service->models, &service->queue, &size, &limits, err);
    if (service->pool) {
        process_open(&service->process);
        return true;
    }
    queue_release(&service->queue);
    film_close(&service->film);
out_exemplars:
    exemplars_close(&service->exemplars);
out_models:
    models_close(&service->models);
out:
    access_close(&service->access);
    memset(service, 0, sizeof *service);
    return false;
}

static void reload_access(struct service *service)
{
    enum config_log_format format =
        (enum config_log_format)service->config->log_format;
    struct error err = {0};

    if (!access_reload(&service->access, &err))
        log_notice(format, "reload failed; keeping the old tokens: %s",
                   err.text);
}

static void reload(struct service *service, size_t i)
{
    enum config_log_format format =
        (enum config_log_format)service->config->log_format;
    struct error err = {0};
    struct model *old = models_reload(&service->models, i, &err);
    struct model *model;

    if (!old) {
        log_notice(format, "reload failed; keeping the old model: %s",
                   err.text);
        return;
    }
    model = models_get(&service->models, i);
    log_notice(format, "model %s reloaded, generation %ju", model->info.name,
               (uintmax_t)model->generation);
    model_release(model);
    pool_drop(service->pool);
    model_release(old);
}

static void reload_exemplars(struct service *service)
{
    const struct config *config = service->config;
    struct error err = {0};

    if (!exemplars_reload(&service->exemplars, &service->models,
                          config->log_format, &err))
        log_notice((enum config_log_format)config->log_format,
                   "exemplars are no longer offered: %s", err.text);
}

void service_reload(struct service *service)
{
    reload_access(service);
    for (size_t i = 0; i < service->models.count; i++)
        reload(service, i);
    reload_exemplars(service);
}

void service_begin_drain(struct service *service)
{
    atomic_store(&service->draining, true);
}

bool service_is_draining(const struct service *service)
{
    return atomic_load(&service->draining);
}

void service_abandon(struct service *service)
{
    atomic_store(&service->abandoned, true);
    pool_abandon(service->pool);
    queue_close(&service->queue);
}

bool service_is_abandoned(const struct service *service)
{
    return atomic_load(&service->abandoned);
}

void service_finish(struct service *service)
{
    queue_close(&service->queue);
    pool_join(service->pool);
}

void service_close(struct service *service)
{
    if (!service->pool)
        return;
    pool_free(service->pool);
    queue_release(&service->queue);
    film_close(&service->film);
    exemplars_close(&service->exemplars);
    models_close(&service->models);
    access_close(&service->access);
    process_close(&service->process);
    memset(service, 0, sizeof *service);
}

#include "server/api/routes.h"

#include "server/api/asset.h"
#include "server/api/handle.h"
#include "server/work/service.h"

/* X(method, path, access, check, handle) */
#define ROUTES(X)                                                              \
    X(REQUEST_POST, "/cam", ACCESS_CAM, handle_cam_check, handle_cam)          \
    X(REQUEST_POST, "/activations", ACCESS_CAM, handle_activations_check,      \
      handle_activations)                                                      \
    X(REQUEST_GET, "/filters", ACCESS_CAM, handle_filters_check,               \
      handle_filters)                                                          \
    X(REQUEST_GET, "/model", ACCESS_CAM, handle_model_check, handle_model)     \
    X(REQUEST_GET, "/model/layers", ACCESS_CAM, handle_model_check,            \
      handle_model_layers)                                                     \
    X(REQUEST_GET, "/models", ACCESS_CAM, NULL, handle_models)                 \
    X(REQUEST_GET, "/methods", ACCESS_CAM, handle_model_check, handle_methods) \
    X(REQUEST_GET, "/healthz", ACCESS_OPEN, NULL, handle_healthz)              \
    X(REQUEST_GET, "/readyz", ACCESS_OPEN, NULL, handle_readyz)                \
    X(REQUEST_GET, "/metrics", ACCESS_METRICS, NULL, handle_metrics)

static const struct route routes[] = {
#define X(method, path, access, check, handle) \
    {method, path, access, check, handle},
    ROUTES(X)
#undef X
#define X(symbol, path, file, type, cache) \
    {REQUEST_GET, path, ACCESS_OPEN, NULL, handle_asset},
        ASSETS(X)
#undef X
};

enum { NUM_ROUTES = sizeof routes / sizeof routes[0] };

static const char *const names[NUM_ROUTES + 1] = {
#define X(method, path, access, check, handle) path,
    ROUTES(X)
#undef X
#define X(symbol, path, file, type, cache) path,
        ASSETS(X)
#undef X
            "other",
};

const struct route_table *routes_table(void)
{
    static const struct route_table table = {routes, NUM_ROUTES};

    return &table;
}

size_t routes_names(const char *const **list)
{
    *list = names;
    return NUM_ROUTES + 1;
}

struct backend routes_backend(struct service *service)
{
    return (struct backend){.routes = routes_table(),
                            .service = service,
                            .access = &service->access,
                            .trusted = &service->trusted,
                            .metrics = &service->metrics,
                            .draining = &service->draining};
}

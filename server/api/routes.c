#include "server/api/routes.h"

#include "server/api/asset.h"
#include "server/api/handle.h"
#include "server/observe/metrics.h"
#include "server/work/service.h"

/* X(method, path, access, shape of failures, check, handle) */
#define ROUTES(X)                                                             \
    X(REQUEST_POST, "/cam", ACCESS_CAM, PROBLEM_DETAILS, handle_cam_check,    \
      handle_cam)                                                             \
    X(REQUEST_POST, "/activations", ACCESS_CAM, PROBLEM_DETAILS,              \
      handle_activations_check, handle_activations)                           \
    X(REQUEST_POST, "/ascend", ACCESS_CAM, PROBLEM_DETAILS,                   \
      handle_ascend_check, handle_ascend)                                     \
    X(REQUEST_GET, "/filters", ACCESS_CAM, PROBLEM_DETAILS,                   \
      handle_filters_check, handle_filters)                                   \
    X(REQUEST_GET, "/exemplars", ACCESS_CAM, PROBLEM_DETAILS,                 \
      handle_exemplars_check, handle_exemplars)                               \
    X(REQUEST_GET, "/film", ACCESS_CAM, PROBLEM_DETAILS, handle_film_check,   \
      handle_film)                                                            \
    X(REQUEST_GET, "/v1/models", ACCESS_CAM, PROBLEM_ERROR, NULL,             \
      handle_kserve_models)                                                   \
    X(REQUEST_GET, "/v1/models/{model}", ACCESS_CAM, PROBLEM_ERROR, NULL,     \
      handle_kserve_model_ready)                                              \
    X(REQUEST_POST, "/v1/models/{model}:predict", ACCESS_CAM, PROBLEM_ERROR,  \
      handle_kserve_v1_check, handle_kserve_predict)                          \
    X(REQUEST_POST, "/v1/models/{model}:explain", ACCESS_CAM, PROBLEM_ERROR,  \
      handle_kserve_v1_check, handle_kserve_explain)                          \
    X(REQUEST_GET, "/v2", ACCESS_OPEN, PROBLEM_ERROR, NULL,                   \
      handle_kserve_server)                                                   \
    X(REQUEST_GET, "/v2/health/live", ACCESS_OPEN, PROBLEM_ERROR, NULL,       \
      handle_kserve_live)                                                     \
    X(REQUEST_GET, "/v2/health/ready", ACCESS_OPEN, PROBLEM_ERROR, NULL,      \
      handle_kserve_ready)                                                    \
    X(REQUEST_GET, "/v2/models", ACCESS_CAM, PROBLEM_ERROR, NULL,             \
      handle_kserve_models)                                                   \
    X(REQUEST_GET, "/v2/models/{model}", ACCESS_CAM, PROBLEM_ERROR, NULL,     \
      handle_kserve_model)                                                    \
    X(REQUEST_GET, "/v2/models/{model}/ready", ACCESS_CAM, PROBLEM_ERROR,     \
      NULL, handle_kserve_model_ready)                                        \
    X(REQUEST_POST, "/v2/models/{model}/infer", ACCESS_CAM, PROBLEM_ERROR,    \
      handle_kserve_v2_check, handle_kserve_infer)                            \
    X(REQUEST_POST, "/hf/image-classification", ACCESS_CAM, PROBLEM_ERROR,    \
      handle_huggingface_check, handle_image_classification)                  \
    X(REQUEST_POST, "/hf/object-detection", ACCESS_CAM, PROBLEM_ERROR,        \
      handle_huggingface_check, handle_object_detection)                      \
    X(REQUEST_POST, "/hf/image-segmentation", ACCESS_CAM, PROBLEM_ERROR,      \
      handle_huggingface_check, handle_image_segmentation)                    \
    X(REQUEST_GET, "/model", ACCESS_CAM, PROBLEM_DETAILS, handle_model_check, \
      handle_model)                                                           \
    X(REQUEST_GET, "/model/layers", ACCESS_CAM, PROBLEM_DETAILS,              \
      handle_model_check, handle_model_layers)                                \
    X(REQUEST_GET, "/models", ACCESS_CAM, PROBLEM_DETAILS, NULL,              \
      handle_models)                                                          \
    X(REQUEST_GET, "/methods", ACCESS_CAM, PROBLEM_DETAILS,                   \
      handle_model_check, handle_methods)                                     \
    X(REQUEST_GET, "/healthz", ACCESS_OPEN, PROBLEM_DETAILS, NULL,            \
      handle_healthz)                                                         \
    X(REQUEST_GET, "/readyz", ACCESS_OPEN, PROBLEM_DETAILS, NULL,             \
      handle_readyz)                                                          \
    X(REQUEST_GET, "/metrics", ACCESS_METRICS, PROBLEM_DETAILS, NULL,         \
      handle_metrics)

static const struct route routes[] = {
#define X(method, path, access, shape, check, handle) \
    {method, path, shape, access, check, handle},
    ROUTES(X)
#undef X
#define X(symbol, path, file, type, cache) \
    {REQUEST_GET, path, PROBLEM_DETAILS, ACCESS_OPEN, NULL, handle_asset},
        ASSETS(X)
#undef X
};

enum { NUM_ROUTES = sizeof routes / sizeof routes[0] };

static const char *const names[NUM_ROUTES + 1] = {
#define X(method, path, access, shape, check, handle) path,
    ROUTES(X)
#undef X
#define X(symbol, path, file, type, cache) path,
        ASSETS(X)
#undef X
            "other",
};

_Static_assert(NUM_ROUTES + 1 <= METRICS_MAX_ROUTES,
               "each route is counted by itself");

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

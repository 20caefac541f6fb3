#include "server/api/route.h"

#include <stdio.h>
#include <string.h>

#include "server/api/asset.h"
#include "server/api/handle.h"

/* X(method, path, access, check, handle) */
#define ROUTES(X)                                                          \
    X(REQUEST_POST, "/cam", ACCESS_CAM, handle_cam_check, handle_cam)      \
    X(REQUEST_GET, "/model", ACCESS_CAM, handle_model_check, handle_model) \
    X(REQUEST_GET, "/models", ACCESS_CAM, NULL, handle_models)             \
    X(REQUEST_GET, "/healthz", ACCESS_OPEN, NULL, handle_healthz)          \
    X(REQUEST_GET, "/readyz", ACCESS_OPEN, NULL, handle_readyz)            \
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

enum route_result route_find(const struct route **route,
                             enum request_method method, const char *path)
{
    *route = NULL;
    if (method == REQUEST_HEAD)
        method = REQUEST_GET;
    for (size_t i = 0; i < NUM_ROUTES; i++) {
        if (strcmp(routes[i].path, path) != 0)
            continue;
        *route = &routes[i];
        if (routes[i].method == method)
            return ROUTE_FOUND;
    }
    return *route ? ROUTE_NO_METHOD : ROUTE_NO_PATH;
}

void route_allow(char *allow, size_t size, const char *path)
{
    bool get = false, post = false;

    for (size_t i = 0; i < NUM_ROUTES; i++)
        if (strcmp(path, "*") == 0 || strcmp(routes[i].path, path) == 0) {
            get = get || routes[i].method == REQUEST_GET;
            post = post || routes[i].method == REQUEST_POST;
        }
    snprintf(allow, size, "%s%sOPTIONS", get ? "GET, HEAD, " : "",
             post ? "POST, " : "");
}

size_t route_number(const struct route *route)
{
    return route ? (size_t)(route - routes) : NUM_ROUTES;
}

size_t route_names(const char *const **list)
{
    *list = names;
    return NUM_ROUTES + 1;
}

const struct route *route_at(size_t i)
{
    return i < NUM_ROUTES ? &routes[i] : NULL;
}

const char *route_method_name(const struct route *route)
{
    return route->method == REQUEST_POST ? "POST" : "GET";
}

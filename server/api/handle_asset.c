#include "server/api/handle.h"

#include <string.h>

#include "server/api/asset.h"
#include "server/http/accept.h"
#include "server/http/request.h"

/* What a browser allows the page: scripts and styles from our files but not
 * inline, images that the page creates or fetches from a URL dropped on it, and
 * the webcam. No other page may frame it, and it sends no referrer. */
static const struct {
    const char *name, *value;
} headers[] = {
    {"Content-Security-Policy",
     "default-src 'none'; script-src 'self'; style-src 'self'; "
     "img-src 'self' blob: data:; connect-src 'self' data: http: https:; "
     "media-src blob:; "
     "form-action 'none'; base-uri 'none'; frame-ancestors 'none'"},
    {"Referrer-Policy", "no-referrer"},
    {"Permissions-Policy",
     "camera=(self), microphone=(), geolocation=(), payment=(), usb=(), "
     "serial=(), display-capture=()"},
    {"Cross-Origin-Opener-Policy", "same-origin"},
    {"Cross-Origin-Resource-Policy", "same-origin"},
};

/* Whether a client of KServe's version 1 asks whether the server lives, which
 * it does where the page is. */
static bool wants_life(const struct request *request)
{
    static const char *const types[] = {"text/html", "application/json"};

    return accept_best(request->accept, types, 2) == 1;
}

static bool send_life(struct response *response, struct error *err)
{
    response->status = 200;
    response->content_type = "application/json";
    response_header(response, "Cache-Control", "no-cache");
    return buf_printf(&response->body, err, "{\"status\": \"alive\"}\n");
}

bool handle_asset(struct service *service, struct request *request)
{
    const struct asset *asset = asset_find(request->path);
    struct response *response = &request->response;

    (void)service;
    if (strcmp(request->path, "/") == 0) {
        response_header(response, "Vary", "Accept");
        if (wants_life(request))
            return send_life(response, &request->err) ||
                   request_fail(request, PROBLEM_MEMORY,
                                "not enough memory for the response");
    }
    if (!asset)
        return request_fail(request, PROBLEM_INTERNAL,
                            "the file is not embedded");
    response_header(response, "ETag", "%s", asset->etag);
    response_header(response, "Cache-Control", "%s", asset->cache_control);
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++)
        response_header(response, headers[i].name, "%s", headers[i].value);
    if (asset_matches(asset, request->if_none_match)) {
        response->status = 304;
        return true;
    }
    response->status = 200;
    response->content_type = asset->content_type;
    response->constant = asset->bytes;
    response->constant_len = asset->len;
    return true;
}

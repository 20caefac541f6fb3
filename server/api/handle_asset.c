#include "server/api/handle.h"

#include "server/api/asset.h"
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

bool handle_asset(struct service *service, struct request *request)
{
    const struct asset *asset = asset_find(request->path);
    struct response *response = &request->response;

    (void)service;
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

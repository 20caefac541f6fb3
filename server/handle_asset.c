#include "handle.h"

#include "asset.h"
#include "request.h"

/* Scripts, styles and pictures of our own, pictures the page makes itself, and
 * no page that frames ours. */
#define CSP                                            \
    "default-src 'self'; img-src 'self' blob: data:; " \
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

bool handle_asset(struct service *service, struct request *request)
{
    const struct asset *asset = asset_find(request->path);
    struct reply *reply = &request->reply;

    (void)service;
    if (!asset)
        return request_fail(request, PROBLEM_INTERNAL, "the file is missing");
    reply_header(reply, "ETag", "%s", asset->etag);
    reply_header(reply, "Cache-Control", "%s", asset->cache_control);
    reply_header(reply, "Content-Security-Policy", "%s", CSP);
    if (asset_matches(asset, request->if_none_match)) {
        reply->status = 304;
        return true;
    }
    reply->status = 200;
    reply->content_type = asset->content_type;
    reply->constant = asset->bytes;
    reply->constant_len = asset->len;
    return true;
}

#include "server/api/handle.h"

#include <string.h>

#include "server/http/request.h"
#include "server/work/service.h"

static bool respond_with(struct request *request, const char *text)
{
    struct response *response = &request->response;

    response->status = 200;
    response->content_type = "text/plain; charset=utf-8";
    response->constant = (const uint8_t *)text;
    response->constant_len = strlen(text);
    response_header(response, "Cache-Control", "no-store");
    return true;
}

bool handle_healthz(struct service *service, struct request *request)
{
    (void)service;
    return respond_with(request, "ok\n");
}

bool handle_readyz(struct service *service, struct request *request)
{
    if (service_is_draining(service))
        return request_fail(request, PROBLEM_DRAINING,
                            "the service is shutting down");
    return respond_with(request, "ready\n");
}

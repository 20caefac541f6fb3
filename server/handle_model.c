#include "handle.h"

#include "request.h"
#include "service.h"

bool handle_model(struct service *service, struct request *request)
{
    reply_header(&request->reply, "Cache-Control", "no-cache");
    return reply_model(&request->reply, service->engine, service->config,
                       &request->err);
}

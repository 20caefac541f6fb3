#include "server/api/handle.h"

#include <stdint.h>

#include "engine/base/digits.h"
#include "server/api/film_json.h"
#include "server/http/request.h"
#include "server/work/service.h"

/* The frame that is asked for; NULL without a failure: the list. */
static const struct film_frame *find_frame(const struct film *film,
                                           struct request *request)
{
    const char *number = params_find(&request->params, "frame");
    uint64_t at;

    if (!number)
        return NULL;
    if (digits_parse(&at, number) && at < film->count)
        return &film->frames[at];
    fail(&request->err, ERROR_INPUT,
         "option \"frame\": \"%.20s\" is not a number from 0 to %zu", number,
         film->count - 1);
    return NULL;
}

bool handle_film_check(struct service *service, struct request *request)
{
    if (service->film.count == 0)
        return request_fail(request, PROBLEM_NOT_FOUND,
                            "the service offers no film");
    find_frame(&service->film, request);
    return request->err.kind == ERROR_NONE;
}

bool handle_film(struct service *service, struct request *request)
{
    const struct film_frame *frame = find_frame(&service->film, request);
    struct response *response = &request->response;

    response_header(response, "Cache-Control", "no-cache");
    if (!frame)
        return film_json_write(response, &service->film, &request->err);
    response->status = 200;
    response->content_type = frame->content_type;
    response->constant = frame->bytes.data;
    response->constant_len = frame->bytes.len;
    return true;
}

#include "server/api/admit.h"

#include "server/http/request.h"
#include "server/work/model.h"
#include "server/work/service.h"

bool admit_work(const struct service *service, struct request *request)
{
    return !service_is_abandoned(service) ||
           request_fail(request, PROBLEM_DRAINING,
                        "the service is shutting down");
}

static bool fail_forbidden(const struct service *service,
                           struct request *request,
                           const struct explain_method *method)
{
    char names[ALLOWED_TEXT_SIZE];

    allowed_list(names, &service->allowed);
    return request_fail(request, PROBLEM_FORBIDDEN,
                        "option \"method\": %s is not allowed on this server; "
                        "the methods are %s",
                        explain_method_name(method), names);
}

static bool check_passes(struct admitted *admitted,
                         const struct service *service, struct request *request,
                         const struct model *model,
                         const struct explain_request *asked)
{
    uint64_t max = service->config->max_passes;

    if (!engine_passes(model->engine, &admitted->passes, asked, &request->err))
        return false;
    if (admitted->passes <= max)
        return true;
    request->limit = max;
    return request_fail(request, PROBLEM_LIMIT,
                        "the method %s would take %zu passes of the network; "
                        "at most %ju are allowed",
                        explain_method_name(admitted->method), admitted->passes,
                        (uintmax_t)max);
}

bool admit_check(struct admitted *admitted, struct explain_request *asked,
                 const struct service *service, struct request *request,
                 const struct model *model)
{
    const char *refusal;

    if (asked->method && !allowed_has(&service->allowed, asked->method))
        return fail_forbidden(service, request, asked->method);
    if (!model)
        return true;
    admitted->method = engine_choose(model->engine, &refusal, asked);
    if (admitted->method && refusal)
        return request_fail(request, PROBLEM_REFUSED, "%s: %s",
                            explain_method_name(admitted->method), refusal);
    if (admitted->method && !allowed_has(&service->allowed, admitted->method)) {
        admitted->method =
            allowed_choose(&service->allowed, model->engine, asked);
        if (!admitted->method)
            return request_fail(request, PROBLEM_REFUSED,
                                "none of the methods that are allowed on this "
                                "server is defined for the model %s",
                                model->info.name);
    }
    return check_passes(admitted, service, request, model, asked);
}

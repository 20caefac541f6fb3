#include "server/api/handle.h"

#include "server/api/admit.h"
#include "server/api/filters_job.h"
#include "server/api/filters_options.h"
#include "server/http/accept.h"
#include "server/http/request.h"
#include "server/work/service.h"

/* The format that the client likes best, or FILTERS_NUM_FORMATS. */
static enum filters_format format_of(const struct request *request)
{
    static const char *const formats[] = {
#define X(format, type) [format] = type,
        FILTERS_FORMATS(X)
#undef X
    };

    return (enum filters_format)accept_best(request->accept, formats,
                                            FILTERS_NUM_FORMATS);
}

/* Reads what is asked; the caller gets a reference to the model. */
static struct model *read_options(struct engine_filters_request *asked,
                                  struct service *service,
                                  struct request *request)
{
    struct model *model =
        models_find(&service->models, params_find(&request->params, "model"),
                    &request->err);

    if (!model ||
        filters_options_parse(asked, &request->params, model->engine,
                              format_of(request) == FILTERS_PNG, &request->err))
        return model;
    model_release(model);
    return NULL;
}

bool handle_filters_check(struct service *service, struct request *request)
{
    struct engine_filters_request asked;
    struct model *model;

    if (!admit_work(service, request))
        return false;
    if (format_of(request) == FILTERS_NUM_FORMATS)
        return request_fail(request, PROBLEM_NOT_ACCEPTABLE,
                            "the response can only be image/png or "
                            "application/json");
    model = read_options(&asked, service, request);
    model_release(model);
    return model != NULL;
}

bool handle_filters(struct service *service, struct request *request)
{
    struct engine_filters_request asked;
    struct model *model = read_options(&asked, service, request);
    struct filters_job *job;

    if (!model)
        return false;
    job = filters_job_new();
    if (job) {
        cam_job_take(&job->cam, service, request, model, 1);
        job->request = asked;
        job->format = format_of(request);
    }
    model_release(model);
    return job || request_fail(request, PROBLEM_MEMORY,
                               "not enough memory for the request");
}

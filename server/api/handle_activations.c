#include "server/api/handle.h"

#include "server/api/activations_job.h"
#include "server/api/activations_options.h"
#include "server/api/admit.h"
#include "server/api/posted_image.h"
#include "server/http/accept.h"
#include "server/http/request.h"
#include "server/work/service.h"

/* The format that the client likes best, or ACTIVATIONS_NUM_FORMATS. */
static enum activations_format format_of(const struct request *request)
{
    static const char *const formats[] = {
#define X(format, type) [format] = type,
        ACTIVATIONS_FORMATS(X)
#undef X
    };

    return (enum activations_format)accept_best(request->accept, formats,
                                                ACTIVATIONS_NUM_FORMATS);
}

static bool check_accept(struct request *request)
{
    return format_of(request) != ACTIVATIONS_NUM_FORMATS ||
           request_fail(request, PROBLEM_NOT_ACCEPTABLE,
                        "the response can only be application/json or "
                        "image/png");
}

/* Checks the options given so far. The model is NULL if a form field may still
 * name it. */
static bool check_options(struct engine_activations_request *asked,
                          struct request *request, const struct model *model,
                          bool is_whole)
{
    if (activations_options_parse(
            asked, &request->params, model ? model->engine : NULL,
            format_of(request) == ACTIVATIONS_PNG, is_whole, &request->err))
        return true;
    if (request->err.kind == ERROR_UNSUPPORTED)
        request->problem = PROBLEM_REFUSED;
    return false;
}

bool handle_activations_check(struct service *service, struct request *request)
{
    struct engine_activations_request asked;
    struct model *model;
    bool ok;

    if (!admit_work(service, request) || !check_accept(request) ||
        !posted_image_check_head(request) ||
        !posted_image_find_model(&model, service, request))
        return false;
    ok = check_options(&asked, request, model, !posted_image_is_form(request));
    model_release(model);
    return ok;
}

static bool make_job(struct service *service, struct request *request,
                     const struct engine_activations_request *asked,
                     struct model *model)
{
    struct activations_job *job = activations_job_new();

    if (!job)
        return request_fail(request, PROBLEM_MEMORY,
                            "not enough memory for the request");
    cam_job_take(&job->cam, service, request, model, 1);
    job->request = *asked;
    job->format = format_of(request);
    return true;
}

bool handle_activations(struct service *service, struct request *request)
{
    struct model *model =
        models_find(&service->models, params_find(&request->params, "model"),
                    &request->err);
    struct engine_activations_request asked;
    bool ok = model && check_options(&asked, request, model, true) &&
              posted_image_check(request) &&
              make_job(service, request, &asked, model);

    model_release(model);
    return ok;
}

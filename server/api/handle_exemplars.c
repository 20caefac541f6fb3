#include "server/api/handle.h"

#include <string.h>

#include "server/api/admit.h"
#include "server/api/exemplars_job.h"
#include "server/api/exemplars_json.h"
#include "server/api/exemplars_options.h"
#include "server/http/accept.h"
#include "server/http/request.h"
#include "server/work/service.h"

/* What a response can be; of equally acceptable types the first one. */
enum format { JSON, PNG, NUM_FORMATS };

/* Only a channel has a sheet. */
static enum format format_of(const struct request *request, bool is_one)
{
    static const char *const formats[] = {"application/json", "image/png"};
    size_t count = is_one ? NUM_FORMATS : PNG;
    size_t best = accept_best(request->accept, formats, count);

    return best < count ? (enum format)best : NUM_FORMATS;
}

/* Reads what is asked; the caller gets a reference to the model. */
static struct model *read_options(struct exemplars_request *asked,
                                  struct service *service,
                                  struct request *request)
{
    struct model *model =
        models_find(&service->models, params_find(&request->params, "model"),
                    &request->err);

    if (!model || exemplars_options_parse(asked, &request->params,
                                          model->engine, &request->err))
        return model;
    model_release(model);
    return NULL;
}

bool handle_exemplars_check(struct service *service, struct request *request)
{
    struct exemplars_request asked;
    struct model *model;

    if (!admit_work(service, request))
        return false;
    model = read_options(&asked, service, request);
    if (!model)
        return false;
    model_release(model);
    return format_of(request, asked.is_one) != NUM_FORMATS ||
           request_fail(request, PROBLEM_NOT_ACCEPTABLE,
                        asked.is_one
                            ? "the response can only be application/json or "
                              "image/png"
                            : "the response can only be application/json; a "
                              "layer's channel has a sheet as image/png");
}

/* Whether there is anything of the model. */
static bool has_any(const struct exemplars_set *set, const struct model *model)
{
    for (size_t i = 0; set && i < set->count; i++)
        if (strcmp(set->list[i].model, model->info.name) == 0)
            return true;
    return false;
}

/* Answers about one channel. */
static bool answer_one(struct service *service, struct request *request,
                       struct model *model, const struct exemplars_set *set,
                       const struct exemplars_request *asked)
{
    const struct layer *layer =
        &engine_layers(model->engine)->list[asked->layer];
    const struct exemplars_index *index =
        exemplars_find(set, model->info.name, layer->name);
    const struct exemplars_channel *channel =
        index ? exemplars_find_channel(index, (size_t)asked->channel) : NULL;
    struct exemplars_job *job;

    if (!channel)
        return request_fail(
            request, PROBLEM_NOT_FOUND,
            "there are no exemplars of %s%.100s; GET /exemplars lists what "
            "there is",
            index ? "this channel of the layer " : "the layer ", layer->name);
    if (format_of(request, true) == JSON)
        return exemplars_json_write(&request->response, index, channel,
                                    &request->err);
    job = exemplars_job_new(index, channel->index);
    if (!job)
        return request_fail(request, PROBLEM_MEMORY,
                            "not enough memory for the request");
    cam_job_take(&job->cam, service, request, model, 1);
    return true;
}

bool handle_exemplars(struct service *service, struct request *request)
{
    struct exemplars_request asked;
    struct model *model = read_options(&asked, service, request);
    struct exemplars_set *set;
    bool ok;

    if (!model)
        return false;
    set = exemplars_get(&service->exemplars);
    response_header(&request->response, "Cache-Control", "no-cache");
    if (!has_any(set, model))
        ok = request_fail(request, PROBLEM_NOT_FOUND,
                          "the service has no exemplars of the model %.100s",
                          model->info.name);
    else if (asked.is_one)
        ok = answer_one(service, request, model, set, &asked);
    else
        ok = exemplars_json_list(&request->response, set, model->info.name,
                                 &request->err);
    exemplars_release(set);
    model_release(model);
    return ok;
}

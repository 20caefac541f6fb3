#include "server/api/handle.h"

#include "server/api/methods_json.h"
#include "server/api/model_json.h"
#include "server/http/request.h"
#include "server/work/service.h"

bool handle_model_check(struct service *service, struct request *request)
{
    struct model *model =
        models_find(&service->models, params_find(&request->params, "model"),
                    &request->err);

    model_release(model);
    return model != NULL;
}

/* Answers about the model that the query names. */
static bool
answer(struct service *service, struct request *request,
       bool (*write)(struct response *response, const struct model *model,
                     const struct service *service, struct error *err))
{
    struct model *model =
        models_find(&service->models, params_find(&request->params, "model"),
                    &request->err);
    bool ok;

    if (!model)
        return false;
    response_header(&request->response, "Cache-Control", "no-cache");
    ok = write(&request->response, model, service, &request->err);
    model_release(model);
    return ok;
}

static bool write_model(struct response *response, const struct model *model,
                        const struct service *service, struct error *err)
{
    return model_json_write(response, model, service->config, err);
}

bool handle_model(struct service *service, struct request *request)
{
    return answer(service, request, write_model);
}

static bool write_layers(struct response *response, const struct model *model,
                         const struct service *service, struct error *err)
{
    (void)service;
    return model_json_layers(response, model, err);
}

bool handle_model_layers(struct service *service, struct request *request)
{
    return answer(service, request, write_layers);
}

static bool write_methods(struct response *response, const struct model *model,
                          const struct service *service, struct error *err)
{
    return methods_json_write(response, model, &service->allowed, err);
}

bool handle_methods(struct service *service, struct request *request)
{
    return answer(service, request, write_methods);
}

bool handle_models(struct service *service, struct request *request)
{
    struct model *models[CONFIG_MAX_LIST];
    size_t count = service->models.count;
    bool ok;

    for (size_t i = 0; i < count; i++)
        models[i] = models_get(&service->models, i);
    response_header(&request->response, "Cache-Control", "no-cache");
    ok = model_json_list(&request->response, models, count, service->film.count,
                         &request->err);
    for (size_t i = 0; i < count; i++)
        model_release(models[i]);
    return ok;
}

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

bool handle_model(struct service *service, struct request *request)
{
    struct model *model =
        models_find(&service->models, params_find(&request->params, "model"),
                    &request->err);
    bool ok;

    if (!model)
        return false;
    response_header(&request->response, "Cache-Control", "no-cache");
    ok = model_json_write(&request->response, model, service->config,
                          &request->err);
    model_release(model);
    return ok;
}

bool handle_model_layers(struct service *service, struct request *request)
{
    struct model *model =
        models_find(&service->models, params_find(&request->params, "model"),
                    &request->err);
    bool ok;

    if (!model)
        return false;
    response_header(&request->response, "Cache-Control", "no-cache");
    ok = model_json_layers(&request->response, model, &request->err);
    model_release(model);
    return ok;
}

bool handle_methods(struct service *service, struct request *request)
{
    struct model *model =
        models_find(&service->models, params_find(&request->params, "model"),
                    &request->err);
    bool ok;

    if (!model)
        return false;
    response_header(&request->response, "Cache-Control", "no-cache");
    ok = methods_json_write(&request->response, model, &service->allowed,
                            &request->err);
    model_release(model);
    return ok;
}

bool handle_models(struct service *service, struct request *request)
{
    struct model *models[CONFIG_MAX_LIST];
    size_t count = service->models.count;
    bool ok;

    for (size_t i = 0; i < count; i++)
        models[i] = models_get(&service->models, i);
    response_header(&request->response, "Cache-Control", "no-cache");
    ok = model_json_list(&request->response, models, count, &request->err);
    for (size_t i = 0; i < count; i++)
        model_release(models[i]);
    return ok;
}

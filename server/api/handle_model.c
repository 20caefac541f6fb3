#include "server/http/handle.h"

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
    reply_header(&request->reply, "Cache-Control", "no-cache");
    ok = reply_model(&request->reply, model, service->config, &request->err);
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
    reply_header(&request->reply, "Cache-Control", "no-cache");
    ok = reply_models(&request->reply, models, count, &request->err);
    for (size_t i = 0; i < count; i++)
        model_release(models[i]);
    return ok;
}

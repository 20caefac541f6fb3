#include "server/api/handle.h"

#include <string.h>

#include "server/api/admit.h"
#include "server/api/huggingface.h"
#include "server/api/json_body.h"
#include "server/http/accept.h"
#include "server/http/request.h"
#include "server/work/service.h"

static struct model *find_model(struct service *service,
                                struct request *request)
{
    return models_find(&service->models, params_find(&request->params, "model"),
                       &request->err);
}

static bool has_type(const struct request *request)
{
    return json_body_has_type(request) ||
           accept_type_is(request->content_type, "image/") ||
           accept_type_is(request->content_type, "application/octet-stream");
}

/* The options of the protocol are in the body. */
static bool check_query(struct request *request)
{
    const char *name, *value;

    for (size_t pos = 0; params_next(&request->params, &pos, &name, &value);)
        if (strcmp(name, "model") != 0)
            return request_fail(request, PROBLEM_INPUT,
                                "there is no option \"%.60s\" in the query; "
                                "there is \"model\"",
                                name);
    return true;
}

bool handle_huggingface_check(struct service *service, struct request *request)
{
    struct model *model;

    if (!has_type(request))
        return request_fail(request, PROBLEM_MEDIA_TYPE,
                            "the Content-Type \"%.60s\" is not supported: the "
                            "body must be an image or JSON",
                            request->content_type);
    if (!admit_work(service, request) || !check_query(request))
        return false;
    model = find_model(service, request);
    model_release(model);
    return model != NULL;
}

static bool answer(struct service *service, struct request *request,
                   enum huggingface_task task)
{
    struct model *model = find_model(service, request);
    bool ok = model && huggingface_answer(service, request, model, task);

    model_release(model);
    return ok;
}

bool handle_image_classification(struct service *service,
                                 struct request *request)
{
    return answer(service, request, HUGGINGFACE_CLASSIFICATION);
}

bool handle_object_detection(struct service *service, struct request *request)
{
    return answer(service, request, HUGGINGFACE_DETECTION);
}

bool handle_image_segmentation(struct service *service, struct request *request)
{
    return answer(service, request, HUGGINGFACE_SEGMENTATION);
}

#include "server/api/handle.h"

#include <jansson.h>
#include <string.h>

#include "server/api/admit.h"
#include "server/api/json_body.h"
#include "server/api/kserve_v1.h"
#include "server/api/kserve_v2.h"
#include "server/http/json.h"
#include "server/http/request.h"
#include "server/http/route.h"
#include "server/work/service.h"

enum { NAME_SIZE = 256 };

/* The model that the path names; the caller gets a reference. NULL: the failure
 * is in the request. */
static struct model *find_model(struct service *service,
                                struct request *request)
{
    char name[NAME_SIZE];
    struct model *model;

    route_name(name, sizeof name, request->route, request->path);
    model = models_find(&service->models, name, NULL);
    if (!model)
        request_fail(request, PROBLEM_NOT_FOUND,
                     "the model \"%.60s\" is not served", name);
    return model;
}

/* ---- before the body ---- */

static bool check(struct service *service, struct request *request,
                  bool has_type)
{
    struct model *model;

    if (!has_type)
        return request_fail(request, PROBLEM_MEDIA_TYPE,
                            "the Content-Type \"%.60s\" is not supported",
                            request->content_type);
    if (!admit_work(service, request))
        return false;
    model = find_model(service, request);
    model_release(model);
    return model != NULL;
}

bool handle_kserve_v1_check(struct service *service, struct request *request)
{
    return check(service, request, json_body_has_type(request));
}

bool handle_kserve_v2_check(struct service *service, struct request *request)
{
    return check(service, request, kserve_v2_has_type(request));
}

/* ---- the work ---- */

typedef bool answer_fn(struct service *service, struct request *request,
                       struct model *model, struct batch *batch);

static bool answer_v1(struct service *service, struct request *request,
                      answer_fn *answer)
{
    struct model *model = find_model(service, request);
    struct batch batch = {0};
    json_t *body =
        model ? json_body_read(request, request->image.data, request->image.len)
              : NULL;
    bool ok = body && kserve_v1_read(&batch, request, body);

    json_decref(body);
    ok = ok && answer(service, request, model, &batch);
    batch_job_release(&batch);
    model_release(model);
    return ok;
}

bool handle_kserve_predict(struct service *service, struct request *request)
{
    return answer_v1(service, request, kserve_v1_predict);
}

bool handle_kserve_explain(struct service *service, struct request *request)
{
    return answer_v1(service, request, kserve_v1_explain);
}

bool handle_kserve_infer(struct service *service, struct request *request)
{
    struct model *model = find_model(service, request);
    bool ok = model && kserve_v2_infer(service, request, model);

    model_release(model);
    return ok;
}

/* ---- what there is ---- */

/* Takes `root`. */
static bool send_json(struct request *request, json_t *root)
{
    bool ok = root && dump(&request->response, root, &request->err) &&
              buf_append(&request->response.body, "\n", 1, &request->err);

    json_decref(root);
    response_header(&request->response, "Cache-Control", "no-cache");
    return ok || request_fail(request, PROBLEM_MEMORY,
                              "not enough memory for the response");
}

static bool send_ready(struct service *service, struct request *request,
                       const char *name)
{
    if (!admit_work(service, request))
        return false;
    return send_json(
        request, name ? json_pack("{so sb}", "name", text(name), "ready", true)
                      : json_pack("{sb}", "ready", true));
}

bool handle_kserve_live(struct service *service, struct request *request)
{
    (void)service;
    return send_json(request, json_pack("{sb}", "live", true));
}

bool handle_kserve_ready(struct service *service, struct request *request)
{
    return send_ready(service, request, NULL);
}

bool handle_kserve_model_ready(struct service *service, struct request *request)
{
    struct model *model = find_model(service, request);
    bool ok = model && send_ready(service, request, model->info.name);

    model_release(model);
    return ok;
}

bool handle_kserve_models(struct service *service, struct request *request)
{
    json_t *names = json_array();
    bool ok = true;

    for (size_t i = 0; i < service->models.count; i++) {
        struct model *model = models_get(&service->models, i);

        ok = ok && json_array_append_new(names, text(model->info.name)) == 0;
        model_release(model);
    }
    if (ok)
        return send_json(request, json_pack("{so}", "models", names));
    json_decref(names);
    return send_json(request, NULL);
}

bool handle_kserve_server(struct service *service, struct request *request)
{
    (void)service;
    return send_json(request, kserve_v2_server());
}

bool handle_kserve_model(struct service *service, struct request *request)
{
    struct model *model = find_model(service, request);
    bool ok = model && send_json(request, kserve_v2_model(model));

    model_release(model);
    return ok;
}

#include "server/api/kserve_v1.h"

#include <string.h>

#include "server/api/cam_json.h"
#include "server/api/json_body.h"
#include "server/http/json.h"

/* ---- the request ---- */

/* An instance is {"image": {"b64": "..."}}, {"b64": "..."}, {"image": "..."}
 * or the text itself. The name of the tensor is the client's affair if it is
 * the only member. NULL: nothing of that kind. */
static const json_t *image_of(const json_t *instance)
{
    json_t *image = json_object_get(instance, "image");
    json_t *b64;

    if (!image && json_object_size(instance) == 1)
        image = json_object_iter_value(
            json_object_iter((json_t *)(uintptr_t)instance));
    b64 = json_object_get(image ? image : instance, "b64");
    return b64 ? b64 : image ? image : instance;
}

bool kserve_v1_read(struct batch *batch, struct request *request, json_t *body)
{
    static const char *const left_out[] = {NULL};
    const json_t *instances = json_object_get(body, "instances");

    if (!json_is_array(instances))
        return request_fail(request, PROBLEM_INPUT,
                            "\"instances\" must be an array of images: "
                            "{\"image\": {\"b64\": \"...\"}}");
    if (!json_body_options(request, json_object_get(body, "parameters"),
                           left_out) ||
        !batch_job_reserve(batch, request, json_array_size(instances)))
        return false;
    for (size_t i = 0; i < batch->count; i++)
        if (!batch_job_decode(&batch->images[i], request,
                              image_of(json_array_get(instances, i))))
            return false;
    return true;
}

/* ---- the response ---- */

static bool append_row(json_t *rows, json_t *row, struct error *err)
{
    return json_array_append_new(rows, row) == 0 ||
           fail(err, ERROR_MEMORY, "not enough memory for the response");
}

static json_t *error_of(const struct batch_row *row)
{
    return json_pack("{so}", "error", text(row->why->text));
}

static json_t *classes_of(const struct batch_row *row)
{
    return json_pack("{so}", "classes",
                     cam_json_classes(row->engine, row->found, row->request));
}

static bool add_prediction(void *state, const struct batch_row *row,
                           struct error *err)
{
    return append_row(state, row->found ? classes_of(row) : error_of(row), err);
}

static bool add_explanation(void *state, const struct batch_row *row,
                            struct error *err)
{
    const struct cam_json_source source = {0};

    return append_row(state,
                      row->found ? cam_json_object(row->engine, row->found,
                                                   row->request, &source)
                                 : error_of(row),
                      err);
}

static bool finish(json_t *rows, const char *name, struct response *response,
                   struct error *err)
{
    json_t *root = json_pack("{sO}", name, rows);
    bool ok = root && dump(response, root, err) &&
              buf_append(&response->body, "\n", 1, err);

    json_decref(root);
    return ok || fail(err, ERROR_MEMORY, "not enough memory for the response");
}

static bool finish_predictions(void *state, struct response *response,
                               const struct engine *engine, struct error *err)
{
    (void)engine;
    return finish(state, "predictions", response, err);
}

static bool finish_explanations(void *state, struct response *response,
                                const struct engine *engine, struct error *err)
{
    (void)engine;
    return finish(state, "explanations", response, err);
}

static void free_rows(void *state)
{
    json_decref(state);
}

/* Nobody sees a map: none is refined, and there is no box. */
static void settle_prediction(struct explain_request *asked, void *state)
{
    (void)state;
    asked->style.kind = RENDER_NONE;
    asked->only_heatmap = true;
}

static bool answer(struct service *service, struct request *request,
                   struct model *model, struct batch *batch,
                   void (*settle)(struct explain_request *asked, void *state),
                   const struct batch_writer *writer)
{
    json_t *rows = json_array();

    return batch_job_make(service, request, model, batch, settle, writer, rows);
}

bool kserve_v1_predict(struct service *service, struct request *request,
                       struct model *model, struct batch *batch)
{
    static const struct batch_writer writer = {add_prediction,
                                               finish_predictions, free_rows};

    return answer(service, request, model, batch, settle_prediction, &writer);
}

/* A heatmap is most of an explanation's bytes; it is there if it is asked for.
 */
static bool default_heatmap(struct request *request)
{
    static const char name[] = "heatmap", none[] = "none";

    return params_find(&request->params, name) ||
           (params_begin(&request->params, name, strlen(name), &request->err) &&
            params_extend(&request->params, none, strlen(none), &request->err));
}

bool kserve_v1_explain(struct service *service, struct request *request,
                       struct model *model, struct batch *batch)
{
    static const struct batch_writer writer = {add_explanation,
                                               finish_explanations, free_rows};

    return default_heatmap(request) &&
           answer(service, request, model, batch, NULL, &writer);
}

#include "server/api/ascend_json.h"

#include <math.h>
#include <stdio.h>

#include "server/api/parts_json.h"
#include "server/http/json.h"

/* The names of methods, in the order of the enumeration. */
static const char *const methods[] = {
#define X(method, name) [method] = name,
    PAINTING_METHODS(X)
#undef X
};

static const char data_url[] = "data:image/png;base64,";

static json_t *class_target(const struct engine *engine, size_t index)
{
    json_t *object = json_object();

    if (put(object, "class", json_integer((json_int_t)index)) &&
        put(object, "id", text(engine_class_id(engine, index))) &&
        put(object, "label", text(engine_class_label(engine, index))))
        return object;
    json_decref(object);
    return NULL;
}

static json_t *channel_target(const struct engine_ascend *found,
                              const struct ascend_target *target)
{
    json_t *object = json_object();
    json_t *cell = target->has_cell
                       ? json_pack("{sI sI}", "x", (json_int_t)target->cell_x,
                                   "y", (json_int_t)target->cell_y)
                       : json_null();

    if (put(object, "cell", cell) &&
        put(object, "layer", parts_json_layer(found->layer)) &&
        put(object, "channel", json_integer((json_int_t)target->channel)))
        return object;
    json_decref(object);
    return NULL;
}

/* What makes the same picture again. */
static json_t *parameters(const struct engine_ascend *found,
                          const struct engine_ascend_request *request)
{
    json_t *object = json_pack(
        "{sI sI sI sI so sI sI so}", "steps", (json_int_t)request->steps,
        "width", (json_int_t)found->width, "height", (json_int_t)found->height,
        "seed", (json_int_t)request->seed, "scale",
        real((double)request->scale), "shift", (json_int_t)request->shift,
        "turn", (json_int_t)request->turn, "rate", real(found->rate));

    if (!object || !found->photo ||
        put(object, "near", real((double)request->near)))
        return object;
    json_decref(object);
    return NULL;
}

bool ascend_json_write(struct response *response, const struct engine *engine,
                       const struct engine_ascend *found,
                       const struct engine_ascend_request *request,
                       bool has_picture, double queue_ms, struct error *err)
{
    const struct ascend_target *target = &request->target;
    json_t *root = json_object();
    struct engine_info info;
    bool ok;

    engine_info(engine, &info);
    ok = put(root, "model", text(info.name)) &&
         put(root, "image",
             found->photo ? parts_json_image(found->photo) : json_null()) &&
         put(root, "target",
             target->is_class ? class_target(engine, target->class_index)
                              : channel_target(found, target)) &&
         put(root, "method", json_string(methods[request->method])) &&
         put(root, "parameters", parameters(found, request)) &&
         put(root, "passes", json_integer((json_int_t)found->result.passes)) &&
         put(root, "start", real(found->result.start)) &&
         put(root, "value", real(found->result.end)) &&
         put(root, "timing_ms",
             json_pack("{sf sf}", "queue", round(queue_ms * 1000) / 1000,
                       "ascend", round(found->ms * 1000) / 1000));
    if (!ok)
        fail(err, ERROR_MEMORY, "not enough memory for the response");
    ok = ok && dump(response, root, err) &&
         (!has_picture || parts_json_splice(&response->body, "picture",
                                            data_url, &found->picture, err)) &&
         buf_append(&response->body, "\n", 1, err);
    json_decref(root);
    return ok;
}

bool ascend_json_step(struct buf *line, const struct engine_ascend_step *step,
                      struct error *err)
{
    char value[32] = "null";

    if (isfinite(step->value))
        snprintf(value, sizeof value, "%.9g", step->value);
    return buf_printf(line, err, "{\"step\":%zu,\"steps\":%zu,\"value\":%s}",
                      step->done, step->total, value) &&
           (!step->picture ||
            parts_json_splice(line, "picture", data_url, step->picture, err)) &&
           buf_append(line, "\n", 1, err);
}

#include "server/api/activations_json.h"

#include "server/api/parts_json.h"
#include "server/http/json.h"

static json_t *channel_object(const struct activations *found, size_t i,
                              enum explain_values values)
{
    const struct activation *channel = &found->list[i];
    const float *map = found->maps + i * found->height * found->width;
    json_t *object = json_object();

    if (put(object, "index", json_integer((json_int_t)channel->index)) &&
        put(object, "mean", real((double)channel->mean)) &&
        put(object, "min", real((double)channel->min)) &&
        put(object, "max", real((double)channel->max)) &&
        put(object, "above_zero", real((double)channel->above_zero)) &&
        parts_json_put_values(object, map, found->height, found->width, values))
        return object;
    json_decref(object);
    return NULL;
}

static json_t *channel_list(const struct activations *found,
                            enum explain_values values)
{
    json_t *list = json_array();

    for (size_t i = 0; i < found->count; i++)
        if (json_array_append_new(list, channel_object(found, i, values)) !=
            0) {
            json_decref(list);
            return NULL;
        }
    return list;
}

bool activations_json_write(struct response *response,
                            const struct engine *engine,
                            const struct engine_activations *found,
                            const struct engine_activations_request *request,
                            const char *file, double queue_ms,
                            struct error *err)
{
    json_t *root = json_object();
    struct engine_info info;
    bool ok;

    engine_info(engine, &info);
    ok = (!file || put(root, "file", text(file))) &&
         put(root, "model", text(info.name)) &&
         put(root, "image", parts_json_image(found->image)) &&
         put(root, "layer", parts_json_layer(found->layer)) &&
         put(root, "region", parts_json_region(&found->region)) &&
         put(root, "channels", channel_list(found->found, request->values)) &&
         put(root, "timing_ms", parts_json_timing(&found->timing, queue_ms));
    if (!ok)
        fail(err, ERROR_MEMORY, "not enough memory for the response");
    ok = ok && dump(response, root, err) &&
         buf_append(&response->body, "\n", 1, err);
    json_decref(root);
    return ok;
}

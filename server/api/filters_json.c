#include "server/api/filters_json.h"

#include "server/api/parts_json.h"
#include "server/http/json.h"

static json_t *pair(const size_t sides[2])
{
    return json_pack("{sI sI}", "height", (json_int_t)sides[0], "width",
                     (json_int_t)sides[1]);
}

static json_t *convolution_object(const struct filters *filters)
{
    return json_pack(
        "{so sI sI sI sI sI so so}", "name", text(filters->node), "filters",
        (json_int_t)filters->count, "inputs", (json_int_t)filters->channels,
        "height", (json_int_t)filters->height, "width",
        (json_int_t)filters->width, "groups", (json_int_t)filters->groups,
        "stride", pair(filters->stride), "dilation", pair(filters->dilation));
}

static json_t *norm_list(const struct filters *filters)
{
    json_t *list = json_array();

    for (size_t i = 0; i < filters->count; i++)
        if (json_array_append_new(list, real(filters->norms[i])) != 0) {
            json_decref(list);
            return NULL;
        }
    return list;
}

bool filters_json_write(struct response *response, const struct engine *engine,
                        const struct engine_filters *found,
                        const struct engine_filters_request *request,
                        struct error *err)
{
    const struct filters *filters = &found->filters;
    json_t *root = json_object();
    struct engine_info info;
    bool ok;

    engine_info(engine, &info);
    ok = put(root, "model", text(info.name)) &&
         put(root, "layer", parts_json_layer(found->layer)) &&
         put(root, "convolution", convolution_object(filters)) &&
         put(root, "folded", json_boolean(request->is_folded)) &&
         put(root, "dead", json_integer((json_int_t)filters->num_dead)) &&
         put(root, "near_duplicates",
             filters->is_compared ? json_integer((json_int_t)filters->num_same)
                                  : json_null()) &&
         put(root, "norms", norm_list(filters));
    if (!ok)
        fail(err, ERROR_MEMORY, "not enough memory for the response");
    ok = ok && dump(response, root, err) &&
         buf_append(&response->body, "\n", 1, err);
    json_decref(root);
    return ok;
}

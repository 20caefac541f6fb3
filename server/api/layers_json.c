#include "server/api/layers_json.h"

#include "server/http/json.h"

/* Null where cells see the whole image. */
static json_t *field_of(const struct layer *layer)
{
    return json_pack("{so so}", "width", real(layer->field_x), "height",
                     real(layer->field_y));
}

/* Null where it is not defined. */
static json_t *stride_of(const struct layer *layer)
{
    return json_pack("{so so}", "width",
                     layer->stride_x > 0 ? real(layer->stride_x) : json_null(),
                     "height",
                     layer->stride_y > 0 ? real(layer->stride_y) : json_null());
}

/* The layer's other names. */
static json_t *aliases_of(const struct layers *layers, size_t layer)
{
    json_t *names = json_array();

    for (size_t i = 0; i < layers->num_aliases; i++)
        if (layers->aliases[i].layer == layer &&
            json_array_append_new(names, text(layers->aliases[i].name)) != 0) {
            json_decref(names);
            return NULL;
        }
    return names;
}

static json_t *layer_json(const struct layers *layers, size_t i)
{
    const struct layer *layer = &layers->list[i];
    json_t *object = json_object();

    if (put(object, "name", text(layer->name)) &&
        put(object, "operation", text(layer->op)) &&
        put(object, "module",
            text(layer->module[0] == '\0' ? NULL : layer->module)) &&
        put(object, "default", json_boolean(i == layers->chosen)) &&
        put(object, "width", json_integer((json_int_t)layer->width)) &&
        put(object, "height", json_integer((json_int_t)layer->height)) &&
        put(object, "channels", json_integer((json_int_t)layer->channels)) &&
        put(object, "field", field_of(layer)) &&
        put(object, "stride", stride_of(layer)) &&
        put(object, "aliases", aliases_of(layers, i)))
        return object;
    json_decref(object);
    return NULL;
}

json_t *layers_json(const struct layers *layers)
{
    json_t *list = json_array();

    for (size_t i = 0; i < layers->count; i++)
        if (json_array_append_new(list, layer_json(layers, i)) != 0) {
            json_decref(list);
            return NULL;
        }
    return list;
}

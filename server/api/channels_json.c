#include "server/api/channels_json.h"

#include "server/api/parts_json.h"
#include "server/http/json.h"

static json_t *map_object(const struct explain_map *map,
                          enum explain_values values)
{
    json_t *object = json_pack(
        "{sI sI so so so}", "width", (json_int_t)map->width, "height",
        (json_int_t)map->height, "min", real((double)map->min), "max",
        real((double)map->max), "region", parts_json_region(&map->region));

    if (object && parts_json_put_values(object, map->values, map->height,
                                        map->width, values))
        return object;
    json_decref(object);
    return NULL;
}

/* null where the channel is 0 everywhere. */
static json_t *box_object(const struct explained_channel *channel)
{
    const struct box *box = &channel->box;

    if (!channel->has_box)
        return json_null();
    return json_pack("{sI sI sI sI}", "x", (json_int_t)box->x, "y",
                     (json_int_t)box->y, "width", (json_int_t)box->width,
                     "height", (json_int_t)box->height);
}

static json_t *entry_object(const struct channel *channel,
                            const struct explained_channel *shown,
                            enum explain_values values)
{
    return json_pack(
        "{sI so so so so so}", "channel", (json_int_t)channel->index, "weight",
        real(channel->weight), "activation", real(channel->activation),
        "contribution", real(channel->contribution), "map",
        map_object(&shown->map, values), "box", box_object(shown));
}

json_t *channels_json(const struct explained_channels *channels,
                      enum explain_values values)
{
    const struct channels *found = &channels->found;
    json_t *list = json_array();

    for (size_t i = 0; i < found->count; i++)
        if (json_array_append_new(list, entry_object(&found->list[i],
                                                     &channels->list[i],
                                                     values)) != 0) {
            json_decref(list);
            return NULL;
        }
    return json_pack(
        "{sI so so so s{so so so}}", "total", (json_int_t)found->total, "bias",
        real(found->bias), "list", list, "rest", real(found->rest), "check",
        "expected", real(found->expected), "found", real(found->found),
        "difference", real(found->found - found->expected));
}

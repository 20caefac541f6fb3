#include "server/api/exemplars_json.h"

#include <stdio.h>
#include <string.h>

#include "server/http/json.h"

/* Takes an object that may be NULL; frees it unless all is well. */
static json_t *finish(json_t *object, bool ok)
{
    if (ok)
        return object;
    json_decref(object);
    return NULL;
}

static json_t *size_object(uint64_t width, uint64_t height)
{
    return json_pack("{sI sI}", "width", (json_int_t)width, "height",
                     (json_int_t)height);
}

static json_t *layer_object(const struct exemplars_index *index)
{
    return json_pack("{so sI sI sI}", "name", text(index->layer), "channels",
                     (json_int_t)index->layer_channels, "height",
                     (json_int_t)index->layer_height, "width",
                     (json_int_t)index->layer_width);
}

static json_t *exemplar_object(const struct exemplar *exemplar)
{
    const struct crop *crop = &exemplar->crop;

    return json_pack(
        "{so so s{sI sI} s{sI sI sI sI} so}", "file", text(exemplar->file),
        "value", real((double)exemplar->value), "cell", "x",
        (json_int_t)exemplar->x, "y", (json_int_t)exemplar->y, "crop", "x",
        (json_int_t)crop->x, "y", (json_int_t)crop->y, "width",
        (json_int_t)crop->width, "height", (json_int_t)crop->height, "photo",
        size_object(exemplar->width, exemplar->height));
}

static json_t *exemplar_list(const struct exemplars_channel *channel)
{
    json_t *list = json_array();
    bool ok = list != NULL;

    for (size_t i = 0; ok && i < channel->count; i++)
        ok = json_array_append_new(list, exemplar_object(&channel->list[i])) ==
             0;
    return finish(list, ok);
}

json_t *exemplars_json_channel(const struct exemplars_channel *channel)
{
    return json_pack("{sI so}", "channel", (json_int_t)channel->index,
                     "exemplars", exemplar_list(channel));
}

json_t *exemplars_json_head(const struct exemplars_index *index)
{
    json_t *root = json_object();
    char checksum[16];
    bool ok;

    snprintf(checksum, sizeof checksum, "%08x", index->checksum);
    ok = put(root, "version", json_integer(EXEMPLARS_VERSION)) &&
         put(root, "model", text(index->model)) &&
         put(root, "checksum", json_string(checksum)) &&
         put(root, "input",
             size_object(index->input_width, index->input_height)) &&
         put(root, "layer", layer_object(index));
    return finish(root, ok);
}

/* ---- answers ---- */

static json_t *channel_numbers(const struct exemplars_index *index)
{
    json_t *list = json_array();
    bool ok = list != NULL;

    for (size_t i = 0; ok && i < index->num_channels; i++)
        ok = json_array_append_new(
                 list, json_integer((json_int_t)index->channels[i].index)) == 0;
    return finish(list, ok);
}

static json_t *layer_list(const struct exemplars_set *set, const char *model)
{
    json_t *list = json_array();
    bool ok = list != NULL;

    for (size_t i = 0; ok && i < set->count; i++)
        if (strcmp(set->list[i].model, model) == 0)
            ok = json_array_append_new(
                     list, json_pack("{so so}", "layer",
                                     text(set->list[i].layer), "channels",
                                     channel_numbers(&set->list[i]))) == 0;
    return finish(list, ok);
}

/* Takes the root, and fails if it is not complete. */
static bool answer(struct response *response, json_t *root, bool ok,
                   struct error *err)
{
    if (!ok)
        fail(err, ERROR_MEMORY, "not enough memory for the response");
    ok = ok && dump(response, root, err) &&
         buf_append(&response->body, "\n", 1, err);
    json_decref(root);
    return ok;
}

bool exemplars_json_list(struct response *response,
                         const struct exemplars_set *set, const char *model,
                         struct error *err)
{
    json_t *root = json_object();

    return answer(response, root,
                  put(root, "model", text(model)) &&
                      put(root, "layers", layer_list(set, model)),
                  err);
}

bool exemplars_json_write(struct response *response,
                          const struct exemplars_index *index,
                          const struct exemplars_channel *channel,
                          struct error *err)
{
    json_t *root = json_object();

    return answer(
        response, root,
        put(root, "model", text(index->model)) &&
            put(root, "layer", layer_object(index)) &&
            put(root, "channel", json_integer((json_int_t)channel->index)) &&
            put(root, "exemplars", exemplar_list(channel)),
        err);
}

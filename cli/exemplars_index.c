#include "cli/exemplars_index.h"

#include <string.h>

#include "engine/base/crc.h"
#include "engine/engine_exemplars.h"
#include "server/api/exemplars_json.h"
#include "server/http/json.h"

/* Appends JSON, and takes it; NULL is a failure. */
static bool print(struct buf *out, json_t *value, struct error *err)
{
    bool ok = value && json_dump_callback(value, append, out, DUMP_FLAGS) == 0;

    json_decref(value);
    return ok || fail(err, ERROR_MEMORY, "not enough memory for the index");
}

static bool describe(struct exemplars_index *index, const struct engine *engine,
                     size_t layer_index, struct error *err)
{
    const struct layer *layer = &engine_layers(engine)->list[layer_index];
    struct engine_info info;
    struct crc crc;

    engine_info(engine, &info);
    crc_init(&crc);
    *index = (struct exemplars_index){
        .model = info.name,
        .input_width = info.input_width,
        .input_height = info.input_height,
        .layer = layer->name,
        .layer_channels = layer->channels,
        .layer_height = layer->height,
        .layer_width = layer->width,
    };
    return crc_file(&index->checksum, &crc, info.file, err) ||
           error_prefix(err, "the model's file");
}

bool exemplars_index_head(struct buf *out, const struct engine *engine,
                          size_t layer, const struct exemplify *found,
                          struct error *err)
{
    struct exemplars_index index;
    json_t *head;

    if (!describe(&index, engine, layer, err))
        return false;
    head = exemplars_json_head(&index);
    if (head &&
        (!put(head, "top", json_integer((json_int_t)found->winners.top)) ||
         !put(head, "photos", json_integer((json_int_t)found->num_photos)) ||
         !put(head, "failed", json_integer((json_int_t)found->num_failed)))) {
        json_decref(head);
        head = NULL;
    }
    if (!print(out, head, err))
        return false;
    out->len--; /* the brace */
    return true;
}

static struct exemplar describe_winner(const struct winner *winner,
                                       const struct engine *engine,
                                       size_t layer)
{
    const struct crop_frame *frame = &winner->photo->frame;
    struct exemplar exemplar = {
        .file = winner->photo->file,
        .width = frame->width,
        .height = frame->height,
        .value = winner->peak.value,
        .x = winner->peak.x,
        .y = winner->peak.y,
    };

    engine_exemplars_crop(&exemplar.crop, engine, layer, frame, exemplar.x,
                          exemplar.y);
    return exemplar;
}

bool exemplars_index_channels(struct buf *out, const struct engine *engine,
                              size_t layer, const struct exemplify *found,
                              struct error *err)
{
    const struct winners *winners = &found->winners;
    struct exemplar list[WINNERS_MAX_TOP];

    if (!buf_printf(out, err, ",\"channels\":["))
        return false;
    for (size_t i = 0; i < winners->num_channels; i++) {
        const struct winner *best = winners_list(winners, i);
        const struct exemplars_channel channel = {
            .index = winners->channels[i],
            .list = list,
            .count = winners->counts[i],
        };

        for (size_t k = 0; k < channel.count; k++)
            list[k] = describe_winner(&best[k], engine, layer);
        if (!buf_printf(out, err, i > 0 ? ",\n" : "\n") ||
            !print(out, exemplars_json_channel(&channel), err))
            return false;
    }
    return buf_printf(out, err, "\n]}\n") &&
           (out->len <= EXEMPLARS_MAX_INDEX_BYTES ||
            error_limit(err, EXEMPLARS_MAX_INDEX_BYTES,
                        "the index would have %zu bytes; the service reads %d "
                        "at most: choose fewer channels or a smaller --top",
                        out->len, EXEMPLARS_MAX_INDEX_BYTES));
}

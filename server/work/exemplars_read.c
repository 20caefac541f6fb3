#include "server/work/exemplars_read.h"

#include <jansson.h>
#include <math.h>
#include <string.h>

enum { MAX_SIDE = 1 << 20, MAX_CHANNELS = 1 << 20 };

/* How deep JSON may be nested is bounded by the library. */
static json_t *parse(const uint8_t *bytes, size_t len, struct error *err)
{
    json_error_t why;
    json_t *root =
        json_loadb((const char *)bytes, len, JSON_REJECT_DUPLICATES, &why);

    if (!root)
        fail(err, ERROR_INPUT, "it is not JSON: line %d: %.100s", why.line,
             why.text);
    return root;
}

static bool fail_member(struct error *err, const json_error_t *why)
{
    return fail(err, ERROR_INPUT, "%.150s", why->text);
}

static bool is_within(json_int_t value, json_int_t min, json_int_t max)
{
    return value >= min && value <= max;
}

/* Eight hexadecimal digits. */
static bool read_checksum(uint32_t *checksum, const char *text)
{
    *checksum = 0;
    if (strlen(text) != 8)
        return false;
    for (; *text; text++) {
        const char *digits = "0123456789abcdef", *at = strchr(digits, *text);

        if (!at)
            return false;
        *checksum = *checksum << 4 | (uint32_t)(at - digits);
    }
    return true;
}

static bool read_head(struct exemplars_index *index, struct arena *arena,
                      json_t **channels, json_t *root, struct error *err)
{
    json_int_t version, input[2], layer[3];
    const char *model, *name, *checksum;
    json_error_t why;

    if (json_unpack_ex(
            root, &why, 0, "{s:I s:s s:s s:{s:I s:I} s:{s:s s:I s:I s:I} s:o}",
            "version", &version, "model", &model, "checksum", &checksum,
            "input", "width", &input[0], "height", &input[1], "layer", "name",
            &name, "channels", &layer[0], "height", &layer[1], "width",
            &layer[2], "channels", channels) != 0)
        return fail_member(err, &why);
    if (version != EXEMPLARS_VERSION)
        return fail(err, ERROR_INPUT,
                    "\"version\" is not %d: another version of the program has "
                    "written it",
                    EXEMPLARS_VERSION);
    if (!read_checksum(&index->checksum, checksum))
        return fail(err, ERROR_INPUT,
                    "\"checksum\" is not eight hexadecimal digits");
    for (int i = 0; i < 3; i++)
        if (!is_within(layer[i], 1, MAX_CHANNELS) ||
            !is_within(input[i / 2], 1, MAX_SIDE))
            return fail(err, ERROR_INPUT,
                        "a size of the layer or of the input is not from 1 to "
                        "%d",
                        MAX_SIDE);
    if (!json_is_array(*channels))
        return fail(err, ERROR_INPUT, "\"channels\" is not a list");
    index->input_width = (uint64_t)input[0];
    index->input_height = (uint64_t)input[1];
    index->layer_channels = (uint64_t)layer[0];
    index->layer_height = (uint64_t)layer[1];
    index->layer_width = (uint64_t)layer[2];
    index->model = arena_text(arena, model, strlen(model), err);
    index->layer = arena_text(arena, name, strlen(name), err);
    return index->model && index->layer;
}

/* A side of a crop, and where it begins, within `side` pixels. */
static bool is_inside(json_int_t begin, json_int_t size, json_int_t side)
{
    return is_within(begin, 0, side - 1) && is_within(size, 1, side - begin);
}

static bool read_exemplar(struct exemplar *exemplar, struct arena *arena,
                          const struct exemplars_index *index, json_t *object,
                          struct error *err)
{
    json_int_t cell[2], crop[4], photo[2];
    const char *file, *slash;
    json_error_t why;
    double value;

    if (json_unpack_ex(object, &why, 0,
                       "{s:s s:F s:{s:I s:I} s:{s:I s:I s:I s:I} s:{s:I s:I}}",
                       "file", &file, "value", &value, "cell", "x", &cell[0],
                       "y", &cell[1], "crop", "x", &crop[0], "y", &crop[1],
                       "width", &crop[2], "height", &crop[3], "photo", "width",
                       &photo[0], "height", &photo[1]) != 0)
        return fail_member(err, &why);
    if (!is_within(cell[0], 0, (json_int_t)index->layer_width - 1) ||
        !is_within(cell[1], 0, (json_int_t)index->layer_height - 1))
        return fail(err, ERROR_INPUT, "its cell is outside the layer");
    if (!is_within(photo[0], 1, MAX_SIDE) ||
        !is_within(photo[1], 1, MAX_SIDE) ||
        !is_inside(crop[0], crop[2], photo[0]) ||
        !is_inside(crop[1], crop[3], photo[1]))
        return fail(err, ERROR_INPUT, "its crop is outside its photo");
    slash = strrchr(file, '/');
    file = slash ? slash + 1 : file;
    *exemplar = (struct exemplar){
        .file = arena_text(arena, file, strlen(file), err),
        .width = (uint32_t)photo[0],
        .height = (uint32_t)photo[1],
        .value = (float)value,
        .x = (uint32_t)cell[0],
        .y = (uint32_t)cell[1],
        .crop = {(uint32_t)crop[0], (uint32_t)crop[1], (uint32_t)crop[2],
                 (uint32_t)crop[3]},
    };
    return exemplar->file != NULL;
}

/* `before`: the channel that stands before it, or -1. */
static bool read_channel(struct exemplars_channel *channel,
                         struct exemplars_set *set, json_int_t before,
                         const struct exemplars_index *index, json_t *object,
                         struct error *err)
{
    struct exemplar *list;
    json_t *exemplars;
    json_int_t number;
    json_error_t why;
    size_t count;

    if (json_unpack_ex(object, &why, 0, "{s:I s:o}", "channel", &number,
                       "exemplars", &exemplars) != 0)
        return fail_member(err, &why);
    if (!json_is_array(exemplars) ||
        !is_within(number, before + 1, (json_int_t)index->layer_channels - 1))
        return fail(err, ERROR_INPUT,
                    "it has no list of exemplars, is not one of the layer's, "
                    "or is not in ascending order");
    count = json_array_size(exemplars);
    if (count > EXEMPLARS_MAX - set->num_exemplars)
        return error_limit(err, EXEMPLARS_MAX,
                           "all indices together have more than %d exemplars",
                           EXEMPLARS_MAX);
    set->num_exemplars += count;
    list = arena_take(&set->arena, count, sizeof *list, err);
    if (!list)
        return false;
    for (size_t i = 0; i < count; i++)
        if (!read_exemplar(&list[i], &set->arena, index,
                           json_array_get(exemplars, i), err))
            return error_prefix(err, "exemplar %zu", i);
    *channel = (struct exemplars_channel){(size_t)number, list, count};
    return true;
}

static bool read_channels(struct exemplars_index *index,
                          struct exemplars_set *set, json_t *channels,
                          struct error *err)
{
    size_t count = json_array_size(channels);
    struct exemplars_channel *list;
    json_int_t before = -1;

    list = arena_take(&set->arena, count, sizeof *list, err);
    if (!list)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (!read_channel(&list[i], set, before, index,
                          json_array_get(channels, i), err))
            return error_prefix(err, "entry %zu of \"channels\"", i);
        before = (json_int_t)list[i].index;
    }
    index->channels = list;
    index->num_channels = count;
    return true;
}

bool exemplars_read(struct exemplars_index *index, struct exemplars_set *set,
                    const uint8_t *bytes, size_t len, struct error *err)
{
    json_t *root = parse(bytes, len, err), *channels;
    bool ok = root && read_head(index, &set->arena, &channels, root, err) &&
              read_channels(index, set, channels, err);

    json_decref(root);
    return ok;
}

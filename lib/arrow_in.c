#include "lib/arrow_in.h"

#include <inttypes.h>
#include <string.h>

enum {
    VIEW_SIZE = 16,
    VIEW_SHORT = 12, /* bytes that fit into a view */
};

static int32_t read_int32(const uint8_t *at)
{
    int32_t value;

    memcpy(&value, at, sizeof value);
    return value;
}

static int64_t read_int64(const uint8_t *at)
{
    int64_t value;

    memcpy(&value, at, sizeof value);
    return value;
}

/* ---- the type ---- */

static bool read_type(struct arrow_in *in, const struct ArrowSchema *schema,
                      struct error *err)
{
    static const struct {
        const char *format, *name;
        int layout; /* or -1: of text */
    } types[] = {
        {"z", "binary", ARROW_IN_BINARY},
        {"Z", "large_binary", ARROW_IN_LARGE},
        {"vz", "binary_view", ARROW_IN_VIEW},
        {"u", "utf8", -1},
        {"U", "large_utf8", -1},
        {"vu", "utf8_view", -1},
    };

    if (!schema || !schema->release || !schema->format)
        return fail(err, ERROR_INPUT,
                    "the schema of the images is released or has no format");
    if (schema->dictionary)
        return fail(err, ERROR_UNSUPPORTED,
                    "the images are dictionary-encoded; only plain binary "
                    "columns are supported");
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (strcmp(schema->format, types[i].format) != 0)
            continue;
        in->layout = (enum arrow_in_layout)types[i].layout;
        return types[i].layout >= 0 ||
               fail(err, ERROR_UNSUPPORTED,
                    "the images are %s, which is text; image files need "
                    "binary, large_binary or binary_view",
                    types[i].name);
    }
    return fail(err, ERROR_UNSUPPORTED,
                "the images have the Arrow format \"%.40s\"; binary, "
                "large_binary and binary_view are supported",
                schema->format);
}

/* ---- the array ---- */

static bool check_counts(const struct arrow_in *in,
                         const struct ArrowArray *array, struct error *err)
{
    const int64_t least = 3;

    if (array->length < 0 || array->offset < 0)
        return fail(err, ERROR_INPUT,
                    "the array has the length %" PRId64
                    " and the offset %" PRId64,
                    array->length, array->offset);
    if (array->length > WHEREFORE_MAX_ROWS)
        return error_limit(err, WHEREFORE_MAX_ROWS,
                           "the array has %" PRId64
                           " rows; at most %d are allowed in one call",
                           array->length, WHEREFORE_MAX_ROWS);
    if (array->offset > PTRDIFF_MAX / VIEW_SIZE - WHEREFORE_MAX_ROWS - 1)
        return fail(err, ERROR_INPUT, "the array has the offset %" PRId64,
                    array->offset);
    if (array->null_count < -1 || array->null_count > array->length)
        return fail(err, ERROR_INPUT,
                    "the array has %" PRId64 " nulls in %" PRId64 " rows",
                    array->null_count, array->length);
    if (in->layout == ARROW_IN_VIEW
            ? array->n_buffers < least || array->n_buffers > INT32_MAX
            : array->n_buffers != least)
        return fail(err, ERROR_INPUT, "the array has %" PRId64 " buffers",
                    array->n_buffers);
    if (array->n_children != 0 || array->dictionary)
        return fail(err, ERROR_INPUT, "the array has children or a dictionary");
    return array->buffers ||
           fail(err, ERROR_INPUT, "the array's buffers are NULL");
}

static bool is_null(const struct arrow_in *in, size_t i)
{
    const size_t bit = in->offset + i;

    return in->validity && !(in->validity[bit / 8] >> bit % 8 & 1);
}

static bool take_buffers(struct arrow_in *in, const struct ArrowArray *array,
                         struct error *err)
{
    in->count = (size_t)array->length;
    in->offset = (size_t)array->offset;
    in->validity = array->buffers[0];
    in->places = array->buffers[1];
    in->data = &array->buffers[2];
    in->num_data = 1;
    if (in->layout == ARROW_IN_VIEW) {
        in->num_data = (size_t)array->n_buffers - 3;
        in->sizes = array->buffers[array->n_buffers - 1];
    }
    if (in->count == 0)
        return true;
    if (!in->validity && array->null_count > 0)
        return fail(err, ERROR_INPUT,
                    "the array has nulls, but no validity bitmap");
    if (!in->places ||
        (in->num_data > 0 && in->layout == ARROW_IN_VIEW && !in->sizes))
        return fail(err, ERROR_INPUT,
                    "the array has %zu rows, but a buffer is NULL", in->count);
    return true;
}

/* Offset number i, of all in the buffer. */
static int64_t offset_at(const struct arrow_in *in, size_t i)
{
    return in->layout == ARROW_IN_LARGE ? read_int64(in->places + 8 * i)
                                        : read_int32(in->places + 4 * i);
}

/* They are in order for null rows as well. */
static bool check_offsets(const struct arrow_in *in, struct error *err)
{
    const int64_t first = offset_at(in, in->offset);
    int64_t last = first;

    if (first < 0)
        return fail(err, ERROR_INPUT, "the array's first offset is %" PRId64,
                    first);
    for (size_t i = 0; i < in->count; i++) {
        int64_t next = offset_at(in, in->offset + i + 1);

        if (next < last)
            return fail(err, ERROR_INPUT,
                        "the array's offsets decrease at row %zu", i);
        last = next;
    }
    if (last > PTRDIFF_MAX)
        return fail(err, ERROR_INPUT, "the array's last offset is %" PRId64,
                    last);
    return in->data[0] || last == first ||
           fail(err, ERROR_INPUT, "the array has values, but no data");
}

static bool check_view(const struct arrow_in *in, size_t i, struct error *err)
{
    const uint8_t *view = in->places + VIEW_SIZE * (in->offset + i);
    const int64_t len = read_int32(view);
    int64_t buffer, at;

    if (len < 0)
        return fail(err, ERROR_INPUT, "row %zu has the length %" PRId64, i,
                    len);
    if (len <= VIEW_SHORT)
        return true;
    buffer = read_int32(view + 8);
    at = read_int32(view + 12);
    if (buffer < 0 || (size_t)buffer >= in->num_data || at < 0)
        return fail(err, ERROR_INPUT,
                    "row %zu is in buffer %" PRId64 " at %" PRId64
                    ", of %zu buffers",
                    i, buffer, at, in->num_data);
    if (!in->data[buffer] || len + at > read_int64(in->sizes + 8 * buffer))
        return fail(err, ERROR_INPUT,
                    "row %zu reaches beyond the end of buffer %" PRId64, i,
                    buffer);
    return true;
}

static bool check_views(const struct arrow_in *in, struct error *err)
{
    for (size_t i = 0; i < in->count; i++)
        if (!is_null(in, i) && !check_view(in, i, err))
            return false;
    return true;
}

bool arrow_in_open(struct arrow_in *in, const struct ArrowSchema *schema,
                   const struct ArrowArray *array, struct error *err)
{
    *in = (struct arrow_in){0};
    if (!read_type(in, schema, err))
        return false;
    if (!array || !array->release)
        return fail(err, ERROR_INPUT, "the array of the images is released");
    if (!check_counts(in, array, err) || !take_buffers(in, array, err))
        return false;
    if (in->count == 0)
        return true;
    return in->layout == ARROW_IN_VIEW ? check_views(in, err)
                                       : check_offsets(in, err);
}

/* ---- rows ---- */

bool arrow_in_row(const struct arrow_in *in, size_t i, const uint8_t **bytes,
                  size_t *len)
{
    const size_t at = in->offset + i;
    const uint8_t *view = in->places + VIEW_SIZE * at;

    if (is_null(in, i))
        return false;
    if (in->layout != ARROW_IN_VIEW) {
        const int64_t first = offset_at(in, at);

        *len = (size_t)(offset_at(in, at + 1) - first);
        *bytes = *len > 0 ? (const uint8_t *)in->data[0] + first : view;
        return true;
    }
    *len = (size_t)read_int32(view);
    *bytes = *len <= VIEW_SHORT
                 ? view + 4
                 : (const uint8_t *)in->data[read_int32(view + 8)] +
                       read_int32(view + 12);
    return true;
}

#include "engine/network/npy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/bytes.h"
#include "engine/base/npy_header.h"

enum {
    MAX_HEADER = 4096, /* NumPy's have about a hundred bytes */
};

/* The name of a type in the header, and the layout of its elements. */
static const struct element {
    const char *descr;
    size_t size; /* bytes */
    enum graph_type type;
    bool is_signed;
} elements[] = {
    {"<f4", 4, GRAPH_FLOAT, true}, {"<f8", 8, GRAPH_FLOAT, true},
    {"|b1", 1, GRAPH_INT, false},  {"|u1", 1, GRAPH_INT, false},
    {"|i1", 1, GRAPH_INT, true},   {"<u2", 2, GRAPH_INT, false},
    {"<i2", 2, GRAPH_INT, true},   {"<u4", 4, GRAPH_INT, false},
    {"<i4", 4, GRAPH_INT, true},   {"<i8", 8, GRAPH_INT, true},
};

enum { NUM_ELEMENTS = sizeof elements / sizeof elements[0] };

/* ---- the header: a Python dictionary of three members ---- */

struct header {
    const struct element *element;
    struct graph_shape shape;
    bool has_descr, has_order, has_shape;
};

static void skip_spaces(struct bytes *text)
{
    while (text->len > 0 && (*text->data == ' ' || *text->data == '\n'))
        *text = (struct bytes){text->data + 1, text->len - 1};
}

/* Consumes `token`, and spaces before it, if it comes next. */
static bool take(struct bytes *text, const char *token)
{
    skip_spaces(text);
    return bytes_begin_with(text, token, strlen(token)) &&
           bytes_skip(text, strlen(token));
}

static bool read_descr(struct header *header, struct bytes *text,
                       struct error *err)
{
    char descr[16];
    size_t len = 0;

    if (!take(text, "'"))
        return fail(err, ERROR_UNSUPPORTED,
                    "structured types are not supported");
    while (len < sizeof descr - 1 && len < text->len && text->data[len] != '\'')
        len++;
    memcpy(descr, text->data, len);
    descr[len] = '\0';
    if (!bytes_skip(text, len) || !take(text, "'"))
        return fail(err, ERROR_INPUT, "its header is malformed");
    for (size_t i = 0; i < NUM_ELEMENTS; i++)
        if (strcmp(elements[i].descr, descr) == 0)
            header->element = &elements[i];
    if (descr[0] == '>')
        return fail(err, ERROR_UNSUPPORTED,
                    "big-endian arrays are not supported");
    if (!header->element)
        return fail(err, ERROR_UNSUPPORTED,
                    "type \"%s\" is not supported; float32, float64, bool and "
                    "integers are",
                    descr);
    return true;
}

static bool read_shape(struct graph_shape *shape, struct bytes *text,
                       struct error *err)
{
    if (!take(text, "("))
        return fail(err, ERROR_INPUT, "its header is malformed");
    while (!take(text, ")")) {
        size_t dim = 0, digits = 0;

        for (; text->len > 0 && *text->data >= '0' && *text->data <= '9';
             digits++) {
            dim = dim * 10 + (size_t)(*text->data - '0');
            *text = (struct bytes){text->data + 1, text->len - 1};
            if (dim > GRAPH_MAX_ELEMENTS)
                return fail(err, ERROR_LIMIT, "a dimension is larger than %zu",
                            GRAPH_MAX_ELEMENTS);
        }
        if (digits == 0)
            return fail(err, ERROR_INPUT, "its header is malformed");
        if (shape->rank == GRAPH_MAX_RANK)
            return fail(err, ERROR_UNSUPPORTED,
                        "it has more than %d dimensions", GRAPH_MAX_RANK);
        shape->dim[shape->rank++] = dim;
        if (take(text, ","))
            continue;
        if (!take(text, ")"))
            return fail(err, ERROR_INPUT, "its header is malformed");
        break;
    }
    return graph_shape_check(shape, err);
}

static bool read_header(struct header *header, struct bytes text,
                        struct error *err)
{
    bool ok = take(&text, "{");

    while (ok && !take(&text, "}")) {
        if (take(&text, "'descr':") && !header->has_descr) {
            header->has_descr = true;
            if (!read_descr(header, &text, err))
                return false;
        } else if (take(&text, "'fortran_order':") && !header->has_order) {
            header->has_order = true;
            if (take(&text, "True"))
                return fail(err, ERROR_UNSUPPORTED,
                            "it is in Fortran order; save it in C order "
                            "(numpy.ascontiguousarray)");
            ok = take(&text, "False");
        } else if (take(&text, "'shape':") && !header->has_shape) {
            header->has_shape = true;
            if (!read_shape(&header->shape, &text, err))
                return false;
        } else {
            ok = false;
        }
        if (ok && !take(&text, ",")) {
            ok = take(&text, "}");
            break;
        }
    }
    skip_spaces(&text);
    if (!ok || text.len > 0 || !header->has_descr || !header->has_order ||
        !header->has_shape)
        return fail(err, ERROR_INPUT, "its header is malformed");
    return true;
}

/* ---- the elements ---- */

static int64_t int_at(const uint8_t *bytes, const struct element *element)
{
    uint64_t value = 0;

    for (size_t b = 0; b < element->size; b++)
        value |= (uint64_t)bytes[b] << 8 * b;
    if (element->is_signed && element->size < 8 &&
        value >> (8 * element->size - 1))
        value |= UINT64_MAX << 8 * element->size;
    return (int64_t)value;
}

static void read_elements(void *data, const uint8_t *bytes, size_t count,
                          const struct element *element)
{
    for (size_t i = 0; i < count; i++, bytes += element->size) {
        double number;

        if (element->type == GRAPH_INT) {
            ((int64_t *)data)[i] = int_at(bytes, element);
        } else if (element->size == sizeof number) {
            memcpy(&number, bytes, sizeof number);
            ((float *)data)[i] = (float)number;
        } else {
            memcpy((float *)data + i, bytes, sizeof(float));
        }
    }
}

bool npy_read(struct npy *npy, const uint8_t *bytes, size_t len,
              struct error *err)
{
    struct bytes file = {bytes, len}, text;
    struct header header = {0};
    uint8_t major = 0, minor;
    uint32_t header_len = 0;
    uint16_t short_len = 0;
    size_t count;

    if (!bytes_begin_with(&file, "\x93NUMPY", 6) || !bytes_skip(&file, 6) ||
        !bytes_u8(&file, &major) || !bytes_u8(&file, &minor))
        return fail(err, ERROR_INPUT, "not a .npy file");
    if (major < 1 || major > 3)
        return fail(err, ERROR_UNSUPPORTED,
                    ".npy version %u is not supported; 1 to 3 are", major);
    if (major == 1 ? bytes_u16le(&file, &short_len)
                   : bytes_u32le(&file, &header_len))
        header_len += short_len;
    else
        return fail(err, ERROR_INPUT, "it is cut short");
    if (header_len > MAX_HEADER)
        return fail(err, ERROR_LIMIT, "its header is longer than %d bytes",
                    MAX_HEADER);
    if (!bytes_take(&file, &text, header_len))
        return fail(err, ERROR_INPUT, "it is cut short");
    if (!read_header(&header, text, err))
        return false;
    count = graph_shape_count(&header.shape);
    if (file.len != count * header.element->size)
        return fail(err, ERROR_INPUT,
                    "it has %zu bytes for %zu elements of %zu bytes each",
                    file.len, count, header.element->size);
    npy->data =
        calloc(count + 1, header.element->type == GRAPH_INT ? sizeof(int64_t)
                                                            : sizeof(float));
    if (!npy->data)
        return fail(err, ERROR_MEMORY, "not enough memory for %zu elements",
                    count);
    npy->type = header.element->type;
    npy->shape = header.shape;
    read_elements(npy->data, file.data, count, header.element);
    return true;
}

bool npy_append(struct buf *file, const struct graph_shape *shape,
                const float *values, struct error *err)
{
    return npy_header_append(file, shape->dim, shape->rank, err) &&
           buf_append(file, values, graph_shape_count(shape) * sizeof *values,
                      err);
}

void npy_release(struct npy *npy)
{
    free(npy->data);
    *npy = (struct npy){0};
}

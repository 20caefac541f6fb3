#include "server/api/cam_npy.h"

#include <stdio.h>
#include <string.h>

#include "server/api/float32.h"

/* The header of version 1.0: magic, its length, and a Python literal padded so
 * that the data is aligned. */
static bool write_header(struct buf *body, size_t count,
                         const struct explain_map *map, struct error *err)
{
    enum { ALIGNMENT = 64, PREFIX = 10 };
    char shape[80], text[2 * ALIGNMENT + 1];
    int len;

    if (count == 1)
        snprintf(shape, sizeof shape, "%zu, %zu", map->height, map->width);
    else
        snprintf(shape, sizeof shape, "%zu, %zu, %zu", count, map->height,
                 map->width);
    len = snprintf(text, sizeof text,
                   "{'descr': '<f4', 'fortran_order': False, 'shape': (%s), }",
                   shape);
    while ((PREFIX + len + 1) % ALIGNMENT != 0)
        text[len++] = ' ';
    text[len++] = '\n';
    return buf_append(body, "\x93NUMPY\x01\x00", 8, err) &&
           buf_append(body, (const uint8_t[]){(uint8_t)len, 0}, 2, err) &&
           buf_append(body, text, (size_t)len, err);
}

/* The next class that has a map, from `at` on; NULL after the last. */
static const struct explained_class *
next_map(const struct explanation *explanation, size_t *at)
{
    while (*at < explanation->num_classes) {
        const struct explained_class *class = &explanation->classes[(*at)++];

        if (class->map)
            return class;
    }
    return NULL;
}

/* Lists their indices in `text` and returns how many there are. */
static size_t list_classes(char *text, size_t size,
                           const struct explanation *explanation)
{
    const struct explained_class *class;
    size_t at = 0, count = 0, len = 0;

    while ((class = next_map(explanation, &at)) && len < size)
        len += (size_t)snprintf(text + len, size - len, "%s%zu",
                                count++ ? "," : "", class->class.index);
    return count;
}

bool cam_npy_write(struct response *response,
                   const struct explanation *explanation, struct error *err)
{
    struct buf *body = &response->body;
    const struct explained_class *class;
    char indices[RESPONSE_HEADER_SIZE];
    size_t at = 0, count;

    if (!explanation->method)
        return fail(err, ERROR_UNSUPPORTED, "%s", explanation->refusal);
    count = list_classes(indices, sizeof indices, explanation);
    if (!write_header(body, count, explanation->first->map, err))
        return false;
    while ((class = next_map(explanation, &at))) {
        size_t cells = class->map->height * class->map->width;

        if (!buf_reserve(body, 4 * cells, err))
            return false;
        float32_write(body->data + body->len, class->map->values, cells);
        body->len += 4 * cells;
    }
    response->status = 200;
    response->content_type = "application/x-npy";
    response_header(response, "X-Wherefore-Classes", "%s", indices);
    return true;
}

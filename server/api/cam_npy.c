#include "server/api/cam_npy.h"

#include <stdio.h>

#include "engine/base/npy_header.h"
#include "server/api/float32.h"

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
    const struct explain_map *first = explanation->first->map;
    size_t at = 0, count, dims[3];

    if (!explanation->method)
        return fail(err, ERROR_UNSUPPORTED, "%s", explanation->refusal);
    count = list_classes(indices, sizeof indices, explanation);
    dims[0] = count;
    dims[1] = first->height;
    dims[2] = first->width;
    if (!(count == 1 ? npy_header_append(body, dims + 1, 2, err)
                     : npy_header_append(body, dims, 3, err)))
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

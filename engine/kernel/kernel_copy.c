/* Strided copies: transpose, slice, broadcast and step over elements. */

#include "engine/kernel/kernel_call.h"

#include <string.h>

/* A copy whose axes are merged where possible; it always has the last two. */
struct copy {
    struct graph_shape shape;
    int64_t stride[GRAPH_MAX_RANK];
};

static struct copy plan_copy(const struct graph_shape *shape,
                             const int64_t stride[GRAPH_MAX_RANK])
{
    struct copy copy = {.shape = {.rank = 2, .dim = {1, 1}}};
    uint32_t last = 1;

    for (uint32_t i = 0; i < shape->rank; i++) {
        if (shape->dim[i] == 1)
            continue;
        if (copy.shape.dim[last] > 1 &&
            copy.stride[last] == stride[i] * (int64_t)shape->dim[i]) {
            copy.shape.dim[last] *= shape->dim[i];
            copy.stride[last] = stride[i];
            continue;
        }
        if (copy.shape.dim[last] > 1 && copy.shape.dim[0] == 1) {
            copy.shape.dim[0] = copy.shape.dim[1];
            copy.stride[0] = copy.stride[1];
        } else if (copy.shape.dim[last] > 1) {
            last = copy.shape.rank++;
        }
        copy.shape.dim[last] = shape->dim[i];
        copy.stride[last] = stride[i];
    }
    return copy;
}

/* Copies along the last axis; the elements are `step` apart in `from`. */
static void copy_row(char *to, const char *from, size_t count, int64_t step,
                     size_t size)
{
    if (step == 1)
        memcpy(to, from, count * size);
    else if (size == sizeof(float))
        for (size_t i = 0; i < count; i++)
            ((float *)to)[i] = ((const float *)from)[(int64_t)i * step];
    else
        for (size_t i = 0; i < count; i++)
            memcpy(to + i * size, from + (int64_t)i * step * (int64_t)size,
                   size);
}

/* Interleaves two rows, as in a channel shuffle with two groups. */
static void interleave(float *restrict to, const float *restrict a,
                       const float *restrict b, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        to[2 * i] = a[i];
        to[2 * i + 1] = b[i];
    }
}

void kernel_copy_strided(const struct kernel_call *call, int64_t start,
                         const int64_t stride[GRAPH_MAX_RANK])
{
    struct copy copy = plan_copy(&call->to->shape, stride);
    uint32_t last = copy.shape.rank - 1;
    size_t rows = copy.shape.dim[last - 1], columns = copy.shape.dim[last];
    struct kernel_walk walk = {.offset = start};
    int64_t size = (int64_t)kernel_size_of(call->to);
    const char *from = call->inputs[0];
    char *to = call->out;

    /* The walk covers all axes but the last two. */
    copy.shape.rank -= 2;
    for (size_t i = 0; i < call->count; i += rows * columns) {
        bool pairs =
            columns == 2 && copy.stride[last - 1] == 1 && size == sizeof(float);

        if (pairs) {
            const float *first = (const float *)call->inputs[0] + walk.offset;

            interleave((float *)to, first, first + copy.stride[last], rows);
            to += rows * 2 * sizeof(float);
        }
        for (size_t row = 0; row < rows && !pairs; row++) {
            int64_t offset = walk.offset + (int64_t)row * copy.stride[last - 1];

            copy_row(to, from + offset * size, columns, copy.stride[last],
                     (size_t)size);
            to += columns * (size_t)size;
        }
        kernel_walk_next(&walk, &copy.shape, copy.stride);
    }
}

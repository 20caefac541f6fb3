/* Resizes images as specified by ONNX, axis by axis.
 *
 * ONNX does not say in which precision a position is computed, and near a tie
 * that decides which element is the nearest. Here it is float, operation by
 * operation like in ONNX Runtime, because results are compared with it. */

#include "engine/kernel/kernel_call.h"

#include <math.h>
#include <string.h>

/* One input element that contributes to an output. */
struct tap {
    int64_t at;
    float weight;
};

enum { MAX_TAPS = 4 };

/* The position of output element `out` on the input's axis. */
static float position_of(const struct graph_node *node, uint32_t axis,
                         size_t out, size_t length, size_t out_length)
{
    float scale = (float)node->resize.scale[axis], at = (float)out;

    switch (node->resize.coordinates) {
    case GRAPH_RESIZE_ALIGN_CORNERS:
        return out_length == 1
                   ? 0
                   : at * (float)(length - 1) / (float)(out_length - 1);
    case GRAPH_RESIZE_ASYMMETRIC:
        return at / scale;
    case GRAPH_RESIZE_TENSORFLOW:
        return (at + 0.5f) / scale;
    case GRAPH_RESIZE_PYTORCH:
        return out_length == 1 ? 0 : (at + 0.5f) / scale - 0.5f;
    case GRAPH_RESIZE_SYMMETRIC: {
        float adjustment = (float)out_length / (scale * (float)length);
        float offset = (float)length / 2 * (1 - adjustment);

        return (float)((double)offset + ((double)out + 0.5) / (double)scale -
                       0.5);
    }
    default:
        return (at + 0.5f) / scale - 0.5f;
    }
}

/* Whether a position is a tie apart from rounding errors. */
static bool is_tie(float at)
{
    return fabsf(at - (floorf(at) + 0.5f)) < 1e-6f;
}

static float nearest(const struct graph_node *node, uint32_t axis, float at)
{
    switch (node->resize.rounding) {
    case GRAPH_RESIZE_FLOOR:
        return floorf(at);
    case GRAPH_RESIZE_CEIL:
        return ceilf(at);
    case GRAPH_RESIZE_PREFER_CEIL:
        return is_tie(at) ? ceilf(at) : roundf(at);
    case GRAPH_RESIZE_OLD:
        return node->resize.scale[axis] < 1 ? ceilf(at) : floorf(at);
    default:
        return is_tie(at) ? floorf(at) : roundf(at);
    }
}

/* Keys' cubic with coefficient a, at distance x. */
static double cubic(double a, double x)
{
    x = fabs(x);
    if (x < 1)
        return ((a + 2) * x - (a + 3)) * x * x + 1;
    return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
}

static size_t find_taps(const struct graph_node *node, uint32_t axis,
                        size_t out, size_t length, size_t out_length,
                        struct tap taps[MAX_TAPS])
{
    float at = position_of(node, axis, out, length, out_length);
    float first = floorf(at);
    double sum = 0;
    int64_t reach = node->resize.filter == GRAPH_RESIZE_CUBIC ? 2 : 1;
    size_t count = 0;

    if (length == out_length && node->resize.scale[axis] == 1) {
        taps[0] = (struct tap){(int64_t)out, 1};
        return 1;
    }
    if (node->resize.filter == GRAPH_RESIZE_NEAREST) {
        at = fminf(fmaxf(nearest(node, axis, at), 0), (float)(length - 1));
        taps[0] = (struct tap){(int64_t)at, 1};
        return 1;
    }
    for (int64_t i = 1 - reach; i <= reach; i++) {
        double position = (double)first + (double)i;
        double distance = (double)at - position;
        double inside = fmin(fmax(position, 0), (double)(length - 1));
        double weight = reach == 1 ? 1 - fabs(distance)
                                   : cubic((double)node->resize.a, distance);

        if (weight == 0 || (node->resize.exclude_outside && position != inside))
            continue;
        taps[count++] = (struct tap){(int64_t)inside, (float)weight};
        sum += weight;
    }
    for (size_t i = 0; node->resize.exclude_outside && i < count; i++)
        taps[i].weight /= (float)sum;
    return count;
}

/* Adds to one row of the output, whose other coordinates are `index`, the
 * weighted taps of the axes from `axis` on. */
static void add_taps(const struct kernel_call *call, uint32_t axis,
                     const size_t *index, const float *from, float weight,
                     float *out)
{
    const struct graph_node *node = call->node;
    const struct graph_shape *x = &kernel_in(call, 0)->shape;
    const struct graph_shape *y = &call->to->shape;
    int64_t stride[GRAPH_MAX_RANK];
    struct tap taps[MAX_TAPS];
    size_t num;

    if (axis + 1 == x->rank) {
        bool same =
            x->dim[axis] == y->dim[axis] && node->resize.scale[axis] == 1;

        for (size_t i = 0; i < y->dim[axis]; i++) {
            if (same) {
                out[i] += weight * from[i];
                continue;
            }
            num = find_taps(node, axis, i, x->dim[axis], y->dim[axis], taps);
            for (size_t t = 0; t < num; t++)
                out[i] += weight * taps[t].weight * from[taps[t].at];
        }
        return;
    }
    kernel_strides(x, stride);
    num = find_taps(node, axis, index[axis], x->dim[axis], y->dim[axis], taps);
    for (size_t t = 0; t < num; t++)
        add_taps(call, axis + 1, index, from + taps[t].at * stride[axis],
                 weight * taps[t].weight, out);
}

bool kernel_resize(const struct kernel_call *call)
{
    struct graph_shape rows = call->to->shape;
    int64_t none[GRAPH_MAX_RANK] = {0};
    struct kernel_walk walk = {0};
    float *out = call->out;
    size_t length = rows.dim[--rows.rank];

    memset(out, 0, call->count * sizeof *out);
    for (size_t i = 0; i < call->count; i += length) {
        add_taps(call, 0, walk.index, call->inputs[0], 1, out + i);
        kernel_walk_next(&walk, &rows, none);
    }
    return true;
}

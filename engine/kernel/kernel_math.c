/* Kernels that compute element by element, and softmax. */

#include "engine/kernel/kernel_call.h"
#include "engine/kernel/kernel_wide.h"

#include <math.h>
#include <string.h>

static float modulo(float a, float b, bool truncated)
{
    a = fmodf(a, b);
    return truncated || a == 0 || (a < 0) == (b < 0) ? a : a + b;
}

static int64_t modulo_of_ints(int64_t a, int64_t b, bool truncated)
{
    a = b == -1 ? 0 : a % b;
    return truncated || a == 0 || (a < 0) == (b < 0) ? a : a + b;
}

/* X(operation, formula for floats a and b, formula for integers), for each
 * operation whose kernel is `binary`. Integers wrap around in two's complement;
 * b is not 0 in a division. */
/* clang-format off */
#define BINARIES(X)                                                           \
    X(GRAPH_ADD, a + b, (int64_t)((uint64_t)a + (uint64_t)b))                 \
    X(GRAPH_SUB, a - b, (int64_t)((uint64_t)a - (uint64_t)b))                 \
    X(GRAPH_MUL, a * b, (int64_t)((uint64_t)a * (uint64_t)b))                 \
    X(GRAPH_DIV, a / b, b == -1 ? (int64_t)(0 - (uint64_t)a) : a / b)         \
    X(GRAPH_POW, powf(a, b), kernel_to_int(pow((double)a, (double)b)))        \
    X(GRAPH_MIN, a < b || isnan(a) ? a : b, a < b ? a : b)                    \
    X(GRAPH_MAX, a > b || isnan(a) ? a : b, a > b ? a : b)                    \
    X(GRAPH_MOD, modulo(a, b, node->truncated),                               \
      modulo_of_ints(a, b, node->truncated))                                  \
    X(GRAPH_PRELU, a < 0 ? a * b : a,                                         \
      a < 0 ? (int64_t)((uint64_t)a * (uint64_t)b) : a)                       \
    X(GRAPH_EQUAL, a == b, a == b)                                            \
    X(GRAPH_LESS, a < b, a < b)                                               \
    X(GRAPH_LESS_EQUAL, a <= b, a <= b)                                       \
    X(GRAPH_AND, a != 0 && b != 0, a != 0 && b != 0)                          \
    X(GRAPH_OR, a != 0 || b != 0, a != 0 || b != 0)                           \
    X(GRAPH_XOR, (a != 0) != (b != 0), (a != 0) != (b != 0))
/* clang-format on */

#define X(op, of_floats, of_ints) +1
#define IS_BINARY(op, name, floats, facts, work, shape, layout, kernel, ...) \
    +(__builtin_strcmp(#kernel, "binary") == 0)
_Static_assert(0 BINARIES(X) == 0 GRAPH_OPS(IS_BINARY),
               "one row for each operation whose kernel is binary");
#undef IS_BINARY
#undef X

static float float_of(const struct graph_node *node, float a, float b)
{
    switch (node->op) {
#define X(op, of_floats, of_ints) \
    case op:                      \
        return of_floats;
        BINARIES(X)
#undef X
    default:
        return NAN;
    }
}

static int64_t int_of(const struct graph_node *node, int64_t a, int64_t b)
{
    switch (node->op) {
#define X(op, of_floats, of_ints) \
    case op:                      \
        return of_ints;
        BINARIES(X)
#undef X
    default:
        return 0;
    }
}

static float float_at(const struct graph_value *value, const void *data,
                      int64_t i)
{
    return value->type == GRAPH_INT ? (float)((const int64_t *)data)[i]
                                    : ((const float *)data)[i];
}

static bool run_ints(const struct kernel_call *call,
                     const int64_t stride_a[GRAPH_MAX_RANK],
                     const int64_t stride_b[GRAPH_MAX_RANK])
{
    enum graph_op op = call->node->op;
    struct kernel_walk a = {0}, b = {0};

    for (size_t i = 0; i < call->count; i++) {
        int64_t of_a = ((const int64_t *)call->inputs[0])[a.offset];
        int64_t of_b = ((const int64_t *)call->inputs[1])[b.offset];

        if ((op == GRAPH_DIV || op == GRAPH_MOD) && of_b == 0)
            return fail(call->err, ERROR_INPUT, "division by zero");
        ((int64_t *)call->out)[i] = int_of(call->node, of_a, of_b);
        kernel_walk_next(&a, &call->to->shape, stride_a);
        kernel_walk_next(&b, &call->to->shape, stride_b);
    }
    return true;
}

bool kernel_binary(const struct kernel_call *call)
{
    const struct graph_value *in_a = kernel_in(call, 0);
    const struct graph_value *in_b = kernel_in(call, 1);
    int64_t stride_a[GRAPH_MAX_RANK], stride_b[GRAPH_MAX_RANK];
    struct kernel_walk a = {0}, b = {0};

    kernel_broadcast_strides(call, 0, stride_a);
    kernel_broadcast_strides(call, 1, stride_b);
    if (in_a->type == GRAPH_INT && in_b->type == GRAPH_INT)
        return run_ints(call, stride_a, stride_b);
    for (size_t i = 0; i < call->count; i++) {
        float result = kernel_clamped(
            call->node,
            float_of(call->node, float_at(in_a, call->inputs[0], a.offset),
                     float_at(in_b, call->inputs[1], b.offset)));

        if (call->to->type == GRAPH_INT)
            ((int64_t *)call->out)[i] = kernel_to_int((double)result);
        else
            ((float *)call->out)[i] = result;
        kernel_walk_next(&a, &call->to->shape, stride_a);
        kernel_walk_next(&b, &call->to->shape, stride_b);
    }
    return true;
}

bool kernel_where(const struct kernel_call *call)
{
    size_t size = kernel_size_of(call->to);
    int64_t stride[3][GRAPH_MAX_RANK];
    struct kernel_walk walk[3] = {0};

    for (uint32_t k = 0; k < 3; k++)
        kernel_broadcast_strides(call, k, stride[k]);
    for (size_t i = 0; i < call->count; i++) {
        int from =
            float_at(kernel_in(call, 0), call->inputs[0], walk[0].offset) != 0
                ? 1
                : 2;

        memcpy((char *)call->out + i * size,
               (const char *)call->inputs[from] +
                   (size_t)walk[from].offset * size,
               size);
        for (int k = 0; k < 3; k++)
            kernel_walk_next(&walk[k], &call->to->shape, stride[k]);
    }
    return true;
}

bool kernel_gate(const struct kernel_call *call)
{
    float low = call->node->gate.low, high = call->node->gate.high;
    const float *restrict y = call->inputs[0], *restrict g = call->inputs[1];
    float *restrict out = call->out;

    for (size_t i = 0; i < call->count; i++) {
        float passed = g[i]; /* read in any case, so that there is no branch */

        out[i] = (y[i] > low) & (y[i] < high) ? passed : 0;
    }
    for (size_t i = 0; graph_is_clamped(call->node) && i < call->count; i++)
        out[i] = kernel_clamped(call->node, out[i]);
    return true;
}

bool kernel_clamp(const struct kernel_call *call)
{
    int64_t min = kernel_to_int((double)call->node->min);
    int64_t max = kernel_to_int((double)call->node->max);

    for (size_t i = 0; i < call->count; i++)
        if (call->to->type == GRAPH_INT) {
            int64_t value = ((const int64_t *)call->inputs[0])[i];

            value = value < min ? min : value;
            ((int64_t *)call->out)[i] = value > max ? max : value;
        } else
            ((float *)call->out)[i] =
                kernel_clamped(call->node, ((const float *)call->inputs[0])[i]);
    return true;
}

/* Softmax, log-softmax or hardmax of `length` numbers that are `step` apart. */
static void softmax_line(enum graph_op op, const float *from, float *out,
                         size_t length, size_t step)
{
    float max = from[0], sum = 0;
    size_t largest = 0;

    for (size_t i = 1; i < length; i++)
        if (from[i * step] > max) {
            max = from[i * step];
            largest = i;
        }
    for (size_t i = 0; op != GRAPH_HARDMAX && i < length; i++)
        sum += out[i * step] = expf(from[i * step] - max);
    for (size_t i = 0; i < length; i++)
        if (op == GRAPH_HARDMAX)
            out[i * step] = i == largest;
        else if (op == GRAPH_LOG_SOFTMAX)
            out[i * step] = from[i * step] - max - logf(sum);
        else
            out[i * step] /= sum;
}

bool kernel_softmax(const struct kernel_call *call)
{
    const struct graph_node *node = call->node;
    const struct graph_shape *x = &kernel_in(call, 0)->shape;
    size_t axis = (size_t)node->axis, length = x->dim[axis], inner = 1;

    for (uint32_t i = (uint32_t)axis + 1; i < x->rank; i++)
        *(node->to_matrix ? &length : &inner) *= x->dim[i];
    for (size_t line = 0; line < call->count / length; line++) {
        size_t start = line / inner * inner * length + line % inner;

        softmax_line(node->op, (const float *)call->inputs[0] + start,
                     (float *)call->out + start, length, inner);
    }
    return true;
}

/* x / scale + zero point, rounded and clamped to the type's bounds. The bounds
 * are integers, so clamping may come before rounding. */
static void quantize(const struct graph_node *node, float *restrict out,
                     const float *restrict x, size_t count, float scale,
                     float zero)
{
    float low = node->quant.low - zero, high = node->quant.high - zero;

    for (size_t i = 0; i < count; i++) {
        float y = x[i] / scale;

        y = y > low ? y : low;
        y = y < high ? y : high;
        out[i] = kernel_round_small(y) + zero;
    }
}

static void dequantize(float *restrict out, const float *restrict x,
                       size_t count, float scale, float zero)
{
    for (size_t i = 0; i < count; i++)
        out[i] = (x[i] - zero) * scale;
}

/* How scales and zero points are assigned to elements: one for all, one for
 * each of the `length` elements along an axis, or one for each block along it
 * and each element of the other axes. */
struct scales {
    bool each;
    size_t length, block, inner; /* the elements after one of the axis */
    size_t row;                  /* consecutive elements that share a scale */
};

static struct scales scales_of(const struct kernel_call *call)
{
    const struct graph_node *node = call->node;
    const struct graph_shape *x = &kernel_in(call, 0)->shape;
    size_t axis = (size_t)node->quant.axis;
    struct scales scales = {
        .each = graph_shape_count(&kernel_in(call, 1)->shape) > 1,
        .block = node->quant.block,
        .inner = 1,
        .row = call->count,
    };

    if (!scales.each)
        return scales;
    scales.length = x->dim[axis];
    for (uint32_t i = (uint32_t)axis + 1; i < x->rank; i++)
        scales.inner *= x->dim[i];
    scales.row = scales.block > 0 ? 1 : scales.inner;
    return scales;
}

/* The index of the scale for the elements from `at` on. */
static size_t scale_at(const struct scales *scales, size_t at)
{
    size_t position, outer, blocks;

    if (!scales->each)
        return 0;
    position = at / scales->inner % scales->length;
    if (scales->block == 0)
        return position;
    outer = at / scales->inner / scales->length;
    blocks = (scales->length + scales->block - 1) / scales->block;
    return (outer * blocks + position / scales->block) * scales->inner +
           at % scales->inner;
}

/* QUANTIZE and DEQUANTIZE, one row of elements with the same scale at a
 * time. */
bool kernel_quantize(const struct kernel_call *call)
{
    const struct graph_node *node = call->node;
    const struct graph_value *x = kernel_in(call, 0), *zero = NULL;
    const struct scales scales = scales_of(call);

    if (node->num_inputs > 2)
        zero = kernel_in(call, 2);
    for (size_t at = 0; at < call->count; at += scales.row) {
        size_t c = scale_at(&scales, at);
        float factor = ((const float *)call->inputs[1])[c];
        float shift = zero ? float_at(zero, call->inputs[2], (int64_t)c) : 0;
        float *out = (float *)call->out + at;

        if (node->op == GRAPH_QUANTIZE)
            quantize(node, out, (const float *)call->inputs[0] + at, scales.row,
                     factor, shift);
        else if (x->type == GRAPH_FLOAT)
            dequantize(out, (const float *)call->inputs[0] + at, scales.row,
                       factor, shift);
        else
            for (size_t i = 0; i < scales.row; i++)
                out[i] =
                    (float_at(x, call->inputs[0], (int64_t)(at + i)) - shift) *
                    factor;
        for (size_t i = 0; graph_is_clamped(node) && i < scales.row; i++)
            out[i] = kernel_clamped(node, out[i]);
    }
    return true;
}

#include "kernel.h"

#include <math.h>
#include <string.h>

/* One node being run. */
struct call {
    const struct graph *graph;
    const struct graph_node *node;
    const void *const *inputs;
    void *out;
    const struct graph_value *to; /* the output's type and shape */
    size_t count;                 /* elements of the output */
    struct error *err;
};

static const struct graph_value *in(const struct call *call, uint32_t i)
{
    return graph_input(call->graph, call->node, i);
}

static size_t size_of(const struct graph_value *value)
{
    return value->type == GRAPH_INT ? sizeof(int64_t) : sizeof(float);
}

/* A walk over the output's elements in order, with the offset that belongs to
 * each in an array of other strides. */
struct walk {
    size_t index[GRAPH_MAX_RANK];
    int64_t offset;
};

static void walk_next(struct walk *walk, const struct graph_shape *shape,
                      const int64_t stride[GRAPH_MAX_RANK])
{
    for (uint32_t i = shape->rank; i-- > 0;) {
        walk->offset += stride[i];
        if (++walk->index[i] < shape->dim[i])
            return;
        walk->offset -= stride[i] * (int64_t)shape->dim[i];
        walk->index[i] = 0;
    }
}

/* Row-major strides, in elements. */
static void strides_of(const struct graph_shape *shape,
                       int64_t stride[GRAPH_MAX_RANK])
{
    int64_t step = 1;

    for (uint32_t i = shape->rank; i-- > 0;) {
        stride[i] = step;
        step *= (int64_t)shape->dim[i];
    }
}

/* Copies elements from offsets of the first input that walk by `stride`. */
static void copy_strided(const struct call *call, int64_t start,
                         const int64_t stride[GRAPH_MAX_RANK])
{
    struct walk walk = {.offset = start};
    size_t size = size_of(call->to);
    const char *from = call->inputs[0];
    char *to = call->out;

    for (size_t i = 0; i < call->count; i++) {
        memcpy(to + i * size, from + (size_t)walk.offset * size, size);
        walk_next(&walk, &call->to->shape, stride);
    }
}

/* Strides of an operand broadcast to the output. */
static void broadcast_strides(const struct call *call, uint32_t operand,
                              int64_t stride[GRAPH_MAX_RANK])
{
    const struct graph_shape *shape = &in(call, operand)->shape;
    uint32_t missing = call->to->shape.rank - shape->rank;
    int64_t own[GRAPH_MAX_RANK];

    strides_of(shape, own);
    for (uint32_t i = 0; i < call->to->shape.rank; i++)
        stride[i] =
            i < missing || shape->dim[i - missing] == 1 ? 0 : own[i - missing];
}

static float float_of(enum graph_op op, float a, float b)
{
    switch (op) {
    case GRAPH_ADD:
        return a + b;
    case GRAPH_SUB:
        return a - b;
    case GRAPH_MUL:
        return a * b;
    default:
        return a / b;
    }
}

/* Wraps around, as two's complement does. */
static int64_t int_of(enum graph_op op, int64_t a, int64_t b)
{
    switch (op) {
    case GRAPH_ADD:
        return (int64_t)((uint64_t)a + (uint64_t)b);
    case GRAPH_SUB:
        return (int64_t)((uint64_t)a - (uint64_t)b);
    case GRAPH_MUL:
        return (int64_t)((uint64_t)a * (uint64_t)b);
    default:
        return b == -1 ? (int64_t) - (uint64_t)a : a / b;
    }
}

/* Towards zero; what does not fit becomes the nearest that does. */
static int64_t to_int(double value)
{
    if (!(value > -9.2e18))
        return INT64_MIN;
    return value < 9.2e18 ? (int64_t)value : INT64_MAX;
}

static float clamped(const struct graph_node *node, float value)
{
    return fminf(fmaxf(value, node->min), node->max);
}

static bool run_binary(const struct call *call)
{
    int64_t stride_a[GRAPH_MAX_RANK], stride_b[GRAPH_MAX_RANK];
    struct walk a = {0}, b = {0};
    enum graph_op op = call->node->op;

    broadcast_strides(call, 0, stride_a);
    broadcast_strides(call, 1, stride_b);
    for (size_t i = 0; i < call->count; i++) {
        if (call->to->type == GRAPH_INT) {
            int64_t of_a = ((const int64_t *)call->inputs[0])[a.offset];
            int64_t of_b = ((const int64_t *)call->inputs[1])[b.offset];

            if (op == GRAPH_DIV && of_b == 0)
                return fail(call->err, ERROR_INPUT, "it divides by zero");
            ((int64_t *)call->out)[i] = int_of(op, of_a, of_b);
        } else {
            ((float *)call->out)[i] =
                clamped(call->node,
                        float_of(op, ((const float *)call->inputs[0])[a.offset],
                                 ((const float *)call->inputs[1])[b.offset]));
        }
        walk_next(&a, &call->to->shape, stride_a);
        walk_next(&b, &call->to->shape, stride_b);
    }
    return true;
}

static bool run_clamp(const struct call *call)
{
    for (size_t i = 0; i < call->count; i++)
        if (call->to->type == GRAPH_INT)
            ((int64_t *)call->out)[i] = to_int(clamped(
                call->node, (float)((const int64_t *)call->inputs[0])[i]));
        else
            ((float *)call->out)[i] =
                clamped(call->node, ((const float *)call->inputs[0])[i]);
    return true;
}

static bool run_pad(const struct call *call)
{
    const struct graph_shape *x = &in(call, 0)->shape;
    struct walk to = {0}, from = {0};
    int64_t stride[GRAPH_MAX_RANK], own[GRAPH_MAX_RANK], start = 0;
    size_t size = size_of(call->to), num = graph_shape_count(x);
    float value = call->node->pad.value;

    for (size_t i = 0; i < call->count; i++)
        if (call->to->type == GRAPH_INT)
            ((int64_t *)call->out)[i] = to_int(value);
        else
            ((float *)call->out)[i] = value;
    strides_of(&call->to->shape, stride);
    strides_of(x, own);
    for (uint32_t i = 0; i < x->rank; i++)
        start += stride[i] * (int64_t)call->node->pad.before[i];
    to.offset = start;
    /* Walk the input; `from` counts its elements in order. */
    for (size_t i = 0; i < num; i++) {
        memcpy((char *)call->out + (size_t)to.offset * size,
               (const char *)call->inputs[0] + (size_t)from.offset * size,
               size);
        walk_next(&to, x, stride);
        walk_next(&from, x, own);
    }
    return true;
}

static bool run_mean(const struct call *call)
{
    const struct graph_node *node = call->node;
    const struct graph_shape *x = &in(call, 0)->shape;
    int64_t stride[GRAPH_MAX_RANK];
    struct walk to = {0};
    size_t num = graph_shape_count(x);
    float *out = call->out, share = (float)call->count / (float)num;
    int64_t step = 1;

    for (uint32_t i = x->rank; i-- > 0;) {
        stride[i] = node->reduce.axis[i] ? 0 : step;
        if (!node->reduce.axis[i])
            step *= (int64_t)x->dim[i];
    }
    memset(out, 0, call->count * sizeof *out);
    for (size_t i = 0; i < num; i++) {
        out[to.offset] += ((const float *)call->inputs[0])[i];
        walk_next(&to, x, stride);
    }
    for (size_t i = 0; i < call->count; i++)
        out[i] = clamped(node, out[i] * share);
    return true;
}

static bool run_softmax(const struct call *call)
{
    const struct graph_shape *x = &in(call, 0)->shape;
    size_t axis = (size_t)call->node->axis, length = x->dim[axis], inner = 1;
    const float *from = call->inputs[0];
    float *out = call->out;

    for (uint32_t i = (uint32_t)axis + 1; i < x->rank; i++)
        inner *= x->dim[i];
    for (size_t line = 0; line < call->count / length; line++) {
        size_t start = line / inner * inner * length + line % inner;
        float max = -INFINITY, sum = 0;

        for (size_t i = 0; i < length; i++)
            max = fmaxf(max, from[start + i * inner]);
        for (size_t i = 0; i < length; i++)
            sum += out[start + i * inner] = expf(from[start + i * inner] - max);
        for (size_t i = 0; i < length; i++)
            out[start + i * inner] /= sum;
    }
    return true;
}

/* RESHAPE and IDENTITY */
static bool run_copy(const struct call *call)
{
    if (call->count > 0)
        memcpy(call->out, call->inputs[0], call->count * size_of(call->to));
    return true;
}

static bool run_expand(const struct call *call)
{
    int64_t stride[GRAPH_MAX_RANK];

    broadcast_strides(call, 0, stride);
    copy_strided(call, 0, stride);
    return true;
}

static bool run_transpose(const struct call *call)
{
    int64_t own[GRAPH_MAX_RANK], stride[GRAPH_MAX_RANK];

    strides_of(&in(call, 0)->shape, own);
    for (uint32_t i = 0; i < call->to->shape.rank; i++)
        stride[i] = own[call->node->perm[i]];
    copy_strided(call, 0, stride);
    return true;
}

static bool run_slice(const struct call *call)
{
    int64_t own[GRAPH_MAX_RANK], stride[GRAPH_MAX_RANK], start = 0;

    strides_of(&in(call, 0)->shape, own);
    for (uint32_t i = 0; i < call->to->shape.rank; i++) {
        start += own[i] * call->node->slice.start[i];
        stride[i] = own[i] * call->node->slice.step[i];
    }
    copy_strided(call, start, stride);
    return true;
}

/* Elements after an axis, in bytes. */
static size_t inner_bytes(const struct graph_value *value, size_t axis)
{
    size_t bytes = size_of(value);

    for (uint32_t i = (uint32_t)axis + 1; i < value->shape.rank; i++)
        bytes *= value->shape.dim[i];
    return bytes;
}

static bool run_concat(const struct call *call)
{
    size_t axis = (size_t)call->node->axis, done = 0;
    size_t inner = inner_bytes(call->to, axis);
    size_t row = inner * call->to->shape.dim[axis];
    size_t total = call->count * size_of(call->to);

    for (uint32_t n = 0; n < call->node->num_inputs; n++) {
        size_t part = inner * in(call, n)->shape.dim[axis];
        const char *from = call->inputs[n];

        for (size_t at = done; part > 0 && at < total; at += row) {
            memcpy((char *)call->out + at, from, part);
            from += part;
        }
        done += part;
    }
    return true;
}

static bool run_gather(const struct call *call)
{
    const struct graph_value *x = in(call, 0), *indices = in(call, 1);
    size_t axis = (size_t)call->node->axis, inner = inner_bytes(x, axis);
    int64_t length = (int64_t)x->shape.dim[axis];
    size_t num = graph_shape_count(&indices->shape), outer = 1;
    char *to = call->out;

    for (uint32_t i = 0; i < axis; i++)
        outer *= x->shape.dim[i];
    for (size_t o = 0; o < outer; o++)
        for (size_t i = 0; i < num; i++) {
            int64_t index = ((const int64_t *)call->inputs[1])[i];

            if (index < -length || index >= length)
                return fail(call->err, ERROR_INPUT,
                            "index %lld is not one of %lld", (long long)index,
                            (long long)length);
            index += index < 0 ? length : 0;
            memcpy(to,
                   (const char *)call->inputs[0] +
                       (o * (size_t)length + (size_t)index) * inner,
                   inner);
            to += inner;
        }
    return true;
}

static bool run_shape(const struct call *call)
{
    size_t start = (size_t)call->node->dims.start;

    for (size_t i = 0; i < call->count; i++)
        ((int64_t *)call->out)[i] = (int64_t)in(call, 0)->shape.dim[start + i];
    return true;
}

static bool run_fill(const struct call *call)
{
    for (size_t i = 0; i < call->count; i++)
        if (call->to->type == GRAPH_INT)
            ((int64_t *)call->out)[i] = to_int(call->node->fill.value);
        else
            ((float *)call->out)[i] = (float)call->node->fill.value;
    return true;
}

static bool run_cast(const struct call *call)
{
    enum graph_type from = in(call, 0)->type;

    if (from == call->to->type)
        return run_copy(call);
    for (size_t i = 0; i < call->count; i++) {
        if (from == GRAPH_INT) {
            ((float *)call->out)[i] =
                (float)((const int64_t *)call->inputs[0])[i];
        } else {
            ((int64_t *)call->out)[i] =
                to_int(((const float *)call->inputs[0])[i]);
        }
    }
    return true;
}

static bool (*const kernels[GRAPH_NUM_OPS])(const struct call *call) = {
    [GRAPH_ADD] = run_binary,    [GRAPH_SUB] = run_binary,
    [GRAPH_MUL] = run_binary,    [GRAPH_DIV] = run_binary,
    [GRAPH_CLAMP] = run_clamp,   [GRAPH_PAD] = run_pad,
    [GRAPH_MEAN] = run_mean,     [GRAPH_SOFTMAX] = run_softmax,
    [GRAPH_RESHAPE] = run_copy,  [GRAPH_TRANSPOSE] = run_transpose,
    [GRAPH_CONCAT] = run_concat, [GRAPH_SLICE] = run_slice,
    [GRAPH_GATHER] = run_gather, [GRAPH_SHAPE] = run_shape,
    [GRAPH_EXPAND] = run_expand, [GRAPH_FILL] = run_fill,
    [GRAPH_CAST] = run_cast,     [GRAPH_IDENTITY] = run_copy,
};

bool kernel_supports(const struct graph_node *node)
{
    return kernels[node->op] != NULL;
}

bool kernel_run(const struct graph *graph, const struct graph_node *node,
                const void *const *inputs, void *const *outputs,
                struct error *err)
{
    struct call call = {
        .graph = graph,
        .node = node,
        .inputs = inputs,
        .out = outputs[0],
        .to = graph_output(graph, node, 0),
        .err = err,
    };

    call.count = graph_shape_count(&call.to->shape);
    return call.count == 0 || kernels[node->op](&call);
}

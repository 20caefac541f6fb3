#include "engine/kernel/kernel.h"

#include <math.h>
#include <string.h>

#include "engine/kernel/kernel_call.h"

const struct graph_value *kernel_in(const struct kernel_call *call, uint32_t i)
{
    return graph_input(call->graph, call->node, i);
}

size_t kernel_size_of(const struct graph_value *value)
{
    return value->type == GRAPH_INT ? sizeof(int64_t) : sizeof(float);
}

void kernel_walk_next(struct kernel_walk *walk, const struct graph_shape *shape,
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

void kernel_strides(const struct graph_shape *shape,
                    int64_t stride[GRAPH_MAX_RANK])
{
    int64_t step = 1;

    for (uint32_t i = shape->rank; i-- > 0;) {
        stride[i] = step;
        step *= (int64_t)shape->dim[i];
    }
}

void kernel_broadcast_strides(const struct kernel_call *call, uint32_t operand,
                              int64_t stride[GRAPH_MAX_RANK])
{
    const struct graph_shape *shape = &kernel_in(call, operand)->shape;
    uint32_t missing = call->to->shape.rank - shape->rank;
    int64_t own[GRAPH_MAX_RANK];

    kernel_strides(shape, own);
    for (uint32_t i = 0; i < call->to->shape.rank; i++)
        stride[i] =
            i < missing || shape->dim[i - missing] == 1 ? 0 : own[i - missing];
}

int64_t kernel_to_int(double value)
{
    if (!(value > -9.2e18))
        return INT64_MIN;
    return value < 9.2e18 ? (int64_t)value : INT64_MAX;
}

float kernel_clamped(const struct graph_node *node, float value)
{
    value = value < node->min ? node->min : value; /* not a number stays so */
    return value > node->max ? node->max : value;
}

static bool (*const kernels[GRAPH_NUM_OPS])(const struct kernel_call *call) = {
    [GRAPH_ADD] = kernel_binary,
    [GRAPH_SUB] = kernel_binary,
    [GRAPH_MUL] = kernel_binary,
    [GRAPH_DIV] = kernel_binary,
    [GRAPH_POW] = kernel_binary,
    [GRAPH_MIN] = kernel_binary,
    [GRAPH_MAX] = kernel_binary,
    [GRAPH_MOD] = kernel_binary,
    [GRAPH_PRELU] = kernel_binary,
    [GRAPH_EQUAL] = kernel_binary,
    [GRAPH_LESS] = kernel_binary,
    [GRAPH_LESS_EQUAL] = kernel_binary,
    [GRAPH_AND] = kernel_binary,
    [GRAPH_OR] = kernel_binary,
    [GRAPH_XOR] = kernel_binary,
    [GRAPH_WHERE] = kernel_where,
    [GRAPH_UNARY] = kernel_unary,
    [GRAPH_CLAMP] = kernel_clamp,
    [GRAPH_PAD] = kernel_pad,
    [GRAPH_QUANTIZE] = kernel_quantize,
    [GRAPH_DEQUANTIZE] = kernel_quantize,
    [GRAPH_MATMUL] = kernel_matmul,
    [GRAPH_BATCH_NORM] = kernel_batch_norm,
    [GRAPH_REDUCE] = kernel_reduce,
    [GRAPH_NORM] = kernel_norm,
    [GRAPH_LRN] = kernel_lrn,
    [GRAPH_LOG_SOFTMAX] = kernel_softmax,
    [GRAPH_HARDMAX] = kernel_softmax,
    [GRAPH_MEAN] = kernel_reduce,
    [GRAPH_SOFTMAX] = kernel_softmax,
    [GRAPH_RESHAPE] = kernel_copy,
    [GRAPH_TRANSPOSE] = kernel_transpose,
    [GRAPH_CONCAT] = kernel_concat,
    [GRAPH_SLICE] = kernel_slice,
    [GRAPH_GATHER] = kernel_gather,
    [GRAPH_SHAPE] = kernel_shape,
    [GRAPH_EXPAND] = kernel_expand,
    [GRAPH_FILL] = kernel_fill,
    [GRAPH_CONV] = kernel_conv,
    [GRAPH_DECONV] = kernel_conv,
    [GRAPH_RESIZE] = kernel_resize,
    [GRAPH_DEPTH_TO_SPACE] = kernel_block,
    [GRAPH_SPACE_TO_DEPTH] = kernel_block,
    [GRAPH_GATHER_ELEMENTS] = kernel_gather_elements,
    [GRAPH_GATHER_ND] = kernel_gather_nd,
    [GRAPH_RANGE] = kernel_range,
    [GRAPH_NONZERO] = kernel_nonzero,
    [GRAPH_CUMSUM] = kernel_cumsum,
    [GRAPH_EYE] = kernel_eye,
    [GRAPH_TRILU] = kernel_trilu,
    [GRAPH_ONE_HOT] = kernel_one_hot,
    [GRAPH_SCATTER_ELEMENTS] = kernel_scatter_elements,
    [GRAPH_SCATTER_ND] = kernel_scatter_nd,
    [GRAPH_MAX_POOL] = kernel_pool,
    [GRAPH_AVERAGE_POOL] = kernel_pool,
    [GRAPH_LP_POOL] = kernel_pool,
    [GRAPH_CAST] = kernel_cast,
    [GRAPH_IDENTITY] = kernel_copy,
};

bool kernel_supports(const struct graph_node *node)
{
    return kernels[node->op] != NULL;
}

bool kernel_run(const struct graph *graph, const struct graph_node *node,
                const void *const *inputs, void *const *outputs,
                struct error *err)
{
    struct kernel_call call = {
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

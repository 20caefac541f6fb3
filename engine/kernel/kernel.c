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
    value = value < node->min ? node->min : value; /* NaN stays NaN */
    return value > node->max ? node->max : value;
}

bool kernel_none(const struct kernel_call *call)
{
    return fail(call->err, ERROR_INTERNAL, "%s has no kernel",
                graph_op_name(call->node->op));
}

static bool (*const kernels[GRAPH_NUM_OPS])(const struct kernel_call *call) = {
#define X(op, name, floats, facts, work, shape, layout, kernel, ...) \
    [op] = kernel_##kernel,
    GRAPH_OPS(X)
#undef X
};

bool kernel_supports(const struct graph_node *node)
{
    return kernels[node->op] != kernel_none;
}

bool kernel_run(const struct graph *graph, const struct graph_node *node,
                const void *const *inputs, void *const *outputs,
                struct team_member *member, struct error *err)
{
    struct kernel_call call = {
        .graph = graph,
        .node = node,
        .inputs = inputs,
        .out = outputs[0],
        .to = graph_output(graph, node, 0),
        .member = member,
        .err = err,
    };

    call.count = graph_shape_count(&call.to->shape);
    return call.count == 0 || kernels[node->op](&call);
}

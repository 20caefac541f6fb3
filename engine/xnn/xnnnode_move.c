/* Operations that rearrange. */

#include <stdlib.h>

#include "engine/xnn/xnnnode.h"

static bool supports_pad(const struct graph *graph,
                         const struct graph_node *node)
{
    for (uint32_t i = 0; i < graph_output(graph, node, 0)->shape.rank; i++)
        if (node->pad.before[i] < 0 || node->pad.after[i] < 0)
            return false;
    return node->pad.mode == GRAPH_PAD_CONSTANT;
}

static enum xnn_status define_pad(struct xnnnode_builder *builder,
                                  const struct graph_node *node)
{
    size_t before[GRAPH_MAX_RANK], after[GRAPH_MAX_RANK];

    for (int i = 0; i < GRAPH_MAX_RANK; i++) {
        before[i] = (size_t)node->pad.before[i];
        after[i] = (size_t)node->pad.after[i];
    }
    return xnn_define_static_constant_pad(
        builder->subgraph, before, after, node->pad.value,
        xnnnode_in(builder, node, 0), xnnnode_out(builder, node), 0);
}

static enum xnn_status define_reshape(struct xnnnode_builder *builder,
                                      const struct graph_node *node)
{
    const struct graph_shape *shape =
        &graph_output(builder->graph, node, 0)->shape;

    return xnn_define_static_reshape(builder->subgraph, shape->rank, shape->dim,
                                     xnnnode_in(builder, node, 0),
                                     xnnnode_out(builder, node), 0);
}

#if XNN_IS_2024
/* An operand of a concatenation: a value, and its length along the axis. */
struct part {
    uint32_t id;
    size_t length;
};

/* Concatenates 2 to 5 parts. */
static enum xnn_status join_parts(struct xnnnode_builder *builder, int32_t axis,
                                  const struct part *parts, size_t num,
                                  uint32_t out)
{
    xnn_subgraph_t subgraph = builder->subgraph;

    switch (num) {
    case 2:
        return xnn_define_concatenate2(subgraph, axis, parts[0].id, parts[1].id,
                                       out, 0);
    case 3:
        return xnn_define_concatenate3(subgraph, axis, parts[0].id, parts[1].id,
                                       parts[2].id, out, 0);
    case 4:
        return xnn_define_concatenate4(subgraph, axis, parts[0].id, parts[1].id,
                                       parts[2].id, parts[3].id, out, 0);
    default:
        return xnn_define_concatenate5(subgraph, axis, parts[0].id, parts[1].id,
                                       parts[2].id, parts[3].id, parts[4].id,
                                       out, 0);
    }
}

/* Replaces five operands by their concatenation until at most five are left.
 * New ones are appended, so each element is copied about log5 times; the order
 * is kept. */
static enum xnn_status join_all(struct xnnnode_builder *builder, int32_t axis,
                                struct part *parts, size_t num,
                                struct graph_shape shape, uint32_t out)
{
    enum xnn_status status = xnn_status_success;

    while (status == xnn_status_success && num > 5) {
        size_t made = 0;

        for (size_t i = 0; status == xnn_status_success && i < num; i += 5) {
            size_t count = num - i < 5 ? num - i : 5;
            struct part whole = {.id = XNN_INVALID_VALUE_ID};

            for (size_t k = i; k < i + count; k++)
                whole.length += parts[k].length;
            if (count == 1) {
                parts[made++] = parts[i];
                continue;
            }
            shape.dim[axis] = whole.length;
            status = xnn_define_tensor_value(
                builder->subgraph, xnn_datatype_fp32, shape.rank, shape.dim,
                NULL, XNN_INVALID_VALUE_ID, 0, &whole.id);
            if (status == xnn_status_success)
                status = join_parts(builder, axis, &parts[i], count, whole.id);
            parts[made++] = whole;
        }
        num = made;
    }
    return status == xnn_status_success
               ? join_parts(builder, axis, parts, num, out)
               : status;
}

static bool supports_concat(const struct graph *graph,
                            const struct graph_node *node)
{
    for (uint32_t i = 0; i < node->num_inputs; i++)
        if (graph_shape_count(&graph_input(graph, node, i)->shape) == 0)
            return false;
    return node->num_inputs > 1;
}

static enum xnn_status define_concat(struct xnnnode_builder *builder,
                                     const struct graph_node *node)
{
    struct part *parts = calloc(node->num_inputs, sizeof *parts);
    enum xnn_status status;

    if (!parts)
        return xnn_status_out_of_memory;
    for (uint32_t i = 0; i < node->num_inputs; i++) {
        parts[i].id = xnnnode_in(builder, node, i);
        parts[i].length =
            graph_input(builder->graph, node, i)->shape.dim[node->axis];
    }
    status = join_all(builder, (int32_t)node->axis, parts, node->num_inputs,
                      graph_output(builder->graph, node, 0)->shape,
                      xnnnode_out(builder, node));
    free(parts);
    return status;
}

static bool supports_slice(const struct graph *graph,
                           const struct graph_node *node)
{
    for (uint32_t i = 0; i < graph_output(graph, node, 0)->shape.rank; i++)
        if (node->slice.step[i] != 1)
            return false;
    return true;
}

static enum xnn_status define_slice(struct xnnnode_builder *builder,
                                    const struct graph_node *node)
{
    const struct graph_shape *shape =
        &graph_output(builder->graph, node, 0)->shape;
    size_t start[GRAPH_MAX_RANK] = {0};

    for (uint32_t i = 0; i < shape->rank; i++)
        start[i] = (size_t)node->slice.start[i];
    return xnn_define_static_slice(builder->subgraph, shape->rank, start,
                                   shape->dim, xnnnode_in(builder, node, 0),
                                   xnnnode_out(builder, node), 0);
}

static enum xnn_status define_transpose(struct xnnnode_builder *builder,
                                        const struct graph_node *node)
{
    return xnn_define_static_transpose(
        builder->subgraph, graph_input(builder->graph, node, 0)->shape.rank,
        node->perm, xnnnode_in(builder, node, 0), xnnnode_out(builder, node),
        0);
}
#endif

const struct xnnnode_row xnnnode_move_rows[GRAPH_NUM_OPS] = {
    [GRAPH_PAD] = {supports_pad, define_pad},
    [GRAPH_RESHAPE] = {NULL, define_reshape},
#if XNN_IS_2024
    [GRAPH_CONCAT] = {supports_concat, define_concat},
    [GRAPH_SLICE] = {supports_slice, define_slice},
    [GRAPH_TRANSPOSE] = {NULL, define_transpose},
#endif
};

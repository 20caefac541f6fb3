#include "engine/xnn/xnnnode.h"

static uint32_t id_of(const struct xnnnode_builder *builder, int value)
{
    return value == GRAPH_NONE ? XNN_INVALID_VALUE_ID : builder->ids[value];
}

uint32_t xnnnode_in(const struct xnnnode_builder *builder,
                    const struct graph_node *node, uint32_t i)
{
    return i < node->num_inputs ? id_of(builder, node->inputs[i])
                                : XNN_INVALID_VALUE_ID;
}

uint32_t xnnnode_out(const struct xnnnode_builder *builder,
                     const struct graph_node *node)
{
    return id_of(builder, node->outputs[0]);
}

/* NULL: no family has the operation. */
static const struct xnnnode_row *row_of(const struct graph_node *node)
{
    const struct xnnnode_row *const families[] = {
        xnnnode_math_rows, xnnnode_window_rows, xnnnode_move_rows};

    for (size_t i = 0; i < sizeof families / sizeof families[0]; i++)
        if (families[i][node->op].define)
            return &families[i][node->op];
    return NULL;
}

bool xnnnode_supports(const struct graph *graph, const struct graph_node *node)
{
    const struct xnnnode_row *row = row_of(node);

    /* An empty range is legal in ONNX, but an error in XNNPACK. */
    return row && node->min < node->max &&
           (!row->supports || row->supports(graph, node));
}

enum xnn_status xnnnode_define(struct xnnnode_builder *builder,
                               const struct graph_node *node)
{
    return row_of(node)->define(builder, node);
}

/* Layout of reductions. */

#include "engine/passes/graph_layout.h"

#include <string.h>

#include "engine/passes/graph_build.h"

/* Turns the maximum over all pixels, stored as NHWC, into a pooling. */
static void to_max_pool(struct graph_node *node, const struct graph_shape *x)
{
    const bool *axis = node->reduce.axis;

    if (node->op != GRAPH_REDUCE || node->reduce.function != GRAPH_REDUCE_MAX ||
        x->rank != 4 || axis[0] || !axis[1] || !axis[2] || axis[3])
        return;
    node->op = GRAPH_MAX_POOL;
    node->nhwc = true;
    memset(&node->pool, 0, sizeof node->pool);
    for (int i = 0; i < 2; i++) {
        node->pool.window.kernel[i] = x->dim[1 + i];
        node->pool.window.stride[i] = node->pool.window.dilation[i] = 1;
    }
}

/* The storage that global pooling of (1, C, H, W) or (1, H, W, C) requires:
 * pixel by pixel; NULL for other nodes. */
static const size_t *pixels_of(const struct graph_node *node, uint32_t rank)
{
    const bool *axis = node->reduce.axis;

    if (rank != 4 || axis[0] || !axis[2] || axis[1] == axis[3] ||
        (node->op != GRAPH_MEAN && node->reduce.function != GRAPH_REDUCE_MAX))
        return NULL;
    return axis[1] ? graph_layout_identity : graph_layout_nchw;
}

/* Stores the operand of global pooling as required, for all of its users. */
static bool store_pixels(struct layout_pass *pass,
                         const struct graph_node *node)
{
    int x = node->inputs[0];
    struct layout_view view = graph_layout_view(pass, x);
    const struct graph_shape *stored = &pass->graph->values[view.stored].shape;
    const size_t *wanted = pixels_of(node, stored->rank);
    int value;

    if (!wanted || !graph_layout_order_matters(stored, view.perm, wanted))
        return true;
    value = graph_layout_stored_as(pass, x, wanted);
    if (value != GRAPH_NONE)
        graph_layout_set_view(pass, x, value, wanted);
    return value != GRAPH_NONE;
}

/* Afterwards every mean keeps its axes; a reshape removes them if the file says
 * so. */
bool graph_layout_mean(struct layout_pass *pass, struct graph_node *node)
{
    struct graph_node mean = *node;
    struct layout_view view;
    const struct graph_shape *x;
    int full;

    if (!store_pixels(pass, node))
        return false;
    view = graph_layout_view(pass, node->inputs[0]);
    x = &pass->graph->values[view.stored].shape;
    for (uint32_t i = 0; i < x->rank; i++)
        mean.reduce.axis[view.perm[i]] = node->reduce.axis[i];
    mean.reduce.keep_dims = true;
    to_max_pool(&mean, x);
    if (node->reduce.keep_dims) {
        *node = mean;
        return graph_layout_any(pass, node);
    }
    full = graph_build(pass->graph, &mean, &view.stored, 1, pass->err);
    /* From the stored order, through the file's order, to the file's shape. */
    if (full != GRAPH_NONE)
        full = graph_layout_transposed(pass, full, view.perm);
    if (full == GRAPH_NONE)
        return false;
    node->op = GRAPH_RESHAPE;
    node->inputs[0] = full;
    graph_layout_set_view(pass, node->outputs[0], node->outputs[0],
                          graph_layout_identity);
    return graph_layout_emit(pass, node);
}

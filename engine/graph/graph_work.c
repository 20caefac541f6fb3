/* The work of a node, by the function that its row names. */

#include "engine/graph/graph.h"

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static const struct graph_shape *
shape_of(const struct graph *graph, const struct graph_node *node, uint32_t i)
{
    return &graph_input(graph, node, i)->shape;
}

static size_t work_one(const struct graph *graph, const struct graph_node *node)
{
    (void)graph;
    (void)node;
    return 1;
}

/* One filter. */
static size_t work_conv(const struct graph *graph,
                        const struct graph_node *node)
{
    const struct graph_shape *w = shape_of(graph, node, 1);

    return graph_shape_count(w) / w->dim[node->conv.depthwise ? 3 : 0];
}

static size_t work_deconv(const struct graph *graph,
                          const struct graph_node *node)
{
    const struct graph_shape *w = shape_of(graph, node, 1);

    return graph_shape_count(w) / w->dim[!node->nhwc            ? 1
                                         : node->conv.depthwise ? 3
                                                                : 0];
}

static size_t work_taps(const struct graph *graph,
                        const struct graph_node *node)
{
    return shape_of(graph, node, 1)->dim[1];
}

/* A window larger than the input reads the whole input. */
static size_t work_window(const struct graph *graph,
                          const struct graph_node *node)
{
    const struct graph_shape *x = shape_of(graph, node, 0);
    const size_t *kernel = node->pool.window.kernel;
    size_t rows = node->nhwc ? 1 : 2;

    return smaller(kernel[0], x->dim[rows]) *
           smaller(kernel[1], x->dim[rows + 1]);
}

static size_t work_channels(const struct graph *graph,
                            const struct graph_node *node)
{
    return shape_of(graph, node, 0)->dim[node->lrn.channel];
}

static size_t work_linear(const struct graph *graph,
                          const struct graph_node *node)
{
    return shape_of(graph, node, 1)->dim[1];
}

static size_t work_matmul(const struct graph *graph,
                          const struct graph_node *node)
{
    const struct graph_shape *a = shape_of(graph, node, 0);

    return a->dim[node->gemm.transpose_a ? 0 : a->rank - 1];
}

/* One product for each iteration of the loops that are summed. */
static size_t work_einsum(const struct graph *graph,
                          const struct graph_node *node)
{
    size_t count = 1;

    for (uint32_t i = graph_output(graph, node, 0)->shape.rank;
         i < node->einsum.num_loops; i++)
        count *= node->einsum.length[i];
    return count;
}

size_t graph_work(const struct graph *graph, const struct graph_node *node)
{
    static size_t (*const works[GRAPH_NUM_OPS])(
        const struct graph *graph, const struct graph_node *node) = {
#define X(op, name, floats, facts, work, ...) [op] = work_##work,
        GRAPH_OPS(X)
#undef X
    };

    return graph_shape_count(&graph_output(graph, node, 0)->shape) *
           works[node->op](graph, node);
}

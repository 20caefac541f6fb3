/* Shapes, node by node in order, and the operands that must be constant. */

#include "engine/graph/graph.h"
#include "engine/passes/graph_const.h"
#include "engine/passes/graph_site.h"

static bool (*const rules[GRAPH_NUM_OPS])(struct graph_site *site) = {
    [GRAPH_ADD] = graph_shape_binary,
    [GRAPH_SUB] = graph_shape_binary,
    [GRAPH_MUL] = graph_shape_binary,
    [GRAPH_DIV] = graph_shape_binary,
    [GRAPH_POW] = graph_shape_pow,
    [GRAPH_MIN] = graph_shape_binary,
    [GRAPH_MAX] = graph_shape_binary,
    [GRAPH_MOD] = graph_shape_binary,
    [GRAPH_PRELU] = graph_shape_prelu,
    [GRAPH_EQUAL] = graph_shape_binary,
    [GRAPH_LESS] = graph_shape_binary,
    [GRAPH_LESS_EQUAL] = graph_shape_binary,
    [GRAPH_AND] = graph_shape_logical,
    [GRAPH_OR] = graph_shape_logical,
    [GRAPH_XOR] = graph_shape_logical,
    [GRAPH_WHERE] = graph_shape_where,
    [GRAPH_UNARY] = graph_shape_unary,
    [GRAPH_CLAMP] = graph_shape_clamp,
    [GRAPH_CONV] = graph_shape_conv,
    [GRAPH_BATCH_NORM] = graph_shape_batch_norm,
    [GRAPH_RESIZE] = graph_shape_resize,
    [GRAPH_DEPTH_TO_SPACE] = graph_shape_block,
    [GRAPH_SPACE_TO_DEPTH] = graph_shape_block,
    [GRAPH_DECONV] = graph_shape_deconv,
    [GRAPH_MAX_POOL] = graph_shape_pool,
    [GRAPH_AVERAGE_POOL] = graph_shape_pool,
    [GRAPH_LP_POOL] = graph_shape_pool,
    [GRAPH_PAD] = graph_shape_pad,
    [GRAPH_MEAN] = graph_shape_reduce,
    [GRAPH_QUANTIZE] = graph_shape_quantize,
    [GRAPH_DEQUANTIZE] = graph_shape_quantize,
    [GRAPH_REDUCE] = graph_shape_reduce,
    [GRAPH_NORM] = graph_shape_norm,
    [GRAPH_LRN] = graph_shape_lrn,
    [GRAPH_LOG_SOFTMAX] = graph_shape_softmax,
    [GRAPH_HARDMAX] = graph_shape_softmax,
    [GRAPH_LINEAR] = graph_shape_linear,
    [GRAPH_MATMUL] = graph_shape_matmul,
    [GRAPH_SOFTMAX] = graph_shape_softmax,
    [GRAPH_RESHAPE] = graph_shape_reshape,
    [GRAPH_TRANSPOSE] = graph_shape_transpose,
    [GRAPH_CONCAT] = graph_shape_concat,
    [GRAPH_SLICE] = graph_shape_slice,
    [GRAPH_GATHER] = graph_shape_gather,
    [GRAPH_GATHER_ELEMENTS] = graph_shape_gather_elements,
    [GRAPH_GATHER_ND] = graph_shape_gather_nd,
    [GRAPH_RANGE] = graph_shape_range,
    [GRAPH_NONZERO] = graph_shape_nonzero,
    [GRAPH_CUMSUM] = graph_shape_cumsum,
    [GRAPH_EYE] = graph_shape_eye,
    [GRAPH_TRILU] = graph_shape_trilu,
    [GRAPH_ONE_HOT] = graph_shape_one_hot,
    [GRAPH_SCATTER_ELEMENTS] = graph_shape_scatter_elements,
    [GRAPH_SCATTER_ND] = graph_shape_scatter_nd,
    [GRAPH_SHAPE] = graph_shape_of_shape,
    [GRAPH_EXPAND] = graph_shape_expand,
    [GRAPH_FILL] = graph_shape_fill,
    [GRAPH_CAST] = graph_shape_same,
    [GRAPH_IDENTITY] = graph_shape_same,
};

/* How many operands, from the first on, must be floats. What also serves
 * shape arithmetic takes integers too. */
static uint32_t num_floats(enum graph_op op)
{
    switch (op) {
    case GRAPH_CONV:
    case GRAPH_DECONV:
    case GRAPH_LINEAR:
    case GRAPH_MATMUL:
    case GRAPH_NORM:
        return 3;
    case GRAPH_BATCH_NORM:
        return 5;
    case GRAPH_MAX_POOL:
    case GRAPH_AVERAGE_POOL:
    case GRAPH_LP_POOL:
    case GRAPH_RESIZE:
    case GRAPH_DEPTH_TO_SPACE:
    case GRAPH_SPACE_TO_DEPTH:
    case GRAPH_MEAN:
    case GRAPH_SOFTMAX:
    case GRAPH_LOG_SOFTMAX:
    case GRAPH_HARDMAX:
    case GRAPH_LRN:
    case GRAPH_QUANTIZE:
        return 1;
    default:
        return 0;
    }
}

static bool infer_node(struct graph *graph, struct graph_node *node,
                       struct error *err)
{
    struct graph_site site = {.graph = graph, .node = node, .err = err};
    struct graph_value *out;

    for (uint32_t i = 0; i < node->num_inputs; i++) {
        const struct graph_value *value = graph_input(graph, node, i);

        if (value && value->type == GRAPH_INT && i < num_floats(node->op))
            return fail(err, ERROR_UNSUPPORTED, "its input %u is of integers",
                        i);
    }
    if (!rules[node->op](&site) || !graph_shape_check(&site.shape, err))
        return false;
    out = graph_output(graph, node, 0);
    out->shape = site.shape;
    out->has_shape = true;
    if (!graph_const_fold(graph, node, err))
        return false;
    if (!out->data && out->type == GRAPH_INT)
        return fail(err, ERROR_UNSUPPORTED,
                    "it computes integers from the picture");
    if (!out->data && graph_shape_count(&out->shape) == 0)
        return fail(err, ERROR_UNSUPPORTED, "its output is empty");
    return true;
}

/* Whether an operand is of unknown shape, for its node is a problem. */
static bool is_blocked(const struct graph *graph, const struct graph_node *node)
{
    for (uint32_t i = 0; i < node->num_inputs; i++) {
        const struct graph_value *value = graph_input(graph, node, i);

        if (value && !value->has_shape)
            return true;
    }
    return false;
}

/* The last node that takes each of the values that there are now; SIZE_MAX of
 * the graph's outputs. NULL: ERROR_MEMORY. */
static size_t *find_last_uses(struct graph *graph, struct error *err)
{
    size_t *last =
        arena_take(&graph->arena, graph->num_values + 1, sizeof *last, err);

    for (size_t n = 0; last && n < graph->num_nodes; n++)
        for (uint32_t i = 0; i < graph->nodes[n].num_inputs; i++)
            if (graph->nodes[n].inputs[i] != GRAPH_NONE)
                last[graph->nodes[n].inputs[i]] = n;
    for (size_t i = 0; last && i < graph->num_outputs; i++)
        last[graph->outputs[i]] = SIZE_MAX;
    return last;
}

/* Gives up what a constant was the last to be computed from. What a node takes
 * when it runs stays. */
static void drop_used(struct graph *graph, size_t n, size_t *last,
                      size_t num_last)
{
    const struct graph_node *node = &graph->nodes[n];
    bool is_constant = graph_output(graph, node, 0)->data != NULL;

    for (uint32_t i = 0; i < node->num_inputs; i++) {
        int value = node->inputs[i];

        if (value == GRAPH_NONE || (size_t)value >= num_last)
            continue;
        if (!is_constant)
            last[value] = SIZE_MAX;
        else if (last[value] == n)
            graph_const_drop(graph, value);
    }
}

bool graph_infer(struct graph *graph, struct error *err)
{
    struct graph_problems *problems = graph->problems;
    size_t num_last = graph->num_values;
    size_t *last = find_last_uses(graph, err);

    if (!last)
        return false;
    graph_const_allow(graph);
    for (size_t n = 0; n < graph->num_nodes; n++) {
        struct graph_node *node = &graph->nodes[n];

        if (problems && is_blocked(graph, node)) {
            problems->num_blocked++;
        } else if (!infer_node(graph, node, err)) {
            if (!graph_forgive(graph, node->name, node->onnx_op, err))
                return false;
            graph_output(graph, node, 0)->has_shape = false;
        } else {
            drop_used(graph, n, last, num_last);
        }
    }
    if (problems && problems->count > 0)
        return fail(err, ERROR_UNSUPPORTED,
                    "%zu of its nodes and inputs are not supported",
                    problems->count);
    graph_prune(graph);
    return true;
}

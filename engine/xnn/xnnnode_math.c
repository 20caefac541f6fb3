/* Operations that compute, element by element or over an axis. */

#include <math.h>

#include "engine/xnn/xnnnode.h"

static enum xnn_status define_linear(struct xnnnode_builder *builder,
                                     const struct graph_node *node)
{
    return xnn_define_fully_connected(
        builder->subgraph, node->min, node->max, xnnnode_in(builder, node, 0),
        xnnnode_in(builder, node, 1), xnnnode_in(builder, node, 2),
        xnnnode_out(builder, node), 0);
}

static bool supports_extreme(const struct graph *graph,
                             const struct graph_node *node)
{
    (void)graph;
    return !graph_is_clamped(node);
}

/* Supported: one constant slope for each element of the last axis. */
static bool supports_prelu(const struct graph *graph,
                           const struct graph_node *node)
{
    const struct graph_shape *x = &graph_input(graph, node, 0)->shape;
    const struct graph_value *slope = graph_input(graph, node, 1);
    uint32_t rank = slope->shape.rank;

    return !graph_is_clamped(node) && slope->data && rank > 0 &&
           rank <= x->rank &&
           slope->shape.dim[rank - 1] == x->dim[x->rank - 1] &&
           graph_shape_count(&slope->shape) == slope->shape.dim[rank - 1];
}

/* X(operation, whether a node is supported, XNNPACK's operation): two operands,
 * and a clamp. */
#if XNN_IS_2024
#define BINARIES(X)                                    \
    X(GRAPH_ADD, NULL, xnn_binary_add)                 \
    X(GRAPH_SUB, NULL, xnn_binary_subtract)            \
    X(GRAPH_MUL, NULL, xnn_binary_multiply)            \
    X(GRAPH_DIV, NULL, xnn_binary_divide)              \
    X(GRAPH_MIN, supports_extreme, xnn_binary_minimum) \
    X(GRAPH_MAX, supports_extreme, xnn_binary_maximum) \
    X(GRAPH_PRELU, supports_prelu, xnn_binary_prelu)
#else
#define BINARIES(X)                          \
    X(GRAPH_ADD, NULL, xnn_define_add2)      \
    X(GRAPH_SUB, NULL, xnn_define_subtract)  \
    X(GRAPH_MUL, NULL, xnn_define_multiply2) \
    X(GRAPH_DIV, NULL, xnn_define_divide)
#endif

static enum xnn_status define_binary(struct xnnnode_builder *builder,
                                     const struct graph_node *node)
{
#if XNN_IS_2024
    static const enum xnn_binary_operator operators[] = {
#define X(op, supports, operator) [op] = operator,
        BINARIES(X)
#undef X
    };
    struct xnn_binary_params params = {
        .output_min = (double)node->min,
        .output_max = (double)node->max,
    };

    return xnn_define_binary(builder->subgraph, operators[node->op], &params,
                             xnnnode_in(builder, node, 0),
                             xnnnode_in(builder, node, 1),
                             xnnnode_out(builder, node), 0);
#else
    static enum xnn_status (*const defines[])(xnn_subgraph_t, float, float,
                                              uint32_t, uint32_t, uint32_t,
                                              uint32_t) = {
#define X(op, supports, define) [op] = define,
        BINARIES(X)
#undef X
    };

    return defines[node->op](
        builder->subgraph, node->min, node->max, xnnnode_in(builder, node, 0),
        xnnnode_in(builder, node, 1), xnnnode_out(builder, node), 0);
#endif
}

#if !XNN_IS_2024
static enum xnn_status define_extreme(struct xnnnode_builder *builder,
                                      const struct graph_node *node)
{
    return (node->op == GRAPH_MIN ? xnn_define_minimum2 : xnn_define_maximum2)(
        builder->subgraph, xnnnode_in(builder, node, 0),
        xnnnode_in(builder, node, 1), xnnnode_out(builder, node), 0);
}

static enum xnn_status define_prelu(struct xnnnode_builder *builder,
                                    const struct graph_node *node)
{
    return xnn_define_prelu(builder->subgraph, xnnnode_in(builder, node, 0),
                            xnnnode_in(builder, node, 1),
                            xnnnode_out(builder, node), 0);
}
#endif

#if XNN_IS_2024
static const enum xnn_unary_operator unaries[GRAPH_NUM_FUNCTIONS] = {
    /* 0 stands for other functions */
    [GRAPH_ABS] = xnn_unary_abs,
    [GRAPH_CEIL] = xnn_unary_ceiling,
    [GRAPH_ELU] = xnn_unary_elu,
    [GRAPH_EXP] = xnn_unary_exp,
    [GRAPH_FLOOR] = xnn_unary_floor,
    [GRAPH_GELU] = xnn_unary_gelu,
    [GRAPH_HARD_SWISH] = xnn_unary_hardswish,
    [GRAPH_LEAKY_RELU] = xnn_unary_leaky_relu,
    [GRAPH_LOG] = xnn_unary_log,
    [GRAPH_NEGATE] = xnn_unary_negate,
    [GRAPH_ROUND] = xnn_unary_bankers_rounding,
    [GRAPH_SIGMOID] = xnn_unary_sigmoid,
    [GRAPH_SQRT] = xnn_unary_square_root,
    [GRAPH_SQUARE] = xnn_unary_square,
    [GRAPH_TANH] = xnn_unary_tanh,
};
#else
typedef enum xnn_status define_unary(xnn_subgraph_t subgraph, uint32_t in,
                                     uint32_t out, uint32_t flags);
typedef enum xnn_status define_unary_by(xnn_subgraph_t subgraph, float alpha,
                                        uint32_t in, uint32_t out,
                                        uint32_t flags);

static define_unary *const unaries[GRAPH_NUM_FUNCTIONS] = {
    [GRAPH_ABS] = xnn_define_abs,
    [GRAPH_CEIL] = xnn_define_ceiling,
    [GRAPH_FLOOR] = xnn_define_floor,
    [GRAPH_HARD_SWISH] = xnn_define_hardswish,
    [GRAPH_NEGATE] = xnn_define_negate,
    [GRAPH_ROUND] = xnn_define_bankers_rounding,
    [GRAPH_SIGMOID] = xnn_define_sigmoid,
    [GRAPH_SQRT] = xnn_define_square_root,
    [GRAPH_SQUARE] = xnn_define_square,
};
static define_unary_by *const unaries_by[GRAPH_NUM_FUNCTIONS] = {
    [GRAPH_ELU] = xnn_define_elu,
    [GRAPH_LEAKY_RELU] = xnn_define_leaky_relu,
};
#endif

static bool supports_unary(const struct graph *graph,
                           const struct graph_node *node)
{
    enum graph_function function = node->unary.function;
    float alpha = node->unary.alpha;

    (void)graph;
    if (graph_is_clamped(node) ||
        (function == GRAPH_LEAKY_RELU && !isfinite(alpha)) ||
        (function == GRAPH_ELU &&
         !(isfinite(alpha) && alpha > 0 && node->unary.beta == 1)))
        return false;
#if !XNN_IS_2024
    if (unaries_by[function])
        return true;
#endif
    return unaries[function] != 0;
}

static enum xnn_status define_function(struct xnnnode_builder *builder,
                                       const struct graph_node *node)
{
    enum graph_function function = node->unary.function;
#if XNN_IS_2024
    union xnn_unary_params params = {0};

    if (function == GRAPH_ELU)
        params.elu.alpha = node->unary.alpha;
    else
        params.leaky_relu.negative_slope = node->unary.alpha;
    return xnn_define_unary(builder->subgraph, unaries[function], &params,
                            xnnnode_in(builder, node, 0),
                            xnnnode_out(builder, node), 0);
#else
    if (unaries_by[function])
        return unaries_by[function](builder->subgraph, node->unary.alpha,
                                    xnnnode_in(builder, node, 0),
                                    xnnnode_out(builder, node), 0);
    return unaries[function](builder->subgraph, xnnnode_in(builder, node, 0),
                             xnnnode_out(builder, node), 0);
#endif
}

static enum xnn_status define_clamp(struct xnnnode_builder *builder,
                                    const struct graph_node *node)
{
#if XNN_IS_2024
    union xnn_unary_params params = {
        .clamp = {.min = node->min, .max = node->max}};

    return xnn_define_unary(builder->subgraph, xnn_unary_clamp, &params,
                            xnnnode_in(builder, node, 0),
                            xnnnode_out(builder, node), 0);
#else
    return xnn_define_clamp(builder->subgraph, node->min, node->max,
                            xnnnode_in(builder, node, 0),
                            xnnnode_out(builder, node), 0);
#endif
}

/* The 2022 version supports the mean over the pixels of an image only. */
static bool supports_mean(const struct graph *graph,
                          const struct graph_node *node)
{
    const bool *axis = node->reduce.axis;

    if (!node->reduce.keep_dims)
        return false;
    return XNN_IS_2024 || (graph_input(graph, node, 0)->shape.rank == 4 &&
                           !axis[0] && axis[1] && axis[2] && !axis[3]);
}

#if XNN_IS_2024
/* Supported: stacks of matrices with equal shapes. */
static bool supports_matmul(const struct graph *graph,
                            const struct graph_node *node)
{
    const struct graph_shape *a = &graph_input(graph, node, 0)->shape;
    const struct graph_shape *b = &graph_input(graph, node, 1)->shape;

    if (graph_is_clamped(node) || node->num_inputs > 2 ||
        node->gemm.alpha != 1 || node->gemm.transpose_a ||
        node->gemm.transpose_b || a->rank < 3 || a->rank != b->rank)
        return false;
    for (uint32_t i = 0; i + 2 < a->rank; i++)
        if (a->dim[i] != b->dim[i])
            return false;
    return true;
}

static enum xnn_status define_matmul(struct xnnnode_builder *builder,
                                     const struct graph_node *node)
{
    return xnn_define_batch_matrix_multiply(
        builder->subgraph, xnnnode_in(builder, node, 0),
        xnnnode_in(builder, node, 1), xnnnode_out(builder, node), 0);
}

static bool supports_reduce(const struct graph *graph,
                            const struct graph_node *node)
{
    return node->reduce.function == GRAPH_REDUCE_SUM &&
           supports_mean(graph, node);
}
#endif

static enum xnn_status define_mean(struct xnnnode_builder *builder,
                                   const struct graph_node *node)
{
#if XNN_IS_2024
    int64_t axes[GRAPH_MAX_RANK];
    size_t count = 0;

    for (int64_t i = 0; i < GRAPH_MAX_RANK; i++)
        if (node->reduce.axis[i])
            axes[count++] = i;
    return xnn_define_static_reduce_v2(
        builder->subgraph,
        node->op == GRAPH_MEAN ? xnn_reduce_mean : xnn_reduce_sum, count, axes,
        xnnnode_in(builder, node, 0), xnnnode_out(builder, node),
        XNN_FLAG_KEEP_DIMS);
#else
    return xnn_define_global_average_pooling_2d(
        builder->subgraph, -INFINITY, INFINITY, xnnnode_in(builder, node, 0),
        xnnnode_out(builder, node), 0);
#endif
}

static bool supports_softmax(const struct graph *graph,
                             const struct graph_node *node)
{
    return !node->to_matrix &&
           node->axis + 1 == (int64_t)graph_input(graph, node, 0)->shape.rank;
}

static enum xnn_status define_softmax(struct xnnnode_builder *builder,
                                      const struct graph_node *node)
{
    return xnn_define_softmax(builder->subgraph, xnnnode_in(builder, node, 0),
                              xnnnode_out(builder, node), 0);
}

const struct xnnnode_row xnnnode_math_rows[GRAPH_NUM_OPS] = {
    [GRAPH_UNARY] = {supports_unary, define_function},
    [GRAPH_CLAMP] = {NULL, define_clamp},
    [GRAPH_MEAN] = {supports_mean, define_mean},
    [GRAPH_LINEAR] = {NULL, define_linear},
    [GRAPH_SOFTMAX] = {supports_softmax, define_softmax},
#if XNN_IS_2024
    [GRAPH_REDUCE] = {supports_reduce, define_mean},
    [GRAPH_MATMUL] = {supports_matmul, define_matmul},
#else
    [GRAPH_MIN] = {supports_extreme, define_extreme},
    [GRAPH_MAX] = {supports_extreme, define_extreme},
    [GRAPH_PRELU] = {supports_prelu, define_prelu},
#endif
#define X(op, supports, ...) [op] = {supports, define_binary},
    BINARIES(X)
#undef X
};

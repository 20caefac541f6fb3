/* GELU, SiLU and hard swish. */

#include "engine/passes/graph_fuse.h"

#include <math.h>

/* gate = 1 + erf(x / sqrt(2)) */
static bool is_gelu_gate(const struct graph *graph, int x, int gate)
{
    const struct graph_node *erf_node;
    double number;
    int other;

    if (!graph_fuse_is_with(graph, gate, GRAPH_ADD, -INFINITY, INFINITY, &other,
                            &number) ||
        number != 1)
        return false;
    erf_node = graph_fuse_function(graph, other, GRAPH_ERF);
    return erf_node &&
           graph_fuse_is_scaled(graph, erf_node->inputs[0], &other, &number) &&
           other == x && graph_fuse_is_near(number, sqrt(0.5));
}

/* gate = x + 3 in [0, 6], or gate = x / 6 + 1/2 in [0, 1] */
static bool is_hard_gate(const struct graph *graph, int x, int gate, int height)
{
    const struct graph_node *clamp = graph_fuse_maker(graph, gate, GRAPH_CLAMP);
    float min = 0, max = (float)height;
    double number;
    int other;

    if (clamp) {
        if (!graph_fuse_is_clamped(clamp, min, max))
            return false;
        gate = clamp->inputs[0];
        min = -INFINITY;
        max = INFINITY;
    }
    if (!graph_fuse_is_with(graph, gate, GRAPH_ADD, min, max, &other,
                            &number) ||
        !graph_fuse_is_near(number, height / 2.0))
        return false;
    return height == 6 ? other == x
                       : graph_fuse_is_scaled(graph, other, &other, &number) &&
                             other == x && graph_fuse_is_near(number, 1.0 / 6);
}

/* Whether `gate` is the sigmoid of x. */
static bool is_sigmoid_gate(const struct graph *graph, int x, int gate)
{
    const struct graph_node *node =
        graph_fuse_function(graph, gate, GRAPH_SIGMOID);

    return node && node->inputs[0] == x && !graph_is_clamped(node);
}

/* Makes the node a function of x if it is x times gate times factor. */
static bool try_gate(struct graph *graph, struct graph_node *node, int x,
                     int gate, double factor)
{
    enum graph_function function;

    if (graph_fuse_is_near(factor, 0.5) && is_gelu_gate(graph, x, gate))
        function = GRAPH_GELU;
    else if ((factor == 1 && is_hard_gate(graph, x, gate, 1)) ||
             (graph_fuse_is_near(factor, 1.0 / 6) &&
              is_hard_gate(graph, x, gate, 6)))
        function = GRAPH_HARD_SWISH;
    else if (factor == 1 && is_sigmoid_gate(graph, x, gate))
        function = GRAPH_SILU;
    else
        return false;
    if (!graph_shape_equal(&graph->values[x].shape,
                           &graph_output(graph, node, 0)->shape))
        return false;
    node->op = GRAPH_UNARY;
    node->unary.function = function;
    node->inputs[0] = x;
    node->num_inputs = 1;
    return true;
}

/* The same with x and gate in either order. */
static bool try_gates(struct graph *graph, struct graph_node *node, int a,
                      int b, double factor)
{
    return try_gate(graph, node, a, b, factor) ||
           try_gate(graph, node, b, a, factor);
}

/* Finds a product of two values, and possibly a number, in any grouping. */
void graph_fuse_gate(struct graph *graph, struct graph_node *node)
{
    int a = node->inputs[0], b = node->inputs[1], other;
    const struct graph_node *inner;
    double factor;

    if (graph_fuse_is_scaled(graph, node->outputs[0], &other, &factor)) {
        inner = graph_fuse_maker(graph, other, GRAPH_MUL);
        if (inner && graph_fuse_is_clamped(inner, -INFINITY, INFINITY))
            try_gates(graph, node, inner->inputs[0], inner->inputs[1], factor);
        return;
    }
    if (node->op != GRAPH_MUL || try_gates(graph, node, a, b, 1))
        return;
    if (graph_fuse_is_scaled(graph, a, &other, &factor) &&
        try_gates(graph, node, other, b, factor))
        return;
    if (graph_fuse_is_scaled(graph, b, &other, &factor))
        try_gates(graph, node, a, other, factor);
}

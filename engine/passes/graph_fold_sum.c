/* Combines sums and stacks of layers. */

#include "engine/passes/graph_fold.h"

#include <string.h>

/* The LINEAR or CONV that computes the value, possibly through reshapes, if
 * nothing else uses its output. */
struct graph_node *graph_fold_layer_of(const struct fold *fold, int value)
{
    struct graph_node *node;

    while ((node = graph_users_sole_producer(&fold->users, value))) {
        if (node->op == GRAPH_LINEAR || node->op == GRAPH_CONV)
            return graph_is_clamped(node) ? NULL : node;
        if (node->op != GRAPH_RESHAPE || node->num_inputs == 0)
            return NULL;
        value = node->inputs[0];
    }
    return NULL;
}

/* Whether two layers have the same input and differ only in their weights. */
static bool are_alike(const struct graph *graph, const struct graph_node *a,
                      const struct graph_node *b)
{
    return a != b && a->op == b->op &&
           graph_behind_reshapes(graph, a->inputs[0]) ==
               graph_behind_reshapes(graph, b->inputs[0]) &&
           graph_shape_equal(&graph_input(graph, a, 0)->shape,
                             &graph_input(graph, b, 0)->shape) &&
           graph_shape_equal(&graph_input(graph, a, 1)->shape,
                             &graph_input(graph, b, 1)->shape) &&
           (a->op == GRAPH_LINEAR || (a->conv.groups == b->conv.groups &&
                                      memcmp(&a->conv.window, &b->conv.window,
                                             sizeof a->conv.window) == 0));
}

/* Makes one layer of of_a a + of_b b. It replaces the later of the two, which
 * is returned; the other one has no users afterwards. Returns NULL on failure.
 */
static struct graph_node *add_layers(struct fold *fold, struct graph_node *a,
                                     double of_a, struct graph_node *b,
                                     double of_b)
{
    const struct graph *graph = fold->graph;
    struct graph_node *const both[] = {a, b};
    const double factors[] = {of_a, of_b};
    struct graph_node *last = a > b ? a : b;
    struct graph_shape shape = graph_input(graph, a, 1)->shape;
    struct fold_layer new;

    if (!graph_fold_new_layer(fold, &new, last, &shape, shape.dim[0]))
        return NULL;
    for (int k = 0; k < 2; k++) {
        const struct graph_value *own = graph_input(graph, both[k], 2);
        const float *from = graph_floats(graph_input(graph, both[k], 1));

        for (size_t i = 0; i < graph_shape_count(&shape); i++)
            new.weights[i] += (float)(factors[k] * (double)from[i]);
        for (size_t o = 0; own && o < shape.dim[0]; o++)
            new.bias[o] += (float)(factors[k] * (double)graph_floats(own)[o]);
    }
    graph_fold_put_layer(fold, last, &new);
    graph_fold_forget(fold, last->outputs[0]);
    return last;
}

/* The sum or the difference of two layers with the same input is one layer, for
 * example in networks trained with two heads. */
bool graph_fold_sum(struct fold *fold, struct graph_node *node)
{
    struct graph_node *a, *b, *sum;

    if (node->num_inputs < 2 ||
        (node->op != GRAPH_ADD && node->op != GRAPH_SUB))
        return true;
    a = graph_fold_before(fold, node, 0);
    b = graph_fold_before(fold, node, 1);
    if (!a || !b || graph_fold_layer_of(fold, node->inputs[0]) != a ||
        graph_fold_layer_of(fold, node->inputs[1]) != b ||
        !are_alike(fold->graph, a, b))
        return true;
    sum = add_layers(fold, a, 1, b, node->op == GRAPH_ADD ? 1 : -1);
    if (!sum)
        return false;
    sum->min = node->min;
    sum->max = node->max;
    node->inputs[0] = sum->outputs[0];
    graph_fold_bypass(fold, node);
    return true;
}

/* Returns the concatenation along the one axis of a mean or sum, if its
 * operands have length 1 there; or NULL. */
static const struct graph_node *stack_before(const struct fold *fold,
                                             const struct graph_node *node)
{
    const struct graph_node *stack = graph_fold_before(fold, node, 0);
    size_t num_axes = 0;

    if (!stack || stack->op != GRAPH_CONCAT || stack->num_inputs < 2 ||
        !node->reduce.axis[stack->axis] ||
        (node->op == GRAPH_REDUCE &&
         node->reduce.function != GRAPH_REDUCE_SUM) ||
        graph_output(fold->graph, stack, 0)->shape.dim[stack->axis] !=
            stack->num_inputs)
        return NULL;
    for (uint32_t i = 0; i < GRAPH_MAX_RANK; i++)
        num_axes += node->reduce.axis[i];
    return num_axes == 1 ? stack : NULL;
}

/* The same for the mean of a stack of layers. */
bool graph_fold_stack(struct fold *fold, struct graph_node *node)
{
    const struct graph_node *stack = stack_before(fold, node);
    struct graph_node *sum = NULL;
    double factor = 1;

    for (uint32_t i = 0; stack && i < stack->num_inputs; i++) {
        struct graph_node *layer = graph_fold_layer_of(fold, stack->inputs[i]);

        if (!layer || (sum && !are_alike(fold->graph, sum, layer)))
            return true;
        sum = layer;
    }
    if (!stack)
        return true;
    sum = graph_fold_layer_of(fold, stack->inputs[0]);
    if (node->op == GRAPH_MEAN)
        factor = 1 / (double)stack->num_inputs;
    for (uint32_t i = 1; i < stack->num_inputs; i++) {
        sum = add_layers(fold, sum, i == 1 ? factor : 1,
                         graph_fold_layer_of(fold, stack->inputs[i]), factor);
        if (!sum)
            return false;
    }
    node->op = GRAPH_RESHAPE;
    node->inputs[0] = sum->outputs[0];
    graph_users_add(&fold->users, node);
    return true;
}

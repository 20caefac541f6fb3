/* Folds a scale and a shift for each channel: BatchNorm, and sums and products
 * with constants. */

#include "engine/passes/graph_fold.h"

#include <math.h>
#include <string.h>

#include "engine/passes/graph_build.h"

struct affine {
    double *scale, *shift; /* (num) in the graph's arena */
    size_t num;
};

static bool init_affine(struct fold *fold, struct affine *affine, size_t num)
{
    struct arena *arena = &fold->graph->arena;

    affine->num = num;
    affine->scale = arena_take(arena, num, sizeof(double), fold->err);
    affine->shift = arena_take(arena, num, sizeof(double), fold->err);
    return affine->scale && affine->shift;
}

static bool affine_of_batch_norm(struct fold *fold, struct affine *affine,
                                 const struct graph_node *node)
{
    const struct graph *graph = fold->graph;
    const float *scale = graph_floats(graph_input(graph, node, 1));
    const float *bias = graph_floats(graph_input(graph, node, 2));
    const float *mean = graph_floats(graph_input(graph, node, 3));
    const float *variance = graph_floats(graph_input(graph, node, 4));
    size_t num = graph_shape_count(&graph_input(graph, node, 1)->shape);

    if (!init_affine(fold, affine, num))
        return false;
    for (size_t c = 0; c < num; c++) {
        if (!((double)variance[c] + (double)node->epsilon > 0))
            return fail(fold->err, ERROR_INPUT,
                        "node \"%.100s\" (%s): a variance is not positive: %g",
                        node->name, node->onnx_op, (double)variance[c]);
        affine->scale[c] =
            scale[c] / sqrt((double)variance[c] + (double)node->epsilon);
        affine->shift[c] = bias[c] - mean[c] * affine->scale[c];
    }
    return true;
}

/* Whether a constant holds one number, or one for each channel, for a value of
 * shape `x` with its channels on axis `axis`. */
static bool is_per_channel(const struct graph_shape *constant,
                           const struct graph_shape *x, size_t axis)
{
    size_t count = graph_shape_count(constant);
    size_t from_end = x->rank - axis;

    if (constant->rank > x->rank)
        return false;
    if (count == 1)
        return true;
    return from_end <= constant->rank && count == x->dim[axis] &&
           constant->dim[constant->rank - from_end] == count;
}

/* y + c, y - c, c - y, y c, y / c, where c is operand `i`. */
static bool affine_of_binary(struct fold *fold, struct affine *affine,
                             const struct graph_node *node, uint32_t i,
                             size_t num)
{
    const struct graph_value *constant = graph_input(fold->graph, node, i);
    const float *numbers = graph_floats(constant);
    size_t step = graph_shape_count(&constant->shape) == 1 ? 0 : 1;

    if (!init_affine(fold, affine, num))
        return false;
    for (size_t c = 0; c < num; c++) {
        double number = numbers[c * step];

        affine->scale[c] = node->op == GRAPH_MUL             ? number
                           : node->op == GRAPH_DIV           ? 1 / number
                           : node->op == GRAPH_SUB && i == 0 ? -1
                                                             : 1;
        affine->shift[c] = node->op == GRAPH_ADD             ? number
                           : node->op == GRAPH_SUB && i == 0 ? number
                           : node->op == GRAPH_SUB           ? -number
                                                             : 0;
    }
    return true;
}

/* Multiplies the weights and the bias of a CONV or LINEAR. They become new
 * constants, since the old ones may have other users. */
static bool apply_affine(struct fold *fold, struct graph_node *node,
                         const struct affine *affine)
{
    const struct graph *graph = fold->graph;
    struct graph_shape shape = graph_input(graph, node, 1)->shape;
    size_t row = graph_shape_count(&shape) / affine->num;
    const struct graph_value *bias;
    const float *weights;
    struct fold_layer new;

    if (!graph_fold_new_layer(fold, &new, node, &shape, affine->num))
        return false;
    weights = graph_floats(graph_input(graph, node, 1));
    bias = graph_input(graph, node, 2);
    for (size_t o = 0; o < affine->num; o++) {
        double shift = bias ? (double)graph_floats(bias)[o] : 0;

        for (size_t i = 0; i < row; i++)
            new.weights[o * row + i] =
                (float)(affine->scale[o] * weights[o * row + i]);
        new.bias[o] = (float)(affine->shift[o] + affine->scale[o] * shift);
    }
    graph_fold_put_layer(fold, node, &new);
    return true;
}

/* Returns the CONV or LINEAR before operand i into which a scale and a shift
 * can be folded, or NULL. */
static struct graph_node *affine_target(const struct fold *fold,
                                        const struct graph_node *node,
                                        uint32_t i)
{
    struct graph_node *before = graph_fold_before(fold, node, i);

    if (!before || graph_is_clamped(before) ||
        (before->op != GRAPH_CONV && before->op != GRAPH_LINEAR))
        return NULL;
    return before;
}

/* A BatchNorm that cannot be folded becomes a depthwise 1 x 1 convolution. */
static bool batch_norm_to_conv(struct fold *fold, struct graph_node *node,
                               const struct affine *affine)
{
    struct graph_shape shape = {.rank = 4, .dim = {affine->num, 1, 1, 1}};
    float *ones;
    int weights = graph_build_floats(fold->graph, &shape, &ones, fold->err);

    if (weights == GRAPH_NONE)
        return false;
    for (size_t c = 0; c < affine->num; c++)
        ones[c] = 1;
    node->op = GRAPH_CONV;
    memset(&node->conv, 0, sizeof node->conv);
    node->conv.groups = affine->num;
    for (int i = 0; i < 2; i++)
        node->conv.window.kernel[i] = node->conv.window.stride[i] =
            node->conv.window.dilation[i] = 1;
    node->inputs[1] = weights;
    node->num_inputs = 2;
    graph_users_add(&fold->users, node);
    return apply_affine(fold, node, affine);
}

/* Returns the LINEAR that uses the node's output, one number per channel and
 * possibly reshaped; or NULL. */
static struct graph_node *linear_after(const struct fold *fold,
                                       const struct graph_node *node)
{
    const struct graph_shape *x = &graph_output(fold->graph, node, 0)->shape;
    struct graph_node *user = graph_users_sole(&fold->users, node->outputs[0]);

    if (graph_shape_count(x) != x->dim[0] * x->dim[1])
        return NULL;
    while (user && user->op == GRAPH_RESHAPE)
        user = graph_users_sole(&fold->users, user->outputs[0]);
    if (!user || user->op != GRAPH_LINEAR ||
        graph_input(fold->graph, user, 1)->shape.dim[1] != x->dim[1])
        return NULL;
    return user;
}

/* Folds a scale and a shift of a LINEAR's inputs into its weights. */
static bool apply_affine_before(struct fold *fold, struct graph_node *node,
                                const struct affine *affine)
{
    const struct graph *graph = fold->graph;
    size_t num_out = graph_input(graph, node, 1)->shape.dim[0];
    struct affine sums;
    int weights;

    /* First adds the effect of the shifts to the bias; then multiplies the
     * weights. */
    if (!init_affine(fold, &sums, num_out))
        return false;
    for (size_t o = 0; o < num_out; o++) {
        const float *row =
            graph_floats(graph_input(graph, node, 1)) + o * affine->num;

        sums.scale[o] = 1;
        sums.shift[o] = 0;
        for (size_t i = 0; i < affine->num; i++)
            sums.shift[o] += (double)row[i] * affine->shift[i];
    }
    if (!apply_affine(fold, node, &sums))
        return false;
    weights = node->inputs[1]; /* its own now */
    for (size_t i = 0; i < num_out * affine->num; i++) {
        float *weight = (float *)graph->values[weights].data + i;

        *weight = (float)(*weight * affine->scale[i % affine->num]);
    }
    return true;
}

bool graph_fold_batch_norm(struct fold *fold, struct graph_node *node)
{
    struct graph_node *before = affine_target(fold, node, 0);
    struct graph_node *after = linear_after(fold, node);
    struct affine affine;

    if (!affine_of_batch_norm(fold, &affine, node))
        return false;
    if (before && graph_fold_channel_axis(fold->graph, before) == 1) {
        graph_fold_forget(fold, before->outputs[0]);
        graph_fold_bypass(fold, node);
        return apply_affine(fold, before, &affine);
    }
    if (after) {
        graph_fold_forget(fold, node->outputs[0]);
        graph_fold_bypass(fold, node);
        return apply_affine_before(fold, after, &affine);
    }
    if (graph_input(fold->graph, node, 0)->shape.rank != 4)
        return true; /* there is a kernel */
    return batch_norm_to_conv(fold, node, &affine);
}

/* Folds a scale and a shift for each channel into a group normalization, which
 * has one for each channel or for each group. */
static bool apply_to_norm(struct fold *fold, struct graph_node *norm,
                          const struct affine *affine)
{
    struct graph_shape shape = {.rank = 1, .dim = {affine->num}};
    struct fold_layer new;

    if (!graph_fold_new_layer(fold, &new, norm, &shape, affine->num))
        return false;
    for (size_t c = 0; c < affine->num; c++) {
        double own[3] = {0, 1, 0};

        for (uint32_t k = 1; k < 3; k++) {
            const struct graph_value *value = graph_input(fold->graph, norm, k);

            if (value)
                own[k] = (double)graph_floats(
                    value)[c * graph_shape_count(&value->shape) / affine->num];
        }
        new.weights[c] = (float)(own[1] * affine->scale[c]);
        new.bias[c] = (float)(own[2] * affine->scale[c] + affine->shift[c]);
    }
    graph_fold_put_layer(fold, norm, &new);
    return true;
}

/* Returns the group normalization before operand i into which a scale and a
 * shift can be folded, or NULL. */
static struct graph_node *norm_target(const struct fold *fold,
                                      const struct graph_node *node, uint32_t i)
{
    const struct graph *graph = fold->graph;
    struct graph_node *norm = graph_fold_before(fold, node, i);

    if (!norm || norm->op != GRAPH_NORM || norm->norm.groups == 0 ||
        graph_is_clamped(norm))
        return NULL;
    for (uint32_t k = 1; k < norm->num_inputs; k++)
        if (graph_input(graph, norm, k) && !graph_input(graph, norm, k)->data)
            return NULL;
    return norm;
}

bool graph_fold_binary(struct fold *fold, struct graph_node *node)
{
    const struct graph *graph = fold->graph;

    for (uint32_t i = 0; i < 2; i++) { /* operand i is the constant */
        const struct graph_value *constant = graph_input(graph, node, i);
        const struct graph_value *y = graph_input(graph, node, 1 - i);
        struct graph_node *before = affine_target(fold, node, 1 - i);
        struct graph_node *norm = norm_target(fold, node, 1 - i);
        struct affine affine;
        size_t axis;

        before = before ? before : norm;
        if (!before || !constant->data || (node->op == GRAPH_DIV && i == 0))
            continue;
        axis =
            norm ? norm->norm.channel : graph_fold_channel_axis(graph, before);
        if (!is_per_channel(&constant->shape, &y->shape, axis) ||
            !graph_shape_equal(&y->shape, &graph_output(graph, node, 0)->shape))
            continue;
        if (!affine_of_binary(fold, &affine, node, i, y->shape.dim[axis]) ||
            !(norm ? apply_to_norm(fold, norm, &affine)
                   : apply_affine(fold, before, &affine)))
            return false;
        graph_fold_forget(fold, before->outputs[0]);
        before->min = node->min;
        before->max = node->max;
        node->inputs[0] = node->inputs[1 - i];
        graph_fold_bypass(fold, node);
        return true;
    }
    return true;
}

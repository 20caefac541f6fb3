/* Folding: what costs nothing in the node before or after it. */

#include "engine/passes/graph_fold.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Takes a node out: whoever used its output uses its first input instead. The
 * node itself goes with the next graph_prune. */
static void bypass(struct graph *graph, struct graph_node *node)
{
    int out = node->outputs[0], in = node->inputs[0];

    node->num_inputs = 0; /* so that it is no user of `in` any more */
    graph_replace(graph, out, in);
}

/* The node that makes operand i, if the operand has no other user. */
static struct graph_node *sole_producer(const struct graph *graph,
                                        const struct graph_node *node,
                                        uint32_t i)
{
    const struct graph_value *value = graph_input(graph, node, i);

    if (!value || value->producer == GRAPH_NONE ||
        graph_num_uses(graph, node->inputs[i]) != 1)
        return NULL;
    return &graph->nodes[value->producer];
}

void graph_fold_drop(struct graph *graph, int value)
{
    if (value == GRAPH_NONE || graph_num_uses(graph, value) > 0)
        return;
    free(graph->values[value].data);
    graph->values[value].data = NULL;
}

/* ---- clamps ---- */

/* A clamp after a clamp is a clamp between the clamped bounds. */
static void fold_clamp(struct graph *graph, struct graph_node *node)
{
    struct graph_node *before = sole_producer(graph, node, 0);

    float min, max;

    if (!before || !graph_op_has(before->op, GRAPH_CLAMPS))
        return;
    min = fminf(fmaxf(before->min, node->min), node->max);
    max = fminf(fmaxf(before->max, node->min), node->max);
    if (!(min < max) &&
        before->op != GRAPH_CLAMP) /* no kernel clamps to that */
        return;
    before->min = min;
    before->max = max;
    bypass(graph, node);
}

/* ---- a scale and a shift for each channel ---- */

struct affine {
    double *scale, *shift; /* (num) in the graph's arena */
    size_t num;
};

static bool init_affine(struct graph *graph, struct affine *affine, size_t num,
                        struct error *err)
{
    affine->num = num;
    affine->scale = arena_take(&graph->arena, num, sizeof(double), err);
    affine->shift = arena_take(&graph->arena, num, sizeof(double), err);
    return affine->scale && affine->shift;
}

static bool affine_of_batch_norm(struct graph *graph, struct affine *affine,
                                 const struct graph_node *node,
                                 struct error *err)
{
    const float *scale = graph_floats(graph_input(graph, node, 1));
    const float *bias = graph_floats(graph_input(graph, node, 2));
    const float *mean = graph_floats(graph_input(graph, node, 3));
    const float *variance = graph_floats(graph_input(graph, node, 4));
    size_t num = graph_shape_count(&graph_input(graph, node, 1)->shape);

    if (!init_affine(graph, affine, num, err))
        return false;
    for (size_t c = 0; c < num; c++) {
        if (!((double)variance[c] + (double)node->epsilon > 0))
            return fail(err, ERROR_INPUT,
                        "node \"%.100s\" (%s): a variance is not positive: %g",
                        node->name, node->onnx_op, (double)variance[c]);
        affine->scale[c] =
            scale[c] / sqrt((double)variance[c] + (double)node->epsilon);
        affine->shift[c] = bias[c] - mean[c] * affine->scale[c];
    }
    return true;
}

/* Whether a constant holds one number, or one for each channel, of a value of
 * shape `x` whose channels are counted by dimension `axis`. */
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

/* y + c, y - c, c - y, y c, y / c, with operand `i` being c. */
static bool affine_of_binary(struct graph *graph, struct affine *affine,
                             const struct graph_node *node, uint32_t i,
                             size_t num, struct error *err)
{
    const struct graph_value *constant = graph_input(graph, node, i);
    const float *numbers = graph_floats(constant);
    size_t step = graph_shape_count(&constant->shape) == 1 ? 0 : 1;

    if (!init_affine(graph, affine, num, err))
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

/* Multiplies the weights and the bias of a CONV or LINEAR. The constants may
 * have other users, so these become new ones. */
static bool apply_affine(struct graph *graph, struct graph_node *node,
                         const struct affine *affine, struct error *err)
{
    const struct graph_value *old = graph_input(graph, node, 1);
    struct graph_shape shape = old->shape;
    struct graph_shape bias_shape = {.rank = 1, .dim = {affine->num}};
    size_t row = graph_shape_count(&shape) / affine->num;
    int *inputs = arena_take(&graph->arena, 3, sizeof *inputs, err);
    int old_weights = node->inputs[1], weights, bias;
    int old_bias_value = node->num_inputs > 2 ? node->inputs[2] : GRAPH_NONE;
    const float *old_bias = NULL;
    float *to;

    if (!inputs)
        return false;
    weights = graph_add_constant(graph, old->name, GRAPH_FLOAT, &shape, err);
    if (weights == GRAPH_NONE)
        return false;
    bias = graph_add_constant(graph, node->name, GRAPH_FLOAT, &bias_shape, err);
    if (bias == GRAPH_NONE)
        return false;
    old = graph_input(graph, node, 1);
    to = graph->values[weights].data;
    for (size_t o = 0; o < affine->num; o++)
        for (size_t i = 0; i < row; i++)
            to[o * row + i] =
                (float)(affine->scale[o] * graph_floats(old)[o * row + i]);
    if (graph_input(graph, node, 2))
        old_bias = graph_floats(graph_input(graph, node, 2));
    to = graph->values[bias].data;
    for (size_t o = 0; o < affine->num; o++)
        to[o] =
            (float)(affine->shift[o] +
                    affine->scale[o] * (old_bias ? (double)old_bias[o] : 0.0));
    inputs[0] = node->inputs[0];
    inputs[1] = weights;
    inputs[2] = bias;
    node->inputs = inputs;
    node->num_inputs = 3;
    graph_fold_drop(graph, old_weights);
    graph_fold_drop(graph, old_bias_value);
    return true;
}

/* The CONV or LINEAR before operand i that a scale and a shift could go into,
 * or NULL. */
static struct graph_node *affine_target(const struct graph *graph,
                                        const struct graph_node *node,
                                        uint32_t i)
{
    struct graph_node *before = sole_producer(graph, node, i);

    if (!before || graph_is_clamped(before) ||
        (before->op != GRAPH_CONV && before->op != GRAPH_LINEAR))
        return NULL;
    return before;
}

/* The dimension that counts the output's channels. */
static size_t channel_axis(const struct graph *graph,
                           const struct graph_node *node)
{
    return node->op == GRAPH_CONV
               ? 1
               : graph_output(graph, node, 0)->shape.rank - 1;
}

/* Where there is no convolution to go into, BatchNorm becomes one of its own:
 * 1 x 1, each channel by itself. */
static bool batch_norm_to_conv(struct graph *graph, struct graph_node *node,
                               const struct affine *affine, struct error *err)
{
    struct graph_shape shape = {.rank = 4, .dim = {affine->num, 1, 1, 1}};
    int weights =
        graph_add_constant(graph, node->name, GRAPH_FLOAT, &shape, err);

    if (weights == GRAPH_NONE)
        return false;
    for (size_t c = 0; c < affine->num; c++)
        ((float *)graph->values[weights].data)[c] = 1;
    node->op = GRAPH_CONV;
    memset(&node->conv, 0, sizeof node->conv);
    node->conv.groups = affine->num;
    for (int i = 0; i < 2; i++)
        node->conv.window.kernel[i] = node->conv.window.stride[i] =
            node->conv.window.dilation[i] = 1;
    node->inputs[1] = weights;
    node->num_inputs = 2;
    return apply_affine(graph, node, affine, err);
}

/* The node that alone uses a value, or NULL. */
static struct graph_node *sole_user(const struct graph *graph, int value,
                                    size_t after)
{
    if (graph_num_uses(graph, value) != 1)
        return NULL;
    for (size_t n = after; n < graph->num_nodes; n++)
        for (uint32_t i = 0; i < graph->nodes[n].num_inputs; i++)
            if (graph->nodes[n].inputs[i] == value)
                return &graph->nodes[n];
    return NULL;
}

/* The LINEAR that takes what the node makes, one number a channel, maybe
 * reshaped; NULL where there is none. */
static struct graph_node *linear_after(const struct graph *graph,
                                       const struct graph_node *node)
{
    const struct graph_shape *x = &graph_output(graph, node, 0)->shape;
    size_t n = (size_t)(node - graph->nodes);
    struct graph_node *user = sole_user(graph, node->outputs[0], n);

    if (graph_shape_count(x) != x->dim[0] * x->dim[1])
        return NULL;
    while (user && user->op == GRAPH_RESHAPE)
        user = sole_user(graph, user->outputs[0], n);
    if (!user || user->op != GRAPH_LINEAR ||
        graph_input(graph, user, 1)->shape.dim[1] != x->dim[1])
        return NULL;
    return user;
}

/* Puts a scale and a shift of the inputs of a LINEAR into its weights. */
static bool apply_affine_before(struct graph *graph, struct graph_node *node,
                                const struct affine *affine, struct error *err)
{
    size_t num_out = graph_input(graph, node, 1)->shape.dim[0];
    struct affine sums;
    int weights;

    /* First as much as the shifts make of each output; then the scales. */
    if (!init_affine(graph, &sums, num_out, err))
        return false;
    for (size_t o = 0; o < num_out; o++) {
        const float *row =
            graph_floats(graph_input(graph, node, 1)) + o * affine->num;

        sums.scale[o] = 1;
        sums.shift[o] = 0;
        for (size_t i = 0; i < affine->num; i++)
            sums.shift[o] += (double)row[i] * affine->shift[i];
    }
    if (!apply_affine(graph, node, &sums, err))
        return false;
    weights = node->inputs[1]; /* its own now */
    for (size_t i = 0; i < num_out * affine->num; i++) {
        float *weight = (float *)graph->values[weights].data + i;

        *weight = (float)(*weight * affine->scale[i % affine->num]);
    }
    return true;
}

static bool fold_batch_norm(struct graph *graph, struct graph_node *node,
                            struct error *err)
{
    struct graph_node *before = affine_target(graph, node, 0);
    struct graph_node *after = linear_after(graph, node);
    struct affine affine;

    if (!affine_of_batch_norm(graph, &affine, node, err))
        return false;
    if (before && channel_axis(graph, before) == 1) {
        bypass(graph, node);
        return apply_affine(graph, before, &affine, err);
    }
    if (after) {
        bypass(graph, node);
        return apply_affine_before(graph, after, &affine, err);
    }
    if (graph_input(graph, node, 0)->shape.rank != 4)
        return true; /* there is a kernel */
    return batch_norm_to_conv(graph, node, &affine, err);
}

/* Puts a scale and a shift of each channel into a normalization of groups,
 * whose own are one for each channel or for each group. */
static bool apply_to_norm(struct graph *graph, struct graph_node *norm,
                          const struct affine *affine, struct error *err)
{
    struct graph_shape shape = {.rank = 1, .dim = {affine->num}};
    int *inputs = arena_take(&graph->arena, 3, sizeof *inputs, err);
    const struct graph_node old = *norm;

    if (!inputs)
        return false;
    inputs[0] = norm->inputs[0];
    for (int k = 1; k < 3; k++) {
        inputs[k] =
            graph_add_constant(graph, norm->name, GRAPH_FLOAT, &shape, err);
        if (inputs[k] == GRAPH_NONE)
            return false;
    }
    for (size_t c = 0; c < affine->num; c++) {
        double own[3] = {0, 1, 0};

        for (uint32_t k = 1; k < 3; k++) {
            const struct graph_value *value = graph_input(graph, &old, k);

            if (value)
                own[k] = (double)graph_floats(
                    value)[c * graph_shape_count(&value->shape) / affine->num];
        }
        ((float *)graph->values[inputs[1]].data)[c] =
            (float)(own[1] * affine->scale[c]);
        ((float *)graph->values[inputs[2]].data)[c] =
            (float)(own[2] * affine->scale[c] + affine->shift[c]);
    }
    norm->inputs = inputs;
    norm->num_inputs = 3;
    for (uint32_t k = 1; k < old.num_inputs; k++)
        graph_fold_drop(graph, old.inputs[k]);
    return true;
}

/* The normalization of groups before operand i that a scale and a shift could
 * go into, or NULL. */
static struct graph_node *norm_target(const struct graph *graph,
                                      const struct graph_node *node, uint32_t i)
{
    struct graph_node *norm = sole_producer(graph, node, i);

    if (!norm || norm->op != GRAPH_NORM || norm->norm.groups == 0 ||
        graph_is_clamped(norm))
        return NULL;
    for (uint32_t k = 1; k < norm->num_inputs; k++)
        if (graph_input(graph, norm, k) && !graph_input(graph, norm, k)->data)
            return NULL;
    return norm;
}

static bool fold_binary(struct graph *graph, struct graph_node *node,
                        struct error *err)
{
    for (uint32_t i = 0; i < 2; i++) { /* operand i is the constant */
        const struct graph_value *constant = graph_input(graph, node, i);
        const struct graph_value *y = graph_input(graph, node, 1 - i);
        struct graph_node *before = affine_target(graph, node, 1 - i);
        struct graph_node *norm = norm_target(graph, node, 1 - i);
        struct affine affine;
        size_t axis;

        before = before ? before : norm;
        if (!before || !constant->data || (node->op == GRAPH_DIV && i == 0))
            continue;
        axis = norm ? norm->norm.channel : channel_axis(graph, before);
        if (!is_per_channel(&constant->shape, &y->shape, axis) ||
            !graph_shape_equal(&y->shape, &graph_output(graph, node, 0)->shape))
            continue;
        if (!affine_of_binary(graph, &affine, node, i, y->shape.dim[axis],
                              err) ||
            !(norm ? apply_to_norm(graph, norm, &affine, err)
                   : apply_affine(graph, before, &affine, err)))
            return false;
        before->min = node->min;
        before->max = node->max;
        node->inputs[0] = node->inputs[1 - i];
        bypass(graph, node);
        return true;
    }
    return true;
}

/* ---- sums of layers ---- */

/* The LINEAR or CONV of which the value is the result, maybe reshaped, if
 * nothing else uses it. */
static struct graph_node *layer_of(const struct graph *graph, int value)
{
    int node;

    while (graph_num_uses(graph, value) == 1 &&
           (node = graph->values[value].producer) != GRAPH_NONE) {
        struct graph_node *made_by = &graph->nodes[node];

        if (made_by->op == GRAPH_LINEAR || made_by->op == GRAPH_CONV)
            return graph_is_clamped(made_by) ? NULL : made_by;
        if (made_by->op != GRAPH_RESHAPE || made_by->num_inputs == 0)
            return NULL;
        value = made_by->inputs[0];
    }
    return NULL;
}

/* Whether two layers do the same to the same but for their weights. */
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

/* of_a a + of_b b as one layer, in the place of the later one of the two,
 * which is returned; the other one has no users any more. NULL on failure. */
static struct graph_node *add_layers(struct graph *graph, struct graph_node *a,
                                     double of_a, struct graph_node *b,
                                     double of_b, struct error *err)
{
    struct graph_node *const both[] = {a, b};
    const double factors[] = {of_a, of_b};
    struct graph_node *last = a > b ? a : b;
    struct graph_shape shape = graph_input(graph, a, 1)->shape;
    struct graph_shape bias_shape = {.rank = 1, .dim = {shape.dim[0]}};
    int *inputs = arena_take(&graph->arena, 3, sizeof *inputs, err);
    float *weights, *bias;

    if (!inputs)
        return NULL;
    inputs[0] = last->inputs[0];
    inputs[1] = graph_add_constant(graph, last->name, GRAPH_FLOAT, &shape, err);
    if (inputs[1] == GRAPH_NONE)
        return NULL;
    inputs[2] =
        graph_add_constant(graph, last->name, GRAPH_FLOAT, &bias_shape, err);
    if (inputs[2] == GRAPH_NONE)
        return NULL;
    weights = graph->values[inputs[1]].data;
    bias = graph->values[inputs[2]].data;
    for (int k = 0; k < 2; k++) {
        const struct graph_value *own = graph_input(graph, both[k], 2);
        const float *from = graph_floats(graph_input(graph, both[k], 1));

        for (size_t i = 0; i < graph_shape_count(&shape); i++)
            weights[i] += (float)(factors[k] * (double)from[i]);
        for (size_t o = 0; own && o < shape.dim[0]; o++)
            bias[o] += (float)(factors[k] * (double)graph_floats(own)[o]);
    }
    last->inputs = inputs;
    last->num_inputs = 3;
    return last;
}

/* The sum or the difference of two layers on the same numbers is a layer:
 * what the heads of networks are that were trained with two. */
static bool fold_sum(struct graph *graph, struct graph_node *node,
                     struct error *err)
{
    struct graph_node *a, *b, *sum;

    if (node->num_inputs < 2 ||
        (node->op != GRAPH_ADD && node->op != GRAPH_SUB))
        return true;
    a = sole_producer(graph, node, 0);
    b = sole_producer(graph, node, 1);
    if (!a || !b || layer_of(graph, node->inputs[0]) != a ||
        layer_of(graph, node->inputs[1]) != b || !are_alike(graph, a, b))
        return true;
    sum = add_layers(graph, a, 1, b, node->op == GRAPH_ADD ? 1 : -1, err);
    if (!sum)
        return false;
    sum->min = node->min;
    sum->max = node->max;
    node->inputs[0] = sum->outputs[0];
    bypass(graph, node);
    return true;
}

/* The concatenation along the one axis that a mean or a sum is over, of
 * operands that are of length 1 there; or NULL. */
static const struct graph_node *stack_before(const struct graph *graph,
                                             const struct graph_node *node)
{
    const struct graph_node *stack = sole_producer(graph, node, 0);
    size_t num_axes = 0;

    if (!stack || stack->op != GRAPH_CONCAT || stack->num_inputs < 2 ||
        !node->reduce.axis[stack->axis] ||
        (node->op == GRAPH_REDUCE &&
         node->reduce.function != GRAPH_REDUCE_SUM) ||
        graph_output(graph, stack, 0)->shape.dim[stack->axis] !=
            stack->num_inputs)
        return NULL;
    for (uint32_t i = 0; i < GRAPH_MAX_RANK; i++)
        num_axes += node->reduce.axis[i];
    return num_axes == 1 ? stack : NULL;
}

/* The same, written as a stack of layers and its mean. */
static bool fold_stack(struct graph *graph, struct graph_node *node,
                       struct error *err)
{
    const struct graph_node *stack = stack_before(graph, node);
    struct graph_node *sum = NULL;
    double factor = 1;

    for (uint32_t i = 0; stack && i < stack->num_inputs; i++) {
        struct graph_node *layer = layer_of(graph, stack->inputs[i]);

        if (!layer || (sum && !are_alike(graph, sum, layer)))
            return true;
        sum = layer;
    }
    if (!stack)
        return true;
    sum = layer_of(graph, stack->inputs[0]);
    if (node->op == GRAPH_MEAN)
        factor = 1 / (double)stack->num_inputs;
    for (uint32_t i = 1; i < stack->num_inputs; i++) {
        sum = add_layers(graph, sum, i == 1 ? factor : 1,
                         layer_of(graph, stack->inputs[i]), factor, err);
        if (!sum)
            return false;
    }
    node->op = GRAPH_RESHAPE;
    node->inputs[0] = sum->outputs[0];
    return true;
}

/* ---- some classes of layers, or those of several ---- */

/* Whether a LINEAR, or a CONV of 1 x 1 on one pixel, makes one number of each
 * row of its weights. */
static bool is_of_rows(const struct graph *graph,
                       const struct graph_node *layer)
{
    const struct graph_shape *weights = &graph_input(graph, layer, 1)->shape;

    if (layer->op == GRAPH_CONV)
        for (int i = 0; i < 2; i++)
            if (layer->conv.window.kernel[i] != 1 ||
                layer->conv.window.pad_before[i] > 0 ||
                layer->conv.window.pad_after[i] > 0)
                return false;
    return graph_input(graph, layer, 1)->data &&
           graph_shape_count(&graph_input(graph, layer, 0)->shape) ==
               weights->dim[1] &&
           graph_shape_count(&graph_output(graph, layer, 0)->shape) ==
               weights->dim[0];
}

/* Row `from` of a layer becomes row `to` of the weights and the bias. */
static void copy_row(const struct graph *graph, const struct graph_node *layer,
                     size_t from, float *weights, float *bias, size_t to)
{
    const struct graph_value *own = graph_input(graph, layer, 2);
    size_t num_in = graph_input(graph, layer, 1)->shape.dim[1];

    memcpy(weights + to * num_in,
           graph_floats(graph_input(graph, layer, 1)) + from * num_in,
           num_in * sizeof *weights);
    bias[to] = own ? graph_floats(own)[from] : 0;
}

/* New weights and a new bias for a layer, `num` rows that are to be filled, in
 * `inputs`; its other input is as before. */
static int *make_rows(struct graph *graph, const struct graph_node *layer,
                      size_t num, struct error *err)
{
    struct graph_shape shape = graph_input(graph, layer, 1)->shape;
    struct graph_shape bias_shape = {.rank = 1, .dim = {num}};
    int *inputs = arena_take(&graph->arena, 3, sizeof *inputs, err);

    shape.dim[0] = num;
    if (!inputs)
        return NULL;
    inputs[0] = layer->inputs[0];
    inputs[1] =
        graph_add_constant(graph, layer->name, GRAPH_FLOAT, &shape, err);
    if (inputs[1] == GRAPH_NONE)
        return NULL;
    inputs[2] =
        graph_add_constant(graph, layer->name, GRAPH_FLOAT, &bias_shape, err);
    return inputs[2] == GRAPH_NONE ? NULL : inputs;
}

/* The reshapes that are between a value and its layer have no use any more. */
static void cut_reshapes(struct graph *graph, int value,
                         const struct graph_node *layer)
{
    struct graph_node *node;

    while ((node = &graph->nodes[graph->values[value].producer]) != layer) {
        value = node->inputs[0];
        node->num_inputs = 0;
    }
}

/* Gives the layer its rows, and lets the node merely reshape what it makes. */
static void put_rows(struct graph *graph, struct graph_node *node,
                     struct graph_node *layer, int *inputs)
{
    const struct graph_node old = *layer;

    graph_output(graph, layer, 0)->shape.dim[channel_axis(graph, layer)] =
        graph->values[inputs[1]].shape.dim[0];
    layer->inputs = inputs;
    layer->num_inputs = 3;
    for (uint32_t i = 1; i < old.num_inputs; i++)
        graph_fold_drop(graph, old.inputs[i]);
    node->op = GRAPH_RESHAPE;
    node->inputs[0] = layer->outputs[0];
    node->num_inputs = 1;
}

/* Which of the numbers in a row comes out as number i of a SLICE or a GATHER;
 * -1 where none. */
static int64_t picked(const struct graph *graph, const struct graph_node *node,
                      size_t i)
{
    const struct graph_shape *x = &graph_input(graph, node, 0)->shape;
    int64_t length, index;
    size_t axis = 0;

    while (axis + 1 < x->rank && x->dim[axis] == 1)
        axis++;
    length = (int64_t)x->dim[axis];
    if (node->op == GRAPH_SLICE) {
        index = node->slice.start[axis] + (int64_t)i * node->slice.step[axis];
    } else {
        const struct graph_value *indices = graph_input(graph, node, 1);

        if (!indices->data || indices->type != GRAPH_INT ||
            (size_t)node->axis != axis ||
            i >= graph_shape_count(&indices->shape))
            return -1;
        index = graph_ints(indices)[i];
        if (index < 0)
            index += length;
    }
    return index >= 0 && index < length ? index : -1;
}

/* Some of the numbers that a layer makes are a layer of fewer rows: a head
 * whose first class, the background, is left out. */
static bool fold_pick(struct graph *graph, struct graph_node *node,
                      struct error *err)
{
    struct graph_node *layer = layer_of(graph, node->inputs[0]);
    size_t num = graph_shape_count(&graph_output(graph, node, 0)->shape);
    int *inputs;

    if (!layer || !is_of_rows(graph, layer) || graph_is_clamped(node))
        return true;
    for (size_t i = 0; i < num; i++)
        if (picked(graph, node, i) < 0)
            return true;
    inputs = make_rows(graph, layer, num, err);
    if (!inputs)
        return false;
    for (size_t i = 0; i < num; i++)
        copy_row(graph, layer, (size_t)picked(graph, node, i),
                 graph->values[inputs[1]].data, graph->values[inputs[2]].data,
                 i);
    cut_reshapes(graph, node->inputs[0], layer);
    put_rows(graph, node, layer, inputs);
    return true;
}

/* The layer that operand i of a CONCAT comes from, if it takes the same row of
 * numbers as `first` does, where there is one. */
static struct graph_node *joined(const struct graph *graph,
                                 const struct graph_node *node, uint32_t i,
                                 const struct graph_node *first)
{
    struct graph_node *layer = layer_of(graph, node->inputs[i]);

    if (!layer || !is_of_rows(graph, layer) ||
        (first && (first->op != layer->op ||
                   graph_behind_reshapes(graph, first->inputs[0]) !=
                       graph_behind_reshapes(graph, layer->inputs[0]) ||
                   !graph_shape_equal(&graph_input(graph, first, 0)->shape,
                                      &graph_input(graph, layer, 0)->shape))))
        return NULL;
    return layer;
}

/* Whether a CONCAT makes one row of numbers, and not a stack for fold_stack. */
static bool makes_row(const struct graph *graph, const struct graph_node *node)
{
    const struct graph_shape *out = &graph_output(graph, node, 0)->shape;
    const struct graph_node *user =
        sole_user(graph, node->outputs[0], (size_t)(node - graph->nodes));

    return out->dim[node->axis] == graph_shape_count(out) &&
           !(user && (user->op == GRAPH_MEAN || user->op == GRAPH_REDUCE)) &&
           !graph_is_clamped(node);
}

/* Layers on the same numbers, one after the other, are a layer of as many
 * rows as all of them: tasks, or a class that was added later. */
static bool fold_join(struct graph *graph, struct graph_node *node,
                      struct error *err)
{
    struct graph_node *last = NULL;
    size_t num = 0;
    int *inputs;

    for (uint32_t i = 0; i < node->num_inputs; i++) {
        struct graph_node *layer = joined(graph, node, i, last);

        if (!layer)
            return true;
        num += graph_input(graph, layer, 1)->shape.dim[0];
        last = layer > last ? layer : last;
    }
    if (!last || !makes_row(graph, node))
        return true;
    inputs = make_rows(graph, last, num, err);
    if (!inputs)
        return false;
    num = 0;
    for (uint32_t i = 0; i < node->num_inputs; i++) {
        const struct graph_node *layer = layer_of(graph, node->inputs[i]);
        size_t rows = graph_input(graph, layer, 1)->shape.dim[0];

        for (size_t k = 0; k < rows; k++)
            copy_row(graph, layer, k, graph->values[inputs[1]].data,
                     graph->values[inputs[2]].data, num++);
        cut_reshapes(graph, node->inputs[i], layer);
    }
    put_rows(graph, node, last, inputs);
    return true;
}

/* ---- padding ---- */

/* Zeros around the image before a convolution are the convolution's own. */
static void fold_pad(struct graph *graph, struct graph_node *node)
{
    const struct graph_value *x = graph_input(graph, node, 0);
    const struct graph_node *pad;

    if (x->producer == GRAPH_NONE)
        return;
    pad = &graph->nodes[x->producer];
    if (pad->op != GRAPH_PAD || pad->num_inputs == 0 || pad->pad.value != 0 ||
        pad->pad.mode != GRAPH_PAD_CONSTANT || pad->pad.before[0] ||
        pad->pad.after[0] || pad->pad.before[1] || pad->pad.after[1])
        return;
    for (int i = 2; i < 4; i++)
        if (pad->pad.before[i] < 0 || pad->pad.after[i] < 0)
            return;
    for (int i = 0; i < 2; i++) {
        node->conv.window.pad_before[i] += (size_t)pad->pad.before[2 + i];
        node->conv.window.pad_after[i] += (size_t)pad->pad.after[2 + i];
    }
    node->inputs[0] = pad->inputs[0];
}

/* ---- shapes ---- */

/* Of reshapes in a row only the last counts; one that changes nothing goes. */
static void fold_reshape(struct graph *graph, struct graph_node *node)
{
    const struct graph_value *x = graph_input(graph, node, 0);

    if (x->producer != GRAPH_NONE &&
        graph->nodes[x->producer].op == GRAPH_RESHAPE &&
        graph->nodes[x->producer].num_inputs > 0)
        node->inputs[0] = graph->nodes[x->producer].inputs[0];
    x = graph_input(graph, node, 0);
    if (graph_shape_equal(&x->shape, &graph_output(graph, node, 0)->shape))
        bypass(graph, node);
}

/* ---- what changes nothing ---- */

/* Whether the indices take each element along the axis, in order. */
static bool takes_all(const struct graph *graph, const struct graph_node *node)
{
    const struct graph_shape *x = &graph_input(graph, node, 0)->shape;
    const struct graph_value *indices = graph_input(graph, node, 1);
    size_t count = graph_shape_count(&indices->shape);
    int64_t length = (int64_t)x->dim[node->axis];

    if (!indices->data || indices->type != GRAPH_INT ||
        (int64_t)count != length)
        return false;
    for (int64_t i = 0; i < length; i++) {
        int64_t index = graph_ints(indices)[i];

        if (index != i && index != i - length)
            return false;
    }
    return true;
}

/* Whether a constant is that number everywhere. */
static bool is_all(const struct graph_value *value, double number)
{
    if (!value || !value->data)
        return false;
    for (size_t i = 0; i < graph_shape_count(&value->shape); i++)
        if ((value->type == GRAPH_INT
                 ? (double)graph_ints(value)[i]
                 : (double)graph_floats(value)[i]) != number)
            return false;
    return true;
}

/* Whether only axes of length 1 move past others. */
static bool is_still(const struct graph_shape *x, const size_t *perm)
{
    size_t last = 0;

    for (uint32_t i = 0; i < x->rank; i++) {
        if (x->dim[perm[i]] == 1)
            continue;
        if (perm[i] < last)
            return false;
        last = perm[i];
    }
    return true;
}

/* The operand that the node's result equals, element by element in order, or
 * -1. */
static int same_as(const struct graph *graph, const struct graph_node *node)
{
    const struct graph_value *b = graph_input(graph, node, 1);
    const struct graph_shape *x;
    bool starts_first = true;

    if (node->num_inputs == 0 || !graph_input(graph, node, 0) ||
        graph_is_clamped(node))
        return -1;
    x = &graph_input(graph, node, 0)->shape;
    switch (node->op) {
    case GRAPH_IDENTITY:
    case GRAPH_EXPAND: /* to as many elements */
        return 0;
    case GRAPH_SLICE:
        for (uint32_t i = 0; i < x->rank; i++)
            starts_first &= node->slice.start[i] == 0;
        return starts_first ? 0 : -1;
    case GRAPH_PAD: /* by nothing */
        for (uint32_t i = 0; i < x->rank; i++)
            starts_first &= node->pad.before[i] == 0 && node->pad.after[i] == 0;
        return starts_first ? 0 : -1;
    case GRAPH_GATHER:
        return takes_all(graph, node) ? 0 : -1;
    case GRAPH_TRANSPOSE:
        return is_still(x, node->perm) ? 0 : -1;
    case GRAPH_WHERE:
        if (!is_all(graph_input(graph, node, 0), 1))
            return is_all(graph_input(graph, node, 0), 0) ? 2 : -1;
        return 1;
    case GRAPH_MUL:
    case GRAPH_ADD:
        if (is_all(b, node->op == GRAPH_MUL))
            return 0;
        return is_all(graph_input(graph, node, 0), node->op == GRAPH_MUL) ? 1
                                                                          : -1;
    case GRAPH_DIV:
    case GRAPH_SUB:
        return is_all(b, node->op == GRAPH_DIV) ? 0 : -1;
    default:
        return -1;
    }
}

/* Takes out what gives one of its operands as it is; where only the shape is
 * another, a reshape remains. */
static void fold_moves(struct graph *graph)
{
    for (size_t n = 0; n < graph->num_nodes; n++) {
        struct graph_node *node = &graph->nodes[n];
        const struct graph_value *out = graph_output(graph, node, 0), *x;
        int same = same_as(graph, node);

        if (same < 0 || !out || node->num_outputs != 1)
            continue;
        x = graph_input(graph, node, (uint32_t)same);
        if (x->data || x->type != out->type ||
            graph_shape_count(&x->shape) != graph_shape_count(&out->shape))
            continue;
        node->inputs[0] = node->inputs[same];
        node->num_inputs = 1;
        if (graph_shape_equal(&x->shape, &out->shape))
            bypass(graph, node);
        else
            node->op = GRAPH_RESHAPE;
    }
}

/* ---- quantized numbers ---- */

/* Whether a node picks from its operand, so that it is the same before and
 * after a function that keeps the order. */
static bool picks(const struct graph_node *node)
{
    if (graph_is_clamped(node))
        return false;
    return node->op == GRAPH_MAX_POOL || node->op == GRAPH_RESHAPE ||
           (node->op == GRAPH_REDUCE &&
            node->reduce.function == GRAPH_REDUCE_MAX);
}

/* Lets a DEQUANTIZE change places with the node before it, if that makes no
 * difference, and returns where it is then; NULL where it stays. */
static struct graph_node *pull_up(struct graph *graph, struct graph_node *node)
{
    struct graph_node *before = sole_producer(graph, node, 0), swapped;
    const struct graph_value *scale = graph_input(graph, node, 1);
    int between = node->inputs[0], out = node->outputs[0];

    if (!before || before->num_inputs == 0 || !picks(before) ||
        graph_is_clamped(node) || !scale->data ||
        graph_shape_count(&scale->shape) != 1 || !(graph_floats(scale)[0] > 0))
        return NULL;
    swapped = *before;
    *before = *node;
    *node = swapped;
    before->inputs[0] = node->inputs[0];
    before->outputs[0] = between;
    node->inputs[0] = between;
    node->outputs[0] = out;
    graph->values[between].shape = graph->values[before->inputs[0]].shape;
    return before;
}

/* The largest of integers that are dequantized afterwards is the largest of
 * what they stand for: a map is to be read from those. */
static void fold_dequantize(struct graph *graph)
{
    for (size_t n = 0; n < graph->num_nodes; n++) {
        struct graph_node *node = &graph->nodes[n];

        while (node && node->op == GRAPH_DEQUANTIZE)
            node = pull_up(graph, node);
    }
}

bool graph_fold(struct graph *graph, struct error *err)
{
    fold_moves(graph);
    graph_prune(graph);
    fold_dequantize(graph);
    graph_fuse(graph);
    if (!graph_fold_pools(graph, err))
        return false;
    for (size_t n = 0; n < graph->num_nodes; n++) {
        struct graph_node *node = &graph->nodes[n];
        bool ok = true;

        switch (node->op) {
        case GRAPH_CAST: /* of one kind of float to another */
            if (graph_input(graph, node, 0)->type ==
                graph_output(graph, node, 0)->type)
                bypass(graph, node);
            break;
        case GRAPH_CLAMP:
            fold_clamp(graph, node);
            break;
        case GRAPH_BATCH_NORM:
            ok = fold_batch_norm(graph, node, err);
            break;
        case GRAPH_ADD:
        case GRAPH_SUB:
        case GRAPH_MUL:
        case GRAPH_DIV:
            ok = fold_binary(graph, node, err) && fold_sum(graph, node, err);
            break;
        case GRAPH_MEAN:
        case GRAPH_REDUCE:
            ok = fold_stack(graph, node, err);
            break;
        case GRAPH_CONCAT:
            if (node->num_inputs == 1)
                bypass(graph, node);
            else
                ok = fold_join(graph, node, err);
            break;
        case GRAPH_SLICE:
        case GRAPH_GATHER:
            ok = fold_pick(graph, node, err);
            break;
        case GRAPH_CONV:
            fold_pad(graph, node);
            break;
        case GRAPH_RESHAPE:
            fold_reshape(graph, node);
            break;
        default:
            break;
        }
        if (!ok)
            return false;
    }
    graph_prune(graph); /* what is left of reshapes in a row uses nothing */
    if (!graph_fold_linear(graph, err))
        return false;
    graph_prune(graph);
    return true;
}

/* Folding: what costs nothing in the node before or after it. */

#include "graph_fold.h"

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

/* Whether the kernels of this operation can clamp their result. */
static bool can_clamp(const struct graph_node *node)
{
    switch (node->op) {
    case GRAPH_ADD:
    case GRAPH_SUB:
    case GRAPH_MUL:
    case GRAPH_DIV:
    case GRAPH_CLAMP:
    case GRAPH_CONV:
    case GRAPH_DECONV:
    case GRAPH_MAX_POOL:
    case GRAPH_AVERAGE_POOL:
    case GRAPH_LINEAR:
        return true;
    default:
        return false;
    }
}

/* A clamp after a clamp is a clamp between the clamped bounds. */
static void fold_clamp(struct graph *graph, struct graph_node *node)
{
    struct graph_node *before = sole_producer(graph, node, 0);

    float min, max;

    if (!before || !can_clamp(before))
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
                        "node \"%.100s\" (%s): a variance of %g", node->name,
                        node->onnx_op, (double)variance[c]);
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

static bool fold_binary(struct graph *graph, struct graph_node *node,
                        struct error *err)
{
    for (uint32_t i = 0; i < 2; i++) { /* operand i is the constant */
        const struct graph_value *constant = graph_input(graph, node, i);
        const struct graph_value *y = graph_input(graph, node, 1 - i);
        struct graph_node *before = affine_target(graph, node, 1 - i);
        struct affine affine;
        size_t axis;

        if (!before || !constant->data || (node->op == GRAPH_DIV && i == 0))
            continue;
        axis = channel_axis(graph, before);
        if (!is_per_channel(&constant->shape, &y->shape, axis) ||
            !graph_shape_equal(&y->shape, &graph_output(graph, node, 0)->shape))
            continue;
        if (!affine_of_binary(graph, &affine, node, i, y->shape.dim[axis],
                              err) ||
            !apply_affine(graph, before, &affine, err))
            return false;
        before->min = node->min;
        before->max = node->max;
        node->inputs[0] = node->inputs[1 - i];
        bypass(graph, node);
        return true;
    }
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
static void fold_dequantize(struct graph *graph, struct graph_node *node)
{
    while (node)
        node = pull_up(graph, node);
}

bool graph_fold(struct graph *graph, struct error *err)
{
    for (size_t n = 0; n < graph->num_nodes; n++)
        if (graph->nodes[n].op == GRAPH_IDENTITY)
            bypass(graph, &graph->nodes[n]);
    graph_prune(graph);
    graph_idiom(graph);
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
            ok = fold_binary(graph, node, err);
            break;
        case GRAPH_CONCAT:
            if (node->num_inputs == 1)
                bypass(graph, node);
            break;
        case GRAPH_CONV:
            fold_pad(graph, node);
            break;
        case GRAPH_DEQUANTIZE:
            fold_dequantize(graph, node);
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
    if (!graph_fold_rows(graph, err))
        return false;
    graph_prune(graph);
    return true;
}

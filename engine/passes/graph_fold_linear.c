/* Linear layers in a row.
 *
 * The last layers of a network work on one row of numbers. If everything
 * between them is linear,
 *
 *     W2 (W1 x + b1) + b2 = (W2 W1) x + (W2 b1 + b2)
 *
 * is one layer, with weights for the pooled channels, which class activation
 * maps need. It costs next to nothing, even if the product is larger than its
 * factors. The scale and the bias of a normalization of the row are folded into
 * the layer too. */

#include "engine/passes/graph_fold.h"

#include <math.h>
#include <string.h>

/* The limit of multiplications for folding a network's layers: about a second.
 * Typical networks need a hundredth of it. */
#define MAX_PRODUCTS ((double)((size_t)1 << 31))

/* The limit of weights in a folded layer. */
#define MAX_WEIGHTS ((double)((size_t)1 << 26))

/* The effect of a node on a row of numbers: y = W x + b. */
struct row {
    struct graph_node *node;
    struct graph_node *reshape; /* that follows it, or NULL */
    uint32_t x;                 /* the index of operand x */
    size_t num_in, num_out;
    const float *weights; /* (num_out, num_in); (num_out) where diagonal; a
                             single number where scalar; or NULL: ones */
    const float *bias;    /* (num_out), a single one where scalar, or NULL */
    bool diagonal, scalar;
    float sign;  /* of x */
    bool invert; /* x is divided by the weights */
    bool negate; /* the bias is subtracted */
};

static const float *floats_or_null(const struct graph_value *value)
{
    return value ? graph_floats(value) : NULL;
}

/* A LINEAR, or a CONV on one pixel. */
static bool read_layer(struct row *row, const struct graph *graph,
                       struct graph_node *node)
{
    const struct graph_value *x = graph_input(graph, node, 0);
    const struct graph_value *weights;
    size_t groups = 1;

    if ((node->op != GRAPH_LINEAR && node->op != GRAPH_CONV) ||
        node->num_inputs < 2)
        return false;
    weights = graph_input(graph, node, 1);
    *row = (struct row){
        .node = node,
        .num_in = graph_shape_count(&x->shape),
        .num_out = graph_shape_count(&graph_output(graph, node, 0)->shape),
        .weights = graph_floats(weights),
        .bias = floats_or_null(graph_input(graph, node, 2)),
        .sign = 1,
    };
    if (node->op == GRAPH_CONV) {
        const struct graph_window *window = &node->conv.window;

        groups = node->conv.groups;
        for (int i = 0; i < 2; i++)
            if (window->kernel[i] != 1 || window->pad_before[i] > 0 ||
                window->pad_after[i] > 0)
                return false;
    }
    row->diagonal = groups > 1;
    return weights->shape.dim[0] == row->num_out &&
           (groups == 1 ? weights->shape.dim[1] == row->num_in
                        : groups == row->num_in && groups == row->num_out);
}

/* A sum or product with constants. */
static bool read_binary(struct row *row, const struct graph *graph,
                        struct graph_node *node)
{
    bool product = node->op == GRAPH_MUL || node->op == GRAPH_DIV;
    const struct graph_value *constant, *x;
    uint32_t c;
    size_t count;

    if ((!product && node->op != GRAPH_ADD && node->op != GRAPH_SUB) ||
        node->num_inputs < 2)
        return false;
    c = graph_input(graph, node, 1)->data ? 1 : 0;
    constant = graph_input(graph, node, c);
    x = graph_input(graph, node, 1 - c);
    if (!constant->data || x->data || (node->op == GRAPH_DIV && c == 0) ||
        !graph_shape_equal(&x->shape, &graph_output(graph, node, 0)->shape))
        return false;
    count = graph_shape_count(&constant->shape);
    *row = (struct row){
        .node = node,
        .x = 1 - c,
        .num_in = graph_shape_count(&x->shape),
        .num_out = graph_shape_count(&x->shape),
        .weights = product ? graph_floats(constant) : NULL,
        .bias = product ? NULL : graph_floats(constant),
        .diagonal = true,
        .scalar = count == 1,
        .sign = node->op == GRAPH_SUB && c == 0 ? -1 : 1,
        .invert = node->op == GRAPH_DIV,
        .negate = node->op == GRAPH_SUB && c == 1,
    };
    return count == 1 || count == row->num_out;
}

static double scale_at(const struct row *row, size_t i)
{
    double weight = 1;

    if (row->weights)
        weight = (double)row->weights[row->scalar ? 0 : i];
    return (row->invert ? 1 / weight : weight) * (double)row->sign;
}

static double bias_at(const struct row *row, size_t i)
{
    double bias = 0;

    if (row->bias)
        bias = (double)row->bias[row->scalar ? 0 : i];
    return row->negate ? -bias : bias;
}

/* Finds the linear node before a layer, if it works on one row as well. */
static bool read_before(struct row *before, const struct fold *fold,
                        const struct row *row)
{
    const struct graph *graph = fold->graph;
    struct graph_node *node = graph_fold_before(fold, row->node, 0);
    struct graph_node *reshape = NULL;

    if (node && node->op == GRAPH_RESHAPE) {
        reshape = node;
        node = graph_fold_before(fold, reshape, 0);
    }
    if (!node || graph_is_clamped(node) ||
        !(read_layer(before, graph, node) || read_binary(before, graph, node)))
        return false;
    before->reshape = reshape;
    if (!reshape && !before->diagonal && node->op != row->node->op)
        return false;
    return before->num_out == row->num_in;
}

/* The number of multiplications. */
static double cost_of(const struct row *row, const struct row *before)
{
    return (double)row->num_out * (double)row->num_in *
           (before->diagonal ? 1 : (double)before->num_in);
}

/* Computes one row of W2 W1 and one element of W2 b1 + b2. */
static void multiply(float *restrict to, float *restrict bias, double *sums,
                     const struct row *row, const struct row *before, size_t o)
{
    const float *weights = row->weights + o * row->num_in;
    double sum = bias_at(row, o);

    for (size_t i = 0; i < row->num_in; i++)
        sum += (double)weights[i] * bias_at(before, i);
    *bias = (float)sum;
    if (before->diagonal) {
        for (size_t i = 0; i < row->num_in; i++)
            to[i] = (float)((double)weights[i] * scale_at(before, i));
        return;
    }
    memset(sums, 0, before->num_in * sizeof *sums);
    for (size_t i = 0; i < row->num_in; i++)
        for (size_t j = 0; j < before->num_in; j++)
            sums[j] += (double)weights[i] *
                       (double)before->weights[i * before->num_in + j];
    for (size_t j = 0; j < before->num_in; j++)
        to[j] = (float)sums[j];
}

/* Makes the layer use the input of the node before it. */
static void rewire(struct fold *fold, const struct row *row,
                   const struct row *before, struct fold_layer *new)
{
    struct graph *graph = fold->graph;
    const struct graph_node old = *before->node;
    struct graph_node *reshape = before->reshape;
    int x = old.inputs[before->x];

    new->inputs[0] = x;
    if (reshape) {
        struct graph_shape *shape = &graph_output(graph, reshape, 0)->shape;

        shape->dim[row->node->op == GRAPH_CONV ? 1 : shape->rank - 1] =
            before->num_in;
        new->inputs[0] = graph_behind_reshapes(graph, x);
        if (!graph_shape_equal(shape, &graph->values[new->inputs[0]].shape)) {
            graph_fold_forget(fold, reshape->outputs[0]);
            reshape->inputs[0] = new->inputs[0];
            new->inputs[0] = reshape->outputs[0];
            graph_users_add(&fold->users, reshape);
        }
    }
    before->node->num_inputs = 0; /* no longer a user of x */
    graph_fold_put_layer(fold, row->node, new);
    for (uint32_t i = 0; i < old.num_inputs; i++)
        if (i != before->x)
            graph_fold_drop(fold, old.inputs[i]);
}

static bool fold_before(struct fold *fold, struct row *row,
                        const struct row *before)
{
    struct graph *graph = fold->graph;
    struct graph_shape shape = graph_input(graph, row->node, 1)->shape;
    double *sums =
        arena_take(&graph->arena, before->num_in, sizeof *sums, fold->err);
    struct fold_layer new;

    shape.dim[1] = before->num_in;
    /* The elements of other constants do not move. */
    if (!sums ||
        !graph_fold_new_layer(fold, &new, row->node, &shape, row->num_out))
        return false;
    for (size_t o = 0; o < row->num_out; o++)
        multiply(new.weights + o * before->num_in, new.bias + o, sums, row,
                 before, o);
    rewire(fold, row, before, &new);
    return true;
}

/* ---- a normalization before a layer ---- */

/* Whether an operand is one number, or one for each input of the layer. */
static bool is_each(const struct graph_value *value, size_t num)
{
    size_t count = value ? graph_shape_count(&value->shape) : 1;

    return !value || (value->data && (count == 1 || count == num));
}

/* Returns the normalization of one row before the layer with a scale and bias
 * that can be folded into the layer, or NULL. */
static struct graph_node *read_norm(const struct fold *fold,
                                    const struct row *row)
{
    const struct graph *graph = fold->graph;
    struct graph_node *node = graph_fold_before(fold, row->node, 0);

    while (node && node->op == GRAPH_RESHAPE)
        node = graph_fold_before(fold, node, 0);
    if (!node || node->op != GRAPH_NORM || node->num_inputs < 2 ||
        graph_is_clamped(node) || row->diagonal ||
        !is_each(graph_input(graph, node, 1), row->num_in) ||
        !is_each(graph_input(graph, node, 2), row->num_in))
        return NULL;
    return node;
}

static double number_at(const struct graph_value *value, size_t i,
                        double otherwise)
{
    if (!value)
        return otherwise;
    return (double)graph_floats(
        value)[graph_shape_count(&value->shape) == 1 ? 0 : i];
}

/* W (scale n + shift) + b = (W scale) n + (W shift + b) */
static bool fold_norm(struct fold *fold, struct row *row,
                      struct graph_node *norm)
{
    const struct graph *graph = fold->graph;
    struct graph_shape shape = graph_input(graph, row->node, 1)->shape;
    const struct graph_node old = *norm;
    struct fold_layer new;
    bool changes = false;

    if (!graph_fold_new_layer(fold, &new, row->node, &shape, row->num_out))
        return false;
    for (size_t o = 0; o < row->num_out; o++) {
        const float *from = row->weights + o * row->num_in;
        double sum = bias_at(row, o);

        for (size_t i = 0; i < row->num_in; i++) {
            double scale = number_at(graph_input(graph, norm, 1), i, 1);
            double shift = number_at(graph_input(graph, norm, 2), i, 0);

            new.weights[o * row->num_in + i] = (float)((double)from[i] * scale);
            sum += (double)from[i] * shift;
            changes |= fabs(scale - 1) > 0 || fabs(shift) > 0;
        }
        new.bias[o] = (float)sum;
    }
    graph_fold_put_layer(fold, row->node, &new);
    norm->num_inputs = 1;
    if (changes)
        graph_fold_forget(fold, norm->outputs[0]);
    for (uint32_t i = 1; i < old.num_inputs; i++)
        graph_fold_drop(fold, old.inputs[i]);
    return true;
}

bool graph_fold_linear(struct fold *fold)
{
    const struct graph *graph = fold->graph;
    double budget = MAX_PRODUCTS;

    for (size_t n = 0; n < graph->num_nodes; n++) {
        struct row row, before;

        while (read_layer(&row, graph, &graph->nodes[n]) && !row.diagonal &&
               read_before(&before, fold, &row) &&
               cost_of(&row, &before) <= budget &&
               (double)row.num_out * (double)before.num_in <= MAX_WEIGHTS) {
            budget -= cost_of(&row, &before);
            if (!fold_before(fold, &row, &before))
                return false;
        }
        if (read_layer(&row, graph, &graph->nodes[n])) {
            struct graph_node *norm = read_norm(fold, &row);

            if (norm && !fold_norm(fold, &row, norm))
                return false;
        }
    }
    return true;
}

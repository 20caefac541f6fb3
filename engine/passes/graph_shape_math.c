/* Shapes of what computes: element by element, sums, products. */

#include "engine/passes/graph_site.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "engine/passes/graph_const.h"

bool graph_shape_binary(struct graph_site *site)
{
    if (graph_site_in(site, 0)->type != graph_site_in(site, 1)->type)
        return fail(site->err, ERROR_INPUT, "it mixes integers and floats");
    return graph_site_broadcast(site, graph_site_shape(site, 0),
                                graph_site_shape(site, 1));
}

bool graph_shape_logical(struct graph_site *site)
{
    return graph_site_broadcast(site, graph_site_shape(site, 0),
                                graph_site_shape(site, 1));
}

/* The number that a constant of one element is; NaN for any other value. */
static float single(const struct graph_value *value)
{
    if (!value->data || graph_shape_count(&value->shape) != 1)
        return NAN;
    return value->type == GRAPH_FLOAT ? graph_floats(value)[0]
                                      : (float)graph_ints(value)[0];
}

/* Makes the node a function of its first input, whose second is a number, if
 * broadcasting does not come in. */
static void to_unary(struct graph_site *site, enum graph_function function,
                     float alpha)
{
    struct graph_node *node = site->node;

    if (isnan(alpha) || graph_site_in(site, 0)->type != GRAPH_FLOAT ||
        !graph_shape_equal(&site->shape, graph_site_shape(site, 0)))
        return;
    node->op = GRAPH_UNARY;
    node->unary.function = function;
    node->unary.alpha = alpha;
    node->unary.beta = 0;
    node->num_inputs = 1;
}

bool graph_shape_pow(struct graph_site *site)
{
    const struct graph_value *b = graph_site_in(site, 1);
    float exponent = single(b);

    if (!graph_shape_logical(site))
        return false;
    to_unary(site,
             exponent == 2.0f    ? GRAPH_SQUARE
             : exponent == 0.5f  ? GRAPH_SQRT
             : exponent == -1.0f ? GRAPH_RECIPROCAL
                                 : GRAPH_POWER,
             exponent);
    return true;
}

bool graph_shape_prelu(struct graph_site *site)
{
    if (!graph_shape_binary(site))
        return false;
    to_unary(site, GRAPH_LEAKY_RELU, single(graph_site_in(site, 1)));
    return true;
}

bool graph_shape_where(struct graph_site *site)
{
    struct graph_shape both;

    if (graph_site_in(site, 1)->type != graph_site_in(site, 2)->type)
        return fail(site->err, ERROR_INPUT, "it mixes integers and floats");
    if (!graph_site_broadcast(site, graph_site_shape(site, 1),
                              graph_site_shape(site, 2)))
        return false;
    both = site->shape;
    return graph_site_broadcast(site, &both, graph_site_shape(site, 0));
}

bool graph_shape_unary(struct graph_site *site)
{
    static const bool of_ints[GRAPH_NUM_FUNCTIONS] = {
#define X(function, of_ints) of_ints,
        GRAPH_FUNCTIONS(X)
#undef X
    };

    if (graph_site_in(site, 0)->type == GRAPH_INT &&
        !of_ints[site->node->unary.function])
        return fail(site->err, ERROR_UNSUPPORTED, "its input is of integers");
    return graph_shape_same(site);
}

bool graph_shape_clamp(struct graph_site *site)
{
    if (!graph_site_float(site, 1, "lower bound", &site->node->min) ||
        !graph_site_float(site, 2, "upper bound", &site->node->max))
        return false;
    site->node->num_inputs = 1;
    return graph_shape_same(site);
}

/* In training mode it is computed of constants, weights that are normalized
 * so; of a picture it would be another function for each batch. */
bool graph_shape_batch_norm(struct graph_site *site)
{
    if (site->node->training && !graph_site_in(site, 0)->data)
        return fail(site->err, ERROR_UNSUPPORTED,
                    "it is in training mode; export the network for inference");
    for (uint32_t i = 1; i < 5; i++) {
        const struct graph_value *value = graph_site_in(site, i);

        if (!value->data)
            return fail(site->err, ERROR_UNSUPPORTED,
                        "its statistics depend on the picture");
        if (value->type != GRAPH_FLOAT || value->shape.rank != 1 ||
            graph_site_shape(site, 0)->rank < 2 ||
            value->shape.dim[0] != graph_site_shape(site, 0)->dim[1])
            return fail(site->err, ERROR_INPUT,
                        "its statistics do not fit its channels");
    }
    return graph_shape_same(site);
}

bool graph_shape_reduce(struct graph_site *site)
{
    struct graph_node *node = site->node;
    const struct graph_shape *x = graph_site_shape(site, 0);
    size_t count;

    if (node->reduce.of_pixels) {
        if (x->rank < 3)
            return fail(site->err, ERROR_INPUT,
                        "its input has %u dimensions, and none is a picture's",
                        x->rank);
        for (uint32_t i = 2; i < x->rank; i++)
            node->reduce.raw_axes[i - 2] = i;
        node->reduce.num_raw_axes = x->rank - 2;
    }
    if (!graph_site_axes(site, node->reduce.raw_axes, node->reduce.num_raw_axes,
                         x->rank, node->reduce.axis, &count))
        return false;
    if (count == 0 && node->reduce.none_if_empty) {
        node->op = GRAPH_IDENTITY;
        node->num_inputs = 1;
        return graph_shape_same(site);
    }
    for (uint32_t i = 0; i < x->rank; i++) {
        if (count == 0)
            node->reduce.axis[i] = true;
        if (!node->reduce.axis[i])
            site->shape.dim[site->shape.rank++] = x->dim[i];
        else if (node->reduce.keep_dims)
            site->shape.dim[site->shape.rank++] = 1;
    }
    node->num_inputs = 1;
    return true;
}

/* Whether a product is that by constant weights, plus a constant bias for
 * each of their columns. */
static bool is_linear(const struct graph_site *site, size_t columns)
{
    const struct graph_value *a = graph_site_in(site, 0);
    const struct graph_value *b = graph_site_in(site, 1);
    const struct graph_value *c = graph_site_in(site, 2);
    size_t count = c ? graph_shape_count(&c->shape) : 0;

    return !a->data && a->shape.rank >= 1 && b->data && b->shape.rank == 2 &&
           !site->node->gemm.transpose_a &&
           (!c || (c->data && (count == 1 ||
                               (count == columns &&
                                c->shape.dim[c->shape.rank - 1] == columns))));
}

/* The rows and columns of an operand as it is multiplied; those of a vector
 * make the product possible. */
static bool matrix_size(const struct graph_shape *shape, bool is_b,
                        bool transposed, size_t *rows, size_t *columns)
{
    if (shape->rank == 0 || (transposed && shape->rank != 2))
        return false;
    *columns = shape->dim[shape->rank - 1];
    *rows = shape->rank > 1 ? shape->dim[shape->rank - 2] : 1;
    if (transposed || (is_b && shape->rank == 1)) {
        size_t count = *rows;

        *rows = *columns;
        *columns = count;
    }
    return true;
}

/* W x, with constant weights in front of a vector, is x W transposed. */
static bool turn(struct graph_site *site)
{
    struct graph_node *node = site->node;
    const struct graph_value *a = graph_site_in(site, 0);
    const struct graph_value *b = graph_site_in(site, 1);
    int weights = node->inputs[0];

    if (!a->data || a->shape.rank != 2 || b->data || b->shape.rank != 1 ||
        node->num_inputs > 2 || node->gemm.transpose_a)
        return false;
    node->inputs[0] = node->inputs[1];
    node->inputs[1] = weights;
    node->gemm.transpose_b = true;
    return true;
}

/* Gemm and MatMul with constant weights become LINEAR. */
bool graph_shape_matmul(struct graph_site *site)
{
    const struct graph_node *node = site->node;
    const struct graph_shape *a = graph_site_shape(site, 0);
    const struct graph_shape *b = graph_site_shape(site, 1);
    struct graph_shape stack_a = *a, stack_b = *b, product;
    char text_a[GRAPH_SHAPE_TEXT], text_b[GRAPH_SHAPE_TEXT];
    size_t rows, columns, depth, depth_b;

    if (!matrix_size(a, false, node->gemm.transpose_a, &rows, &depth) ||
        !matrix_size(b, true, node->gemm.transpose_b, &depth_b, &columns) ||
        depth != depth_b)
        return fail(site->err, ERROR_INPUT, "%s and %s do not fit together",
                    graph_shape_text(text_a, a), graph_shape_text(text_b, b));
    stack_a.rank -= a->rank > 1 ? 2 : 1;
    stack_b.rank -= b->rank > 1 ? 2 : 1;
    if (!graph_site_broadcast(site, &stack_a, &stack_b))
        return false;
    if (a->rank > 1)
        site->shape.dim[site->shape.rank++] = rows;
    if (b->rank > 1)
        site->shape.dim[site->shape.rank++] = columns;
    if (is_linear(site, columns) || turn(site))
        return graph_const_linear(site->graph, site->node, site->err);
    product = site->shape;
    if (graph_site_in(site, 2) &&
        (!graph_site_broadcast(site, &product, graph_site_shape(site, 2)) ||
         !graph_shape_equal(&product, &site->shape)))
        return fail(site->err, ERROR_INPUT,
                    "its third input does not fit its product");
    return true;
}

bool graph_shape_linear(struct graph_site *site)
{
    const struct graph_shape *x = graph_site_shape(site, 0);

    site->shape = *x;
    site->shape.dim[x->rank - 1] = graph_site_shape(site, 1)->dim[0];
    return true;
}

bool graph_shape_softmax(struct graph_site *site)
{
    struct graph_node *node = site->node;
    const struct graph_shape *x = graph_site_shape(site, 0);
    size_t axis;

    if (!graph_site_axis(site, node->axis, x->rank, &axis))
        return false;
    node->axis = (int64_t)axis;
    for (size_t i = axis + 1; i < x->rank; i++)
        if (x->dim[i] != 1)
            return graph_shape_same(site);
    node->to_matrix = false;
    return graph_shape_same(site);
}

/* Whether operand i, if it is there, is a scale or a bias for x. */
static bool check_scale(struct graph_site *site, uint32_t i)
{
    const struct graph_node *node = site->node;
    const struct graph_shape *x = graph_site_shape(site, 0), *scale;
    size_t groups = node->norm.groups;

    if (!graph_site_in(site, i))
        return true;
    scale = graph_site_shape(site, i);
    if (groups > 0)
        return scale->rank == 1 &&
               (scale->dim[0] == x->dim[1] || scale->dim[0] == groups);
    return graph_site_broadcast(site, x, scale) &&
           graph_shape_equal(&site->shape, x);
}

bool graph_shape_norm(struct graph_site *site)
{
    struct graph_node *node = site->node;
    const struct graph_shape *x = graph_site_shape(site, 0);
    bool of_channels = node->norm.rule == GRAPH_NORM_INSTANCE ||
                       node->norm.rule == GRAPH_NORM_GROUP;
    size_t first = 2, count;

    if (x->rank < (of_channels ? 2 : 1))
        return fail(site->err, ERROR_INPUT, "its input has %u dimensions",
                    x->rank);
    if (node->norm.rule == GRAPH_NORM_LAYER &&
        !graph_site_axis(site, node->norm.raw_axes[0], x->rank, &first))
        return false;
    for (size_t i = 0; i < x->rank; i++)
        node->norm.axis[i] = i >= first;
    if (node->norm.rule == GRAPH_NORM_AXES &&
        !graph_site_axes(site, node->norm.raw_axes, node->norm.num_raw_axes,
                         x->rank, node->norm.axis, &count))
        return false;
    node->norm.channel = 1;
    if (node->norm.rule == GRAPH_NORM_INSTANCE)
        node->norm.groups = x->dim[1];
    if (of_channels &&
        (node->norm.groups == 0 || x->dim[1] % node->norm.groups != 0))
        return fail(site->err, ERROR_INPUT,
                    "its %zu channels are no %zu groups", x->dim[1],
                    node->norm.groups);
    if (!check_scale(site, 1) || !check_scale(site, 2) ||
        (of_channels && !graph_shape_equal(graph_site_shape(site, 1),
                                           graph_site_shape(site, 2))))
        return fail(site->err, ERROR_INPUT,
                    "its scale and bias do not fit its input");
    return graph_shape_same(site);
}

bool graph_shape_lrn(struct graph_site *site)
{
    if (graph_site_shape(site, 0)->rank < 2)
        return fail(site->err, ERROR_INPUT, "its input has %u dimensions",
                    graph_site_shape(site, 0)->rank);
    return graph_shape_same(site);
}

/* A scale and a zero point, if any, for each block along an axis: of weights,
 * which are constant. */
static bool check_blocks(struct graph_site *site)
{
    const struct graph_value *x = graph_site_in(site, 0);
    struct graph_shape blocks = x->shape;
    size_t axis, block = site->node->quant.block;

    if (!x->data)
        return fail(site->err, ERROR_UNSUPPORTED,
                    "its scales are for blocks of the picture; those of "
                    "constants are supported");
    if (!graph_site_axis(site, site->node->quant.axis, x->shape.rank, &axis))
        return false;
    site->node->quant.axis = (int64_t)axis;
    blocks.dim[axis] = (blocks.dim[axis] + block - 1) / block;
    for (uint32_t i = 1; i < 3; i++)
        if (graph_site_in(site, i) &&
            !graph_shape_equal(&blocks, graph_site_shape(site, i)))
            return fail(site->err, ERROR_INPUT,
                        "its scales do not fit blocks of %zu", block);
    if (graph_site_in(site, 1)->type != GRAPH_FLOAT)
        return fail(site->err, ERROR_INPUT, "its scale is of integers");
    return graph_shape_same(site);
}

/* The scale is one number or one for each along an axis; so is the zero point,
 * if any. */
bool graph_shape_quantize(struct graph_site *site)
{
    const struct graph_shape *x = graph_site_shape(site, 0);
    size_t count = graph_shape_count(graph_site_shape(site, 1)), axis = 0;

    if (site->node->quant.block > 0)
        return check_blocks(site);
    if (count != 1 &&
        !graph_site_axis(site, site->node->quant.axis, x->rank, &axis))
        return false;
    for (uint32_t i = 1; i < 3; i++) {
        const struct graph_value *value = graph_site_in(site, i);

        if (!value)
            continue;
        if (i == 1 && value->type != GRAPH_FLOAT)
            return fail(site->err, ERROR_INPUT, "its scale is of integers");
        if (value->shape.rank > 1 ||
            graph_shape_count(&value->shape) != count ||
            (count != 1 && count != x->dim[axis]))
            return fail(site->err, ERROR_UNSUPPORTED,
                        "its scale is not one number, nor one for each along "
                        "an axis");
    }
    site->node->quant.axis = (int64_t)axis;
    return graph_shape_same(site);
}

/* Shapes of elementwise operations, sums and products. */

#include "engine/passes/infer.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "engine/passes/graph_const.h"

bool graph_shape_binary(struct infer *infer)
{
    if (infer_in(infer, 0)->type != infer_in(infer, 1)->type)
        return fail(infer->err, ERROR_INPUT, "it mixes integers and floats");
    return infer_broadcast(infer, infer_shape(infer, 0), infer_shape(infer, 1));
}

bool graph_shape_logical(struct infer *infer)
{
    return infer_broadcast(infer, infer_shape(infer, 0), infer_shape(infer, 1));
}

/* The element of a constant with one element; NaN for any other value. */
static float single(const struct graph_value *value)
{
    if (!value->data || graph_shape_count(&value->shape) != 1)
        return NAN;
    return value->type == GRAPH_FLOAT ? graph_floats(value)[0]
                                      : (float)graph_ints(value)[0];
}

/* Makes a node whose second input is a number a function of the first, unless
 * it broadcasts. */
static void to_unary(struct infer *infer, enum graph_function function,
                     float alpha)
{
    struct graph_node *node = infer->node;

    if (isnan(alpha) || infer_in(infer, 0)->type != GRAPH_FLOAT ||
        !graph_shape_equal(&infer->shape, infer_shape(infer, 0)))
        return;
    node->op = GRAPH_UNARY;
    node->unary.function = function;
    node->unary.alpha = alpha;
    node->unary.beta = 0;
    node->num_inputs = 1;
}

bool graph_shape_pow(struct infer *infer)
{
    const struct graph_value *b = infer_in(infer, 1);
    float exponent = single(b);

    if (!graph_shape_logical(infer))
        return false;
    to_unary(infer,
             exponent == 2.0f    ? GRAPH_SQUARE
             : exponent == 0.5f  ? GRAPH_SQRT
             : exponent == -1.0f ? GRAPH_RECIPROCAL
                                 : GRAPH_POWER,
             exponent);
    return true;
}

bool graph_shape_prelu(struct infer *infer)
{
    if (!graph_shape_binary(infer))
        return false;
    to_unary(infer, GRAPH_LEAKY_RELU, single(infer_in(infer, 1)));
    return true;
}

bool graph_shape_where(struct infer *infer)
{
    struct graph_shape both;

    if (infer_in(infer, 1)->type != infer_in(infer, 2)->type)
        return fail(infer->err, ERROR_INPUT, "it mixes integers and floats");
    if (!infer_broadcast(infer, infer_shape(infer, 1), infer_shape(infer, 2)))
        return false;
    both = infer->shape;
    return infer_broadcast(infer, &both, infer_shape(infer, 0));
}

bool graph_shape_unary(struct infer *infer)
{
    static const bool of_ints[GRAPH_NUM_FUNCTIONS] = {
#define X(function, of_ints) of_ints,
        GRAPH_FUNCTIONS(X)
#undef X
    };

    if (infer_in(infer, 0)->type == GRAPH_INT &&
        !of_ints[infer->node->unary.function])
        return fail(infer->err, ERROR_UNSUPPORTED, "its input has integers");
    return graph_shape_same(infer);
}

bool graph_shape_clamp(struct infer *infer)
{
    if (!infer_float(infer, 1, "lower bound", &infer->node->min) ||
        !infer_float(infer, 2, "upper bound", &infer->node->max))
        return false;
    infer->node->num_inputs = 1;
    return graph_shape_same(infer);
}

/* Training mode is supported for constants (normalized weights) only; for an
 * image the result would depend on the batch. */
bool graph_shape_batch_norm(struct infer *infer)
{
    if (infer->node->training && !infer_in(infer, 0)->data)
        return fail(infer->err, ERROR_UNSUPPORTED,
                    "it is in training mode; export the network for inference");
    for (uint32_t i = 1; i < 5; i++) {
        const struct graph_value *value = infer_in(infer, i);

        if (!value->data)
            return fail(infer->err, ERROR_UNSUPPORTED,
                        "its statistics depend on the image");
        if (value->type != GRAPH_FLOAT || value->shape.rank != 1 ||
            infer_shape(infer, 0)->rank < 2 ||
            value->shape.dim[0] != infer_shape(infer, 0)->dim[1])
            return fail(infer->err, ERROR_INPUT,
                        "its statistics do not match its channels");
    }
    return graph_shape_same(infer);
}

/* x without the axes that are reduced. */
static bool infer_reduced(struct infer *infer)
{
    const struct graph_node *node = infer->node;
    const struct graph_shape *x = infer_shape(infer, 0);

    for (uint32_t i = 0; i < x->rank; i++)
        if (!node->reduce.axis[i])
            infer->shape.dim[infer->shape.rank++] = x->dim[i];
        else if (node->reduce.keep_dims)
            infer->shape.dim[infer->shape.rank++] = 1;
    return true;
}

bool graph_shape_reduce(struct infer *infer)
{
    struct graph_node *node = infer->node;
    const struct graph_shape *x = infer_shape(infer, 0);
    size_t count;

    if (node->resolved)
        return infer_reduced(infer);
    if (node->reduce.of_pixels) {
        if (x->rank < 3)
            return fail(infer->err, ERROR_INPUT,
                        "its input has %u dimensions, none of them spatial",
                        x->rank);
        for (uint32_t i = 2; i < x->rank; i++)
            node->reduce.raw_axes[i - 2] = i;
        node->reduce.num_raw_axes = x->rank - 2;
    }
    if (!infer_axes(infer, node->reduce.raw_axes, node->reduce.num_raw_axes,
                    x->rank, node->reduce.axis, &count))
        return false;
    if (count == 0 && node->reduce.none_if_empty) {
        node->op = GRAPH_IDENTITY;
        node->num_inputs = 1;
        return graph_shape_same(infer);
    }
    for (uint32_t i = 0; i < x->rank; i++)
        node->reduce.axis[i] |= count == 0;
    node->num_inputs = 1;
    return infer_reduced(infer);
}

/* Whether a product is by constant weights, plus a constant bias for each
 * column. */
static bool is_linear(const struct infer *infer, size_t columns)
{
    const struct graph_value *a = infer_in(infer, 0);
    const struct graph_value *b = infer_in(infer, 1);
    const struct graph_value *c = infer_in(infer, 2);
    size_t count = c ? graph_shape_count(&c->shape) : 0;

    return !a->data && a->shape.rank >= 1 && b->data && b->shape.rank == 2 &&
           !infer->node->gemm.transpose_a &&
           (!c || (c->data && (count == 1 ||
                               (count == columns &&
                                c->shape.dim[c->shape.rank - 1] == columns))));
}

/* The rows and columns of an operand in a product; a vector is a row or a
 * column, as needed. */
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
static bool turn(struct infer *infer)
{
    struct graph_node *node = infer->node;
    const struct graph_value *a = infer_in(infer, 0);
    const struct graph_value *b = infer_in(infer, 1);
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
bool graph_shape_matmul(struct infer *infer)
{
    const struct graph_node *node = infer->node;
    const struct graph_shape *a = infer_shape(infer, 0);
    const struct graph_shape *b = infer_shape(infer, 1);
    struct graph_shape stack_a = *a, stack_b = *b, product;
    char text_a[GRAPH_SHAPE_TEXT], text_b[GRAPH_SHAPE_TEXT];
    size_t rows, columns, depth, depth_b;

    if (!matrix_size(a, false, node->gemm.transpose_a, &rows, &depth) ||
        !matrix_size(b, true, node->gemm.transpose_b, &depth_b, &columns) ||
        depth != depth_b)
        return fail(infer->err, ERROR_INPUT,
                    "the shapes %s and %s do not match",
                    graph_shape_text(text_a, a), graph_shape_text(text_b, b));
    stack_a.rank -= a->rank > 1 ? 2 : 1;
    stack_b.rank -= b->rank > 1 ? 2 : 1;
    if (!infer_broadcast(infer, &stack_a, &stack_b))
        return false;
    if (a->rank > 1)
        infer->shape.dim[infer->shape.rank++] = rows;
    if (b->rank > 1)
        infer->shape.dim[infer->shape.rank++] = columns;
    if (is_linear(infer, columns) || turn(infer))
        return graph_const_linear(infer->graph, infer->node, infer->err);
    product = infer->shape;
    if (infer_in(infer, 2) &&
        (!infer_broadcast(infer, &product, infer_shape(infer, 2)) ||
         !graph_shape_equal(&product, &infer->shape)))
        return fail(infer->err, ERROR_INPUT,
                    "its third input does not match the shape of the product");
    return true;
}

bool graph_shape_linear(struct infer *infer)
{
    const struct graph_shape *x = infer_shape(infer, 0);

    infer->shape = *x;
    infer->shape.dim[x->rank - 1] = infer_shape(infer, 1)->dim[0];
    return true;
}

bool graph_shape_softmax(struct infer *infer)
{
    struct graph_node *node = infer->node;
    const struct graph_shape *x = infer_shape(infer, 0);
    size_t axis;

    if (!infer_axis(infer, node->axis, x->rank, &axis))
        return false;
    node->axis = (int64_t)axis;
    for (size_t i = axis + 1; i < x->rank; i++)
        if (x->dim[i] != 1)
            return graph_shape_same(infer);
    node->to_matrix = false;
    return graph_shape_same(infer);
}

/* Whether operand i, if it is there, is a scale or a bias for x. */
static bool check_scale(struct infer *infer, uint32_t i)
{
    const struct graph_node *node = infer->node;
    const struct graph_shape *x = infer_shape(infer, 0), *scale;
    size_t groups = node->norm.groups;

    if (!infer_in(infer, i))
        return true;
    scale = infer_shape(infer, i);
    if (groups > 0)
        return scale->rank == 1 &&
               (scale->dim[0] == x->dim[node->norm.channel] ||
                scale->dim[0] == groups);
    return infer_broadcast(infer, x, scale) &&
           graph_shape_equal(&infer->shape, x);
}

/* Sets the axes and groups by the rule. */
static bool resolve_norm(struct infer *infer, bool of_channels)
{
    struct graph_node *node = infer->node;
    const struct graph_shape *x = infer_shape(infer, 0);
    size_t first = 2, count;

    if (x->rank < (of_channels ? 2 : 1))
        return fail(infer->err, ERROR_INPUT, "its input has %u dimensions",
                    x->rank);
    if (node->norm.rule == GRAPH_NORM_LAYER &&
        !infer_axis(infer, node->norm.raw_axes[0], x->rank, &first))
        return false;
    for (size_t i = 0; i < x->rank; i++)
        node->norm.axis[i] = i >= first;
    if (node->norm.rule == GRAPH_NORM_AXES &&
        !infer_axes(infer, node->norm.raw_axes, node->norm.num_raw_axes,
                    x->rank, node->norm.axis, &count))
        return false;
    node->norm.channel = 1;
    if (node->norm.rule == GRAPH_NORM_INSTANCE)
        node->norm.groups = x->dim[1];
    if (of_channels &&
        (node->norm.groups == 0 || x->dim[1] % node->norm.groups != 0))
        return fail(infer->err, ERROR_INPUT,
                    "its %zu channels cannot be divided into %zu groups",
                    x->dim[1], node->norm.groups);
    return true;
}

bool graph_shape_norm(struct infer *infer)
{
    const struct graph_node *node = infer->node;
    bool of_channels =
        !node->resolved && (node->norm.rule == GRAPH_NORM_INSTANCE ||
                            node->norm.rule == GRAPH_NORM_GROUP);

    if (!node->resolved && !resolve_norm(infer, of_channels))
        return false;
    if (!check_scale(infer, 1) || !check_scale(infer, 2) ||
        (of_channels &&
         !graph_shape_equal(infer_shape(infer, 1), infer_shape(infer, 2))))
        return fail(infer->err, ERROR_INPUT,
                    "its scale and bias do not match its input");
    return graph_shape_same(infer);
}

bool graph_shape_lrn(struct infer *infer)
{
    if (infer_shape(infer, 0)->rank < 2)
        return fail(infer->err, ERROR_INPUT, "its input has %u dimensions",
                    infer_shape(infer, 0)->rank);
    return graph_shape_same(infer);
}

/* Checks a scale and zero point for each block along an axis of constant
 * weights. */
static bool check_blocks(struct infer *infer)
{
    const struct graph_value *x = infer_in(infer, 0);
    struct graph_shape blocks = x->shape;
    size_t axis, block = infer->node->quant.block;

    if (!x->data)
        return fail(infer->err, ERROR_UNSUPPORTED,
                    "block-wise scales are supported for constants only");
    if (!infer_axis(infer, infer->node->quant.axis, x->shape.rank, &axis))
        return false;
    infer->node->quant.axis = (int64_t)axis;
    blocks.dim[axis] = (blocks.dim[axis] + block - 1) / block;
    for (uint32_t i = 1; i < 3; i++)
        if (infer_in(infer, i) &&
            !graph_shape_equal(&blocks, infer_shape(infer, i)))
            return fail(infer->err, ERROR_INPUT,
                        "its scales do not match blocks of %zu", block);
    if (infer_in(infer, 1)->type != GRAPH_FLOAT)
        return fail(infer->err, ERROR_INPUT, "its scale has integers");
    return graph_shape_same(infer);
}

/* The scale is one number, or one for each element along an axis; so is the
 * zero point, if any. */
bool graph_shape_quantize(struct infer *infer)
{
    const struct graph_shape *x = infer_shape(infer, 0);
    size_t count = graph_shape_count(infer_shape(infer, 1)), axis = 0;

    if (infer->node->quant.block > 0)
        return check_blocks(infer);
    if (count != 1 &&
        !infer_axis(infer, infer->node->quant.axis, x->rank, &axis))
        return false;
    for (uint32_t i = 1; i < 3; i++) {
        const struct graph_value *value = infer_in(infer, i);

        if (!value)
            continue;
        if (i == 1 && value->type != GRAPH_FLOAT)
            return fail(infer->err, ERROR_INPUT, "its scale has integers");
        if (value->shape.rank > 1 ||
            graph_shape_count(&value->shape) != count ||
            (count != 1 && count != x->dim[axis]))
            return fail(infer->err, ERROR_UNSUPPORTED,
                        "its scale is neither a single number nor one for each "
                        "element of an axis");
    }
    infer->node->quant.axis = (int64_t)axis;
    return graph_shape_same(infer);
}

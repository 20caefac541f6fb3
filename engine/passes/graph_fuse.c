/* Recognises what exporters spell out for want of an operator, where one node
 * is less work, or tells what a network's numbers are: GELU, hard swish,
 * normalizations, sigmoid and softmax. */

#include "engine/graph/graph.h"

#include <math.h>
#include <string.h>

static bool is_near(double a, double b)
{
    return fabs(a - b) <= 1e-5 * fabs(b);
}

/* The node of that operation that makes the value, or NULL. */
static const struct graph_node *maker(const struct graph *graph, int value,
                                      enum graph_op op)
{
    int producer =
        value == GRAPH_NONE ? GRAPH_NONE : graph->values[value].producer;

    if (producer == GRAPH_NONE || graph->nodes[producer].op != op)
        return NULL;
    return &graph->nodes[producer];
}

static const struct graph_node *function_maker(const struct graph *graph,
                                               int value,
                                               enum graph_function function)
{
    const struct graph_node *node = maker(graph, value, GRAPH_UNARY);

    return node && node->unary.function == function ? node : NULL;
}

static bool is_clamped_to(const struct graph_node *node, float min, float max)
{
    return node->min == min && node->max == max;
}

static bool is_number(const struct graph *graph, int value, double *number)
{
    const struct graph_value *constant = &graph->values[value];

    if (!constant->data || constant->type != GRAPH_FLOAT ||
        graph_shape_count(&constant->shape) != 1)
        return false;
    *number = (double)graph_floats(constant)[0];
    return true;
}

/* value = other op number, the result being clamped to min and max. */
static bool is_with_number(const struct graph *graph, int value,
                           enum graph_op op, float min, float max, int *other,
                           double *number)
{
    const struct graph_node *node = maker(graph, value, op);
    uint32_t i; /* of the number */

    if (!node || !is_clamped_to(node, min, max))
        return false;
    i = is_number(graph, node->inputs[1], number) ? 1 : 0;
    *other = node->inputs[1 - i];
    return i == 1 ||
           (op != GRAPH_DIV && is_number(graph, node->inputs[0], number));
}

/* value = other * factor */
static bool is_scaled(const struct graph *graph, int value, int *other,
                      double *factor)
{
    if (is_with_number(graph, value, GRAPH_MUL, -INFINITY, INFINITY, other,
                       factor))
        return true;
    if (!is_with_number(graph, value, GRAPH_DIV, -INFINITY, INFINITY, other,
                        factor))
        return false;
    *factor = 1 / *factor;
    return true;
}

/* gate = 1 + erf(x / sqrt(2)) */
static bool is_gelu_gate(const struct graph *graph, int x, int gate)
{
    const struct graph_node *erf_node;
    double number;
    int other;

    if (!is_with_number(graph, gate, GRAPH_ADD, -INFINITY, INFINITY, &other,
                        &number) ||
        number != 1)
        return false;
    erf_node = function_maker(graph, other, GRAPH_ERF);
    return erf_node && is_scaled(graph, erf_node->inputs[0], &other, &number) &&
           other == x && is_near(number, sqrt(0.5));
}

/* gate = x + 3 in [0, 6], or gate = x / 6 + 1/2 in [0, 1] */
static bool is_hard_gate(const struct graph *graph, int x, int gate, int height)
{
    const struct graph_node *clamp = maker(graph, gate, GRAPH_CLAMP);
    float min = 0, max = (float)height;
    double number;
    int other;

    if (clamp) {
        if (!is_clamped_to(clamp, min, max))
            return false;
        gate = clamp->inputs[0];
        min = -INFINITY;
        max = INFINITY;
    }
    if (!is_with_number(graph, gate, GRAPH_ADD, min, max, &other, &number) ||
        !is_near(number, height / 2.0))
        return false;
    return height == 6 ? other == x
                       : is_scaled(graph, other, &other, &number) &&
                             other == x && is_near(number, 1.0 / 6);
}

/* Makes the node a function of x if it is x times gate times factor. */
static bool try_gate(struct graph *graph, struct graph_node *node, int x,
                     int gate, double factor)
{
    enum graph_function function;

    if (is_near(factor, 0.5) && is_gelu_gate(graph, x, gate))
        function = GRAPH_GELU;
    else if ((factor == 1 && is_hard_gate(graph, x, gate, 1)) ||
             (is_near(factor, 1.0 / 6) && is_hard_gate(graph, x, gate, 6)))
        function = GRAPH_HARD_SWISH;
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

/* The same of x and gate in either order. */
static bool try_gates(struct graph *graph, struct graph_node *node, int a,
                      int b, double factor)
{
    return try_gate(graph, node, a, b, factor) ||
           try_gate(graph, node, b, a, factor);
}

/* A product of two values, maybe with a number, however it is grouped. */
static void match_product(struct graph *graph, struct graph_node *node)
{
    int a = node->inputs[0], b = node->inputs[1], other;
    const struct graph_node *inner;
    double factor;

    if (is_scaled(graph, node->outputs[0], &other, &factor)) {
        inner = maker(graph, other, GRAPH_MUL);
        if (inner && is_clamped_to(inner, -INFINITY, INFINITY))
            try_gates(graph, node, inner->inputs[0], inner->inputs[1], factor);
        return;
    }
    if (node->op != GRAPH_MUL || try_gates(graph, node, a, b, 1))
        return;
    if (is_scaled(graph, a, &other, &factor) &&
        try_gates(graph, node, other, b, factor))
        return;
    if (is_scaled(graph, b, &other, &factor))
        try_gates(graph, node, a, other, factor);
}

/* The number of which the value is 1 / sqrt; GRAPH_NONE where it is none. */
static int inverse_root_of(const struct graph *graph, int value)
{
    const struct graph_node *node = maker(graph, value, GRAPH_DIV);
    double one;

    if (!node)
        node = function_maker(graph, value, GRAPH_RECIPROCAL);
    else if (!is_clamped_to(node, -INFINITY, INFINITY) ||
             !is_number(graph, node->inputs[0], &one) || one != 1)
        return GRAPH_NONE;
    if (node)
        node = function_maker(graph, node->inputs[node->num_inputs - 1],
                              GRAPH_SQRT);
    else if ((node = function_maker(graph, value, GRAPH_POWER)) &&
             node->unary.alpha != -0.5f)
        node = NULL;
    return node ? node->inputs[0] : GRAPH_NONE;
}

/* d / sqrt(mean of squares of d + epsilon), where d = x - mean of x. */
static void match_norm(struct graph *graph, struct graph_node *node, int d,
                       int under_root)
{
    int sum, square;
    const struct graph_node *difference = maker(graph, d, GRAPH_SUB);
    const struct graph_node *mean, *variance, *squared;
    bool axis[GRAPH_MAX_RANK];
    double epsilon;

    if (under_root == GRAPH_NONE || !difference ||
        !is_clamped_to(difference, -INFINITY, INFINITY) ||
        !is_with_number(graph, under_root, GRAPH_ADD, -INFINITY, INFINITY, &sum,
                        &epsilon))
        return;
    mean = maker(graph, difference->inputs[1], GRAPH_MEAN);
    variance = maker(graph, sum, GRAPH_MEAN);
    if (!mean || !variance || mean->inputs[0] != difference->inputs[0] ||
        !mean->reduce.keep_dims || !variance->reduce.keep_dims ||
        memcmp(mean->reduce.axis, variance->reduce.axis, sizeof axis) != 0)
        return;
    square = variance->inputs[0];
    squared = function_maker(graph, square, GRAPH_SQUARE);
    if (!squared) {
        squared = maker(graph, square, GRAPH_MUL);
        if (!squared || squared->inputs[1] != d ||
            !is_clamped_to(squared, -INFINITY, INFINITY))
            return;
    }
    if (squared->inputs[0] != d ||
        !graph_shape_equal(&graph->values[mean->inputs[0]].shape,
                           &graph_output(graph, node, 0)->shape))
        return;
    memcpy(axis, mean->reduce.axis, sizeof axis);
    node->inputs[0] = mean->inputs[0];
    node->num_inputs = 1;
    node->op = GRAPH_NORM;
    memset(&node->norm, 0, sizeof node->norm);
    memcpy(node->norm.axis, axis, sizeof axis);
    node->norm.epsilon = (float)epsilon;
}

/* The mean over axes of which the value is the square's, or NULL. */
static const struct graph_node *mean_of_squares(const struct graph *graph,
                                                int value, int x)
{
    const struct graph_node *mean = maker(graph, value, GRAPH_MEAN), *squared;

    if (!mean || !mean->reduce.keep_dims)
        return NULL;
    squared = function_maker(graph, mean->inputs[0], GRAPH_SQUARE);
    if (squared)
        return squared->inputs[0] == x ? mean : NULL;
    squared = maker(graph, mean->inputs[0], GRAPH_MUL);
    return squared && squared->inputs[0] == x && squared->inputs[1] == x &&
                   is_clamped_to(squared, -INFINITY, INFINITY)
               ? mean
               : NULL;
}

/* Makes the node a normalization of x about zero, over axes of another. */
static void make_about_zero(struct graph *graph, struct graph_node *node, int x,
                            const struct graph_node *over, double epsilon)
{
    bool axis[GRAPH_MAX_RANK];

    if (!graph_shape_equal(&graph->values[x].shape,
                           &graph_output(graph, node, 0)->shape))
        return;
    memcpy(axis, over->reduce.axis, sizeof axis);
    node->inputs[0] = x;
    node->num_inputs = 1;
    node->op = GRAPH_NORM;
    memset(&node->norm, 0, sizeof node->norm);
    memcpy(node->norm.axis, axis, sizeof axis);
    node->norm.epsilon = (float)epsilon;
    node->norm.about_zero = true;
}

/* RMSNorm: x / sqrt(mean of squares of x + epsilon). */
static void match_rms_norm(struct graph *graph, struct graph_node *node, int x,
                           int under_root)
{
    const struct graph_node *mean;
    double epsilon;
    int sum;

    if (node->op == GRAPH_NORM || under_root == GRAPH_NONE ||
        !is_with_number(graph, under_root, GRAPH_ADD, -INFINITY, INFINITY, &sum,
                        &epsilon) ||
        !(mean = mean_of_squares(graph, sum, x)))
        return;
    make_about_zero(graph, node, x, mean, epsilon);
}

/* PyTorch's normalize: x / max(sqrt(sum of squares of x), bound), which is x /
 * sqrt(mean of squares + bound^2 / n) / sqrt(n) but for x as small as the
 * bound, some 1e-12. */
static void match_l2_norm(struct graph *graph, struct graph_node *node)
{
    int x = node->inputs[0], value = node->inputs[1], scale;
    const struct graph_node *expand = maker(graph, value, GRAPH_EXPAND);
    const struct graph_node *clamp, *norm;
    const struct graph_shape *shape = &graph->values[x].shape;
    double bound = 0, count = 1;

    if (expand)
        value = expand->inputs[0];
    clamp = maker(graph, value, GRAPH_CLAMP);
    if (clamp && clamp->min > 0 && clamp->max == INFINITY) {
        bound = (double)clamp->min;
        value = clamp->inputs[0];
    } else if (!is_with_number(graph, value, GRAPH_MAX, -INFINITY, INFINITY,
                               &value, &bound)) {
        return;
    }
    norm = maker(graph, value, GRAPH_REDUCE);
    if (!norm || norm->reduce.function != GRAPH_REDUCE_L2 ||
        !norm->reduce.keep_dims || norm->inputs[0] != x || !(bound > 0) ||
        bound > 1e-6)
        return;
    for (uint32_t i = 0; i < shape->rank; i++)
        count *= norm->reduce.axis[i] ? (double)shape->dim[i] : 1;
    if (count < 1)
        return;
    scale =
        graph_add_constant(graph, node->name, GRAPH_FLOAT,
                           &(struct graph_shape){.rank = 1, .dim = {1}}, NULL);
    if (scale == GRAPH_NONE)
        return; /* it stays as it is */
    ((float *)graph->values[scale].data)[0] = (float)(1 / sqrt(count));
    make_about_zero(graph, node, x, norm, bound * bound / count);
    if (node->op != GRAPH_NORM)
        return;
    node->inputs[1] = scale;
    node->num_inputs = 2;
}

/* The same, where the root divides or its inverse is a factor. */
static void match_norms(struct graph *graph, struct graph_node *node)
{
    const struct graph_node *root =
        function_maker(graph, node->inputs[1], GRAPH_SQRT);
    int a = node->inputs[0], b = node->inputs[1];

    if (node->op == GRAPH_DIV) {
        if (root)
            match_norm(graph, node, a, root->inputs[0]);
        if (root && node->op == GRAPH_DIV)
            match_rms_norm(graph, node, a, root->inputs[0]);
        if (node->op == GRAPH_DIV)
            match_l2_norm(graph, node);
        return;
    }
    match_norm(graph, node, a, inverse_root_of(graph, b));
    if (node->op == GRAPH_MUL)
        match_norm(graph, node, b, inverse_root_of(graph, a));
    if (node->op == GRAPH_MUL)
        match_rms_norm(graph, node, a, inverse_root_of(graph, b));
    if (node->op == GRAPH_MUL)
        match_rms_norm(graph, node, b, inverse_root_of(graph, a));
}

/* ---- GroupNorm ---- */

/* Whether all axes from `first` on are normalized over, and no other. */
static bool is_over_last(const struct graph_node *norm, uint32_t first,
                         uint32_t rank)
{
    for (uint32_t i = 0; i < rank; i++)
        if (norm->norm.axis[i] != (i >= first))
            return false;
    return true;
}

static bool is_of_one_number(const struct graph *graph,
                             const struct graph_node *node, uint32_t i)
{
    const struct graph_value *value = graph_input(graph, node, i);

    return !value || graph_shape_count(&value->shape) == 1;
}

/* The value that a quantized network's pair of nodes rounds, by one scale for
 * all of it; the value itself where there is none, or others use it. */
static int behind_rounding(const struct graph *graph, int value)
{
    const struct graph_node *back = maker(graph, value, GRAPH_DEQUANTIZE);
    const struct graph_node *there =
        back ? maker(graph, back->inputs[0], GRAPH_QUANTIZE) : NULL;

    return there && is_of_one_number(graph, back, 1) &&
                   is_of_one_number(graph, back, 2) &&
                   is_of_one_number(graph, there, 1) &&
                   is_of_one_number(graph, there, 2) &&
                   graph_num_uses(graph, value) == 1 &&
                   graph_num_uses(graph, back->inputs[0]) == 1
               ? there->inputs[0]
               : value;
}

/* The pair that makes the value, if there is one, rounds x, in x's shape. */
static int round_instead(struct graph *graph, int value, int x)
{
    const struct graph_node *back = maker(graph, value, GRAPH_DEQUANTIZE);
    const struct graph_node *there =
        back ? maker(graph, back->inputs[0], GRAPH_QUANTIZE) : NULL;

    if (!there || behind_rounding(graph, value) == value)
        return x;
    there->inputs[0] = x;
    graph->values[there->outputs[0]].shape = graph->values[x].shape;
    graph->values[value].shape = graph->values[x].shape;
    return value;
}

/* A picture (N, C, H, W) that is reshaped to (N, groups, ...), normalized over
 * what is in each group, and reshaped back. It is normalized as the picture
 * that it is, so that it need not be laid out in planes for it. */
static void match_group_norm(struct graph *graph, const struct graph_node *back)
{
    const struct graph_shape *to = &graph_output(graph, back, 0)->shape;
    int made = behind_rounding(graph, back->inputs[0]);
    const struct graph_node *there, *maker_of = maker(graph, made, GRAPH_NORM);
    struct graph_shape *shape = &graph->values[made].shape;
    struct graph_node *norm;

    if (!maker_of)
        return;
    norm = &graph->nodes[maker_of - graph->nodes];
    there =
        maker(graph, behind_rounding(graph, norm->inputs[0]), GRAPH_RESHAPE);
    if (!there || to->rank < 3 || shape->rank < 3 ||
        !graph_shape_equal(&graph->values[there->inputs[0]].shape, to) ||
        to->dim[0] != shape->dim[0] || shape->dim[1] == 0 ||
        to->dim[1] % shape->dim[1] != 0 ||
        !is_over_last(norm, 2, shape->rank) || graph_num_uses(graph, made) != 1)
        return;
    if (norm->norm.groups == 0 && norm->num_inputs > 1)
        return; /* scale and bias broadcast to the other shape */
    if (norm->norm.groups != 0 && norm->norm.groups != shape->dim[1])
        return;
    norm->norm.groups = shape->dim[1];
    norm->norm.channel = 1;
    for (uint32_t i = 0; i < to->rank; i++)
        norm->norm.axis[i] = i >= 2;
    norm->inputs[0] = round_instead(graph, norm->inputs[0], there->inputs[0]);
    *shape = *to;
    back->inputs[0] = round_instead(graph, back->inputs[0], made);
}

/* ---- torch's LocalResponseNorm ---- */

static int behind_reshapes(const struct graph *graph, int value)
{
    const struct graph_node *node;

    while ((node = maker(graph, value, GRAPH_RESHAPE)))
        value = node->inputs[0];
    return value;
}

static bool has_shape(const struct graph *graph, int value, uint32_t rank,
                      const size_t *dim)
{
    struct graph_shape shape = {.rank = rank};

    memcpy(shape.dim, dim, rank * sizeof *dim);
    return graph_shape_equal(&graph->values[value].shape, &shape);
}

/* Whether the value is its square's mean over `size` channels around each of
 * x, (N, C, H, W), with as many before as after: the square, with a border of
 * zeros on its channels and an axis before them, is pooled as a picture of
 * (H, W, channels). Every shape on the way is checked, so that each reshape
 * merely adds an axis or drops it. */
static bool is_mean_of_channels(const struct graph *graph, int value, int x,
                                size_t *size)
{
    static const size_t to_last[] = {0, 2, 3, 1}, from_last[] = {0, 3, 1, 2};
    const size_t *dim = graph->values[x].shape.dim;
    const struct graph_node *back, *pool, *there, *pad, *square;
    const struct graph_window *window;
    size_t before, wide;

    value = behind_reshapes(graph, value);
    back = maker(graph, value, GRAPH_TRANSPOSE);
    pool = back ? maker(graph, back->inputs[0], GRAPH_AVERAGE_POOL) : NULL;
    there = pool ? maker(graph, pool->inputs[0], GRAPH_TRANSPOSE) : NULL;
    if (!there || memcmp(back->perm, from_last, sizeof from_last) != 0 ||
        memcmp(there->perm, to_last, sizeof to_last) != 0)
        return false;
    pad = maker(graph, behind_reshapes(graph, there->inputs[0]), GRAPH_PAD);
    if (!pad || pad->pad.mode != GRAPH_PAD_CONSTANT || pad->pad.value != 0)
        return false;
    window = &pool->pool.window;
    *size = window->kernel[1];
    before = (size_t)pad->pad.before[2];
    wide = dim[1] + 2 * before;
    if (*size != 2 * before + 1 || (size_t)pad->pad.after[2] != before ||
        window->kernel[0] != 1 || window->stride[0] != 1 ||
        window->stride[1] != 1 || window->pad_before[0] ||
        window->pad_before[1] || window->pad_after[0] || window->pad_after[1])
        return false;
    square = maker(graph, behind_reshapes(graph, pad->inputs[0]), GRAPH_MUL);
    return square && square->inputs[0] == x && square->inputs[1] == x &&
           is_clamped_to(square, -INFINITY, INFINITY) &&
           has_shape(graph, pad->inputs[0], 5,
                     (size_t[]){dim[0], 1, dim[1], dim[2], dim[3]}) &&
           has_shape(graph, pad->outputs[0], 5,
                     (size_t[]){dim[0], 1, wide, dim[2], dim[3]}) &&
           has_shape(graph, there->inputs[0], 4,
                     (size_t[]){dim[0], wide, dim[2], dim[3]}) &&
           has_shape(graph, back->outputs[0], 4, dim);
}

/* x / (bias + alpha mean)^beta */
static void match_lrn(struct graph *graph, struct graph_node *node)
{
    int x = node->inputs[0], power = node->inputs[1], sum, mean;
    const struct graph_node *root = maker(graph, power, GRAPH_UNARY);
    double bias, alpha;
    float beta;
    size_t size;

    if (!root || (root->unary.function != GRAPH_POWER &&
                  root->unary.function != GRAPH_SQRT))
        return;
    beta = root->unary.function == GRAPH_SQRT ? 0.5f : root->unary.alpha;
    if (graph->values[x].shape.rank != 4 ||
        !is_with_number(graph, root->inputs[0], GRAPH_ADD, -INFINITY, INFINITY,
                        &sum, &bias) ||
        !is_scaled(graph, sum, &mean, &alpha) ||
        !graph_shape_equal(&graph->values[mean].shape,
                           &graph->values[x].shape) ||
        !graph_shape_equal(&graph_output(graph, node, 0)->shape,
                           &graph->values[x].shape) ||
        !is_mean_of_channels(graph, mean, x, &size))
        return;
    node->op = GRAPH_LRN;
    node->num_inputs = 1;
    node->lrn.channel = 1;
    node->lrn.size = size;
    node->lrn.alpha = (float)alpha;
    node->lrn.beta = beta;
    node->lrn.bias = (float)bias;
}

/* ---- sigmoid and softmax ---- */

static bool is_one(const struct graph *graph, int value)
{
    double number;

    return is_number(graph, value, &number) && fabs(number - 1) <= 0;
}

/* value = 1 + other */
static bool is_one_more(const struct graph *graph, int value, int *other)
{
    double number;

    return is_with_number(graph, value, GRAPH_ADD, -INFINITY, INFINITY, other,
                          &number) &&
           fabs(number - 1) <= 0;
}

/* value = -other */
static bool is_negative(const struct graph *graph, int value, int *other)
{
    const struct graph_node *node = function_maker(graph, value, GRAPH_NEGATE);
    double factor;

    if (node) {
        *other = node->inputs[0];
        return true;
    }
    return is_scaled(graph, value, other, &factor) && fabs(factor + 1) <= 0;
}

/* The result is a function of x, which has its shape. */
static void become_function(struct graph *graph, struct graph_node *node, int x,
                            enum graph_function function)
{
    if (!graph_shape_equal(&graph->values[x].shape,
                           &graph_output(graph, node, 0)->shape))
        return;
    node->op = GRAPH_UNARY;
    node->unary.function = function;
    node->inputs[0] = x;
    node->num_inputs = 1;
}

/* 1 / (1 + exp(-x)), its reciprocal written as a function or not; or
 * exp(x) / (1 + exp(x)). */
static void match_sigmoid(struct graph *graph, struct graph_node *node)
{
    int below = node->inputs[node->op == GRAPH_DIV], power, x;
    const struct graph_node *exp_node;

    if (!is_one_more(graph, below, &power))
        return;
    exp_node = function_maker(graph, power, GRAPH_EXP);
    if (!exp_node)
        return;
    x = exp_node->inputs[0];
    if (node->op == GRAPH_DIV && node->inputs[0] == power)
        become_function(graph, node, x, GRAPH_SIGMOID);
    else if ((node->op == GRAPH_UNARY || is_one(graph, node->inputs[0])) &&
             is_negative(graph, x, &x))
        become_function(graph, node, x, GRAPH_SIGMOID);
}

/* (1 + tanh(x / 2)) / 2, the half multiplied in before or after the sum. */
static void match_tanh(struct graph *graph, struct graph_node *node)
{
    const struct graph_node *tanh_node;
    double number;
    int inner;

    if (node->op == GRAPH_ADD) {
        if (!is_with_number(graph, node->outputs[0], GRAPH_ADD, -INFINITY,
                            INFINITY, &inner, &number) ||
            !is_near(number, 0.5) ||
            !is_scaled(graph, inner, &inner, &number) || !is_near(number, 0.5))
            return;
    } else if (!is_scaled(graph, node->outputs[0], &inner, &number) ||
               !is_near(number, 0.5) || !is_one_more(graph, inner, &inner)) {
        return;
    }
    tanh_node = function_maker(graph, inner, GRAPH_TANH);
    if (tanh_node && is_scaled(graph, tanh_node->inputs[0], &inner, &number) &&
        is_near(number, 0.5))
        become_function(graph, node, inner, GRAPH_SIGMOID);
}

/* sigmoid(x) where x >= 0, and sigmoid(x) elsewhere: written out in two ways so
 * that nothing overflows. */
static void match_stable_sigmoid(struct graph *graph, struct graph_node *node)
{
    const struct graph_node *a =
        function_maker(graph, node->inputs[1], GRAPH_SIGMOID);
    const struct graph_node *b =
        function_maker(graph, node->inputs[2], GRAPH_SIGMOID);

    if (a && b && a->inputs[0] == b->inputs[0])
        become_function(graph, node, a->inputs[0], GRAPH_SIGMOID);
}

/* -softplus(-x), which is log(sigmoid(x)) */
static void match_log_sigmoid(struct graph *graph, struct graph_node *node)
{
    int plus = node->inputs[0], x;
    const struct graph_node *softplus =
        function_maker(graph, plus, GRAPH_SOFTPLUS);

    if (!softplus || graph_num_uses(graph, plus) != 1 ||
        !is_negative(graph, softplus->inputs[0], &x) ||
        !graph_shape_equal(&graph->values[x].shape, &graph->values[plus].shape))
        return;
    become_function(graph, &graph->nodes[graph->values[plus].producer], x,
                    GRAPH_SIGMOID);
    node->unary.function = GRAPH_LOG;
}

/* The one axis that a reduction of x is over, which it keeps or a reshape puts
 * back; or -1. */
static int64_t reduced_axis(const struct graph *graph, int value, int x,
                            enum graph_reduction function)
{
    struct graph_shape shape = graph->values[x].shape;
    const struct graph_node *reshape = maker(graph, value, GRAPH_RESHAPE);
    const struct graph_node *node =
        maker(graph, reshape ? reshape->inputs[0] : value, GRAPH_REDUCE);
    int64_t axis = -1;

    if (!node || node->reduce.function != function || node->inputs[0] != x)
        return -1;
    for (uint32_t i = 0; i < shape.rank; i++) {
        if (node->reduce.axis[i] && axis >= 0)
            return -1;
        if (node->reduce.axis[i])
            axis = i;
    }
    if (axis >= 0)
        shape.dim[axis] = 1;
    return graph_shape_equal(&shape, &graph->values[value].shape) ? axis : -1;
}

/* What x is without its maximum along the axis taken off, or x itself. */
static int without_maximum(const struct graph *graph, int x, int64_t axis)
{
    const struct graph_node *node = maker(graph, x, GRAPH_SUB);

    return node && is_clamped_to(node, -INFINITY, INFINITY) &&
                   reduced_axis(graph, node->inputs[1], node->inputs[0],
                                GRAPH_REDUCE_MAX) == axis
               ? node->inputs[0]
               : x;
}

static void become_softmax(struct graph *graph, struct graph_node *node,
                           enum graph_op op, int x, int64_t axis)
{
    x = without_maximum(graph, x, axis);
    if (!graph_shape_equal(&graph->values[x].shape,
                           &graph_output(graph, node, 0)->shape))
        return;
    node->op = op;
    node->inputs[0] = x;
    node->num_inputs = 1;
    node->axis = axis;
    node->to_matrix = false;
}

/* exp(x) / sum of exp(x), where x may have its maximum taken off */
static void match_softmax(struct graph *graph, struct graph_node *node)
{
    const struct graph_node *power =
        function_maker(graph, node->inputs[0], GRAPH_EXP);
    int64_t axis = power ? reduced_axis(graph, node->inputs[1], node->inputs[0],
                                        GRAPH_REDUCE_SUM)
                         : -1;

    if (axis >= 0)
        become_softmax(graph, node, GRAPH_SOFTMAX, power->inputs[0], axis);
}

/* x - log(sum of exp(x)), likewise */
static void match_log_softmax(struct graph *graph, struct graph_node *node)
{
    int x = node->inputs[0];
    const struct graph_node *log =
        function_maker(graph, node->inputs[1], GRAPH_LOG);
    const struct graph_node *sum =
        log ? maker(graph, behind_reshapes(graph, log->inputs[0]), GRAPH_REDUCE)
            : NULL;
    const struct graph_node *power =
        sum ? function_maker(graph, sum->inputs[0], GRAPH_EXP) : NULL;
    int64_t axis;

    if (power && power->inputs[0] == x)
        axis = reduced_axis(graph, log->inputs[0], sum->inputs[0],
                            GRAPH_REDUCE_SUM);
    else
        axis =
            reduced_axis(graph, node->inputs[1], x, GRAPH_REDUCE_LOG_SUM_EXP);
    if (axis >= 0)
        become_softmax(graph, node, GRAPH_LOG_SOFTMAX, x, axis);
}

/* What a network's scores may be made with. */
static void match_scores(struct graph *graph, struct graph_node *node)
{
    switch (node->op) {
    case GRAPH_UNARY:
        if (node->unary.function == GRAPH_RECIPROCAL)
            match_sigmoid(graph, node);
        if (node->unary.function == GRAPH_NEGATE)
            match_log_sigmoid(graph, node);
        break;
    case GRAPH_WHERE:
        match_stable_sigmoid(graph, node);
        break;
    case GRAPH_DIV:
        match_sigmoid(graph, node);
        if (node->op == GRAPH_DIV)
            match_softmax(graph, node);
        if (node->op == GRAPH_DIV)
            match_tanh(graph, node);
        break;
    case GRAPH_ADD:
    case GRAPH_MUL:
        match_tanh(graph, node);
        break;
    case GRAPH_SUB:
        match_log_softmax(graph, node);
        break;
    default:
        break;
    }
}

void graph_fuse(struct graph *graph)
{
    for (size_t n = 0; n < graph->num_nodes; n++) {
        struct graph_node *node = &graph->nodes[n];

        if (node->op == GRAPH_RESHAPE)
            match_group_norm(graph, node);
        if (!is_clamped_to(node, -INFINITY, INFINITY) ||
            graph_output(graph, node, 0)->type != GRAPH_FLOAT)
            continue;
        match_scores(graph, node);
        if (node->op != GRAPH_MUL && node->op != GRAPH_DIV)
            continue;
        match_product(graph, node);
        if (node->op == GRAPH_DIV || node->op == GRAPH_MUL)
            match_norms(graph, node);
        if (node->op == GRAPH_DIV)
            match_lrn(graph, node);
    }
    graph_prune(graph);
}

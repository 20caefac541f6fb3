#include "tests/reference.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* DESIGN: every operator is a loop over the coordinates of its output that
 * says which coordinates of its operands belong to them. Reads go through
 * read_at, which checks the bounds, so that a graph that contradicts itself
 * is an error with a name rather than a wild read. Nothing here is meant to
 * be fast. */

/* A value with its elements. */
struct tensor {
    const struct graph_shape *shape;
    double *data; /* borrowed from the reference */
};

/* One node being computed. */
struct run {
    const struct graph *graph;
    const struct graph_node *node;
    const struct reference *ref;
    bool out_of_range; /* some read missed its tensor */
};

typedef bool run_op(struct run *run, const struct tensor *out,
                    struct error *err);

static bool fail_node(const struct run *run, const char *why, struct error *err)
{
    return fail(err, ERROR_INTERNAL, "node '%s' (%s): %s", run->node->name,
                graph_op_name(run->node->op), why);
}

/* Fetches operand `i`, which must be there and computed. */
static bool operand(struct tensor *tensor, const struct run *run, uint32_t i,
                    struct error *err)
{
    const struct graph_node *node = run->node;
    int value = i < node->num_inputs ? node->inputs[i] : GRAPH_NONE;

    if (value == GRAPH_NONE)
        return fail_node(run, "an operand is left out", err);
    if (value < 0 || (size_t)value >= run->ref->num_values)
        return fail_node(run, "an operand is no value of the graph", err);
    if (!run->ref->values[value])
        return fail_node(run, "an operand is used before it is made", err);
    tensor->shape = &run->graph->values[value].shape;
    tensor->data = run->ref->values[value];
    return true;
}

static bool has_operand(const struct run *run, uint32_t i)
{
    return i < run->node->num_inputs && run->node->inputs[i] != GRAPH_NONE;
}

static size_t count_of(const struct graph_shape *shape)
{
    size_t count = 1;

    for (uint32_t i = 0; i < shape->rank; i++)
        count *= shape->dim[i];
    return count;
}

/* The coordinates of the element at `index` of a row-major tensor. */
static void coords_of(int64_t coords[GRAPH_MAX_RANK],
                      const struct graph_shape *shape, size_t index)
{
    for (uint32_t i = shape->rank; i-- > 0;) {
        coords[i] = (int64_t)(index % shape->dim[i]);
        index /= shape->dim[i];
    }
}

static bool is_inside(const struct graph_shape *shape, const int64_t coords[])
{
    for (uint32_t i = 0; i < shape->rank; i++)
        if (coords[i] < 0 || (uint64_t)coords[i] >= shape->dim[i])
            return false;
    return true;
}

/* Where the element at coordinates inside of a tensor stands. */
static size_t index_of(const struct graph_shape *shape, const int64_t coords[])
{
    size_t index = 0;

    for (uint32_t i = 0; i < shape->rank; i++)
        index = index * shape->dim[i] + (size_t)coords[i];
    return index;
}

static double read_at(struct run *run, const struct tensor *tensor,
                      const int64_t coords[])
{
    if (!is_inside(tensor->shape, coords)) {
        run->out_of_range = true;
        return NAN;
    }
    return tensor->data[index_of(tensor->shape, coords)];
}

/* Reads the element that broadcasting puts at `coords` of a tensor of rank
 * `rank`: axes are aligned at the last, and an axis of 1 is repeated. */
static double read_broadcast(struct run *run, const struct tensor *tensor,
                             const int64_t coords[], uint32_t rank)
{
    int64_t own[GRAPH_MAX_RANK] = {0};
    const struct graph_shape *shape = tensor->shape;

    if (shape->rank > rank) {
        run->out_of_range = true;
        return NAN;
    }
    for (uint32_t i = 0; i < shape->rank; i++)
        own[i] = shape->dim[i] == 1 ? 0 : coords[rank - shape->rank + i];
    return read_at(run, tensor, own);
}

/* A parameter with one element per channel. */
static double read_channel(struct run *run, const struct tensor *tensor,
                           int64_t channel)
{
    if (tensor->shape->rank != 1) {
        run->out_of_range = true;
        return NAN;
    }
    return read_at(run, tensor, &channel);
}

/* What an operator of two numbers makes of them. */
static double of_two(const struct graph_node *node, double x, double y)
{
    switch (node->op) {
    case GRAPH_ADD:
        return x + y;
    case GRAPH_SUB:
        return x - y;
    case GRAPH_MUL:
        return x * y;
    case GRAPH_POW:
        return pow(x, y);
    case GRAPH_MIN:
        return fmin(x, y);
    case GRAPH_MAX:
        return fmax(x, y);
    case GRAPH_MOD:
        return node->truncated ? fmod(x, y) : x - y * floor(x / y);
    case GRAPH_PRELU:
        return fmax(x, 0) + y * fmin(x, 0);
    case GRAPH_EQUAL:
        return x == y ? 1 : 0;
    case GRAPH_LESS:
        return x < y ? 1 : 0;
    case GRAPH_LESS_EQUAL:
        return x > y ? 0 : 1;
    case GRAPH_AND:
        return x != 0 && y != 0 ? 1 : 0;
    case GRAPH_OR:
        return x != 0 || y != 0 ? 1 : 0;
    case GRAPH_XOR:
        return (x != 0) == (y != 0) ? 0 : 1;
    default:
        return x / y;
    }
}

/* All operators of two operands that broadcast. */
static bool run_arithmetic(struct run *run, const struct tensor *out,
                           struct error *err)
{
    struct tensor a, b;
    int64_t at[GRAPH_MAX_RANK];
    double x, y;
    bool is_int;

    if (!operand(&a, run, 0, err) || !operand(&b, run, 1, err))
        return false;
    is_int = graph_output(run->graph, run->node, 0)->type == GRAPH_INT;
    for (size_t i = 0; i < count_of(out->shape); i++) {
        coords_of(at, out->shape, i);
        x = read_broadcast(run, &a, at, out->shape->rank);
        y = read_broadcast(run, &b, at, out->shape->rank);
        out->data[i] = of_two(run->node, x, y);
        if (is_int && run->node->op == GRAPH_DIV)
            out->data[i] = trunc(out->data[i]);
    }
    return true;
}

/* Where. */
static bool run_where(struct run *run, const struct tensor *out,
                      struct error *err)
{
    struct tensor condition, a, b;
    int64_t at[GRAPH_MAX_RANK];
    uint32_t rank = out->shape->rank;

    if (!operand(&condition, run, 0, err) || !operand(&a, run, 1, err) ||
        !operand(&b, run, 2, err))
        return false;
    for (size_t i = 0; i < count_of(out->shape); i++) {
        coords_of(at, out->shape, i);
        out->data[i] = read_broadcast(run, &condition, at, rank) != 0
                           ? read_broadcast(run, &a, at, rank)
                           : read_broadcast(run, &b, at, rank);
    }
    return true;
}

/* The functions as the specification has them. */
static double function_of(const struct graph_node *node, double x)
{
    const double alpha = (double)node->unary.alpha;
    const double beta = (double)node->unary.beta;
    const double pi = acos(-1);

    switch (node->unary.function) {
    case GRAPH_ABS:
        return fabs(x);
    case GRAPH_NEGATE:
        return -x;
    case GRAPH_SIGN:
        return (x > 0) - (x < 0);
    case GRAPH_NOT:
        return x == 0 ? 1 : 0;
    case GRAPH_FLOOR:
        return floor(x);
    case GRAPH_CEIL:
        return ceil(x);
    case GRAPH_ROUND:
        return fabs(x - trunc(x)) == 0.5 ? 2 * round(x / 2) : round(x);
    case GRAPH_SQUARE:
        return pow(x, 2);
    case GRAPH_POWER:
        return pow(x, alpha);
    case GRAPH_SQRT:
        return sqrt(x);
    case GRAPH_RECIPROCAL:
        return 1 / x;
    case GRAPH_EXP:
        return exp(x);
    case GRAPH_LOG:
        return log(x);
    case GRAPH_ERF:
        return erf(x);
    case GRAPH_SIN:
        return sin(x);
    case GRAPH_COS:
        return cos(x);
    case GRAPH_TAN:
        return tan(x);
    case GRAPH_ASIN:
        return asin(x);
    case GRAPH_ACOS:
        return acos(x);
    case GRAPH_ATAN:
        return atan(x);
    case GRAPH_SINH:
        return (exp(x) - exp(-x)) / 2;
    case GRAPH_COSH:
        return (exp(x) + exp(-x)) / 2;
    case GRAPH_TANH:
        return 1 - 2 / (exp(2 * x) + 1);
    case GRAPH_ASINH:
        return log(x + sqrt(x * x + 1));
    case GRAPH_ACOSH:
        return log(x + sqrt(x * x - 1));
    case GRAPH_ATANH:
        return log((1 + x) / (1 - x)) / 2;
    case GRAPH_SIGMOID:
        return 1 / (1 + exp(-x));
    case GRAPH_HARD_SWISH:
        return x * fmax(0, fmin(1, x / 6 + 0.5));
    case GRAPH_LEAKY_RELU:
        return x < 0 ? alpha * x : x;
    case GRAPH_THRESHOLDED_RELU:
        return x > alpha ? x : 0;
    case GRAPH_ELU:
        return beta * (x > 0 ? x : alpha * exp(x) - alpha);
    case GRAPH_CELU:
        return fmax(0, x) + fmin(0, alpha * (exp(x / alpha) - 1));
    case GRAPH_SOFTPLUS:
        return log(1 + exp(x));
    case GRAPH_SOFTSIGN:
        return x / (1 + fabs(x));
    case GRAPH_MISH:
        return x * tanh(log(1 + exp(x)));
    case GRAPH_SILU:
        return x / (1 + exp(-x));
    case GRAPH_GELU:
        return 0.5 * x * (1 + erf(x / sqrt(2)));
    case GRAPH_GELU_TANH:
        return 0.5 * x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * pow(x, 3))));
    case GRAPH_IS_NAN:
        return x != x;
    case GRAPH_IS_INF:
        return (alpha != 0 && x == -INFINITY) || (beta != 0 && x == INFINITY);
    case GRAPH_SHRINK:
        return x < -alpha ? x + beta : x > alpha ? x - beta : 0;
    case GRAPH_GRID:
        return (double)node->unary.alpha *
               rint(fmin(fmax(x / alpha, beta), (double)node->unary.gamma));
    default:
        return NAN;
    }
}

static bool run_unary(struct run *run, const struct tensor *out,
                      struct error *err)
{
    struct tensor x;

    if (!operand(&x, run, 0, err))
        return false;
    if (!graph_shape_equal(x.shape, out->shape))
        return fail_node(run, "the result has another shape", err);
    for (size_t i = 0; i < count_of(out->shape); i++)
        out->data[i] = function_of(run->node, x.data[i]);
    return true;
}

/* The derivatives of those that have one. */
static double slope_of(const struct graph_node *node, double x)
{
    const double alpha = (double)node->unary.alpha;
    const double beta = (double)node->unary.beta;
    const double pi = acos(-1), sigmoid = 1 / (1 + exp(-x));
    double t, u;

    switch (node->unary.function) {
    case GRAPH_ABS:
        return (x > 0) - (x < 0);
    case GRAPH_NEGATE:
        return -1;
    case GRAPH_SQUARE:
        return 2 * x;
    case GRAPH_POWER:
        return alpha * pow(x, alpha - 1);
    case GRAPH_SQRT:
        return 1 / (2 * sqrt(x));
    case GRAPH_RECIPROCAL:
        return -pow(x, -2);
    case GRAPH_EXP:
        return exp(x);
    case GRAPH_LOG:
        return 1 / x;
    case GRAPH_ERF:
        return 2 / sqrt(pi) * exp(-x * x);
    case GRAPH_SIN:
        return cos(x);
    case GRAPH_COS:
        return -sin(x);
    case GRAPH_TAN:
        return 1 / pow(cos(x), 2);
    case GRAPH_ASIN:
        return 1 / sqrt(1 - x * x);
    case GRAPH_ACOS:
        return -1 / sqrt(1 - x * x);
    case GRAPH_ATAN:
        return 1 / (x * x + 1);
    case GRAPH_SINH:
        return (exp(x) + exp(-x)) / 2;
    case GRAPH_COSH:
        return (exp(x) - exp(-x)) / 2;
    case GRAPH_TANH:
        return 1 / pow(cosh(x), 2);
    case GRAPH_ASINH:
        return 1 / sqrt(x * x + 1);
    case GRAPH_ACOSH:
        return 1 / sqrt(x * x - 1);
    case GRAPH_ATANH:
        return 1 / (1 - x * x);
    case GRAPH_SIGMOID:
        return sigmoid * (1 - sigmoid);
    case GRAPH_HARD_SWISH:
        return x <= -3 ? 0 : x >= 3 ? 1 : (2 * x + 3) / 6;
    case GRAPH_LEAKY_RELU:
        return x > 0 ? 1 : alpha;
    case GRAPH_THRESHOLDED_RELU:
        return x > alpha;
    case GRAPH_ELU:
        return x > 0 ? beta : beta * alpha * exp(x);
    case GRAPH_CELU:
        return x > 0 ? 1 : exp(x / alpha);
    case GRAPH_SOFTPLUS:
        return sigmoid;
    case GRAPH_SOFTSIGN:
        return pow(1 + fabs(x), -2);
    case GRAPH_MISH:
        t = tanh(log(1 + exp(x)));
        return t + x * (1 - t * t) * sigmoid;
    case GRAPH_SILU:
        return sigmoid * (1 + x * (1 - sigmoid));
    case GRAPH_GELU:
        return 0.5 * (1 + erf(x / sqrt(2))) +
               x * exp(-x * x / 2) / sqrt(2 * pi);
    case GRAPH_GELU_TANH:
        u = sqrt(2 / pi) * (1 + 3 * 0.044715 * x * x);
        t = tanh(sqrt(2 / pi) * (x + 0.044715 * pow(x, 3)));
        return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * u;
    case GRAPH_SHRINK:
        return fabs(x) > alpha;
    case GRAPH_GRID:
        return rint(x / alpha) >= beta &&
               rint(x / alpha) <= (double)node->unary.gamma;
    default:
        return 0;
    }
}

/* What a derivative, or an open gate, makes of g. */
static bool run_slope(struct run *run, const struct tensor *out,
                      struct error *err)
{
    const struct graph_node *node = run->node;
    struct tensor x, g;

    if (!operand(&x, run, 0, err) || !operand(&g, run, 1, err))
        return false;
    if (!graph_shape_equal(x.shape, out->shape) ||
        !graph_shape_equal(g.shape, out->shape))
        return fail_node(run, "the result has another shape", err);
    for (size_t i = 0; i < count_of(out->shape); i++) {
        if (node->op == GRAPH_SLOPE)
            out->data[i] = g.data[i] * slope_of(node, x.data[i]);
        else if (x.data[i] > (double)node->gate.low &&
                 x.data[i] < (double)node->gate.high)
            out->data[i] = g.data[i];
    }
    return true;
}

/* Sums of weighted elements along an axis. */
static bool run_mix(struct run *run, const struct tensor *out,
                    struct error *err)
{
    struct tensor x, indices, weights;
    int64_t at[GRAPH_MAX_RANK], axis = run->node->axis, row[2];

    if (!operand(&x, run, 0, err) || !operand(&indices, run, 1, err) ||
        !operand(&weights, run, 2, err))
        return false;
    for (size_t i = 0; i < count_of(out->shape); i++) {
        coords_of(at, out->shape, i);
        row[0] = at[axis];
        for (row[1] = 0; row[1] < (int64_t)indices.shape->dim[1]; row[1]++) {
            at[axis] = (int64_t)read_at(run, &indices, row);
            out->data[i] += read_at(run, &weights, row) * read_at(run, &x, at);
        }
    }
    return true;
}

/* CumSum. */
static bool run_cumsum(struct run *run, const struct tensor *out,
                       struct error *err)
{
    struct tensor x;
    size_t axis = run->node->cumsum.axis;
    int64_t at[GRAPH_MAX_RANK], last;

    if (!operand(&x, run, 0, err))
        return false;
    for (size_t i = 0; i < count_of(out->shape); i++) {
        coords_of(at, out->shape, i);
        last = at[axis];
        for (int64_t k = 0; k < (int64_t)x.shape->dim[axis]; k++) {
            bool is_before = run->node->cumsum.reverse ? k > last : k < last;

            at[axis] = k;
            if (is_before || (k == last && !run->node->cumsum.exclusive))
                out->data[i] += read_at(run, &x, at);
        }
    }
    return true;
}

/* Trilu. */
static bool run_trilu(struct run *run, const struct tensor *out,
                      struct error *err)
{
    struct tensor x;
    int64_t at[GRAPH_MAX_RANK], right;
    uint32_t last = out->shape->rank - 1;

    if (!operand(&x, run, 0, err))
        return false;
    for (size_t i = 0; i < count_of(out->shape); i++) {
        coords_of(at, out->shape, i);
        right = at[last] - at[last - 1] - run->node->diagonal.k;
        if (run->node->diagonal.upper ? right >= 0 : right <= 0)
            out->data[i] = x.data[i];
    }
    return true;
}

/* ScatterElements and ScatterND, that replace or add. */
static bool run_scatter(struct run *run, const struct tensor *out,
                        struct error *err)
{
    const struct graph_node *node = run->node;
    struct tensor x, indices, updates;
    int64_t at[GRAPH_MAX_RANK], to[GRAPH_MAX_RANK], tuple[GRAPH_MAX_RANK];
    uint32_t last;

    if (!operand(&x, run, 0, err) || !operand(&indices, run, 1, err) ||
        !operand(&updates, run, 2, err))
        return false;
    last = indices.shape->rank - 1;
    memcpy(out->data, x.data, count_of(x.shape) * sizeof *x.data);
    for (size_t i = 0; i < count_of(updates.shape); i++) {
        int64_t num = (int64_t)indices.shape->dim[last];

        coords_of(at, updates.shape, i);
        memcpy(to, at, sizeof to);
        memcpy(tuple, at, sizeof tuple);
        if (node->op == GRAPH_SCATTER_ELEMENTS)
            to[node->scatter.axis] = (int64_t)read_at(run, &indices, at);
        for (int64_t k = 0; node->op == GRAPH_SCATTER_ND && k < num; k++) {
            tuple[last] = k;
            to[k] = (int64_t)read_at(run, &indices, tuple);
        }
        for (int64_t k = num;
             node->op == GRAPH_SCATTER_ND && k < (int64_t)x.shape->rank; k++)
            to[k] = at[(int64_t)last + k - num];
        for (uint32_t k = 0; k < x.shape->rank; k++)
            if (to[k] < 0)
                to[k] += (int64_t)x.shape->dim[k];
        if (!is_inside(x.shape, to))
            return fail_node(run, "an index is not inside", err);
        if (node->scatter.how == GRAPH_SCATTER_ADD)
            out->data[index_of(x.shape, to)] += updates.data[i];
        else
            out->data[index_of(x.shape, to)] = updates.data[i];
    }
    return true;
}

/* Identity and Clip (whose bounds every node has), Dropout as it infers. */
static bool run_copy(struct run *run, const struct tensor *out,
                     struct error *err)
{
    struct tensor x;

    if (!operand(&x, run, 0, err))
        return false;
    if (!graph_shape_equal(x.shape, out->shape))
        return fail_node(run, "the result has another shape", err);
    for (size_t i = 0; i < count_of(out->shape); i++)
        out->data[i] = x.data[i];
    return true;
}

/* Where the axes of images and filters are: ONNX says (n, c, h, w) and (o, i,
 * kh, kw); after graph_layout it is (n, h, w, c) and (o, kh, kw, i). */
static void image_coords(int64_t at[4], bool nhwc, int64_t n, int64_t c,
                         int64_t y, int64_t x)
{
    at[0] = n;
    at[nhwc ? 3 : 1] = c;
    at[nhwc ? 1 : 2] = y;
    at[nhwc ? 2 : 3] = x;
}

/* The filter's tap for output channel `o`, the group's input channel `i`. A
 * depthwise filter is (1, kh, kw, o) after graph_layout. */
static void tap_coords(int64_t at[4], const struct graph_node *node, int64_t o,
                       int64_t i, int64_t y, int64_t x)
{
    if (node->nhwc && node->conv.depthwise)
        image_coords(at, true, i, o, y, x);
    else
        image_coords(at, node->nhwc, o, i, y, x);
}

/* One sum of Conv: output channel `o` at row `y`, column `x`. */
static double conv_at(struct run *run, const struct tensor *image,
                      const struct tensor *weights, size_t num_out, int64_t n,
                      int64_t o, int64_t y, int64_t x)
{
    const struct graph_window *window = &run->node->conv.window;
    bool nhwc = run->node->nhwc;
    size_t groups = run->node->conv.groups;
    int64_t group_in = (int64_t)(image->shape->dim[nhwc ? 3 : 1] / groups);
    int64_t group_out = (int64_t)(num_out / groups);
    int64_t at[4], tap[4];
    double sum = 0;

    for (int64_t ky = 0; ky < (int64_t)window->kernel[0]; ky++) {
        for (int64_t kx = 0; kx < (int64_t)window->kernel[1]; kx++) {
            for (int64_t i = 0; i < group_in; i++) {
                image_coords(at, nhwc, n, o / group_out * group_in + i,
                             y * (int64_t)window->stride[0] +
                                 ky * (int64_t)window->dilation[0] -
                                 (int64_t)window->pad_before[0],
                             x * (int64_t)window->stride[1] +
                                 kx * (int64_t)window->dilation[1] -
                                 (int64_t)window->pad_before[1]);
                if (!is_inside(image->shape, at))
                    continue; /* the border is 0 */
                tap_coords(tap, run->node, o, i, ky, kx);
                sum += read_at(run, image, at) * read_at(run, weights, tap);
            }
        }
    }
    return sum;
}

/* Rows or columns of a convolution's output, as the specification counts. */
static int64_t conv_len(const struct graph_window *window, int axis, size_t len)
{
    int64_t span =
        (int64_t)((window->kernel[axis] - 1) * window->dilation[axis] + 1);
    int64_t padded =
        (int64_t)(len + window->pad_before[axis] + window->pad_after[axis]);

    return padded < span ? 0
                         : (padded - span) / (int64_t)window->stride[axis] + 1;
}

static bool check_conv(const struct run *run, const struct tensor *x,
                       const struct tensor *weights, const struct tensor *out,
                       struct error *err)
{
    const struct graph_window *window = &run->node->conv.window;
    size_t groups = run->node->conv.groups;
    int c = run->node->nhwc ? 3 : 1, y = run->node->nhwc ? 1 : 2;
    int64_t wanted[4];

    if (x->shape->rank != 4 || weights->shape->rank != 4 ||
        out->shape->rank != 4)
        return fail_node(run, "a convolution needs rank 4", err);
    tap_coords(wanted, run->node, (int64_t)out->shape->dim[c],
               groups ? (int64_t)(x->shape->dim[c] / groups) : 0,
               (int64_t)window->kernel[0], (int64_t)window->kernel[1]);
    for (int i = 0; i < 4; i++)
        if ((int64_t)weights->shape->dim[i] != wanted[i])
            return fail_node(run, "the weights do not fit", err);
    if (groups == 0 || x->shape->dim[c] % groups != 0 ||
        out->shape->dim[c] % groups != 0 ||
        x->shape->dim[0] != out->shape->dim[0])
        return fail_node(run, "the channels do not fit", err);
    for (int i = 0; i < 2; i++) {
        if (window->auto_pad != GRAPH_PAD_GIVEN || window->stride[i] == 0 ||
            window->dilation[i] == 0 || window->kernel[i] == 0 ||
            conv_len(window, i, x->shape->dim[y + i]) !=
                (int64_t)out->shape->dim[y + i])
            return fail_node(run, "the window does not fit", err);
    }
    return true;
}

static bool run_conv(struct run *run, const struct tensor *out,
                     struct error *err)
{
    struct tensor x, weights, bias;
    int64_t at[GRAPH_MAX_RANK], o;
    bool nhwc = run->node->nhwc;
    bool has_bias = has_operand(run, 2);

    if (!operand(&x, run, 0, err) || !operand(&weights, run, 1, err) ||
        (has_bias && !operand(&bias, run, 2, err)) ||
        !check_conv(run, &x, &weights, out, err))
        return false;
    for (size_t i = 0; i < count_of(out->shape); i++) {
        coords_of(at, out->shape, i);
        o = at[nhwc ? 3 : 1];
        out->data[i] = conv_at(run, &x, &weights, out->shape->dim[nhwc ? 3 : 1],
                               at[0], o, at[nhwc ? 1 : 2], at[nhwc ? 2 : 3]);
        if (has_bias)
            out->data[i] += read_channel(run, &bias, o);
    }
    return true;
}

/* y = scale (x - mean) / sqrt(variance + epsilon) + bias; axis 1 is the
 * channel. */
static bool run_batch_norm(struct run *run, const struct tensor *out,
                           struct error *err)
{
    struct tensor x, scale, bias, mean, variance;
    int64_t at[GRAPH_MAX_RANK];

    if (!operand(&x, run, 0, err) || !operand(&scale, run, 1, err) ||
        !operand(&bias, run, 2, err) || !operand(&mean, run, 3, err) ||
        !operand(&variance, run, 4, err))
        return false;
    if (out->shape->rank < 2 || !graph_shape_equal(x.shape, out->shape))
        return fail_node(run, "the shapes do not fit", err);
    for (size_t i = 0; i < count_of(out->shape); i++) {
        coords_of(at, out->shape, i);
        out->data[i] =
            read_channel(run, &scale, at[1]) *
                (read_at(run, &x, at) - read_channel(run, &mean, at[1])) /
                sqrt(read_channel(run, &variance, at[1]) +
                     (double)run->node->epsilon) +
            read_channel(run, &bias, at[1]);
    }
    return true;
}

/* Every input element is strewn over the outputs that its window covers. */
static bool run_deconv(struct run *run, const struct tensor *out,
                       struct error *err)
{
    const struct graph_window *window = &run->node->conv.window;
    bool nhwc = run->node->nhwc;
    size_t groups = run->node->conv.groups;
    struct tensor x, weights, bias;
    int64_t at[GRAPH_MAX_RANK], to[4], tap[4];
    int64_t out_group = (int64_t)(out->shape->dim[nhwc ? 3 : 1] / groups);
    int64_t in_group;

    if (!operand(&x, run, 0, err) || !operand(&weights, run, 1, err) ||
        (has_operand(run, 2) && !operand(&bias, run, 2, err)))
        return false;
    if (x.shape->rank != 4 || out->shape->rank != 4 || weights.shape->rank != 4)
        return fail_node(run, "a convolution needs rank 4", err);
    in_group = (int64_t)(x.shape->dim[nhwc ? 3 : 1] / groups);
    for (size_t i = 0; has_operand(run, 2) && i < count_of(out->shape); i++) {
        coords_of(at, out->shape, i);
        out->data[i] = read_channel(run, &bias, at[nhwc ? 3 : 1]);
    }
    for (size_t i = 0; i < count_of(x.shape); i++) {
        int64_t c, group;

        coords_of(at, x.shape, i);
        c = at[nhwc ? 3 : 1];
        group = c / in_group;
        for (int64_t ky = 0; ky < (int64_t)window->kernel[0]; ky++)
            for (int64_t kx = 0; kx < (int64_t)window->kernel[1]; kx++)
                for (int64_t o = 0; o < out_group; o++) {
                    size_t index = 0;

                    image_coords(to, nhwc, at[0], group * out_group + o,
                                 at[nhwc ? 1 : 2] * (int64_t)window->stride[0] +
                                     ky * (int64_t)window->dilation[0] -
                                     (int64_t)window->pad_before[0],
                                 at[nhwc ? 2 : 3] * (int64_t)window->stride[1] +
                                     kx * (int64_t)window->dilation[1] -
                                     (int64_t)window->pad_before[1]);
                    if (!is_inside(out->shape, to))
                        continue;
                    if (nhwc)
                        tap_coords(tap, run->node, group * out_group + o,
                                   c % in_group, ky, kx);
                    else
                        image_coords(tap, false, c, o, ky, kx);
                    for (int k = 0; k < 4; k++)
                        index = index * out->shape->dim[k] + (size_t)to[k];
                    out->data[index] += x.data[i] * read_at(run, &weights, tap);
                }
    }
    return true;
}

/* How much of element `i` of an axis of `len` goes into element `o` of `out`.
 */
static double resize_weight(const struct graph_node *node, uint32_t axis,
                            double o, double i, double len, double out)
{
    double scale = node->resize.scale[axis], weight = 0, all = 0, floor_x, a;
    double x = (o + 0.5) / scale - 0.5;

    if (node->resize.coordinates == GRAPH_RESIZE_ASYMMETRIC)
        x = o / scale;
    if (node->resize.coordinates == GRAPH_RESIZE_ALIGN_CORNERS)
        x = out > 1 ? o * (len - 1) / (out - 1) : 0;
    if (node->resize.coordinates == GRAPH_RESIZE_TENSORFLOW)
        x = (o + 0.5) / scale;
    if (node->resize.coordinates == GRAPH_RESIZE_PYTORCH && out == 1)
        x = 0;
    if (node->resize.coordinates == GRAPH_RESIZE_SYMMETRIC)
        x += len / 2 * (1 - out / (scale * len));
    if (scale == 1 && len == out)
        return i == o;
    floor_x = floor(x);
    if (node->resize.filter == GRAPH_RESIZE_NEAREST) {
        bool half = fabs(x - floor_x - 0.5) < 1e-6; /* a float's error */
        enum graph_resize_rounding rounding = node->resize.rounding;

        if (rounding == GRAPH_RESIZE_OLD)
            rounding = scale < 1 ? GRAPH_RESIZE_CEIL : GRAPH_RESIZE_FLOOR;
        x = rounding == GRAPH_RESIZE_FLOOR  ? floor_x
            : rounding == GRAPH_RESIZE_CEIL ? ceil(x)
            : half ? floor_x + (rounding == GRAPH_RESIZE_PREFER_CEIL)
                   : round(x);
        return i == fmin(fmax(x, 0), len - 1);
    }
    if (node->resize.filter == GRAPH_RESIZE_LINEAR)
        return fmax(0, 1 - fabs(fmin(fmax(x, 0), len - 1) - i));
    a = (double)node->resize.a;
    for (double k = floor_x - 1; k <= floor_x + 2; k++) {
        double d = fabs(x - k), w;

        w = d <= 1  ? (a + 2) * d * d * d - (a + 3) * d * d + 1
            : d < 2 ? a * d * d * d - 5 * a * d * d + 8 * a * d - 4 * a
                    : 0;
        if (node->resize.exclude_outside && (k < 0 || k > len - 1))
            continue;
        all += w;
        if (fmin(fmax(k, 0), len - 1) == i)
            weight += w;
    }
    return node->resize.exclude_outside ? weight / all : weight;
}

static bool run_resize(struct run *run, const struct tensor *out,
                       struct error *err)
{
    struct tensor x;
    int64_t at[GRAPH_MAX_RANK], from[GRAPH_MAX_RANK];

    if (!operand(&x, run, 0, err))
        return false;
    if (x.shape->rank != out->shape->rank)
        return fail_node(run, "the result has another rank", err);
    for (size_t o = 0; o < count_of(out->shape); o++) {
        coords_of(at, out->shape, o);
        for (size_t i = 0; i < count_of(x.shape); i++) {
            double weight = 1;

            coords_of(from, x.shape, i);
            for (uint32_t k = 0; weight != 0 && k < x.shape->rank; k++)
                weight *= resize_weight(
                    run->node, k, (double)at[k], (double)from[k],
                    (double)x.shape->dim[k], (double)out->shape->dim[k]);
            if (weight != 0)
                out->data[o] += weight * x.data[i];
        }
    }
    return true;
}

static bool run_block(struct run *run, const struct tensor *out,
                      struct error *err)
{
    struct tensor x;
    int64_t at[GRAPH_MAX_RANK], from[GRAPH_MAX_RANK];
    int64_t size = (int64_t)run->node->block.size;
    bool nhwc = run->node->nhwc;

    if (!operand(&x, run, 0, err))
        return false;
    for (size_t o = 0; o < count_of(out->shape); o++) {
        int64_t c, row, column, depth, in_block;

        coords_of(at, out->shape, o);
        c = at[nhwc ? 3 : 1];
        row = at[nhwc ? 1 : 2];
        column = at[nhwc ? 2 : 3];
        if (run->node->op == GRAPH_DEPTH_TO_SPACE) {
            depth = (int64_t)out->shape->dim[nhwc ? 3 : 1];
            in_block = row % size * size + column % size;
            image_coords(from, nhwc, at[0],
                         run->node->block.columns_first
                             ? c * size * size + in_block
                             : in_block * depth + c,
                         row / size, column / size);
        } else {
            depth = (int64_t)x.shape->dim[nhwc ? 3 : 1];
            in_block = c / depth;
            image_coords(from, nhwc, at[0], c % depth,
                         row * size + in_block / size,
                         column * size + in_block % size);
        }
        out->data[o] = read_at(run, &x, from);
    }
    return true;
}

/* What a pool makes of one window: the taps in the picture; for the mean also
 * how many there are, with those in the border where the node says so. */
static double pool_at(struct run *run, const struct tensor *image, int64_t n,
                      int64_t c, int64_t y, int64_t x)
{
    const struct graph_window *window = &run->node->pool.window;
    bool nhwc = run->node->nhwc;
    int64_t height = (int64_t)image->shape->dim[nhwc ? 1 : 2];
    int64_t width = (int64_t)image->shape->dim[nhwc ? 2 : 3], at[4];
    double max = -INFINITY, sum = 0, norm = 0, num = 0;
    double p = (double)run->node->pool.p;

    for (size_t ky = 0; ky < window->kernel[0]; ky++) {
        for (size_t kx = 0; kx < window->kernel[1]; kx++) {
            int64_t row = y * (int64_t)window->stride[0] +
                          (int64_t)(ky * window->dilation[0]) -
                          (int64_t)window->pad_before[0];
            int64_t column = x * (int64_t)window->stride[1] +
                             (int64_t)(kx * window->dilation[1]) -
                             (int64_t)window->pad_before[1];

            image_coords(at, nhwc, n, c, row, column);
            if (is_inside(image->shape, at)) {
                double value = read_at(run, image, at);

                max = fmax(max, value);
                sum += value;
                norm += pow(fabs(value), p);
                num++;
            } else if (run->node->pool.count_pad &&
                       row < height + (int64_t)window->pad_after[0] &&
                       column < width + (int64_t)window->pad_after[1]) {
                num++;
            }
        }
    }
    return run->node->op == GRAPH_MAX_POOL       ? max
           : run->node->op == GRAPH_AVERAGE_POOL ? sum / num
                                                 : pow(norm, 1 / p);
}

static bool run_pool(struct run *run, const struct tensor *out,
                     struct error *err)
{
    struct tensor x;
    int64_t at[GRAPH_MAX_RANK];
    bool nhwc = run->node->nhwc;

    if (!operand(&x, run, 0, err))
        return false;
    if (x.shape->rank != 4 || out->shape->rank != 4)
        return fail_node(run, "a pool needs rank 4", err);
    for (size_t i = 0; i < count_of(out->shape); i++) {
        coords_of(at, out->shape, i);
        out->data[i] = pool_at(run, &x, at[0], at[nhwc ? 3 : 1],
                               at[nhwc ? 1 : 2], at[nhwc ? 2 : 3]);
    }
    return true;
}

/* The first of the largest taps of each window gets what the window has. */
static bool run_max_pool_gradient(struct run *run, const struct tensor *out,
                                  struct error *err)
{
    const struct graph_window *window = &run->node->pool.window;
    bool nhwc = run->node->nhwc;
    struct tensor x, g;
    int64_t at[GRAPH_MAX_RANK], from[4], best[4] = {0};

    if (!operand(&x, run, 0, err) || !operand(&g, run, 1, err))
        return false;
    for (size_t i = 0; i < count_of(g.shape); i++) {
        double max = -INFINITY;

        coords_of(at, g.shape, i);
        for (size_t k = 0; k < window->kernel[0] * window->kernel[1]; k++) {
            size_t tap[2] = {k / window->kernel[1], k % window->kernel[1]};
            int64_t place[2];

            for (int j = 0; j < 2; j++)
                place[j] = at[(nhwc ? 1 : 2) + j] * (int64_t)window->stride[j] +
                           (int64_t)(tap[j] * window->dilation[j]) -
                           (int64_t)window->pad_before[j];
            image_coords(from, nhwc, at[0], at[nhwc ? 3 : 1], place[0],
                         place[1]);
            if (is_inside(x.shape, from) && read_at(run, &x, from) > max) {
                max = read_at(run, &x, from);
                memcpy(best, from, sizeof best);
            }
        }
        if (max > -INFINITY)
            out->data[index_of(x.shape, best)] += g.data[i];
    }
    return true;
}

/* The coordinate that a border repeats, step by step towards the inside of
 * low .. high - 1; it stays where it is where the border is constant. */
static int64_t unpad(int64_t at, int64_t low, int64_t high,
                     enum graph_pad_mode mode)
{
    while (mode != GRAPH_PAD_CONSTANT && (at < low || at >= high)) {
        if (high - low == 1 || mode == GRAPH_PAD_EDGE)
            at = at < low ? low : high - 1;
        else if (mode == GRAPH_PAD_WRAP)
            at += at < low ? high - low : low - high;
        else
            at = at < low ? 2 * low - at : 2 * (high - 1) - at;
    }
    return at;
}

static bool run_pad(struct run *run, const struct tensor *out,
                    struct error *err)
{
    struct tensor x;
    int64_t at[GRAPH_MAX_RANK];
    const int64_t *before = run->node->pad.before;
    const int64_t *after = run->node->pad.after;

    if (!operand(&x, run, 0, err))
        return false;
    if (x.shape->rank != out->shape->rank)
        return fail_node(run, "the result has another rank", err);
    for (uint32_t i = 0; i < x.shape->rank; i++)
        if ((int64_t)x.shape->dim[i] + before[i] + after[i] !=
            (int64_t)out->shape->dim[i])
            return fail_node(run, "the borders do not fit", err);
    for (size_t i = 0; i < count_of(out->shape); i++) {
        coords_of(at, out->shape, i);
        for (uint32_t j = 0; j < out->shape->rank; j++)
            at[j] =
                unpad(at[j] - before[j], before[j] < 0 ? -before[j] : 0,
                      (int64_t)x.shape->dim[j] + (after[j] < 0 ? after[j] : 0),
                      run->node->pad.mode);
        out->data[i] = is_inside(x.shape, at) ? read_at(run, &x, at)
                                              : (double)run->node->pad.value;
    }
    return true;
}

/* Which element of a reduction's result an element of x belongs to. */
static size_t reduced_index(const struct run *run, const struct tensor *x,
                            size_t i)
{
    int64_t at[GRAPH_MAX_RANK];
    size_t index = 0;

    coords_of(at, x->shape, i);
    for (uint32_t j = 0; j < x->shape->rank; j++)
        if (!run->node->reduce.axis[j])
            index = index * x->shape->dim[j] + (size_t)at[j];
    return index;
}

/* All reductions and GlobalAveragePool: every element of x is joined to the
 * one of the output that its kept coordinates name. */
static bool run_reduce(struct run *run, const struct tensor *out,
                       struct error *err)
{
    enum graph_reduction function = run->node->reduce.function;
    bool is_mean = run->node->op == GRAPH_MEAN;
    bool is_max = !is_mean && function == GRAPH_REDUCE_MAX;
    bool is_min = !is_mean && function == GRAPH_REDUCE_MIN;
    bool is_prod = !is_mean && function == GRAPH_REDUCE_PROD;
    struct tensor x;
    size_t total, count = count_of(out->shape);

    if (!operand(&x, run, 0, err))
        return false;
    total = count_of(x.shape);
    for (size_t i = 0; i < count; i++)
        out->data[i] = is_max ? -INFINITY : is_min ? INFINITY : is_prod;
    for (size_t i = 0; i < total; i++) {
        size_t index = reduced_index(run, &x, i);
        double y = x.data[i];

        if (index >= count)
            return fail_node(run, "the result is too small", err);
        if (is_max)
            out->data[index] = fmax(out->data[index], y);
        else if (is_min)
            out->data[index] = fmin(out->data[index], y);
        else if (is_prod)
            out->data[index] *= y;
        else if (is_mean)
            out->data[index] += y;
        else if (function == GRAPH_REDUCE_L1)
            out->data[index] += fabs(y);
        else if (function == GRAPH_REDUCE_L2 ||
                 function == GRAPH_REDUCE_SUM_SQUARE)
            out->data[index] += y * y;
        else
            out->data[index] +=
                function == GRAPH_REDUCE_LOG_SUM_EXP ? exp(y) : y;
    }
    if (count == 0 || total % count != 0)
        return fail_node(run, "the result has the wrong size", err);
    for (size_t i = 0; i < count; i++)
        if (is_mean)
            out->data[i] /= (double)(total / count);
        else if (function == GRAPH_REDUCE_L2)
            out->data[i] = sqrt(out->data[i]);
        else if (function == GRAPH_REDUCE_LOG_SUM ||
                 function == GRAPH_REDUCE_LOG_SUM_EXP)
            out->data[i] = log(out->data[i]);
    return true;
}

/* The first of the elements of x that are normalized together with one. */
static size_t norm_first(const struct run *run, const struct graph_shape *x,
                         const int64_t at[])
{
    size_t channel = run->node->norm.channel, groups = run->node->norm.groups;
    int64_t first[GRAPH_MAX_RANK];

    for (uint32_t i = 0; i < x->rank; i++) {
        first[i] = run->node->norm.axis[i] ? 0 : at[i];
        if (groups > 0 && i == channel)
            first[i] = at[i] - at[i] % (int64_t)(x->dim[i] / groups);
    }
    return index_of(x, first);
}

/* For each element that is the first of its like: their number, the sums of x
 * and its square, and, where there is a g, of that and its product with x. */
struct norm_sums {
    double num, x, squares, g, products;
};

/* (elements of x) owned by the caller */
static struct norm_sums *
sum_norms(const struct run *run, const struct tensor *x, const struct tensor *g)
{
    size_t count = count_of(x->shape);
    struct norm_sums *sums = calloc(count + 1, sizeof *sums);
    int64_t at[GRAPH_MAX_RANK];

    for (size_t i = 0; sums && i < count; i++) {
        struct norm_sums *sum;

        coords_of(at, x->shape, i);
        sum = &sums[norm_first(run, x->shape, at)];
        sum->num += 1;
        sum->x += x->data[i];
        sum->squares += x->data[i] * x->data[i];
        sum->g += g ? g->data[i] : 0;
        sum->products += g ? g->data[i] * x->data[i] : 0;
    }
    for (size_t i = 0; sums && run->node->norm.about_zero && i < count; i++)
        sums[i].x = 0;
    return sums;
}

/* 1 / the standard deviation */
static double norm_factor(const struct run *run, const struct norm_sums *sum)
{
    double mean = sum->x / sum->num;

    return 1 / sqrt(sum->squares / sum->num - mean * mean +
                    (double)run->node->norm.epsilon);
}

/* Scale or bias of an element of x. */
static double norm_parameter(struct run *run, const struct tensor *parameter,
                             const struct graph_shape *x, const int64_t at[])
{
    size_t groups = run->node->norm.groups;
    int64_t channel = at[run->node->norm.channel];

    if (groups == 0)
        return read_broadcast(run, parameter, at, x->rank);
    if (parameter->shape->dim[0] != x->dim[run->node->norm.channel])
        channel /= (int64_t)(x->dim[run->node->norm.channel] / groups);
    return read_channel(run, parameter, channel);
}

/* Layer-, Group-, Instance- and MeanVarianceNormalization. */
static bool run_norm(struct run *run, const struct tensor *out,
                     struct error *err)
{
    struct tensor x, scale, bias;
    int64_t at[GRAPH_MAX_RANK];
    bool has_scale = has_operand(run, 1), has_bias = has_operand(run, 2);
    struct norm_sums *sums;

    if (!operand(&x, run, 0, err) ||
        (has_scale && !operand(&scale, run, 1, err)) ||
        (has_bias && !operand(&bias, run, 2, err)))
        return false;
    if (!graph_shape_equal(x.shape, out->shape))
        return fail_node(run, "the result has another shape", err);
    sums = sum_norms(run, &x, NULL);
    if (!sums)
        return fail(err, ERROR_MEMORY, "no room for sums");
    for (size_t i = 0; i < count_of(out->shape); i++) {
        const struct norm_sums *sum;

        coords_of(at, out->shape, i);
        sum = &sums[norm_first(run, x.shape, at)];
        out->data[i] = (x.data[i] - sum->x / sum->num) * norm_factor(run, sum);
        if (has_scale)
            out->data[i] *= norm_parameter(run, &scale, x.shape, at);
        if (has_bias)
            out->data[i] += norm_parameter(run, &bias, x.shape, at);
    }
    free(sums);
    return true;
}

/* With n the normalized x and f the factor of it: f (g - mean of g - n mean of
 * g n). */
static bool run_norm_gradient(struct run *run, const struct tensor *out,
                              struct error *err)
{
    struct tensor x, g;
    int64_t at[GRAPH_MAX_RANK];
    struct norm_sums *sums;

    if (!operand(&x, run, 0, err) || !operand(&g, run, 1, err))
        return false;
    sums = sum_norms(run, &x, &g);
    if (!sums)
        return fail(err, ERROR_MEMORY, "no room for sums");
    for (size_t i = 0; i < count_of(out->shape); i++) {
        const struct norm_sums *sum;
        double factor, mean, of_g, of_products;

        coords_of(at, out->shape, i);
        sum = &sums[norm_first(run, x.shape, at)];
        factor = norm_factor(run, sum);
        mean = sum->x / sum->num;
        of_g = sum->g / sum->num;
        of_products = (sum->products / sum->num - mean * of_g) * factor;
        if (run->node->norm.about_zero)
            of_g = 0;
        out->data[i] = factor * (g.data[i] - of_g -
                                 (x.data[i] - mean) * factor * of_products);
    }
    free(sums);
    return true;
}

/* QuantizeLinear and DequantizeLinear. */
static bool run_quantize(struct run *run, const struct tensor *out,
                         struct error *err)
{
    struct tensor x, scale, zero;
    bool has_zero = has_operand(run, 2);
    int64_t at[GRAPH_MAX_RANK] = {0};

    if (!operand(&x, run, 0, err) || !operand(&scale, run, 1, err) ||
        (has_zero && !operand(&zero, run, 2, err)))
        return false;
    for (size_t i = 0; i < count_of(out->shape); i++) {
        size_t c = 0;
        double y, shift;

        coords_of(at, out->shape, i);
        if (count_of(scale.shape) > 1)
            c = (size_t)at[run->node->quant.axis];
        shift = has_zero ? zero.data[c] : 0;
        y = rint(x.data[i] / scale.data[c]) + shift;
        y = y < (double)run->node->quant.low ? (double)run->node->quant.low : y;
        y = y > (double)run->node->quant.high ? (double)run->node->quant.high
                                              : y;
        if (run->node->op == GRAPH_DEQUANTIZE)
            y = (x.data[i] - shift) * scale.data[c];
        out->data[i] = y;
    }
    return true;
}

static bool run_lrn(struct run *run, const struct tensor *out,
                    struct error *err)
{
    struct tensor x;
    int64_t at[GRAPH_MAX_RANK], size = (int64_t)run->node->lrn.size;
    size_t axis = run->node->lrn.channel;

    if (!operand(&x, run, 0, err))
        return false;
    for (size_t i = 0; i < count_of(out->shape); i++) {
        double sum = 0;
        int64_t channel;

        coords_of(at, out->shape, i);
        channel = at[axis];
        for (int64_t c = 0; c < (int64_t)x.shape->dim[axis]; c++) {
            at[axis] = c;
            if (c >= channel - (size - 1) / 2 && c <= channel + size / 2)
                sum += pow(read_at(run, &x, at), 2);
        }
        out->data[i] =
            x.data[i] / pow((double)run->node->lrn.bias +
                                (double)run->node->lrn.alpha / size * sum,
                            (double)run->node->lrn.beta);
    }
    return true;
}

/* y[.., o] = sum over i of x[.., i] weights[o][i], plus bias[o]. */
static bool run_linear(struct run *run, const struct tensor *out,
                       struct error *err)
{
    struct tensor x, weights, bias;
    bool has_bias = has_operand(run, 2);
    uint32_t last = out->shape->rank - 1;
    int64_t at[GRAPH_MAX_RANK], tap[2];

    if (!operand(&x, run, 0, err) || !operand(&weights, run, 1, err) ||
        (has_bias && !operand(&bias, run, 2, err)))
        return false;
    if (out->shape->rank == 0 || x.shape->rank != out->shape->rank ||
        weights.shape->rank != 2 ||
        x.shape->dim[last] != weights.shape->dim[1] ||
        out->shape->dim[last] != weights.shape->dim[0])
        return fail_node(run, "the shapes do not fit", err);
    for (size_t n = 0; n < count_of(out->shape); n++) {
        coords_of(at, out->shape, n);
        tap[0] = at[last];
        if (has_bias)
            out->data[n] = read_channel(run, &bias, tap[0]);
        for (tap[1] = 0; tap[1] < (int64_t)x.shape->dim[last]; tap[1]++) {
            at[last] = tap[1];
            out->data[n] += read_at(run, &x, at) * read_at(run, &weights, tap);
        }
    }
    return true;
}

/* The element of a matrix of a stack; of a vector where it is one. */
static double matrix_at(struct run *run, const struct tensor *matrix,
                        const int64_t stack[], uint32_t num_stack, int64_t row,
                        int64_t column, bool transposed)
{
    int64_t at[GRAPH_MAX_RANK] = {0};

    if (matrix->shape->rank == 1) {
        at[0] = row + column; /* the other is 0 */
        return read_at(run, matrix, at);
    }
    for (uint32_t i = 0; i < num_stack; i++)
        at[i] = stack[i];
    at[num_stack] = transposed ? column : row;
    at[num_stack + 1] = transposed ? row : column;
    return read_broadcast(run, matrix, at, num_stack + 2);
}

/* MatMul: the last two axes multiply, those before them broadcast. Gemm adds
 * a third operand. */
static bool run_matmul(struct run *run, const struct tensor *out,
                       struct error *err)
{
    const struct graph_node *node = run->node;
    struct tensor a, b, c;
    bool has_c = has_operand(run, 2), vector_a, vector_b;
    int64_t at[GRAPH_MAX_RANK] = {0};
    uint32_t rank = out->shape->rank, num_stack;
    size_t depth;

    if (!operand(&a, run, 0, err) || !operand(&b, run, 1, err) ||
        (has_c && !operand(&c, run, 2, err)))
        return false;
    vector_a = a.shape->rank == 1;
    vector_b = b.shape->rank == 1;
    if (rank + vector_a + vector_b < 2)
        return fail_node(run, "the shapes do not fit", err);
    num_stack = rank + vector_a + vector_b - 2;
    depth = a.shape->dim[node->gemm.transpose_a ? 0 : a.shape->rank - 1];
    for (size_t i = 0; i < count_of(out->shape); i++) {
        int64_t row, column;

        coords_of(at, out->shape, i);
        row = vector_a ? 0 : at[num_stack];
        column = vector_b ? 0 : at[rank - 1];
        for (int64_t k = 0; k < (int64_t)depth; k++)
            out->data[i] += (double)node->gemm.alpha *
                            matrix_at(run, &a, at, num_stack, row, k,
                                      node->gemm.transpose_a) *
                            matrix_at(run, &b, at, num_stack, k, column,
                                      node->gemm.transpose_b);
        if (has_c)
            out->data[i] +=
                (double)node->gemm.beta * read_broadcast(run, &c, at, rank);
    }
    return true;
}

/* ---- einsum ---- */

/* The next term of an equation, a letter for each axis; those that "..." stands
 * for are called 0, 1 and so on from the last. Returns how many they are. */
static int spell(char *letters, const char **text, uint32_t rank)
{
    int rest = (int)rank - (int)strcspn(*text, ",-") + 3, dots = 0;

    for (; **text && **text != ',' && **text != '-'; ++*text)
        if (**text != '.')
            *letters++ = **text;
        else if (++dots == 1)
            for (int i = rest; i > 0; i--)
                *letters++ = (char)('0' + i - 1);
    *letters = '\0';
    return dots ? rest : 0;
}

/* The output's letters, which go without saying where there is no arrow. */
static void spell_output(char *letters, const char *text,
                         char (*operands)[GRAPH_MAX_RANK + 1], uint32_t count,
                         int widest)
{
    if (strstr(text, "->")) {
        text = strstr(text, "->") + 2;
        spell(letters, &text, (uint32_t)(strlen(text) - 3) + (uint32_t)widest);
        return;
    }
    while (widest > 0)
        *letters++ = (char)('0' + --widest);
    for (int c = 'A'; c <= 'z'; c++) {
        int times = 0;

        for (uint32_t i = 0; i < count; i++)
            for (const char *s = operands[i]; c > '9' && *s; s++)
                times += *s == c;
        if (times == 1)
            *letters++ = (char)c;
    }
    *letters = '\0';
}

/* Every letter takes each of its values with those of all others. */
static bool run_einsum(struct run *run, const struct tensor *out,
                       struct error *err)
{
    const char *text = run->node->einsum.equation;
    uint32_t count = run->node->num_inputs;
    char operands[GRAPH_EINSUM_OPERANDS][GRAPH_MAX_RANK + 1];
    char letters[GRAPH_MAX_RANK + 1] = "";
    struct tensor x[GRAPH_EINSUM_OPERANDS];
    size_t length[128] = {0}, value[128] = {0}, c;
    int widest = 0;

    for (uint32_t i = 0; i < count; i++) {
        int dots;

        if (!operand(&x[i], run, i, err))
            return false;
        dots = spell(operands[i], &text, x[i].shape->rank);
        text += *text == ',';
        widest = dots > widest ? dots : widest;
        for (uint32_t k = 0; k < x[i].shape->rank; k++)
            if (length[(int)operands[i][k]] < x[i].shape->dim[k])
                length[(int)operands[i][k]] = x[i].shape->dim[k];
    }
    spell_output(letters, run->node->einsum.equation, operands, count, widest);
    do {
        double product = 1;
        size_t at = 0;

        for (uint32_t i = 0; i < count; i++) {
            int64_t coords[GRAPH_MAX_RANK];

            for (uint32_t k = 0; k < x[i].shape->rank; k++)
                coords[k] = x[i].shape->dim[k] == 1
                                ? 0
                                : (int64_t)value[(int)operands[i][k]];
            product *= read_at(run, &x[i], coords);
        }
        for (const char *s = letters; *s; s++)
            at = at * length[(int)*s] + value[(int)*s];
        out->data[at] += product;
        for (c = 0; c < 128 && (length[c] == 0 || ++value[c] == length[c]); c++)
            value[c] = 0;
    } while (c < 128);
    return true;
}
/* The first of the elements that a softmax puts together with one. */
static size_t softmax_first(const struct run *run,
                            const struct graph_shape *shape, size_t i)
{
    int64_t at[GRAPH_MAX_RANK];

    coords_of(at, shape, i);
    for (int64_t j = run->node->axis; j < (int64_t)shape->rank; j++)
        if (j == run->node->axis || run->node->to_matrix)
            at[j] = 0;
    return index_of(shape, at);
}

/* Those of each: the largest, where that is first, and the sum of exp(x -
 * max). */
struct softmax_sum {
    double max, sum;
    size_t largest;
    bool is_begun;
};

/* y = exp(x - max) / sum, along one axis, or along all from it on; its
 * logarithm; or 1 for the first of the largest. */
static bool run_softmax(struct run *run, const struct tensor *out,
                        struct error *err)
{
    struct tensor x;
    enum graph_op op = run->node->op;
    struct softmax_sum *sums, *sum;
    size_t count = count_of(out->shape);

    if (!operand(&x, run, 0, err))
        return false;
    if (run->node->axis < 0 || run->node->axis >= (int64_t)out->shape->rank ||
        !graph_shape_equal(x.shape, out->shape))
        return fail_node(run, "the axis or the shape does not fit", err);
    sums = calloc(count + 1, sizeof *sums);
    if (!sums)
        return fail(err, ERROR_MEMORY, "no room for sums");
    for (size_t i = 0; i < count; i++) {
        sum = &sums[softmax_first(run, x.shape, i)];
        if (!sum->is_begun || x.data[i] > sum->max) {
            sum->max = x.data[i];
            sum->largest = i;
            sum->is_begun = true;
        }
    }
    for (size_t i = 0; i < count; i++) {
        sum = &sums[softmax_first(run, x.shape, i)];
        sum->sum += exp(x.data[i] - sum->max);
    }
    for (size_t i = 0; i < count; i++) {
        sum = &sums[softmax_first(run, x.shape, i)];
        out->data[i] = op == GRAPH_HARDMAX ? i == sum->largest
                       : op == GRAPH_LOG_SOFTMAX
                           ? x.data[i] - sum->max - log(sum->sum)
                           : exp(x.data[i] - sum->max) / sum->sum;
    }
    free(sums);
    return true;
}

/* Reshape, Flatten, Squeeze, Unsqueeze. */
static bool run_reshape(struct run *run, const struct tensor *out,
                        struct error *err)
{
    struct tensor x;

    if (!operand(&x, run, 0, err))
        return false;
    if (count_of(x.shape) != count_of(out->shape))
        return fail_node(run, "the result has another size", err);
    for (size_t i = 0; i < count_of(out->shape); i++)
        out->data[i] = x.data[i];
    return true;
}

static bool run_transpose(struct run *run, const struct tensor *out,
                          struct error *err)
{
    struct tensor x;
    int64_t at[GRAPH_MAX_RANK], from[GRAPH_MAX_RANK] = {0};
    const size_t *perm = run->node->perm;

    if (!operand(&x, run, 0, err))
        return false;
    if (x.shape->rank != out->shape->rank)
        return fail_node(run, "the result has another rank", err);
    for (uint32_t j = 0; j < out->shape->rank; j++)
        if (perm[j] >= x.shape->rank ||
            x.shape->dim[perm[j]] != out->shape->dim[j])
            return fail_node(run, "the permutation does not fit", err);
    for (size_t i = 0; i < count_of(out->shape); i++) {
        coords_of(at, out->shape, i);
        for (uint32_t j = 0; j < out->shape->rank; j++)
            from[perm[j]] = at[j];
        out->data[i] = read_at(run, &x, from);
    }
    return true;
}

/* Along the axis, coordinates past the end of one input go on in the next. */
static bool run_concat(struct run *run, const struct tensor *out,
                       struct error *err)
{
    struct tensor x;
    int64_t axis = run->node->axis;
    int64_t at[GRAPH_MAX_RANK], offset = 0;

    if (axis < 0 || axis >= (int64_t)out->shape->rank)
        return fail_node(run, "the axis does not fit", err);
    for (uint32_t k = 0; k < run->node->num_inputs; k++) {
        if (!operand(&x, run, k, err))
            return false;
        if (x.shape->rank != out->shape->rank)
            return fail_node(run, "the result has another rank", err);
        for (size_t i = 0; i < count_of(out->shape); i++) {
            coords_of(at, out->shape, i);
            at[axis] -= offset;
            if (at[axis] >= 0 && at[axis] < (int64_t)x.shape->dim[axis])
                out->data[i] = read_at(run, &x, at);
        }
        offset += (int64_t)x.shape->dim[axis];
    }
    if (offset != (int64_t)out->shape->dim[axis])
        return fail_node(run, "the inputs do not fill the result", err);
    return true;
}

static bool run_slice(struct run *run, const struct tensor *out,
                      struct error *err)
{
    struct tensor x;
    int64_t at[GRAPH_MAX_RANK];

    if (!operand(&x, run, 0, err))
        return false;
    if (x.shape->rank != out->shape->rank)
        return fail_node(run, "the result has another rank", err);
    for (size_t i = 0; i < count_of(out->shape); i++) {
        coords_of(at, out->shape, i);
        for (uint32_t j = 0; j < out->shape->rank; j++)
            at[j] =
                run->node->slice.start[j] + at[j] * run->node->slice.step[j];
        out->data[i] = read_at(run, &x, at);
    }
    return true;
}

/* Gather: the axis is replaced by the axes of the indices. */
static bool run_gather(struct run *run, const struct tensor *out,
                       struct error *err)
{
    struct tensor x, indices;
    int64_t axis = run->node->axis;
    int64_t at[GRAPH_MAX_RANK], from[GRAPH_MAX_RANK] = {0};
    uint32_t extra;

    if (!operand(&x, run, 0, err) || !operand(&indices, run, 1, err))
        return false;
    extra = indices.shape->rank;
    if (axis < 0 || axis >= (int64_t)x.shape->rank ||
        x.shape->rank - 1 + extra != out->shape->rank)
        return fail_node(run, "the axis or the rank does not fit", err);
    for (size_t i = 0; i < count_of(out->shape); i++) {
        coords_of(at, out->shape, i);
        for (uint32_t j = 0; j < x.shape->rank; j++)
            from[j] = (int64_t)j < axis ? at[j]
                      : (int64_t)j == axis
                          ? (int64_t)read_at(run, &indices, at + axis)
                          : at[j - 1 + extra];
        if (from[axis] < 0)
            from[axis] += (int64_t)x.shape->dim[axis];
        out->data[i] = read_at(run, &x, from);
    }
    return true;
}

/* GatherElements: one coordinate is replaced by an index. */
static bool run_gather_elements(struct run *run, const struct tensor *out,
                                struct error *err)
{
    struct tensor x, indices;
    int64_t at[GRAPH_MAX_RANK];
    int64_t axis = run->node->axis;

    if (!operand(&x, run, 0, err) || !operand(&indices, run, 1, err))
        return false;
    for (size_t i = 0; i < count_of(out->shape); i++) {
        coords_of(at, out->shape, i);
        at[axis] = (int64_t)read_at(run, &indices, at);
        if (at[axis] < 0)
            at[axis] += (int64_t)x.shape->dim[axis];
        out->data[i] = read_at(run, &x, at);
    }
    return true;
}

/* ReverseSequence: element t of sequence b is its element n - 1 - t, where n is
 * the length given for it and t is below. */
static bool run_reverse(struct run *run, const struct tensor *out,
                        struct error *err)
{
    int time = run->node->reverse.first ? 0 : 1;
    struct tensor x, lengths;
    int64_t at[GRAPH_MAX_RANK];

    if (!operand(&x, run, 0, err) || !operand(&lengths, run, 1, err))
        return false;
    for (size_t i = 0; i < count_of(out->shape); i++) {
        int64_t length;

        coords_of(at, out->shape, i);
        length = (int64_t)read_at(run, &lengths, &at[1 - time]);
        if (at[time] < length)
            at[time] = length - 1 - at[time];
        out->data[i] = read_at(run, &x, at);
    }
    return true;
}

/* GatherND: the last axis of the indices says coordinates. */
static bool run_gather_nd(struct run *run, const struct tensor *out,
                          struct error *err)
{
    struct tensor x, indices;
    int64_t at[GRAPH_MAX_RANK], from[GRAPH_MAX_RANK], tuple[GRAPH_MAX_RANK];
    int64_t common = run->node->axis, last, num;

    if (!operand(&x, run, 0, err) || !operand(&indices, run, 1, err))
        return false;
    last = (int64_t)indices.shape->rank - 1;
    num = (int64_t)indices.shape->dim[last];
    for (size_t i = 0; i < count_of(out->shape); i++) {
        coords_of(at, out->shape, i);
        for (int64_t k = 0; k < last; k++)
            tuple[k] = at[k];
        for (int64_t k = 0; k < (int64_t)x.shape->rank; k++) {
            if (k < common) {
                from[k] = at[k];
            } else if (k < common + num) {
                tuple[last] = k - common;
                from[k] = (int64_t)read_at(run, &indices, tuple);
                if (from[k] < 0)
                    from[k] += (int64_t)x.shape->dim[k];
            } else {
                from[k] = at[last + k - common - num];
            }
        }
        out->data[i] = read_at(run, &x, from);
    }
    return true;
}

static bool run_shape(struct run *run, const struct tensor *out,
                      struct error *err)
{
    struct tensor x;
    int64_t start, end;

    if (!operand(&x, run, 0, err))
        return false;
    start = run->node->dims.start;
    end = run->node->dims.end;
    if (start < 0 || end > (int64_t)x.shape->rank || out->shape->rank != 1 ||
        (int64_t)out->shape->dim[0] != end - start)
        return fail_node(run, "the result has the wrong length", err);
    for (int64_t i = start; i < end; i++)
        out->data[i - start] = (double)x.shape->dim[i];
    return true;
}

static bool run_expand(struct run *run, const struct tensor *out,
                       struct error *err)
{
    struct tensor x;
    int64_t at[GRAPH_MAX_RANK];

    if (!operand(&x, run, 0, err))
        return false;
    for (size_t i = 0; i < count_of(out->shape); i++) {
        coords_of(at, out->shape, i);
        out->data[i] = read_broadcast(run, &x, at, out->shape->rank);
    }
    return true;
}

static bool run_fill(struct run *run, const struct tensor *out,
                     struct error *err)
{
    (void)err;
    for (size_t i = 0; i < count_of(out->shape); i++)
        out->data[i] = run->node->fill.value;
    return true;
}

static bool run_cast(struct run *run, const struct tensor *out,
                     struct error *err)
{
    if (!run_copy(run, out, err))
        return false;
    if (graph_output(run->graph, run->node, 0)->type == GRAPH_INT)
        for (size_t i = 0; i < count_of(out->shape); i++)
            out->data[i] = trunc(out->data[i]);
    return true;
}

static run_op *const run_ops[GRAPH_NUM_OPS] = {
    [GRAPH_ADD] = run_arithmetic,
    [GRAPH_SUB] = run_arithmetic,
    [GRAPH_MUL] = run_arithmetic,
    [GRAPH_DIV] = run_arithmetic,
    [GRAPH_POW] = run_arithmetic,
    [GRAPH_MIN] = run_arithmetic,
    [GRAPH_MAX] = run_arithmetic,
    [GRAPH_MOD] = run_arithmetic,
    [GRAPH_PRELU] = run_arithmetic,
    [GRAPH_EQUAL] = run_arithmetic,
    [GRAPH_LESS] = run_arithmetic,
    [GRAPH_LESS_EQUAL] = run_arithmetic,
    [GRAPH_AND] = run_arithmetic,
    [GRAPH_OR] = run_arithmetic,
    [GRAPH_XOR] = run_arithmetic,
    [GRAPH_WHERE] = run_where,
    [GRAPH_UNARY] = run_unary,
    [GRAPH_CLAMP] = run_copy,
    [GRAPH_CONV] = run_conv,
    [GRAPH_BATCH_NORM] = run_batch_norm,
    [GRAPH_DECONV] = run_deconv,
    [GRAPH_RESIZE] = run_resize,
    [GRAPH_DEPTH_TO_SPACE] = run_block,
    [GRAPH_SPACE_TO_DEPTH] = run_block,
    [GRAPH_MAX_POOL] = run_pool,
    [GRAPH_AVERAGE_POOL] = run_pool,
    [GRAPH_LP_POOL] = run_pool,
    [GRAPH_PAD] = run_pad,
    [GRAPH_MEAN] = run_reduce,
    [GRAPH_REDUCE] = run_reduce,
    [GRAPH_NORM] = run_norm,
    [GRAPH_LRN] = run_lrn,
    [GRAPH_QUANTIZE] = run_quantize,
    [GRAPH_DEQUANTIZE] = run_quantize,
    [GRAPH_LOG_SOFTMAX] = run_softmax,
    [GRAPH_HARDMAX] = run_softmax,
    [GRAPH_LINEAR] = run_linear,
    [GRAPH_MATMUL] = run_matmul,
    [GRAPH_EINSUM] = run_einsum,
    [GRAPH_SOFTMAX] = run_softmax,
    [GRAPH_RESHAPE] = run_reshape,
    [GRAPH_TRANSPOSE] = run_transpose,
    [GRAPH_CONCAT] = run_concat,
    [GRAPH_SLICE] = run_slice,
    [GRAPH_GATHER] = run_gather,
    [GRAPH_GATHER_ELEMENTS] = run_gather_elements,
    [GRAPH_GATHER_ND] = run_gather_nd,
    [GRAPH_REVERSE] = run_reverse,
    [GRAPH_SHAPE] = run_shape,
    [GRAPH_EXPAND] = run_expand,
    [GRAPH_FILL] = run_fill,
    [GRAPH_CAST] = run_cast,
    [GRAPH_IDENTITY] = run_copy,
    [GRAPH_CUMSUM] = run_cumsum,
    [GRAPH_TRILU] = run_trilu,
    [GRAPH_SCATTER_ELEMENTS] = run_scatter,
    [GRAPH_SCATTER_ND] = run_scatter,
    [GRAPH_GATE] = run_slope,
    [GRAPH_SLOPE] = run_slope,
    [GRAPH_MIX] = run_mix,
    [GRAPH_MAX_POOL_GRADIENT] = run_max_pool_gradient,
    [GRAPH_NORM_GRADIENT] = run_norm_gradient,
};

/* Makes room for a value, all zeros. */
static bool make_value(struct reference *ref, const struct graph *graph,
                       int value, struct error *err)
{
    const struct graph_value *v = &graph->values[value];
    size_t count;

    if (!v->has_shape)
        return fail(err, ERROR_INTERNAL, "value '%s' has no shape", v->name);
    count = count_of(&v->shape);
    free(ref->values[value]);
    ref->values[value] = calloc(count > 0 ? count : 1, sizeof(double));
    if (!ref->values[value])
        return fail(err, ERROR_MEMORY, "no room for value '%s'", v->name);
    return true;
}

static bool load_constants(struct reference *ref, const struct graph *graph,
                           struct error *err)
{
    const struct graph_value *v;

    for (size_t i = 0; i < graph->num_values; i++) {
        v = &graph->values[i];
        if (!v->data)
            continue;
        if (!make_value(ref, graph, (int)i, err))
            return false;
        for (size_t j = 0; j < count_of(&v->shape); j++)
            ref->values[i][j] = v->type == GRAPH_FLOAT
                                    ? (double)((const float *)v->data)[j]
                                    : (double)((const int64_t *)v->data)[j];
    }
    return true;
}

static bool is_input(const struct graph *graph, int value)
{
    for (size_t i = 0; i < graph->num_inputs; i++)
        if (graph->inputs[i] == value)
            return true;
    return false;
}

static bool run_node(struct reference *ref, const struct graph *graph,
                     const struct graph_node *node, struct error *err)
{
    struct run run = {.graph = graph, .node = node, .ref = ref};
    struct tensor out;
    int value = node->num_outputs > 0 ? node->outputs[0] : GRAPH_NONE;

    if (value < 0 || (size_t)value >= graph->num_values)
        return fail_node(&run, "it has no output", err);
    if (graph->values[value].data || is_input(graph, value))
        return true; /* computed by graph_infer already, or given */
    if ((unsigned)node->op >= GRAPH_NUM_OPS || !run_ops[node->op])
        return fail_node(&run, "the operator is unknown", err);
    if (!make_value(ref, graph, value, err))
        return false;
    out.shape = &graph->values[value].shape;
    out.data = ref->values[value];
    if (!run_ops[node->op](&run, &out, err))
        return false;
    if (run.out_of_range)
        return fail_node(&run, "it reads outside of an operand", err);
    for (size_t i = 0; i < count_of(out.shape); i++) {
        if (out.data[i] < (double)node->min)
            out.data[i] = (double)node->min;
        if (out.data[i] > (double)node->max)
            out.data[i] = (double)node->max;
    }
    return true;
}

static bool run_graph(struct reference *ref, const struct graph *graph,
                      const double *const *inputs, struct error *err)
{
    if (!load_constants(ref, graph, err))
        return false;
    for (size_t i = 0; i < graph->num_inputs; i++) {
        int value = graph->inputs[i];

        if (!make_value(ref, graph, value, err))
            return false;
        memcpy(ref->values[value], inputs[i],
               count_of(&graph->values[value].shape) * sizeof(double));
    }
    for (size_t i = 0; i < graph->num_nodes; i++)
        if (!run_node(ref, graph, &graph->nodes[i], err))
            return false;
    for (size_t i = 0; i < graph->num_outputs; i++)
        if (!ref->values[graph->outputs[i]])
            return fail(err, ERROR_INTERNAL, "output '%s' was not made",
                        graph->values[graph->outputs[i]].name);
    return true;
}

bool reference_run_on(struct reference *ref, const struct graph *graph,
                      const double *const *inputs, struct error *err)
{
    ref->values = calloc(graph->num_values + 1, sizeof *ref->values);
    if (!ref->values)
        return fail(err, ERROR_MEMORY, "not enough memory for %zu values",
                    graph->num_values);
    ref->num_values = graph->num_values;
    if (!run_graph(ref, graph, inputs, err)) {
        reference_release(ref);
        return false;
    }
    return true;
}

bool reference_run(struct reference *ref, const struct graph *graph,
                   const float *input, struct error *err)
{
    size_t count = count_of(&graph->values[graph->inputs[0]].shape);
    double *elements = calloc(count + 1, sizeof *elements);
    bool ok;

    if (!elements)
        return fail(err, ERROR_MEMORY, "no room for the input");
    for (size_t i = 0; i < count; i++)
        elements[i] = (double)input[i];
    ok = reference_run_on(ref, graph, (const double *const[]){elements}, err);
    free(elements);
    return ok;
}

void reference_release(struct reference *ref)
{
    for (size_t i = 0; i < ref->num_values; i++)
        free(ref->values[i]);
    free(ref->values);
    *ref = (struct reference){0};
}

size_t reference_nhwc_index(const struct graph_shape *nchw, size_t i)
{
    int64_t at[GRAPH_MAX_RANK];
    const size_t *dim = nchw->dim;

    coords_of(at, nchw, i);
    return (((size_t)at[0] * dim[2] + (size_t)at[2]) * dim[3] + (size_t)at[3]) *
               dim[1] +
           (size_t)at[1];
}

double reference_distance(const double *a, const double *b, size_t count)
{
    double distance = 0, scale = 1;

    for (size_t i = 0; i < count; i++) {
        if (!isfinite(a[i]) || !isfinite(b[i]))
            return INFINITY;
        distance = fmax(distance, fabs(a[i] - b[i]));
        scale = fmax(scale, fabs(a[i]));
    }
    return distance / scale;
}

/* Writes functions of one number, and their derivatives. */

#include <math.h>

#include "engine/onnx/onnx_write.h"
#include "engine/onnx/onnx_writer.h"

/* sqrt(2 / pi), sqrt(1 / 2), 1 / sqrt(2 pi), 2 / sqrt(pi) */
#define ROOT_2_OVER_PI 0.797884561f
#define ROOT_HALF 0.707106781f
#define DENSITY_AT_0 0.398942280f
#define TWO_OVER_ROOT_PI 1.12837917f

/* ---- short names ---- */

static const char *one(struct onnx_writer *w, const char *op, const char *x)
{
    return onnx_writer_one(w, op, x);
}

static const char *number(struct onnx_writer *w, float value)
{
    return onnx_writer_number(w, value);
}

static const char *add(struct onnx_writer *w, const char *a, const char *b)
{
    return onnx_writer_two(w, "Add", a, b);
}

static const char *sub(struct onnx_writer *w, const char *a, const char *b)
{
    return onnx_writer_two(w, "Sub", a, b);
}

static const char *mul(struct onnx_writer *w, const char *a, const char *b)
{
    return onnx_writer_two(w, "Mul", a, b);
}

static const char *scaled(struct onnx_writer *w, const char *a, float factor)
{
    return factor == 1 ? a : mul(w, a, number(w, factor));
}

static const char *plus(struct onnx_writer *w, const char *a, float term)
{
    return add(w, a, number(w, term));
}

static const char *square(struct onnx_writer *w, const char *a)
{
    return mul(w, a, a);
}

static const char *power(struct onnx_writer *w, const char *a, float exponent)
{
    return onnx_writer_two(w, "Pow", a, number(w, exponent));
}

/* 1 - a */
static const char *rest(struct onnx_writer *w, const char *a)
{
    return sub(w, number(w, 1), a);
}

static const char *inverse(struct onnx_writer *w, const char *a)
{
    return one(w, "Reciprocal", a);
}

static const char *is_above(struct onnx_writer *w, const char *a, float bound)
{
    return onnx_writer_two(w, "Greater", a, number(w, bound));
}

static const char *is_below(struct onnx_writer *w, const char *a, float bound)
{
    return onnx_writer_two(w, "Less", a, number(w, bound));
}

/* ---- functions ---- */

/* Functions that are operators; names of the attributes for alpha and beta. */
static const struct {
    const char *op, *alpha, *beta;
} functions[GRAPH_NUM_FUNCTIONS] = {
    [GRAPH_ABS] = {.op = "Abs"},
    [GRAPH_NEGATE] = {.op = "Neg"},
    [GRAPH_SIGN] = {.op = "Sign"},
    [GRAPH_FLOOR] = {.op = "Floor"},
    [GRAPH_CEIL] = {.op = "Ceil"},
    [GRAPH_ROUND] = {.op = "Round"},
    [GRAPH_SQRT] = {.op = "Sqrt"},
    [GRAPH_RECIPROCAL] = {.op = "Reciprocal"},
    [GRAPH_EXP] = {.op = "Exp"},
    [GRAPH_LOG] = {.op = "Log"},
    [GRAPH_ERF] = {.op = "Erf"},
    [GRAPH_SIN] = {.op = "Sin"},
    [GRAPH_COS] = {.op = "Cos"},
    [GRAPH_TAN] = {.op = "Tan"},
    [GRAPH_ASIN] = {.op = "Asin"},
    [GRAPH_ACOS] = {.op = "Acos"},
    [GRAPH_ATAN] = {.op = "Atan"},
    [GRAPH_SINH] = {.op = "Sinh"},
    [GRAPH_COSH] = {.op = "Cosh"},
    [GRAPH_TANH] = {.op = "Tanh"},
    [GRAPH_ASINH] = {.op = "Asinh"},
    [GRAPH_ACOSH] = {.op = "Acosh"},
    [GRAPH_ATANH] = {.op = "Atanh"},
    [GRAPH_SIGMOID] = {.op = "Sigmoid"},
    [GRAPH_HARD_SWISH] = {.op = "HardSwish"},
    [GRAPH_LEAKY_RELU] = {.op = "LeakyRelu", .alpha = "alpha"},
    [GRAPH_THRESHOLDED_RELU] = {.op = "ThresholdedRelu", .alpha = "alpha"},
    [GRAPH_ELU] = {.op = "Selu", .alpha = "alpha", .beta = "gamma"},
    [GRAPH_CELU] = {.op = "Celu", .alpha = "alpha"},
    [GRAPH_SOFTPLUS] = {.op = "Softplus"},
    [GRAPH_SOFTSIGN] = {.op = "Softsign"},
    [GRAPH_SHRINK] = {.op = "Shrink", .alpha = "lambd", .beta = "bias"},
};

static const char *is_inf(struct onnx_writer *w, const char *x)
{
    x = one(w, "IsInf", x);
    onnx_writer_int(w, "detect_negative", w->node->unary.alpha != 0);
    onnx_writer_int(w, "detect_positive", w->node->unary.beta != 0);
    return onnx_writer_to_float(w, x);
}

/* sqrt(2 / pi) (x + 0.044715 x^3) */
static const char *inside_tanh(struct onnx_writer *w, const char *x)
{
    const char *cube = mul(w, x, square(w, x));

    return scaled(w, add(w, x, scaled(w, cube, 0.044715f)), ROOT_2_OVER_PI);
}

/* x (1 + bell) / 2 */
static const char *gelu(struct onnx_writer *w, const char *x, const char *bell)
{
    return scaled(w, mul(w, x, plus(w, bell, 1)), 0.5f);
}

/* As a QuantizeLinear and a DequantizeLinear would. */
static const char *grid(struct onnx_writer *w, const char *x)
{
    const char *step = number(w, w->node->unary.alpha);

    x = onnx_writer_two(w, "Div", x, step);
    x = onnx_writer_two(w, "Max", x, number(w, w->node->unary.beta));
    x = onnx_writer_two(w, "Min", x, number(w, w->node->unary.gamma));
    return mul(w, one(w, "Round", x), step);
}

/* Those that are no operators of the opset. */
static const char *spelt_out(struct onnx_writer *w, const char *x)
{
    switch (w->node->unary.function) {
    case GRAPH_NOT:
        return onnx_writer_to_float(
            w, onnx_writer_two(w, "Equal", x, number(w, 0)));
    case GRAPH_SQUARE:
        return square(w, x);
    case GRAPH_POWER:
        return power(w, x, w->node->unary.alpha);
    case GRAPH_MISH:
        return mul(w, x, one(w, "Tanh", one(w, "Softplus", x)));
    case GRAPH_SILU:
        return mul(w, x, one(w, "Sigmoid", x));
    case GRAPH_GELU:
        return gelu(w, x, one(w, "Erf", scaled(w, x, ROOT_HALF)));
    case GRAPH_GELU_TANH:
        return gelu(w, x, one(w, "Tanh", inside_tanh(w, x)));
    case GRAPH_GRID:
        return grid(w, x);
    case GRAPH_IS_NAN:
        return onnx_writer_to_float(w, one(w, "IsNaN", x));
    case GRAPH_IS_INF:
        return is_inf(w, x);
    default:
        return onnx_writer_refuse(w, "this function cannot be written");
    }
}

const char *onnx_write_unary(struct onnx_writer *w, const char *op)
{
    enum graph_function function = w->node->unary.function;
    const char *x = onnx_writer_in(w, 0);

    (void)op;
    if (!functions[function].op)
        return spelt_out(w, x);
    x = one(w, functions[function].op, x);
    if (functions[function].alpha)
        onnx_writer_float(w, functions[function].alpha, w->node->unary.alpha);
    if (functions[function].beta)
        onnx_writer_float(w, functions[function].beta, w->node->unary.beta);
    return x;
}

/* ---- derivatives ---- */

static const char *mish_slope(struct onnx_writer *w, const char *x)
{
    const char *t = one(w, "Tanh", one(w, "Softplus", x));
    const char *s = mul(w, x, one(w, "Sigmoid", x));

    return add(w, t, mul(w, s, rest(w, square(w, t))));
}

static const char *silu_slope(struct onnx_writer *w, const char *x)
{
    const char *s = one(w, "Sigmoid", x);

    return add(w, s, mul(w, mul(w, x, s), rest(w, s)));
}

static const char *gelu_slope(struct onnx_writer *w, const char *x)
{
    const char *bell = one(w, "Erf", scaled(w, x, ROOT_HALF));
    const char *density = one(w, "Exp", scaled(w, square(w, x), -0.5f));

    density = scaled(w, mul(w, x, density), DENSITY_AT_0);
    return add(w, scaled(w, plus(w, bell, 1), 0.5f), density);
}

static const char *gelu_tanh_slope(struct onnx_writer *w, const char *x)
{
    const char *t = one(w, "Tanh", inside_tanh(w, x));
    const char *inner =
        plus(w, scaled(w, square(w, x), 3 * 0.044715f * ROOT_2_OVER_PI),
             ROOT_2_OVER_PI);

    inner = mul(w, mul(w, x, rest(w, square(w, t))), inner);
    return scaled(w, plus(w, add(w, t, inner), 1), 0.5f);
}

/* x, which is finite, where a condition is true, else 0: a product takes ONNX
 * Runtime a fraction of the time of a Where. */
static const char *gated(struct onnx_writer *w, const char *x,
                         const char *is_open)
{
    return mul(w, onnx_writer_to_float(w, is_open), x);
}

/* 0 up to -3, 1 from 3 on, (2 x + 3) / 6 between */
static const char *hard_swish_slope(struct onnx_writer *w, const char *x)
{
    const char *between = scaled(w, plus(w, scaled(w, x, 2), 3), 1 / 6.0f);
    const char *is_between =
        onnx_writer_two(w, "And", is_above(w, x, -3), is_below(w, x, 3));
    const char *above = onnx_writer_two(w, "GreaterOrEqual", x, number(w, 3));

    return add(w, gated(w, between, is_between),
               onnx_writer_to_float(w, above));
}

/* `above` where x is above 0, else a function of it */
static const char *bent(struct onnx_writer *w, const char *x, float above,
                        const char *below)
{
    return onnx_writer_where(w, is_above(w, x, 0), number(w, above), below);
}

/* Where a QuantizeLinear does not clamp. */
static const char *grid_slope(struct onnx_writer *w, const char *x)
{
    const char *y =
        onnx_writer_two(w, "Div", x, number(w, w->node->unary.alpha));
    const char *above = onnx_writer_two(w, "GreaterOrEqual", y,
                                        number(w, w->node->unary.beta - 0.5f));
    const char *below = onnx_writer_two(w, "LessOrEqual", y,
                                        number(w, w->node->unary.gamma + 0.5f));

    return onnx_writer_to_float(w, onnx_writer_two(w, "And", above, below));
}

/* Those of activations. */
static const char *activation_slope(struct onnx_writer *w, const char *x)
{
    float alpha = w->node->unary.alpha, beta = w->node->unary.beta;

    switch (w->node->unary.function) {
    case GRAPH_HARD_SWISH:
        return hard_swish_slope(w, x);
    case GRAPH_LEAKY_RELU:
        return bent(w, x, 1, number(w, alpha));
    case GRAPH_THRESHOLDED_RELU:
        return onnx_writer_to_float(w, is_above(w, x, alpha));
    case GRAPH_ELU:
        return bent(w, x, beta, scaled(w, one(w, "Exp", x), alpha * beta));
    case GRAPH_CELU:
        return bent(w, x, 1, one(w, "Exp", scaled(w, x, 1 / alpha)));
    case GRAPH_SOFTPLUS:
        return one(w, "Sigmoid", x);
    case GRAPH_SOFTSIGN:
        return inverse(w, square(w, plus(w, one(w, "Abs", x), 1)));
    case GRAPH_MISH:
        return mish_slope(w, x);
    case GRAPH_SILU:
        return silu_slope(w, x);
    case GRAPH_GELU:
        return gelu_slope(w, x);
    case GRAPH_GELU_TANH:
        return gelu_tanh_slope(w, x);
    case GRAPH_GRID:
        return grid_slope(w, x);
    case GRAPH_SHRINK:
        return onnx_writer_to_float(w, is_above(w, one(w, "Abs", x), alpha));
    default:
        return onnx_writer_refuse(w, "this derivative cannot be written");
    }
}

/* Those of angles. */
static const char *angle_slope(struct onnx_writer *w, const char *x)
{
    switch (w->node->unary.function) {
    case GRAPH_SIN:
        return one(w, "Cos", x);
    case GRAPH_COS:
        return one(w, "Neg", one(w, "Sin", x));
    case GRAPH_TAN:
        return inverse(w, square(w, one(w, "Cos", x)));
    case GRAPH_ASIN:
        return inverse(w, one(w, "Sqrt", rest(w, square(w, x))));
    case GRAPH_ACOS:
        return one(w, "Neg", inverse(w, one(w, "Sqrt", rest(w, square(w, x)))));
    case GRAPH_ATAN:
        return inverse(w, plus(w, square(w, x), 1));
    case GRAPH_SINH:
        return one(w, "Cosh", x);
    case GRAPH_COSH:
        return one(w, "Sinh", x);
    case GRAPH_TANH:
        return rest(w, square(w, one(w, "Tanh", x)));
    case GRAPH_ASINH:
        return inverse(w, one(w, "Sqrt", plus(w, square(w, x), 1)));
    case GRAPH_ACOSH:
        return inverse(w, one(w, "Sqrt", plus(w, square(w, x), -1)));
    case GRAPH_ATANH:
        return inverse(w, rest(w, square(w, x)));
    default:
        return activation_slope(w, x);
    }
}

static const char *slope(struct onnx_writer *w, const char *x)
{
    float alpha = w->node->unary.alpha;

    switch (w->node->unary.function) {
    case GRAPH_ABS:
        return one(w, "Sign", x);
    case GRAPH_NEGATE:
        return number(w, -1);
    case GRAPH_SQUARE:
        return scaled(w, x, 2);
    case GRAPH_POWER:
        return scaled(w, power(w, x, alpha - 1), alpha);
    case GRAPH_SQRT:
        return inverse(w, scaled(w, one(w, "Sqrt", x), 2));
    case GRAPH_RECIPROCAL:
        return one(w, "Neg", inverse(w, square(w, x)));
    case GRAPH_EXP:
        return one(w, "Exp", x);
    case GRAPH_LOG:
        return inverse(w, x);
    case GRAPH_ERF:
        x = one(w, "Exp", one(w, "Neg", square(w, x)));
        return scaled(w, x, TWO_OVER_ROOT_PI);
    case GRAPH_SIGMOID:
        x = one(w, "Sigmoid", x);
        return mul(w, x, rest(w, x));
    default:
        return angle_slope(w, x);
    }
}

const char *onnx_write_slope(struct onnx_writer *w, const char *op)
{
    (void)op;
    return mul(w, onnx_writer_in(w, 1), slope(w, onnx_writer_in(w, 0)));
}

/* ---- gates ---- */

/* g where y is between two numbers, neither of them, of which one may be
 * infinite. */
const char *onnx_write_gate(struct onnx_writer *w, const char *op)
{
    const char *y = onnx_writer_in(w, 0), *open = NULL;
    float low = w->node->gate.low, high = w->node->gate.high;

    (void)op;
    if (low > -INFINITY)
        open = is_above(w, y, low);
    if (high < INFINITY) {
        const char *below = is_below(w, y, high);

        open = open ? onnx_writer_two(w, "And", open, below) : below;
    }
    return open ? gated(w, onnx_writer_in(w, 1), open) : onnx_writer_in(w, 1);
}

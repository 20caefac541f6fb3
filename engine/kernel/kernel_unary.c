/* Functions of one number. */

#include "engine/kernel/kernel.h"
#include "engine/kernel/kernel_wide.h"

#include <math.h>

enum { TILE = 8192 }; /* numbers at a time */

static float sign(float x)
{
    return x > 0 ? 1 : x < 0 ? -1 : x;
}

static float softplus(float x)
{
    return x > 0 ? x + log1pf(expf(-x)) : log1pf(expf(x));
}

/* exp(x) for x from -88 to 88, to two units in the last place, written so that
 * compilers can vectorize it: e^x = 2^n e^r, where n is an integer and |r| <
 * 0.35. */
KERNEL_WIDE_INLINE float exp_within(float x)
{
    const float magic = 12582912; /* adding it rounds; the low bits are n */
    union {
        float number;
        uint32_t bits;
    } n, power;
    float r;

    n.number = x * 1.44269504f + magic;
    power.bits = (n.bits << 23) + 0x3F800000u; /* the low nine bits of n */
    n.number -= magic;
    r = x - n.number * 0.693145752f - n.number * 1.42860677e-6f;
    return power.number *
           (1 + r * (1 + r * (0.5f + r * (0.166666657f +
                                          r * (0.0416695364f +
                                               r * (0.00836888003f +
                                                    r * 0.00138148781f))))));
}

/* To where the exponential of x and of -x is a normal number. What is no number
 * stays so. */
KERNEL_WIDE_INLINE float within(float x)
{
    x = x < -87 ? -87 : x;
    return x > 87 ? 87 : x;
}

KERNEL_WIDE_INLINE float quick_exp(float x)
{
    return exp_within(within(x));
}

KERNEL_WIDE_INLINE float hard_swish(float x)
{
    float gate = x * 0.166666667f + 0.5f;

    gate = gate < 0 ? 0 : gate;
    gate = gate > 1 ? 1 : gate;
    return x * gate;
}

/* erf by formula 7.1.26 of Abramowitz and Stegun, within 1.5e-7. */
KERNEL_WIDE_INLINE float gelu(float x)
{
    float z = fabsf(x) * 0.707106781f;
    float t = 1 / (1 + 0.3275911f * z);
    float rest =
        t *
        (0.254829592f +
         t * (-0.284496736f +
              t * (1.421413741f + t * (-1.453152027f + t * 1.061405429f)))) *
        exp_within(-within(z * z));

    return 0.5f * x * (x < 0 ? rest : 2 - rest);
}

/* (1 + tanh(u)) / 2 = 1 / (1 + exp(-2 u)) */
KERNEL_WIDE_INLINE float gelu_tanh(float x)
{
    float u = 1.59576912f * (x + 0.044715f * x * x * x);

    return x / (1 + exp_within(-within(u)));
}

KERNEL_WIDE_INLINE float silu(float x)
{
    return x / (1 + exp_within(-within(x)));
}

/* tanh(log(1 + e)) = (e^2 + 2 e) / (e^2 + 2 e + 2), e being exp(x) */
KERNEL_WIDE_INLINE float mish(float x)
{
    float e = quick_exp(x < 20 ? x : 20);

    e = e * e + 2 * e;
    return x * e / (e + 2);
}

/* The bounds are integers, so clamping may come before rounding. */
KERNEL_WIDE_INLINE float grid(float x, float step, float low, float high)
{
    float y = x / step;

    y = y > low ? y : low;
    y = y < high ? y : high;
    return kernel_round_small(y) * step;
}

/* X(function, formula of x with alpha, beta and gamma), for each of
 * GRAPH_FUNCTIONS */
#define FUNCTIONS(X)                                                  \
    X(GRAPH_ABS, fabsf(x))                                            \
    X(GRAPH_NEGATE, -x)                                               \
    X(GRAPH_SIGN, sign(x))                                            \
    X(GRAPH_NOT, x == 0)                                              \
    X(GRAPH_FLOOR, floorf(x))                                         \
    X(GRAPH_CEIL, ceilf(x))                                           \
    X(GRAPH_ROUND, nearbyintf(x))                                     \
    X(GRAPH_SQUARE, x *x)                                             \
    X(GRAPH_POWER, powf(x, alpha))                                    \
    X(GRAPH_SQRT, sqrtf(x))                                           \
    X(GRAPH_RECIPROCAL, 1 / x)                                        \
    X(GRAPH_EXP, expf(x))                                             \
    X(GRAPH_LOG, logf(x))                                             \
    X(GRAPH_ERF, erff(x))                                             \
    X(GRAPH_SIN, sinf(x))                                             \
    X(GRAPH_COS, cosf(x))                                             \
    X(GRAPH_TAN, tanf(x))                                             \
    X(GRAPH_ASIN, asinf(x))                                           \
    X(GRAPH_ACOS, acosf(x))                                           \
    X(GRAPH_ATAN, atanf(x))                                           \
    X(GRAPH_SINH, sinhf(x))                                           \
    X(GRAPH_COSH, coshf(x))                                           \
    X(GRAPH_TANH, tanhf(x))                                           \
    X(GRAPH_ASINH, asinhf(x))                                         \
    X(GRAPH_ACOSH, acoshf(x))                                         \
    X(GRAPH_ATANH, atanhf(x))                                         \
    X(GRAPH_SIGMOID, 1 / (1 + expf(-x)))                              \
    X(GRAPH_HARD_SWISH, hard_swish(x))                                \
    X(GRAPH_LEAKY_RELU, x < 0 ? alpha * x : x)                        \
    X(GRAPH_THRESHOLDED_RELU, x > alpha ? x : 0)                      \
    X(GRAPH_ELU, beta *(x < 0 ? alpha * expm1f(x) : x))               \
    X(GRAPH_CELU, x < 0 ? alpha * expm1f(x / alpha) : x)              \
    X(GRAPH_SOFTPLUS, softplus(x))                                    \
    X(GRAPH_SOFTSIGN, x / (1 + fabsf(x)))                             \
    X(GRAPH_MISH, mish(x))                                            \
    X(GRAPH_SILU, silu(x))                                            \
    X(GRAPH_GELU, gelu(x))                                            \
    X(GRAPH_GELU_TANH, gelu_tanh(x))                                  \
    X(GRAPH_IS_NAN, isnan(x))                                         \
    X(GRAPH_IS_INF, isinf(x) && (x < 0 ? alpha : beta) != 0)          \
    X(GRAPH_SHRINK, x > alpha ? x - beta : x < -alpha ? x + beta : 0) \
    X(GRAPH_GRID, grid(x, alpha, beta, gamma))

#define X(function, formula) +1
_Static_assert(0 FUNCTIONS(X) == GRAPH_NUM_FUNCTIONS,
               "one row for each function");
#undef X

static inline float quick_sigmoid(float x)
{
    return 1 / (1 + quick_exp(-x));
}

/* The same on both sides of 0, and exact where it is small. */
static inline float sigmoid_slope(float x)
{
    float e = quick_exp(-fabsf(x));

    return e / ((1 + e) * (1 + e));
}

/* That of what is not rounded. */
static inline float grid_slope(float x, float step, float low, float high)
{
    float y = x / step;

    return y >= low - 0.5f && y <= high + 0.5f ? 1 : 0;
}

static inline float gelu_slope(float x)
{
    float share = x == 0 ? 0.5f : gelu(x) / x;

    return share + x * 0.398942280f * quick_exp(-0.5f * x * x);
}

static inline float gelu_tanh_slope(float x)
{
    float cube = 0.044715f * x * x;
    float share = quick_sigmoid(1.59576912f * x * (1 + cube));

    return share * (1 + x * (1 - share) * 1.59576912f * (1 + 3 * cube));
}

static inline float silu_slope(float x)
{
    float gate = quick_sigmoid(x);

    return gate * (1 + x * (1 - gate));
}

/* mish(x) = x t, and t' = (1 - t^2) sigmoid(x) */
static inline float mish_slope(float x)
{
    float e = quick_exp(x < 20 ? x : 20), t;

    e = e * e + 2 * e;
    t = e / (e + 2);
    return t + x * (1 - t * t) * quick_sigmoid(x);
}

/* X(function, its derivative at x), for each of GRAPH_FUNCTIONS; where there
 * are two, that of PyTorch */
#define SLOPES(X)                                                \
    X(GRAPH_ABS, (float)((x > 0) - (x < 0)))                     \
    X(GRAPH_NEGATE, -1)                                          \
    X(GRAPH_SIGN, 0)                                             \
    X(GRAPH_NOT, 0)                                              \
    X(GRAPH_FLOOR, 0)                                            \
    X(GRAPH_CEIL, 0)                                             \
    X(GRAPH_ROUND, 0)                                            \
    X(GRAPH_SQUARE, 2 * x)                                       \
    X(GRAPH_POWER, alpha *powf(x, alpha - 1))                    \
    X(GRAPH_SQRT, 0.5f / sqrtf(x))                               \
    X(GRAPH_RECIPROCAL, -1 / (x * x))                            \
    X(GRAPH_EXP, expf(x))                                        \
    X(GRAPH_LOG, 1 / x)                                          \
    X(GRAPH_ERF, 1.12837917f * expf(-x * x))                     \
    X(GRAPH_SIN, cosf(x))                                        \
    X(GRAPH_COS, -sinf(x))                                       \
    X(GRAPH_TAN, 1 + tanf(x) * tanf(x))                          \
    X(GRAPH_ASIN, 1 / sqrtf(1 - x * x))                          \
    X(GRAPH_ACOS, -1 / sqrtf(1 - x * x))                         \
    X(GRAPH_ATAN, 1 / (1 + x * x))                               \
    X(GRAPH_SINH, coshf(x))                                      \
    X(GRAPH_COSH, sinhf(x))                                      \
    X(GRAPH_TANH, 1 - tanhf(x) * tanhf(x))                       \
    X(GRAPH_ASINH, 1 / sqrtf(x * x + 1))                         \
    X(GRAPH_ACOSH, 1 / sqrtf(x * x - 1))                         \
    X(GRAPH_ATANH, 1 / (1 - x * x))                              \
    X(GRAPH_SIGMOID, sigmoid_slope(x))                           \
    X(GRAPH_HARD_SWISH, x <= -3 ? 0 : x >= 3 ? 1 : x / 3 + 0.5f) \
    X(GRAPH_LEAKY_RELU, x > 0 ? 1 : alpha)                       \
    X(GRAPH_THRESHOLDED_RELU, x > alpha ? 1 : 0)                 \
    X(GRAPH_ELU, x > 0 ? beta : beta * alpha * quick_exp(x))     \
    X(GRAPH_CELU, x > 0 ? 1 : quick_exp(x / alpha))              \
    X(GRAPH_SOFTPLUS, quick_sigmoid(x))                          \
    X(GRAPH_SOFTSIGN, 1 / ((1 + fabsf(x)) * (1 + fabsf(x))))     \
    X(GRAPH_MISH, mish_slope(x))                                 \
    X(GRAPH_SILU, silu_slope(x))                                 \
    X(GRAPH_GELU, gelu_slope(x))                                 \
    X(GRAPH_GELU_TANH, gelu_tanh_slope(x))                       \
    X(GRAPH_IS_NAN, 0)                                           \
    X(GRAPH_IS_INF, 0)                                           \
    X(GRAPH_SHRINK, x > alpha || x < -alpha ? 1 : 0)             \
    X(GRAPH_GRID, grid_slope(x, alpha, beta, gamma))

#define X(function, formula) +1
_Static_assert(0 SLOPES(X) == GRAPH_NUM_FUNCTIONS, "one row for each function");
#undef X

bool kernel_slope(const struct kernel_call *call)
{
    const float alpha = call->node->unary.alpha;
    const float beta = call->node->unary.beta;
    const float gamma = call->node->unary.gamma;
    const float *restrict from = call->inputs[0], *restrict g = call->inputs[1];
    float *restrict out = call->out;

    (void)beta;
    switch (call->node->unary.function) {
#define X(function, formula)                       \
    case function:                                 \
        for (size_t i = 0; i < call->count; i++) { \
            const float x = from[i];               \
                                                   \
            (void)x;                               \
            out[i] = g[i] * (formula);             \
        }                                          \
        return true;
        SLOPES(X)
#undef X
    default:
        return fail(call->err, ERROR_INTERNAL, "unknown function");
    }
}

/* Integer constants, for the functions that occur in shape arithmetic. */
static void run_ints(const struct kernel_call *call)
{
    for (size_t i = 0; i < call->count; i++) {
        int64_t x = ((const int64_t *)call->inputs[0])[i];
        int64_t minus_x = (int64_t)(0 - (uint64_t)x), *out = call->out;

        switch (call->node->unary.function) {
        case GRAPH_ABS:
            out[i] = x < 0 ? minus_x : x;
            break;
        case GRAPH_NEGATE:
            out[i] = minus_x;
            break;
        case GRAPH_SIGN:
            out[i] = (x > 0) - (x < 0);
            break;
        default:
            out[i] = x == 0;
        }
    }
}

KERNEL_WIDE_BODY(compute)
(const struct graph_node *node, float *restrict out, const float *restrict from,
 size_t count)
{
    const float alpha = node->unary.alpha, beta = node->unary.beta;
    const float gamma = node->unary.gamma;
    float min = node->min, max = node->max;

    switch (node->unary.function) {
#define X(function, formula)                 \
    case function:                           \
        for (size_t i = 0; i < count; i++) { \
            const float x = from[i];         \
                                             \
            out[i] = (formula);              \
        }                                    \
        break;
        FUNCTIONS(X)
#undef X
    default:
        break;
    }
    for (size_t i = 0; (min > -INFINITY || max < INFINITY) && i < count; i++) {
        float y = out[i] < min ? min : out[i];

        out[i] = y > max ? max : y;
    }
}
KERNEL_WIDE(compute,
            (const struct graph_node *node, float *restrict out,
             const float *restrict from, size_t count),
            (node, out, from, count))

/* Whether compilers make a few instructions of its formula. */
KERNEL_WIDE_INLINE bool is_quick(enum graph_function function)
{
    switch (function) {
    case GRAPH_HARD_SWISH:
    case GRAPH_LEAKY_RELU:
    case GRAPH_SILU:
    case GRAPH_GELU:
    case GRAPH_GELU_TANH:
    case GRAPH_GRID:
        return true;
    default:
        return false;
    }
}

KERNEL_WIDE_BODY(apply)
(const struct graph_node *node, float *numbers, size_t count)
{
    const float alpha = node->unary.alpha, beta = node->unary.beta;
    const float gamma = node->unary.gamma;

    (void)beta;
    (void)gamma;
    switch (node->unary.function) {
#define X(function, formula)                                       \
    case function:                                                 \
        for (size_t i = 0; is_quick(function) && i < count; i++) { \
            const float x = numbers[i];                            \
                                                                   \
            numbers[i] = (formula);                                \
        }                                                          \
        break;
        FUNCTIONS(X)
#undef X
    default:
        break;
    }
}
KERNEL_WIDE(apply,
            (const struct graph_node *node, float *numbers, size_t count),
            (node, numbers, count))

bool kernel_applies(const struct graph_node *node)
{
    return node->op == GRAPH_UNARY && is_quick(node->unary.function) &&
           !graph_is_clamped(node);
}

void kernel_apply(const struct graph_node *node, float *x, size_t count)
{
    apply(node, x, count);
}

static void compute_tile(const struct team_task *task, size_t thread,
                         const size_t *at, const size_t *len)
{
    const struct kernel_call *call = task->context;

    (void)thread;
    compute(call->node, (float *)call->out + at[0],
            (const float *)call->inputs[0] + at[0], len[0]);
}

bool kernel_unary(const struct kernel_call *call)
{
    struct kernel_call copy = *call;
    const struct team_task task = {
        .call = compute_tile,
        .context = &copy,
        .num_dimensions = 1,
        .ranges = {call->count},
        .steps = {TILE},
    };

    if (call->to->type == GRAPH_INT)
        run_ints(call);
    else
        team_run(call->member, &task);
    return true;
}

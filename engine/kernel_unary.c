/* Functions of one number. */

#include <math.h>

#include "kernel_call.h"

static float sign(float x)
{
    return x > 0 ? 1 : x < 0 ? -1 : x;
}

static float softplus(float x)
{
    return x > 0 ? x + log1pf(expf(-x)) : log1pf(expf(x));
}

static float gelu_tanh(float x)
{
    return 0.5f * x * (1 + tanhf(0.797884561f * (x + 0.044715f * x * x * x)));
}

/* X(function, of x with alpha and beta) */
#define FUNCTIONS(X)                                         \
    X(GRAPH_ABS, fabsf(x))                                   \
    X(GRAPH_NEGATE, -x)                                      \
    X(GRAPH_SIGN, sign(x))                                   \
    X(GRAPH_NOT, x == 0)                                     \
    X(GRAPH_FLOOR, floorf(x))                                \
    X(GRAPH_CEIL, ceilf(x))                                  \
    X(GRAPH_ROUND, nearbyintf(x))                            \
    X(GRAPH_SQUARE, x *x)                                    \
    X(GRAPH_POWER, powf(x, alpha))                           \
    X(GRAPH_SQRT, sqrtf(x))                                  \
    X(GRAPH_RECIPROCAL, 1 / x)                               \
    X(GRAPH_EXP, expf(x))                                    \
    X(GRAPH_LOG, logf(x))                                    \
    X(GRAPH_ERF, erff(x))                                    \
    X(GRAPH_SIN, sinf(x))                                    \
    X(GRAPH_COS, cosf(x))                                    \
    X(GRAPH_TAN, tanf(x))                                    \
    X(GRAPH_ASIN, asinf(x))                                  \
    X(GRAPH_ACOS, acosf(x))                                  \
    X(GRAPH_ATAN, atanf(x))                                  \
    X(GRAPH_SINH, sinhf(x))                                  \
    X(GRAPH_COSH, coshf(x))                                  \
    X(GRAPH_TANH, tanhf(x))                                  \
    X(GRAPH_ASINH, asinhf(x))                                \
    X(GRAPH_ACOSH, acoshf(x))                                \
    X(GRAPH_ATANH, atanhf(x))                                \
    X(GRAPH_SIGMOID, 1 / (1 + expf(-x)))                     \
    X(GRAPH_HARD_SWISH, x *fminf(fmaxf(x / 6 + 0.5f, 0), 1)) \
    X(GRAPH_LEAKY_RELU, x < 0 ? alpha * x : x)               \
    X(GRAPH_THRESHOLDED_RELU, x > alpha ? x : 0)             \
    X(GRAPH_ELU, beta *(x < 0 ? alpha * expm1f(x) : x))      \
    X(GRAPH_CELU, x < 0 ? alpha * expm1f(x / alpha) : x)     \
    X(GRAPH_SOFTPLUS, softplus(x))                           \
    X(GRAPH_SOFTSIGN, x / (1 + fabsf(x)))                    \
    X(GRAPH_MISH, x *tanhf(softplus(x)))                     \
    X(GRAPH_GELU, 0.5f * x * (1 + erff(x * 0.707106781f)))   \
    X(GRAPH_GELU_TANH, gelu_tanh(x))                         \
    X(GRAPH_SHRINK, x > alpha ? x - beta : x < -alpha ? x + beta : 0)

/* Constants of the kinds that shape arithmetic needs. */
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

bool kernel_unary(const struct kernel_call *call)
{
    float alpha = call->node->unary.alpha, beta = call->node->unary.beta;
    const float *restrict from = call->inputs[0];
    float *restrict out = call->out;

    if (call->to->type == GRAPH_INT) {
        run_ints(call);
        return true;
    }
    switch (call->node->unary.function) {
#define X(function, formula)                       \
    case function:                                 \
        for (size_t i = 0; i < call->count; i++) { \
            const float x = from[i];               \
                                                   \
            out[i] = (formula);                    \
        }                                          \
        break;
        FUNCTIONS(X)
#undef X
    default:
        return fail(call->err, ERROR_INTERNAL, "it is no function we have");
    }
    if (call->node->min > -INFINITY || call->node->max < INFINITY)
        for (size_t i = 0; i < call->count; i++)
            out[i] = kernel_clamped(call->node, out[i]);
    return true;
}

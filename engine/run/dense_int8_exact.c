/* Layers of a network that was quantized before: the integers that it was
 * trained or calibrated for are found again in its floats. */

#include <math.h>

#include "engine/run/dense_int8_internal.h"
#include "engine/xnn/quantize.h"

/* Of a step: what folding scales into floats may have rounded. */
#define NEAR 1e-3f

const struct graph_node *dense_int8_grid(const struct graph *graph,
                                         const struct graph_node *node)
{
    const struct graph_node *from = graph_producer(graph, node->inputs[0]);

    return from && from->op == GRAPH_UNARY &&
                   from->unary.function == GRAPH_GRID &&
                   !graph_is_clamped(from) && from->unary.beta <= 0 &&
                   from->unary.gamma >= 0 &&
                   from->unary.gamma - from->unary.beta == UINT8_MAX
               ? from
               : NULL;
}

/* Whether all weights are such multiples. `quantized` may be NULL. */
static bool is_multiple(int8_t *quantized, const float *row, size_t count,
                        float scale)
{
    const float inverse = 1 / scale;

    if (!(scale > 1e-30f && scale < 1e30f))
        return false;
    for (size_t i = 0; i < count; i++) {
        const float large = 0x1.8p23f; /* leaves no bits for a fraction */
        float steps = row[i] * inverse, whole = (steps + large) - large;

        if (!(fabsf(steps - whole) <= NEAR && whole >= INT8_MIN &&
              whole <= INT8_MAX))
            return false;
        if (quantized)
            quantized[i] = (int8_t)whole;
    }
    return true;
}

bool dense_int8_recover(int8_t *quantized, float *scale, const float *row,
                        size_t count, float largest)
{
    const float own = quantize_largest(row, count);
    const float scales[] = {own / INT8_MAX, largest / INT8_MAX,
                            own / (INT8_MAX + 1), largest / (INT8_MAX + 1)};

    if (!(largest > 0))
        return false;
    for (size_t i = 0; i < sizeof scales / sizeof scales[0]; i++) {
        *scale = scales[i];
        if (is_multiple(quantized, row, count, *scale))
            return true;
    }
    return false;
}

bool dense_int8_is_exact(const struct graph *graph,
                         const struct graph_node *node)
{
    const struct graph_value *value = graph_input(graph, node, 1);
    const struct dense_int8_kernel *kernel = dense_int8_best();
    const size_t rows = value->shape.dim[0];
    const size_t count = graph_shape_count(&value->shape) / rows;
    const float *weights = value->data ? graph_floats(value) : NULL;
    float largest, scale;
    bool ok = weights && kernel && kernel->most == DENSE_INT8_MOST &&
              dense_int8_grid(graph, node);

    largest = ok ? quantize_largest(weights, rows * count) : 0;
    for (size_t o = 0; ok && o < rows; o++)
        ok = dense_int8_recover(NULL, &scale, weights + o * count, count,
                                largest);
    return ok;
}

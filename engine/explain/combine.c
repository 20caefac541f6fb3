#include "engine/explain/combine.h"

#include <string.h>

double combine_operand(const struct graph *graph, int operand, size_t c,
                       double otherwise)
{
    const struct graph_value *value;

    if (operand == GRAPH_NONE)
        return otherwise;
    value = &graph->values[operand];
    return (double)graph_floats(
        value)[graph_shape_count(&value->shape) == 1 ? 0 : c];
}

/* The biases of all logits, each times a number. */
static double combine_biases(const struct head *head, const struct graph *graph,
                             const float *seed)
{
    const float *biases = head->bias == GRAPH_NONE
                              ? NULL
                              : graph_floats(&graph->values[head->bias]);
    double bias = 0;

    for (size_t j = 0; biases && j < head->num_logits; j++)
        bias += (double)seed[j] * (double)biases[j];
    return bias;
}

double combine_weights(float *restrict weights, const struct head *head,
                       const struct graph *graph, const float *restrict seed)
{
    size_t channels = graph->values[head->features].shape.dim[3];
    double bias = combine_biases(head, graph, seed);
    const float *rows;

    if (head->weights == GRAPH_NONE) {
        memcpy(weights, seed, channels * sizeof *weights);
        return bias;
    }
    rows = graph_floats(&graph->values[head->weights]);
    memset(weights, 0, channels * sizeof *weights);
    for (size_t j = 0; j < head->num_logits; j++)
        for (size_t c = 0; seed[j] != 0 && c < channels; c++)
            weights[c] += seed[j] * rows[j * channels + c];
    for (size_t c = 0; head->norm_shift != GRAPH_NONE && c < channels; c++)
        bias +=
            (double)weights[c] * combine_operand(graph, head->norm_shift, c, 0);
    for (size_t c = 0; head->norm_scale != GRAPH_NONE && c < channels; c++)
        weights[c] *= (float)combine_operand(graph, head->norm_scale, c, 1);
    return bias;
}

#ifndef ENGINE_EXPLAIN_COMBINE_H
#define ENGINE_EXPLAIN_COMBINE_H

/* The weights of a head (head.h) for targets that depend on several logits. Any
 * thread. */

#include "engine/graph/graph.h"
#include "engine/passes/head.h"

/* Combines the weights of all logits, each times a number: those of the map of
 * a target whose gradient at the logits the seed is. Returns the biases,
 * combined likewise. A normalization's scale is part of the weights, its shift
 * part of the bias.
 *
 * weights  out  (channels)
 * seed     in   (num_logits) */
double combine_weights(float *restrict weights, const struct head *head,
                       const struct graph *graph, const float *restrict seed);

/* Element c of a normalization's operand, such as head->norm_scale, or
 * `otherwise` if there is none. */
double combine_operand(const struct graph *graph, int operand, size_t c,
                       double otherwise);

#endif

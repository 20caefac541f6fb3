#ifndef ENGINE_EXPLAIN_SCORES_H
#define ENGINE_EXPLAIN_SCORES_H

/* Computes scores from logits and finds the best ones. Any thread. */

#include <stddef.h>

/* Softmax: scores[i] = exp(logits[i] - max) / sum. The arrays, (count) each,
 * may be the same. The score of a NaN logit is 0. If logits are +infinity, the
 * score of 1 is divided among them. If all logits are NaN, all scores are 0. */
void scores_softmax(float *scores, const float *logits, size_t count);

/* Sigmoid: scores[i] = 1 / (1 + exp(-logits[i])), computed without overflow, so
 * that small scores are accurate. The arrays, (count) each, may be the same.
 * The score of a NaN logit is 0. */
void scores_sigmoid(float *scores, const float *logits, size_t count);

/* Writes the indices of the `k` largest values, largest first; of equal
 * values the lower index comes first; NaN ranks below all numbers.
 * k is at most count. */
void scores_best(size_t *indices, size_t k, const float *values, size_t count);

#endif

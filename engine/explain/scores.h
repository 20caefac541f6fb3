#ifndef ENGINE_EXPLAIN_SCORES_H
#define ENGINE_EXPLAIN_SCORES_H

/* Scores from logits, and the best of them. Any thread. */

#include <stddef.h>

/* Softmax: scores[i] = exp(logits[i] - max) / sum. The arrays, (count) each,
 * may be the same. A NaN logit scores 0; where logits are +infinity, these
 * share the whole score. All are 0 where every logit is NaN. */
void scores_softmax(float *scores, const float *logits, size_t count);

/* Sigmoid: scores[i] = 1 / (1 + exp(-logits[i])), without an overflow on the
 * way, so that small scores keep their digits. The arrays, (count) each, may be
 * the same. A NaN logit scores 0. */
void scores_sigmoid(float *scores, const float *logits, size_t count);

/* Writes the indices of the `k` largest values, largest first; of equal
 * values the lower index comes first; NaN ranks below all numbers.
 * k is at most count. */
void scores_best(size_t *indices, size_t k, const float *values, size_t count);

#endif

#include "engine/explain/scores.h"

#include <math.h>
#include <stdbool.h>

/* Whether the value at index a ranks above that at index b: a strict total
 * order, so the result does not depend on the order of the search. */
static bool ranks_above(const float *values, size_t a, size_t b)
{
    bool a_is_nan = isnan(values[a]);
    bool b_is_nan = isnan(values[b]);

    if (a_is_nan != b_is_nan)
        return b_is_nan;
    if (!a_is_nan && values[a] != values[b])
        return values[a] > values[b];
    return a < b;
}

/* The largest logit that is not NaN, or -INFINITY if all are. */
static float largest(const float *logits, size_t count)
{
    float max = -INFINITY;

    for (size_t i = 0; i < count; i++)
        if (logits[i] > max)
            max = logits[i];
    return max;
}

/* The limit of exp(logit - max) for an infinite max: 1 for every logit equal to
 * it, 0 for all others. */
static float weight(float logit, float max)
{
    if (isnan(logit))
        return 0;
    return logit == max ? 1 : expf(logit - max);
}

void scores_softmax(float *scores, const float *logits, size_t count)
{
    float max = largest(logits, count);
    double sum = 0;

    for (size_t i = 0; i < count; i++) {
        scores[i] = weight(logits[i], max);
        sum += scores[i];
    }
    if (sum > 0)
        for (size_t i = 0; i < count; i++)
            scores[i] = (float)(scores[i] / sum);
}

void scores_sigmoid(float *scores, const float *logits, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        double small = exp(-fabs((double)logits[i])); /* at most 1 */

        scores[i] = isnan(logits[i]) ? 0
                    : logits[i] < 0  ? (float)(small / (1 + small))
                                     : (float)(1 / (1 + small));
    }
}

/* A binary heap of indices, worst on top: root is heap[0]. */
static void sift_down(size_t *heap, size_t count, size_t at,
                      const float *values)
{
    for (;;) {
        size_t child = 2 * at + 1;
        size_t moved = heap[at];

        if (child >= count)
            return;
        if (child + 1 < count &&
            ranks_above(values, heap[child], heap[child + 1]))
            child++;
        if (ranks_above(values, heap[child], moved))
            return;
        heap[at] = heap[child];
        heap[child] = moved;
        at = child;
    }
}

void scores_best(size_t *indices, size_t k, const float *values, size_t count)
{
    if (k == 0)
        return;
    for (size_t i = 0; i < k; i++)
        indices[i] = i;
    for (size_t i = k / 2; i-- > 0;)
        sift_down(indices, k, i, values);
    for (size_t i = k; i < count; i++) {
        if (ranks_above(values, i, indices[0])) {
            indices[0] = i;
            sift_down(indices, k, 0, values);
        }
    }
    for (size_t left = k; left-- > 1;) { /* the worst comes last */
        size_t worst = indices[0];

        indices[0] = indices[left];
        indices[left] = worst;
        sift_down(indices, left, 0, values);
    }
}

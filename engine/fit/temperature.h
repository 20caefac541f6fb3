#ifndef ENGINE_FIT_TEMPERATURE_H
#define ENGINE_FIT_TEMPERATURE_H

/* The temperature that makes probabilities honest: logits are divided by it
 * (Guo et al., On calibration of modern neural networks, ICML 2017, equation
 * 9). Any thread. */

#include <stddef.h>
#include <stdint.h>

/* Logits of photos by a head that was not fitted to them. */
struct temperature_photos {
    const float *logits;     /* (count, num_classes) */
    const uint32_t *classes; /* (count) the true ones */
    const float *weights;    /* (count) 0: left out */
    size_t count, num_classes;
};

/* Finds the temperature of the least mean log loss. As if one more photo were
 * wrong, each true class counts as (n + 1) / (n + 2) of its photo and the
 * others as the rest, so that it is above 0 even if all are right (Platt,
 * Probabilistic outputs for support vector machines, 1999, section 2.2). It is
 * between 10^-4 and 10^4. */
double temperature_find(const struct temperature_photos *photos);

/* The mean log loss at a temperature, by weights. */
double temperature_loss(const struct temperature_photos *photos,
                        double temperature);

/* Writes the softmax of one photo's logits.
 *
 *     probabilities  out  (num_classes)
 *     logits         in   (num_classes) */
void temperature_softmax(float *probabilities, const float *logits,
                         size_t num_classes);

#endif

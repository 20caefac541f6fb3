#include "engine/fit/softmax.h"

#include <math.h>
#include <stdint.h>

#include "engine/base/wide.h"

typedef float lanes
    __attribute__((vector_size(4 * SOFTMAX_LANES), aligned(4), may_alias));
typedef int32_t bits __attribute__((vector_size(4 * SOFTMAX_LANES)));

/* Below this, exponentials are no normal floats. */
#define LEAST (-87.0f)

/* Adding it rounds to a whole number, which is then in the last bits. */
#define ROUNDER 12582912.0f /* 1.5 x 2^23 */

/* Each is 2^n e^r with |r| at most log(2) / 2; the polynomial is that of
 * Cephes' expf (Moshier). log(2) is in two parts, so that n times the first is
 * exact. */
WIDE_BODY(find)
(float *shares, float *total, float *most, const float *logits,
 const float *biases, size_t padded)
{
    const lanes none = {0}, low = none + LEAST, rounder = none + ROUNDER;
    lanes sums = none;
    float largest = -INFINITY;

    for (size_t k = 0; k < padded; k++) {
        const float logit = logits[k] + biases[k];

        largest = logit > largest ? logit : largest;
    }
    for (size_t k = 0; k < padded; k += SOFTMAX_LANES) {
        const lanes below = *(const lanes *)(logits + k) +
                            *(const lanes *)(biases + k) - largest;
        const bits is_low = below < low;
        const lanes x = (lanes)(((bits)below & ~is_low) | ((bits)low & is_low));
        const lanes rounded = x * 1.44269504f + ROUNDER;
        const bits n = (bits)rounded - (bits)rounder;
        const lanes whole = rounded - ROUNDER;
        const lanes r = x - whole * 0.693359375f + whole * 2.12194440e-4f;
        lanes y = r * 1.9875691500e-4f + 1.3981999507e-3f;

        y = y * r + 8.3334519073e-3f;
        y = y * r + 4.1665795894e-2f;
        y = y * r + 1.6666665459e-1f;
        y = y * r + 5.0000001201e-1f;
        y = y * r * r + r + 1.0f;
        y *= (lanes)((n + 127) << 23);
        *(lanes *)(shares + k) = y;
        sums += y;
    }
    *total = 0;
    for (int lane = 0; lane < SOFTMAX_LANES; lane++)
        *total += sums[lane];
    for (size_t k = 0; k < padded; k++)
        shares[k] /= *total;
    *most = largest;
}
WIDE(find,
     (float *shares, float *total, float *most, const float *logits,
      const float *biases, size_t padded),
     (shares, total, most, logits, biases, padded))

double softmax_find(float *shares, const float *logits, const float *biases,
                    size_t padded)
{
    float total, most;

    find(shares, &total, &most, logits, biases, padded);
    return log((double)total) + (double)most;
}

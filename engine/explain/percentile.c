#include "engine/explain/percentile.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { DIGIT_BITS = 11, NUM_DIGITS = 3, NUM_BINS = 1 << DIGIT_BITS };

/* The bits of |value|, which are in the order of the numbers; 0 for those that
 * count as 0. */
static uint32_t size_of(float value, bool is_positive_only)
{
    uint32_t bits;

    if (is_positive_only && !(value > 0))
        return 0;
    memcpy(&bits, &value, sizeof bits);
    return bits & 0x7FFFFFFF;
}

/* Finds the bits digit by digit, from the highest on: each round counts those
 * that begin like what is found. */
static float find(const float *values, size_t count, double share,
                  bool is_positive_only)
{
    uint32_t found = 0;
    size_t rank = (size_t)ceil(share * (double)count);
    float size;

    if (count == 0)
        return 0;
    rank = rank < 1 ? 1 : rank > count ? count : rank;
    for (unsigned digit = NUM_DIGITS; digit-- > 0;) {
        const unsigned shift = digit * DIGIT_BITS;
        size_t bins[NUM_BINS] = {0}, below = 0;
        uint32_t bin = 0;

        for (size_t i = 0; i < count; i++) {
            uint64_t bits = size_of(values[i], is_positive_only);

            if (bits >> (shift + DIGIT_BITS) == found)
                bins[(bits >> shift) % NUM_BINS]++;
        }
        while (below + bins[bin] < rank)
            below += bins[bin++];
        rank -= below;
        found = found << DIGIT_BITS | bin;
    }
    memcpy(&size, &found, sizeof size);
    return size;
}

float percentile_of_sizes(const float *values, size_t count, double share)
{
    return find(values, count, share, false);
}

float percentile_of_positive(const float *values, size_t count, double share)
{
    return find(values, count, share, true);
}

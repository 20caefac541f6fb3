#include "engine/explain/random.h"

#include <math.h>

static const double TWO_PI = 6.283185307179586476925;

static uint64_t mix(uint64_t z)
{
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
    return z ^ (z >> 31);
}

double random_uniform(uint64_t seed, uint64_t i)
{
    return (double)(mix(seed + (i + 1) * 0x9E3779B97F4A7C15) >> 11) * 0x1p-53;
}

void random_normal(float *numbers, uint64_t seed, uint64_t first, size_t count)
{
    for (size_t i = 0; i < count;) {
        uint64_t pair = (first + i) / 2 * 2;
        double length = sqrt(-2 * log(1 - random_uniform(seed, pair)));
        double angle = TWO_PI * random_uniform(seed, pair + 1);

        if (first + i == pair)
            numbers[i++] = (float)(length * cos(angle));
        if (i < count)
            numbers[i++] = (float)(length * sin(angle));
    }
}

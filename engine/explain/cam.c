#include "engine/explain/cam.h"

/* Sums per cell, in the order that lets the compiler keep a vector of them
 * without being allowed to reorder floating-point additions. */
enum { LANES = 16 };

static float dot(const float *restrict a, const float *restrict b, size_t count)
{
    float lanes[LANES] = {0};
    float sum = 0;
    size_t i = 0;

    for (; i + LANES <= count; i += LANES)
        for (size_t lane = 0; lane < LANES; lane++)
            lanes[lane] += a[i + lane] * b[i + lane];
    for (; i < count; i++)
        sum += a[i] * b[i];
    for (size_t lane = 0; lane < LANES; lane++)
        sum += lanes[lane];
    return sum;
}

void cam_map(float *restrict map, const float *restrict features,
             const float *restrict weights, size_t height, size_t width,
             size_t channels)
{
    size_t cells = height * width;

    for (size_t cell = 0; cell < cells; cell++)
        map[cell] = dot(features + cell * channels, weights, channels);
}

#include "engine/ascend/nature.h"

#include <math.h>

#include "engine/ascend/nature_table.h"

double nature_magnitude(size_t colour, double frequency)
{
    double at, share;
    size_t before;

    if (frequency <= 0)
        return 0;
    at = log(frequency / NATURE_LOWEST) / log(NATURE_HIGHEST / NATURE_LOWEST) *
         (NATURE_NUM_BANDS - 1);
    at = fmin(fmax(at, 0), NATURE_NUM_BANDS - 1);
    before = at < NATURE_NUM_BANDS - 2 ? (size_t)at : NATURE_NUM_BANDS - 2;
    share = at - (double)before;
    return exp((1 - share) * (double)log_magnitudes[colour][before] +
               share * (double)log_magnitudes[colour][before + 1]);
}

#include "engine/evaluate/level_map.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/scratch.h"

enum { TAPS = 4 };

/* The samples of one axis that a cell of the grid is made of. */
struct taps {
    bool is_outside; /* the map does not cover the cell's centre */
    size_t at[TAPS];
    float weights[TAPS];
};

/* Keys' cubic (1981) at a distance. */
static double cubic(double distance)
{
    const double a = -0.75;
    double x = fabs(distance);

    if (x < 1)
        return ((a + 2) * x - (a + 3)) * x * x + 1;
    return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
}

/* The taps of cell `i`; the map begins at `start` of the picture's side and
 * covers `share` of it with `count` samples. */
static void set_taps(struct taps *taps, size_t i, double start, double share,
                     size_t count)
{
    double centre = ((double)i + 0.5) / LEVEL_MAP_SIDE - start;
    double at = centre / share * (double)count - 0.5;
    double first = floor(at) - 1;

    taps->is_outside = !(centre >= 0 && centre < share);
    for (size_t t = 0; t < TAPS && !taps->is_outside; t++) {
        double sample = first + (double)t;

        taps->weights[t] = (float)cubic(at - sample);
        taps->at[t] = (size_t)fmin(fmax(sample, 0), (double)count - 1);
    }
}

/* Upsamples one row of `count` samples that are `step` apart. */
static float sample(const struct taps *taps, const float *values, size_t step)
{
    float sum = 0;

    for (size_t t = 0; t < TAPS; t++)
        sum += taps->weights[t] * values[taps->at[t] * step];
    return sum;
}

static void upsample(float *out, float *rows, const struct taps *across,
                     const struct taps *down, const float *map, size_t height,
                     size_t width)
{
    for (size_t y = 0; y < height; y++)
        for (size_t x = 0; x < LEVEL_MAP_SIDE; x++)
            rows[y * LEVEL_MAP_SIDE + x] =
                across[x].is_outside ? 0
                                     : sample(&across[x], map + y * width, 1);
    for (size_t y = 0; y < LEVEL_MAP_SIDE; y++)
        for (size_t x = 0; x < LEVEL_MAP_SIDE; x++)
            out[y * LEVEL_MAP_SIDE + x] =
                across[x].is_outside || down[y].is_outside
                    ? NAN
                    : sample(&down[y], rows + x, LEVEL_MAP_SIDE);
}

static void normalize(uint8_t *levels, const float *values)
{
    float least = INFINITY, most = -INFINITY, range;

    for (size_t i = 0; i < LEVEL_MAP_CELLS; i++) {
        least = values[i] < least ? values[i] : least;
        most = values[i] > most ? values[i] : most;
    }
    range = most - least;
    for (size_t i = 0; i < LEVEL_MAP_CELLS; i++)
        levels[i] = range > 0 && isfinite(range) && !isnan(values[i])
                        ? (uint8_t)((values[i] - least) / range * 255)
                        : 0;
}

/* Whether the map says where anything is: rounding would make a little of a
 * constant one. */
static bool says_something(const float *map, size_t count)
{
    bool is_constant = true;

    for (size_t i = 0; i < count; i++) {
        if (!isfinite(map[i]))
            return false;
        is_constant &= map[i] == map[0];
    }
    return !is_constant;
}

bool level_map_make(uint8_t *levels, struct level_map_scratch *scratch,
                    const float *map, size_t height, size_t width,
                    const struct level_map_region *region, struct error *err)
{
    struct taps across[LEVEL_MAP_SIDE], down[LEVEL_MAP_SIDE];
    float *values;

    memset(levels, 0, LEVEL_MAP_CELLS);
    if (!says_something(map, height * width))
        return true;
    scratch->rows = scratch_reserve(scratch->rows, &scratch->cap,
                                    (height + LEVEL_MAP_SIDE) * LEVEL_MAP_SIDE,
                                    sizeof(float), err);
    if (!scratch->rows)
        return false;
    values = scratch->rows + height * LEVEL_MAP_SIDE;
    for (size_t i = 0; i < LEVEL_MAP_SIDE; i++) {
        set_taps(&across[i], i, region->x, region->width, width);
        set_taps(&down[i], i, region->y, region->height, height);
    }
    upsample(values, scratch->rows, across, down, map, height, width);
    normalize(levels, values);
    return true;
}

void level_map_release(struct level_map_scratch *scratch)
{
    free(scratch->rows);
    *scratch = (struct level_map_scratch){0};
}

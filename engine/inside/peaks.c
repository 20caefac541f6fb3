#include "engine/inside/peaks.h"

#include <math.h>
#include <stdlib.h>

#include "engine/base/scratch.h"

static void add_cell(struct peaks *peaks, const float *cell, uint32_t x,
                     uint32_t y)
{
    for (size_t k = 0; k < peaks->count; k++) {
        struct peak *peak = &peaks->list[k];

        peaks->sums[k] += (double)cell[k];
        if (cell[k] > peak->value || (isnan(peak->value) && !isnan(cell[k]))) {
            peak->value = cell[k];
            peak->x = x;
            peak->y = y;
        }
    }
}

bool peaks_find(struct peaks *peaks, const float *features, size_t height,
                size_t width, size_t channels, struct error *err)
{
    peaks->count = 0;
    peaks->list = scratch_reserve(peaks->list, &peaks->list_cap, channels,
                                  sizeof *peaks->list, err);
    peaks->sums = scratch_reserve(peaks->sums, &peaks->sums_cap, channels,
                                  sizeof *peaks->sums, err);
    if (!peaks->list || !peaks->sums)
        return false;
    peaks->count = channels;
    for (size_t k = 0; k < channels; k++) {
        peaks->list[k] = (struct peak){.value = NAN};
        peaks->sums[k] = 0;
    }
    for (size_t y = 0; y < height; y++)
        for (size_t x = 0; x < width; x++)
            add_cell(peaks, features + (y * width + x) * channels, (uint32_t)x,
                     (uint32_t)y);
    for (size_t k = 0; k < channels; k++)
        peaks->list[k].mean =
            (float)(peaks->sums[k] / (double)(height * width));
    return true;
}

void peaks_release(struct peaks *peaks)
{
    free(peaks->list);
    free(peaks->sums);
    *peaks = (struct peaks){0};
}

/* DESIGN: an image is processed in bands of 8 rows.
 *
 * Horizontally, a band is transposed so that the 8 samples of a column are
 * adjacent: one weight is then multiplied with 24 samples at once, those of a
 * pixel in 8 rows. The result is transposed back.
 *
 * Vertically, the weighted rows of a band are added to the sums of their output
 * rows. Only a few of these are unfinished at a time, so memory depends on the
 * size of the output.
 *
 * All arithmetic uses integers, so every machine computes the same levels. The
 * two inner loops exist twice (resize_kernel.c): in plain C, and with 256-bit
 * vectors (an extension of GCC and clang), which are 5 times as fast. */

#include "engine/image/resize.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/scratch.h"
#include "engine/image/orient.h"
#include "engine/image/resize_kernel.h"

/* Bytes of a row of pixels, padded for the inner loops. */
static size_t padded_len(uint32_t width)
{
    return ((size_t)width * 3 + RESIZE_ROUND - 1) / RESIZE_ROUND * RESIZE_ROUND;
}

static size_t band_rows(size_t top, size_t height)
{
    return height - top < RESIZE_BAND ? height - top : RESIZE_BAND;
}

/* The band of input rows that contains the first tap of the first output row.
 */
static size_t first_band(const struct resize_axis *down)
{
    return down->spans[0].first / RESIZE_BAND * RESIZE_BAND;
}

/* Resizes a band of rows of `in`, from `top` on, horizontally into
 * resize->band, with rows of padded_len(across.out) bytes. */
static void across_band(const struct resize *resize,
                        const struct resize_kernel *kernel, const uint8_t *in,
                        size_t top, size_t num_rows)
{
    const size_t in_len = (size_t)resize->across.in * 3;
    const uint8_t *rows[RESIZE_BAND];

    for (size_t r = 0; r < RESIZE_BAND;
         r++) /* repeats the last row for missing ones */
        rows[r] = in + (top + (r < num_rows ? r : num_rows - 1)) * in_len;
    resize_kernel_turn(resize->columns, rows, in_len);
    kernel->across(resize->resized, resize->columns, &resize->across);
    resize_kernel_turn_back(resize->band, resize->resized,
                            padded_len(resize->across.out));
}

/* Adds resize->band, which begins at input row `top`, to its output rows from
 * *next on; *next becomes the first unfinished row.  out: (down.out, width, 3)
 */
static void down_band(const struct resize *resize,
                      const struct resize_kernel *kernel, uint8_t *out,
                      uint32_t width, size_t top, size_t num_rows,
                      uint32_t *next)
{
    const struct resize_axis *axis = &resize->down;
    const size_t len = padded_len(width);
    const size_t bottom = top + num_rows;
    uint8_t *row = resize->band + RESIZE_BAND * len;

    for (uint32_t o = *next; o < axis->out && axis->spans[o].first < bottom;
         o++) {
        const size_t first = axis->spans[o].first;
        const size_t end = first + axis->spans[o].count;
        const size_t from = first > top ? first : top;
        const size_t to = end < bottom ? end : bottom;

        kernel->down(row, resize->sums + o % axis->num_live * len,
                     resize->band + (from - top) * len, len,
                     axis->weights + o * axis->num_taps + (from - first),
                     to - from, from == first, to == end);
        if (to == end) {
            memcpy(out + o * (size_t)width * 3, row, (size_t)width * 3);
            *next = o + 1;
        }
    }
}

static void run_across_first(const struct resize *resize, uint8_t *out,
                             const uint8_t *in)
{
    const struct resize_kernel *kernel = resize_kernel_find(resize->is_plain);
    const size_t in_height = resize->down.in;
    uint32_t next = 0;

    for (size_t top = first_band(&resize->down);
         top < in_height && next < resize->down.out; top += RESIZE_BAND) {
        const size_t num_rows = band_rows(top, in_height);

        across_band(resize, kernel, in, top, num_rows);
        down_band(resize, kernel, out, resize->across.out, top, num_rows,
                  &next);
    }
}

static void run_down_first(const struct resize *resize, uint8_t *out,
                           const uint8_t *in)
{
    const struct resize_kernel *kernel = resize_kernel_find(resize->is_plain);
    const uint32_t in_width = resize->across.in;
    const size_t in_height = resize->down.in, out_height = resize->down.out;
    const size_t in_len = (size_t)in_width * 3;
    const size_t out_len = (size_t)resize->across.out * 3;
    uint32_t next = 0;

    for (size_t top = first_band(&resize->down);
         top < in_height && next < out_height; top += RESIZE_BAND) {
        const size_t num_rows = band_rows(top, in_height);

        for (size_t r = 0; r < num_rows; r++)
            memcpy(resize->band + r * padded_len(in_width),
                   in + (top + r) * in_len, in_len);
        down_band(resize, kernel, resize->between, in_width, top, num_rows,
                  &next);
    }
    for (size_t top = 0; top < out_height; top += RESIZE_BAND) {
        const size_t num_rows = band_rows(top, out_height);

        across_band(resize, kernel, resize->between, top, num_rows);
        for (size_t r = 0; r < num_rows; r++)
            memcpy(out + (top + r) * out_len,
                   resize->band + r * padded_len(resize->across.out), out_len);
    }
}

static int64_t num_fewer(const struct resize_axis *axis)
{
    return (int64_t)axis->in - (int64_t)axis->full;
}

/* Pillow's rule, which compares the numbers of pixels in the whole upright
 * images. */
static bool is_down_first(const struct resize *resize, bool swaps)
{
    const int64_t rows = num_fewer(swaps ? &resize->across : &resize->down);
    const int64_t columns = num_fewer(swaps ? &resize->down : &resize->across);

    return (rows > 0 && rows > 2 * columns) != swaps;
}

static bool reserve_all(struct resize *resize, bool down_first,
                        struct error *err)
{
    const uint32_t in_width = resize->across.in;
    const uint32_t out_width = resize->across.out;
    const size_t across_len = padded_len(out_width);
    const size_t down_len = down_first ? padded_len(in_width) : across_len;
    const size_t band_len = down_len > across_len ? down_len : across_len;

    resize->columns = scratch_reserve(resize->columns, &resize->columns_cap,
                                      in_width, RESIZE_COLUMN, err);
    resize->resized = scratch_reserve(resize->resized, &resize->resized_cap,
                                      across_len, RESIZE_BAND, err);
    resize->band = scratch_reserve(resize->band, &resize->band_cap, band_len,
                                   RESIZE_BAND + 1, err);
    resize->sums = scratch_reserve(resize->sums, &resize->sums_cap,
                                   resize->down.num_live * down_len,
                                   sizeof *resize->sums, err);
    if (down_first)
        resize->between =
            scratch_reserve(resize->between, &resize->between_cap,
                            resize->down.out, (size_t)in_width * 3, err);
    return resize->columns && resize->resized && resize->band && resize->sums &&
           (resize->between || !down_first);
}

/* Prepares the axes of an input that may be rotated, each for the corresponding
 * axis of the upright image. */
static bool prepare_axes(struct resize *resize, const struct resize_part *part,
                         uint32_t in_width, uint32_t in_height,
                         struct error *err)
{
    const bool across = orient_mirrors_across(part->orientation);
    const bool down = orient_mirrors_down(part->orientation);

    if (orient_swaps(part->orientation))
        return resize_filter_prepare(&resize->across, part->filter, in_width,
                                     part->full_height, part->top, part->height,
                                     across, err) &&
               resize_filter_prepare(&resize->down, part->filter, in_height,
                                     part->full_width, part->left, part->width,
                                     down, err);
    return resize_filter_prepare(&resize->across, part->filter, in_width,
                                 part->full_width, part->left, part->width,
                                 across, err) &&
           resize_filter_prepare(&resize->down, part->filter, in_height,
                                 part->full_height, part->top, part->height,
                                 down, err);
}

bool resize_rgb_part(struct resize *resize, uint8_t *restrict out,
                     const struct resize_part *part, const uint8_t *restrict in,
                     uint32_t in_width, uint32_t in_height, struct error *err)
{
    const bool upright = part->orientation <= 1;
    uint8_t *result = out;

    if (!prepare_axes(resize, part, in_width, in_height, err))
        return false;
    const bool down_first =
        is_down_first(resize, orient_swaps(part->orientation));
    if (!reserve_all(resize, down_first, err))
        return false;
    if (!upright)
        result = resize->lying = scratch_reserve(
            resize->lying, &resize->lying_cap,
            (size_t)part->width * part->height * 3 + ORIENT_MORE, 1, err);
    if (!result)
        return false;
    if (down_first)
        run_down_first(resize, result, in);
    else
        run_across_first(resize, result, in);
    if (!upright)
        orient_upright(out, result, part->width, part->height,
                       part->orientation);
    return true;
}

bool resize_rgb(struct resize *resize, uint8_t *restrict out,
                uint32_t out_width, uint32_t out_height,
                const uint8_t *restrict in, uint32_t in_width,
                uint32_t in_height, struct error *err)
{
    const struct resize_part whole = {
        .full_width = out_width,
        .full_height = out_height,
        .width = out_width,
        .height = out_height,
    };

    return resize_rgb_part(resize, out, &whole, in, in_width, in_height, err);
}

void resize_release(struct resize *resize)
{
    resize_filter_release(&resize->across);
    resize_filter_release(&resize->down);
    free(resize->columns);
    free(resize->resized);
    free(resize->band);
    free(resize->sums);
    free(resize->between);
    free(resize->lying);
    *resize = (struct resize){0};
}

#include "image_reduce.h"

#include <string.h>

#include "room.h"

static bool reserve_sums(struct image_reduce *reduce, size_t count,
                         struct error *err)
{
    struct image *image = reduce->job->image;

    image->sums = room_reserve(image->sums, &image->sums_cap, count,
                               sizeof *image->sums, err);
    reduce->sums = image->sums;
    return reduce->sums != NULL;
}

bool image_reduce_begin(struct image_reduce *reduce,
                        const struct image_codec_job *job, unsigned channels,
                        struct error *err)
{
    *reduce = (struct image_reduce){
        .job = job,
        .scale = job->scale,
        .channels = channels,
    };
    return job->scale == 1 ||
           reserve_sums(reduce, (size_t)job->full_width * channels, err);
}

uint64_t image_reduce_any_len(uint32_t width, uint32_t height, unsigned scale)
{
    return (uint64_t)(width / scale + 1) * (height / scale + 1) * 3 *
           sizeof(uint16_t);
}

bool image_reduce_begin_any(struct image_reduce *reduce,
                            const struct image_codec_job *job,
                            struct error *err)
{
    const size_t count = image_codec_raw_len(job);

    *reduce = (struct image_reduce){
        .job = job,
        .scale = job->scale,
        .channels = 3,
    };
    if (job->scale == 1)
        return true;
    if (!reserve_sums(reduce, count, err))
        return false;
    memset(reduce->sums, 0, count * sizeof *reduce->sums);
    return true;
}

/* How many of `scale` pixels there are from the reduced one's first. */
static unsigned cell_side(uint32_t full, uint32_t reduced, unsigned scale)
{
    const uint32_t left = full - reduced * scale;

    return left < scale ? left : scale;
}

static inline uint8_t mean(unsigned sum, unsigned count)
{
    return (uint8_t)((sum + count / 2) / count);
}

static void begin_sums(uint16_t *restrict sums, const uint8_t *restrict row,
                       size_t count)
{
    for (size_t i = 0; i < count; i++)
        sums[i] = row[i];
}

static void add_to_sums(uint16_t *restrict sums, const uint8_t *restrict row,
                        size_t count)
{
    for (size_t i = 0; i < count; i++)
        sums[i] = (uint16_t)(sums[i] + row[i]);
}

/* One pixel's channels from sums of `side` by `rows` pixels. */
static inline void mean_one(uint8_t *restrict out,
                            const uint16_t *restrict sums, unsigned channels,
                            unsigned side, unsigned rows)
{
    for (size_t c = 0; c < channels; c++) {
        unsigned sum = 0;

        for (size_t k = 0; k < side; k++)
            sum += sums[c + channels * k];
        out[c] = mean(sum, side * rows);
    }
    if (channels == 1)
        out[2] = out[1] = out[0];
}

/* Cells that are whole; inlined for each scale and number of channels. */
static inline void mean_whole(uint8_t *restrict out,
                              const uint16_t *restrict sums, size_t count,
                              unsigned channels, unsigned scale)
{
    for (size_t i = 0; i < count; i++)
        mean_one(out + 3 * i, sums + i * channels * scale, channels, scale,
                 scale);
}

static void mean_scaled(uint8_t *out, const uint16_t *sums, size_t count,
                        unsigned channels, unsigned scale)
{
    if (channels == 1 && scale == 2)
        mean_whole(out, sums, count, 1, 2);
    else if (channels == 1 && scale == 4)
        mean_whole(out, sums, count, 1, 4);
    else if (channels == 1)
        mean_whole(out, sums, count, 1, 8);
    else if (scale == 2)
        mean_whole(out, sums, count, 3, 2);
    else if (scale == 4)
        mean_whole(out, sums, count, 3, 4);
    else
        mean_whole(out, sums, count, 3, 8);
}

/* `rows` of the picture are in the sums, which is as many as the cells have. */
static void end_row(const struct image_reduce *reduce, uint32_t cell_y,
                    unsigned rows)
{
    const struct image_codec_job *job = reduce->job;
    const unsigned channels = reduce->channels, scale = reduce->scale;
    const uint32_t whole = rows == scale ? job->full_width / scale : 0;
    uint8_t *out = job->raw + cell_y * image_codec_row_len(job);

    mean_scaled(out, reduce->sums, whole, channels, scale);
    for (uint32_t x = whole; x < job->width; x++)
        mean_one(out + 3 * (size_t)x,
                 reduce->sums + (size_t)x * scale * channels, channels,
                 cell_side(job->full_width, x, scale), rows);
}

void image_reduce_row(struct image_reduce *reduce, uint32_t y,
                      const uint8_t *row)
{
    const struct image_codec_job *job = reduce->job;
    const unsigned scale = reduce->scale;
    const size_t count = (size_t)job->full_width * reduce->channels;

    if (scale == 1) {
        memcpy(job->raw + y * count, row, count);
        return;
    }
    if (y % scale == 0)
        begin_sums(reduce->sums, row, count);
    else
        add_to_sums(reduce->sums, row, count);
    if (y % scale == scale - 1 || y == job->full_height - 1)
        end_row(reduce, y / scale, y % scale + 1);
}

void image_reduce_some(struct image_reduce *reduce, uint32_t x, uint32_t step,
                       uint32_t y, const uint8_t *pixels, uint32_t count)
{
    const struct image_codec_job *job = reduce->job;
    const unsigned scale = reduce->scale;
    const unsigned shift = scale == 8 ? 3 : scale / 2; /* its logarithm */
    const size_t row = (size_t)(y >> shift) * job->width;

    if (scale == 1) {
        for (uint32_t i = 0; i < count; i++, x += step, pixels += 3)
            memcpy(job->raw + 3 * (row + x), pixels, 3);
        return;
    }
    for (uint32_t i = 0; i < count; i++, x += step, pixels += 3) {
        uint16_t *sums = reduce->sums + 3 * (row + (x >> shift));

        for (size_t c = 0; c < 3; c++)
            sums[c] = (uint16_t)(sums[c] + pixels[c]);
    }
}

void image_reduce_end(struct image_reduce *reduce)
{
    const struct image_codec_job *job = reduce->job;
    const uint16_t *sums = reduce->sums;
    uint8_t *out = job->raw;

    if (reduce->scale == 1)
        return;
    for (uint32_t y = 0; y < job->height; y++) {
        const unsigned rows = cell_side(job->full_height, y, reduce->scale);

        for (uint32_t x = 0; x < job->width; x++, sums += 3, out += 3) {
            const unsigned count =
                rows * cell_side(job->full_width, x, reduce->scale);

            for (size_t c = 0; c < 3; c++)
                out[c] = mean(sums[c], count);
        }
    }
}

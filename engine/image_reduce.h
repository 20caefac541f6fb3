#ifndef ENGINE_IMAGE_REDUCE_H
#define ENGINE_IMAGE_REDUCE_H

/* A large picture to a half, a quarter or an eighth a side while it is decoded:
 * each pixel is the mean of those that it stands for. Between the codecs, as
 * image_codec.h; one thread at a time. */

#include "image_codec.h"

struct image_reduce {
    const struct image_codec_job *job; /* borrowed */
    unsigned scale;                    /* 1, 2, 4, 8 */
    unsigned channels;                 /* of the rows to come: 1 (grey), 3 */
    uint16_t *sums;                    /* of samples; borrowed from the image */
};

/* After image_codec_begin_scaled with the layout RGB. `channels` 3; or 1, if
 * the scale is not 1. ERROR_MEMORY. */
bool image_reduce_begin(struct image_reduce *reduce,
                        const struct image_codec_job *job, unsigned channels,
                        struct error *err) __attribute__((warn_unused_result));

/* The same for pixels that will not come row by row, of three channels: it
 * takes 6 bytes for each of the reduced ones, image_reduce_any_len in all. */
uint64_t image_reduce_any_len(uint32_t width, uint32_t height, unsigned scale);
bool image_reduce_begin_any(struct image_reduce *reduce,
                            const struct image_codec_job *job,
                            struct error *err)
    __attribute__((warn_unused_result));

/* Takes the rows of the full picture, (full_width, channels), in order. */
void image_reduce_row(struct image_reduce *reduce, uint32_t y,
                      const uint8_t *row);

/* Takes `count` pixels of row y in any order: those at x, x + step, ... All of
 * the picture must come once, and then image_reduce_end. */
void image_reduce_some(struct image_reduce *reduce, uint32_t x, uint32_t step,
                       uint32_t y, const uint8_t *pixels, uint32_t count);
void image_reduce_end(struct image_reduce *reduce);

#endif

#ifndef ENGINE_IMAGE_RESIZE_KERNEL_H
#define ENGINE_IMAGE_RESIZE_KERNEL_H

/* The inner loops of resize.c, in plain C and with 256-bit vectors; both
 * compute the same levels. Any thread. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/image/resize_filter.h"

enum {
    RESIZE_COLUMN = 3 * RESIZE_BAND, /* samples of a pixel in a turned band */
    RESIZE_ROUND = 32, /* samples of a row that the vectors process at a time */
};

struct resize_kernel {
    /* Resizes a turned band.
     *
     * out      out  (axis->out, RESIZE_COLUMN)
     * columns  in   (axis->in, RESIZE_COLUMN) */
    void (*across)(uint8_t *restrict out, const uint8_t *restrict columns,
                   const struct resize_axis *axis);

    /* Adds weighted rows to the sums of an output row. `begins` starts new
     * sums; `ends` finishes the row.
     *
     * out      out     (len)         written if `ends`
     * sums     in/out  (len)         not read if `begins`
     * rows     in      (count, len)  len is a multiple of RESIZE_ROUND
     * weights  in      (count) */
    void (*down)(uint8_t *restrict out, int32_t *restrict sums,
                 const uint8_t *restrict rows, size_t len,
                 const int32_t *restrict weights, size_t count, bool begins,
                 bool ends);
};

/* Returns the fastest kernel that this machine supports, or the plain one. */
const struct resize_kernel *resize_kernel_find(bool is_plain);

/* Transposes a band: out (len, RESIZE_BAND). */
void resize_kernel_turn(uint8_t *out, const uint8_t *const rows[RESIZE_BAND],
                        size_t len);

/* Transposes it back: out (RESIZE_BAND, len), in (len, RESIZE_BAND), len a
 * multiple of 8. */
void resize_kernel_turn_back(uint8_t *out, const uint8_t *in, size_t len);

#endif

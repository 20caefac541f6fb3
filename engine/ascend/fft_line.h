#ifndef ENGINE_ASCEND_FFT_LINE_H
#define ENGINE_ASCEND_FFT_LINE_H

/* Fourier transforms of many lines of one length. Private to fft*.c. */

#include <stddef.h>

struct fft_line; /* immutable, for any thread */

/* `length` is a good size (fft.h). Returns NULL if there is not enough memory.
 */
struct fft_line *fft_line_new(size_t length)
    __attribute__((warn_unused_result));

/* out[k] = sum over e of in[e] exp(-2 pi i e k / length), of `num` lines.
 * Elements of lines are beside each other: element e of line l is at
 * [e * num + l]. The results are in *re and *im, which may be exchanged with
 * the other two.
 *
 * re, im, re_to, im_to  inout  (length, num) */
void fft_line_run(const struct fft_line *line, float **re, float **im,
                  float **re_to, float **im_to, size_t num);

void fft_line_free(struct fft_line *line);

#endif

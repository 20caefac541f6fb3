#include "engine/ascend/fft_line.h"

#include <math.h>
#include <stdlib.h>

#include "engine/kernel/kernel_wide.h"

static const double TWO_PI = 6.283185307179586476925;

enum { MAX_FACTORS = 32, MAX_RADIX = 7, WIDTH = 8 };

struct fft_line {
    size_t length;
    size_t factors[MAX_FACTORS]; /* (num_factors) */
    size_t num_factors;
    float *cosine, *sine; /* (length) of -2 pi e / length; owned */
};

struct fft_line *fft_line_new(size_t length)
{
    static const size_t radices[] = {4, 2, 3, 5, 7};
    struct fft_line *line = calloc(1, sizeof *line);
    size_t rest = length;

    if (!line)
        return NULL;
    line->length = length;
    line->cosine = calloc(length, sizeof *line->cosine);
    line->sine = calloc(length, sizeof *line->sine);
    if (!line->cosine || !line->sine) {
        fft_line_free(line);
        return NULL;
    }
    for (size_t r = 0; r < sizeof radices / sizeof radices[0]; r++)
        for (; rest % radices[r] == 0; rest /= radices[r])
            line->factors[line->num_factors++] = radices[r];
    for (size_t e = 0; e < length; e++) {
        double angle = -TWO_PI * (double)e / (double)length;

        line->cosine[e] = (float)cos(angle);
        line->sine[e] = (float)sin(angle);
    }
    return line;
}

/* One butterfly over `WIDTH` neighbours: a[j] are the inputs, and b[k] = sum
 * over j of a[j] exp(-2 pi i j k / radix). */
struct lanes {
    float re[MAX_RADIX][WIDTH], im[MAX_RADIX][WIDTH];
};

KERNEL_WIDE_INLINE void butterfly_2(struct lanes *b, const struct lanes *a)
{
    for (size_t w = 0; w < WIDTH; w++) {
        b->re[0][w] = a->re[0][w] + a->re[1][w];
        b->im[0][w] = a->im[0][w] + a->im[1][w];
        b->re[1][w] = a->re[0][w] - a->re[1][w];
        b->im[1][w] = a->im[0][w] - a->im[1][w];
    }
}

KERNEL_WIDE_INLINE void butterfly_4(struct lanes *b, const struct lanes *a)
{
    for (size_t w = 0; w < WIDTH; w++) {
        float even_re = a->re[0][w] + a->re[2][w];
        float even_im = a->im[0][w] + a->im[2][w];
        float less_re = a->re[0][w] - a->re[2][w];
        float less_im = a->im[0][w] - a->im[2][w];
        float odd_re = a->re[1][w] + a->re[3][w];
        float odd_im = a->im[1][w] + a->im[3][w];
        float turn_re = a->im[1][w] - a->im[3][w]; /* -i times a1 - a3 */
        float turn_im = a->re[3][w] - a->re[1][w];

        b->re[0][w] = even_re + odd_re;
        b->im[0][w] = even_im + odd_im;
        b->re[1][w] = less_re + turn_re;
        b->im[1][w] = less_im + turn_im;
        b->re[2][w] = even_re - odd_re;
        b->im[2][w] = even_im - odd_im;
        b->re[3][w] = less_re - turn_re;
        b->im[3][w] = less_im - turn_im;
    }
}

/* The k-th output of an odd radix and the one that is as far from its end: of
 * a[j] and a[radix - j] only sums and differences count. */
KERNEL_WIDE_INLINE void pair_of(struct lanes *b, const struct lanes *sum,
                                const struct lanes *less, const float *re0,
                                const float *im0, size_t radix, size_t k,
                                const float *cosine, const float *sine)
{
    for (size_t w = 0; w < WIDTH; w++) {
        float even_re = re0[w], even_im = im0[w], odd_re = 0, odd_im = 0;

        for (size_t j = 1; j <= radix / 2; j++) {
            size_t turn = j * k % radix;

            even_re += cosine[turn] * sum->re[j][w];
            even_im += cosine[turn] * sum->im[j][w];
            odd_re += sine[turn] * less->im[j][w];
            odd_im += sine[turn] * less->re[j][w];
        }
        b->re[k][w] = even_re - odd_re;
        b->im[k][w] = even_im + odd_im;
        b->re[radix - k][w] = even_re + odd_re;
        b->im[radix - k][w] = even_im - odd_im;
    }
}

KERNEL_WIDE_INLINE void butterfly_odd(struct lanes *b, const struct lanes *a,
                                      size_t radix, const float *cosine,
                                      const float *sine)
{
    struct lanes sum, less;

    for (size_t j = 1; j <= radix / 2; j++)
        for (size_t w = 0; w < WIDTH; w++) {
            sum.re[j][w] = a->re[j][w] + a->re[radix - j][w];
            sum.im[j][w] = a->im[j][w] + a->im[radix - j][w];
            less.re[j][w] = a->re[j][w] - a->re[radix - j][w];
            less.im[j][w] = a->im[j][w] - a->im[radix - j][w];
        }
    for (size_t w = 0; w < WIDTH; w++) {
        b->re[0][w] = a->re[0][w];
        b->im[0][w] = a->im[0][w];
        for (size_t j = 1; j <= radix / 2; j++) {
            b->re[0][w] += sum.re[j][w];
            b->im[0][w] += sum.im[j][w];
        }
    }
    for (size_t k = 1; k <= radix / 2; k++)
        pair_of(b, &sum, &less, a->re[0], a->im[0], radix, k, cosine, sine);
}

/* The numbers of one stage. */
struct stage {
    const struct fft_line *line;
    size_t radix, num_groups; /* the rest of the length, without this radix */
    size_t block;             /* neighbours with one twiddle: a multiple of
                                 WIDTH */
    float cosine[MAX_RADIX], sine[MAX_RADIX]; /* of the radix */
};

KERNEL_WIDE_INLINE void load(struct lanes *a, const float *re, const float *im,
                             size_t radix, size_t step)
{
    for (size_t j = 0; j < radix; j++)
        for (size_t w = 0; w < WIDTH; w++) {
            a->re[j][w] = re[j * step + w];
            a->im[j][w] = im[j * step + w];
        }
}

KERNEL_WIDE_INLINE void store(float *re, float *im, const struct lanes *b,
                              size_t radix, size_t step, const float *cosine,
                              const float *sine)
{
    for (size_t j = 0; j < radix; j++)
        for (size_t w = 0; w < WIDTH; w++) {
            re[j * step + w] = b->re[j][w] * cosine[j] - b->im[j][w] * sine[j];
            im[j * step + w] = b->re[j][w] * sine[j] + b->im[j][w] * cosine[j];
        }
}

/* Group k of a stage takes every num_groups-th block, and its outputs are
 * beside each other, output j turned by exp(-2 pi i j k / length left). */
KERNEL_WIDE_INLINE void run_stage(float *restrict re_to, float *restrict im_to,
                                  const float *restrict re,
                                  const float *restrict im,
                                  const struct stage *stage, size_t radix)
{
    const struct fft_line *line = stage->line;
    size_t turn = line->length / (radix * stage->num_groups);
    size_t step = stage->num_groups * stage->block;

    for (size_t k = 0; k < stage->num_groups; k++) {
        float cosine[MAX_RADIX], sine[MAX_RADIX];
        size_t from = k * stage->block, to = k * radix * stage->block;

        for (size_t j = 0; j < radix; j++) {
            cosine[j] = line->cosine[j * k * turn];
            sine[j] = line->sine[j * k * turn];
        }
        for (size_t q = 0; q < stage->block; q += WIDTH) {
            struct lanes a, b;

            load(&a, re + from + q, im + from + q, radix, step);
            if (radix == 2)
                butterfly_2(&b, &a);
            else if (radix == 4)
                butterfly_4(&b, &a);
            else
                butterfly_odd(&b, &a, radix, stage->cosine, stage->sine);
            store(re_to + to + q, im_to + to + q, &b, radix, stage->block,
                  cosine, sine);
        }
    }
}

static void exchange(float **a, float **b)
{
    float *kept = *a;

    *a = *b;
    *b = kept;
}

/* The loops are compiled for each radix. */
KERNEL_WIDE_BODY(run_radix)
(float *re_to, float *im_to, const float *re, const float *im,
 const struct stage *stage)
{
    switch (stage->radix) {
    case 2:
        run_stage(re_to, im_to, re, im, stage, 2);
        break;
    case 3:
        run_stage(re_to, im_to, re, im, stage, 3);
        break;
    case 4:
        run_stage(re_to, im_to, re, im, stage, 4);
        break;
    case 5:
        run_stage(re_to, im_to, re, im, stage, 5);
        break;
    default:
        run_stage(re_to, im_to, re, im, stage, 7);
        break;
    }
}

KERNEL_WIDE(run_radix,
            (float *re_to, float *im_to, const float *re, const float *im,
             const struct stage *stage),
            (re_to, im_to, re, im, stage))

void fft_line_run(const struct fft_line *line, float **re, float **im,
                  float **re_to, float **im_to, size_t num)
{
    struct stage stage = {
        .line = line, .num_groups = line->length, .block = num};

    for (size_t f = 0; f < line->num_factors; f++) {
        stage.radix = line->factors[f];
        stage.num_groups /= stage.radix;
        for (size_t j = 0; j < stage.radix; j++) {
            size_t e = j * line->length / stage.radix;

            stage.cosine[j] = line->cosine[e];
            stage.sine[j] = line->sine[e];
        }
        run_radix(*re_to, *im_to, *re, *im, &stage);
        exchange(re, re_to);
        exchange(im, im_to);
        stage.block *= stage.radix;
    }
}

void fft_line_free(struct fft_line *line)
{
    if (!line)
        return;
    free(line->cosine);
    free(line->sine);
    free(line);
}

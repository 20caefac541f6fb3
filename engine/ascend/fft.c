#include "engine/ascend/fft.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/ascend/fft_line.h"

/* So many lines are transformed at a time: their memory stays in the cache. */
enum { LINES = 16 };

struct fft {
    size_t height, width, half; /* half: columns of the spectrum */
    struct fft_line *down, *across;
    struct team_member *member; /* borrowed, or NULL */
    float *scratch;             /* (threads, 4, longest side, LINES) */
    size_t scratch_len;         /* floats, of one thread */
    float *turned;              /* (2, FFT_MAX_PLANES, height, half) */
    /* The transform that runs: */
    float *picture, *re, *im;
    const float *from_picture, *from_re, *from_im;
};

size_t fft_good_size(size_t n)
{
    for (;; n++) {
        size_t rest = n;

        for (size_t prime = 2; prime <= 7; prime++)
            while (rest % prime == 0)
                rest /= prime;
        if (rest == 1)
            return n;
    }
}

static unsigned num_threads(const struct fft *fft)
{
    return fft->member ? team_num_threads(fft->member) : 1;
}

struct fft *fft_new(size_t height, size_t width, struct team_member *member,
                    struct error *err)
{
    size_t longest = height > width ? height : width;
    struct fft *fft = calloc(1, sizeof *fft);

    if (!fft) {
        fail(err, ERROR_MEMORY, "not enough memory for a Fourier transform");
        return NULL;
    }
    fft->height = height;
    fft->width = width;
    fft->half = width / 2 + 1;
    fft->member = member;
    fft->scratch_len = 4 * longest * LINES;
    fft->scratch = calloc(num_threads(fft) * fft->scratch_len, sizeof(float));
    fft->turned =
        calloc(2 * FFT_MAX_PLANES * height * fft->half, sizeof(float));
    fft->down = fft_line_new(height);
    fft->across = fft_line_new(width);
    if (fft->scratch && fft->turned && fft->down && fft->across)
        return fft;
    fail(err, ERROR_MEMORY, "not enough memory for a Fourier transform");
    fft_free(fft);
    return NULL;
}

/* ---- tiles ---- */

/* A tile of lines, in a thread's scratch: element e of line l is at
 * re[e * LINES + l]. Lines beyond `count` are zeros. */
struct tile {
    float *re, *im, *re_to, *im_to;
    size_t plane, first, count;
};

static struct tile tile_at(const struct fft *fft, size_t thread,
                           const size_t *at, size_t num_lines)
{
    size_t len = fft->scratch_len / 4;
    float *scratch = fft->scratch + thread * fft->scratch_len;
    size_t first = at[1] * LINES;
    size_t left = num_lines - first;

    if (left < LINES)
        memset(scratch, 0, 2 * len * sizeof *scratch);
    return (struct tile){.re = scratch,
                         .im = scratch + len,
                         .re_to = scratch + 2 * len,
                         .im_to = scratch + 3 * len,
                         .plane = at[0],
                         .first = first,
                         .count = left < LINES ? left : LINES};
}

static void transform(struct tile *tile, const struct fft_line *line,
                      bool is_inverse)
{
    /* exp(2 pi i x) is exp(-2 pi i x) with the parts exchanged. */
    if (is_inverse)
        fft_line_run(line, &tile->im, &tile->re, &tile->im_to, &tile->re_to,
                     LINES);
    else
        fft_line_run(line, &tile->re, &tile->im, &tile->re_to, &tile->im_to,
                     LINES);
}

static void run(struct fft *fft, size_t num, size_t num_lines,
                void (*call)(const struct team_task *task, size_t thread,
                             const size_t *at, const size_t *len))
{
    const struct team_task task = {
        .call = call,
        .context = fft,
        .num_dimensions = 2,
        .ranges = {num, (num_lines + LINES - 1) / LINES},
        .steps = {1, 1}};

    team_run(fft->member, &task);
}

/* Transforms columns of a half spectrum. */
static void run_columns(struct fft *fft, size_t thread, const size_t *at,
                        float *re, float *im, const float *from_re,
                        const float *from_im, bool is_inverse)
{
    struct tile tile = tile_at(fft, thread, at, fft->half);
    size_t start = tile.plane * fft->height * fft->half + tile.first;
    size_t len = tile.count * sizeof(float);

    for (size_t v = 0; v < fft->height; v++) {
        memcpy(tile.re + v * LINES, from_re + start + v * fft->half, len);
        memcpy(tile.im + v * LINES, from_im + start + v * fft->half, len);
    }
    transform(&tile, fft->down, is_inverse);
    for (size_t v = 0; v < fft->height; v++) {
        memcpy(re + start + v * fft->half, tile.re + v * LINES, len);
        memcpy(im + start + v * fft->half, tile.im + v * LINES, len);
    }
}

static float *turned_im(const struct fft *fft)
{
    return fft->turned + FFT_MAX_PLANES * fft->height * fft->half;
}

/* ---- from the spectrum to the picture ---- */

static void columns_back(const struct team_task *task, size_t thread,
                         const size_t *at, const size_t *len)
{
    struct fft *fft = task->context;

    (void)len;
    run_columns(fft, thread, at, fft->turned, turned_im(fft), fft->from_re,
                fft->from_im, true);
}

/* Two rows are transformed as one of complex numbers: the first one's spectrum
 * plus i times the second one's. A last row without a partner is its own. */
static void rows_back(const struct team_task *task, size_t thread,
                      const size_t *at, const size_t *len)
{
    struct fft *fft = task->context;
    struct tile tile = tile_at(fft, thread, at, (fft->height + 1) / 2);
    const float *re = fft->turned, *im = turned_im(fft);
    size_t plane = tile.plane * fft->height;

    (void)len;
    for (size_t l = 0; l < tile.count; l++) {
        size_t y = 2 * (tile.first + l), below = y + (y + 1 < fft->height);
        const float *a_re = re + (plane + y) * fft->half;
        const float *a_im = im + (plane + y) * fft->half;
        const float *b_re = re + (plane + below) * fft->half;
        const float *b_im = im + (plane + below) * fft->half;

        for (size_t u = 0; u < fft->half; u++) {
            bool is_own = u == 0 || 2 * u == fft->width;
            float a = is_own ? 0 : a_im[u], b = is_own ? 0 : b_im[u];

            tile.re[u * LINES + l] = a_re[u] - b;
            tile.im[u * LINES + l] = a + b_re[u];
            if (is_own)
                continue;
            tile.re[(fft->width - u) * LINES + l] = a_re[u] + b;
            tile.im[(fft->width - u) * LINES + l] = b_re[u] - a;
        }
    }
    transform(&tile, fft->across, true);
    for (size_t l = 0; l < tile.count; l++) {
        size_t y = 2 * (tile.first + l), below = y + (y + 1 < fft->height);
        float *a = fft->picture + (plane + y) * fft->width;
        float *b = fft->picture + (plane + below) * fft->width;

        for (size_t x = 0; x < fft->width; x++) {
            b[x] = tile.im[x * LINES + l];
            a[x] = tile.re[x * LINES + l];
        }
    }
}

void fft_inverse(struct fft *fft, float *picture, const float *re,
                 const float *im, size_t num)
{
    fft->picture = picture;
    fft->from_re = re;
    fft->from_im = im;
    run(fft, num, fft->half, columns_back);
    run(fft, num, (fft->height + 1) / 2, rows_back);
}

/* ---- from the picture to the spectrum ---- */

static void rows_there(const struct team_task *task, size_t thread,
                       const size_t *at, const size_t *len)
{
    struct fft *fft = task->context;
    struct tile tile = tile_at(fft, thread, at, (fft->height + 1) / 2);
    float *re = fft->turned, *im = turned_im(fft);
    size_t plane = tile.plane * fft->height;

    (void)len;
    for (size_t l = 0; l < tile.count; l++) {
        size_t y = 2 * (tile.first + l), below = y + (y + 1 < fft->height);
        const float *a = fft->from_picture + (plane + y) * fft->width;
        const float *b = fft->from_picture + (plane + below) * fft->width;

        for (size_t x = 0; x < fft->width; x++) {
            tile.re[x * LINES + l] = a[x];
            tile.im[x * LINES + l] = b[x];
        }
    }
    transform(&tile, fft->across, false);
    for (size_t l = 0; l < tile.count; l++) {
        size_t y = 2 * (tile.first + l), below = y + (y + 1 < fft->height);
        size_t a = (plane + y) * fft->half, b = (plane + below) * fft->half;

        for (size_t u = 0; u < fft->half; u++) {
            size_t i = u * LINES + l;
            size_t j = (u == 0 ? 0 : fft->width - u) * LINES + l;

            re[b + u] = (tile.im[i] + tile.im[j]) / 2;
            im[b + u] = (tile.re[j] - tile.re[i]) / 2;
            re[a + u] = (tile.re[i] + tile.re[j]) / 2;
            im[a + u] = (tile.im[i] - tile.im[j]) / 2;
        }
    }
}

static void columns_there(const struct team_task *task, size_t thread,
                          const size_t *at, const size_t *len)
{
    struct fft *fft = task->context;

    (void)len;
    run_columns(fft, thread, at, fft->re, fft->im, fft->turned, turned_im(fft),
                false);
}

void fft_forward(struct fft *fft, float *re, float *im, const float *picture,
                 size_t num)
{
    fft->from_picture = picture;
    fft->re = re;
    fft->im = im;
    run(fft, num, (fft->height + 1) / 2, rows_there);
    run(fft, num, fft->half, columns_there);
}

void fft_free(struct fft *fft)
{
    if (!fft)
        return;
    fft_line_free(fft->down);
    fft_line_free(fft->across);
    free(fft->scratch);
    free(fft->turned);
    free(fft);
}

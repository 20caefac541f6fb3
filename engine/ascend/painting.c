#include "engine/ascend/painting.h"

#include <math.h>
#include <stdlib.h>

#include "engine/ascend/nature.h"
#include "engine/ascend/painting_internal.h"
#include "engine/kernel/kernel_wide.h"

static const struct painting_kind *const kinds[PAINTING_NUM_METHODS] = {
    [PAINTING_FOURIER] = &painting_fourier,
    [PAINTING_MACO] = &painting_maco,
    [PAINTING_PIXELS] = &painting_pixels,
};

static struct painting_shape shape_for(enum painting_method method,
                                       size_t height, size_t width)
{
    bool is_exact = method == PAINTING_PIXELS;
    size_t tall = is_exact ? height : fft_good_size(height);
    size_t wide = is_exact ? width : fft_good_size(width);

    return (struct painting_shape){.height = tall,
                                   .width = wide,
                                   .top = (tall - height) / 2,
                                   .left = (wide - width) / 2};
}

size_t painting_len(enum painting_method method, size_t height, size_t width)
{
    struct painting_shape shape = shape_for(method, height, width);
    size_t pixels = 3 * shape.height * shape.width;

    /* Numbers, gradient, canvas; and colours, scale, coefficients, and two
     * planes of the transform. */
    return pixels * sizeof(float) * (method == PAINTING_PIXELS ? 3 : 7);
}

size_t painting_num_coefficients(const struct painting *painting)
{
    return 3 * painting->shape.height * painting->half;
}

struct painting *painting_new(enum painting_method method, size_t height,
                              size_t width, struct team_member *member,
                              struct error *err)
{
    struct painting *p = calloc(1, sizeof *p);
    size_t pixels, coefficients;
    bool ok;

    if (!p) {
        fail(err, ERROR_MEMORY, "not enough memory for a picture");
        return NULL;
    }
    p->method = method;
    p->member = member;
    p->shape = shape_for(method, height, width);
    p->half = p->shape.width / 2 + 1;
    p->count = kinds[method]->count(p);
    pixels = 3 * p->shape.height * p->shape.width;
    coefficients = painting_num_coefficients(p);
    p->canvas = calloc(pixels, sizeof(float));
    p->numbers = calloc(p->count, sizeof(float));
    p->gradient = calloc(p->count, sizeof(float));
    ok = p->canvas && p->numbers && p->gradient;
    if (method != PAINTING_PIXELS) {
        p->colours = calloc(pixels, sizeof(float));
        p->scale = calloc(coefficients, sizeof(float));
        p->re = calloc(coefficients, sizeof(float));
        p->im = calloc(coefficients, sizeof(float));
        p->fft = fft_new(p->shape.height, p->shape.width, member, err);
        ok = ok && p->colours && p->scale && p->re && p->im && p->fft;
    }
    if (ok)
        return p;
    painting_free(p);
    fail(err, ERROR_MEMORY, "not enough memory for a picture");
    return NULL;
}

/* ---- coefficients, colours, samples ---- */

double painting_frequency(const struct painting *painting, size_t v, size_t u)
{
    const struct painting_shape *shape = &painting->shape;
    double y = (double)(2 * v > shape->height ? shape->height - v : v) /
               (double)shape->height;
    double x = (double)u / (double)shape->width;

    return sqrt(x * x + y * y);
}

/* Runs a function over rows of the canvas. */
static void run_rows(struct painting *p,
                     void (*call)(const struct team_task *task, size_t thread,
                                  const size_t *at, const size_t *len))
{
    const struct team_task task = {.call = call,
                                   .context = p,
                                   .num_dimensions = 1,
                                   .ranges = {p->shape.height},
                                   .steps = {16}};

    team_run(p->member, &task);
}

/* 1 / (1 + exp(-x)), by 2^n times a polynomial; to about 6e-7 of it. */
KERNEL_WIDE_INLINE float sigmoid(float x)
{
    const float per_two = 1.44269504f, two = 0.693147181f;
    const float whole = 12582912; /* added, it leaves whole numbers */
    union {
        float number;
        int32_t bits;
    } power;
    float y = x < -80 ? 80 : x > 80 ? -80 : -x;
    float n = (y * per_two + whole) - whole, r = y - n * two;

    power.bits = ((int32_t)n + 127) * (1 << 23);
    r = 1 + r * (1 + r * (1 / 2.0f +
                          r * (1 / 6.0f + r * (1 / 24.0f + r * (1 / 120.0f +
                                                                r / 720.0f)))));
    return 1 / (1 + power.number * r);
}

/* sample = sigmoid(sum over decorrelated colours)
 *
 * out  out  (3 planes), of which elements first .. end - 1
 * q    in   likewise */
KERNEL_WIDE_BODY(mix)
(float *restrict out, const float *restrict q, size_t plane, size_t first,
 size_t end)
{
    for (size_t c = 0; c < 3; c++) {
        const float *m = nature_colours[c];

        for (size_t i = first; i < end; i++)
            out[c * plane + i] = sigmoid(m[0] * q[i] + m[1] * q[plane + i] +
                                         m[2] * q[2 * plane + i]);
    }
}

KERNEL_WIDE(mix,
            (float *restrict out, const float *restrict q, size_t plane,
             size_t first, size_t end),
            (out, q, plane, first, end))

static void mix_rows(const struct team_task *task, size_t thread,
                     const size_t *at, const size_t *len)
{
    struct painting *p = task->context;
    size_t wide = p->shape.width;

    (void)thread;
    mix(p->canvas, p->colours, p->shape.height * wide, at[0] * wide,
        (at[0] + len[0]) * wide);
}

/* The gradient of the decorrelated colours. */
static void unmix_rows(const struct team_task *task, size_t thread,
                       const size_t *at, const size_t *len)
{
    struct painting *p = task->context;
    size_t plane = p->shape.height * p->shape.width;
    size_t first = at[0] * p->shape.width;
    size_t end = first + len[0] * p->shape.width;
    const float *restrict s = p->canvas, *restrict g = p->given;
    float *restrict out = p->colours;

    (void)thread;
    for (size_t i = first; i < end; i++) {
        float d[3];

        for (size_t c = 0; c < 3; c++) {
            float sample = s[c * plane + i];

            d[c] = g[c * plane + i] * sample * (1 - sample);
        }
        for (size_t k = 0; k < 3; k++)
            out[k * plane + i] = nature_colours[0][k] * d[0] +
                                 nature_colours[1][k] * d[1] +
                                 nature_colours[2][k] * d[2];
    }
}

void painting_from_coefficients(struct painting *painting)
{
    fft_inverse(painting->fft, painting->colours, painting->re, painting->im,
                3);
    run_rows(painting, mix_rows);
}

/* The adjoint of fft_inverse is fft_forward, but that each column that stands
 * for two counts twice. */
void painting_to_coefficients(struct painting *painting, const float *gradient)
{
    size_t num_rows = 3 * painting->shape.height;

    painting->given = gradient;
    run_rows(painting, unmix_rows);
    fft_forward(painting->fft, painting->re, painting->im, painting->colours,
                3);
    for (size_t v = 0; v < num_rows; v++)
        for (size_t u = 1; 2 * u < painting->shape.width; u++) {
            painting->re[v * painting->half + u] *= 2;
            painting->im[v * painting->half + u] *= 2;
        }
}

/* Solves m x = b, a colour. */
static void solve(double x[3], float (*const m)[3], const double b[3])
{
    for (size_t k = 0; k < 3; k++) {
        size_t i = (k + 1) % 3, j = (k + 2) % 3;
        double det = 0, part = 0;

        for (size_t r = 0; r < 3; r++) {
            size_t s = (r + 1) % 3, t = (r + 2) % 3;
            double minor = (double)m[s][i] * (double)m[t][j] -
                           (double)m[s][j] * (double)m[t][i];

            det += (double)m[r][k] * minor;
            part += b[r] * minor;
        }
        x[k] = part / det;
    }
}

void painting_photo_coefficients(struct painting *painting, const float *photo)
{
    size_t plane = painting->shape.height * painting->shape.width;
    size_t count = painting_num_coefficients(painting);
    const float most = 0.99f; /* where the sigmoid is nearly flat */

    for (size_t i = 0; i < plane; i++) {
        double b[3], x[3];

        for (size_t c = 0; c < 3; c++) {
            double s =
                (double)fminf(fmaxf(photo[c * plane + i], 1 - most), most);

            b[c] = log(s / (1 - s));
        }
        solve(x, (float(*)[3])nature_colours, b);
        for (size_t k = 0; k < 3; k++)
            painting->colours[k * plane + i] = (float)x[k];
    }
    fft_forward(painting->fft, painting->re, painting->im, painting->colours,
                3);
    for (size_t i = 0; i < count; i++) {
        painting->re[i] /= (float)plane;
        painting->im[i] /= (float)plane;
    }
}

/* ---- what all methods share ---- */

void painting_begin(struct painting *painting, uint64_t seed)
{
    kinds[painting->method]->begin(painting, seed);
}

void painting_begin_photo(struct painting *painting, const float *photo)
{
    kinds[painting->method]->begin_photo(painting, photo);
}

struct painting_shape painting_shape(const struct painting *painting)
{
    return painting->shape;
}

void painting_draw(struct painting *painting)
{
    kinds[painting->method]->draw(painting);
}

const float *painting_canvas(const struct painting *painting)
{
    return painting->canvas;
}

void painting_back(struct painting *painting, const float *gradient)
{
    kinds[painting->method]->back(painting, gradient);
}

float *painting_numbers(struct painting *painting)
{
    return painting->numbers;
}

const float *painting_gradient(const struct painting *painting)
{
    return painting->gradient;
}

size_t painting_count(const struct painting *painting)
{
    return painting->count;
}

void painting_settle(struct painting *painting)
{
    if (kinds[painting->method]->settle)
        kinds[painting->method]->settle(painting);
}

void painting_free(struct painting *painting)
{
    if (!painting)
        return;
    fft_free(painting->fft);
    free(painting->numbers);
    free(painting->gradient);
    free(painting->canvas);
    free(painting->colours);
    free(painting->scale);
    free(painting->re);
    free(painting->im);
    free(painting);
}

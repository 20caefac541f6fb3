#include "engine/ascend/view.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/explain/random.h"

static const double RADIANS = 0.0174532925199432957692;

enum { NUMBERS = 4 }; /* random ones of a place */

/* Uniform between -most and most. */
static double within(double most, uint64_t seed, uint64_t i)
{
    return most * (2 * random_uniform(seed, i) - 1);
}

struct view_place view_choose(const struct view_range *range, uint64_t seed,
                              uint64_t step)
{
    uint64_t i = NUMBERS * step;

    return (struct view_place){
        .shift_x = within(range->shift, seed, i),
        .shift_y = within(range->shift, seed, i + 1),
        .scale = 1 + within(range->scale, seed, i + 2),
        .turn = within(range->turn * RADIANS, seed, i + 3),
    };
}

/* An input's channel is a sum of the picture's: (255 sample - mean) / std. */
static void set_channels(struct view *view, const struct preprocess_spec *spec)
{
    static const float luma[] = {0.299f, 0.587f, 0.114f};

    view->channels = spec->grey ? 1 : 3;
    for (size_t c = 0; c < view->channels; c++) {
        float unit = 255 / spec->std[c];

        view->add[c] = -spec->mean[c] / spec->std[c];
        for (size_t k = 0; k < 3; k++)
            view->from[c][k] = spec->grey                     ? unit * luma[k]
                               : k == (spec->bgr ? 2 - c : c) ? unit
                                                              : 0;
    }
}

bool view_init(struct view *view, const struct painting_shape *canvas,
               size_t picture_height, size_t picture_width,
               const struct preprocess_spec *spec, struct team_member *member,
               struct error *err)
{
    *view = (struct view){
        .canvas = *canvas,
        .picture_height = picture_height,
        .picture_width = picture_width,
        .height = spec->height,
        .width = spec->width,
        .member = member,
        .cells =
            calloc(canvas->height * canvas->width, VIEW_LANES * sizeof(float)),
    };
    set_channels(view, spec);
    return view->cells ||
           fail(err, ERROR_MEMORY, "not enough memory for a view");
}

size_t view_len(size_t picture_height, size_t picture_width, double scale,
                const struct preprocess_spec *spec)
{
    double picture = (double)picture_height * (double)picture_width;
    double side = 2 + scale; /* rounded up */
    double samples =
        picture * side * side + (double)spec->height * (double)spec->width;

    return (size_t)(samples * (sizeof(uint32_t) + 2 * sizeof(float)) +
                    picture * VIEW_LANES * sizeof(float));
}

/* ---- where samples are ---- */

static bool reserve(struct view *view, size_t count, struct error *err)
{
    if (count <= view->cap)
        return true;
    free(view->corner);
    free(view->right);
    free(view->down);
    view->corner = calloc(count, sizeof *view->corner);
    view->right = calloc(count, sizeof *view->right);
    view->down = calloc(count, sizeof *view->down);
    view->cap = view->corner && view->right && view->down ? count : 0;
    return view->cap > 0 ||
           fail(err, ERROR_MEMORY, "not enough memory for a view");
}

/* Splits a position into the sample before it, which has one behind it, and the
 * share of that. */
static size_t split(float *share, double at, size_t length)
{
    double last = (double)length - 1;
    double inside = at < 0 ? 0 : at > last ? last : at;
    size_t before = (size_t)inside;

    if (before + 1 >= length && before > 0)
        before--;
    *share = length > 1 ? (float)(inside - (double)before) : 0;
    return before;
}

bool view_set(struct view *view, const struct view_place *place,
              struct error *err)
{
    const struct painting_shape *canvas = &view->canvas;
    double step_x =
        place->scale * (double)view->picture_width / (double)view->width;
    double step_y =
        place->scale * (double)view->picture_height / (double)view->height;
    double step = step_x > step_y ? step_x : step_y;
    double cosine = cos(place->turn), sine = sin(place->turn);
    double centre_x = (double)canvas->left + (double)view->picture_width / 2 +
                      place->shift_x * step_x;
    double centre_y = (double)canvas->top + (double)view->picture_height / 2 +
                      place->shift_y * step_y;
    size_t n, i = 0;

    /* A tenth more than the picture's own size needs no more samples. */
    view->samples = n = step > 1.25 ? (size_t)ceil(step) : 1;
    if (!reserve(view, view->height * view->width * n * n, err))
        return false;
    for (size_t y = 0; y < view->height * n; y++)
        for (size_t x = 0; x < view->width * n; x++, i++) {
            double dx =
                (((double)x + 0.5) / (double)n - (double)view->width / 2) *
                step_x;
            double dy =
                (((double)y + 0.5) / (double)n - (double)view->height / 2) *
                step_y;
            size_t left =
                split(&view->right[i], centre_x + cosine * dx - sine * dy - 0.5,
                      canvas->width);
            size_t top =
                split(&view->down[i], centre_y + sine * dx + cosine * dy - 0.5,
                      canvas->height);

            view->corner[i] = (uint32_t)(top * canvas->width + left);
        }
    return true;
}

/* ---- there and back ---- */

/* The four samples around a place, and their shares. */
struct corners {
    size_t at[4];
    float share[4];
};

static inline struct corners corners_of(const struct view *view, size_t i)
{
    float right = view->right[i], down = view->down[i];
    size_t across = view->canvas.width > 1,
           below = view->canvas.height > 1 ? view->canvas.width : 0;
    size_t at = view->corner[i];

    return (struct corners){
        .at = {at, at + across, at + below, at + below + across},
        .share = {(1 - right) * (1 - down), right * (1 - down),
                  (1 - right) * down, right * down}};
}

struct showing {
    struct view *view;
    float *to;
};

static void run(struct view *view, float *to,
                void (*call)(const struct team_task *task, size_t thread,
                             const size_t *at, const size_t *len))
{
    struct showing showing = {view, to};
    const struct team_task task = {.call = call,
                                   .context = &showing,
                                   .num_dimensions = 1,
                                   .ranges = {view->height},
                                   .steps = {16}};

    team_run(view->member, &task);
}

/* Where sample s of a pixel of the input is. */
static inline size_t place_of(const struct view *view, size_t y, size_t x,
                              size_t s)
{
    size_t n = view->samples;

    return (y * n + s / n) * view->width * n + x * n + s % n;
}

static inline void show_pixel(const struct view *view, float *input, size_t y,
                              size_t x)
{
    size_t count = view->samples * view->samples;
    float sum[VIEW_LANES] = {0};

    for (size_t s = 0; s < count; s++) {
        struct corners four = corners_of(view, place_of(view, y, x, s));

        for (size_t e = 0; e < 4; e++)
            for (size_t k = 0; k < VIEW_LANES; k++)
                sum[k] +=
                    four.share[e] * view->cells[four.at[e] * VIEW_LANES + k];
    }
    for (size_t c = 0; c < view->channels; c++)
        input[c] = (view->from[c][0] * sum[0] + view->from[c][1] * sum[1] +
                    view->from[c][2] * sum[2]) /
                       (float)count +
                   view->add[c];
}

static void show_rows(const struct team_task *task, size_t thread,
                      const size_t *at, const size_t *len)
{
    const struct showing *showing = task->context;
    const struct view *view = showing->view;

    (void)thread;
    for (size_t y = at[0]; y < at[0] + len[0]; y++)
        for (size_t x = 0; x < view->width; x++)
            show_pixel(view,
                       showing->to + (y * view->width + x) * view->channels, y,
                       x);
}

void view_show(struct view *view, float *input, const float *canvas)
{
    size_t plane = view->canvas.height * view->canvas.width;

    for (size_t i = 0; i < plane; i++)
        for (size_t k = 0; k < 3; k++)
            view->cells[i * VIEW_LANES + k] = canvas[k * plane + i];
    run(view, input, show_rows);
}

static inline void back_pixel(const struct view *view, const float *given,
                              size_t y, size_t x)
{
    size_t count = view->samples * view->samples;
    float sum[VIEW_LANES] = {0};

    for (size_t c = 0; c < view->channels; c++)
        for (size_t k = 0; k < 3; k++)
            sum[k] += view->from[c][k] * given[c] / (float)count;
    for (size_t s = 0; s < count; s++) {
        struct corners four = corners_of(view, place_of(view, y, x, s));

        for (size_t e = 0; e < 4; e++)
            for (size_t k = 0; k < VIEW_LANES; k++)
                view->cells[four.at[e] * VIEW_LANES + k] +=
                    four.share[e] * sum[k];
    }
}

/* Several pixels add to one sample, so this is the work of one thread. */
void view_back(struct view *view, float *gradient, const float *given)
{
    size_t plane = view->canvas.height * view->canvas.width;

    memset(view->cells, 0, plane * VIEW_LANES * sizeof *view->cells);
    for (size_t y = 0; y < view->height; y++)
        for (size_t x = 0; x < view->width; x++)
            back_pixel(view, given + (y * view->width + x) * view->channels, y,
                       x);
    for (size_t i = 0; i < plane; i++)
        for (size_t k = 0; k < 3; k++)
            gradient[k * plane + i] = view->cells[i * VIEW_LANES + k];
}

void view_release(struct view *view)
{
    free(view->corner);
    free(view->right);
    free(view->down);
    free(view->cells);
    *view = (struct view){0};
}

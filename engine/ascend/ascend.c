#include "engine/ascend/ascend.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/ascend/adam.h"
#include "engine/base/memory_limit.h"
#include "engine/explain/target.h"
#include "engine/run/plan.h"

/* The numbers of the views are none of those of the noise. */
static const uint64_t VIEWS = UINT64_C(0x5851F42D4C957F2D);

/* The network up to the target with its gradient, and a session of it. `= {0}`
 * is none. */
struct way {
    const struct variant *variant; /* taken */
    struct plan_session *session;  /* owned */
};

struct ascend {
    struct ascend_source source;
    struct ascend_options options;
    struct team_member member;
    struct way plain, redirected;
    bool is_redirected;        /* the next of the first steps take this way */
    struct painting *painting; /* owned, like all that follow */
    struct view view;
    struct adam adam;
    float *gradient; /* (3, height, width) of the canvas */
    float *photo;    /* likewise, or NULL */
    size_t passes;
};

double ascend_rate(enum painting_method method)
{
    static const double rates[PAINTING_NUM_METHODS] = {
        [PAINTING_FOURIER] = 0.013,
        [PAINTING_MACO] = 0.3,
        [PAINTING_PIXELS] = 0.02,
    };

    return rates[method];
}

size_t ascend_max_passes(const struct ascend_options *options)
{
    return options->steps + ASCEND_MORE_PASSES;
}

/* ---- the network ---- */

static void close_way(struct ascend *ascend, struct way *way)
{
    plan_session_free(way->session);
    if (way->variant)
        variants_give(ascend->source.variants, way->variant);
    *way = (struct way){0};
}

/* Writes the target's gradient at what the network outputs. */
static void set_seed(const struct ascend *ascend, const struct way *way)
{
    const struct ascend_target *target = &ascend->options.target;
    const struct graph *graph = &way->variant->graph;
    const struct graph_shape *shape =
        &graph->values[way->variant->features].shape;
    float *seed = plan_session_data(way->session, way->variant->seed);
    size_t channels = shape->dim[3], cells = shape->dim[1] * shape->dim[2];

    if (target->is_class) {
        const struct target logit = {.kind = TARGET_LOGIT,
                                     .class_index = target->class_index,
                                     .head = &ascend->source.network->head};

        target_seed(seed, &logit, NULL);
        return;
    }
    memset(seed, 0, cells * channels * sizeof *seed);
    if (target->has_cell)
        seed[(target->cell_y * shape->dim[2] + target->cell_x) * channels +
             target->channel] = 1;
    else
        for (size_t i = 0; i < cells; i++)
            seed[i * channels + target->channel] = 1 / (float)cells;
}

static bool open_way(struct ascend *ascend, struct way *way,
                     enum gradient_rule rule, const struct cancel *cancel,
                     struct error *err)
{
    const struct ascend_target *target = &ascend->options.target;
    const struct variant_key key = {.kind = VARIANT_ASCENT,
                                    .layer = target->is_class ? VARIANT_LOGITS
                                                              : target->layer,
                                    .rule = rule};

    way->variant = variants_take(ascend->source.variants, &key, cancel, err);
    if (way->variant)
        way->session =
            plan_session_new(way->variant->plan, ascend->source.team, err);
    if (!way->session) {
        close_way(ascend, way);
        return false;
    }
    set_seed(ascend, way);
    return true;
}

/* The target's value after a pass. */
static double read_value(const struct ascend *ascend, const struct way *way)
{
    const struct ascend_target *target = &ascend->options.target;
    const float *made = plan_session_data(way->session, way->variant->features);
    const struct graph_shape *shape =
        &way->variant->graph.values[way->variant->features].shape;
    size_t channels = shape->dim[3], cells = shape->dim[1] * shape->dim[2];
    double sum = 0;

    if (target->is_class)
        return (double)head_logit(&ascend->source.network->head, made,
                                  target->class_index);
    made += target->channel;
    if (target->has_cell)
        return (double)
            made[(target->cell_y * shape->dim[2] + target->cell_x) * channels];
    for (size_t i = 0; i < cells; i++)
        sum += (double)made[i * channels];
    return sum / (double)cells;
}

/* Shows the network what the view is set to, and takes it back. */
static bool pass(struct ascend *ascend, const struct way *way, double *value,
                 struct error *err)
{
    const struct variant *variant = way->variant;

    view_show(&ascend->view, plan_session_data(way->session, variant->image),
              painting_canvas(ascend->painting));
    if (!plan_session_run(way->session, err))
        return false;
    ascend->passes++;
    *value = read_value(ascend, way);
    return isfinite(*value) ||
           fail(err, ERROR_UNSUPPORTED,
                "the value that is ascended is not a finite number");
}

/* ---- making one ---- */

static size_t canvas_count(const struct ascend *ascend)
{
    struct painting_shape shape = painting_shape(ascend->painting);

    return 3 * shape.height * shape.width;
}

/* Everything that grows with the picture. */
static bool make_painting(struct ascend *ascend, struct error *err)
{
    const struct ascend_options *options = &ascend->options;
    struct painting_shape shape;

    ascend->painting = painting_new(options->method, options->height,
                                    options->width, &ascend->member, err);
    if (!ascend->painting ||
        !adam_init(&ascend->adam, painting_count(ascend->painting), err))
        return false;
    shape = painting_shape(ascend->painting);
    if (!view_init(&ascend->view, &shape, options->height, options->width,
                   ascend->source.spec, &ascend->member, err))
        return false;
    ascend->gradient = calloc(canvas_count(ascend), sizeof(float));
    return ascend->gradient ||
           fail(err, ERROR_MEMORY, "not enough memory for an ascent");
}

static bool make(struct ascend *ascend, const struct cancel *cancel,
                 struct error *err)
{
    const struct ascend_options *options = &ascend->options;
    /* The optimiser's numbers, the gradient, the photo, the view. */
    size_t len =
        2 * painting_len(options->method, options->height, options->width) +
        view_len(options->height, options->width, options->range.scale,
                 ascend->source.spec);
    bool ok;

    if (!memory_limit_begin(len, err))
        return false;
    ok = make_painting(ascend, err);
    memory_limit_end(len);
    return ok && open_way(ascend, &ascend->plain, GRADIENT_PLAIN, cancel, err);
}

struct ascend *ascend_new(const struct ascend_source *source,
                          const struct ascend_options *options,
                          const struct cancel *cancel, struct error *err)
{
    struct ascend *ascend = calloc(1, sizeof *ascend);

    if (!ascend) {
        fail(err, ERROR_MEMORY, "not enough memory for an ascent");
        return NULL;
    }
    ascend->source = *source;
    ascend->options = *options;
    team_member_init(&ascend->member, source->team);
    if (make(ascend, cancel, err))
        return ascend;
    ascend_free(ascend);
    return NULL;
}

/* ---- steps ---- */

/* Pushes of one size, and a pull back to the photo that grows with the
 * distance. */
static void pull_back(struct ascend *ascend)
{
    const float *canvas = painting_canvas(ascend->painting);
    size_t count = canvas_count(ascend);
    float unit, pull = (float)(1 / fmax(ascend->options.near, 1e-3));
    double sum = 0;

    for (size_t i = 0; i < count; i++)
        sum += (double)ascend->gradient[i] * (double)ascend->gradient[i];
    unit = sum > 0 ? (float)(1 / sqrt(sum / (double)count)) : 0;
    for (size_t i = 0; i < count; i++)
        ascend->gradient[i] =
            unit * ascend->gradient[i] - pull * (canvas[i] - ascend->photo[i]);
}

static bool is_blocked(const struct ascend *ascend)
{
    size_t count = canvas_count(ascend);

    for (size_t i = 0; i < count; i++)
        if (ascend->gradient[i] != 0)
            return false;
    return true;
}

/* A pass, and the gradient of the canvas. */
static bool go_back(struct ascend *ascend, const struct way *way, double *value,
                    struct error *err)
{
    if (!pass(ascend, way, value, err))
        return false;
    view_back(&ascend->view, ascend->gradient,
              plan_session_data(way->session, way->variant->gradient));
    return true;
}

/* Finds the gradient of the canvas for a step. */
static bool find_gradient(struct ascend *ascend, size_t step, double *value,
                          const struct cancel *cancel, struct error *err)
{
    bool may_redirect = step < ASCEND_REDIRECTED;

    if (ascend->is_redirected && may_redirect)
        return go_back(ascend, &ascend->redirected, value, err);
    if (!go_back(ascend, &ascend->plain, value, err))
        return false;
    if (!may_redirect || !is_blocked(ascend))
        return true;
    ascend->is_redirected = true;
    return open_way(ascend, &ascend->redirected, GRADIENT_REDIRECTED, cancel,
                    err) &&
           go_back(ascend, &ascend->redirected, value, err);
}

static bool take_step(struct ascend *ascend, size_t step, double *value,
                      const struct cancel *cancel, struct error *err)
{
    const struct ascend_options *options = &ascend->options;
    struct painting *painting = ascend->painting;
    const struct view_place place =
        view_choose(&options->range, options->seed ^ VIEWS, step);

    if (!view_set(&ascend->view, &place, err) ||
        !find_gradient(ascend, step, value, cancel, err))
        return false;
    if (ascend->photo)
        pull_back(ascend);
    painting_back(painting, ascend->gradient);
    adam_step(&ascend->adam, painting_numbers(painting),
              painting_gradient(painting), options->rate);
    painting_settle(painting);
    painting_draw(painting);
    return true;
}

/* The value of the whole picture. */
static bool measure(struct ascend *ascend, double *value, struct error *err)
{
    return view_set(&ascend->view, &VIEW_WHOLE, err) &&
           pass(ascend, &ascend->plain, value, err);
}

/* The photo as planes of the canvas, whose margin repeats its border. */
static bool take_photo(struct ascend *ascend, const float *photo,
                       struct error *err)
{
    const struct painting_shape shape = painting_shape(ascend->painting);
    size_t plane = shape.height * shape.width;
    size_t bottom = ascend->options.height - 1;
    size_t right = ascend->options.width - 1;

    ascend->photo = calloc(3 * plane, sizeof(float));
    if (!ascend->photo)
        return fail(err, ERROR_MEMORY, "not enough memory for an ascent");
    for (size_t i = 0; i < plane; i++) {
        size_t y = i / shape.width, x = i % shape.width;

        y = y < shape.top ? 0 : y - shape.top < bottom ? y - shape.top : bottom;
        x = x < shape.left           ? 0
            : x - shape.left < right ? x - shape.left
                                     : right;
        for (size_t c = 0; c < 3; c++)
            ascend->photo[c * plane + i] =
                photo[(y * (right + 1) + x) * 3 + c] / 255;
    }
    return true;
}

static bool begin(struct ascend *ascend, const float *photo, struct error *err)
{
    if (!photo) {
        painting_begin(ascend->painting, ascend->options.seed);
    } else {
        if (!take_photo(ascend, photo, err))
            return false;
        painting_begin_photo(ascend->painting, ascend->photo);
    }
    painting_draw(ascend->painting);
    return true;
}

bool ascend_run(struct ascend *ascend, struct ascend_result *result,
                const float *photo, const struct ascend_watch *watch,
                struct error *err)
{
    static const struct ascend_watch nobody = {0};
    const struct ascend_watch *who = watch ? watch : &nobody;
    bool ok = begin(ascend, photo, err) && cancel_check(who->cancel, err) &&
              measure(ascend, &result->start, err);

    for (size_t step = 0; ok && step < ascend->options.steps; step++) {
        double value;

        ok = cancel_check(who->cancel, err) &&
             take_step(ascend, step, &value, who->cancel, err);
        if (step + 1 == ASCEND_REDIRECTED)
            close_way(ascend, &ascend->redirected);
        if (ok && who->step) {
            team_rest(&ascend->member);
            who->step(who->user, step + 1, value);
        }
    }
    ok = ok && cancel_check(who->cancel, err) &&
         measure(ascend, &result->end, err);
    team_rest(&ascend->member);
    result->passes = ascend->passes;
    return ok;
}

size_t ascend_num_passes(const struct ascend *ascend)
{
    return ascend->passes;
}

void ascend_picture(const struct ascend *ascend, uint8_t *pixels)
{
    const struct painting_shape shape = painting_shape(ascend->painting);
    const float *canvas = painting_canvas(ascend->painting);
    size_t plane = shape.height * shape.width;
    size_t wide = ascend->options.width;

    for (size_t i = 0; i < ascend->options.height * wide; i++) {
        size_t at =
            (shape.top + i / wide) * shape.width + shape.left + i % wide;

        for (size_t c = 0; c < 3; c++)
            pixels[3 * i + c] = (uint8_t)lrintf(
                255 * fminf(fmaxf(canvas[c * plane + at], 0), 1));
    }
}

void ascend_free(struct ascend *ascend)
{
    if (!ascend)
        return;
    close_way(ascend, &ascend->plain);
    close_way(ascend, &ascend->redirected);
    painting_free(ascend->painting);
    view_release(&ascend->view);
    adam_release(&ascend->adam);
    free(ascend->gradient);
    free(ascend->photo);
    free(ascend);
}

#include "engine/engine_ascend.h"

#include <stdlib.h>

#include "engine/base/clock.h"
#include "engine/engine_session.h"
#include "engine/render/pngout.h"

size_t engine_ascend_passes(const struct engine_ascend_request *request)
{
    const struct ascend_options options = {.steps = request->steps};

    return ascend_max_passes(&options);
}

/* A side that is to the size what the input's side is to its longest. */
static size_t scaled(size_t side, size_t longest, size_t size)
{
    size_t length = (side * size + longest / 2) / longest;

    return length < ASCEND_MIN_SIZE ? ASCEND_MIN_SIZE : length;
}

void engine_ascend_size(const struct engine *engine,
                        const struct engine_ascend_request *request,
                        size_t *height, size_t *width)
{
    const struct preprocess_spec *spec = &engine->model_dir.input;
    size_t longest = spec->width > spec->height ? spec->width : spec->height;
    size_t size = request->size > 0           ? request->size
                  : longest < ASCEND_MAX_SIZE ? longest
                                              : ASCEND_MAX_SIZE;

    *height = scaled(spec->height, longest, size);
    *width = scaled(spec->width, longest, size);
}

static bool check_cell(const struct ascend_target *target,
                       const struct layer *layer, struct error *err)
{
    if (!target->has_cell ||
        (target->cell_x < layer->width && target->cell_y < layer->height))
        return true;
    return fail(err, ERROR_INPUT,
                "option \"cell\": there is no cell %zu,%zu; the layer %.100s "
                "has %zu x %zu cells, the last of which is %zu,%zu",
                target->cell_x, target->cell_y, layer->name, layer->width,
                layer->height, layer->width - 1, layer->height - 1);
}

bool engine_ascend_check(const struct engine *engine,
                         const struct engine_ascend_request *request,
                         struct error *err)
{
    const struct ascend_target *target = &request->target;
    const struct layer *layer;

    if (target->is_class)
        return true;
    layer = &engine->network.layers.list[target->layer];
    if (target->channel >= layer->channels)
        return fail(err, ERROR_INPUT,
                    "option \"channel\": there is no channel %zu; the layer "
                    "%.100s has the channels 0 to %zu",
                    target->channel, layer->name, layer->channels - 1);
    return check_cell(target, layer, err);
}

/* ---- the ascent ---- */

/* What an ascent needs while it runs. */
struct climb {
    const struct engine_ascend_request *request;
    const struct engine_ascend_watch *watch;
    struct ascend *ascend; /* owned, like all that follow */
    uint8_t *pixels;       /* (height, width, 3) */
    float *photo;          /* likewise, or NULL */
    struct buf png;
    struct pngout_scratch scratch;
    size_t height, width;
};

static bool draw(struct climb *climb, struct buf *png, struct error *err)
{
    ascend_picture(climb->ascend, climb->pixels);
    buf_clear(png);
    return pngout_rgb(png, &climb->scratch, climb->pixels,
                      (uint32_t)climb->width, (uint32_t)climb->height, err);
}

/* A picture that there is no memory for is left out. */
static void note_step(void *user, size_t done, double value)
{
    struct climb *climb = user;
    const struct engine_ascend_watch *watch = climb->watch;
    const struct engine_ascend_request *request = climb->request;
    struct error ignored = {0};
    bool has_picture = watch->has_pictures &&
                       (done % request->every == 0 || done == request->steps) &&
                       draw(climb, &climb->png, &ignored);
    const struct engine_ascend_step step = {.done = done,
                                            .total = request->steps,
                                            .value = value,
                                            .picture = has_picture ? &climb->png
                                                                   : NULL};

    watch->step(watch->user, &step);
}

/* The session's photo at the picture's size, as the model takes photos. */
static bool take_photo(struct climb *climb,
                       const struct engine_session *session, struct error *err)
{
    struct preprocess_spec spec = session->engine->model_dir.input;
    struct preprocess_region region;
    struct preprocess *preprocess;
    bool ok;

    spec.width = (uint32_t)climb->width;
    spec.height = (uint32_t)climb->height;
    spec.bgr = spec.grey = false;
    for (size_t c = 0; c < 3; c++) {
        spec.mean[c] = 0;
        spec.std[c] = 1;
    }
    climb->photo = calloc(climb->height * climb->width * 3, sizeof(float));
    if (!climb->photo)
        return fail(err, ERROR_MEMORY, "not enough memory for a photo");
    preprocess = preprocess_new(&spec, err);
    ok = preprocess && preprocess_apply(preprocess, climb->photo, &region,
                                        &session->image, err);
    preprocess_free(preprocess);
    return ok;
}

static double rate_of(const struct engine_ascend_request *request)
{
    return request->rate > 0 ? (double)request->rate
                             : ascend_rate(request->method);
}

static bool open_climb(struct climb *climb, struct engine_session *session,
                       bool has_photo, struct error *err)
{
    const struct engine_ascend_request *request = climb->request;
    const struct engine *engine = session->engine;
    const struct ascend_source source = {
        .network = &engine->network,
        .variants = engine->variants,
        .spec = &engine->model_dir.input,
        .team = session->object.source.team,
    };
    const struct ascend_options options = {
        .target = request->target,
        .method = request->method,
        .steps = request->steps,
        .height = climb->height,
        .width = climb->width,
        .seed = request->seed,
        .range = {.shift = request->shift,
                  .scale = (double)request->scale,
                  .turn = request->turn},
        .rate = rate_of(request),
        .near = (double)request->near,
    };

    if (has_photo && !take_photo(climb, session, err))
        return false;
    climb->pixels = calloc(climb->height * climb->width, 3);
    if (!climb->pixels)
        return fail(err, ERROR_MEMORY, "not enough memory for a picture");
    climb->ascend = ascend_new(&source, &options,
                               climb->watch ? climb->watch->cancel : NULL, err);
    return climb->ascend;
}

static void close_climb(struct climb *climb)
{
    ascend_free(climb->ascend);
    free(climb->pixels);
    free(climb->photo);
    buf_release(&climb->png);
    pngout_scratch_release(&climb->scratch);
}

bool engine_ascend_find(struct engine_session *session,
                        struct engine_ascend *found,
                        const struct engine_ascend_request *request,
                        bool has_photo, const struct engine_ascend_watch *watch,
                        struct error *err)
{
    const struct engine *engine = session->engine;
    struct climb climb = {.request = request, .watch = watch};
    const struct ascend_watch inner = {
        .cancel = watch ? watch->cancel : NULL,
        .step = watch && watch->step ? note_step : NULL,
        .user = &climb,
    };
    uint64_t start = clock_now_us();
    bool ok;

    engine_ascend_size(engine, request, &climb.height, &climb.width);
    ok = engine_ascend_check(engine, request, err) &&
         open_climb(&climb, session, has_photo, err) &&
         ascend_run(climb.ascend, &found->result, climb.photo, &inner, err) &&
         draw(&climb, &found->picture, err);
    if (climb.ascend)
        session->num_runs += ascend_num_passes(climb.ascend);
    close_climb(&climb);
    session->timing.infer = found->ms = clock_ms_since(start);
    found->height = climb.height;
    found->width = climb.width;
    found->rate = rate_of(request);
    found->layer = request->target.is_class
                       ? NULL
                       : &engine->network.layers.list[request->target.layer];
    found->photo = has_photo ? &session->image : NULL;
    return ok;
}

void engine_ascend_release(struct engine_ascend *found)
{
    buf_release(&found->picture);
    *found = (struct engine_ascend){0};
}

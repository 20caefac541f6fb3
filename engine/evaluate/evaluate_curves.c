#include "engine/evaluate/evaluate_curves.h"

#include <stdlib.h>
#include <string.h>

#include "engine/evaluate/pixel_curve.h"

struct evaluate_curves {
    struct engine_session *session; /* borrowed */
    struct pixel_curve_size size;
    float baseline[3];
    size_t num_maps, steps, class_index;
    size_t num_pixels, num_values;
    float *image, *hidden, *blurred; /* (height, width, channels) owned */
    float *scratch;                  /* likewise */
    uint32_t *orders;                /* (num_maps, height * width) owned */
    struct heatmap_scratch heatmap;
};

struct evaluate_curves *evaluate_curves_new(const struct engine *engine,
                                            struct engine_session *session,
                                            size_t num_maps, size_t steps,
                                            struct error *err)
{
    struct evaluate_curves *curves = calloc(1, sizeof *curves);
    struct engine_info info;

    if (!curves) {
        fail(err, ERROR_MEMORY, "not enough memory for curves");
        return NULL;
    }
    engine_info(engine, &info);
    curves->session = session;
    curves->size = (struct pixel_curve_size){
        info.input_height, info.input_width, info.input_channels};
    memcpy(curves->baseline, info.baseline, sizeof curves->baseline);
    curves->num_maps = num_maps;
    curves->steps = steps;
    curves->num_pixels = info.input_height * info.input_width;
    curves->num_values = curves->num_pixels * info.input_channels;
    curves->image = calloc(4 * curves->num_values, sizeof(float));
    curves->orders = calloc(num_maps * curves->num_pixels, sizeof(uint32_t));
    if (!curves->image || !curves->orders) {
        fail(err, ERROR_MEMORY, "not enough memory for curves");
        evaluate_curves_free(curves);
        return NULL;
    }
    curves->hidden = curves->image + curves->num_values;
    curves->blurred = curves->hidden + curves->num_values;
    curves->scratch = curves->blurred + curves->num_values;
    return curves;
}

bool evaluate_curves_add(struct evaluate_curves *curves, size_t i,
                         const float *values, size_t height, size_t width,
                         struct error *err)
{
    const struct pixel_curve_size *size = &curves->size;
    const struct heatmap_region whole = {0, 0, (double)size->width,
                                         (double)size->height};

    if (!heatmap_upsample(curves->scratch, size->height, size->width, values,
                          height, width, &whole, &curves->heatmap, err))
        return false;
    pixel_curve_order(curves->orders + i * curves->num_pixels, curves->scratch,
                      curves->num_pixels);
    return true;
}

/* For pixel_curve: runs the network on its input. */
static bool score(void *user, double *score, struct error *err)
{
    struct evaluate_curves *curves = user;

    if (!engine_session_run(curves->session, err))
        return false;
    *score =
        (double)engine_session_scores(curves->session)[curves->class_index];
    return true;
}

static bool score_of(struct evaluate_curves *curves, double *found,
                     const float *image, struct error *err)
{
    memcpy(engine_session_input(curves->session), image,
           curves->num_values * sizeof *image);
    return score(curves, found, err);
}

static void fill_hidden(struct evaluate_curves *curves)
{
    size_t channels = curves->size.channels;

    for (size_t i = 0; i < curves->num_values; i++)
        curves->hidden[i] = curves->baseline[i % channels];
}

bool evaluate_curves_measure(struct evaluate_curves *curves,
                             struct evaluate_curve_areas *areas,
                             size_t class_index, struct error *err)
{
    struct engine_session *session = curves->session;
    double unchanged, hidden, blurred;

    curves->class_index = class_index;
    memcpy(curves->image, engine_session_input(session),
           curves->num_values * sizeof(float));
    unchanged = (double)engine_session_scores(session)[class_index];
    fill_hidden(curves);
    pixel_curve_blur(curves->blurred, curves->scratch, curves->image,
                     &curves->size);
    if (!score_of(curves, &hidden, curves->hidden, err) ||
        !score_of(curves, &blurred, curves->blurred, err))
        return false;
    for (size_t i = 0; i < curves->num_maps; i++) {
        struct pixel_curve curve = {
            .size = curves->size,
            .from = curves->image,
            .to = curves->hidden,
            .order = curves->orders + i * curves->num_pixels,
            .steps = curves->steps,
            .first = unchanged,
            .last = hidden,
            .input = engine_session_input(session),
            .score = score,
            .user = curves,
        };

        if (!pixel_curve_area(&areas[i].deletion, &curve, err))
            return false;
        curve.from = curves->blurred;
        curve.to = curves->image;
        curve.first = blurred;
        curve.last = unchanged;
        if (!pixel_curve_area(&areas[i].insertion, &curve, err))
            return false;
    }
    return true;
}

void evaluate_curves_free(struct evaluate_curves *curves)
{
    if (!curves)
        return;
    heatmap_scratch_release(&curves->heatmap);
    free(curves->image);
    free(curves->orders);
    free(curves);
}

#include "engine/engine_fine.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/scratch.h"

/* The least share of the image's sides that is looked at: an object that is
 * smaller is not seen any better. */
static const double LEAST = 0.25;

/* From this share of both sides on, the part is the whole. */
static const double MOST = 0.95;

/* ---- the part ---- */

/* Moves a stretch of a length between two ends, and shortens it if they are
 * closer. */
static void fit(double *start, double *len, double low, double high)
{
    *len = fmin(*len, high - low);
    *start = fmin(fmax(*start, low), high - *len);
}

/* Widens the part to the input's shape, for a network that takes images
 * undistorted. */
static void keep_shape(double *width, double *height,
                       const struct preprocess_spec *spec)
{
    double shape = (double)spec->width / spec->height;

    if (spec->resize == PREPROCESS_STRETCH)
        return;
    *width = fmax(*width, *height * shape);
    *height = fmax(*height, *width / shape);
}

bool engine_fine_choose(const struct engine_fine *fine,
                        struct preprocess_region *part, const struct box *box,
                        const struct preprocess_region *covered)
{
    const struct engine_fine_source *source = &fine->source;
    const double image_width = source->image->width;
    const double image_height = source->image->height;
    const double left = fmax(covered->x, 0), top = fmax(covered->y, 0);
    const double right = fmin(covered->x + covered->width, image_width);
    const double bottom = fmin(covered->y + covered->height, image_height);

    part->width = fmax(FINE_AROUND * box->width, LEAST * image_width);
    part->height = fmax(FINE_AROUND * box->height, LEAST * image_height);
    keep_shape(&part->width, &part->height, source->spec);
    part->x = box->x + box->width / 2.0 - part->width / 2;
    part->y = box->y + box->height / 2.0 - part->height / 2;
    fit(&part->x, &part->width, left, right);
    fit(&part->y, &part->height, top, bottom);
    return part->width < MOST * (right - left) ||
           part->height < MOST * (bottom - top);
}

/* ---- its cells ---- */

static struct object_grid grid_of(const struct network *network,
                                  struct plan_session *plan, int value)
{
    const struct graph_shape *shape = &network->graph.values[value].shape;

    return (struct object_grid){
        .values = plan_session_data(plan, value),
        .height = shape->dim[1],
        .width = shape->dim[2],
        .channels = shape->dim[3],
    };
}

struct object_stages engine_fine_stages(const struct network *network,
                                        struct plan_session *plan)
{
    const struct stage *stage = &network->stage;
    struct object_stages stages = {grid_of(network, plan, stage->value), {0}};

    if (stage->finer != GRAPH_NONE)
        stages.finer = grid_of(network, plan, stage->finer);
    return stages;
}

bool engine_fine_look(struct engine_fine *fine, struct engine_fine_part *part,
                      struct error *err)
{
    const struct engine_fine_source *source = &fine->source;
    const struct network *network = source->network;

    if (!fine->plan)
        fine->plan = plan_session_new(network->plan, source->team, err);
    if (!fine->plan)
        return false;
    if (!preprocess_apply_part(
            source->preprocess,
            plan_session_data(fine->plan, network->graph.inputs[0]),
            &part->region, source->image, err) ||
        !plan_session_run(fine->plan, err))
        return false;
    fine->num_runs++;
    part->stages = engine_fine_stages(network, fine->plan);
    return true;
}

/* ---- the two maps ---- */

/* Cuts the part out of a map of a region, on the part's finest cells. */
static bool cut(float *out, struct engine_fine *fine,
                const struct object_grid *map,
                const struct preprocess_region *region,
                const struct engine_fine_part *part, struct error *err)
{
    const struct object_grid *finest = object_finest(&part->stages);
    const double x = (double)finest->width / part->region.width;
    const double y = (double)finest->height / part->region.height;
    const struct heatmap_region on_cells = {
        (region->x - part->region.x) * x, (region->y - part->region.y) * y,
        region->width * x, region->height * y};

    return heatmap_upsample(out, finest->height, finest->width, map->values,
                            map->height, map->width, &on_cells, &fine->heatmap,
                            err);
}

/* Sets values, min and max to the mean of two maps, unless nothing would be
 * above the threshold of a box. */
static bool take_mean(struct explain_map *map, const float *before,
                      const float *closer)
{
    static const float thresholds[] = OBJECT_THRESHOLDS;
    const size_t count = map->height * map->width;
    float min = INFINITY, max = 0;

    for (size_t i = 0; i < count; i++) {
        min = fminf(min, (before[i] + closer[i]) / 2);
        max = fmaxf(max, (before[i] + closer[i]) / 2);
    }
    if (!(max > thresholds[0]))
        return false;
    for (size_t i = 0; i < count; i++)
        map->values[i] = (before[i] + closer[i]) / 2;
    map->min = min;
    map->max = max;
    return true;
}

bool engine_fine_refine(struct engine_fine *fine, struct explain_map *refined,
                        const char **refusal, struct object_scratch *scratch,
                        const struct engine_fine_part *part,
                        const struct object_grid *seed, bool is_of_part,
                        struct error *err)
{
    const struct object_grid map = {refined->values, refined->height,
                                    refined->width, 1};
    struct object_grid chosen = *seed;
    const size_t count = refined->height * refined->width;
    float *before, *closer, *seed_cut;

    fine->floats = scratch_reserve(fine->floats, &fine->cap, 3 * count,
                                   sizeof(float), err);
    if (!fine->floats)
        return false;
    before = fine->floats;
    closer = before + count;
    seed_cut = closer + count;
    if (!cut(before, fine, &map, &refined->region, part, err) ||
        (!is_of_part &&
         !cut(seed_cut, fine, seed, &refined->region, part, err)))
        return false;
    if (!is_of_part)
        chosen = (struct object_grid){seed_cut, map.height, map.width, 1};
    if (!object_refine_stages(closer, refusal, scratch, &chosen, &part->stages,
                              err))
        return false;
    if (!*refusal && !take_mean(refined, before, closer))
        *refusal = "no cell is much more like the object than like what is "
                   "around it";
    if (!*refusal)
        refined->region = part->region;
    return true;
}

void engine_fine_release(struct engine_fine *fine)
{
    plan_session_free(fine->plan);
    heatmap_scratch_release(&fine->heatmap);
    free(fine->floats);
    *fine = (struct engine_fine){0};
}

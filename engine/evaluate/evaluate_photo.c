#include "engine/evaluate/evaluate_photo.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/buf.h"
#include "engine/base/clock.h"
#include "engine/base/scratch.h"
#include "engine/evaluate/evaluate_curves.h"
#include "engine/evaluate/map_score.h"
#include "engine/explain/random.h"

enum {
    SIDE = LEVEL_MAP_SIDE,
    RANDOM_CELLS = 7, /* along each side, where the model has no layer */
};

/* The side of the centred box, as a share of the picture's. */
static const double CENTRED = .8;

struct evaluate_photo {
    const struct evaluate_options *options; /* borrowed */
    const struct engine *engine;            /* borrowed */
    struct engine_session *session;         /* owned */
    struct engine_info info;
    struct buf file;       /* owned */
    const char *sampled;   /* the file whose pass is in the session; borrowed */
    double ms;             /* of that: from its bytes to the logits */
    struct iou_box *truth; /* (num_truth) in pixels of the photo; owned */
    struct iou_box *cells; /* (num_truth) in cells of the grid; owned */
    struct iou_box *given; /* (num_truth) as the data set has them; owned */
    size_t truth_cap, cells_cap, given_cap, num_truth;
    double given_width, given_height;   /* of the photo, likewise */
    double width, height;               /* of the photo */
    struct preprocess_region region;    /* that maps cover */
    struct evaluate_curves *curves;     /* owned; NULL: not measured */
    struct evaluate_curve_areas *areas; /* (num_maps + 1) owned */
    size_t random_height, random_width; /* cells */
    float *random;               /* (random_height, random_width) owned */
    float grid[LEVEL_MAP_CELLS]; /* a map over the whole picture */
    uint8_t levels[LEVEL_MAP_CELLS];
    struct heatmap_scratch heatmap;
    struct level_map_scratch level_map;
    struct box_levels_scratch box_levels;
    struct render render;
};

struct evaluate_photo *
evaluate_photo_new(const struct evaluate_options *options,
                   const struct engine *engine, struct error *err)
{
    struct evaluate_photo *photo = calloc(1, sizeof *photo);
    bool ok = false;

    if (!photo) {
        fail(err, ERROR_MEMORY, "not enough memory for a photo");
        return NULL;
    }
    photo->options = options;
    photo->engine = engine;
    engine_info(engine, &photo->info);
    photo->areas = calloc(options->num_maps + 1, sizeof *photo->areas);
    photo->random_height =
        photo->info.map_height > 0 ? photo->info.map_height : RANDOM_CELLS;
    photo->random_width =
        photo->info.map_width > 0 ? photo->info.map_width : RANDOM_CELLS;
    photo->random = calloc(photo->random_height * photo->random_width,
                           sizeof *photo->random);
    if (!photo->areas || !photo->random) {
        fail(err, ERROR_MEMORY, "not enough memory for a photo");
        goto out;
    }
    photo->session = engine_session_new(engine, NULL, err);
    if (photo->session)
        engine_session_keep_all(photo->session);
    if (photo->session && options->curve_steps > 0)
        photo->curves =
            evaluate_curves_new(engine, photo->session, options->num_maps + 1,
                                options->curve_steps, err);
    ok = photo->session && (photo->curves || options->curve_steps == 0);
out:
    if (!ok) {
        evaluate_photo_free(photo);
        photo = NULL;
    }
    return photo;
}

/* ---- the photo and its class ---- */

static bool classify(struct evaluate_photo *photo, const char *file,
                     struct error *err)
{
    const struct evaluate_options *options = photo->options;
    struct engine_timing timing;

    if (photo->sampled == file)
        return true;
    photo->sampled = NULL;
    buf_clear(&photo->file);
    if (!buf_append_file(&photo->file, file, options->max_bytes, err) ||
        !engine_session_sample(photo->session, photo->file.data,
                               photo->file.len, &options->limits, NULL, err) ||
        !engine_session_run(photo->session, err))
        return false;
    engine_session_timing(photo->session, &timing);
    photo->ms = timing.decode + timing.preprocess + timing.infer;
    photo->sampled = file;
    return true;
}

/* Finds the right class with the largest logit, or the best one if none is
 * known. */
static bool choose_class(const struct evaluate_photo *photo,
                         struct result_photo *out,
                         const struct dataset_item *item, struct error *err)
{
    const float *logits = engine_session_logits(photo->session);
    bool is_known = false;

    out->class_index = out->rank = 0;
    for (size_t i = 0; i < item->num_classes; i++) {
        size_t index;

        if (!engine_find_class(photo->engine, &index, item->classes[i]))
            continue;
        if (!is_known || logits[index] > logits[out->class_index])
            out->class_index = index;
        is_known = true;
    }
    if (item->num_classes > 0 && !is_known)
        return fail(err, ERROR_INPUT, "the model has no class \"%.80s\"",
                    item->classes[0]);
    for (size_t i = 0; i < photo->info.num_classes; i++) {
        if (is_known)
            out->rank += logits[i] > logits[out->class_index];
        else if (logits[i] > logits[out->class_index])
            out->class_index = i;
    }
    out->rank += is_known;
    return true;
}

/* ---- what is true ---- */

static struct iou_box *reserve_boxes(struct iou_box *boxes, size_t *cap,
                                     const struct dataset_item *item,
                                     struct error *err)
{
    return scratch_reserve(boxes, cap, item->num_boxes + 1, sizeof *boxes, err);
}

/* Sets the true boxes, and the largest one's share of the photo. */
static bool set_truth(struct evaluate_photo *photo, struct result_photo *out,
                      const struct dataset_item *item, struct error *err)
{
    double across, down;

    photo->truth = reserve_boxes(photo->truth, &photo->truth_cap, item, err);
    photo->cells = reserve_boxes(photo->cells, &photo->cells_cap, item, err);
    photo->given = reserve_boxes(photo->given, &photo->given_cap, item, err);
    if (!photo->truth || !photo->cells || !photo->given)
        return false;
    photo->num_truth = item->num_boxes;
    photo->given_width = item->width > 0 ? item->width : photo->width;
    photo->given_height = item->height > 0 ? item->height : photo->height;
    across = photo->width / photo->given_width;
    down = photo->height / photo->given_height;
    out->share = NAN;
    for (size_t i = 0; i < item->num_boxes; i++) {
        const struct dataset_box *box = &item->boxes[i];
        double x = SIDE / photo->width, y = SIDE / photo->height;
        struct iou_box *to = &photo->truth[i];

        *to = (struct iou_box){box->x0 * across, box->y0 * down,
                               box->x1 * across, box->y1 * down};
        photo->given[i] = (struct iou_box){box->x0, box->y0, box->x1, box->y1};
        photo->cells[i] =
            (struct iou_box){to->x0 * x, to->y0 * y, to->x1 * x, to->y1 * y};
        out->share = fmax(out->share, (to->x1 - to->x0) * (to->y1 - to->y0) /
                                          (photo->width * photo->height));
    }
    return true;
}

/* ---- a map ---- */

static const struct result NOTHING = {
    .pointing = NAN,
    .energy = NAN,
    .deletion = NAN,
    .insertion = NAN,
    .check = NAN,
    .ms = NAN,
};

/* How far apart the numbers of the map's checks are, at most; numbers beyond 1
 * are compared as shares. */
static double worst_check(const struct explain_map *map)
{
    double worst = NAN;

    for (size_t i = 0; i < map->num_checks; i++) {
        const struct explain_check *check = &map->checks[i];
        double off = fabs(check->found - check->expected) /
                     fmax(1, fabs(check->expected));

        worst = fmax(worst, off);
    }
    return worst;
}

/* Measures what does not depend on the rule for boxes. */
static bool measure_map(struct evaluate_photo *photo, struct result *result,
                        const float *values, size_t height, size_t width,
                        struct error *err)
{
    const struct preprocess_region *region = &photo->region;
    const struct box_levels_truth truth = {photo->given_width,
                                           photo->given_height, photo->given,
                                           photo->num_truth};
    double across = SIDE / photo->width, down = SIDE / photo->height, x, y;
    const struct heatmap_region on_grid = {region->x * across, region->y * down,
                                           region->width * across,
                                           region->height * down};
    const struct level_map_region share = {on_grid.x / SIDE, on_grid.y / SIDE,
                                           on_grid.width / SIDE,
                                           on_grid.height / SIDE};
    struct box_levels found;

    if (photo->num_truth == 0)
        return true;
    if (!heatmap_upsample(photo->grid, SIDE, SIDE, values, height, width,
                          &on_grid, &photo->heatmap, err) ||
        !level_map_make(photo->levels, &photo->level_map, values, height, width,
                        &share, err) ||
        !box_levels_find(&found, &photo->box_levels, photo->levels, &truth,
                         err))
        return false;
    result_levels_find(result->levels, &found);
    result->energy = map_score_energy(photo->grid, SIDE, SIDE, photo->cells,
                                      photo->num_truth);
    if (isnan(result->energy))
        result->energy = 0;
    result->pointing = map_score_peak(&x, &y, values, height, width) &&
                       map_score_hits(region->x + x * region->width,
                                      region->y + y * region->height,
                                      photo->truth, photo->num_truth);
    return true;
}

static void set_box(struct evaluate_photo *photo, struct result *result,
                    const struct box *box, bool has_box)
{
    result->has_box = has_box;
    result->iou = 0;
    if (!has_box)
        return;
    result->box = (struct iou_box){box->x, box->y, (double)box->x + box->width,
                                   (double)box->y + box->height};
    result->iou = iou_best(&result->box, photo->truth, photo->num_truth);
}

static struct box_place place_of(const struct evaluate_photo *photo,
                                 const struct explain_map *map)
{
    return (struct box_place){
        .width = (uint32_t)photo->width,
        .height = (uint32_t)photo->height,
        .cell_width = map->region.width / (double)map->width,
        .cell_height = map->region.height / (double)map->height,
    };
}

/* Makes one map and measures its rows. */
static bool measure_rows(struct evaluate_photo *photo, struct result_photo *out,
                         size_t i, struct result *rows, struct error *err)
{
    const struct evaluate_map *map = &photo->options->maps[i];
    struct explain_request request = map->request;
    struct explanation explanation;
    const struct explained_class *class;
    uint64_t start = clock_now_us();

    request.classes[0] = out->class_index;
    request.num_classes = request.top = 1;
    request.box = map->boxes[0];
    request.style.kind = RENDER_NONE;
    if (!engine_session_explain_again(photo->session, &explanation, &request,
                                      NULL, err))
        return false;
    rows[0] = NOTHING;
    rows[0].ms = photo->ms + clock_ms_since(start);
    class = explanation.first;
    if (!class->map)
        return fail(err, ERROR_UNSUPPORTED, "%s", explanation.refusal);
    photo->region = class->map->region;
    if (i == 0)
        out->place = place_of(photo, class->map);
    rows[0].check = worst_check(class->map);
    if (!measure_map(photo, &rows[0], class->map->values, class->map->height,
                     class->map->width, err) ||
        (photo->curves &&
         !evaluate_curves_add(photo->curves, i, class->map->values,
                              class->map->height, class->map->width, err)))
        return false;
    for (size_t k = 0; k < map->num_boxes; k++) {
        rows[k] = rows[0];
        if (k > 0 && !engine_session_box_again(photo->session, &explanation,
                                               &map->boxes[k], err))
            return false;
        set_box(photo, &rows[k], &class->box, class->has_box);
    }
    return true;
}

/* ---- the baselines ---- */

/* A box about the centre, with a share of each side. */
static void measure_centred(struct evaluate_photo *photo, struct result *row,
                            double side)
{
    double left = (1 - side) / 2, right = (1 + side) / 2;

    *row = NOTHING;
    row->has_box = true;
    row->box = (struct iou_box){left * photo->width, left * photo->height,
                                right * photo->width, right * photo->height};
    row->iou = iou_best(&row->box, photo->truth, photo->num_truth);
    if (photo->num_truth == 0)
        return;
    result_levels_fill(row->levels, row->iou);
    for (size_t i = 0; i < LEVEL_MAP_CELLS; i++) {
        double x = ((double)(i % SIDE) + .5) / SIDE;
        double y = ((double)(i / SIDE) + .5) / SIDE;

        photo->grid[i] = x > left && x < right && y > left && y < right;
    }
    row->energy = map_score_energy(photo->grid, SIDE, SIDE, photo->cells,
                                   photo->num_truth);
    row->pointing = map_score_hits(photo->width / 2, photo->height / 2,
                                   photo->truth, photo->num_truth);
}

/* A map of random cells, the same whenever the item is measured. */
static bool measure_random(struct evaluate_photo *photo, struct result *row,
                           size_t item, const struct image *image,
                           struct error *err)
{
    size_t height = photo->random_height, width = photo->random_width;
    struct box_options options = photo->options->maps[0].boxes[0];
    const struct render_map map = {
        .values = photo->random,
        .width = width,
        .height = height,
        .scale = 1,
        .region = photo->region,
        .image = image,
    };
    struct box_found found;

    *row = NOTHING;
    if (!options.calibrated)
        options.calibrated = photo->info.box;
    for (size_t i = 0; i < height * width; i++)
        photo->random[i] = (float)random_uniform(item, i);
    if (!render_boxes(&photo->render, &found, &map, &options, err) ||
        !measure_map(photo, row, photo->random, height, width, err) ||
        (photo->curves &&
         !evaluate_curves_add(photo->curves, photo->options->num_maps,
                              photo->random, height, width, err)))
        return false;
    set_box(photo, row, &found.box, found.count > 0);
    return true;
}

/* ---- all rows ---- */

static void set_curves(const struct evaluate_photo *photo, struct result *rows,
                       size_t num_rows, size_t map)
{
    for (size_t i = 0; i < num_rows; i++) {
        rows[i].deletion = photo->areas[map].deletion;
        rows[i].insertion = photo->areas[map].insertion;
    }
}

static bool measure_curves(struct evaluate_photo *photo,
                           struct result_photo *out, struct error *err)
{
    const struct evaluate_options *options = photo->options;
    struct result *rows = out->results;

    photo->sampled = NULL;
    if (!evaluate_curves_measure(photo->curves, photo->areas, out->class_index,
                                 err))
        return false;
    for (size_t i = 0; i < options->num_maps; i++) {
        set_curves(photo, rows, options->maps[i].num_boxes, i);
        rows += options->maps[i].num_boxes;
    }
    set_curves(photo, &rows[EVALUATE_RANDOM], 1, options->num_maps);
    return true;
}

static bool measure(struct evaluate_photo *photo, struct result_photo *out,
                    const struct dataset_item *item, struct error *err)
{
    const struct evaluate_options *options = photo->options;
    const struct image *image;
    struct result *rows = out->results;

    if (!classify(photo, item->file, err) ||
        !choose_class(photo, out, item, err))
        return false;
    image = engine_session_image(photo->session);
    photo->width = image->width;
    photo->height = image->height;
    if (!set_truth(photo, out, item, err))
        return false;
    for (size_t i = 0; i < options->num_maps; i++) {
        if (!measure_rows(photo, out, i, rows, err))
            return false;
        rows += options->maps[i].num_boxes;
    }
    measure_centred(photo, &rows[EVALUATE_WHOLE], 1);
    measure_centred(photo, &rows[EVALUATE_CENTRED], CENTRED);
    rows[EVALUATE_WHOLE].pointing = NAN; /* it has no peak */
    return measure_random(photo, &rows[EVALUATE_RANDOM], out->item, image,
                          err) &&
           (!photo->curves || measure_curves(photo, out, err));
}

void evaluate_photo_measure(struct evaluate_photo *photo,
                            struct result_photo *out,
                            const struct dataset_item *item)
{
    struct error err = {0};

    out->name = item->name;
    out->error[0] = '\0';
    if (!measure(photo, out, item, &err))
        snprintf(out->error, sizeof out->error, "%s", err.text);
}

void evaluate_photo_free(struct evaluate_photo *photo)
{
    if (!photo)
        return;
    evaluate_curves_free(photo->curves);
    engine_session_free(photo->session);
    buf_release(&photo->file);
    heatmap_scratch_release(&photo->heatmap);
    level_map_release(&photo->level_map);
    box_levels_release(&photo->box_levels);
    render_release(&photo->render);
    free(photo->truth);
    free(photo->cells);
    free(photo->given);
    free(photo->areas);
    free(photo->random);
    free(photo);
}

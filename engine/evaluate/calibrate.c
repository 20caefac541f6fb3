#include "engine/evaluate/calibrate.h"

#include <math.h>
#include <stdlib.h>

#include "engine/evaluate/iou.h"
#include "engine/model/model_box.h"

/* The grid: besides the thresholds, scales around 1 and shifts around 0. */
enum { SCALES = 13, FULL_SCALE = 6, SHIFTS = 13, NO_SHIFT = 6, PAPER = 10 };

static const double overlaps[CALIBRATE_OVERLAPS] = {.3, .5, .7};

/* An item, and its boxes at each threshold; of width 0 where there is none. */
struct sample {
    size_t fold;
    struct box_place place;
    struct box boxes[CALIBRATE_THRESHOLDS];
    size_t first, num; /* its true boxes, in calibrate->truth */
};

struct calibrate {
    size_t num_folds;
    struct sample *samples; /* (count) owned */
    size_t count, cap;
    struct iou_box *truth; /* (num_truth) owned */
    size_t num_truth, truth_cap;
    const char *file; /* of the item before; only compared */
    size_t num_photos;
};

float calibrate_threshold(size_t i)
{
    return (float)i / 50;
}

void calibrate_boxes(struct box_options boxes[CALIBRATE_THRESHOLDS])
{
    for (size_t i = 0; i < CALIBRATE_THRESHOLDS; i++)
        boxes[i] = (struct box_options){
            .rule = BOX_PAPER, .threshold = calibrate_threshold(i), .most = 1};
}

struct calibrate *calibrate_new(size_t num_folds, struct error *err)
{
    struct calibrate *calibrate = calloc(1, sizeof *calibrate);

    if (calibrate)
        calibrate->num_folds = num_folds;
    else
        fail(err, ERROR_MEMORY, "not enough memory for a calibration");
    return calibrate;
}

/* ---- samples ---- */

/* Returns `array` with space for `count` more elements than `used`, or NULL. */
static void *grow(void *array, size_t *cap, size_t used, size_t count,
                  size_t size, struct error *err)
{
    size_t larger = 2 * (used + count);
    void *moved;

    if (count <= *cap - used)
        return array;
    moved = larger <= SIZE_MAX / size ? realloc(array, larger * size) : NULL;
    if (!moved)
        fail(err, ERROR_MEMORY, "not enough memory for %zu photos", larger);
    else
        *cap = larger;
    return moved;
}

/* Adds the item's true boxes, in pixels of the photo. */
static bool add_truth(struct calibrate *calibrate,
                      const struct dataset_item *item,
                      const struct box_place *place, struct error *err)
{
    double across = item->width > 0 ? (double)place->width / item->width : 1;
    double down = item->height > 0 ? (double)place->height / item->height : 1;
    struct iou_box *truth =
        grow(calibrate->truth, &calibrate->truth_cap, calibrate->num_truth,
             item->num_boxes, sizeof *truth, err);

    if (!truth)
        return false;
    calibrate->truth = truth;
    for (size_t i = 0; i < item->num_boxes; i++) {
        const struct dataset_box *box = &item->boxes[i];

        truth[calibrate->num_truth++] = (struct iou_box){
            box->x0 * across, box->y0 * down, box->x1 * across, box->y1 * down};
    }
    return true;
}

static struct box to_box(const struct result *result)
{
    if (!result->has_box)
        return (struct box){0};
    return (struct box){
        .x = (uint32_t)result->box.x0,
        .y = (uint32_t)result->box.y0,
        .width = (uint32_t)(result->box.x1 - result->box.x0),
        .height = (uint32_t)(result->box.y1 - result->box.y0),
    };
}

bool calibrate_add(struct calibrate *calibrate, const struct dataset_item *item,
                   const struct result_photo *photo, struct error *err)
{
    struct sample *samples, *to;

    if (photo->error[0] || item->num_boxes == 0)
        return true;
    samples = grow(calibrate->samples, &calibrate->cap, calibrate->count, 1,
                   sizeof *samples, err);
    if (!samples)
        return false;
    calibrate->samples = samples;
    to = &samples[calibrate->count];
    to->first = calibrate->num_truth;
    if (!add_truth(calibrate, item, &photo->place, err))
        return false;
    calibrate->num_photos += item->file != calibrate->file;
    calibrate->file = item->file;
    to->fold = (calibrate->num_photos - 1) % calibrate->num_folds;
    to->num = item->num_boxes;
    to->place = photo->place;
    for (size_t i = 0; i < CALIBRATE_THRESHOLDS; i++)
        to->boxes[i] = to_box(&photo->results[i]);
    calibrate->count++;
    return true;
}

/* ---- a setting ---- */

/* A point of the grid. */
struct point {
    size_t threshold, scale, shift_x, shift_y;
};

/* Counts over items. */
struct tries {
    size_t count, right[CALIBRATE_OVERLAPS];
    double overlap; /* the sum */
};

static struct calibrate_setting setting_of(const struct point *point)
{
    return (struct calibrate_setting){
        .threshold = calibrate_threshold(point->threshold),
        .scale = 1 + ((float)point->scale - FULL_SCALE) / 20,
        .shift_x = ((float)point->shift_x - NO_SHIFT) / 8,
        .shift_y = ((float)point->shift_y - NO_SHIFT) / 8,
    };
}

static double overlap_of(const struct calibrate *calibrate,
                         const struct sample *sample, size_t threshold,
                         const struct box_options *options)
{
    struct box box = sample->boxes[threshold];

    if (box.width == 0)
        return 0;
    box_adjust(&box, options, &sample->place);
    return iou_best(&(struct iou_box){box.x, box.y, (double)box.x + box.width,
                                      (double)box.y + box.height},
                    calibrate->truth + sample->first, sample->num);
}

/* Tries a setting on each fold. */
static void try(const struct calibrate *calibrate,
                struct tries tries[CALIBRATE_MAX_FOLDS],
                const struct point *point)
{
    struct calibrate_setting setting = setting_of(point);
    const struct model_box how = {
        .scale = setting.scale,
        .shift_x = setting.shift_x,
        .shift_y = setting.shift_y,
    };
    const struct box_options options = {.rule = BOX_CALIBRATED,
                                        .calibrated = &how};

    for (size_t i = 0; i < CALIBRATE_MAX_FOLDS; i++)
        tries[i] = (struct tries){0};
    for (size_t i = 0; i < calibrate->count; i++) {
        const struct sample *sample = &calibrate->samples[i];
        struct tries *to = &tries[sample->fold];
        double overlap =
            overlap_of(calibrate, sample, point->threshold, &options);

        to->count++;
        to->overlap += overlap;
        for (size_t k = 0; k < CALIBRATE_OVERLAPS; k++)
            to->right[k] += overlap >= overlaps[k];
    }
}

static void add(struct tries *to, const struct tries *tries)
{
    to->count += tries->count;
    to->overlap += tries->overlap;
    for (size_t k = 0; k < CALIBRATE_OVERLAPS; k++)
        to->right[k] += tries->right[k];
}

/* The sum over all folds but one. */
static struct tries sum_without(const struct tries *tries, size_t num_folds,
                                size_t without)
{
    struct tries sum = {0};

    for (size_t i = 0; i < num_folds; i++)
        if (i != without)
            add(&sum, &tries[i]);
    return sum;
}

static struct calibrate_score score_of(const struct tries *tries)
{
    double count = (double)tries->count;
    struct calibrate_score score = {.overlap = tries->overlap / count};

    for (size_t k = 0; k < CALIBRATE_OVERLAPS; k++) {
        score.right[k] = (double)tries->right[k] / count;
        score.mean += score.right[k] / CALIBRATE_OVERLAPS;
    }
    return score;
}

static size_t sum_right(const struct tries *tries)
{
    size_t sum = 0;

    for (size_t k = 0; k < CALIBRATE_OVERLAPS; k++)
        sum += tries->right[k];
    return sum;
}

/* ---- the search ---- */

/* The best point so far for all items but those of a fold, or for all. */
struct best {
    struct point point;
    struct tries fitted, held_out;
};

static void consider(struct best *best, const struct point *point,
                     const struct tries *fitted, const struct tries *held_out)
{
    size_t right = sum_right(fitted), before = sum_right(&best->fitted);

    if (right > before ||
        (right == before && fitted->overlap > best->fitted.overlap))
        *best = (struct best){*point, *fitted, *held_out};
}

/* Tries all points; bests are those without each fold, and of all at the end.
 */
static void search(const struct calibrate *calibrate,
                   struct best bests[CALIBRATE_MAX_FOLDS + 1])
{
    static const struct tries nothing;
    const size_t num = calibrate->num_folds;
    struct tries tries[CALIBRATE_MAX_FOLDS], sum;

    for (size_t i = 0;
         i < (size_t)CALIBRATE_THRESHOLDS * SCALES * SHIFTS * SHIFTS; i++) {
        const struct point point = {
            .threshold = i / (SCALES * SHIFTS * SHIFTS),
            .scale = i / (SHIFTS * SHIFTS) % SCALES,
            .shift_x = i / SHIFTS % SHIFTS,
            .shift_y = i % SHIFTS,
        };

        try(calibrate, tries, &point);
        for (size_t fold = 0; fold < num; fold++) {
            sum = sum_without(tries, num, fold);
            consider(&bests[fold], &point, &sum, &tries[fold]);
        }
        sum = sum_without(tries, num, num);
        consider(&bests[num], &point, &sum, &nothing);
    }
}

/* The scores over the threshold at this scale and these shifts. */
static void trace(const struct calibrate *calibrate,
                  struct calibrate_score curve[CALIBRATE_THRESHOLDS],
                  struct point point)
{
    struct tries tries[CALIBRATE_MAX_FOLDS], sum;

    for (size_t i = 0; i < CALIBRATE_THRESHOLDS; i++) {
        point.threshold = i;
        try(calibrate, tries, &point);
        sum = sum_without(tries, calibrate->num_folds, calibrate->num_folds);
        curve[i] = score_of(&sum);
    }
}

bool calibrate_find(const struct calibrate *calibrate,
                    struct calibrate_result *result, struct error *err)
{
    const struct point plain = {0, FULL_SCALE, NO_SHIFT, NO_SHIFT};
    const size_t num = calibrate->num_folds;
    struct best bests[CALIBRATE_MAX_FOLDS + 1] = {0};
    struct tries held_out = {0};

    *result = (struct calibrate_result){
        .num_photos = calibrate->num_photos,
        .num_items = calibrate->count,
        .num_folds = num,
    };
    if (calibrate->num_photos < num)
        return fail(err, ERROR_INPUT,
                    "there are %zu photos with true boxes; %zu folds need at "
                    "least as many",
                    calibrate->num_photos, num);
    search(calibrate, bests);
    for (size_t i = 0; i < num; i++) {
        add(&held_out, &bests[i].held_out);
        result->folds[i] = (struct calibrate_found){
            .setting = setting_of(&bests[i].point),
            .fitted = score_of(&bests[i].fitted),
            .held_out = score_of(&bests[i].held_out),
        };
    }
    result->best = (struct calibrate_found){
        .setting = setting_of(&bests[num].point),
        .fitted = score_of(&bests[num].fitted),
        .held_out = score_of(&held_out),
    };
    trace(calibrate, result->adjusted, bests[num].point);
    trace(calibrate, result->plain, plain);
    result->paper = result->plain[PAPER];
    return true;
}

void calibrate_free(struct calibrate *calibrate)
{
    if (!calibrate)
        return;
    free(calibrate->samples);
    free(calibrate->truth);
    free(calibrate);
}

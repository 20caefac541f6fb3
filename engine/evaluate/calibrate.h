#ifndef ENGINE_EVALUATE_CALIBRATE_H
#define ENGINE_EVALUATE_CALIBRATE_H

/* Finds the rule `calibrated` (box.h) for a model: the threshold, scale and
 * shift whose boxes are right most often, the mean of the shares of photos
 * whose box overlaps a true one by at least .3, .5 and .7 (intersection over
 * union). All settings of a grid are tried; of equal ones, that with the larger
 * mean overlap wins.
 *
 *     calibrate = calibrate_new(num_folds, &err);
 *     calibrate_boxes(boxes);                          those of the only map
 *     calibrate_add(calibrate, &item, photo, &err)     from options.take
 *     calibrate_find(calibrate, &result, &err)         after evaluate()
 *
 * The photos are divided into folds. For each fold, the setting that is best
 * on the others is tried on it: how right boxes are on photos that had no part
 * in the choice. One thread at a time. */

#include <stddef.h>

#include "engine/base/error.h"
#include "engine/evaluate/dataset.h"
#include "engine/evaluate/result.h"
#include "engine/explain/box.h"

enum {
    CALIBRATE_THRESHOLDS = 49, /* 0, .02, … .96 */
    CALIBRATE_OVERLAPS = 3,
    CALIBRATE_HALF = 1, /* which of them is .5 */
    CALIBRATE_MIN_FOLDS = 2,
    CALIBRATE_MAX_FOLDS = 20,
};

/* As in model_box.h. */
struct calibrate_setting {
    float threshold, scale, shift_x, shift_y;
};

struct calibrate_score {
    double right[CALIBRATE_OVERLAPS]; /* shares of photos, at .3, .5 and .7 */
    double mean;                      /* of the three */
    double overlap;                   /* mean intersection over union */
};

/* The best setting for some photos, its score on them, and on others. */
struct calibrate_found {
    struct calibrate_setting setting;
    struct calibrate_score fitted, held_out;
};

struct calibrate_result {
    size_t num_photos, num_items; /* items: photos, or classes of them */
    struct calibrate_score paper; /* of the rule `paper` */
    /* for all photos; held_out is that of the folds' settings together */
    struct calibrate_found best;
    struct calibrate_found folds[CALIBRATE_MAX_FOLDS]; /* (num_folds) */
    size_t num_folds;
    /* over the threshold: with the best scale and shift, and without any */
    struct calibrate_score adjusted[CALIBRATE_THRESHOLDS];
    struct calibrate_score plain[CALIBRATE_THRESHOLDS];
};

struct calibrate;

float calibrate_threshold(size_t i);

/* The options for boxes at each threshold. */
void calibrate_boxes(struct box_options boxes[CALIBRATE_THRESHOLDS]);

/* CALIBRATE_MIN_FOLDS <= num_folds <= CALIBRATE_MAX_FOLDS. Returns NULL and
 * ERROR_MEMORY. */
struct calibrate *calibrate_new(size_t num_folds, struct error *err)
    __attribute__((warn_unused_result));

/* Adds the results of an item, whose first rows are those of calibrate_boxes;
 * items come in the order of the data set. Nothing is added of a photo with an
 * error or without a true box. Photos go to the folds in turn, all items of
 * one to the same. ERROR_MEMORY. */
bool calibrate_add(struct calibrate *calibrate, const struct dataset_item *item,
                   const struct result_photo *photo, struct error *err)
    __attribute__((warn_unused_result));

/* Finds the best settings. ERROR_INPUT: there are fewer photos than folds. */
bool calibrate_find(const struct calibrate *calibrate,
                    struct calibrate_result *result, struct error *err)
    __attribute__((warn_unused_result));

void calibrate_free(struct calibrate *calibrate);

#endif

#include "engine/evaluate/tally.h"

#include <math.h>

static void add(struct tally_mean *mean, double value)
{
    if (isnan(value))
        return;
    mean->sum += value;
    mean->count++;
}

static size_t size_of(double share)
{
    static const double limits[TALLY_SIZES - 1] = TALLY_LIMITS;
    size_t size = 0;

    while (size < TALLY_SIZES - 1 && share >= limits[size])
        size++;
    return size;
}

static void add_boxes(struct tally *tally, const struct result_photo *photo,
                      const struct result *result)
{
    bool is_found = result->iou >= .5;

    tally->num_boxed++;
    if (photo->rank > 0) {
        add(&tally->loc_top1, is_found && photo->rank == 1);
        add(&tally->loc_top5, is_found && photo->rank <= 5);
    }
    add(&tally->gt_known, is_found);
    add(&tally->iou, result->iou);
    add(&tally->by_size[size_of(photo->share)], is_found);
    for (size_t curve = 0; curve < RESULT_NUM_CURVES; curve++)
        for (size_t level = 0; level < BOX_LEVELS; level++)
            tally->hits[curve][level] +=
                result_levels_has(&result->levels[curve], level);
}

void tally_add(struct tally *tally, const struct result_photo *photo,
               const struct result *result)
{
    tally->num_photos++;
    if (photo->rank > 0) {
        add(&tally->top1, photo->rank == 1);
        add(&tally->top5, photo->rank <= 5);
    }
    if (!isnan(photo->share))
        add_boxes(tally, photo, result);
    add(&tally->pointing, result->pointing);
    add(&tally->energy, result->energy);
    add(&tally->deletion, result->deletion);
    add(&tally->insertion, result->insertion);
    add(&tally->ms, result->ms);
    if (!isnan(result->check)) {
        tally->check = tally->has_check ? fmax(tally->check, result->check)
                                        : result->check;
        tally->has_check = true;
    }
}

double tally_mean(const struct tally_mean *mean)
{
    return mean->count > 0 ? mean->sum / (double)mean->count : NAN;
}

double tally_accuracy(const struct tally *tally, enum result_curve curve,
                      size_t level)
{
    return tally->num_boxed > 0
               ? (double)tally->hits[curve][level] / (double)tally->num_boxed
               : NAN;
}

double tally_best(const struct tally *tally, enum result_curve curve,
                  size_t *level)
{
    *level = 0;
    for (size_t i = 1; i < BOX_LEVELS; i++)
        if (tally->hits[curve][i] > tally->hits[curve][*level])
            *level = i;
    return tally_accuracy(tally, curve, *level);
}

double tally_v2(const struct tally *tally)
{
    size_t level;

    return (tally_best(tally, RESULT_ANY_30, &level) +
            tally_best(tally, RESULT_ANY_50, &level) +
            tally_best(tally, RESULT_ANY_70, &level)) /
           3;
}

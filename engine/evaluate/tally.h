#ifndef ENGINE_EVALUATE_TALLY_H
#define ENGINE_EVALUATE_TALLY_H

/* Sums over photos for one row of the report, and the numbers that it shows.
 * docs/evaluate.md has their equations. One thread at a time. */

#include <stdint.h>

#include "engine/evaluate/result.h"

enum { TALLY_SIZES = 4 };

/* The shares of the picture at which the next size of objects begins. */
#define TALLY_LIMITS \
    {                \
        .1, .25, .5  \
    }

/* X(field): means over the photos for which the number is defined. */
#define TALLY_MEANS(X) \
    X(top1)            \
    X(top5)            \
    X(loc_top1)        \
    X(loc_top5)        \
    X(gt_known)        \
    X(iou)             \
    X(pointing)        \
    X(energy)          \
    X(deletion)        \
    X(insertion)       \
    X(ms)

struct tally_mean {
    double sum;
    uint64_t count;
};

/* `= {0}` is empty. */
struct tally {
    uint64_t num_photos;
#define X(field) struct tally_mean field;
    TALLY_MEANS(X)
#undef X
    struct tally_mean by_size[TALLY_SIZES]; /* of gt_known */
    double check;                           /* the largest, if any */
    bool has_check;
    uint64_t num_boxed; /* photos with a true box */
    uint64_t hits[RESULT_NUM_CURVES][BOX_LEVELS];
};

void tally_add(struct tally *tally, const struct result_photo *photo,
               const struct result *result);

/* The mean; NAN of nothing. */
double tally_mean(const struct tally_mean *mean);

/* The share of photos that count at a level of a curve; NAN without photos. */
double tally_accuracy(const struct tally *tally, enum result_curve curve,
                      size_t level);

/* The largest of a curve, and the first level that has it. */
double tally_best(const struct tally *tally, enum result_curve curve,
                  size_t *level);

/* The mean of the largest of the three curves of MaxBoxAccV2. */
double tally_v2(const struct tally *tally);

#endif

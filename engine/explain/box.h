#ifndef ENGINE_EXPLAIN_BOX_H
#define ENGINE_EXPLAIN_BOX_H

/* The bounding boxes of a map. A rule chooses the threshold; boxes enclose the
 * connected components (pieces.h) above it. docs/boxes.md describes the rules
 * for users. */

#include <stddef.h>
#include <stdint.h>

#include "engine/base/error.h"
#include "engine/explain/pieces.h"
#include "engine/model/model_box.h"

/* In whole pixels of the upright image: columns x to x + width - 1, and rows
 * likewise. */
struct box {
    uint32_t x, y, width, height;
    float threshold; /* as a fraction of the map's maximum */
    float share;     /* 0..1: its component's share of the sum of all positive
                        values of the map, if several boxes are asked for */
};

enum { BOX_MAX = 16 /* boxes of a map */ };

/* Of several boxes, one with a smaller share is a speck, and left out. */
#define BOX_LEAST_SHARE 0.001

struct box_found {
    size_t count;   /* of `list`; 0: nothing is above the threshold */
    struct box box; /* of the largest component by area */
    /* (count) this box if one is asked for; else those whose components have
     * the largest sums of values, the largest first; of equal ones, the one
     * whose first cell comes first; without specks */
    struct box list[BOX_MAX];
};

/* X(enumerator, name, kind)
 *
 * kind is `cut` for a rule that chooses the threshold (cut_NAME), and `find`
 * for one that has its own way to find boxes (box_NAME_find).
 *
 * paper       the threshold is `threshold` times the maximum (Zhou et al. 2016,
 *             section 3.2)
 * authors     what the code released with that paper does (bboxgenerator in
 *             github.com/zhoubolei/CAM): box_authors.h
 * gradcam     15 % of the maximum (Selvaraju et al. 2017, section 4.1)
 * otsu        the threshold that separates two groups of values best (Otsu
 *             1979, equation 18): the variance between them is the largest,
 *             over 256 bins from 0 to the maximum
 * percentile  the value that the share `percentile` of all cells does not
 *             exceed
 * calibrated  what was found for the model on photos with true boxes: a
 *             threshold, then a scale and a shift of the box (model_box.h)
 * object      for a refined map (object.h): the mean of boxes at several
 *             thresholds (box_object.h) */
#define BOX_RULES(X)                   \
    X(BOX_PAPER, paper, cut)           \
    X(BOX_AUTHORS, authors, find)      \
    X(BOX_GRADCAM, gradcam, cut)       \
    X(BOX_OTSU, otsu, cut)             \
    X(BOX_PERCENTILE, percentile, cut) \
    X(BOX_CALIBRATED, calibrated, cut) \
    X(BOX_OBJECT, object, find)

enum box_rule {
#define X(rule, ...) rule,
    BOX_RULES(X)
#undef X
};

/* X(enumerator, name in requests)
 *
 * How the rule `object` looks at an image: in the pass that classifies it; or
 * in a second pass as well, at a part around the object (engine_fine.h). */
#define BOX_QUALITIES(X)        \
    X(BOX_QUALITY_FAST, "fast") \
    X(BOX_QUALITY_FINE, "fine")

enum box_quality {
#define X(quality, name) quality,
    BOX_QUALITIES(X)
#undef X
};

#define BOX_THRESHOLD 0.2f    /* the paper's */
#define BOX_PERCENTILE_P 0.6f /* the default; docs/boxes.md says why */

struct box_options {
    enum box_rule rule;
    enum box_quality quality; /* of rule object */
    float threshold;  /* of rule paper, 0..1; negative or NaN counts as 0 */
    float percentile; /* of rule percentile, 0..1 */
    uint32_t most;    /* boxes in the list, up to BOX_MAX; 0 counts as 1 */
    const struct model_box *calibrated; /* of rule calibrated, which needs it;
                                           borrowed */
};

/* The options of a request that says nothing about boxes. */
#define BOX_OPTIONS_DEFAULT                                                    \
    {                                                                          \
        .threshold = BOX_THRESHOLD, .percentile = BOX_PERCENTILE_P, .most = 1, \
    }

/* The number of boxes that are asked for, 1 to BOX_MAX. */
size_t box_most(const struct box_options *options);

const char *box_rule_name(enum box_rule rule);

/* Scratch memory for box_find, reused from call to call; `= {0}` is empty. Its
 * size depends on the width of a map, not on its height, except by the rule
 * authors, which needs a number for each cell. */
struct box_scratch {
    struct pieces_scratch pieces;
    float *grid;     /* owned */
    size_t grid_cap; /* bytes */
};

/* Finds the boxes. Negative values and NaN count as 0. A box encloses an
 * 8-connected component of the values strictly above the rule's threshold. Of
 * several equally large components, the first is the one whose first cell comes
 * first in reading order.
 *
 * map  in  (height, width)  already upsampled to the image
 *
 * found->count is 0, and *found all zeros, if no value is above the threshold:
 * no value is positive, the threshold is 1 or more, or the maximum is infinite.
 * The boxes are those on the map; what is done to them by the rules calibrated
 * and object needs the image (box_adjust). ERROR_MEMORY; ERROR_LIMIT if a side
 * does not fit 32 bits; *found is all zeros after a failure as well. The time
 * is linear in the size of the map. One thread at a time per scratch. */
bool box_find(struct box_found *found, struct box_scratch *scratch,
              const float *map, size_t height, size_t width,
              const struct box_options *options, struct error *err)
    __attribute__((warn_unused_result));

/* The same for a threshold in the unit of the map, whose positive maximum is
 * `max`; *found must be all zeros before. For rules with their own way. */
bool box_find_above(struct box_found *found, struct box_scratch *scratch,
                    const float *map, size_t height, size_t width, float max,
                    float cut, size_t most, struct error *err)
    __attribute__((warn_unused_result));

/* Where a box lies: in the map's cells and in the image's pixels. */
struct box_place {
    uint32_t width, height;            /* of the image */
    double cell_width, cell_height;    /* of the map, in pixels of the image */
    uint32_t left, top, right, bottom; /* what the map covers of the image, for
                                          the rule object; half-open */
};

/* Moves a box by the rule's shift, scales it about its centre, rounds its edges
 * to whole pixels and clips it to the image, or by the rule object to what the
 * map covers of it; at least one pixel remains. Rules other than calibrated and
 * object change nothing. Any thread. */
void box_adjust(struct box *box, const struct box_options *options,
                const struct box_place *place);

void box_scratch_release(struct box_scratch *scratch);

#endif

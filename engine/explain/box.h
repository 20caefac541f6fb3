#ifndef ENGINE_EXPLAIN_BOX_H
#define ENGINE_EXPLAIN_BOX_H

/* The bounding box of a map. A rule chooses the threshold; the box encloses the
 * largest component above it. */

#include <stddef.h>
#include <stdint.h>

#include "engine/base/error.h"

/* In whole pixels of the upright image: columns x to x + width - 1, and rows
 * likewise. */
struct box {
    uint32_t x, y, width, height;
    float threshold; /* as a fraction of the map's maximum */
};

/* X(enumerator, name)
 *
 * paper  the threshold is `threshold` times the maximum (Zhou et al.
 *        2016, section 3.2) */
#define BOX_RULES(X) X(BOX_PAPER, paper)

enum box_rule {
#define X(rule, name) rule,
    BOX_RULES(X)
#undef X
};

#define BOX_THRESHOLD 0.2f /* the paper's */

struct box_options {
    enum box_rule rule;
    float threshold; /* of rule paper, 0..1; negative or NaN counts as 0 */
};

const char *box_rule_name(enum box_rule rule);

/* Scratch memory for box_find, reused from call to call; `= {0}` is empty. Its
 * size depends on the width of a map, not on its height. */
struct box_scratch {
    void *rows; /* (cap) bytes, owned */
    size_t cap;
};

/* Finds the box. Negative values and NaN count as 0. The box encloses the
 * largest 8-connected component of the values strictly above the rule's
 * threshold; of several equally large components, the one whose first cell
 * comes first in reading order.
 *
 * map  in  (height, width)  already upsampled to the image
 *
 * *found is false, and *box all zeros, if no value is above the threshold: no
 * value is positive, the threshold is 1 or more, or the maximum is infinite.
 * ERROR_MEMORY; ERROR_LIMIT if a side does not fit 32 bits; *found is false
 * after a failure as well. The time is linear in the size of the map. One
 * thread at a time per scratch. */
bool box_find(struct box *box, bool *found, struct box_scratch *scratch,
              const float *map, size_t height, size_t width,
              const struct box_options *options, struct error *err)
    __attribute__((warn_unused_result));

void box_scratch_release(struct box_scratch *scratch);

#endif

#ifndef ENGINE_EXPLAIN_BOX_H
#define ENGINE_EXPLAIN_BOX_H

/* A bounding box read off a map. A rule says where the map is cut; the box is
 * that of the largest piece that stays. */

#include <stddef.h>
#include <stdint.h>

#include "engine/base/error.h"

/* Whole pixels of the upright picture, half-open: x .. x + width - 1. */
struct box {
    uint32_t x, y, width, height;
    float threshold; /* the share of the maximum at which the map was cut */
};

/* X(enumerator, name)
 *
 * paper  at `threshold` times the maximum (Zhou et al. 2016, section 3.2) */
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

/* Scratch memory for box_find, reused from call to call; `= {0}` is empty.
 * It grows with the width of a map, not with its height. */
struct box_scratch {
    void *rows; /* (cap) bytes, owned */
    size_t cap;
};

/* Finds the box: negatives and NaN count as 0, the map is cut where the rule
 * says (values strictly above it stay), and the answer is the bounding box of
 * the largest 8-connected component; of several equally large ones, that whose
 * first cell in reading order comes first.
 *
 * map  in  (height, width)  already upsampled to the picture
 *
 * *found is false, and *box all zeros, where nothing stays: no value is
 * positive, the threshold is 1 or more, or the maximum is infinite.
 * ERROR_MEMORY, and ERROR_LIMIT where a side does not fit 32 bits; *found is
 * false then as well. Time is linear in the map for any map. One thread at a
 * time per scratch. */
bool box_find(struct box *box, bool *found, struct box_scratch *scratch,
              const float *map, size_t height, size_t width,
              const struct box_options *options, struct error *err)
    __attribute__((warn_unused_result));

void box_scratch_release(struct box_scratch *scratch);

#endif

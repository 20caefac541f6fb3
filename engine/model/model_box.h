#ifndef ENGINE_MODEL_MODEL_BOX_H
#define ENGINE_MODEL_MODEL_BOX_H

/* The member "box" of model.json: how boxes are cut by the rule `calibrated`,
 * and what that was found on.
 *
 *     "box": {"threshold": 0.31, "scale": 0.95, "shift": [0, 0.375],
 *             "found_on": {"data": "kangaroo", "photos": 120, "method": "cam",
 *                          "correct": 0.71, "paper": 0.58}} */

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/error.h"

#define MODEL_BOX_MAX_THRESHOLD 0.99
#define MODEL_BOX_MIN_SCALE 0.1
#define MODEL_BOX_MAX_SCALE 10.0
#define MODEL_BOX_MAX_SHIFT 2.0

/* `= {0}` is empty: there is no calibration. */
struct model_box {
    bool is_given;
    float threshold;        /* share of the map's maximum; at least 0 */
    float scale;            /* of the box about its centre */
    float shift_x, shift_y; /* to the right and down, in cells of the map, at
                               most MODEL_BOX_MAX_SHIFT either way */
    char *data;             /* the data set's name; owned */
    char *method;           /* whose maps they were, such as "cam"; owned */
    uint64_t photos;        /* how many, at least 1 */
    float correct, paper;   /* 0..1: the share of photos whose box overlaps a
                               true one by at least half (IoU), cut like this
                               and by the rule `paper` */
};

/* Reads the member of the object `root`, a json_t, or leaves *box empty if
 * there is none. Unknown members are ignored within "found_on" only.
 * ERROR_INPUT names the member; ERROR_MEMORY. After a failure, release *box. */
bool model_box_read(struct model_box *box, const void *root, struct error *err)
    __attribute__((warn_unused_result));

/* A new json_t object with these members; NULL: not enough memory, or a text is
 * not UTF-8. */
void *model_box_describe(const struct model_box *box);

void model_box_release(struct model_box *box);

#endif

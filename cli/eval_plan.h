#ifndef CLI_EVAL_PLAN_H
#define CLI_EVAL_PLAN_H

/* The rows of an evaluation: every combination of the values that were given,
 * with commas between, for methods, layers, targets and boxes. */

#include <stdbool.h>
#include <stddef.h>

#include "engine/base/error.h"
#include "engine/engine.h"
#include "engine/evaluate/evaluate.h"
#include "server/http/params.h"

enum { EVAL_PLAN_MAX_ROWS = 256, EVAL_PLAN_BOX_SIZE = 48 };

/* `= {0}` is empty. Not to be copied: its parts point into it. */
struct eval_plan {
    struct evaluate_map maps[EVAL_PLAN_MAX_ROWS]; /* (num_maps) */
    size_t num_maps;
    /* (num_rows) those of the maps, map by map, then the baselines */
    struct result_row rows[EVAL_PLAN_MAX_ROWS];
    size_t num_rows;
    struct box_options boxes[EVAL_PLAN_MAX_ROWS];
    char box_names[EVAL_PLAN_MAX_ROWS][EVAL_PLAN_BOX_SIZE];
};

/* Makes the plan. Parameters go to the methods that have them, --against to the
 * target that needs it, and a threshold to the rule that uses it.
 *     ERROR_INPUT        a value is not accepted, or used by no row
 *     ERROR_UNSUPPORTED  a method is not defined for this model or layer
 *     ERROR_LIMIT, ERROR_MEMORY
 * The plan must be empty; names of layers are borrowed from the engine. */
bool eval_plan_make(struct eval_plan *plan, const struct params *asked,
                    const struct engine *engine, struct error *err)
    __attribute__((warn_unused_result));

#endif

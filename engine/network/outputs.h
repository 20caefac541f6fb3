#ifndef ENGINE_NETWORK_OUTPUTS_H
#define ENGINE_NETWORK_OUTPUTS_H

/* Which of a network's outputs is served.
 *
 * It is the one that remains when these are left out, one after another, each
 * as long as something remains:
 *
 *     outputs that cannot be read, or are not one row of numbers
 *     those that scores cannot be made of
 *     of those with the same logits, all but the one with scores of its own
 *     where there are labels, those of other numbers of classes
 *     those that another one is computed from, such as features
 *     those without a map
 *     those that do not end in a softmax or sigmoid
 *     those of one number */

#include "engine/base/error.h"
#include "engine/graph/graph.h"
#include "engine/passes/head.h"

/* Drops from an inferred graph the outputs that cannot be read or are not one
 * row of numbers, and what they alone need. Returns false, and drops none,
 * where no other output is left. */
bool outputs_keep_rows(struct graph *graph);

/* Chooses among the outputs of a laid out graph. *name is what the file calls
 * the output, in the graph's memory.
 * ERROR_UNSUPPORTED  several outputs remain; the text names them
 * ERROR_MEMORY, and as head_find_at has it where scores can be made of none */
bool outputs_choose(const char **name, const struct graph *graph,
                    const struct head_wish *wish, struct error *err)
    __attribute__((warn_unused_result));

#endif

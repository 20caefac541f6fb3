#ifndef ENGINE_NETWORK_OUTPUTS_H
#define ENGINE_NETWORK_OUTPUTS_H

/* Chooses which of a network's outputs is used.
 *
 * These are left out, one rule after another, unless a rule would leave
 * nothing; the output that remains is used:
 *
 *     outputs that cannot be read or are not one row of numbers
 *     those from which scores cannot be computed
 *     of those with the same logits, all but the one that has scores
 *     with labels, those with another number of classes
 *     those from which another one is computed, such as features
 *     those without a map
 *     those that do not end in a softmax or sigmoid
 *     those of one number */

#include "engine/base/error.h"
#include "engine/graph/graph.h"
#include "engine/passes/head.h"

/* Removes from an inferred graph the outputs that cannot be read or are not one
 * row of numbers, and the nodes that only they need. Returns false and removes
 * nothing if no other output would be left. */
bool outputs_keep_rows(struct graph *graph);

/* Chooses among the outputs of a graph after graph_layout. *name is the file's
 * name for the output, in the graph's memory.
 * ERROR_UNSUPPORTED  several outputs remain; the text names them
 * ERROR_MEMORY; like head_find_at if no output has scores */
bool outputs_choose(const char **name, const struct graph *graph,
                    const struct head_wish *wish, struct error *err)
    __attribute__((warn_unused_result));

#endif

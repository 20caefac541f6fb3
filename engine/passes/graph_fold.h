#ifndef ENGINE_PASSES_GRAPH_FOLD_H
#define ENGINE_PASSES_GRAPH_FOLD_H

/* What the files of folding share. Private to graph_fold*.c. */

#include "engine/graph/graph.h"

/* Frees a constant, if nothing uses it any more: a file may fold its weights
 * over and over. */
void graph_fold_drop(struct graph *graph, int value);

/* graph_fold_pool.c: makes one MEAN over rows and columns, or one REDUCE for
 * the maximum, of several nodes that pool all of a picture in other words.
 * ERROR_MEMORY, ERROR_LIMIT. */
bool graph_fold_pools(struct graph *graph, struct error *err)
    __attribute__((warn_unused_result));

/* graph_fold_linear.c: of linear layers in a row, with nothing but reshapes
 * between them, makes one; so too of one after numbers that each of its inputs
 * is multiplied by, or that are added. Layers on more than one row of numbers
 * stay as they are, and so do those where it would take too long.
 * ERROR_MEMORY. */
bool graph_fold_linear(struct graph *graph, struct error *err)
    __attribute__((warn_unused_result));

#endif

#ifndef ENGINE_PASSES_GRAPH_CUT_H
#define ENGINE_PASSES_GRAPH_CUT_H

/* Divides a graph at a value. Both parts are graphs of their own. */

#include "engine/graph/graph.h"

/* Makes a value that a node computes an input of the graph, after those that
 * there are: what depends on it is then a function of it. The nodes that only
 * it needed are removed, and so are inputs that no output depends on any more.
 * ERROR_MEMORY, ERROR_LIMIT; the graph may then be released only. */
bool graph_cut(struct graph *graph, int value, struct error *err)
    __attribute__((warn_unused_result));

#endif

#ifndef ENGINE_PASSES_GRAPH_ROUND_H
#define ENGINE_PASSES_GRAPH_ROUND_H

/* The pairs of nodes by which a quantized network rounds a feature map: a
 * QUANTIZE and the DEQUANTIZE behind it. */

#include "engine/graph/graph.h"

/* Whether a QUANTIZE and a DEQUANTIZE have the same scale and zero point, and
 * clamp nothing: what the first makes, the second only makes rounded. */
bool graph_round_is_pair(const struct graph *graph,
                         const struct graph_node *there,
                         const struct graph_node *back);

/* Makes one function of each pair that has one scale, GRAPH_GRID: it is applied
 * to results while they are in the cache, and tells what integers they are. For
 * a graph that is laid out and whose head is found; numbers of values do not
 * change. */
void graph_round(struct graph *graph);

#endif

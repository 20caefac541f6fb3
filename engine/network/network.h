#ifndef ENGINE_NETWORK_NETWORK_H
#define ENGINE_NETWORK_NETWORK_H

/* From an ONNX file to a graph that is ready to be planned, whose outputs are
 * the logits and the feature map.
 *
 * Of several outputs that may be the classes, the one is served that is named;
 * else the one that remains when these are left out, one after another, each
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
#include "engine/onnx/onnx.h"
#include "engine/passes/head.h"

struct network_options {
    struct onnx_input input;
    struct head_wish wish;
};

/* Reads a network into an empty graph and an empty head. head->output is the
 * file's name of the output that is served.
 *
 * problems may be NULL; else it is empty and gets every node that stands in
 * the way, if the network cannot be read for such nodes. It is in the graph's
 * memory.
 *
 * ERROR_INPUT, ERROR_UNSUPPORTED, ERROR_LIMIT, ERROR_IO, ERROR_MEMORY: as
 * onnx_read, the passes of graph.h and head_find_at have it.
 * ERROR_UNSUPPORTED also: several outputs may be the classes; the text names
 * them. After a failure the graph may be released only. */
bool network_read(struct graph *graph, struct head *head, const uint8_t *bytes,
                  size_t len, const struct network_options *options,
                  struct graph_problems *problems, struct error *err)
    __attribute__((warn_unused_result));

#endif

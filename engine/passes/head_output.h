#ifndef ENGINE_PASSES_HEAD_OUTPUT_H
#define ENGINE_PASSES_HEAD_OUTPUT_H

/* The operations between a network's logits and its output.
 *
 *     logits -> softmax or sigmoid -> functions that keep the order -> output
 *
 * Either may be missing. The functions (products and sums with one number,
 * clamps, logarithms, roots, …) are skipped: the scores are the outputs of the
 * softmax or sigmoid. Private to head.c. */

#include "engine/passes/head.h"

/* Fills in the fields of an empty head about logits and scores, for an output
 * that is one row. ERROR_UNSUPPORTED: the scores cannot be recovered from the
 * network's last nodes; the text says why. ERROR_INPUT: the wish contradicts
 * the network. */
bool head_output_read(struct head *head, const struct graph *graph, int output,
                      const struct head_wish *wish, struct error *err)
    __attribute__((warn_unused_result));

#endif

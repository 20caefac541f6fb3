#ifndef ENGINE_PASSES_HEAD_OUTPUT_H
#define ENGINE_PASSES_HEAD_OUTPUT_H

/* What a network does to its logits before they come out.
 *
 *     logits -> softmax or sigmoid -> functions that keep the order -> output
 *
 * Either may be missing. The functions (products and sums with one number,
 * clamps, logarithms, roots, …) are looked behind: the scores are those of the
 * softmax or the sigmoid. Private to head.c. */

#include "engine/passes/head.h"

/* Fills what of an empty head is about its logits and their scores, for an
 * output that is one row.
 * ERROR_UNSUPPORTED: the network ends in something from which there is no way
 * back to scores; the text says what. ERROR_INPUT: the wish contradicts it. */
bool head_output_read(struct head *head, const struct graph *graph, int output,
                      const struct head_wish *wish, struct error *err)
    __attribute__((warn_unused_result));

#endif

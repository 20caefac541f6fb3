#ifndef ENGINE_PASSES_HEAD_REFUSAL_H
#define ENGINE_PASSES_HEAD_REFUSAL_H

/* Messages that say why no map is defined: constants, or text in the head.
 * Private to the files of head.h. */

#include "engine/passes/graph_picture.h"
#include "engine/passes/head.h"

/* The input of the pooling is not an image. */
extern const char head_refusal_no_places[];

/* Why a map has a single cell. */
const char *head_refusal_of_cell(struct head *head, const struct graph *graph,
                                 const struct graph_picture *pictures,
                                 int value);

/* Why there is no map if the linear layer's input `value` is not the result of
 * a global pooling: there are nodes in between, or there is no pooling. */
const char *head_refusal_of_row(struct head *head, const struct graph *graph,
                                const struct graph_picture *pictures,
                                int value);

/* The same if the logits are computed by `last` (or NULL), which is neither a
 * pooling nor a linear layer without a clamp. */
const char *head_refusal_of_logits(const struct graph *graph,
                                   const struct graph_node *last);

#endif

#ifndef ENGINE_PASSES_HEAD_REFUSAL_H
#define ENGINE_PASSES_HEAD_REFUSAL_H

/* Why no map is defined, in words: constants, or text in the head. Private to
 * the files of head.h. */

#include "engine/passes/graph_picture.h"
#include "engine/passes/head.h"

/* What is pooled is no picture. */
extern const char head_refusal_no_places[];

/* Why a map has a single cell. */
const char *head_refusal_of_cell(struct head *head, const struct graph *graph,
                                 const struct graph_picture *pictures,
                                 int value);

/* Why there is no map, where the linear layer takes `value` and that is not
 * what a global pooling gives: what is between, or that there is none. */
const char *head_refusal_of_row(struct head *head, const struct graph *graph,
                                const struct graph_picture *pictures,
                                int value);

/* The same where the logits are made by `last`, or by no node at all, which is
 * neither pooling nor a linear layer that is not clamped. */
const char *head_refusal_of_logits(const struct graph *graph,
                                   const struct graph_node *last);

#endif

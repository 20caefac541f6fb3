#ifndef ENGINE_PASSES_HEAD_FEATURES_H
#define ENGINE_PASSES_HEAD_FEATURES_H

#include "engine/passes/graph_picture.h"
#include "engine/passes/head.h"

/* Looks behind the head's logits for the layers of head.h, and fills in what
 * there is; says why where they are not there, or NULL. Private to head.c. */
const char *head_features_find(struct head *head, const struct graph *graph,
                               const struct graph_picture *pictures);

#endif

#ifndef ENGINE_PASSES_HEAD_FEATURES_H
#define ENGINE_PASSES_HEAD_FEATURES_H

#include "engine/passes/graph_picture.h"
#include "engine/passes/head.h"

/* Searches the layers of head.h before the head's logits and fills in the head.
 * Returns why there is no map, or NULL. Private to head.c. */
const char *head_features_find(struct head *head, const struct graph *graph,
                               const struct graph_picture *pictures);

#endif

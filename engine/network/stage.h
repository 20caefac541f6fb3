#ifndef ENGINE_NETWORK_STAGE_H
#define ENGINE_NETWORK_STAGE_H

/* The stage before the last: the finer feature map whose cells the box rule
 * `object` compares (object.h), and what the last block tells of a class
 * without a gradient. Both are found by their shape, so nothing depends on the
 * names in a file. */

#include <stddef.h>

#include "engine/base/error.h"
#include "engine/graph/graph.h"
#include "engine/network/layers.h"
#include "engine/passes/head.h"

/* An inverted residual block before the features of a closed head:
 *
 *     expanded (H, W, E) -> depthwise, stride 1 -> 1 x 1 to P channels ->
 *     1 x 1 to C channels = features
 *
 * Values of constants; `expanded` is GRAPH_NONE if the network has no such
 * block. */
struct stage_block {
    int expanded; /* value, (1, H, W, E) */
    int deep;     /* value, (1, H, W, E), behind the depthwise convolution */
    int taps;     /* constant, (1, kh, kw, E) */
    int project;  /* constant, (P, 1, 1, E) */
    int features; /* constant, (C, 1, 1, P) */
    struct graph_window window; /* of the depthwise convolution */
    float min, max;             /* what bounds `deep`; infinite if nothing */
};

struct stage {
    const char *refusal; /* why there is no stage, or NULL */
    size_t layer;        /* index */
    int value;           /* (1, h, w, channels); GRAPH_NONE if refused */
    int finer; /* of the stage before it, found likewise: about (1, 2 h, 2 w,
                  channels); GRAPH_NONE if there is none */
    struct stage_block block;
};

/* Finds the stage of a graph after graph_layout: the last layer that all paths
 * lead through and whose sides are twice those of the default layer, give or
 * take one cell, or the one before it while that has fewer channels: behind a
 * stage's last block, an inverted residual block begins by repeating it in more
 * channels. ERROR_MEMORY. */
bool stage_find(struct stage *stage, const struct graph *graph,
                const struct layers *layers, const struct head *head,
                struct error *err) __attribute__((warn_unused_result));

/* The value of a layer in a graph after graph_layout, if it is stored as (1,
 * height, width, channels); else *value is GRAPH_NONE. ERROR_MEMORY. */
bool stage_value_of(int *value, const struct graph *graph,
                    const struct layer *layer, struct error *err)
    __attribute__((warn_unused_result));

/* Whether a constant is one of the block's, which must be kept. */
bool stage_keeps(const struct stage *stage, int value);

#endif

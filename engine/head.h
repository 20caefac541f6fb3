#ifndef ENGINE_HEAD_H
#define ENGINE_HEAD_H

/* What a class activation map can be read from: the last layers of a network,
 *
 *     features (H, W, C) -> mean over H and W -> linear -> logits
 *
 * for then logit_k = bias_k + mean over y, x of map_k[y][x], with
 * map_k[y][x] = sum over c of weights[k][c] features[y][x][c] (Zhou et al.,
 * CVPR 2016, equations 1 and 2). */

#include "graph.h"

struct head {
    const char *name;    /* such as "gap-linear" */
    const char *refusal; /* why no map is defined, or NULL where one is */
    int logits;          /* value; before a softmax, if there is one */
    int features;        /* value, (1, H, W, C), or GRAPH_NONE */
    int weights;         /* constant, (classes, C) in order, or GRAPH_NONE */
    int bias;            /* constant, (classes), or GRAPH_NONE: zeros */
    size_t num_classes;
};

/* Looks at a graph after graph_layout. A network that
 * classifies but has no such layers is no failure: refusal then says why.
 * ERROR_UNSUPPORTED: the output is not one row of numbers, one a class. */
bool head_find(struct head *head, const struct graph *graph, struct error *err)
    __attribute__((warn_unused_result));

#endif

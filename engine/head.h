#ifndef ENGINE_HEAD_H
#define ENGINE_HEAD_H

/* What a class activation map can be read from: the last layers of a network,
 *
 *     gap-linear  features (H, W, C) -> mean over H and W -> linear -> logits
 *     conv-gap    features (H, W, classes) -> mean over H and W -> logits
 *
 * for then logit_k = bias_k + mean over y, x of map_k[y][x], with
 * map_k[y][x] = sum over c of weights[k][c] features[y][x][c] (Zhou et al.,
 * CVPR 2016, equations 1 and 2); of conv-gap, whose channels are the classes
 * already, the map is the channel. And the same with the maximum,
 *
 *     gmp-linear  features -> maximum over H and W -> linear -> logits
 *     conv-gmp    features -> maximum over H and W -> logits
 *
 * where the paper takes the same map, but the logit is another sum: that of
 * weights[k][c] times the largest features[y][x][c], whose places differ from
 * channel to channel.
 *
 * A normalization between pool and linear layer, as ConvNeXt has it,
 *
 *     gap-norm-linear  features -> mean over H and W -> (pooled - mean) /
 *                      deviation -> linear -> logits
 *
 * subtracts one number from all pooled features and divides all by another.
 * For a given picture these are constants, so that the same holds of
 *
 *     map_k[y][x] = sum over c of weights[k][c]
 *                                 (features[y][x][c] - mean) / deviation
 *
 * but the scale of such a map is its picture's own. RMSNorm and a division by
 * the features' length are the same with a mean of 0.
 *
 * Between these there may be reshapes; graph_fold has put BatchNorm and the
 * like into the linear layer, and made one of several. A softmax after the
 * logits is left out. */

#include "graph.h"

struct head {
    const char *name;    /* one of those above, or "none" */
    const char *refusal; /* why no map is defined, or NULL where one is */
    int logits;          /* value; before a softmax, if there is one */
    int features;        /* value, (1, H, W, C), or GRAPH_NONE */
    int weights;         /* constant, (classes, C) in order, or GRAPH_NONE:
                            class k is channel k, if there are features */
    int bias;            /* constant, (classes), or GRAPH_NONE: zeros */
    bool is_max;         /* pools by the maximum */
    bool is_normalized;  /* gap-norm-linear */
    bool about_zero;     /* its mean is 0: RMSNorm, or a length of 1 */
    double epsilon;      /* of its variance */
    size_t num_classes;
    char text[256]; /* of a refusal that has numbers in it */
};

/* What a picture's pooled features are normalized by. */
struct head_scale {
    double mean, deviation;
};

/* Looks at a graph after graph_layout: at the first of its outputs that is one
 * row of numbers, one a class. A network that classifies but has no such
 * layers is no failure: refusal then says why.
 * ERROR_UNSUPPORTED: no output is one row of numbers. ERROR_MEMORY. */
bool head_find(struct head *head, const struct graph *graph, struct error *err)
    __attribute__((warn_unused_result));

/* Makes the logits and, where there are any, the features the graph's outputs,
 * and drops what neither needs. ERROR_MEMORY. */
bool head_set_outputs(const struct head *head, struct graph *graph,
                      struct error *err) __attribute__((warn_unused_result));

/* The mean of the picture's pooled features and their deviation, with epsilon;
 * 0 and 1 where the head is not normalized.
 *
 * features  in   (H, W, C) */
void head_scale(struct head_scale *scale, const struct head *head,
                const struct graph *graph, const float *restrict features);

/* Writes the map of class k < num_classes; the head must have no refusal.
 *
 * map       out  (H, W)
 * features  in   (H, W, C) */
void head_map(float *restrict map, const struct head *head,
              const struct graph *graph, const float *restrict features,
              size_t k);

/* The bias of class k < num_classes. */
double head_bias(const struct head *head, const struct graph *graph, size_t k);

#endif

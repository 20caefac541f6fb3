#ifndef ENGINE_PASSES_HEAD_H
#define ENGINE_PASSES_HEAD_H

/* The head: the last layers of a network, from which class activation maps are
 * computed.
 *
 *     gap-linear  features (H, W, C) -> mean over H and W -> linear -> logits
 *     conv-gap    features (H, W, classes) -> mean over H and W -> logits
 *
 * for then logit_k = bias_k + mean over y, x of map_k[y][x], with map_k[y][x] =
 * sum over c of weights[k][c] features[y][x][c] (Zhou et al., CVPR 2016,
 * equations 1 and 2); of conv-gap, whose channels are the classes already, the
 * map is the channel. And the same with the maximum,
 *
 *     gmp-linear  features -> maximum over H and W -> linear -> logits
 *     conv-gmp    features -> maximum over H and W -> logits
 *
 * where the paper uses the same map, but the logit is another sum: that of
 * weights[k][c] times the largest features[y][x][c], whose positions differ
 * between channels.
 *
 * A normalization between pooling and linear layer, as in ConvNeXt,
 *
 *     gap-norm-linear  features -> mean over H and W -> (pooled - mean) /
 *                      deviation -> linear -> logits
 *
 * subtracts one number from all pooled features and divides them by another.
 * For a given image these are constants, so the same holds for
 *
 *     map_k[y][x] = sum over c of weights[k][c]
 *                                 (features[y][x][c] - mean) / deviation
 *
 * but the scale of the map depends on the image. RMSNorm and a division by the
 * L2 norm of the features are the same with a mean of 0.
 *
 * Reshapes may come between these layers. graph_fold has folded BatchNorm,
 * scales and consecutive linear layers into the linear layer.
 *
 * The logits are the input of the network's last softmax or sigmoid; a network
 * without either outputs its logits. Scores are computed from them as in the
 * network: by a softmax over all classes, or by a sigmoid for each class if
 * classes do not exclude each other. A single logit is a binary decision. It
 * belongs to one class, or to two: class 1 has the logit, class 0 its negative.
 */

#include "engine/graph/graph.h"

/* X(enumerator, name) */
#define HEAD_SCORES(X)         \
    X(HEAD_SOFTMAX, "softmax") \
    X(HEAD_SIGMOID, "sigmoid")

enum head_scores {
    HEAD_OPEN, /* in a wish: as in the network */
#define X(scores, name) scores,
    HEAD_SCORES(X)
#undef X
};

/* What is known about the classes from outside the network; `= {0}` if nothing
 * is. */
struct head_wish {
    enum head_scores
        scores; /* if the network does not say how its output becomes scores */
    size_t num_names; /* of classes; 0: no names. With two names, a single logit
                         stands for two classes */
    bool by_options;  /* as in struct onnx_input */
};

struct head {
    const char *name;    /* one of those above, or "none" */
    const char *output;  /* the file's name for the output, or NULL; set by
                            network.c, in the graph's memory */
    const char *refusal; /* why no map is defined, or NULL */
    int logits; /* value; the input of the softmax or sigmoid, if any */
    size_t num_logits;
    enum head_scores scores; /* never HEAD_OPEN */
    bool makes_scores;       /* the network outputs scores */
    bool is_negated; /* each logit is the negative of a value in `logits` */
    bool is_pair;    /* class 1 has the one logit, class 0 its negative */
    int features;    /* value, (1, H, W, C), or GRAPH_NONE */
    int weights; /* constant, (logits, C); GRAPH_NONE with features: logit k is
                    channel k */
    int bias;    /* constant, (logits), or GRAPH_NONE: zeros */
    bool is_max; /* pools by the maximum */
    bool is_normalized;         /* gap-norm-linear */
    bool about_zero;            /* the mean is 0: RMSNorm or L2 norm */
    double epsilon;             /* added to the variance */
    int norm_scale, norm_shift; /* constants, one number or (C), applied after
                                   normalization; or GRAPH_NONE */
    size_t num_classes;
    char text[256]; /* of a refusal that contains numbers */
};

const char *head_scores_name(enum head_scores scores);

/* Whether at most one dimension is not 1, and none is 0. */
bool head_is_row(const struct graph_shape *shape);

/* Finds the head of one output of a graph after graph_layout. For a classifier
 * without these layers it succeeds and sets `refusal`. wish may be NULL.
 * ERROR_UNSUPPORTED  the output is not one row of numbers, or has no scores
 * ERROR_INPUT        the wish contradicts the network
 * ERROR_MEMORY */
bool head_find_at(struct head *head, const struct graph *graph, int output,
                  const struct head_wish *wish, struct error *err)
    __attribute__((warn_unused_result));

/* The same for the first output that is one row of two or more numbers, or else
 * for the first of one number. */
bool head_find(struct head *head, const struct graph *graph, struct error *err)
    __attribute__((warn_unused_result));

/* Whether the value is the features, and only a mean over the image and at most
 * a linear layer follow: each logit is then the same sum over all cells. */
bool head_is_closed(const struct head *head, int value);

/* Returns the index of the logit of class k < num_classes, and whether it is
 * negated. */
size_t head_row(bool *is_negated, const struct head *head, size_t k);

/* The logit of class k < num_classes; `logits` are (num_logits). */
float head_logit(const struct head *head, const float *logits, size_t k);

#endif

#ifndef ENGINE_PASSES_HEAD_H
#define ENGINE_PASSES_HEAD_H

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
 * like into the linear layer, and made one of several.
 *
 * The logits are what stands before the network's last softmax or sigmoid; a
 * network without either puts out its logits. Scores are made of them by what
 * the network itself has: a softmax over all classes, or a sigmoid of each,
 * where classes do not exclude each other. A single logit is a yes or no: it
 * is one class's, or two classes', of which the second is the yes, with the
 * logit, and the first the no, with its negative. */

#include "engine/graph/graph.h"

/* X(enumerator, name) */
#define HEAD_SCORES(X)         \
    X(HEAD_SOFTMAX, "softmax") \
    X(HEAD_SIGMOID, "sigmoid")

enum head_scores {
    HEAD_OPEN, /* of a wish: as the network has it */
#define X(scores, name) scores,
    HEAD_SCORES(X)
#undef X
};

/* What is known of the classes from elsewhere than the network; `= {0}` is
 * nothing. */
struct head_wish {
    enum head_scores scores; /* what makes scores of what comes out, where the
                                network does not say */
    size_t num_names;        /* of classes; 0: there are none. Two names make
                                two classes of a single logit */
    bool by_options;         /* as in struct onnx_input */
};

struct head {
    const char *name;    /* one of those above, or "none" */
    const char *output;  /* what the file calls the output, or NULL; set by
                            network.c, in the graph's memory */
    const char *refusal; /* why no map is defined, or NULL where one is */
    int logits;          /* value; before a softmax or sigmoid, if any */
    size_t num_logits;
    enum head_scores scores; /* never HEAD_OPEN */
    bool makes_scores;       /* the network makes the scores itself */
    bool is_negated;    /* each logit is the negative of what `logits` holds */
    bool is_pair;       /* the one logit is class 1's, its negative class 0's */
    int features;       /* value, (1, H, W, C), or GRAPH_NONE */
    int weights;        /* constant, (logits, C) in order, or GRAPH_NONE:
                           logit k is channel k, if there are features */
    int bias;           /* constant, (logits), or GRAPH_NONE: zeros */
    bool is_max;        /* pools by the maximum */
    bool is_normalized; /* gap-norm-linear */
    bool about_zero;    /* its mean is 0: RMSNorm, or a length of 1 */
    double epsilon;     /* of its variance */
    int norm_scale, norm_shift; /* constants, one number or (C), of what is
                                   normalized; or GRAPH_NONE */
    size_t num_classes;
    char text[256]; /* of a refusal that has numbers in it */
};

const char *head_scores_name(enum head_scores scores);

/* Whether it is one row of numbers, in however many dimensions. */
bool head_is_row(const struct graph_shape *shape);

/* Looks at a graph after graph_layout, at one of its outputs. A network that
 * classifies but has no such layers is no failure: refusal then says why. wish
 * may be NULL.
 * ERROR_UNSUPPORTED  the output is not one row of numbers, or scores cannot be
 *                    made of it
 * ERROR_INPUT        the wish contradicts it
 * ERROR_MEMORY */
bool head_find_at(struct head *head, const struct graph *graph, int output,
                  const struct head_wish *wish, struct error *err)
    __attribute__((warn_unused_result));

/* The same, of the first of the graph's outputs that is one row of two numbers
 * or more, else of one number. */
bool head_find(struct head *head, const struct graph *graph, struct error *err)
    __attribute__((warn_unused_result));

/* Makes the logits and, where there are any, the features the graph's outputs,
 * and drops what neither needs. ERROR_MEMORY. */
bool head_set_outputs(const struct head *head, struct graph *graph,
                      struct error *err) __attribute__((warn_unused_result));

/* Which logit is class k's, k < num_classes, and whether with the other sign.
 */
size_t head_row(bool *is_negated, const struct head *head, size_t k);

/* The logit of class k < num_classes; `logits` are (num_logits). */
float head_logit(const struct head *head, const float *logits, size_t k);

#endif

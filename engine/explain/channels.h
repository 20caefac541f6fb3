#ifndef ENGINE_EXPLAIN_CHANNELS_H
#define ENGINE_EXPLAIN_CHANNELS_H

/* What the channels of the feature map before the pooling say of a class. With
 * a head (head.h) a logit is a sum over them (Zhou et al., "Learning Deep
 * Features for Discriminative Localization", CVPR 2016, section 2):
 *
 *     logit_c = bias_c + sum over k of w_kc F_k
 *
 * where F_k is the mean of channel k over all cells, or its maximum, as the
 * head pools. Of a head with a normalization, F_k is the normalized one. Other
 * targets (target.h) combine the classes' weights. Any thread. */

#include <stddef.h>

#include "engine/base/error.h"
#include "engine/explain/probe.h"
#include "engine/explain/target.h"
#include "engine/graph/graph.h"
#include "engine/passes/head.h"

enum { CHANNELS_MAX = 64 /* listed for a class, and as many against it */ };

struct channel {
    size_t index;        /* in the feature map */
    double weight;       /* w_kc */
    double activation;   /* F_k */
    double contribution; /* w_kc F_k */
};

/* Bias, listed contributions and rest are what the target is, but for rounding:
 * `found` of `expected`. */
struct channels {
    struct channel list[2 * CHANNELS_MAX]; /* (count) by contribution, the
                                              largest first */
    size_t count;
    size_t total; /* channels of the feature map */
    double bias;
    double rest; /* contributions that are not listed */
    double expected, found;
};

/* Computes F_k of all channels: once for all classes of an image. The head must
 * have no refusal.
 *
 * activations  out  (channels)
 * features     in   of the head */
void channels_pool(double *restrict activations, const struct head *head,
                   const struct graph *graph,
                   const struct probe_features *features);

/* Lists the channels with the largest contributions above 0, up to `most`, and
 * as many with the smallest below 0. Of equal ones, the first comes first.
 * ERROR_MEMORY.
 *
 * activations  (channels) by channels_pool
 * logits       (num_classes) of the same image
 * most         at most CHANNELS_MAX */
bool channels_find(struct channels *channels, const struct head *head,
                   const struct graph *graph, const double *activations,
                   const struct target *target, const float *logits,
                   size_t most, struct error *err)
    __attribute__((warn_unused_result));

#endif

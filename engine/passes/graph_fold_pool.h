#ifndef ENGINE_PASSES_GRAPH_FOLD_POOL_H
#define ENGINE_PASSES_GRAPH_FOLD_POOL_H

/* Shared declarations, private to graph_fold_pool*.c. */

#include "engine/passes/graph_fold.h"
#include "engine/passes/graph_picture.h"

enum { GRAPH_FOLD_POOL_CHAIN = 16 }; /* nodes at most */

struct pool_pass {
    struct fold *fold;
    struct graph *graph;            /* the fold's */
    struct graph_picture *pictures; /* (num_values) owned */
    double cost;                    /* so far */
};

/* A chain of nodes from an image to one number per channel. */
struct pool_chain {
    int x, out; /* values */
    size_t nodes[GRAPH_FOLD_POOL_CHAIN];
    size_t num;
    size_t channels, cells;
    uint32_t axis;  /* of the channels in x, or the rank of x if it has none */
    bool is_max;    /* takes maxima instead of sums */
    bool is_direct; /* already contains a global pooling that the kernels
                       support */
    bool shifts;    /* something is added */
    double cost;    /* of one run */
};

/* Returns the index of the only operand that is not constant, if it is the
 * first, or with `either` the first or second; else -1. */
int graph_fold_pool_open(const struct graph *graph,
                         const struct graph_node *node, bool either);

/* graph_fold_pool_trial.c: tests a chain on generated numbers. */
struct pool_trial {
    float *x, *scratch, *out; /* owned */
    double *scale, *shift;    /* (channels) that the chain applies to the mean;
                                 owned */
    double *wanted;           /* (channels) owned */
};

/* How often a trial runs the chain. */
double graph_fold_pool_runs(const struct pool_chain *chain);

/* Runs a trial; *found says whether the chain is the mean or the maximum of all
 * cells. ERROR_MEMORY. */
bool graph_fold_pool_try(struct pool_trial *trial, bool *found,
                         const struct pool_pass *pass,
                         const struct pool_chain *chain)
    __attribute__((warn_unused_result));

void graph_fold_pool_release(struct pool_trial *trial);

#endif

#ifndef ENGINE_PASSES_GRAPH_FOLD_POOL_H
#define ENGINE_PASSES_GRAPH_FOLD_POOL_H

/* What the files of graph_fold_pool share. Private to graph_fold_pool*.c. */

#include "engine/passes/graph_fold.h"
#include "engine/passes/graph_picture.h"

enum { GRAPH_FOLD_POOL_CHAIN = 16 }; /* nodes at most */

struct pool_pass {
    struct fold *fold;
    struct graph *graph;            /* the fold's */
    struct graph_picture *pictures; /* (num_values) owned */
    double cost;                    /* so far */
};

/* Nodes from a picture to one number a channel. */
struct pool_chain {
    int x, out; /* values */
    size_t nodes[GRAPH_FOLD_POOL_CHAIN];
    size_t num;
    size_t channels, cells;
    uint32_t axis;  /* of x: its channels, or the rank where there are none */
    bool is_max;    /* no sum, but a maximum */
    bool is_direct; /* has a pooling that the kernels know as it is */
    bool shifts;    /* something is added */
    double cost;    /* of one run */
};

/* The operand that is not constant, if there is just one and it is the
 * node's first, or its second where `either` says so; else -1. */
int graph_fold_pool_open(const struct graph *graph,
                         const struct graph_node *node, bool either);

/* graph_fold_pool_trial.c: a trial of a chain on numbers made up for it. */
struct pool_trial {
    float *x, *room, *out; /* owned */
    double *scale, *shift; /* (channels) of the mean: what the chain does to
                              it; owned */
    double *wanted;        /* (channels) owned */
};

/* How often a trial runs the chain. */
double graph_fold_pool_runs(const struct pool_chain *chain);

/* Tries it; *found says whether it is the mean or the maximum of all cells.
 * ERROR_MEMORY. */
bool graph_fold_pool_try(struct pool_trial *trial, bool *found,
                         const struct pool_pass *pass,
                         const struct pool_chain *chain)
    __attribute__((warn_unused_result));

void graph_fold_pool_release(struct pool_trial *trial);

#endif

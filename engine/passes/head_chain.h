#ifndef ENGINE_PASSES_HEAD_CHAIN_H
#define ENGINE_PASSES_HEAD_CHAIN_H

/* The functions between a network's softmax or sigmoid, or its last layer, and
 * an output, and whether they keep the order of the numbers. Private to
 * head_output.c. */

#include "engine/graph/graph.h"

enum { HEAD_CHAIN_MAX = 32, HEAD_CHAIN_TEXT = 200 };

/* The way back from an output. */
struct head_chain {
    const struct graph_node *nodes[HEAD_CHAIN_MAX]; /* last first; no
                                                       reshapes */
    size_t length;
    int start;                     /* the value that the chain begins at */
    const struct graph_node *link; /* the softmax or sigmoid that makes it, or
                                      NULL */
};

/* What the chain makes of the numbers at its start. */
struct head_effect {
    double low, high;          /* the result is between these */
    bool is_affine;            /* so far, apart from clamps */
    bool is_flipped;           /* the result falls where the number rises */
    bool is_selected;          /* it is one of two scores that add up to 1 */
    bool has_function;         /* something that logits do not go through */
    char why[HEAD_CHAIN_TEXT]; /* why the order is not kept, or "" */
};

bool head_chain_is_softmax(const struct graph_node *node);

/* Whether it is a node, and of that function. */
bool head_chain_is_function(const struct graph_node *node,
                            enum graph_function function);

/* Walks back from a value to a softmax, a sigmoid, or whatever no number can be
 * followed through. */
void head_chain_walk(struct head_chain *chain, const struct graph *graph,
                     int value);

/* What the chain makes of numbers between `low` and `high`. */
void head_chain_effect(struct head_effect *effect, const struct graph *graph,
                       const struct head_chain *chain, double low, double high);

/* Notes why the order is not kept, if nothing has been noted. */
void head_chain_object(struct head_effect *effect, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* The value behind signs and nodes that pass a row on as it is; signs turn
 * *is_flipped. */
int head_chain_behind_signs(bool *is_flipped, const struct graph *graph,
                            int value);

#endif

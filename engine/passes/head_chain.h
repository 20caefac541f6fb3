#ifndef ENGINE_PASSES_HEAD_CHAIN_H
#define ENGINE_PASSES_HEAD_CHAIN_H

/* The functions between a network's softmax or sigmoid, or its last layer, and
 * an output; and whether they preserve the order of the numbers. Private to
 * head_output.c. */

#include "engine/graph/graph.h"

enum { HEAD_CHAIN_MAX = 32, HEAD_CHAIN_TEXT = 200 };

/* The nodes from an output back, without reshapes. */
struct head_chain {
    const struct graph_node *nodes[HEAD_CHAIN_MAX]; /* last first */
    size_t length;
    int start;                     /* the value at which the chain starts */
    const struct graph_node *link; /* computes `start`: a softmax or
                                      sigmoid; or NULL */
};

/* The effect of the chain on the numbers at its start. */
struct head_effect {
    double low, high;  /* bounds of the result */
    bool is_affine;    /* the chain is affine, apart from clamps */
    bool is_flipped;   /* the result decreases as the number increases */
    bool is_selected;  /* it selects one of two scores that add up to 1 */
    bool has_function; /* contains a function that is not applied to logits */
    char why[HEAD_CHAIN_TEXT]; /* why the order is not preserved, or "" */
};

bool head_chain_is_softmax(const struct graph_node *node);

/* Whether the node is not NULL and has that function. */
bool head_chain_is_function(const struct graph_node *node,
                            enum graph_function function);

/* Walks back from a value to a softmax, a sigmoid, or a node through which
 * single numbers cannot be followed. */
void head_chain_walk(struct head_chain *chain, const struct graph *graph,
                     int value);

/* Computes the effect on numbers between `low` and `high`. */
void head_chain_effect(struct head_effect *effect, const struct graph *graph,
                       const struct head_chain *chain, double low, double high);

/* Records why the order is not preserved, unless a reason is already recorded.
 */
void head_chain_object(struct head_effect *effect, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Follows negations and nodes that do not change a row back from `value`; each
 * negation flips *is_flipped. */
int head_chain_behind_signs(bool *is_flipped, const struct graph *graph,
                            int value);

#endif

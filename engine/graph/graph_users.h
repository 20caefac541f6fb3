#ifndef ENGINE_GRAPH_GRAPH_USERS_H
#define ENGINE_GRAPH_GRAPH_USERS_H

/* Which nodes use a value: an index, made in O(nodes), that a pass keeps while
 * it changes the graph.
 *
 *     struct graph_users users;
 *     int at = GRAPH_USERS_START;
 *
 *     graph_users_find(&users, graph);
 *     while ((node = graph_users_next(&users, value, &at)))
 *         ...
 *     graph_users_release(&users);
 *
 * A node that begins to take a value must be told of (graph_users_add); one
 * that takes a value no longer, or is dropped, need not. When nodes move to
 * other places in the graph, as in graph_prune, the index is made anew. If
 * there is no memory for it, answers are as right, but slow. One thread at a
 * time. */

#include "engine/graph/graph.h"

enum { GRAPH_USERS_START = -1 };

/* `= {0}` may be released. */
struct graph_users {
    struct graph *graph; /* borrowed */
    int *newest; /* (num_values) each value's newest entry, or GRAPH_NONE;
                    owned; NULL: there is no index, and all nodes are looked
                    at */
    struct graph_users_entry {
        int node; /* that took the value when the entry was made */
        int next; /* entry of the same value, or GRAPH_NONE */
    } * entries;  /* owned */
    size_t num_values, num_entries, cap_entries;
};

/* Makes the index, or makes it anew. */
void graph_users_find(struct graph_users *users, struct graph *graph);

/* The operands of a node of the graph are others now. */
void graph_users_add(struct graph_users *users, const struct graph_node *node);

/* The next node that takes the value, in no order; NULL after the last. */
struct graph_node *graph_users_next(const struct graph_users *users, int value,
                                    int *at);

/* How many operands of nodes, and outputs of the graph, name the value. */
size_t graph_users_count(const struct graph_users *users, int value);

/* The node whose operand is the value's only use, or NULL. */
struct graph_node *graph_users_sole(const struct graph_users *users, int value);

/* The node that makes a value, if the value has one use; or NULL. */
struct graph_node *graph_users_sole_producer(const struct graph_users *users,
                                             int value);

/* Makes every use of a value, and every output of the graph that is it, another
 * one, which takes its names. */
void graph_users_replace(struct graph_users *users, int value, int by);

void graph_users_release(struct graph_users *users);

#endif

#ifndef ENGINE_GRAPH_GRAPH_USERS_H
#define ENGINE_GRAPH_GRAPH_USERS_H

/* An index of the nodes that use each value. It is built in O(nodes), and a
 * pass keeps it up to date while it changes the graph.
 *
 *     struct graph_users users = {0};
 *     int at = GRAPH_USERS_START;
 *
 *     graph_users_find(&users, graph);
 *     while ((node = graph_users_next(&users, value, &at)))
 *         ...
 *     graph_users_release(&users);
 *
 * Call graph_users_add when a node starts to use a value; nothing has to be
 * called when it stops, or is removed. When nodes move, as in graph_prune,
 * rebuild the index. Without enough memory for the index the results are still
 * correct, but slow. One thread at a time. */

#include "engine/graph/graph.h"

enum { GRAPH_USERS_START = -1 };

/* `= {0}` may be released. */
struct graph_users {
    struct graph *graph; /* borrowed */
    int *
        newest; /* (num_values) each value's newest entry, or GRAPH_NONE; owned;
                   NULL: there is no index, and all nodes are searched */
    struct graph_users_entry {
        int node; /* that used the value when the entry was made */
        int next; /* entry of the same value, or GRAPH_NONE */
    } * entries;  /* owned */
    size_t num_values, num_entries, cap_entries;
};

/* Builds or rebuilds the index. */
void graph_users_find(struct graph_users *users, struct graph *graph);

/* Must be called when a node has got other operands. */
void graph_users_add(struct graph_users *users, const struct graph_node *node);

/* Returns the next node that uses the value, in no particular order, or NULL
 * after the last. */
struct graph_node *graph_users_next(const struct graph_users *users, int value,
                                    int *at);

/* Counts the uses of a value: as an operand of nodes and as an output of the
 * graph. */
size_t graph_users_count(const struct graph_users *users, int value);

/* Returns the node that has the value's only use, or NULL. */
struct graph_node *graph_users_sole(const struct graph_users *users, int value);

/* Returns the node that computes a value, if the value has exactly one use; or
 * NULL. */
struct graph_node *graph_users_sole_producer(const struct graph_users *users,
                                             int value);

/* Replaces every use of a value, including as an output of the graph, by
 * another value, which takes over its names. */
void graph_users_replace(struct graph_users *users, int value, int by);

void graph_users_release(struct graph_users *users);

#endif

#include "engine/graph/graph_users.h"

#include <stdlib.h>

static size_t num_operands(const struct graph_node *node, int value)
{
    size_t count = 0;

    for (uint32_t i = 0; i < node->num_inputs; i++)
        count += node->inputs[i] == value;
    return count;
}

/* From now on all nodes are searched. */
static void give_up(struct graph_users *users)
{
    free(users->newest);
    users->newest = NULL;
}

/* Allocates the entries of all values, including those added after the index
 * was built. */
static bool cover_values(struct graph_users *users)
{
    size_t num = users->num_values, wanted = users->graph->cap_values;
    int *newest;

    if (users->graph->num_values <= num)
        return true;
    newest = realloc(users->newest, wanted * sizeof *newest);
    if (!newest)
        return false;
    while (num < wanted)
        newest[num++] = GRAPH_NONE;
    users->newest = newest;
    users->num_values = num;
    return true;
}

static bool has_entry(const struct graph_users *users, int value, int node)
{
    for (int e = users->newest[value]; e != GRAPH_NONE;
         e = users->entries[e].next)
        if (users->entries[e].node == node)
            return true;
    return false;
}

/* Entries of one node are added together, so a duplicate can only be the newest
 * entry. */
static bool is_newest(const struct graph_users *users, int value, int node)
{
    int e = users->newest[value];

    return e != GRAPH_NONE && users->entries[e].node == node;
}

static bool add_entry(struct graph_users *users, int value, int node)
{
    if (users->num_entries == users->cap_entries) {
        size_t cap = users->cap_entries ? 2 * users->cap_entries : 64;
        struct graph_users_entry *entries =
            realloc(users->entries, cap * sizeof *entries);

        if (!entries)
            return false;
        users->entries = entries;
        users->cap_entries = cap;
    }
    users->entries[users->num_entries] =
        (struct graph_users_entry){.node = node, .next = users->newest[value]};
    users->newest[value] = (int)users->num_entries++;
    return true;
}

static void add_operands(struct graph_users *users,
                         const struct graph_node *node,
                         bool (*is_known)(const struct graph_users *users,
                                          int value, int node))
{
    int number = (int)(node - users->graph->nodes);

    for (uint32_t i = 0; users->newest && i < node->num_inputs; i++)
        if (node->inputs[i] != GRAPH_NONE &&
            !is_known(users, node->inputs[i], number) &&
            !add_entry(users, node->inputs[i], number))
            give_up(users);
}

void graph_users_find(struct graph_users *users, struct graph *graph)
{
    graph_users_release(users);
    users->graph = graph;
    if (!cover_values(users))
        return;
    for (size_t n = 0; n < graph->num_nodes; n++)
        add_operands(users, &graph->nodes[n], is_newest);
}

void graph_users_add(struct graph_users *users, const struct graph_node *node)
{
    if (users->newest && !cover_values(users))
        give_up(users);
    add_operands(users, node, has_entry);
}

struct graph_node *graph_users_next(const struct graph_users *users, int value,
                                    int *at)
{
    struct graph *graph = users->graph;

    if (!users->newest) {
        for (size_t n = (size_t)(*at + 1); n < graph->num_nodes; n++)
            if (num_operands(&graph->nodes[n], value) > 0) {
                *at = (int)n;
                return &graph->nodes[n];
            }
        return NULL;
    }
    if ((size_t)value >= users->num_values)
        return NULL;
    for (int e = *at == GRAPH_USERS_START ? users->newest[value]
                                          : users->entries[*at].next;
         e != GRAPH_NONE; e = users->entries[e].next)
        if (num_operands(&graph->nodes[users->entries[e].node], value) > 0) {
            *at = e;
            return &graph->nodes[users->entries[e].node];
        }
    return NULL;
}

size_t graph_users_count(const struct graph_users *users, int value)
{
    const struct graph_node *node;
    int at = GRAPH_USERS_START;
    size_t count = 0;

    while ((node = graph_users_next(users, value, &at)))
        count += num_operands(node, value);
    for (size_t i = 0; i < users->graph->num_outputs; i++)
        count += users->graph->outputs[i] == value;
    return count;
}

struct graph_node *graph_users_sole(const struct graph_users *users, int value)
{
    int at = GRAPH_USERS_START;

    return graph_users_count(users, value) == 1
               ? graph_users_next(users, value, &at)
               : NULL;
}

struct graph_node *graph_users_sole_producer(const struct graph_users *users,
                                             int value)
{
    int node =
        value == GRAPH_NONE ? GRAPH_NONE : users->graph->values[value].producer;

    return node != GRAPH_NONE && graph_users_count(users, value) == 1
               ? &users->graph->nodes[node]
               : NULL;
}

void graph_users_replace(struct graph_users *users, int value, int by)
{
    struct graph *graph = users->graph;
    struct graph_node *node;
    int at = GRAPH_USERS_START;

    while ((node = graph_users_next(users, value, &at))) {
        for (uint32_t i = 0; i < node->num_inputs; i++)
            if (node->inputs[i] == value)
                node->inputs[i] = by;
        graph_users_add(users, node);
    }
    for (size_t i = 0; i < graph->num_outputs; i++)
        if (graph->outputs[i] == value)
            graph->outputs[i] = by;
    graph_take_names(graph, by, value);
}

void graph_users_release(struct graph_users *users)
{
    free(users->newest);
    free(users->entries);
    *users = (struct graph_users){0};
}

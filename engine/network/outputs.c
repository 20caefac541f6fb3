#include "engine/network/outputs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- usable outputs ---- */

static bool is_row_of_floats(const struct graph *graph, int output)
{
    const struct graph_value *value = &graph->values[output];

    return value->has_shape && value->type == GRAPH_FLOAT && !value->data &&
           head_is_row(&value->shape);
}

bool outputs_keep_rows(struct graph *graph)
{
    size_t kept = 0;

    for (size_t i = 0; i < graph->num_outputs; i++) {
        if (!is_row_of_floats(graph, graph->outputs[i]))
            continue;
        graph->output_names[kept] = graph->output_names[i];
        graph->outputs[kept++] = graph->outputs[i];
    }
    if (kept == 0)
        return false;
    graph->num_outputs = kept;
    graph_prune(graph);
    return true;
}

/* ---- candidates ---- */

enum { MAX_CANDIDATES = 64 };

/* An output that may hold the classes. */
struct candidate {
    const char *name; /* from the file; in the graph's memory */
    int output, root; /* values; the root is the logits before reshapes */
    struct head head;
    bool is_head;     /* scores can be computed from it */
    bool is_taken_in; /* another one is computed from its logits */
};

/* The remaining candidates, and information for the choice. */
struct choice {
    const struct graph *graph;
    const struct head_wish *wish;
    struct candidate list[MAX_CANDIDATES];
    size_t count;
    struct error
        first; /* why the first output is not a candidate, if it is not */
};

static void list_candidates(struct choice *choice)
{
    const struct graph *graph = choice->graph;

    for (size_t i = 0; i < graph->num_outputs && choice->count < MAX_CANDIDATES;
         i++) {
        struct candidate *c = &choice->list[choice->count++];
        struct error why = {0};

        *c = (struct candidate){.name = graph->output_names[i],
                                .output = graph->outputs[i]};
        c->is_head =
            head_find_at(&c->head, graph, c->output, choice->wish, &why);
        c->root = graph_behind_reshapes(graph, c->is_head ? c->head.logits
                                                          : c->output);
        if (i == 0)
            choice->first = why;
    }
}

/* Marks the candidates from which others are computed. ERROR_MEMORY. */
static bool mark_taken_in(struct choice *choice, struct error *err)
{
    const struct graph *graph = choice->graph;
    bool *behind = malloc(graph->num_values + 1);

    if (!behind)
        return fail(err, ERROR_MEMORY,
                    "not enough memory for a list of outputs");
    for (size_t c = 0; c < choice->count; c++) {
        memset(behind, 0, graph->num_values);
        behind[choice->list[c].root] = true;
        for (size_t n = graph->num_nodes; n-- > 0;) {
            const struct graph_node *node = &graph->nodes[n];

            if (!behind[node->outputs[0]])
                continue;
            for (uint32_t i = 0; i < node->num_inputs; i++)
                if (node->inputs[i] != GRAPH_NONE)
                    behind[node->inputs[i]] = true;
        }
        for (size_t o = 0; o < choice->count; o++)
            choice->list[o].is_taken_in |=
                choice->list[o].root != choice->list[c].root &&
                behind[choice->list[o].root];
    }
    free(behind);
    return true;
}

static bool is_head(const struct choice *choice, const struct candidate *c)
{
    (void)choice;
    return c->is_head;
}

/* Of those with the same logits the first with scores of its own, or the
 * first. */
static bool is_best_of_its_logits(const struct choice *choice,
                                  const struct candidate *c)
{
    const struct candidate *best = NULL;

    for (size_t i = 0; i < choice->count; i++) {
        const struct candidate *other = &choice->list[i];

        if (other->root == c->root &&
            (!best || (other->head.makes_scores && !best->head.makes_scores)))
            best = other;
    }
    return best == c;
}

static bool fits_labels(const struct choice *choice, const struct candidate *c)
{
    return choice->wish->num_names == 0 ||
           choice->wish->num_names == c->head.num_classes;
}

static bool is_end(const struct choice *choice, const struct candidate *c)
{
    (void)choice;
    return !c->is_taken_in;
}

static bool has_map(const struct choice *choice, const struct candidate *c)
{
    (void)choice;
    return !c->head.refusal;
}

static bool makes_scores(const struct choice *choice, const struct candidate *c)
{
    (void)choice;
    return c->head.makes_scores;
}

static bool is_many(const struct choice *choice, const struct candidate *c)
{
    (void)choice;
    return c->head.num_logits > 1;
}

/* Removes the candidates for which a condition is false, if it is true for
 * some. */
static void narrow(struct choice *choice,
                   bool (*is_good)(const struct choice *choice,
                                   const struct candidate *c))
{
    bool good[MAX_CANDIDATES];
    size_t kept = 0, num_good = 0;

    for (size_t i = 0; i < choice->count; i++)
        num_good += good[i] = is_good(choice, &choice->list[i]);
    for (size_t i = 0; num_good > 0 && i < choice->count; i++)
        if (good[i])
            choice->list[kept++] = choice->list[i];
    if (num_good > 0)
        choice->count = num_good;
}

static bool fail_to_choose(const struct choice *choice, struct error *err)
{
    enum { MAX_LISTED = 4 };
    char list[200];
    size_t len = 0;

    for (size_t i = 0; i < choice->count && i < MAX_LISTED && len < sizeof list;
         i++)
        len +=
            (size_t)snprintf(list + len, sizeof list - len, "%s\"%.30s\" (%zu)",
                             i > 0 ? ", " : "", choice->list[i].name,
                             choice->list[i].head.num_classes);
    if (choice->count > MAX_LISTED && len < sizeof list)
        snprintf(list + len, sizeof list - len, " and %zu more",
                 choice->count - MAX_LISTED);
    return fail(err, ERROR_UNSUPPORTED,
                "%zu of the network's outputs may be the classes: %s; choose "
                "one with %s",
                choice->count, list,
                choice->wish->by_options ? "--output"
                                         : "\"output\" in model.json");
}

bool outputs_choose(const char **name, const struct graph *graph,
                    const struct head_wish *wish, struct error *err)
{
    struct choice *choice = calloc(1, sizeof *choice);
    bool ok;

    if (!choice)
        return fail(err, ERROR_MEMORY,
                    "not enough memory for a list of outputs");
    choice->graph = graph;
    choice->wish = wish;
    list_candidates(choice);
    ok = mark_taken_in(choice, err);
    if (ok) {
        narrow(choice, is_head);
        narrow(choice, is_best_of_its_logits);
        narrow(choice, fits_labels);
        narrow(choice, is_end);
        narrow(choice, has_map);
        narrow(choice, makes_scores);
        narrow(choice, is_many);
        if (choice->count > 1 && choice->list[0].is_head)
            ok = fail_to_choose(choice, err);
        else if (!choice->list[0].is_head && choice->count > 1)
            ok = fail(err, choice->first.kind, "%s", choice->first.text);
        *name = choice->list[0].name;
    }
    free(choice);
    return ok;
}

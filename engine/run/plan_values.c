/* Which values have memory in a session, and where. */

#include <stdlib.h>

#include "engine/base/hugepages.h"
#include "engine/run/expand.h"
#include "engine/run/plan_internal.h"
#include "engine/run/product.h"

const struct graph_node *plan_function(const struct plan *plan,
                                       const struct graph_node *node)
{
    return node->op == GRAPH_UNARY && !plan->idle[node - plan->graph->nodes]
               ? node
               : NULL;
}

struct expand_layer plan_expand_layer(const struct plan *plan, size_t s)
{
    const struct plan_step *step = &plan->steps[s];
    const struct graph_node *next = &plan->graph->nodes[step->first] + 1;

    return (struct expand_layer){
        .dense = plan->dense[s],
        .dense_int8 = plan->dense_int8[s],
        .function = step->count > 1 ? plan_function(plan, next) : NULL,
    };
}

const struct graph_node *plan_expanded_node(const struct plan *plan, size_t s)
{
    const struct plan_step *step = &plan->steps[s];
    const struct graph_node *nodes = &plan->graph->nodes[step->first];

    for (size_t i = 1; i < step->count; i++)
        if ((plan->dense[s] || plan->dense_int8[s]) &&
            nodes[i].op == GRAPH_CONV)
            return &nodes[i];
    return NULL;
}

/* Which step each node is in: (num_nodes), owned by the caller. */
static size_t *number_steps(const struct plan *plan, struct error *err)
{
    size_t *step_of = calloc(plan->graph->num_nodes + 1, sizeof *step_of);

    if (!step_of) {
        fail(err, ERROR_MEMORY, "not enough memory for a plan");
        return NULL;
    }
    for (size_t s = 0; s < plan->num_steps; s++)
        for (size_t n = 0; n < plan->steps[s].count; n++)
            step_of[plan->steps[s].first + n] = s;
    return step_of;
}

/* XNNPACK makes one node of a border and the convolution behind it, and one of
 * a clamp and what is before it. So what goes into a border is read as long as
 * what comes out of it, and what comes out of a clamp may be made when what
 * goes in is. Of node n, the last that reads its operands: */
static size_t last_reader(const struct graph *graph, size_t n)
{
    const struct graph_node *node = &graph->nodes[n];
    size_t last = n;

    if (node->op != GRAPH_PAD)
        return n;
    for (size_t m = n + 1; m < graph->num_nodes; m++)
        for (uint32_t i = 0; i < graph->nodes[m].num_inputs; i++)
            if (graph->nodes[m].inputs[i] == node->outputs[0])
                last = m;
    return last;
}

/* And the first that writes its output; our own kernels run the nodes of a step
 * all at once. */
static size_t first_writer(const struct plan *plan, const size_t *step_of,
                           size_t n)
{
    const struct graph *graph = plan->graph;
    const struct graph_node *node = &graph->nodes[n];
    int producer = node->op == GRAPH_CLAMP
                       ? graph->values[node->inputs[0]].producer
                       : GRAPH_NONE;

    if (plan->steps[step_of[n]].runner != PLAN_XNNPACK)
        return plan->steps[step_of[n]].first;
    return producer == GRAPH_NONE ? n : (size_t)producer;
}

/* Room for so many floats, so that what follows is aligned. */
static size_t padded(size_t count)
{
    enum { UNIT = HUGEPAGES_ALIGNMENT / sizeof(float) };

    count += XNNRUN_SLACK / sizeof(float);
    return (count + UNIT - 1) / UNIT * UNIT;
}

/* ---- masks ---- */

struct plan_mask *plan_values_mask(const struct plan *plan, int value)
{
    for (size_t i = 0; i < plan->num_masks; i++)
        if (plan->masks[i].value == value)
            return &plan->masks[i];
    return NULL;
}

/* A gate takes the mask of a feature map if all gates of it have the same
 * bounds. */
static void add_mask(struct plan *plan, const struct graph_node *gate)
{
    int value = gate->inputs[0];
    const struct graph_value *y = &plan->graph->values[value];
    struct mask_bounds bounds = {gate->gate.low, gate->gate.high};
    struct plan_mask *mask = plan_values_mask(plan, value);

    if (mask)
        mask->clash |=
            mask->bounds.low != bounds.low || mask->bounds.high != bounds.high;
    else if (y->producer != GRAPH_NONE && !y->data && y->shape.rank > 0 &&
             y->shape.dim[y->shape.rank - 1] % MASK_UNIT == 0)
        plan->masks[plan->num_masks++] =
            (struct plan_mask){.value = value, .bounds = bounds};
}

static void find_masks(struct plan *plan)
{
    const struct graph *graph = plan->graph;
    size_t count = 0;

    for (size_t n = 0; n < graph->num_nodes; n++)
        if (graph->nodes[n].op == GRAPH_GATE)
            add_mask(plan, &graph->nodes[n]);
    for (size_t i = 0; i < plan->num_masks; i++)
        if (!plan->masks[i].clash)
            plan->masks[count++] = plan->masks[i];
    plan->num_masks = count;
}

/* The last node of the step that makes a value; at least 1, as 0 stands for
 * none in find_lives. */
static size_t end_of(const struct plan *plan, const size_t *step_of, int value)
{
    size_t n = (size_t)plan->graph->values[value].producer;
    const struct plan_step *step = &plan->steps[step_of[n]];
    size_t end = step->first + step->count - 1;

    return end > 0 ? end : 1;
}

/* They live from the step that makes the value to the last gate. */
static void list_masks(struct plan *plan, const size_t *step_of)
{
    const struct graph *graph = plan->graph;

    for (size_t i = 0; i < plan->num_masks; i++) {
        int v = plan->masks[i].value;
        size_t len = graph_value_count(graph, v) / MASK_UNIT;
        struct memory_block block = {
            .first = plan->steps[step_of[graph->values[v].producer]].first,
            .size = padded((len + sizeof(float) - 1) / sizeof(float)),
        };

        for (size_t n = 0; n < graph->num_nodes; n++)
            if (graph->nodes[n].op == GRAPH_GATE &&
                graph->nodes[n].inputs[0] == v)
                block.last = n;
        plan->blocks[plan->num_passed + i] = block;
    }
}

/* ---- scratch ---- */

static size_t scratch_len(const struct plan *plan, size_t s)
{
    const struct expand_layer layer = plan_expand_layer(plan, s);
    const struct graph_node *depthwise = plan_expanded_node(plan, s);

    if (depthwise)
        return expand_scratch_len(&layer, plan->graph, depthwise);
    if (layer.dense)
        return dense_scratch_len(layer.dense);
    return layer.dense_int8 ? dense_int8_scratch_len(layer.dense_int8) : 0;
}

/* Of our own kernels: it lives while its step runs. */
static void list_scratch(struct plan *plan)
{
    for (size_t s = 0; s < plan->num_steps; s++) {
        const struct plan_step *step = &plan->steps[s];
        const struct graph_node *node = &plan->graph->nodes[step->first];
        size_t len = scratch_len(plan, s);

        if (step->runner == PLAN_DENSE && node->op == GRAPH_MATMUL)
            len = product_scratch_len(plan->graph, node);
        plan->blocks[plan->num_passed + plan->num_masks + s] =
            (struct memory_block){
                .first = step->first,
                .last = step->first + step->count - 1,
                .size = len > 0 ? padded(len) : 0,
            };
    }
}

/* ---- lives ---- */

/* Finds what one step makes and another takes, but for outputs: last[value]
 * is the last node that takes it, and 0 of other values. */
static void find_lives(const struct plan *plan, const size_t *step_of,
                       size_t *last)
{
    const struct graph *graph = plan->graph;

    for (size_t n = 0; n < graph->num_nodes; n++) {
        size_t reader = last_reader(graph, n);

        for (uint32_t i = 0; i < graph->nodes[n].num_inputs; i++) {
            const int v = graph->nodes[n].inputs[i];
            const struct graph_value *value =
                graph_input(graph, &graph->nodes[n], i);

            if (i == 0 && graph->nodes[n].op == GRAPH_GATE &&
                plan_values_mask(plan, v))
                continue; /* its mask is read, not itself */
            if (value && value->producer != GRAPH_NONE && !value->data &&
                !plan->kept[v] && step_of[value->producer] != step_of[n] &&
                reader > last[v])
                last[v] = reader;
        }
    }
    /* Until the end of its step, of which the mask is made. */
    for (size_t i = 0; i < plan->num_masks; i++) {
        int v = plan->masks[i].value;
        size_t end = end_of(plan, step_of, v);

        if (!plan->kept[v] && end > last[v])
            last[v] = end;
    }
}

/* Lists them. They live from node to node, not from step to step: a runtime
 * runs its nodes in their order, so it may make a value where one was that it
 * has done with. */
static void list_passed(struct plan *plan, const size_t *step_of,
                        const size_t *last)
{
    const struct graph *graph = plan->graph;

    for (size_t n = 0; n < graph->num_nodes; n++)
        for (uint32_t i = 0; i < graph->nodes[n].num_outputs; i++) {
            const int v = graph->nodes[n].outputs[i];

            if (v == GRAPH_NONE || last[v] == 0)
                continue;
            plan->kept[v] = true;
            plan->passed[plan->num_passed] = v;
            plan->blocks[plan->num_passed++] = (struct memory_block){
                .first = first_writer(plan, step_of, n),
                .last = last[v],
                .size = padded(graph_value_count(graph, v)),
            };
        }
}

bool plan_values_place(struct plan *plan, struct error *err)
{
    const struct graph *graph = plan->graph;
    size_t *step_of = number_steps(plan, err);
    size_t *last = calloc(graph->num_values, sizeof *last);
    bool ok = false;

    plan->blocks =
        calloc(2 * graph->num_values + plan->num_steps, sizeof *plan->blocks);
    plan->passed = calloc(graph->num_values, sizeof *plan->passed);
    plan->masks = calloc(graph->num_values, sizeof *plan->masks);
    if (!step_of || !last || !plan->blocks || !plan->passed || !plan->masks) {
        fail(err, ERROR_MEMORY, "not enough memory for a plan");
        goto out;
    }
    for (size_t i = 0; i < graph->num_inputs; i++)
        plan->kept[graph->inputs[i]] = true;
    for (size_t i = 0; i < graph->num_outputs; i++)
        plan->kept[graph->outputs[i]] = true;
    find_masks(plan);
    find_lives(plan, step_of, last);
    list_passed(plan, step_of, last);
    list_masks(plan, step_of);
    list_scratch(plan);
    ok = memory_plan(plan->blocks,
                     plan->num_passed + plan->num_masks + plan->num_steps,
                     &plan->passed_len, err);
out:
    free(step_of);
    free(last);
    return ok;
}

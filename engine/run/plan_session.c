#include "engine/run/plan.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/clock.h"
#include "engine/base/hugepages.h"
#include "engine/base/memory_limit.h"
#include "engine/kernel/kernel.h"
#include "engine/run/depthwise.h"
#include "engine/run/expand.h"
#include "engine/run/plan_internal.h"
#include "engine/run/product.h"
#include "engine/run/transposed.h"

struct plan_session {
    const struct plan *plan; /* borrowed */
    float **data;            /* (graph's num_values) NULL where not kept; those
                                that are not in `passed` are owned */
    float *passed;        /* (plan's passed_len) from hugepages_take; owned */
    uint8_t **masks;      /* (graph's num_values) in `passed`, or NULL; owned */
    struct xnnrun **runs; /* (num_steps) NULL: not XNNPACK's; owned */
    struct team_member member; /* who computes */
    const void **inputs;       /* (most operands of a kernel) scratch; owned */
};

static bool add_passed(struct plan_session *session, struct error *err)
{
    size_t len = session->plan->passed_len * sizeof(float);

    session->passed = hugepages_take(len);
    if (!session->passed)
        return fail(err, ERROR_MEMORY,
                    "not enough memory for feature maps of %zu bytes", len);
    memset(session->passed, 0, len);
    return true;
}

/* Memory of its own for an input or an output. */
static bool add_own(struct plan_session *session, int v, struct error *err)
{
    const struct graph_value *value = &session->plan->graph->values[v];
    size_t count = graph_shape_count(&value->shape);

    session->data[v] =
        calloc(count + XNNRUN_SLACK / sizeof(float), sizeof(float));
    if (!session->data[v])
        return fail(err, ERROR_MEMORY, "not enough memory for %zu elements",
                    count);
    if (value->data) /* an output that is a constant */
        memcpy(session->data[v], value->data, count * sizeof(float));
    return true;
}

static bool add_data(struct plan_session *session, struct error *err)
{
    const struct plan *plan = session->plan;
    const struct graph *graph = plan->graph;

    session->data = calloc(graph->num_values, sizeof *session->data);
    session->masks = calloc(graph->num_values, sizeof *session->masks);
    if (!session->data || !session->masks)
        return fail(err, ERROR_MEMORY, "not enough memory for %zu values",
                    graph->num_values);
    for (size_t i = 0; i < plan->num_passed; i++)
        session->data[plan->passed[i]] =
            session->passed + plan->blocks[i].offset;
    for (size_t i = 0; i < plan->num_masks; i++)
        session->masks[plan->masks[i].value] =
            (uint8_t *)(session->passed +
                        plan->blocks[plan->num_passed + i].offset);
    for (size_t v = 0; v < graph->num_values; v++)
        if (plan->kept[v] && !session->data[v] &&
            !add_own(session, (int)v, err))
            return false;
    return true;
}

/* Lists the kept values that the nodes of a step take or make, each once. */
static size_t find_externals(const struct plan_session *session,
                             const struct plan_step *step,
                             struct xnnrun_external *externals, bool *seen)
{
    const struct graph *graph = session->plan->graph;
    size_t count = 0;

    memset(seen, 0, graph->num_values * sizeof *seen);
    for (size_t n = step->first; n < step->first + step->count; n++) {
        const struct graph_node *node = &graph->nodes[n];

        for (uint32_t i = 0; i < node->num_inputs + node->num_outputs; i++) {
            bool is_output = i >= node->num_inputs;
            int value = is_output ? node->outputs[i - node->num_inputs]
                                  : node->inputs[i];

            if (value == GRAPH_NONE || seen[value] || !session->data[value])
                continue;
            seen[value] = true;
            externals[count++] = (struct xnnrun_external){
                .value = value,
                .data = session->data[value],
                .is_output = is_output,
            };
        }
    }
    return count;
}

static bool add_runs(struct plan_session *session, struct error *err)
{
    const struct plan *plan = session->plan;
    size_t num_values = plan->graph->num_values;
    struct xnnrun_external *externals = calloc(num_values, sizeof *externals);
    bool *seen = calloc(num_values, sizeof *seen);
    bool ok = externals && seen && session->runs;

    if (!ok)
        fail(err, ERROR_MEMORY, "not enough memory for %zu values", num_values);
    for (size_t s = 0; ok && s < plan->num_steps; s++) {
        const struct plan_step *step = &plan->steps[s];
        size_t count;

        if (step->runner != PLAN_XNNPACK)
            continue;
        count = find_externals(session, step, externals, seen);
        session->runs[s] =
            xnnrun_new(plan->graph, plan->weights, step->first, step->count,
                       externals, count, &session->member, err);
        ok = session->runs[s] != NULL;
    }
    free(externals);
    free(seen);
    return ok;
}

static struct plan_session *make(const struct plan *plan, struct team *team,
                                 struct error *err)
{
    struct plan_session *session = calloc(1, sizeof *session);
    uint32_t most = 1;
    bool ok = false;

    if (!session) {
        fail(err, ERROR_MEMORY, "not enough memory for a session");
        return NULL;
    }
    session->plan = plan;
    for (size_t n = 0; n < plan->graph->num_nodes; n++)
        if (plan->graph->nodes[n].num_inputs > most)
            most = plan->graph->nodes[n].num_inputs;
    session->inputs = calloc(most, sizeof *session->inputs);
    session->runs = calloc(plan->num_steps + 1, sizeof *session->runs);
    team_member_init(&session->member, team);
    if (!session->inputs || !session->runs)
        fail(err, ERROR_MEMORY, "not enough memory for a session");
    else
        ok = add_passed(session, err) && add_data(session, err) &&
             add_runs(session, err);
    if (!ok) {
        plan_session_free(session);
        session = NULL;
    }
    return session;
}

size_t plan_session_len(const struct plan *plan)
{
    const struct graph *graph = plan->graph;
    size_t len = plan->passed_len * sizeof(float);
    bool *passed = calloc(graph->num_values, sizeof *passed);

    for (size_t i = 0; passed && i < plan->num_passed; i++)
        passed[plan->passed[i]] = true;
    for (size_t v = 0; passed && v < graph->num_values; v++)
        if (plan->kept[v] && !passed[v])
            len += graph_value_count(graph, (int)v) * sizeof(float);
    free(passed);
    for (size_t s = 0; s < plan->num_steps; s++)
        if (plan->steps[s].runner == PLAN_XNNPACK)
            len += xnnrun_len(graph, plan->weights, plan->steps[s].first,
                              plan->steps[s].count, plan->kept);
    return len;
}

struct plan_session *plan_session_new(const struct plan *plan,
                                      struct team *team, struct error *err)
{
    const size_t len = plan_session_len(plan);
    struct plan_session *session;

    if (!memory_limit_begin(len, err))
        return NULL;
    session = make(plan, team, err);
    memory_limit_end(len);
    return session;
}

float *plan_session_data(struct plan_session *session, int value)
{
    return session->data[value];
}

/* Makes the masks of what a step made that is not of our own kernels. */
static void make_masks(struct plan_session *session,
                       const struct plan_step *step)
{
    const struct plan *plan = session->plan;

    for (size_t i = 0; i < plan->num_masks; i++) {
        int v = plan->masks[i].value;
        size_t n = (size_t)plan->graph->values[v].producer;

        if (n >= step->first && n < step->first + step->count)
            mask_make(session->masks[v], session->data[v],
                      graph_value_count(plan->graph, v), plan->masks[i].bounds,
                      &session->member);
    }
}

/* An operand of a kernel, which may be a constant. */
static const void *operand(const struct plan_session *session,
                           const struct graph_node *node, uint32_t i)
{
    const struct graph_value *value =
        graph_input(session->plan->graph, node, i);

    return !value        ? NULL
           : value->data ? value->data
                         : session->data[node->inputs[i]];
}

static bool run_kernel(struct plan_session *session,
                       const struct graph_node *node, struct error *err)
{
    const struct graph *graph = session->plan->graph;
    void *outputs[1] = {session->data[node->outputs[0]]};

    if (node->op == GRAPH_GATE && session->masks[node->inputs[0]]) {
        mask_apply(
            session->data[node->outputs[0]], session->data[node->inputs[1]],
            session->masks[node->inputs[0]],
            graph_value_count(graph, node->outputs[0]), node, &session->member);
        return true;
    }
    for (uint32_t i = 0; i < node->num_inputs; i++)
        session->inputs[i] = operand(session, node, i);
    return kernel_run(graph, node, session->inputs, outputs, &session->member,
                      err);
}

/* The output of a step's last node. */
static int out_of(const struct plan_session *session,
                  const struct plan_step *step)
{
    return session->plan->graph->nodes[step->first + step->count - 1]
        .outputs[0];
}

/* The depthwise convolution of a step, and what follows it. */
static struct depthwise depthwise_of(const struct plan_session *session,
                                     const struct plan_step *step,
                                     const struct graph_node *node)
{
    const struct graph_node *nodes = session->plan->graph->nodes;
    const struct graph_node *next =
        node < &nodes[step->first + step->count - 1] ? node + 1 : NULL;
    const struct graph_node *gate =
        next && next->op == GRAPH_GATE ? next : NULL;
    int out = out_of(session, step);
    const struct plan_mask *made = plan_values_mask(session->plan, out);
    struct depthwise depthwise = {
        .graph = session->plan->graph,
        .node = node,
        .in = session->data[node->inputs[0]],
        .out = session->data[out],
        .function = next ? plan_function(session->plan, next) : NULL,
        .gate = gate,
        .y = gate ? session->data[gate->inputs[0]] : NULL,
        .mask = gate ? session->masks[gate->inputs[0]] : NULL,
    };

    if (made) {
        depthwise.made = session->masks[out];
        depthwise.bounds = made->bounds;
    }
    return depthwise;
}

static void run_depthwise(struct plan_session *session,
                          const struct plan_step *step)
{
    const struct graph_node *node = &session->plan->graph->nodes[step->first];
    struct depthwise depthwise = depthwise_of(session, step, node);

    if (node->op == GRAPH_DECONV)
        transposed_run(&depthwise, &session->member);
    else
        depthwise_run(&depthwise, &session->member);
}

static float *scratch_of(const struct plan_session *session, size_t s)
{
    const struct plan *plan = session->plan;

    return session->passed +
           plan->blocks[plan->num_passed + plan->num_masks + s].offset;
}

/* What follows a convolution of all channels in its step. */
static struct dense_rest rest_of(const struct plan_session *session, size_t s)
{
    const struct plan_step *step = &session->plan->steps[s];
    const struct graph_node *node = &session->plan->graph->nodes[step->first];
    struct dense_rest rest = {.function =
                                  plan_expand_layer(session->plan, s).function};
    int v = node->outputs[0], out = out_of(session, step);
    const struct plan_mask *made = plan_values_mask(session->plan, out);

    for (size_t i = 1; i < step->count && node[i].op != GRAPH_UNARY; i++) {
        const struct graph_node *next = node + i;

        if (next->op == GRAPH_ADD) {
            rest.addend = session->data[next->inputs[next->inputs[0] == v]];
        } else if (session->masks[next->inputs[0]]) {
            rest.mask = session->masks[next->inputs[0]];
        } else {
            rest.y = session->data[next->inputs[0]];
            rest.low = next->gate.low;
            rest.high = next->gate.high;
        }
        rest.clamps = graph_is_clamped(next);
        rest.min = next->min;
        rest.max = next->max;
        v = next->outputs[0];
    }
    if (made) {
        rest.made = session->masks[out];
        rest.bounds = made->bounds;
    }
    return rest;
}

/* A layer, and the depthwise convolution of it. */
static void run_expanded(struct plan_session *session, size_t s,
                         const struct graph_node *node)
{
    const struct plan *plan = session->plan;
    const struct plan_step *step = &plan->steps[s];
    const struct expand_layer layer = plan_expand_layer(plan, s);
    const struct depthwise depthwise = depthwise_of(session, step, node);
    int in = plan->graph->nodes[step->first].inputs[0];

    expand_run(&layer, &depthwise, session->data[in], scratch_of(session, s),
               &session->member);
}

static void run_dense(struct plan_session *session, size_t s)
{
    const struct plan *plan = session->plan;
    const struct plan_step *step = &plan->steps[s];
    const struct graph_node *node = &plan->graph->nodes[step->first];
    const struct dense_rest rest = rest_of(session, s);
    const float *in = session->data[node->inputs[0]];
    float *out = session->data[out_of(session, step)];

    if (plan->dense[s])
        dense_run(plan->dense[s], out, in, &rest, scratch_of(session, s),
                  &session->member);
    else
        dense_int8_run(plan->dense_int8[s], out, in, &rest,
                       scratch_of(session, s), &session->member);
}

static void run_product(struct plan_session *session, size_t s,
                        const struct graph_node *node)
{
    product_run(session->plan->graph, node, NULL,
                session->data[node->outputs[0]], operand(session, node, 0),
                operand(session, node, 1), scratch_of(session, s),
                &session->member);
}

static bool run_step(struct plan_session *session, size_t s, struct error *err)
{
    const struct plan_step *step = &session->plan->steps[s];
    const struct graph_node *node = &session->plan->graph->nodes[step->first];
    const struct graph_node *depthwise = plan_expanded_node(session->plan, s);
    bool ok;

    if (depthwise) {
        run_expanded(session, s, depthwise);
        return true;
    }
    switch (step->runner) {
    case PLAN_DEPTHWISE:
        run_depthwise(session, step);
        return true;
    case PLAN_DENSE:
    case PLAN_DENSE_INT8:
        if (node->op != GRAPH_MATMUL) {
            run_dense(session, s);
            return true;
        }
        run_product(session, s, node);
        ok = true;
        break;
    case PLAN_KERNEL:
        ok = run_kernel(session, node, err);
        break;
    default:
        ok = xnnrun_run(session->runs[s], err);
    }
    if (ok)
        make_masks(session, step);
    return ok;
}

bool plan_session_run(struct plan_session *session, struct error *err)
{
    bool ok = true;

    for (size_t s = 0; ok && s < session->plan->num_steps; s++)
        ok = run_step(session, s, err);
    team_rest(&session->member);
    return ok;
}

bool plan_session_measure(struct plan_session *session, double *ms,
                          struct error *err)
{
    bool ok = true;

    for (size_t s = 0; ok && s < session->plan->num_steps; s++) {
        const uint64_t start_us = clock_now_us();

        ok = run_step(session, s, err);
        ms[s] = clock_ms_since(start_us);
    }
    team_rest(&session->member);
    return ok;
}

void plan_session_free(struct plan_session *session)
{
    const struct plan *plan;

    if (!session)
        return;
    plan = session->plan;
    for (size_t s = 0; session->runs && s < plan->num_steps; s++)
        xnnrun_free(session->runs[s]);
    for (size_t i = 0; session->data && i < plan->num_passed; i++)
        session->data[plan->passed[i]] = NULL; /* not for itself */
    for (size_t v = 0; session->data && v < plan->graph->num_values; v++)
        free(session->data[v]);
    free(session->runs);
    free(session->data);
    free(session->masks);
    hugepages_give(session->passed);
    free(session->inputs);
    free(session);
}

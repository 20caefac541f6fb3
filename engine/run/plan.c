#include "engine/run/plan.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/base/hugepages.h"
#include "engine/kernel/kernel.h"
#include "engine/run/depthwise.h"
#include "engine/run/memory_plan.h"
#include "engine/xnn/xnnrun.h"

struct plan {
    const struct graph *graph; /* borrowed */
    struct plan_step *steps;   /* (num_steps) owned */
    size_t num_steps;
    /* Which values have memory in a session: the input, the outputs, and what
     * one step makes and another takes. (graph's num_values) owned. */
    bool *kept;
    /* Of these, the ones that pass between steps share memory. */
    struct place *places; /* (num_passed) in floats; owned */
    int *passed;          /* (num_passed) the values; owned */
    size_t num_passed;
    size_t passed_len;          /* floats for all of them */
    size_t num_int8;            /* nodes with quantized weights */
    struct xnnweights *weights; /* owned; has a lock of its own */
};

struct plan_session {
    const struct plan *plan; /* borrowed */
    float **data;            /* (graph's num_values) NULL where not kept; those
                                that are not in `passed` are owned */
    float *passed;        /* (plan's passed_len) from hugepages_take; owned */
    struct xnnrun **runs; /* (num_steps) NULL: not XNNPACK's; owned */
    struct team_member member; /* who computes */
    const void **inputs;       /* (most operands of a kernel) scratch; owned */
};

/* ---- the plan ---- */

/* 4 GiB of floats. A small file may ask for any amount; what is too much is
 * refused before memory is taken for it. */
#define MAX_COMPUTED ((size_t)1 << 30)

/* The numbers that one run computes, all nodes together. */
static bool check_size(const struct graph *graph, struct error *err)
{
    size_t total = 0;

    for (size_t n = 0; n < graph->num_nodes; n++)
        for (uint32_t i = 0; i < graph->nodes[n].num_outputs; i++) {
            const struct graph_value *value =
                graph_output(graph, &graph->nodes[n], i);

            if (value && !value->data)
                total += graph_shape_count(&value->shape);
        }
    if (total > MAX_COMPUTED)
        return fail(err, ERROR_LIMIT,
                    "its nodes compute %zu numbers; at most %zu are taken",
                    total, MAX_COMPUTED);
    return true;
}

static bool find_runner(enum plan_runner *runner, const struct graph *graph,
                        const struct graph_node *node, struct error *err)
{
    if (depthwise_supports(graph, node))
        *runner = PLAN_DEPTHWISE;
    else if (xnnrun_supports(graph, node))
        *runner = PLAN_XNNPACK;
    else if (kernel_supports(node))
        *runner = PLAN_KERNEL;
    else
        return fail(err, ERROR_UNSUPPORTED,
                    "node \"%.100s\" (%s): nothing here runs it", node->name,
                    node->onnx_op);
    return true;
}

/* Extends the last step by node n, or begins another. */
static bool add_to_steps(struct plan *plan, size_t n, struct error *err)
{
    struct plan_step *last =
        plan->num_steps > 0 ? &plan->steps[plan->num_steps - 1] : NULL;
    enum plan_runner runner;

    if (!find_runner(&runner, plan->graph, &plan->graph->nodes[n], err))
        return false;
    if (runner == PLAN_XNNPACK && last && last->runner == PLAN_XNNPACK)
        last->count++;
    else
        plan->steps[plan->num_steps++] =
            (struct plan_step){.first = n, .count = 1, .runner = runner};
    return true;
}

/* Which step each node is in: (num_nodes), owned by the caller. */
static size_t *number_steps(const struct plan *plan, struct error *err)
{
    size_t *step_of = calloc(plan->graph->num_nodes + 1, sizeof *step_of);

    if (!step_of) {
        fail(err, ERROR_MEMORY, "no room for a plan");
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
    size_t last = n;

    for (size_t m = n + 1;
         graph->nodes[n].op == GRAPH_PAD && m < graph->num_nodes; m++)
        for (uint32_t i = 0; i < graph->nodes[m].num_inputs; i++)
            if (graph->nodes[m].inputs[i] == graph->nodes[n].outputs[0])
                last = m;
    return last;
}

/* And the first that writes its output. */
static size_t first_writer(const struct graph *graph, size_t n)
{
    const struct graph_node *node = &graph->nodes[n];
    int producer = node->op == GRAPH_CLAMP
                       ? graph->values[node->inputs[0]].producer
                       : GRAPH_NONE;

    return producer == GRAPH_NONE ? n : (size_t)producer;
}

/* Finds what one step makes and another takes, but for outputs: last[value]
 * is the last node that takes it, and 0 of other values. */
static void find_lives(const struct plan *plan, const size_t *step_of,
                       size_t *last)
{
    const struct graph *graph = plan->graph;

    for (size_t n = 0; n < graph->num_nodes; n++)
        for (uint32_t i = 0; i < graph->nodes[n].num_inputs; i++) {
            const int v = graph->nodes[n].inputs[i];
            const struct graph_value *value =
                graph_input(graph, &graph->nodes[n], i);

            if (value && value->producer != GRAPH_NONE && !value->data &&
                !plan->kept[v] && step_of[value->producer] != step_of[n])
                last[v] = last_reader(graph, n) > last[v]
                              ? last_reader(graph, n)
                              : last[v];
        }
}

/* Room for so many floats, so that what follows is aligned. */
static size_t padded(size_t count)
{
    enum { UNIT = PAGES_ALIGNMENT / sizeof(float) };

    count += XNNRUN_SLACK / sizeof(float);
    return (count + UNIT - 1) / UNIT * UNIT;
}

/* Lists them. They live from node to node, not from step to step: a runtime
 * runs its nodes in their order, so it may make a value where one was that it
 * has done with. */
static void list_passed(struct plan *plan, const size_t *last)
{
    const struct graph *graph = plan->graph;

    for (size_t n = 0; n < graph->num_nodes; n++)
        for (uint32_t i = 0; i < graph->nodes[n].num_outputs; i++) {
            const int v = graph->nodes[n].outputs[i];

            if (v == GRAPH_NONE || last[v] == 0)
                continue;
            plan->kept[v] = true;
            plan->passed[plan->num_passed] = v;
            plan->places[plan->num_passed++] = (struct place){
                .first = first_writer(graph, n),
                .last = last[v],
                .size = padded(graph_shape_count(&graph->values[v].shape)),
            };
        }
}

/* Says what has memory in a session: inputs and outputs, each for itself, and
 * what is passed between steps. */
static bool place_values(struct plan *plan, struct error *err)
{
    const struct graph *graph = plan->graph;
    size_t *step_of = number_steps(plan, err);
    size_t *last = calloc(graph->num_values, sizeof *last);
    bool ok = false;

    plan->places = calloc(graph->num_values, sizeof *plan->places);
    plan->passed = calloc(graph->num_values, sizeof *plan->passed);
    if (!step_of || !last || !plan->places || !plan->passed) {
        fail(err, ERROR_MEMORY, "no room for a plan");
        goto out;
    }
    for (size_t i = 0; i < graph->num_inputs; i++)
        plan->kept[graph->inputs[i]] = true;
    for (size_t i = 0; i < graph->num_outputs; i++)
        plan->kept[graph->outputs[i]] = true;
    find_lives(plan, step_of, last);
    list_passed(plan, last);
    ok = memory_plan(plan->places, plan->num_passed, &plan->passed_len, err);
out:
    free(step_of);
    free(last);
    return ok;
}

/* Marks the weights to be quantized: those that only such nodes take. */
static void mark_int8(struct plan *plan, bool *marks, int exact)
{
    const struct graph *graph = plan->graph;

    for (size_t n = 0; n < graph->num_nodes; n++) {
        const struct graph_node *node = &graph->nodes[n];

        if (!xnnrun_supports_int8(graph, node) || node->inputs[1] == exact)
            continue;
        marks[node->inputs[1]] = true;
        plan->num_int8++;
    }
}

static bool add_weights(struct plan *plan, bool int8, int exact,
                        struct error *err)
{
    bool *marks = calloc(plan->graph->num_values, sizeof *marks);
    bool ok = true;

    if (!marks)
        return fail(err, ERROR_MEMORY, "no room for a plan");
    if (int8 && !xnnrun_has_int8())
        ok = fail(err, ERROR_UNSUPPORTED,
                  "precision int8 needs XNNPACK of 2024 or later; this program "
                  "was built with that of %s",
                  xnnrun_generation());
    if (ok && int8)
        mark_int8(plan, marks, exact);
    if (ok && int8 && plan->num_int8 == 0)
        ok = fail(err, ERROR_UNSUPPORTED,
                  "precision int8 is for networks with convolutions of 1 x 1 "
                  "or linear layers before the last; this one has none");
    if (ok) {
        plan->weights = xnnweights_new(plan->graph, marks, err);
        ok = plan->weights != NULL;
    }
    free(marks);
    return ok;
}

static struct plan *make(const struct graph *graph, bool int8, int exact,
                         struct error *err)
{
    struct plan *plan = calloc(1, sizeof *plan);
    bool ok = false;

    if (!plan) {
        fail(err, ERROR_MEMORY, "no room for a plan");
        return NULL;
    }
    plan->graph = graph;
    plan->steps = calloc(graph->num_nodes + 1, sizeof *plan->steps);
    plan->kept = calloc(graph->num_values, sizeof *plan->kept);
    if (!plan->steps || !plan->kept) {
        fail(err, ERROR_MEMORY, "no room for a plan");
        goto out;
    }
    for (size_t n = 0; n < graph->num_nodes; n++)
        if (!add_to_steps(plan, n, err))
            goto out;
    ok = check_size(graph, err) && add_weights(plan, int8, exact, err) &&
         place_values(plan, err);
out:
    if (!ok) {
        plan_free(plan);
        plan = NULL;
    }
    return plan;
}

struct plan *plan_new(const struct graph *graph, struct error *err)
{
    return make(graph, false, GRAPH_NONE, err);
}

struct plan *plan_new_int8(const struct graph *graph, int exact,
                           struct error *err)
{
    return make(graph, true, exact, err);
}

size_t plan_num_int8(const struct plan *plan)
{
    return plan->num_int8;
}

size_t plan_num_steps(const struct plan *plan)
{
    return plan->num_steps;
}

const struct plan_step *plan_steps(const struct plan *plan)
{
    return plan->steps;
}

size_t plan_num_run_by(const struct plan *plan, enum plan_runner runner)
{
    size_t count = 0;

    for (size_t s = 0; s < plan->num_steps; s++)
        count += plan->steps[s].runner == runner;
    return count;
}

const char *plan_runner_name(enum plan_runner runner)
{
    static const char *const names[] = {
#define X(runner, name) [runner] = name,
        PLAN_RUNNERS(X)
#undef X
    };

    return names[runner];
}

void plan_free(struct plan *plan)
{
    if (!plan)
        return;
    xnnweights_free(plan->weights);
    free(plan->steps);
    free(plan->kept);
    free(plan->places);
    free(plan->passed);
    free(plan);
}

/* ---- sessions ---- */

static bool add_passed(struct plan_session *session, struct error *err)
{
    size_t len = session->plan->passed_len * sizeof(float);

    session->passed = hugepages_take(len);
    if (!session->passed)
        return fail(err, ERROR_MEMORY, "no room for feature maps of %zu bytes",
                    len);
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
        return fail(err, ERROR_MEMORY, "no room for %zu elements", count);
    if (value->data) /* an output that is a constant */
        memcpy(session->data[v], value->data, count * sizeof(float));
    return true;
}

static bool add_data(struct plan_session *session, struct error *err)
{
    const struct plan *plan = session->plan;
    const struct graph *graph = plan->graph;

    session->data = calloc(graph->num_values, sizeof *session->data);
    if (!session->data)
        return fail(err, ERROR_MEMORY, "no room for %zu values",
                    graph->num_values);
    for (size_t i = 0; i < plan->num_passed; i++)
        session->data[plan->passed[i]] =
            session->passed + plan->places[i].offset;
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
        fail(err, ERROR_MEMORY, "no room for %zu values", num_values);
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

struct plan_session *plan_session_new(const struct plan *plan,
                                      struct team *team, struct error *err)
{
    struct plan_session *session = calloc(1, sizeof *session);
    uint32_t most = 1;
    bool ok = false;

    if (!session) {
        fail(err, ERROR_MEMORY, "no room for a session");
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
        fail(err, ERROR_MEMORY, "no room for a session");
    else
        ok = add_passed(session, err) && add_data(session, err) &&
             add_runs(session, err);
    if (!ok) {
        plan_session_free(session);
        session = NULL;
    }
    return session;
}

float *plan_session_data(struct plan_session *session, int value)
{
    return session->data[value];
}

static bool run_kernel(struct plan_session *session,
                       const struct graph_node *node, struct error *err)
{
    const struct graph *graph = session->plan->graph;
    void *outputs[1] = {session->data[node->outputs[0]]};

    for (uint32_t i = 0; i < node->num_inputs; i++) {
        const struct graph_value *value = graph_input(graph, node, i);

        session->inputs[i] = !value        ? NULL
                             : value->data ? value->data
                                           : session->data[node->inputs[i]];
    }
    return kernel_run(graph, node, session->inputs, outputs, err);
}

static void run_depthwise(struct plan_session *session,
                          const struct graph_node *node)
{
    depthwise_run(
        &(struct depthwise){
            .graph = session->plan->graph,
            .node = node,
            .in = session->data[node->inputs[0]],
            .out = session->data[node->outputs[0]],
        },
        &session->member);
}

static bool run_step(struct plan_session *session, size_t s, struct error *err)
{
    const struct plan_step *step = &session->plan->steps[s];
    const struct graph_node *node = &session->plan->graph->nodes[step->first];

    switch (step->runner) {
    case PLAN_DEPTHWISE:
        run_depthwise(session, node);
        return true;
    case PLAN_KERNEL:
        return run_kernel(session, node, err);
    default:
        return xnnrun_run(session->runs[s], err);
    }
}

bool plan_session_run(struct plan_session *session, struct error *err)
{
    bool ok = true;

    for (size_t s = 0; ok && s < session->plan->num_steps; s++)
        ok = run_step(session, s, err);
    team_rest(&session->member);
    return ok;
}

static double now_ms(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e3 + (double)time.tv_nsec / 1e6;
}

bool plan_session_measure(struct plan_session *session, double *ms,
                          struct error *err)
{
    bool ok = true;

    for (size_t s = 0; ok && s < session->plan->num_steps; s++) {
        double start = now_ms();

        ok = run_step(session, s, err);
        ms[s] = now_ms() - start;
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
    hugepages_give(session->passed);
    free(session->inputs);
    free(session);
}

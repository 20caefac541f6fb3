#include "engine/run/plan.h"

#include <stdlib.h>

#include "engine/kernel/kernel.h"
#include "engine/run/depthwise.h"
#include "engine/run/expand.h"
#include "engine/run/plan_internal.h"
#include "engine/run/product.h"
#include "engine/run/transposed.h"

/* 4 GiB of floats. A small file may ask for any amount; what is too much is
 * refused before memory is taken for it. */
#define MAX_COMPUTED ((size_t)1 << 30)

/* Weights that do not fit the cache are no trouble to our own kernels. */
bool plan_layout(struct graph *graph, struct error *err)
{
    return graph_layout(graph, err) &&
           (dense_has_kernel() || graph_split(graph, err));
}

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
                    "its nodes compute %zu numbers; at most %zu are allowed",
                    total, MAX_COMPUTED);
    return true;
}

/* How often each value is read: (num_values). ERROR_MEMORY. */
static uint32_t *count_reads(const struct graph *graph, struct error *err)
{
    uint32_t *reads = calloc(graph->num_values, sizeof *reads);

    if (!reads) {
        fail(err, ERROR_MEMORY, "not enough memory for a plan");
        return NULL;
    }
    for (size_t n = 0; n < graph->num_nodes; n++)
        for (uint32_t i = 0; i < graph->nodes[n].num_inputs; i++)
            if (graph->nodes[n].inputs[i] != GRAPH_NONE)
                reads[graph->nodes[n].inputs[i]]++;
    for (size_t i = 0; i < graph->num_outputs; i++)
        reads[graph->outputs[i]]++;
    return reads;
}

/* What is known of a graph while its steps are found. */
struct reading {
    const struct graph *graph;
    uint32_t *readers; /* (num_values) how often a value is read; owned */
    struct plan_integers integers;
};

bool plan_suits_int8(const struct graph *graph, const struct graph_node *node,
                     int exact)
{
    if (node->num_inputs < 2 || node->inputs[1] == exact)
        return false;
    return dense_int8_has_kernel() ? dense_int8_supports(graph, node)
                                   : xnnrun_supports_int8(graph, node);
}

static bool is_dense(enum plan_runner runner)
{
    return runner == PLAN_DENSE || runner == PLAN_DENSE_INT8;
}

static bool find_runner(enum plan_runner *runner, const struct reading *reading,
                        const struct graph_node *node, struct error *err)
{
    const struct graph *graph = reading->graph;

    if (depthwise_supports(graph, node) || transposed_supports(graph, node))
        *runner = PLAN_DEPTHWISE;
    else if (plan_computes_integers(&reading->integers, graph, node))
        *runner = dense_int8_has_kernel() ? PLAN_DENSE_INT8 : PLAN_XNNPACK;
    else if (dense_supports(graph, node))
        *runner = PLAN_DENSE;
    else if (product_supports(graph, node))
        *runner = PLAN_DENSE;
    else if (xnnrun_supports(graph, node))
        *runner = PLAN_XNNPACK;
    else if (kernel_supports(node))
        *runner = PLAN_KERNEL;
    else
        return fail(err, ERROR_UNSUPPORTED,
                    "node \"%.100s\" (%s): there is no kernel for it",
                    node->name, node->onnx_op);
    return true;
}

/* Whether nothing but node m takes value v, and takes it as operand `i`, and
 * its other operand is as large and computed elsewhere. */
static bool is_rest(const struct reading *reading, int v, size_t m,
                    enum graph_op op, uint32_t i)
{
    const struct graph *graph = reading->graph;
    const struct graph_node *node = &graph->nodes[m];
    const struct graph_value *other;

    if (m >= graph->num_nodes || node->op != op || node->inputs[i] != v ||
        node->inputs[1 - i] == v || reading->readers[v] != 1)
        return false;
    other = graph_input(graph, node, 1 - i);
    return !other->data &&
           graph_shape_equal(&other->shape, &graph->values[v].shape);
}

/* Whether the depthwise convolution of value v, and of nothing else, is next.
 */
static bool is_expanded(const struct reading *reading, int v, size_t m)
{
    const struct graph *graph = reading->graph;
    const struct graph_node *node = &graph->nodes[m];

    return m < graph->num_nodes && reading->readers[v] == 1 &&
           depthwise_supports(graph, node) && node->inputs[0] == v &&
           expand_pays(graph, node);
}

/* Whether node m is a function of value v, which nothing else takes, that
 * kernels of our own compute of their results. */
static bool is_function(const struct reading *reading, int v, size_t m)
{
    const struct graph *graph = reading->graph;

    return m < graph->num_nodes && reading->readers[v] == 1 &&
           graph->nodes[m].inputs[0] == v && kernel_applies(&graph->nodes[m]);
}

/* How many nodes behind node n its kernel runs as well. */
static size_t count_rest(const struct reading *reading, size_t n,
                         enum plan_runner runner)
{
    const struct graph_node *nodes = reading->graph->nodes;
    int v = nodes[n].outputs[0];
    size_t count = 0;

    if (nodes[n].op == GRAPH_MATMUL)
        return 0;
    if ((is_dense(runner) ||
         (runner == PLAN_DEPTHWISE && nodes[n].op == GRAPH_CONV)) &&
        is_function(reading, v, n + 1)) {
        v = nodes[n + 1].outputs[0];
        count++;
    }
    if (is_dense(runner) && is_expanded(reading, v, n + 1 + count) &&
        (runner == PLAN_DENSE_INT8 ||
         dense_gives_rows(reading->graph, &nodes[n]))) {
        v = nodes[n + 1 + count].outputs[0];
        count++;
        return count + is_function(reading, v, n + 1 + count);
    }
    if (count > 0)
        return count;
    if (is_dense(runner) && (is_rest(reading, v, n + 1, GRAPH_ADD, 0) ||
                             is_rest(reading, v, n + 1, GRAPH_ADD, 1))) {
        v = nodes[n + 1].outputs[0];
        count++;
        if (graph_is_clamped(&nodes[n + 1]))
            return count;
    }
    if ((is_dense(runner) || runner == PLAN_DEPTHWISE) &&
        is_rest(reading, v, n + 1 + count, GRAPH_GATE, 1))
        count++;
    return count;
}

/* Extends the last step by node *n, or begins another; counts on to the node
 * behind it. */
static bool add_to_steps(struct plan *plan, const struct reading *reading,
                         size_t *n, struct error *err)
{
    struct plan_step *last =
        plan->num_steps > 0 ? &plan->steps[plan->num_steps - 1] : NULL;
    struct plan_step step = {.first = *n, .count = 1};

    if (!find_runner(&step.runner, reading, &plan->graph->nodes[*n], err))
        return false;
    if (step.runner == PLAN_XNNPACK && last && last->runner == PLAN_XNNPACK) {
        last->count++;
    } else {
        step.count += count_rest(reading, *n, step.runner);
        plan->steps[plan->num_steps++] = step;
    }
    *n += step.count;
    return true;
}

static bool find_steps(struct plan *plan, bool int8, int exact,
                       struct error *err)
{
    struct reading reading = {.graph = plan->graph,
                              .readers = count_reads(plan->graph, err),
                              .integers = {.everywhere = int8, .exact = exact}};
    bool ok = reading.readers;

    for (size_t n = 0; ok && n < plan->graph->num_nodes;)
        ok = add_to_steps(plan, &reading, &n, err);
    ok = ok && plan_find_idle(plan, reading.readers, err);
    free(reading.readers);
    return ok;
}

/* What a plan is made with. */
struct making {
    bool int8;
    int exact;                        /* not int8, or GRAPH_NONE */
    struct graph *graph;              /* whose constants may go, or NULL; */
    const bool *kept;                 /* (num_values) but for these, or NULL */
    const struct plan *const *others; /* (num_others) to share weights with */
    size_t num_others;
};

static void share(struct dense *dense, const struct making *making)
{
    for (size_t i = 0; i < making->num_others; i++)
        for (size_t s = 0; s < making->others[i]->num_steps; s++)
            if (dense_share(dense, making->others[i]->dense[s]))
                return;
}

static bool add_dense_int8(struct plan *plan, struct error *err)
{
    bool ok = true;

    plan->dense_int8 = calloc(plan->num_steps + 1, sizeof *plan->dense_int8);
    if (!plan->dense_int8)
        return fail(err, ERROR_MEMORY, "not enough memory for a plan");
    for (size_t s = 0; ok && s < plan->num_steps; s++) {
        if (plan->steps[s].runner != PLAN_DENSE_INT8)
            continue;
        plan->dense_int8[s] = dense_int8_new(
            plan->graph, &plan->graph->nodes[plan->steps[s].first], NULL, err);
        ok = plan->dense_int8[s];
    }
    return ok;
}

/* Packs the weights of our own kernels. */
static bool add_dense(struct plan *plan, const struct making *making,
                      struct error *err)
{
    const struct graph *graph = plan->graph;
    uint32_t *reads = count_reads(graph, err);
    bool ok = reads;

    plan->dense = calloc(plan->num_steps + 1, sizeof *plan->dense);
    if (!plan->dense)
        ok = fail(err, ERROR_MEMORY, "not enough memory for a plan");
    for (size_t s = 0; ok && s < plan->num_steps; s++) {
        const struct graph_node *node = &graph->nodes[plan->steps[s].first];
        int weights;

        if (plan->steps[s].runner != PLAN_DENSE || node->op == GRAPH_MATMUL)
            continue;
        plan->dense[s] = dense_new(graph, node, NULL, err);
        ok = plan->dense[s];
        if (!ok)
            continue;
        share(plan->dense[s], making);
        weights = node->inputs[1];
        if (--reads[weights] == 0 && making->graph &&
            !(making->kept && making->kept[weights]))
            graph_drop_constant(&making->graph->values[weights]);
    }
    free(reads);
    return ok;
}

/* Counts the nodes that compute with integers, and marks the weights that are
 * quantized for XNNPACK. */
static void mark_int8(struct plan *plan, bool *marks, int exact)
{
    const struct graph *graph = plan->graph;

    for (size_t n = 0; n < graph->num_nodes; n++) {
        const struct graph_node *node = &graph->nodes[n];

        if (!plan_suits_int8(graph, node, exact))
            continue;
        marks[node->inputs[1]] = !dense_int8_has_kernel();
        plan->num_int8++;
    }
}

static bool add_weights(struct plan *plan, bool int8, int exact,
                        struct error *err)
{
    bool *marks = calloc(plan->graph->num_values, sizeof *marks);
    bool ok = true;

    if (!marks)
        return fail(err, ERROR_MEMORY, "not enough memory for a plan");
    if (int8 && !dense_int8_has_kernel() && !xnnrun_has_int8())
        ok = fail(err, ERROR_UNSUPPORTED,
                  "precision int8 needs a processor with AVX2, or XNNPACK from "
                  "2024 or later; this program was built with XNNPACK from "
                  "%s",
                  xnnrun_generation());
    if (ok && int8)
        mark_int8(plan, marks, exact);
    if (ok && int8 && plan->num_int8 == 0)
        ok = fail(err, ERROR_UNSUPPORTED,
                  "precision int8 needs %s or linear layers before the last "
                  "layer; this network has none",
                  dense_int8_has_kernel() ? "convolutions of many channels"
                                          : "1 x 1 convolutions");
    if (ok) {
        plan->weights = xnnweights_new(plan->graph, marks, err);
        ok = plan->weights != NULL;
    }
    free(marks);
    return ok;
}

static struct plan *make(const struct graph *graph, const struct making *making,
                         struct error *err)
{
    struct plan *plan = calloc(1, sizeof *plan);
    bool ok = false;

    if (!plan) {
        fail(err, ERROR_MEMORY, "not enough memory for a plan");
        return NULL;
    }
    plan->graph = graph;
    plan->steps = calloc(graph->num_nodes + 1, sizeof *plan->steps);
    plan->kept = calloc(graph->num_values, sizeof *plan->kept);
    if (!plan->steps || !plan->kept) {
        fail(err, ERROR_MEMORY, "not enough memory for a plan");
        goto out;
    }
    ok = find_steps(plan, making->int8, making->exact, err) &&
         check_size(graph, err) &&
         add_weights(plan, making->int8, making->exact, err) &&
         add_dense(plan, making, err) && add_dense_int8(plan, err) &&
         plan_values_place(plan, err);
out:
    if (!ok) {
        plan_free(plan);
        plan = NULL;
    }
    return plan;
}

struct plan *plan_new(const struct graph *graph, struct error *err)
{
    const struct making making = {.exact = GRAPH_NONE};

    return make(graph, &making, err);
}

struct plan *plan_new_sharing(struct graph *graph, const bool *kept,
                              const struct plan *const *others,
                              size_t num_others, struct error *err)
{
    const struct making making = {
        .exact = GRAPH_NONE,
        .graph = graph,
        .kept = kept,
        .others = others,
        .num_others = num_others,
    };

    return make(graph, &making, err);
}

size_t plan_packed_len(const struct plan *plan)
{
    size_t len = 0;

    for (size_t s = 0; s < plan->num_steps; s++) {
        len += plan->dense[s] ? dense_len(plan->dense[s]) : 0;
        len += plan->dense_int8[s] ? dense_int8_len(plan->dense_int8[s]) : 0;
    }
    return len;
}

struct plan *plan_new_int8(const struct graph *graph, int exact,
                           struct error *err)
{
    const struct making making = {.int8 = true, .exact = exact};

    return make(graph, &making, err);
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

bool plan_has_copy(const struct plan *plan, int value)
{
    const struct graph *graph = plan->graph;
    size_t num_readers = 0, num_copies = 0;

    for (size_t n = 0; n < graph->num_nodes; n++)
        for (uint32_t i = 0; i < graph->nodes[n].num_inputs; i++)
            num_readers += graph->nodes[n].inputs[i] == value;
    for (size_t i = 0; i < graph->num_outputs; i++)
        num_readers += graph->outputs[i] == value;
    for (size_t s = 0; s < plan->num_steps; s++)
        num_copies += (plan->dense[s] || plan->dense_int8[s]) &&
                      graph->nodes[plan->steps[s].first].inputs[1] == value;
    return num_copies > 0 && num_copies == num_readers;
}

void plan_free(struct plan *plan)
{
    if (!plan)
        return;
    xnnweights_free(plan->weights);
    for (size_t s = 0; plan->dense && s < plan->num_steps; s++)
        dense_free(plan->dense[s]);
    for (size_t s = 0; plan->dense_int8 && s < plan->num_steps; s++)
        dense_int8_free(plan->dense_int8[s]);
    free(plan->dense);
    free(plan->dense_int8);
    free(plan->steps);
    free(plan->idle);
    free(plan->kept);
    free(plan->blocks);
    free(plan->passed);
    free(plan->masks);
    free(plan);
}

#include "engine/network/inspect.h"

#include <malloc.h>
#include <stdlib.h>

#include "engine/base/buf.h"
#include "engine/base/clock.h"
#include "engine/base/hugepages.h"
#include "engine/network/inspect_place.h"
#include "engine/run/precision.h"
#include "engine/xnn/xnnrun.h"

static uint64_t count_macs(const struct graph *graph)
{
    uint64_t macs = 0;

    for (size_t n = 0; n < graph->num_nodes; n++)
        if (graph_op_has(graph->nodes[n].op, GRAPH_MACS))
            macs += graph_work(graph, &graph->nodes[n]);
    return macs;
}

static bool describe_steps(struct inspection *inspection, struct error *err)
{
    const struct plan *plan = inspection->network.plan;
    const struct plan_step *steps = plan_steps(plan);
    size_t count = plan_num_steps(plan);

    inspection->steps = calloc(count + 1, sizeof *inspection->steps);
    if (!inspection->steps)
        return fail(err, ERROR_MEMORY, "not enough memory for %zu steps",
                    count);
    inspection->num_steps = count;
    for (int r = 0; r < PLAN_NUM_RUNNERS; r++)
        inspection->num_run_by[r] = plan_num_run_by(plan, (enum plan_runner)r);
    for (size_t s = 0; s < count; s++) {
        const struct graph_node *node =
            &inspection->network.graph.nodes[steps[s].first];

        inspection->steps[s] = (struct inspect_step){
            .node = node->name,
            .onnx_op = node->onnx_op,
            .num_nodes = steps[s].count,
            .runner = steps[s].runner,
        };
    }
    return true;
}

static bool describe(struct inspection *inspection, struct error *err)
{
    const struct graph *graph = &inspection->network.graph;
    const struct head *head = &inspection->network.head;
    const struct graph_shape *shape = &graph->values[graph->inputs[0]].shape;

    inspection->input_height = shape->dim[1];
    inspection->input_width = shape->dim[2];
    inspection->channels = shape->dim[3];
    inspection->takes_bytes = graph->takes_bytes;
    inspection->head = head->name;
    inspection->output = head->output;
    inspection->scores = head_scores_name(head->scores);
    inspection->refusal = head->refusal;
    inspection->is_normalized = head->is_normalized;
    inspection->num_classes = head->num_classes;
    if (head->features != GRAPH_NONE) {
        shape = &graph->values[head->features].shape;
        inspection->map_height = shape->dim[1];
        inspection->map_width = shape->dim[2];
        inspection->num_features = shape->dim[3];
    }
    inspection->macs = count_macs(graph);
    inspection->runtime = xnnrun_generation();
    inspection->num_left_out = graph->num_left_out;
    inspection->num_nodes = graph->num_nodes;
    return describe_steps(inspection, err);
}

/* Before the network is planned, which drops weights that it has packed. */
static bool plan(struct inspection *inspection, struct error *err)
{
    struct network *network = &inspection->network;
    const struct graph *graph = &network->graph;

    for (size_t n = 0; n < graph->num_nodes; n++)
        inspection->num_int8 +=
            precision_suits_int8(graph, &network->head, &graph->nodes[n]);
    return network_plan(network, PRECISION_FP32, err);
}

bool inspect_open(struct inspection *inspection, const char *path,
                  const struct inspect_options *options, struct error *err)
{
    struct inspect_place place = {0};
    struct buf file = {0};
    struct error why = {0};
    uint64_t start = clock_now_us();
    bool ok = false;

    if (!inspect_place_find(&place, path, options, err) ||
        !buf_append_file(&file, place.path, NETWORK_MAX_BYTES, err) ||
        !onnx_summary_read(&inspection->file, file.data, file.len, err))
        goto out;
    place.options.problems = &inspection->problems;
    if (network_read(&inspection->network, file.data, file.len, &place.options,
                     &why) &&
        plan(inspection, &why)) {
        inspection->load_ms = clock_ms_since(start);
        ok = describe(inspection, err);
    } else if (why.kind == ERROR_MEMORY) {
        fail(err, why.kind, "%s", why.text);
    } else {
        if (inspection->problems.count == 0)
            inspection->failure = why;
        ok = true;
    }
out:
    inspect_place_release(&place);
    buf_release(&file);
    if (!ok)
        inspect_release(inspection);
    return ok;
}

bool inspect_can_run(const struct inspection *inspection)
{
    return inspection->problems.count == 0 &&
           inspection->failure.kind == ERROR_NONE;
}

/* ---- measuring ---- */

static int compare_doubles(const void *a, const void *b)
{
    const double *first = a, *second = b;

    return (*first > *second) - (*first < *second);
}

/* Bytes allocated on the heap (unless a sanitizer replaces it) and in huge
 * pages. */
static size_t taken_bytes(void)
{
    struct mallinfo2 info = mallinfo2();

    return info.uordblks + info.hblkhd + hugepages_in_use();
}

/* Runs once to warm up, then num_runs times; adds the times to the steps. */
static bool time_runs(struct inspection *inspection,
                      struct plan_session *session, double *totals, double *ms,
                      size_t num_runs, struct error *err)
{
    if (!plan_session_run(session, err))
        return false;
    for (size_t r = 0; r < num_runs; r++) {
        if (!plan_session_measure(session, ms, err))
            return false;
        totals[r] = 0;
        for (size_t s = 0; s < inspection->num_steps; s++) {
            totals[r] += ms[s];
            inspection->steps[s].ms += ms[s] / (double)num_runs;
        }
    }
    return true;
}

bool inspect_measure(struct inspection *inspection, size_t num_runs,
                     struct error *err)
{
    size_t before = taken_bytes(), after;
    struct plan_session *session =
        plan_session_new(inspection->network.plan, NULL, err);
    double *totals = calloc(num_runs + 1, sizeof *totals);
    double *ms = calloc(inspection->num_steps + 1, sizeof *ms);
    double sum = 0, kernels = 0;
    bool ok = false;

    if (!session)
        goto out;
    if (!totals || !ms) {
        fail(err, ERROR_MEMORY, "not enough memory for %zu runs", num_runs);
        goto out;
    }
    for (size_t s = 0; s < inspection->num_steps; s++)
        inspection->steps[s].ms = 0;
    if (!time_runs(inspection, session, totals, ms, num_runs, err))
        goto out;
    after = taken_bytes();
    inspection->session_bytes = after > before ? after - before : 0;
    qsort(totals, num_runs, sizeof *totals, compare_doubles);
    inspection->run_ms = totals[num_runs / 2];
    for (size_t s = 0; s < inspection->num_steps; s++) {
        sum += inspection->steps[s].ms;
        if (inspection->steps[s].runner == PLAN_KERNEL)
            kernels += inspection->steps[s].ms;
    }
    inspection->kernel_share = sum > 0 ? kernels / sum : 0;
    ok = true;
out:
    plan_session_free(session);
    free(totals);
    free(ms);
    return ok;
}

void inspect_release(struct inspection *inspection)
{
    network_release(&inspection->network);
    onnx_summary_release(&inspection->file);
    free(inspection->steps);
    *inspection = (struct inspection){0};
}

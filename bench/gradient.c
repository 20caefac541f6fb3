/* Times a network and the gradient of its input.
 *
 *     gradient times FILE.onnx FOLDER
 *
 * opens the file twice, plain and with the backward graph (gradient.h), and
 * runs both on the numbers of zoo.picture (tools/reference/networks); the seed
 * is 1 for class 0 and 0 for all others. It writes logits.npy and gradient.npy,
 * (height, width, 3), into the folder, and prints one line of JSON: which steps
 * the gradient's plan has, and the least time of each. Then, for each line
 * "forward N" or "gradient N" on standard input, it runs that plan N times and
 * prints a line with N times in milliseconds: of the processor, so that what
 * else runs on the machine counts for less. One thread.
 *
 *     gradient memory FILE.onnx
 *
 * prints one line of JSON: the resident memory in MB with two sessions of the
 * plain network, and with two more of the gradient, each after a run. */

#include <errno.h>
#include <libgen.h>
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/base/buf.h"
#include "engine/network/network.h"
#include "engine/network/npy.h"
#include "engine/passes/gradient.h"

enum { MAX_COUNT = 100000, NUM_SESSIONS = 2 };

struct timed {
    struct network network;
    struct plan_session *sessions[NUM_SESSIONS]; /* owned, or NULL */
};

static void release(struct timed *timed)
{
    for (size_t i = 0; i < NUM_SESSIONS; i++)
        plan_session_free(timed->sessions[i]);
    network_release(&timed->network);
}

/* ---- opening ---- */

static bool add_gradient(struct network *network, struct error *err)
{
    struct graph *graph = &network->graph;
    const struct gradient_options options = {
        .source = graph->outputs[0],
        .wanted = graph->inputs,
        .num_wanted = 1,
    };

    if (!gradient_append(graph, &options, err) || !plan_layout(graph, err))
        return false;
    network->plan = plan_new(graph, err);
    for (size_t v = 0; network->plan && v < graph->num_values; v++)
        if (graph->values[v].data && plan_has_copy(network->plan, (int)v))
            graph_drop_constant(&graph->values[v]);
    return network->plan;
}

static bool open_network(struct timed *timed, const char *path,
                         bool with_gradient, struct error *err)
{
    struct network *network = &timed->network;
    char *copy = strdup(path);
    struct network_options options = {
        .input.folder = copy ? dirname(copy) : NULL,
        .keep_outputs = with_gradient,
        .last = with_gradient ? NETWORK_FOLD : NETWORK_ALL,
    };
    struct buf file = {0};
    bool ok = copy && buf_append_file(&file, path, NETWORK_MAX_BYTES, err) &&
              network_read(network, file.data, file.len, &options, err);

    buf_release(&file);
    free(copy);
    return ok && (with_gradient ? add_gradient(network, err)
                                : network_plan(network, PRECISION_FP32, err));
}

/* Element i of the picture, were it NCHW, is (2654435761 i mod 2^32) / 2^31
 * - 1. */
static void fill_picture(const struct timed *timed, size_t session)
{
    const struct graph *graph = &timed->network.graph;
    const struct graph_shape *shape = &graph->values[graph->inputs[0]].shape;
    size_t num_pixels = shape->dim[1] * shape->dim[2];
    float *picture =
        plan_session_data(timed->sessions[session], graph->inputs[0]);

    for (size_t p = 0; p < num_pixels; p++)
        for (size_t c = 0; c < 3; c++) {
            uint64_t number =
                (c * num_pixels + p) * 2654435761 % ((uint64_t)1 << 32);

            picture[p * 3 + c] = (float)((double)number / 2147483648.0 - 1);
        }
    if (graph->num_inputs > 1)
        plan_session_data(timed->sessions[session], graph->inputs[1])[0] = 1;
}

static bool add_session(struct timed *timed, size_t i, struct error *err)
{
    timed->sessions[i] = plan_session_new(timed->network.plan, NULL, err);
    if (!timed->sessions[i])
        return false;
    fill_picture(timed, i);
    return plan_session_run(timed->sessions[i], err);
}

/* ---- what it computes ---- */

static bool write_array(const char *folder, const char *name,
                        const struct timed *timed, int value, struct error *err)
{
    const struct graph_shape *shape = &timed->network.graph.values[value].shape;
    struct buf bytes = {0};
    char path[4096];
    FILE *file = NULL;
    bool ok = npy_append(&bytes, shape,
                         plan_session_data(timed->sessions[0], value), err);

    snprintf(path, sizeof path, "%s/%s.npy", folder, name);
    if (ok) {
        file = fopen(path, "wb");
        ok = file && fwrite(bytes.data, 1, bytes.len, file) == bytes.len;
        if (file && fclose(file) != 0)
            ok = false;
        if (!ok)
            fail(err, ERROR_IO, "%s: %s", path, strerror(errno));
    }
    buf_release(&bytes);
    return ok;
}

/* ---- how long it takes ---- */

static double processor_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec * 1e-6;
}

static bool measure_steps(const struct timed *timed, double *least,
                          struct error *err)
{
    enum { NUM_RUNS = 5 };
    size_t num_steps = plan_num_steps(timed->network.plan);
    double *ms = calloc(num_steps + 1, sizeof *ms);
    bool ok = ms;

    if (!ok)
        fail(err, ERROR_MEMORY, "no room for times");
    for (int run = 0; ok && run < NUM_RUNS; run++) {
        ok = plan_session_measure(timed->sessions[0], ms, err);
        for (size_t i = 0; ok && i < num_steps; i++)
            if (run == 0 || ms[i] < least[i])
                least[i] = ms[i];
    }
    free(ms);
    return ok;
}

/* All steps, each with the first of its nodes. */
static bool describe(const struct timed *timed, struct error *err)
{
    const struct graph *graph = &timed->network.graph;
    const struct plan *plan = timed->network.plan;
    double *least = calloc(plan_num_steps(plan) + 1, sizeof *least);
    bool ok = least && measure_steps(timed, least, err);

    if (ok)
        printf("{\"steps\": [");
    for (size_t i = 0; ok && i < plan_num_steps(plan); i++) {
        const struct plan_step *step = &plan_steps(plan)[i];
        const struct graph_node *node = &graph->nodes[step->first];
        char shape[GRAPH_SHAPE_TEXT];

        graph_shape_text(shape, &graph_output(graph, node, 0)->shape);
        printf("%s{\"runs_in\": \"%s\", \"op\": \"%s\", \"nodes\": %zu, "
               "\"shape\": \"%s\", \"ms\": %.4f}",
               i > 0 ? ", " : "", plan_runner_name(step->runner),
               graph_op_name(node->op), step->count, shape, least[i]);
    }
    if (ok)
        puts("]}");
    fflush(stdout);
    free(least);
    return ok;
}

static bool time_runs(const struct timed *forward, const struct timed *gradient,
                      struct error *err)
{
    char line[64], what[16];
    unsigned count;

    while (fgets(line, sizeof line, stdin)) {
        const struct timed *timed;

        if (sscanf(line, "%15s %u", what, &count) != 2 || count > MAX_COUNT)
            return fail(err, ERROR_INPUT, "expected: forward N, or gradient N");
        timed = strcmp(what, "forward") == 0 ? forward : gradient;
        for (unsigned i = 0; i < count; i++) {
            const double start = processor_ms();

            if (!plan_session_run(timed->sessions[0], err))
                return false;
            printf("%.3f ", processor_ms() - start);
        }
        putchar('\n');
        fflush(stdout);
    }
    return true;
}

static bool run_times(struct timed *forward, struct timed *gradient,
                      const char *path, const char *folder, struct error *err)
{
    struct graph *graph = &gradient->network.graph;

    return open_network(forward, path, false, err) &&
           open_network(gradient, path, true, err) &&
           add_session(forward, 0, err) && add_session(gradient, 0, err) &&
           write_array(folder, "logits", gradient, graph->outputs[0], err) &&
           write_array(folder, "gradient", gradient, graph->outputs[1], err) &&
           describe(gradient, err) && time_runs(forward, gradient, err);
}

/* ---- how much memory it takes ---- */

/* 0 where Linux does not say. */
static double resident_mb(void)
{
    FILE *file = fopen("/proc/self/status", "r");
    char line[128];
    double kb = 0;

    malloc_trim(0);
    while (file && fgets(line, sizeof line, file))
        if (strncmp(line, "VmRSS:", 6) == 0)
            kb = strtod(line + 6, NULL);
    if (file)
        fclose(file);
    return kb / 1024;
}

static bool run_memory(struct timed *forward, struct timed *gradient,
                       const char *path, struct error *err)
{
    double plain_mb, opened_mb;

    if (!open_network(forward, path, false, err))
        return false;
    for (size_t i = 0; i < NUM_SESSIONS; i++)
        if (!add_session(forward, i, err))
            return false;
    plain_mb = resident_mb();
    if (!open_network(gradient, path, true, err))
        return false;
    opened_mb = resident_mb();
    for (size_t i = 0; i < NUM_SESSIONS; i++)
        if (!add_session(gradient, i, err))
            return false;
    printf("{\"forward_mb\": %.1f, \"opened_mb\": %.1f, \"all_mb\": %.1f}\n",
           plain_mb, opened_mb, resident_mb());
    return true;
}

int main(int argc, char **argv)
{
    struct error err = {0};
    struct timed forward = {0}, gradient = {0};
    bool ok;

    if (argc == 4 && strcmp(argv[1], "times") == 0)
        ok = run_times(&forward, &gradient, argv[2], argv[3], &err);
    else if (argc == 3 && strcmp(argv[1], "memory") == 0)
        ok = run_memory(&forward, &gradient, argv[2], &err);
    else {
        fputs("usage: gradient times FILE.onnx FOLDER\n"
              "       gradient memory FILE.onnx\n",
              stderr);
        return 2;
    }
    if (!ok)
        fprintf(stderr, "gradient: %s\n", err.text);
    release(&gradient);
    release(&forward);
    return ok ? 0 : 1;
}

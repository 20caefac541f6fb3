/* Times one network, and writes what it computes.
 *
 *     network FILE.onnx [FOLDER]
 *
 * opens the file, runs it once on the numbers of zoo.picture
 * (tools/reference/networks), and writes logits.npy, features.npy and maps.npy
 * into the folder as far as they are defined. It prints one line of JSON about
 * the network. Then, for each line "N" on standard input, it runs the network
 * N times and prints one line with N times in milliseconds, so that a caller
 * can take turns with another runtime. One thread. */

#include <errno.h>
#include <libgen.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/base/buf.h"
#include "engine/explain/cam.h"
#include "engine/graph/graph.h"
#include "engine/network/npy.h"
#include "engine/onnx/onnx.h"
#include "engine/passes/head.h"
#include "engine/run/plan.h"
#include "engine/xnn/xnnrun.h"

#define MAX_FILE_BYTES ((size_t)1 << 31)
#define MAX_COUNT 100000

struct network {
    struct graph graph;
    struct head head;
    struct plan *plan;            /* owned */
    struct plan_session *session; /* owned */
};

static double now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec * 1e-6;
}

static void release(struct network *net)
{
    plan_session_free(net->session);
    plan_free(net->plan);
    graph_release(&net->graph);
}

static bool read_graph(struct graph *graph, const char *path, struct error *err)
{
    char *copy = strdup(path);
    struct onnx_input size = {.folder = copy ? dirname(copy) : NULL};
    struct buf file = {0};
    bool ok = copy && buf_append_file(&file, path, MAX_FILE_BYTES, err) &&
              onnx_read(graph, file.data, file.len, &size, err);

    buf_release(&file);
    free(copy);
    return ok;
}

static bool open_network(struct network *net, const char *path,
                         struct error *err)
{
    struct graph *graph = &net->graph;

    if (!read_graph(graph, path, err) || !graph_infer(graph, err) ||
        !graph_fold(graph, err) || !graph_layout(graph, err) ||
        !head_find(&net->head, graph, err) ||
        !head_set_outputs(&net->head, graph, err))
        return false;
    net->plan = plan_new(graph, err);
    if (net->plan)
        net->session = plan_session_new(net->plan, NULL, err);
    return net->session;
}

/* Element i of the picture, were it NCHW, is (2654435761 i mod 2^32) / 2^31
 * - 1. */
static void fill_picture(struct network *net)
{
    int value = net->graph.inputs[0];
    const struct graph_shape *shape = &net->graph.values[value].shape;
    size_t num_pixels = shape->dim[1] * shape->dim[2];
    float *picture = plan_session_data(net->session, value);

    for (size_t p = 0; p < num_pixels; p++)
        for (size_t c = 0; c < 3; c++) {
            uint64_t number =
                (c * num_pixels + p) * 2654435761 % ((uint64_t)1 << 32);

            picture[p * 3 + c] = (float)((double)number / 2147483648.0 - 1);
        }
}

/* ---- what it computes ---- */

static bool write_array(const char *folder, const char *name,
                        const struct graph_shape *shape, const float *values,
                        struct error *err)
{
    struct buf bytes = {0};
    char path[4096];
    FILE *file = NULL;
    bool ok = npy_append(&bytes, shape, values, err);

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

/* The feature map, (channels, height, width), and the maps of all classes. */
static bool write_maps(struct network *net, const char *folder,
                       struct error *err)
{
    const struct head *head = &net->head;
    const struct graph_shape *nhwc = &net->graph.values[head->features].shape;
    const float *features = plan_session_data(net->session, head->features);
    size_t height = nhwc->dim[1], width = nhwc->dim[2], channels = nhwc->dim[3];
    size_t num_pixels = height * width;
    struct graph_shape shape = {3, {channels, height, width}};
    float *planes = calloc(num_pixels * channels, sizeof *planes);
    float *maps = calloc(num_pixels * head->num_classes, sizeof *maps);
    bool ok = planes && maps;

    if (!ok)
        fail(err, ERROR_MEMORY, "no room for the maps");
    for (size_t i = 0; ok && i < num_pixels * channels; i++)
        planes[i % channels * num_pixels + i / channels] = features[i];
    for (size_t k = 0; ok && k < head->num_classes; k++)
        cam_map(maps + k * num_pixels, head, &net->graph, features, k);
    ok = ok && write_array(folder, "features", &shape, planes, err);
    shape.dim[0] = head->num_classes;
    ok = ok && write_array(folder, "maps", &shape, maps, err);
    free(planes);
    free(maps);
    return ok;
}

static bool write_all(struct network *net, const char *folder,
                      struct error *err)
{
    struct graph_shape shape = {1, {net->head.num_classes}};

    return write_array(folder, "logits", &shape,
                       plan_session_data(net->session, net->head.logits),
                       err) &&
           (net->head.refusal || write_maps(net, folder, err));
}

/* ---- how long it takes ---- */

/* The share of plain kernels in a run, from 0 to 1: the least time that each
 * step took in a few runs. */
static bool measure_kernels(struct network *net, double *share,
                            struct error *err)
{
    enum { NUM_RUNS = 5 };
    size_t num_steps = plan_num_steps(net->plan);
    double *ms = calloc(num_steps + 1, sizeof *ms);
    double *least = calloc(num_steps + 1, sizeof *least), all = 0, kernels = 0;
    bool ok = ms && least;

    if (!ok)
        fail(err, ERROR_MEMORY, "no room for times");
    for (int run = 0; ok && run < NUM_RUNS; run++) {
        ok = plan_session_measure(net->session, ms, err);
        for (size_t i = 0; ok && i < num_steps; i++)
            if (run == 0 || ms[i] < least[i])
                least[i] = ms[i];
    }
    for (size_t i = 0; ok && i < num_steps; i++) {
        all += least[i];
        if (plan_steps(net->plan)[i].runner == PLAN_KERNEL)
            kernels += least[i];
    }
    *share = all > 0 ? kernels / all : 0;
    free(ms);
    free(least);
    return ok;
}

/* The most memory this process has had resident; 0 where Linux does not say.
 * (getrusage counts the parent's, too, until exec.) */
static double peak_mb(void)
{
    FILE *file = fopen("/proc/self/status", "r");
    char line[128];
    double kb = 0;

    while (file && fgets(line, sizeof line, file))
        if (strncmp(line, "VmHWM:", 6) == 0)
            kb = strtod(line + 6, NULL);
    if (file)
        fclose(file);
    return kb / 1024;
}

static bool describe(struct network *net, double load_ms, struct error *err)
{
    size_t num_kernels = plan_num_run_by(net->plan, PLAN_KERNEL);
    double share;

    if (!measure_kernels(net, &share, err))
        return false;
    printf("{\"xnnpack\": \"%s\", \"head\": \"%s\", \"load_ms\": %.1f, "
           "\"runtimes\": %zu, \"kernels\": %zu, \"kernel_share\": %.4f, "
           "\"peak_mb\": %.1f, \"kernel_names\": [",
           xnnrun_generation(), net->head.name, load_ms,
           plan_num_run_by(net->plan, PLAN_XNNPACK), num_kernels, share,
           peak_mb());
    for (size_t i = 0, n = 0; i < plan_num_steps(net->plan); i++) {
        const struct plan_step *step = &plan_steps(net->plan)[i];

        if (step->runner == PLAN_KERNEL)
            printf("%s\"%s\"", n++ ? ", " : "",
                   graph_op_name(net->graph.nodes[step->first].op));
    }
    puts("]}");
    fflush(stdout);
    return true;
}

static bool time_runs(struct network *net, struct error *err)
{
    char line[32];

    while (fgets(line, sizeof line, stdin)) {
        unsigned long count = strtoul(line, NULL, 10);

        for (unsigned long i = 0; i < count && i < MAX_COUNT; i++) {
            double start = now_ms();

            if (!plan_session_run(net->session, err))
                return false;
            printf("%.4f ", now_ms() - start);
        }
        putchar('\n');
        fflush(stdout);
    }
    return true;
}

int main(int argc, char **argv)
{
    struct error err = {0};
    struct network net = {0};
    double start = now_ms(), load_ms;
    bool ok;

    if (argc != 2 && argc != 3) {
        fputs("usage: network FILE.onnx [FOLDER]\n", stderr);
        return 2;
    }
    ok = open_network(&net, argv[1], &err);
    load_ms = now_ms() - start;
    if (ok) {
        fill_picture(&net);
        ok = plan_session_run(net.session, &err) &&
             (argc < 3 || write_all(&net, argv[2], &err)) &&
             describe(&net, load_ms, &err) && time_runs(&net, &err);
    }
    if (!ok)
        fprintf(stderr, "network: %s\n", err.text);
    release(&net);
    return ok ? 0 : 1;
}

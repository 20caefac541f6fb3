/* Times one network, and writes what it computes.
 *
 *     network [--int8] FILE.onnx [FOLDER]
 *
 * opens the file, in 8-bit integers if told so, runs it once on the numbers of
 * zoo.picture (tools/reference/networks), and writes logits.npy, features.npy
 * and maps.npy into the folder as far as they are defined. It prints one line
 * of JSON about the network. Then, for each line "N" on standard input, it runs
 * the network N times and prints one line with N times in milliseconds, so that
 * a caller can take turns with another runtime: of this thread's time on its
 * processor, which other programs lengthen less. One thread. */

#include <errno.h>
#include <libgen.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "engine/base/buf.h"
#include "engine/explain/cam.h"
#include "engine/network/network.h"
#include "engine/network/npy.h"
#include "engine/xnn/xnnrun.h"

#define MAX_COUNT 100000

struct timed {
    struct network network;
    struct plan_session *session; /* owned */
};

static double ms_of(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec * 1e-6;
}

static void release(struct timed *timed)
{
    plan_session_free(timed->session);
    network_release(&timed->network);
}

static bool open_network(struct timed *timed, const char *path,
                         enum precision_choice precision, struct error *err)
{
    struct network *network = &timed->network;
    char *copy = strdup(path);
    struct network_options options = {.input.folder =
                                          copy ? dirname(copy) : NULL};
    int fd = copy ? buf_open_file(path, err) : -1;
    bool ok = fd >= 0 && network_read_file(network, fd, &options, err);

    if (fd >= 0)
        close(fd);
    if (ok && network_plan(network, precision, err))
        timed->session = plan_session_new(network->plan, NULL, err);
    free(copy);
    return timed->session;
}

/* Element i of the picture, were it NCHW, is (2654435761 i mod 2^32) / 2^31
 * - 1. */
static void fill_picture(struct timed *timed)
{
    int value = timed->network.graph.inputs[0];
    const struct graph_shape *shape = &timed->network.graph.values[value].shape;
    size_t num_pixels = shape->dim[1] * shape->dim[2];
    float *picture = plan_session_data(timed->session, value);

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
static bool write_maps(struct timed *timed, const char *folder,
                       struct error *err)
{
    const struct head *head = &timed->network.head;
    const struct graph_shape *nhwc =
        &timed->network.graph.values[head->features].shape;
    const float *features = plan_session_data(timed->session, head->features);
    size_t height = nhwc->dim[1], width = nhwc->dim[2], channels = nhwc->dim[3];
    size_t num_pixels = height * width;
    struct graph_shape shape = {3, {channels, height, width}};
    float *planes = calloc(num_pixels * channels, sizeof *planes);
    float *maps = calloc(num_pixels * head->num_classes, sizeof *maps);
    struct cam_scale scale;
    bool ok = planes && maps;

    if (!ok)
        fail(err, ERROR_MEMORY, "no room for the maps");
    cam_scale(&scale, head, &timed->network.graph, features);
    for (size_t i = 0; ok && i < num_pixels * channels; i++)
        planes[i % channels * num_pixels + i / channels] = features[i];
    for (size_t k = 0; ok && k < head->num_classes; k++)
        cam_map(maps + k * num_pixels, head, &timed->network.graph, features,
                &scale, k);
    ok = ok && write_array(folder, "features", &shape, planes, err);
    shape.dim[0] = head->num_classes;
    ok = ok && write_array(folder, "maps", &shape, maps, err);
    free(planes);
    free(maps);
    return ok;
}

static bool write_all(struct timed *timed, const char *folder,
                      struct error *err)
{
    struct graph_shape shape = {1, {timed->network.head.num_classes}};

    return write_array(
               folder, "logits", &shape,
               plan_session_data(timed->session, timed->network.head.logits),
               err) &&
           (timed->network.head.refusal || write_maps(timed, folder, err));
}

/* ---- how long it takes ---- */

/* The shares of a run, from 0 to 1, of plain kernels: the least time that each
 * step took in a few runs, all nodes with the same operation together. */
static bool measure_kernels(struct timed *timed, double shares[GRAPH_NUM_OPS],
                            struct error *err)
{
    enum { NUM_RUNS = 5 };
    const struct plan *plan = timed->network.plan;
    size_t num_steps = plan_num_steps(plan);
    double *ms = calloc(num_steps + 1, sizeof *ms);
    double *least = calloc(num_steps + 1, sizeof *least), all = 0;
    bool ok = ms && least;

    if (!ok)
        fail(err, ERROR_MEMORY, "no room for times");
    for (int run = 0; ok && run < NUM_RUNS; run++) {
        ok = plan_session_measure(timed->session, ms, err);
        for (size_t i = 0; ok && i < num_steps; i++)
            if (run == 0 || ms[i] < least[i])
                least[i] = ms[i];
    }
    for (size_t i = 0; ok && i < num_steps; i++)
        all += least[i];
    for (size_t i = 0; ok && all > 0 && i < num_steps; i++)
        if (plan_steps(plan)[i].runner == PLAN_KERNEL)
            shares[timed->network.graph.nodes[plan_steps(plan)[i].first].op] +=
                least[i] / all;
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

static bool describe(struct timed *timed, double load_ms, struct error *err)
{
    size_t num_kernels = plan_num_run_by(timed->network.plan, PLAN_KERNEL);
    double shares[GRAPH_NUM_OPS] = {0};

    if (!measure_kernels(timed, shares, err))
        return false;
    printf("{\"xnnpack\": \"%s\", \"head\": \"%s\", \"load_ms\": %.1f, "
           "\"runtimes\": %zu, \"kernels\": %zu, \"int8\": %zu, "
           "\"peak_mb\": %.1f, \"kernel_shares\": {",
           xnnrun_generation(), timed->network.head.name, load_ms,
           plan_num_run_by(timed->network.plan, PLAN_XNNPACK), num_kernels,
           plan_num_int8(timed->network.plan), peak_mb());
    for (int op = 0, n = 0; op < GRAPH_NUM_OPS; op++)
        if (shares[op] > 0)
            printf("%s\"%s\": %.4f", n++ ? ", " : "",
                   graph_op_name((enum graph_op)op), shares[op]);
    puts("}}");
    fflush(stdout);
    return true;
}

static bool time_runs(struct timed *timed, struct error *err)
{
    char line[32];

    while (fgets(line, sizeof line, stdin)) {
        unsigned long count = strtoul(line, NULL, 10);

        for (unsigned long i = 0; i < count && i < MAX_COUNT; i++) {
            double start = ms_of(CLOCK_THREAD_CPUTIME_ID);

            if (!plan_session_run(timed->session, err))
                return false;
            printf("%.4f ", ms_of(CLOCK_THREAD_CPUTIME_ID) - start);
        }
        putchar('\n');
        fflush(stdout);
    }
    return true;
}

int main(int argc, char **argv)
{
    struct error err = {0};
    struct timed timed = {0};
    enum precision_choice precision = PRECISION_FP32;
    double start = ms_of(CLOCK_MONOTONIC), load_ms;
    bool ok;

    if (argc > 1 && strcmp(argv[1], "--int8") == 0) {
        precision = PRECISION_INT8;
        argv++;
        argc--;
    }
    if (argc != 2 && argc != 3) {
        fputs("usage: network [--int8] FILE.onnx [FOLDER]\n", stderr);
        return 2;
    }
    ok = open_network(&timed, argv[1], precision, &err);
    load_ms = ms_of(CLOCK_MONOTONIC) - start;
    if (ok) {
        fill_picture(&timed);
        ok = plan_session_run(timed.session, &err) &&
             (argc < 3 || write_all(&timed, argv[2], &err)) &&
             describe(&timed, load_ms, &err) && time_runs(&timed, &err);
    }
    if (!ok)
        fprintf(stderr, "network: %s\n", err.text);
    release(&timed);
    return ok ? 0 : 1;
}

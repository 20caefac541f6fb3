/* Times the methods that explain by the features of a layer (method.h), on the
 * network's default layer and noise.
 *
 *     maps FILE.onnx [TARGET [COUNT]]
 *
 * prints a line for the pass that classifies and for each method that takes no
 * other, with the least milliseconds of COUNT runs (200), and one for all of
 * these methods together. TARGET is logit by default. One thread. */

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/base/buf.h"
#include "engine/explain/explain.h"
#include "engine/network/network.h"

struct timed {
    struct network network;
    struct variants *variants;
    struct plan_session *session;
    struct probe *probe;
    float *logits;
    struct explain_maps maps;
    struct explain_task task;
    struct target target;
};

static double now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec * 1e-6;
}

static bool open_network(struct timed *timed, const char *path,
                         struct error *err)
{
    struct network *network = &timed->network;
    const struct network_options options = {0};
    struct buf file = {0};
    int fd = buf_open_file(path, err);
    bool ok = fd >= 0 &&
              buf_append_open_file(&file, fd, NETWORK_MAX_BYTES, err) &&
              network_read(network, file.data, file.len, &options, err) &&
              network_plan(network, PRECISION_FP32, err);

    buf_release(&file);
    timed->variants = ok ? variants_new(fd, &options, network, err) : NULL;
    timed->session =
        timed->variants ? plan_session_new(network->plan, NULL, err) : NULL;
    timed->probe =
        timed->session
            ? probe_new(&(struct probe_source){.network = network,
                                               .variants = timed->variants,
                                               .plan = timed->session},
                        err)
            : NULL;
    timed->logits = calloc(network->head.num_classes + 1, sizeof(float));
    return timed->probe && timed->logits;
}

/* Classifies noise, and sets the target for the best class. */
static bool classify(struct timed *timed, enum target_kind kind,
                     struct error *err)
{
    const struct network *network = &timed->network;
    const struct head *head = &network->head;
    const struct graph_value *image =
        &network->graph.values[network->graph.inputs[0]];
    float *input = plan_session_data(timed->session, network->graph.inputs[0]);
    size_t best = 0;

    for (size_t i = 0; i < graph_shape_count(&image->shape); i++)
        input[i] = (float)(i * 2654435761 % 1000) / 500 - 1;
    if (!plan_session_run(timed->session, err))
        return false;
    for (size_t k = 0; k < head->num_classes; k++) {
        timed->logits[k] = head_logit(
            head, plan_session_data(timed->session, head->logits), k);
        best = timed->logits[k] > timed->logits[best] ? k : best;
    }
    timed->maps.count = 1;
    timed->maps.map[0].class_index = best;
    return target_set(&timed->target, kind, best, best == 0, head,
                      timed->logits, err);
}

static void set_task(struct timed *timed, enum target_kind kind)
{
    const struct network *network = &timed->network;
    const struct head *head = &network->head;

    timed->task = (struct explain_task){
        .network = network,
        .layer = &network->layers.list[network->layers.chosen],
        .value = network->layer_value,
        .is_closed = network->layer_value == head->features && !head->refusal &&
                     !head->is_max && !head->is_normalized,
        .target = kind,
        .num_maps = 1,
        .parameters = EXPLAIN_PARAMETERS_DEFAULT,
    };
}

/* The least time of a pass, or of a method. */
static bool measure(struct timed *timed, double *least,
                    const struct explain_method *method, long count,
                    struct error *err)
{
    const struct explain_input input = {.task = &timed->task,
                                        .probe = timed->probe,
                                        .targets = &timed->target,
                                        .logits = timed->logits};

    *least = 1e9;
    for (long i = 0; i < count; i++) {
        double start = now_ms(), took;

        probe_forget(timed->probe);
        probe_begin(timed->probe, timed->network.layers.chosen,
                    timed->task.value, 0, NULL);
        if (method ? !explain_run(&timed->maps, method, &input, err)
                   : !plan_session_run(timed->session, err))
            return false;
        took = now_ms() - start;
        *least = took < *least ? took : *least;
    }
    return true;
}

static bool measure_all(struct timed *timed, long count, struct error *err)
{
    const struct explain_method *method;
    double least, sum = 0;

    if (!measure(timed, &least, NULL, count < 20 ? count : 20, err))
        return false;
    printf("%-14s %8.3f\n", "pass", least);
    for (size_t i = 0; (method = explain_method(i)); i++) {
        if (!method->uses_layer || method->refuse(&timed->task) ||
            explain_passes(method, &timed->task) > 0)
            continue;
        if (!measure(timed, &least, method, count, err))
            return false;
        printf("%-14s %8.3f\n", explain_method_name(method), least);
        sum += least;
    }
    printf("%-14s %8.3f\n", "all", sum);
    return true;
}

static enum target_kind kind_of(const char *name)
{
    return strcmp(name, "log-score") == 0 ? TARGET_LOG_SCORE
           : strcmp(name, "margin") == 0  ? TARGET_MARGIN
           : strcmp(name, "finer") == 0   ? TARGET_FINER
                                          : TARGET_LOGIT;
}

int main(int argc, char **argv)
{
    enum target_kind kind = kind_of(argc > 2 ? argv[2] : "");
    long count = argc > 3 ? strtol(argv[3], NULL, 10) : 200;
    struct timed timed = {0};
    struct error err = {0};
    bool ok;

    if (argc < 2) {
        fputs("usage: maps FILE.onnx [TARGET [COUNT]]\n", stderr);
        return 2;
    }
    ok = open_network(&timed, argv[1], &err);
    if (ok) {
        set_task(&timed, kind);
        ok = classify(&timed, kind, &err) && measure_all(&timed, count, &err);
    }
    if (!ok)
        fprintf(stderr, "maps: %s\n", err.text);
    explain_release(&timed.maps);
    probe_free(timed.probe);
    plan_session_free(timed.session);
    variants_free(timed.variants);
    network_release(&timed.network);
    free(timed.logits);
    return ok ? 0 : 1;
}

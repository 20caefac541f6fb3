/* A network from a stranger, as far as it goes without being run: as a model
 * of the service, and as `wherefore model run` reads it. */

#include "tests/fuzz/fuzz.h"

#include "engine/base/buf.h"
#include "engine/graph/graph.h"
#include "engine/network/network.h"
#include "engine/onnx/onnx.h"
#include "engine/onnx/onnx_summary.h"
#include "engine/passes/head.h"
#include "engine/run/plan.h"

static void prepare(struct graph *graph)
{
    struct head head;
    struct error err = {0};

    if (graph_infer(graph, &err) && graph_fold(graph, &err) &&
        graph_layout(graph, &err)) {
        if (!head_find(&head, graph, &err))
            err = (struct error){0};
        plan_free(plan_new(graph, &err));
    }
    graph_release(graph);
}

/* As the service does: which output, which scores, which map. */
static void open_network(const uint8_t *bytes, size_t len,
                         const struct onnx_input *picture, size_t num_names,
                         enum head_scores scores)
{
    struct network_options options = {
        .input = *picture,
        .wish = {.num_names = num_names, .scores = scores},
    };
    struct graph graph = {0};
    struct head head = {0};
    struct error err = {0};

    if (network_read(&graph, &head, bytes, len, &options, NULL, &err))
        plan_free(plan_new(&graph, &err));
    graph_release(&graph);
}

/* As `wherefore model check` does, which goes on after what is wrong. */
static void inspection(const uint8_t *bytes, size_t len,
                       const struct onnx_input *picture)
{
    struct graph_problems problems = {0};
    struct graph graph = {.problems = &problems};
    struct onnx_summary summary = {0};
    struct error err = {0};

    if (onnx_summary_read(&summary, bytes, len, NULL))
        onnx_summary_release(&summary);
    if (onnx_read(&graph, bytes, len, picture, &err))
        (void)!graph_infer(&graph, &err);
    graph_release(&graph);
}

/* As `wherefore model add` does with a file whose weights are in others. */
static void embed(const uint8_t *bytes, size_t len,
                  const struct onnx_input *picture)
{
    struct error err = {0};
    struct buf file = {0};

    if (buf_append(&file, bytes, len, &err) &&
        onnx_embed(&file, "tests/cases/onnx-files/two-in-one", &err))
        inspection(file.data, file.len, picture);
    buf_release(&file);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    /* tests/data/forms are for this size, tests/cases/operators for others */
    static const struct onnx_input picture = {.width = 48, .height = 32};
    static const struct graph_shape shape = {.rank = 4, .dim = {1, 4, 6, 6}};
    struct onnx_binding bindings[2] = {
        {.type = GRAPH_FLOAT, .shape = shape},
        {.type = GRAPH_FLOAT, .shape = shape},
    };
    struct error err = {0};
    struct graph graph = {0};

    if (onnx_read(&graph, bytes, len, &picture, &err))
        prepare(&graph);
    inspection(bytes, len, &picture);
    open_network(bytes, len, &picture, 0, HEAD_OPEN);
    open_network(bytes, len, &picture, 2, HEAD_SIGMOID);
    embed(bytes, len, &picture);
    for (size_t count = 1; count <= 2; count++) {
        graph = (struct graph){0};
        if (onnx_read_tensors(&graph, bytes, len, bindings, count, NULL, &err))
            prepare(&graph);
    }
    return 0;
}

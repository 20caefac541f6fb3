/* A network from a stranger, as far as it goes without being run: as a model
 * of the service, and as `wherefore model run` and `gradient` read it. */

#include "tests/fuzz/fuzz.h"

#include <stdlib.h>

#include "engine/base/buf.h"
#include "engine/network/network.h"
#include "engine/onnx/onnx.h"
#include "engine/onnx/onnx_summary.h"
#include "engine/onnx/onnx_write.h"
#include "engine/passes/gradient.h"

static void open_network(const uint8_t *bytes, size_t len,
                         const struct network_options *options)
{
    struct network network = {0};
    struct error err = {0};

    if (network_read(&network, bytes, len, options, &err))
        (void)!network_plan(&network, PRECISION_FP32, &err);
    network_release(&network);
}

/* As the service does: which output, which scores, which map. */
static void serve(const uint8_t *bytes, size_t len,
                  const struct onnx_input *picture, size_t num_names,
                  enum head_scores scores)
{
    open_network(bytes, len,
                 &(struct network_options){
                     .input = *picture,
                     .wish = {.num_names = num_names, .scores = scores},
                 });
}

/* As `wherefore model run` does, of a few inputs that may fit. */
static void run(const uint8_t *bytes, size_t len)
{
    static const struct graph_shape shape = {.rank = 4, .dim = {1, 4, 6, 6}};
    const struct onnx_binding bindings[2] = {
        {.type = GRAPH_FLOAT, .shape = shape},
        {.type = GRAPH_FLOAT, .shape = shape},
    };

    for (size_t count = 1; count <= 2; count++)
        open_network(bytes, len,
                     &(struct network_options){
                         .keep_outputs = true,
                         .tensors = bindings,
                         .num_tensors = count,
                     });
}

/* As `wherefore model check` does, which goes on after what is wrong. */
static void inspect(const uint8_t *bytes, size_t len,
                    const struct onnx_input *picture)
{
    struct graph_problems problems = {0};
    struct onnx_summary summary = {0};

    if (onnx_summary_read(&summary, bytes, len, NULL))
        onnx_summary_release(&summary);
    open_network(bytes, len,
                 &(struct network_options){
                     .input = *picture,
                     .problems = &problems,
                 });
}

/* As `wherefore model add` does with a file whose weights are in others. */
static void embed(const uint8_t *bytes, size_t len,
                  const struct onnx_input *picture)
{
    struct error err = {0};
    struct buf file = {0};

    if (buf_append(&file, bytes, len, &err) &&
        onnx_embed(&file, "tests/cases/onnx-files/two-in-one", &err))
        inspect(file.data, file.len, picture);
    buf_release(&file);
}

/* As `wherefore model gradient` does, folded or not; what is written can be
 * read as a message. */
static void rewrite(const uint8_t *bytes, size_t len,
                    const struct onnx_input *picture, enum network_pass last)
{
    static const char *const names[] = {"fuzzed output", "fuzzed gradient"};
    const struct network_options options = {
        .input = *picture, .keep_outputs = true, .last = last};
    const struct onnx_write_options write = {.output_names = names};
    struct gradient_options gradient = {.num_wanted = 1};
    struct network network = {0};
    struct graph *graph = &network.graph;
    struct onnx_summary summary = {0};
    struct buf file = {0};
    struct error err = {0};
    int input;

    if (!network_read(&network, bytes, len, &options, &err))
        goto out;
    input = graph->inputs[0];
    gradient.source = graph->outputs[0];
    gradient.wanted = &input;
    if (graph->values[gradient.source].type == GRAPH_FLOAT &&
        graph_set_outputs(graph, &gradient.source, 1, &err) &&
        gradient_append(graph, &gradient, &err) &&
        onnx_write(&file, graph, &write, &err) &&
        !onnx_summary_read(&summary, file.data, file.len, &err))
        abort();
out:
    onnx_summary_release(&summary);
    buf_release(&file);
    network_release(&network);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    /* tests/data/forms are for this size, tests/cases/operators for others */
    static const struct onnx_input picture = {.width = 48, .height = 32};

    open_network(
        bytes, len,
        &(struct network_options){.input = picture, .keep_outputs = true});
    inspect(bytes, len, &picture);
    serve(bytes, len, &picture, 0, HEAD_OPEN);
    serve(bytes, len, &picture, 2, HEAD_SIGMOID);
    embed(bytes, len, &picture);
    run(bytes, len);
    rewrite(bytes, len, &picture, NETWORK_FOLD);
    rewrite(bytes, len, &picture, NETWORK_INFER);
    return 0;
}

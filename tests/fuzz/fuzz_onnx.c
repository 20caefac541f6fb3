/* A network from a stranger, as far as it goes without being run: as a model
 * of the service, as `wherefore model run` and `gradient` read it, and as
 * `wherefore fit` puts a head on it. */

#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/buf.h"
#include "engine/network/network.h"
#include "engine/onnx/onnx.h"
#include "engine/onnx/onnx_file.h"
#include "engine/onnx/onnx_head.h"
#include "engine/onnx/onnx_summary.h"
#include "engine/onnx/onnx_write.h"
#include "engine/passes/gradient.h"
#include "tests/fuzz/fuzz_file.h"

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

static size_t count_numbers(const struct graph *graph, size_t v)
{
    return graph->values[v].data && graph->values[v].type == GRAPH_FLOAT
               ? graph_shape_count(&graph->values[v].shape)
               : 0;
}

/* From a file, whose constants stay there: the same as from memory. */
static void read_as_file(const uint8_t *bytes, size_t len,
                         const struct onnx_input *picture)
{
    struct graph graphs[2] = {0};
    struct onnx_input input = *picture;
    struct onnx_file file = {0};
    struct error err = {0};
    char path[FUZZ_FILE_PATH];
    bool ok[2];
    int fd;

    fuzz_file_write(path, "model.onnx", bytes, len);
    fd = open(path, O_RDONLY);
    if (fd < 0 || !onnx_file_open(&file, fd, len, 1, &err))
        abort();
    input.file = &file;
    ok[0] = onnx_read(&graphs[0], bytes, len, picture, &err);
    ok[1] = onnx_read(&graphs[1], file.message.data, file.message.len, &input,
                      &err);
    if (ok[0] != ok[1] || graphs[0].num_values != graphs[1].num_values)
        abort();
    for (size_t v = 0; v < graphs[0].num_values; v++) {
        size_t count = count_numbers(&graphs[0], v);

        if (count != count_numbers(&graphs[1], v) ||
            (count > 0 &&
             memcmp(graphs[0].values[v].data, graphs[1].values[v].data,
                    count * sizeof(float)) != 0))
            abort();
    }
    graph_release(&graphs[0]);
    graph_release(&graphs[1]);
    onnx_file_release(&file);
    close(fd);
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

/* As `wherefore fit` does with the default layer; what is written can be read
 * as a message. */
static void behead(const uint8_t *bytes, size_t len,
                   const struct onnx_input *picture)
{
    enum { CLASSES = 2, MAX_CHANNELS = 64 };
    static const float numbers[CLASSES * MAX_CHANNELS];
    const struct network_options options = {.input = *picture};
    struct network network = {0};
    struct onnx_head head = {
        .num_classes = CLASSES, .weights = numbers, .bias = numbers};
    struct onnx_summary summary = {0};
    struct buf file = {0};
    struct error err = {0};
    const struct layer *layer;

    if (!network_read(&network, bytes, len, &options, &err) ||
        network.layers.chosen >= network.layers.count)
        goto out;
    layer = &network.layers.list[network.layers.chosen];
    head.features = layer->name;
    head.layout = layer->is_nhwc ? ONNX_HEAD_NHWC : ONNX_HEAD_NCHW;
    head.num_features = layer->channels;
    if (layer->channels <= MAX_CHANNELS &&
        buf_append(&file, bytes, len, &err) &&
        onnx_head_replace(&file, &head, &err) &&
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
    read_as_file(bytes, len, &picture);
    serve(bytes, len, &picture, 0, HEAD_OPEN);
    serve(bytes, len, &picture, 2, HEAD_SIGMOID);
    embed(bytes, len, &picture);
    run(bytes, len);
    rewrite(bytes, len, &picture, NETWORK_FOLD);
    rewrite(bytes, len, &picture, NETWORK_INFER);
    behead(bytes, len, &picture);
    return 0;
}

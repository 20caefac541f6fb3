#include "engine/onnx/onnx.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/hugepages.h"
#include "engine/onnx/onnx_reader.h"

enum {
    MIN_OPSET = 7,
    MAX_OPSET = 28,
};

static bool read_outputs(struct onnx_reader *reader,
                         const onnx_graph_proto *proto)
{
    const struct onnx_needed *needed = &reader->needed;
    struct graph *graph = reader->graph;

    if (proto->n_output < 1 || proto->n_output > ONNX_MAX_VALUES)
        return fail(reader->err, ERROR_INPUT,
                    "the network has %zu outputs, which is not supported",
                    proto->n_output);
    graph->outputs = malloc((needed->num_outputs + 1) * sizeof *graph->outputs);
    graph->output_names = arena_take(&graph->arena, needed->num_outputs + 1,
                                     sizeof *graph->output_names, reader->err);
    if (!graph->outputs || !graph->output_names)
        return fail(reader->err, ERROR_MEMORY,
                    "not enough memory for the outputs");
    for (size_t i = 0; i < needed->num_outputs; i++) {
        const char *name = needed->outputs[i].name;
        int value = onnx_value_of(reader, needed->outputs[i].value);

        if (value == GRAPH_NONE)
            return fail(reader->err, ERROR_INPUT,
                        "the output \"%.100s\" is not the output of any node",
                        name);
        if (!onnx_check_operand(reader, value))
            return false;
        graph->output_names[i] =
            arena_text(&graph->arena, name, strlen(name), reader->err);
        if (!graph->output_names[i])
            return false;
        graph->outputs[graph->num_outputs++] = value;
    }
    return graph->num_outputs > 0 ||
           fail(reader->err, ERROR_INPUT,
                "the network's outputs have no names");
}

static bool read_opset(struct onnx_reader *reader)
{
    for (size_t i = 0; i < reader->model->n_opset_import; i++) {
        const Onnx__OperatorSetIdProto *import = reader->model->opset_import[i];

        if (onnx_is_plain_domain(import->domain))
            reader->opset = import->version;
    }
    if (reader->opset < MIN_OPSET || reader->opset > MAX_OPSET)
        return fail(reader->err, ERROR_UNSUPPORTED,
                    "the file uses opset %lld; %d to %d are supported",
                    (long long)reader->opset, MIN_OPSET, MAX_OPSET);
    return true;
}

static bool read_graph(struct onnx_reader *reader,
                       const onnx_graph_proto *proto)
{
    const struct graph_problems *problems = reader->graph->problems;

    if (!onnx_names_init(&reader->names, proto, reader->err) ||
        !onnx_needed_find(&reader->needed, &reader->names, proto,
                          reader->picture ? reader->picture->output : NULL,
                          !reader->picture, reader->err))
        return false;
    for (size_t i = 0; i < proto->n_initializer; i++) {
        onnx_tensor_proto *tensor = proto->initializer[i];

        const char *name = tensor->name ? tensor->name : "";

        if (onnx_names_find(&reader->names, name)->is_needed &&
            !onnx_read_initializer(reader, tensor, i))
            return false;
    }
    if (!onnx_read_inputs(reader, proto))
        return false;
    for (size_t i = 0; i < proto->n_node; i++) {
        if (!reader->needed.nodes[i])
            reader->graph->num_left_out++;
        else if (!onnx_read_node(reader, proto->node[i]))
            return false;
    }
    if (read_outputs(reader, proto))
        return true;
    if (!problems || problems->count == 0 || reader->err->kind == ERROR_MEMORY)
        return false;
    *reader->err = (struct error){0}; /* the problems say why */
    return true;
}

static void *take(void *unused, size_t size)
{
    (void)unused;
    return graph_block_new(size);
}

static void give(void *unused, void *memory)
{
    (void)unused;
    graph_block_free(memory);
}

ProtobufCAllocator onnx_allocator(void)
{
    return (ProtobufCAllocator){.alloc = take, .free = give};
}

static bool read_model(struct onnx_reader *reader, const uint8_t *bytes,
                       size_t len)
{
    ProtobufCAllocator allocator = onnx_allocator();
    onnx_model_proto *model = onnx__model_proto__unpack(&allocator, len, bytes);
    bool ok = false;

    reader->model = model;
    if (!model || !model->graph)
        fail(reader->err, ERROR_INPUT, "not an ONNX model, or a truncated one");
    else
        ok = read_opset(reader) && read_graph(reader, model->graph);
    reader->graph->weight_files = reader->weight_files;
    onnx_names_release(&reader->names);
    onnx_needed_release(&reader->needed);
    if (model)
        onnx__model_proto__free_unpacked(model, &allocator);
    if (!ok)
        graph_release(reader->graph);
    return ok;
}

bool onnx_read(struct graph *graph, const uint8_t *bytes, size_t len,
               const struct onnx_input *input, struct error *err)
{
    struct onnx_reader reader = {
        .graph = graph,
        .folder = input->folder,
        .file = input->file,
        .picture = input,
        .err = err,
    };

    return read_model(&reader, bytes, len);
}

bool onnx_read_tensors(struct graph *graph, const uint8_t *bytes, size_t len,
                       const struct onnx_binding *bindings, size_t num_bindings,
                       const char *folder, struct error *err)
{
    struct onnx_reader reader = {
        .graph = graph,
        .folder = folder,
        .bindings = bindings,
        .num_bindings = num_bindings,
        .err = err,
    };

    graph->file_layout = true;
    return read_model(&reader, bytes, len);
}

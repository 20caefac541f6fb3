/* Embeds constants from other files, so that the model is a single file. */

#include <stdlib.h>

#include "engine/onnx/onnx.h"
#include "engine/onnx/onnx_reader.h"

/* The largest size of a protocol buffers message, and so of an ONNX file. */
#define MAX_BYTES (((size_t)1 << 31) - 1)

static void free_locations(onnx_tensor_proto *tensor)
{
    ProtobufCAllocator allocator = onnx_allocator();

    for (size_t i = 0; i < tensor->n_external_data; i++)
        onnx__string_string_entry_proto__free_unpacked(tensor->external_data[i],
                                                       &allocator);
    graph_block_free(tensor->external_data);
    tensor->external_data = NULL;
    tensor->n_external_data = 0;
    tensor->has_data_location = false;
    tensor->data_location = 0;
}

/* Embeds a constant and increments *count. One that cannot be read is left
 * unchanged, and the first reason is kept: onnx_read decides whether the
 * network needs it. */
static bool embed(struct onnx_reader *reader, onnx_tensor_proto *tensor,
                  size_t *count)
{
    const struct onnx_element *element = onnx_element_of(tensor->data_type);
    struct graph_shape shape = {.rank = (uint32_t)tensor->n_dims};
    struct error why = {0};

    if (tensor->data_location == 0 && tensor->n_external_data == 0)
        return true;
    if (!element || tensor->n_dims > GRAPH_MAX_RANK)
        return true;
    for (size_t i = 0; i < tensor->n_dims; i++) {
        if (tensor->dims[i] < 0)
            return true;
        shape.dim[i] = (size_t)tensor->dims[i];
    }
    if (!graph_shape_check(&shape, &why))
        return true;
    if (!onnx_external_read(
            reader, tensor,
            onnx_bytes_of(tensor->data_type, graph_shape_count(&shape)))) {
        enum error_kind kind = reader->err->kind;

        if (kind == ERROR_MEMORY || kind == ERROR_LIMIT)
            return false;
        *reader->err = (struct error){0};
        return true;
    }
    free_locations(tensor);
    ++*count;
    return true;
}

static bool embed_all(struct onnx_reader *reader, onnx_graph_proto *graph,
                      size_t *count)
{
    for (size_t i = 0; i < graph->n_initializer; i++)
        if (!embed(reader, graph->initializer[i], count))
            return false;
    for (size_t i = 0; i < graph->n_node; i++)
        for (size_t a = 0; a < graph->node[i]->n_attribute; a++) {
            onnx_tensor_proto *tensor = graph->node[i]->attribute[a]->t;

            if (tensor && !embed(reader, tensor, count))
                return false;
        }
    return true;
}

/* The parser keeps fields that it does not know, and they are written again
 * unchanged. */
static bool write(struct buf *file, const onnx_model_proto *model,
                  struct error *err)
{
    size_t len = onnx__model_proto__get_packed_size(model);

    if (len > MAX_BYTES)
        return fail(err, ERROR_LIMIT,
                    "with its weights it has %zu bytes; a single file can have "
                    "at most %zu",
                    len, MAX_BYTES);
    buf_release(file);
    if (!buf_reserve(file, len, err))
        return false;
    file->len = onnx__model_proto__pack(model, file->data);
    return true;
}

bool onnx_embed(struct buf *file, const char *folder, struct error *err)
{
    ProtobufCAllocator allocator = onnx_allocator();
    onnx_model_proto *model =
        onnx__model_proto__unpack(&allocator, file->len, file->data);
    struct onnx_reader reader = {.folder = folder, .err = err};
    size_t count = 0;
    bool ok;

    if (!model || !model->graph)
        ok = fail(err, ERROR_INPUT, "not an ONNX model, or a truncated one");
    else
        ok = embed_all(&reader, model->graph, &count) &&
             (count == 0 || write(file, model, err));
    if (model)
        onnx__model_proto__free_unpacked(model, &allocator);
    return ok;
}

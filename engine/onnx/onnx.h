#ifndef ENGINE_ONNX_ONNX_H
#define ENGINE_ONNX_ONNX_H

/* ONNX files to graphs. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/buf.h"
#include "engine/base/error.h"
#include "engine/graph/graph.h"

/* The size that the picture has for the network. */
struct onnx_input {
    size_t width, height; /* pixels; 0: as the file has it */
    bool override;        /* the file's own size yields to this one */
    const char *folder;   /* where the model's other files are; NULL: it must
                             have none */
    const char *output;   /* the output to be served; NULL: any */
    bool by_options;      /* errors name `wherefore model`'s options rather than
                             the members of model.json */
};

/* Reads the ONNX model of `len` bytes into an empty graph, as far as its
 * outputs need it. Where an output is a
 * decision about a row of scores (by ArgMax, TopK or ZipMap), the graph's is
 * that row. The graph's output_names are the file's. The one input that
 * is not an initialiser gets the shape the file gives it: open dimensions
 * become 1 (batch) or those of `input`; they must agree where both are given,
 * unless `input` overrides. Numbers of 16 or 64 bits become floats, weights
 * and pictures alike.
 *
 * ERROR_INPUT        not an ONNX model, one that contradicts itself, or one
 *                    without the output that is asked for
 * ERROR_UNSUPPORTED  an operator, attribute, type or opset we do not have;
 *                    the text names the node
 * ERROR_IO           a constant's data is in another file, which is not there
 * ERROR_LIMIT        more nodes, values or elements than we take
 * ERROR_MEMORY
 *
 * On failure the graph is empty. Any thread. */
bool onnx_read(struct graph *graph, const uint8_t *bytes, size_t len,
               const struct onnx_input *input, struct error *err)
    __attribute__((warn_unused_result));

/* What one of a file's inputs is bound to. */
struct onnx_binding {
    const char *name; /* NULL: the first that no other is for */
    enum graph_type type;
    struct graph_shape shape;
    const void *data; /* its elements, if it is to be a constant; else NULL,
                         and it becomes one of the graph's inputs */
};

/* Reads a model whose inputs are any tensors, as for tests of single
 * operators. Every input that is not an initialiser must be bound, and every
 * binding be for one; shapes are those of the bindings. Inputs and
 * outputs keep the file's layout. The folder is that of
 * struct onnx_input. Fails as onnx_read does. */
bool onnx_read_tensors(struct graph *graph, const uint8_t *bytes, size_t len,
                       const struct onnx_binding *bindings, size_t num_bindings,
                       const char *folder, struct error *err)
    __attribute__((warn_unused_result));

/* Makes one file of a model whose constants are in other files of `folder`, as
 * PyTorch's exporter writes them; what is in one file stays as it is. Those
 * that cannot be read stay elsewhere: onnx_read says whether they are needed.
 *
 * ERROR_INPUT   not an ONNX model
 * ERROR_LIMIT   one file cannot hold it: more than 2 GB
 * ERROR_MEMORY; the file is as it was, or empty. Any thread. */
bool onnx_embed(struct buf *file, const char *folder, struct error *err)
    __attribute__((warn_unused_result));

#endif

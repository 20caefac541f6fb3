#ifndef ENGINE_ONNX_ONNX_H
#define ENGINE_ONNX_ONNX_H

/* Reads ONNX files into graphs. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/buf.h"
#include "engine/base/error.h"
#include "engine/graph/graph.h"

struct onnx_file; /* onnx_file.h */

/* The network's image input, and how the file is read. */
struct onnx_input {
    size_t width, height; /* pixels; 0: the file's own */
    bool override;        /* use this size instead of the file's */
    const char *folder;   /* the folder of the model's other files; NULL: other
                             files are an error */
    const char *output;   /* the output to use; NULL: any */
    const struct onnx_file *file; /* that the bytes are the message of; NULL:
                                     they are a whole file */
    bool by_options; /* errors name options of `wherefore model` instead of
                        members of model.json */
};

/* Reads the ONNX model of `len` bytes into an empty graph; nodes that no output
 * needs are left out. If an output is a decision made from a row of scores (by
 * ArgMax, TopK or ZipMap), the graph's output is that row. The graph's
 * output_names are the file's. The model must have one input besides
 * initialisers. Its shape is the file's; open dimensions become 1 (batch) or
 * those of `input`. If both give a dimension, they must agree unless `input`
 * overrides. Numbers of 16 or 64 bits become floats, in weights and in the
 * input.
 *
 * ERROR_INPUT        not an ONNX model, an inconsistent one, or one without the
 *                    requested output
 * ERROR_UNSUPPORTED  an unsupported operator, attribute, type or opset; the
 *                    text names the node
 * ERROR_IO           a constant's data is in another file, which is missing, or
 *                    cannot be read any more
 * ERROR_LIMIT        too many nodes, values or elements
 * ERROR_MEMORY
 *
 * On failure the graph is empty. Any thread. */
bool onnx_read(struct graph *graph, const uint8_t *bytes, size_t len,
               const struct onnx_input *input, struct error *err)
    __attribute__((warn_unused_result));

/* The binding of one of a file's inputs. */
struct onnx_binding {
    const char *name; /* NULL: the first input without another binding */
    enum graph_type type;
    struct graph_shape shape;
    const void *data; /* the elements of a constant; NULL: it becomes an input
                         of the graph */
};

/* Reads a model whose inputs may be any tensors, for example a test of a single
 * operator. Every input that is not an initialiser must have a binding, and
 * every binding an input. Inputs have the shapes of their bindings. Inputs and
 * outputs keep the file's layout. For `folder`, see struct onnx_input. Fails
 * like onnx_read. */
bool onnx_read_tensors(struct graph *graph, const uint8_t *bytes, size_t len,
                       const struct onnx_binding *bindings, size_t num_bindings,
                       const char *folder, struct error *err)
    __attribute__((warn_unused_result));

/* Embeds the constants that a model keeps in other files of `folder`, as
 * PyTorch's exporter writes them; a model in one file is unchanged. References
 * to files that cannot be read are kept: onnx_read fails if they are needed.
 *
 * ERROR_INPUT   not an ONNX model
 * ERROR_LIMIT   too large for one file: more than 2 GB
 * ERROR_MEMORY; the file is unchanged, or empty. Any thread. */
bool onnx_embed(struct buf *file, const char *folder, struct error *err)
    __attribute__((warn_unused_result));

#endif

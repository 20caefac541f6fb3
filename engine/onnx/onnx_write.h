#ifndef ENGINE_ONNX_ONNX_WRITE_H
#define ENGINE_ONNX_ONNX_WRITE_H

/* Writes graphs as ONNX files that any runtime can run: opset 17, standard
 * operators only. */

#include <stddef.h>

#include "engine/base/buf.h"
#include "engine/base/error.h"
#include "engine/graph/graph.h"

/* The largest size of a protocol buffers message, and so of an ONNX file. */
#define ONNX_WRITE_MAX_BYTES (((size_t)1 << 31) - 1)

enum { ONNX_WRITE_OPSET = 17 };

struct onnx_write_options {
    /* (num_outputs) What the outputs are called: each a name of its value, or
     * one that no value has; all different. */
    const char *const *output_names;
    const char *doc; /* says what the model is; NULL: nothing does */
};

/* Whether nodes of an operation can be written. */
bool onnx_write_supports(enum graph_op op);

/* Appends a graph to an empty buffer. Its shapes must be inferred, and
 * graph_layout must not have run; it may be folded, and have gradients. Inputs
 * keep their names, which they must have, and other values the first of theirs.
 * All inputs are floats: what was read as integers or halves is a float here.
 *
 * Some operations of the graph have no operator in ONNX, and some have one in
 * later opsets only. These are spelt out in several nodes; constants in them
 * are rounded to floats.
 *
 * ERROR_UNSUPPORTED  a node cannot be written; the text names it
 * ERROR_LIMIT        more than ONNX_WRITE_MAX_BYTES
 * ERROR_MEMORY
 * On failure the buffer is empty. Any thread. */
bool onnx_write(struct buf *file, const struct graph *graph,
                const struct onnx_write_options *options, struct error *err)
    __attribute__((warn_unused_result));

#endif

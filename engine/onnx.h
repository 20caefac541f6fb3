#ifndef ENGINE_ONNX_H
#define ENGINE_ONNX_H

/* ONNX files to graphs. */

#include <stddef.h>
#include <stdint.h>

#include "error.h"
#include "graph.h"

/* The size that the picture has for the network, for inputs whose height and
 * width the file leaves open. */
struct onnx_input {
    size_t width, height; /* pixels */
};

/* Reads the ONNX model of `len` bytes into an empty graph. The one input that
 * is not an initialiser gets the shape the file gives it: open dimensions
 * become 1 (batch) or those of `input`; they must agree where both are given.
 *
 * ERROR_INPUT        not an ONNX model, or one that contradicts itself
 * ERROR_UNSUPPORTED  an operator, attribute, type or opset we do not have;
 *                    the text names the node
 * ERROR_LIMIT        more nodes, values or elements than we take
 * ERROR_MEMORY
 *
 * On failure the graph is empty. Any thread. */
bool onnx_read(struct graph *graph, const uint8_t *bytes, size_t len,
               const struct onnx_input *input, struct error *err)
    __attribute__((warn_unused_result));

#endif

#ifndef ENGINE_ONNX_ONNX_SUMMARY_H
#define ENGINE_ONNX_ONNX_SUMMARY_H

/* What an ONNX file contains, whether or not we can run it. */

#include <stddef.h>
#include <stdint.h>

#include "engine/base/arena.h"
#include "engine/base/error.h"

struct onnx_summary_value {
    const char *name;
    const char *type;  /* such as "float" */
    const char *shape; /* such as "batch x 3 x 224 x 224" */
};

struct onnx_summary_op {
    const char *name;
    size_t count;
};

/* `= {0}` is empty. */
struct onnx_summary {
    struct arena arena;   /* owns everything below */
    const char *producer; /* such as "pytorch 2.1"; may be "" */
    int64_t opset;
    struct onnx_summary_value *inputs;  /* (num_inputs) without initialisers */
    struct onnx_summary_value *outputs; /* (num_outputs) */
    struct onnx_summary_op *ops;        /* (num_ops) sorted by name */
    size_t num_inputs, num_outputs, num_ops;
    size_t num_nodes;
    uint64_t num_weights;  /* elements of all initialisers */
    uint64_t weight_bytes; /* as stored */
};

/* Fills an empty summary. ERROR_INPUT: not an ONNX model. ERROR_LIMIT: it has
 * more than 20000 nodes. ERROR_MEMORY. On failure the summary is empty. Any
 * thread. */
bool onnx_summary_read(struct onnx_summary *summary, const uint8_t *bytes,
                       size_t len, struct error *err)
    __attribute__((warn_unused_result));

void onnx_summary_release(struct onnx_summary *summary);

#endif

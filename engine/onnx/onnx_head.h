#ifndef ENGINE_ONNX_ONNX_HEAD_H
#define ENGINE_ONNX_ONNX_HEAD_H

/* Puts another head on an ONNX file: what leads to a feature map stays as it
 * is, to the byte of each weight; what came behind it is replaced by
 *
 *     features -> mean or maximum over the image -> linear -> "logits" */

#include <stddef.h>

#include "engine/base/buf.h"
#include "engine/base/error.h"

/* How the file stores a feature map. */
enum onnx_head_layout {
    ONNX_HEAD_NCHW,   /* (N, C, H, W) */
    ONNX_HEAD_NHWC,   /* (N, H, W, C) */
    ONNX_HEAD_TOKENS, /* (N, H x W, C) */
    ONNX_HEAD_NUM_LAYOUTS
};

struct onnx_head {
    const char *features; /* the name of the feature map in the file */
    enum onnx_head_layout layout;
    bool is_max; /* the maximum over the image; else the mean */
    size_t num_features, num_classes;
    const float *weights; /* (num_classes, num_features) */
    const float *bias;    /* (num_classes) */
};

/* Replaces the file, whose weights must not be in files of their own
 * (onnx_embed). Its only output is then "logits", with underscores behind it if
 * something else has that name.
 *
 * ERROR_INPUT        not an ONNX model
 * ERROR_UNSUPPORTED  no node of its graph makes a value of that name
 * ERROR_LIMIT        more than a single file can hold
 * ERROR_MEMORY
 * The file is unchanged, or empty, on failure. Any thread. */
bool onnx_head_replace(struct buf *file, const struct onnx_head *head,
                       struct error *err) __attribute__((warn_unused_result));

#endif

#ifndef ENGINE_MODEL_MODEL_DIR_H
#define ENGINE_MODEL_MODEL_DIR_H

/* A model's folder: model.onnx, and labels.txt and model.json if there are.
 *
 *     {"name": "efficientnet-lite0",
 *      "input": {"width": 224, "height": 224, "channels": "RGB",
 *                "resize": "stretch", "interpolation": "bicubic",
 *                "mean": [127, 127, 127], "std": [128, 128, 128]},
 *      "onnx": {"file": "model.onnx", "sha256": "…"},
 *      "source": "…", "license": "Apache-2.0"}
 *
 * These members of "input" are required, for a wrong guess at one of them
 * shows only as worse answers; a member it does not know is an error there and
 * ignored elsewhere. "channels" is RGB, BGR, or L of networks that take one
 * channel, of which mean and std are lists of one number then; width and height
 * are 1 to 4096, std is above 0. "resize" is one of preprocess.h's,
 * "interpolation" of resize.h's. There may be
 *
 *     "crop_fraction"  of "crop": above 0, at most 1; 0.875 if left out
 *     "resize_to"      of "crop", instead: what the input's shorter side is
 *                      before the cut, pixels, such as 256 of 224
 *     "pad"            of "letterbox": a level, or red, green and blue, 0 to
 *                      255; 114 if left out
 *
 * "sha256", "source" and "license" may be left out, and so may
 *
 *     "output"  the name of the network's output that is served (network.h
 *               says which it is otherwise)
 *     "scores"  "softmax" or "sigmoid": what makes scores of what comes out,
 *               for a network that ends before it does so itself
 *
 * A folder without model.json gets its own name; the input's size is that of
 * model.onnx; the picture is stretched with bicubic interpolation, in RGB, and
 * mean and std are those that most networks for ImageNet are trained with:
 * 255 x (0.485, 0.456, 0.406) and 255 x (0.229, 0.224, 0.225); of a network
 * that takes bytes, 0 and 1. */

#include "engine/base/error.h"
#include "engine/image/preprocess.h"
#include "engine/model/labels.h"
#include "engine/passes/head.h"

/* `= {0}` is empty. Immutable once open. */
struct model_dir {
    char *name;      /* owned */
    char *onnx_path; /* owned */
    char *source;    /* where the weights come from, or NULL; owned */
    char *license;   /* or NULL; owned */
    char *output;    /* which of the network's outputs, or NULL; owned */
    enum head_scores scores;      /* HEAD_OPEN where it is not said */
    struct preprocess_spec input; /* width and height 0: the file's */
    bool is_assumed;              /* there is no model.json that says so */
    struct labels labels;         /* empty where the folder has no labels.txt */
};

/* Reads the folder's model.json and labels.txt; model.onnx is only named.
 *
 * ERROR_IO           model.json or labels.txt cannot be read, or there is
 *                    neither model.json nor model.onnx
 * ERROR_INPUT        a file is malformed
 * ERROR_UNSUPPORTED  a resize or interpolation we do not have
 * ERROR_LIMIT        model.json is longer than 1 MB, labels.txt than 16 MB
 * ERROR_MEMORY
 *
 * The text says which file and which member or line. On failure it
 * is empty. */
bool model_dir_open(struct model_dir *model_dir, const char *folder,
                    struct error *err) __attribute__((warn_unused_result));

void model_dir_release(struct model_dir *model_dir);

#endif

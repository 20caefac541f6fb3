#ifndef ENGINE_BUNDLE_H
#define ENGINE_BUNDLE_H

/* A model's folder: model.onnx, labels.txt, model.json.
 *
 *     {"name": "efficientnet-lite0",
 *      "input": {"width": 224, "height": 224, "channels": "RGB",
 *                "resize": "stretch", "interpolation": "bicubic",
 *                "mean": [127, 127, 127], "std": [128, 128, 128]},
 *      "onnx": {"file": "model.onnx", "sha256": "…"},
 *      "source": "…", "license": "Apache-2.0"}
 *
 * Unknown members are errors in "input" and ignored elsewhere. */

#include "error.h"
#include "labels.h"
#include "preprocess.h"

/* `= {0}` is empty. Immutable once open. */
struct bundle {
    char *name;      /* owned */
    char *onnx_path; /* owned */
    char *source;    /* where the weights come from, or NULL; owned */
    char *license;   /* or NULL; owned */
    struct preprocess_spec input;
    struct labels labels; /* empty where the folder has no labels.txt */
};

/* Reads the folder's model.json and labels.txt; model.onnx is only named.
 * ERROR_IO, ERROR_INPUT, ERROR_UNSUPPORTED (a resize or interpolation we do
 * not have), ERROR_MEMORY; the text says which file and which member. */
bool bundle_open(struct bundle *bundle, const char *folder, struct error *err)
    __attribute__((warn_unused_result));

void bundle_release(struct bundle *bundle);

#endif

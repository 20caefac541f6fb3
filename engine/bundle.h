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
 * All members of "input" are required, for a wrong guess at one of them shows
 * only as worse answers; a member it does not know is an error there and
 * ignored elsewhere. "channels" is RGB or BGR, width and height are 1 to 4096,
 * std is above 0. "sha256", "source" and "license" may be left out. */

#include "error.h"
#include "labels.h"
#include "preprocess.h"

/* `= {0}` is empty. Immutable once open. */
struct bundle {
    char *name;        /* owned */
    char *onnx_path;   /* owned */
    char *onnx_sha256; /* 64 hex digits, or NULL; not checked here; owned */
    char *source;      /* where the weights come from, or NULL; owned */
    char *license;     /* or NULL; owned */
    struct preprocess_spec input;
    struct labels labels; /* empty where the folder has no labels.txt */
};

/* Reads the folder's model.json and labels.txt; model.onnx is only named.
 *
 * ERROR_IO           model.json, or a labels.txt there is, cannot be read
 * ERROR_INPUT        a file is malformed
 * ERROR_UNSUPPORTED  a resize or interpolation we do not have
 * ERROR_LIMIT        model.json is longer than 1 MB, labels.txt than 16 MB
 * ERROR_MEMORY
 *
 * The text says which file and which member or line. On failure the bundle is
 * empty. */
bool bundle_open(struct bundle *bundle, const char *folder, struct error *err)
    __attribute__((warn_unused_result));

void bundle_release(struct bundle *bundle);

#endif

#ifndef ENGINE_MODEL_MODEL_DIR_H
#define ENGINE_MODEL_MODEL_DIR_H

/* A model's folder: model.onnx, and optionally labels.txt and model.json.
 *
 *     {"name": "efficientnet-lite0",
 *      "input": {"width": 224, "height": 224, "channels": "RGB",
 *                "resize": "stretch", "interpolation": "bicubic",
 *                "mean": [127, 127, 127], "std": [128, 128, 128]},
 *      "onnx": {"file": "model.onnx", "sha256": "…"},
 *      "source": "…", "license": "Apache-2.0"}
 *
 * These members of "input" are required, because a wrong guess at one of them
 * would only show as worse results; an unknown member is an error in "input"
 * and ignored elsewhere. "channels" is "RGB", "BGR", or "L" for networks that
 * take one channel, whose mean and std are arrays of one number then; width and
 * height are from 1 to 4096, std is above 0. "resize" is one of those in
 * preprocess.h, "interpolation" of those in resize.h. Optional members are
 *
 *     "crop_fraction"  for "crop": above 0, at most 1; the default is 0.875
 *     "resize_to"      for "crop", instead: the length in pixels of the image's
 *                      shorter side before it is cropped, such as 256 for 224
 *     "pad"            for "letterbox": a level, or red, green and blue, 0 to
 *                      255; the default is 114
 *
 * "sha256", "source" and "license" are optional, and so are
 *
 *     "output"  the name of the network's output that is served (see network.h
 *               for the default)
 *     "scores"  "softmax" or "sigmoid": what turns the output into scores, for
 * a network that does not end with it
 *     "box"     how boxes are cut by the rule `calibrated` (model_box.h)
 *     "fit"     how the head was fitted (model_fit.h); ignored
 *
 * Without model.json, the model has the folder's name and the input size of
 * model.onnx; images are stretched with bicubic interpolation, in RGB, and mean
 * and std are those that most ImageNet networks are trained with: 255 x (0.485,
 * 0.456, 0.406) and 255 x (0.229, 0.224, 0.225), or 0 and 1 for a network that
 * takes bytes. */

#include "engine/base/error.h"
#include "engine/image/preprocess.h"
#include "engine/model/labels.h"
#include "engine/model/model_box.h"
#include "engine/passes/head.h"

/* `= {0}` is empty. Immutable once open. */
struct model_dir {
    char *name;      /* owned */
    char *onnx_path; /* owned */
    char *source;    /* where the weights come from, or NULL; owned */
    char *license;   /* or NULL; owned */
    char *output;    /* the name of the network's output, or NULL; owned */
    enum head_scores scores;      /* HEAD_OPEN if it is not given */
    struct preprocess_spec input; /* width and height 0: those of the file */
    bool is_assumed;              /* there is no model.json */
    struct model_box box;         /* empty if it is not given */
    struct labels labels;         /* empty where the folder has no labels.txt */
};

/* Reads the folder's model.json and labels.txt; model.onnx is not opened.
 *
 *     ERROR_IO           model.json or labels.txt cannot be read, or there is
 *                        neither model.json nor model.onnx
 *     ERROR_INPUT        a file is malformed
 *     ERROR_UNSUPPORTED  the resize or interpolation is not supported
 *     ERROR_LIMIT        model.json is longer than 1 MB, or labels.txt than 16
 * MB ERROR_MEMORY
 *
 * The text names the file and the member or line. On failure *model_dir is
 * empty. */
bool model_dir_open(struct model_dir *model_dir, const char *folder,
                    struct error *err) __attribute__((warn_unused_result));

void model_dir_release(struct model_dir *model_dir);

#endif

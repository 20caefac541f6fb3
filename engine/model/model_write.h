#ifndef ENGINE_MODEL_MODEL_WRITE_H
#define ENGINE_MODEL_MODEL_WRITE_H

/* Makes what model_dir.h reads. */

#include <stddef.h>
#include <stdint.h>

#include "engine/base/buf.h"
#include "engine/base/error.h"

/* What model.json is to say; texts are as there, and NULL is left out. */
struct model_dir_recipe {
    const char *name;
    const char *source, *license, *output, *scores;
    uint32_t width, height;
    const char *channels, *resize, *interpolation;
    double crop_fraction; /* 0: left out */
    double mean[3], std[3];
    struct buf *onnx;         /* the file itself */
    const char *onnx_folder;  /* where it is, with its weights if they are in
                                 files of their own; NULL: they are not */
    const struct buf *labels; /* labels.txt, or NULL: none */
};

/* Writes model.onnx, labels.txt and model.json, the SHA-256 of model.onnx in
 * it, into a folder that has none of them. Weights that are in files of their
 * own come into model.onnx (onnx_embed), and into recipe->onnx. Whether the
 * model can be used is for engine_open to say. ERROR_IO, ERROR_MEMORY;
 * ERROR_INPUT: a text is not UTF-8; ERROR_LIMIT: one file cannot hold it. */
bool model_write(const char *folder, const struct model_dir_recipe *recipe,
                 struct error *err) __attribute__((warn_unused_result));

/* Removes the folder and those files. */
void model_write_undo(const char *folder);

#endif

#ifndef ENGINE_MODEL_MODEL_WRITE_H
#define ENGINE_MODEL_MODEL_WRITE_H

/* Writes a folder that model_dir.h can read. */

#include <stddef.h>
#include <stdint.h>

#include "engine/base/buf.h"
#include "engine/base/error.h"
#include "engine/model/model_box.h"
#include "engine/model/model_fit.h"

/* The contents of model.json; the members are those of model_dir.h, and NULL
 * omits one. */
struct model_dir_recipe {
    const char *name;
    const char *source, *license, *output, *scores;
    uint32_t width, height;
    const char *channels, *resize, *interpolation;
    double crop_fraction; /* 0: omitted */
    const uint8_t *pad;   /* (3) red, green, blue */
    double mean[3], std[3];
    struct buf *onnx;         /* the file itself */
    const char *onnx_folder;  /* the folder of the file, for weights in files of
                                 their own; NULL: there are none */
    const struct buf *labels; /* labels.txt, or NULL: none */
    const struct model_fit *fit;
};

/* Writes model.onnx, labels.txt and model.json, which includes the SHA-256 of
 * model.onnx, into a folder that has none of them. Weights in files of their
 * own are embedded in model.onnx (onnx_embed), and in recipe->onnx. It does not
 * check whether the model can be used: engine_open does. ERROR_IO,
 * ERROR_MEMORY; ERROR_INPUT: a string is not valid UTF-8; ERROR_LIMIT: a single
 * file cannot hold it. */
bool model_write(const char *folder, const struct model_dir_recipe *recipe,
                 struct error *err) __attribute__((warn_unused_result));

/* Writes the member "box" into the model.json of a folder; other members keep
 * their values and order. The file is replaced at once, so that whoever reads
 * it has the old one or the new one. ERROR_IO: it cannot be read or written;
 * ERROR_INPUT: it is malformed, or a text of the box is not valid UTF-8;
 * ERROR_LIMIT: it is longer than 1 MB; ERROR_MEMORY. */
bool model_write_box(const char *folder, const struct model_box *box,
                     struct error *err) __attribute__((warn_unused_result));

/* Removes the folder and these files. */
void model_write_undo(const char *folder);

#endif

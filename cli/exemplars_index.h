#ifndef CLI_EXEMPLARS_INDEX_H
#define CLI_EXEMPLARS_INDEX_H

/* The index of exemplars as a file, which `wherefore serve` offers. */

#include "engine/base/buf.h"
#include "engine/engine.h"
#include "engine/evaluate/exemplify.h"

/* Appends what the index says before its channels, on one line without its
 * closing brace: the model, the layer, and how many photos there were.
 * ERROR_IO: the model's file cannot be read; ERROR_MEMORY. */
bool exemplars_index_head(struct buf *out, const struct engine *engine,
                          size_t layer, const struct exemplify *found,
                          struct error *err)
    __attribute__((warn_unused_result));

/* Appends the rest: a line for each channel. ERROR_LIMIT: the index would be
 * larger than the service reads; ERROR_MEMORY. */
bool exemplars_index_channels(struct buf *out, const struct engine *engine,
                              size_t layer, const struct exemplify *found,
                              struct error *err)
    __attribute__((warn_unused_result));

#endif

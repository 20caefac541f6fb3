#ifndef ENGINE_ENGINE_FILTERS_H
#define ENGINE_ENGINE_FILTERS_H

/* The filters of a model's convolutions, read from its file again.
 *
 *     struct engine_filters_request request = ENGINE_FILTERS_REQUEST_DEFAULT;
 *     struct engine_filters found = {0};
 *
 *     if (!engine_filters_find(&found, engine, &request, &err))
 *         ...
 *     engine_filters_release(&found);
 *
 * Any thread: no session is needed. */

#include <stdbool.h>
#include <stddef.h>

#include "engine/base/buf.h"
#include "engine/base/error.h"
#include "engine/engine.h"
#include "engine/inside/filters.h"

struct engine_filters_request {
    size_t layer;   /* that the convolution makes: index in engine_layers, or
                       FILTERS_FIRST */
    bool is_folded; /* with the normalization and the scales that follow */
    bool has_sheet; /* a contact sheet is drawn */
    struct filters_style style; /* but for is_bgr, which the model says */
};

#define ENGINE_FILTERS_REQUEST_DEFAULT                 \
    {                                                  \
        .layer = FILTERS_FIRST, .is_folded = true,     \
        .style = {.top = 64, .inputs = 8, .size = 32}, \
    }

/* `= {0}` is empty. */
struct engine_filters {
    struct filters filters;
    const struct layer *layer; /* the first that the convolution makes, or NULL;
                                  borrowed from the engine */
    bool is_coloured;          /* on the sheet */
    struct buf sheet;          /* a PNG, or empty; owned */
};

/* Reads the model's file again, which takes about as long as opening it, and
 * finds the filters. On failure `found` is empty.
 * ERROR_UNSUPPORTED  as filters_find
 * ERROR_INPUT        the sheet would have too many pixels
 * ERROR_IO           model.onnx has changed since the model was opened
 * ERROR_MEMORY, ERROR_LIMIT, ERROR_INTERNAL */
bool engine_filters_find(struct engine_filters *found,
                         const struct engine *engine,
                         const struct engine_filters_request *request,
                         struct error *err) __attribute__((warn_unused_result));

void engine_filters_release(struct engine_filters *found);

#endif

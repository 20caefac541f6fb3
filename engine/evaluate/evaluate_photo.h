#ifndef ENGINE_EVALUATE_EVALUATE_PHOTO_H
#define ENGINE_EVALUATE_EVALUATE_PHOTO_H

/* Measures one photo after another. One thread at a time. */

#include "engine/evaluate/evaluate.h"

struct evaluate_photo;

/* options and engine are borrowed. Returns NULL and ERROR_MEMORY or
 * ERROR_INTERNAL. */
struct evaluate_photo *
evaluate_photo_new(const struct evaluate_options *options,
                   const struct engine *engine, struct error *err)
    __attribute__((warn_unused_result));

/* Measures an item into *out, whose results (num_rows) the caller provides.
 * Items of one photo that follow one another share its pass. A failure is
 * out->error. */
void evaluate_photo_measure(struct evaluate_photo *photo,
                            struct result_photo *out,
                            const struct dataset_item *item);

void evaluate_photo_free(struct evaluate_photo *photo);

#endif

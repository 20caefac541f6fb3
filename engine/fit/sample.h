#ifndef ENGINE_FIT_SAMPLE_H
#define ENGINE_FIT_SAMPLE_H

/* Photos of a fit by class, not more of each than can be looked at. */

#include <stddef.h>

#include "engine/base/error.h"
#include "engine/fit/fit.h"

enum {
    SAMPLE_MAX_PHOTOS = 8192,  /* of all classes, roughly */
    SAMPLE_MAX_OF_CLASS = 200, /* fewer where there are many classes, */
    SAMPLE_MIN_OF_CLASS = 24,  /* but never less than this, if it has them */
};

/* `= {0}` is empty. */
struct sample {
    size_t *photos; /* (firsts[num_classes]) by class; owned */
    size_t *firsts; /* (num_classes + 1) where each class begins; owned */
};

/* Takes photos at equal distances from all of a class that are measured.
 * ERROR_MEMORY. */
bool sample_take(struct sample *sample, const struct fit *fit,
                 struct error *err) __attribute__((warn_unused_result));

void sample_release(struct sample *sample);

#endif

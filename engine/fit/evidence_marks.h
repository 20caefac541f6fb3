#ifndef ENGINE_FIT_EVIDENCE_MARKS_H
#define ENGINE_FIT_EVIDENCE_MARKS_H

/* The part of evidence.c that looks for marks. */

#include "engine/fit/evidence.h"
#include "engine/fit/sample.h"

/* Adds the warnings.
 *
 * adds  in  (photos of the sample, EVIDENCE_NUM_PLACES)
 *
 * ERROR_BUSY: cancelled; ERROR_MEMORY. */
bool evidence_marks_find(struct evidence *evidence, const float *adds,
                         const struct fit *fit, const struct sample *sample,
                         const struct fit_options *options, struct error *err)
    __attribute__((warn_unused_result));

#endif

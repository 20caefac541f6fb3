#ifndef ENGINE_FIT_EVIDENCE_MAPS_H
#define ENGINE_FIT_EVIDENCE_MAPS_H

/* The part of evidence.c that reads the maps. */

#include "engine/fit/evidence.h"
#include "engine/fit/sample.h"

/* Finds the mean evidence of each class and its shares, and what places add in
 * each photo.
 *
 * adds  out  (photos of the sample, EVIDENCE_NUM_PLACES); NAN: the photo's map
 *            is gone
 *
 * ERROR_BUSY: cancelled; ERROR_MEMORY. */
bool evidence_maps_find(struct evidence *evidence, float *adds,
                        const struct fit *fit, const struct sample *sample,
                        const struct fit_options *options, struct error *err)
    __attribute__((warn_unused_result));

#endif

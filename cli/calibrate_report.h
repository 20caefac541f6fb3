#ifndef CLI_CALIBRATE_REPORT_H
#define CLI_CALIBRATE_REPORT_H

/* What `wherefore calibrate` shows of its result. */

#include <stdio.h>

#include "engine/base/buf.h"
#include "engine/base/error.h"
#include "engine/evaluate/calibrate.h"

/* Prints the settings and how right they are, and a table over thresholds. */
void calibrate_report_print(FILE *stream,
                            const struct calibrate_result *result);

/* Appends a picture, SVG, of accuracy over the threshold. ERROR_MEMORY. */
bool calibrate_report_draw(struct buf *out,
                           const struct calibrate_result *result,
                           struct error *err)
    __attribute__((warn_unused_result));

#endif

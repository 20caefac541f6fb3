#ifndef CLI_FIT_REPORT_H
#define CLI_FIT_REPORT_H

/* The report of `wherefore fit`, in the model's folder:
 *
 *     report.json  all figures, and each photo's prediction
 *     report.html  the same to look at, with photos and maps: one page that
 *                  asks for nothing, opened from disk
 *
 * The page is static/report/ and what fit_report_json.c writes. */

#include "engine/base/buf.h"
#include "engine/base/error.h"
#include "engine/fit/assess.h"
#include "engine/fit/evidence.h"
#include "engine/fit/fit.h"
#include "engine/fit/picture.h"

/* What both files are made of. `= {0}` is empty. */
struct fit_report {
    const struct fit *fit; /* borrowed */
    const char *name;      /* the model's; borrowed */
    struct assess assess;
    struct evidence evidence;
    size_t photos[PICTURE_MAX_COUNT]; /* those that have pictures */
    struct picture *pictures;         /* (num_pictures) owned */
    size_t num_pictures;
};

/* Makes the report and writes both files into a folder.
 *
 * num_warnings  out  of marks
 * options       in   those of the fit
 *
 * ERROR_BUSY: cancelled; ERROR_IO, ERROR_MEMORY, ERROR_INTERNAL. */
bool fit_report_write(size_t *num_warnings, const struct fit *fit,
                      const char *name, const char *folder,
                      const struct fit_options *options, struct error *err)
    __attribute__((warn_unused_result));

/* Appends report.json. ERROR_MEMORY. */
bool fit_report_json(struct buf *out, const struct fit_report *report,
                     struct error *err) __attribute__((warn_unused_result));

/* Appends report.html. ERROR_MEMORY. */
bool fit_report_page(struct buf *out, const struct fit_report *report,
                     struct error *err) __attribute__((warn_unused_result));

/* Appends the figures that both have, as the beginning of a JSON object, which
 * is left open for more members. ERROR_MEMORY. */
bool fit_report_json_begin(struct buf *out, const struct fit_report *report,
                           struct error *err)
    __attribute__((warn_unused_result));

#endif

#ifndef CLI_FIT_JSON_H
#define CLI_FIT_JSON_H

/* The result of a fit as JSON. */

#include "engine/base/buf.h"
#include "engine/base/error.h"
#include "engine/fit/fit.h"

/* Appends the object and a line end; `model` is the folder that was made.
 * ERROR_MEMORY. */
bool fit_json_write(struct buf *out, const struct fit *fit, const char *model,
                    struct error *err) __attribute__((warn_unused_result));

#endif

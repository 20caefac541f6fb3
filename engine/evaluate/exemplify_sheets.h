#ifndef ENGINE_EVALUATE_EXEMPLIFY_SHEETS_H
#define ENGINE_EVALUATE_EXEMPLIFY_SHEETS_H

/* The contact sheets of exemplars: of each channel, the crops of its photos,
 * row by row, best first. */

#include <stddef.h>
#include <stdint.h>

#include "engine/base/buf.h"
#include "engine/evaluate/exemplify.h"

/* The side of a crop's place on a sheet, in pixels. */
enum { EXEMPLIFY_SHEETS_MIN_SIZE = 8, EXEMPLIFY_SHEETS_MAX_SIZE = 512 };

struct exemplify_sheets {
    uint32_t size; /* of each crop's place; EXEMPLIFY_SHEETS_MIN_SIZE to
                      EXEMPLIFY_SHEETS_MAX_SIZE */
    /* Takes the sheet of channel number i of the winners, a PNG; one call at a
     * time, in any order. A failure ends the drawing. */
    bool (*take)(void *user, size_t i, const struct buf *png,
                 struct error *err);
    void *user;
};

/* Draws a sheet for each channel: a square grid of options->top squares. Each
 * crop is resized (bicubic, as in resize.h) so that its longer side fills its
 * square, and centred on white. Photos are read once more, some channels at a
 * time, so that memory is bounded; one that cannot be read now leaves white
 * squares, and is told to options->trouble. ERROR_LIMIT: a sheet would be too
 * large; ERROR_MEMORY, ERROR_INTERNAL; or as options->take. */
bool exemplify_sheets_draw(const struct exemplify_sheets *sheets,
                           const struct exemplify *found,
                           const struct exemplify_options *options,
                           const struct engine *engine, const char *folder,
                           struct error *err)
    __attribute__((warn_unused_result));

#endif

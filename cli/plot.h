#ifndef CLI_PLOT_H
#define CLI_PLOT_H

/* Curves over a threshold as SVG: panels side by side, and in each the same
 * lines, named below. */

#include <stddef.h>

#include "engine/base/buf.h"
#include "engine/base/error.h"

enum { PLOT_NAME_SIZE = 128 };

struct plot {
    const char *const *titles; /* (num_panels) */
    size_t num_panels, num_lines;
    size_t num_points; /* of a line; point i is at the threshold i * step */
    double step;
    /* The value of a point, 0 to 1. */
    double (*value)(const void *user, size_t panel, size_t line, size_t point);
    void (*name)(const void *user, char name[PLOT_NAME_SIZE], size_t line);
    const void *user;
};

/* Appends the picture. ERROR_MEMORY. */
bool plot_draw(struct buf *out, const struct plot *plot, struct error *err)
    __attribute__((warn_unused_result));

#endif

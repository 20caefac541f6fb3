#ifndef ENGINE_INSIDE_FILTERS_SHEET_H
#define ENGINE_INSIDE_FILTERS_SHEET_H

/* The contact sheet of filters. */

#include "engine/inside/filters.h"

/* As filters_draw. */
bool filters_sheet_draw(const struct filters *filters, struct buf *png,
                        const struct filters_style *style, struct error *err)
    __attribute__((warn_unused_result));

#endif

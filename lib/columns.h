#ifndef LIB_COLUMNS_H
#define LIB_COLUMNS_H

/* The results of many images, a row each, which become a struct column of Arrow
 * (wherefore_explain_arrow). Different threads may set different rows at the
 * same time. */

#include <stddef.h>
#include <stdint.h>

#include "engine/base/error.h"
#include "engine/engine.h"
#include "lib/wherefore.h"

/* `= {0}` is empty. All arrays are owned. */
struct columns {
    const struct engine *engine; /* borrowed */
    size_t count;
    size_t map_width, map_height; /* cells */
    uint8_t *has;                 /* (count) which parts a row has */
    int32_t *class_index;         /* (count) */
    float *score, *logit;         /* (count) */
    int32_t *box[4];              /* x, y, width, height (count) */
    int32_t *peak[2];             /* x, y (count) */
    float *peak_value;            /* (count) */
    float *map;                   /* (count, map_height, map_width) */
    uint8_t *kind;                /* (count) of the error */
    char **detail;                /* (count) each owned, or NULL */
};

/* Makes rows that have nothing. ERROR_MEMORY; ERROR_LIMIT: labels are so long
 * that a column of them could not be addressed. On failure it is empty. */
bool columns_init(struct columns *columns, const struct engine *engine,
                  size_t count, size_t map_width, size_t map_height,
                  struct error *err) __attribute__((warn_unused_result));

/* Sets row i. ERROR_INTERNAL: the map has another size. */
bool columns_set(struct columns *columns, size_t i,
                 const struct explanation *explanation, struct error *err)
    __attribute__((warn_unused_result));

/* Makes row i one that has failed. */
void columns_fail(struct columns *columns, size_t i, const struct error *why);

/* Makes the column. The arrays are moved into it; `columns` is only good for
 * its release afterwards. On failure (ERROR_MEMORY, ERROR_LIMIT) both are all
 * zeros. */
bool columns_finish(struct columns *columns, struct ArrowSchema *schema,
                    struct ArrowArray *array, struct error *err)
    __attribute__((warn_unused_result));

void columns_release(struct columns *columns);

#endif

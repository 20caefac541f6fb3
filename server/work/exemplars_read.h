#ifndef SERVER_WORK_EXEMPLARS_READ_H
#define SERVER_WORK_EXEMPLARS_READ_H

/* Reads an index of exemplars, which may come from anywhere. */

#include "server/work/exemplars.h"

/* Reads the bytes of an index, and takes memory from the set's arena, until the
 * set has EXEMPLARS_MAX exemplars (ERROR_LIMIT). index->folder is left alone.
 * All indices are below the layer's sizes, and crops within their photos.
 * ERROR_INPUT says what is malformed; ERROR_MEMORY. Any thread. */
bool exemplars_read(struct exemplars_index *index, struct exemplars_set *set,
                    const uint8_t *bytes, size_t len, struct error *err)
    __attribute__((warn_unused_result));

#endif

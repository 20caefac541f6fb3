#ifndef ENGINE_IMAGE_UNPACK_H
#define ENGINE_IMAGE_UNPACK_H

/* Inflates zlib data up to a limit. Any thread. */

#include "engine/base/buf.h"
#include "engine/base/bytes.h"

/* Appends the inflated `packed` to `out`; nothing if it is broken, cut short,
 * or larger than `max` bytes, as if it were not there. ERROR_MEMORY: `out` may
 * have grown. */
bool unpack_zlib(struct buf *out, struct bytes packed, size_t max,
                 struct error *err) __attribute__((warn_unused_result));

#endif

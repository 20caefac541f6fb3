#ifndef ENGINE_IMAGE_UNPACK_H
#define ENGINE_IMAGE_UNPACK_H

/* Unpacks what zlib has packed, as far as it is allowed to go. Any thread. */

#include "engine/base/buf.h"
#include "engine/base/bytes.h"

/* Appends what `packed` holds to `out`: nothing if it is broken, cut short, or
 * more than `max` bytes, which is as if it were not there. ERROR_MEMORY: `out`
 * may have grown. */
bool unpack_zlib(struct buf *out, struct bytes packed, size_t max,
                 struct error *err) __attribute__((warn_unused_result));

#endif

#ifndef ENGINE_BASE_BYTES_H
#define ENGINE_BASE_BYTES_H

/* A cursor over bytes that cannot overrun, for reading untrusted file headers.
 * A read either succeeds and moves the cursor, or returns false and leaves both
 * the cursor and the output unchanged. One thread at a time per cursor. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The bytes that are left to read. `= {0}` is the end of an empty file. */
struct bytes {
    const uint8_t *data; /* (len) borrowed */
    size_t len;
};

/* Moves on by `count` bytes. */
bool bytes_skip(struct bytes *bytes, size_t count)
    __attribute__((warn_unused_result));

/* Moves on by `count` bytes and returns them in `part`, a cursor of their
 * own. */
bool bytes_take(struct bytes *bytes, struct bytes *part, size_t count)
    __attribute__((warn_unused_result));

/* Read one integer of 1 to 4 bytes, big- or little-endian. */
bool bytes_u8(struct bytes *bytes, uint8_t *value)
    __attribute__((warn_unused_result));
bool bytes_u16be(struct bytes *bytes, uint16_t *value)
    __attribute__((warn_unused_result));
bool bytes_u16le(struct bytes *bytes, uint16_t *value)
    __attribute__((warn_unused_result));
bool bytes_u24le(struct bytes *bytes, uint32_t *value)
    __attribute__((warn_unused_result));
bool bytes_u32be(struct bytes *bytes, uint32_t *value)
    __attribute__((warn_unused_result));
bool bytes_u32le(struct bytes *bytes, uint32_t *value)
    __attribute__((warn_unused_result));

/* Whether the bytes that are left begin with these `count` bytes; does not move
 * the cursor. */
bool bytes_begin_with(const struct bytes *bytes, const void *prefix,
                      size_t count);

#endif

#ifndef ENGINE_BASE_ARENA_H
#define ENGINE_BASE_ARENA_H

/* A bump allocator: many small pieces that live and die together. One thread
 * at a time. */

#include <stddef.h>

#include "engine/base/error.h"

struct arena_block;

/* `= {0}` is empty. */
struct arena {
    struct arena_block *blocks; /* newest first; owned */
};

/* Returns `count` zeroed elements of `size` bytes, aligned for any type;
 * never NULL for a count of 0. Returns NULL and ERROR_MEMORY on failure. The
 * memory lives until arena_release. */
void *arena_take(struct arena *arena, size_t count, size_t size,
                 struct error *err) __attribute__((warn_unused_result));

/* Copies `len` bytes of text and appends a NUL. Fails like arena_take. */
char *arena_text(struct arena *arena, const char *text, size_t len,
                 struct error *err) __attribute__((warn_unused_result));

void arena_release(struct arena *arena);

#endif

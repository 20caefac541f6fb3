#include "engine/base/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_SIZE = 16 * 1024, ALIGNMENT = alignof(max_align_t) };

struct arena_block {
    struct arena_block *next;
    size_t used, size;                        /* bytes of `bytes` */
    alignas(ALIGNMENT) unsigned char bytes[]; /* zeroed */
};

void *arena_take(struct arena *arena, size_t count, size_t size,
                 struct error *err)
{
    struct arena_block *block = arena->blocks;
    size_t len, cap;
    void *taken;

    if (size != 0 && count > (SIZE_MAX / 4) / size) {
        fail(err, ERROR_MEMORY, "not enough memory for %zu elements", count);
        return NULL;
    }
    len = (count * size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    if (!block || len > block->size - block->used) {
        cap = len > BLOCK_SIZE ? len : BLOCK_SIZE;
        block = calloc(1, sizeof *block + cap);
        if (!block) {
            fail(err, ERROR_MEMORY, "not enough memory for %zu bytes", cap);
            return NULL;
        }
        block->size = cap;
        block->next = arena->blocks;
        arena->blocks = block;
    }
    taken = block->bytes + block->used;
    block->used += len;
    return taken;
}

char *arena_text(struct arena *arena, const char *text, size_t len,
                 struct error *err)
{
    char *copy;

    if (len == SIZE_MAX) {
        fail(err, ERROR_MEMORY, "not enough memory for a string");
        return NULL;
    }
    copy = arena_take(arena, len + 1, 1, err);
    if (copy && len > 0)
        memcpy(copy, text, len);
    return copy;
}

void arena_release(struct arena *arena)
{
    struct arena_block *block = arena->blocks, *next;

    for (; block; block = next) {
        next = block->next;
        free(block);
    }
    *arena = (struct arena){0};
}

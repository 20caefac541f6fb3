#include "engine/base/hugepages.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
    HUGE_PAGE = 2 << 20,
    CHUNK =
        2 * HUGE_PAGE, /* bytes mapped at a time, unless a block needs more */
    SMALL = 16 << 10   /* bytes; smaller blocks come from malloc */
};

/* A mapping that blocks are cut from, front to back. It is unmapped when its
 * last block is freed. */
struct chunk {
    size_t size; /* bytes, this header included */
    size_t used; /* bytes, this header included */
    size_t live; /* blocks not freed yet */
};

/* Stands before every block, in HUGEPAGES_ALIGNMENT bytes of its own. */
struct header {
    struct chunk *chunk; /* NULL: the block came from malloc */
    size_t size;         /* bytes, this header included */
    size_t num_more;     /* who share it, but for one; guarded by lock */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct chunk
    *latest;          /* the chunk that blocks are cut from; guarded by lock */
static size_t in_use; /* bytes; guarded by lock */
static size_t mapped; /* bytes; guarded by lock */

static size_t rounded(size_t size, size_t unit)
{
    return (size + unit - 1) / unit * unit;
}

/* Call this and those below with the lock held. Maps at least `size` bytes at a
 * multiple of HUGE_PAGE. */
static struct chunk *map_chunk(size_t size)
{
    size_t wanted = size > CHUNK ? rounded(size, HUGE_PAGE) : CHUNK;
    uint8_t *all = mmap(NULL, wanted + HUGE_PAGE, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct chunk *chunk;
    size_t before;

    if (all == MAP_FAILED)
        return NULL;
    before = rounded((uintptr_t)all, HUGE_PAGE) - (uintptr_t)all;
    if (before > 0)
        munmap(all, before);
    if (before < HUGE_PAGE)
        munmap(all + before + wanted, HUGE_PAGE - before);
    chunk = (struct chunk *)(void *)(all + before);
    madvise(chunk, wanted, MADV_HUGEPAGE); /* advice only; it may fail */
    chunk->size = wanted;
    chunk->used = HUGEPAGES_ALIGNMENT;
    mapped += wanted;
    return chunk;
}

static void unmap_chunk(struct chunk *chunk)
{
    mapped -= chunk->size;
    munmap(chunk, chunk->size);
}

static struct header *take_large(size_t size)
{
    struct chunk *chunk;
    struct header *header = NULL;

    pthread_mutex_lock(&lock);
    chunk = latest;
    if (!chunk || size > chunk->size - chunk->used) {
        chunk = map_chunk(HUGEPAGES_ALIGNMENT + size);
        /* Cut from the chunk with more space left next. */
        if (chunk && (!latest || chunk->size - chunk->used - size >
                                     latest->size - latest->used)) {
            if (latest && latest->live == 0)
                unmap_chunk(latest);
            latest = chunk;
        }
    }
    if (chunk) {
        header = (struct header *)(void *)((uint8_t *)chunk + chunk->used);
        *header = (struct header){.chunk = chunk, .size = size};
        in_use += size;
        chunk->used += size;
        chunk->live++;
    }
    pthread_mutex_unlock(&lock);
    return header;
}

void *hugepages_take(size_t size)
{
    struct header *header;

    if (size > SIZE_MAX / 2)
        return NULL;
    size = HUGEPAGES_ALIGNMENT + rounded(size, HUGEPAGES_ALIGNMENT);
    if (size < SMALL) {
        header = aligned_alloc(HUGEPAGES_ALIGNMENT, size);
        if (header)
            *header = (struct header){0};
    } else {
        header = take_large(size);
    }
    return header ? (uint8_t *)header + HUGEPAGES_ALIGNMENT : NULL;
}

/* Gives the whole pages of a freed block back: its place in the chunk is not
 * used again while others live there. */
static void drop_pages(struct header *header)
{
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t first = rounded((uintptr_t)header, page);
    uintptr_t end = ((uintptr_t)header + header->size) / page * page;

    if (end > first)
        madvise((void *)first, end - first, MADV_DONTNEED);
}

static struct header *header_of(void *memory)
{
    return (struct header *)(void *)((uint8_t *)memory - HUGEPAGES_ALIGNMENT);
}

/* One of those who share a block goes; returns whether others are left. */
static bool is_shared(struct header *header)
{
    bool shared;

    pthread_mutex_lock(&lock);
    shared = header->num_more > 0;
    header->num_more -= shared;
    pthread_mutex_unlock(&lock);
    return shared;
}

void *hugepages_share(void *memory, void *other, size_t len)
{
    if (memcmp(memory, other, len) != 0)
        return memory;
    pthread_mutex_lock(&lock);
    header_of(other)->num_more++;
    pthread_mutex_unlock(&lock);
    hugepages_give(memory);
    return other;
}

void hugepages_give(void *memory)
{
    struct header *header;
    struct chunk *chunk;

    if (!memory)
        return;
    header = header_of(memory);
    if (is_shared(header))
        return;
    chunk = header->chunk;
    if (!chunk) {
        free(header);
        return;
    }
    pthread_mutex_lock(&lock);
    in_use -= header->size;
    if (--chunk->live == 0) {
        if (chunk == latest)
            chunk->used = HUGEPAGES_ALIGNMENT;
        else
            unmap_chunk(chunk);
    } else {
        drop_pages(header);
    }
    pthread_mutex_unlock(&lock);
}

void hugepages_trim(void)
{
    pthread_mutex_lock(&lock);
    if (latest && latest->live == 0) {
        unmap_chunk(latest);
        latest = NULL;
    }
    pthread_mutex_unlock(&lock);
}

size_t hugepages_in_use(void)
{
    size_t size;

    pthread_mutex_lock(&lock);
    size = in_use;
    pthread_mutex_unlock(&lock);
    return size;
}

size_t hugepages_mapped(void)
{
    size_t size;

    pthread_mutex_lock(&lock);
    size = mapped;
    pthread_mutex_unlock(&lock);
    return size;
}

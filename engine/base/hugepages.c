#include "engine/base/hugepages.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* AddressSanitizer is told where blocks end, since it knows malloc's alone. */
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(memory, size) ((void)(memory), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(memory, size) ((void)(memory), (void)(size))
#endif

enum {
    HUGE_PAGE = 2 << 20,
    /* Bytes mapped at a time, unless a block needs more. */
    CHUNK = 2 * HUGE_PAGE,
    BRIEF_CHUNK = 16 * HUGE_PAGE,
    SMALL = 16 << 10 /* bytes; smaller blocks come from malloc */
};

/* A mapping that blocks are cut from, front to back. It is unmapped when its
 * last block is freed. */
struct chunk {
    size_t size;    /* bytes, this header included */
    size_t used;    /* bytes, this header included */
    size_t live;    /* blocks not freed yet */
    size_t touched; /* bytes ever used, in whole huge pages */
    size_t dropped; /* bytes given back, between blocks */
    bool is_brief;
};

/* Stands before every block, in HUGEPAGES_ALIGNMENT bytes of its own. */
struct header {
    struct chunk *chunk; /* NULL: the block came from malloc */
    size_t size;         /* bytes, this header included */
    size_t num_more;     /* who share it, but for one; guarded by lock */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
/* The chunks that blocks are cut from, lasting and brief ones; guarded by lock
 */
static struct chunk *latest[2];
static size_t in_use; /* bytes; guarded by lock */
static size_t mapped; /* bytes; guarded by lock */

static size_t rounded(size_t size, size_t unit)
{
    return (size + unit - 1) / unit * unit;
}

/* Call this and those below with the lock held. Maps at least `size` bytes at a
 * multiple of HUGE_PAGE. */
static struct chunk *map_chunk(size_t size, bool is_brief)
{
    const size_t least = is_brief ? BRIEF_CHUNK : CHUNK;
    size_t wanted = size > least ? rounded(size, HUGE_PAGE) : least;
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
    *chunk = (struct chunk){
        .size = wanted, .used = HUGEPAGES_ALIGNMENT, .is_brief = is_brief};
    return chunk;
}

static void unmap_chunk(struct chunk *chunk)
{
    mapped -= chunk->touched - chunk->dropped;
    munmap(chunk, chunk->size);
}

/* Counts the pages that a chunk takes from now on. */
static void touch(struct chunk *chunk)
{
    const size_t touched = rounded(chunk->used, HUGE_PAGE);

    if (touched > chunk->touched) {
        mapped += touched - chunk->touched;
        chunk->touched = touched;
    }
}

/* Begins again with a chunk that has no blocks. */
static void empty_chunk(struct chunk *chunk)
{
    if (chunk->dropped > 0)
        madvise(chunk, chunk->size, MADV_HUGEPAGE);
    mapped += chunk->dropped;
    chunk->dropped = 0;
    chunk->used = HUGEPAGES_ALIGNMENT;
}

static struct header *take_large(size_t size, bool is_brief)
{
    struct chunk *chunk, *last;
    struct header *header = NULL;

    pthread_mutex_lock(&lock);
    chunk = last = latest[is_brief];
    if (!chunk || size > chunk->size - chunk->used) {
        chunk = map_chunk(HUGEPAGES_ALIGNMENT + size, is_brief);
        /* Cut from the chunk with more space left next. */
        if (chunk && (!last || chunk->size - chunk->used - size >
                                   last->size - last->used)) {
            if (last && last->live == 0)
                unmap_chunk(last);
            latest[is_brief] = chunk;
        }
    }
    if (chunk) {
        header = (struct header *)(void *)((uint8_t *)chunk + chunk->used);
        *header = (struct header){.chunk = chunk, .size = size};
        in_use += size;
        chunk->used += size;
        touch(chunk);
        chunk->live++;
    }
    pthread_mutex_unlock(&lock);
    return header;
}

/* Forbids to touch what lies between a block's header and its `len` bytes, and
 * behind them. */
static void fence(struct header *header, size_t len)
{
    uint8_t *data = (uint8_t *)header + HUGEPAGES_ALIGNMENT;

    ASAN_POISON_MEMORY_REGION(header + 1, HUGEPAGES_ALIGNMENT - sizeof *header);
    ASAN_POISON_MEMORY_REGION(data + len,
                              header->size - HUGEPAGES_ALIGNMENT - len);
}

static void *take(size_t len, bool is_brief)
{
    struct header *header;
    size_t size;

    if (len > SIZE_MAX / 2)
        return NULL;
    size = HUGEPAGES_ALIGNMENT + rounded(len, HUGEPAGES_ALIGNMENT);
    if (size < SMALL) {
        header = aligned_alloc(HUGEPAGES_ALIGNMENT, size);
        if (header)
            *header = (struct header){0};
    } else {
        header = take_large(size, is_brief);
        if (header)
            fence(header, len);
    }
    return header ? (uint8_t *)header + HUGEPAGES_ALIGNMENT : NULL;
}

void *hugepages_take(size_t size)
{
    return take(size, false);
}

void *hugepages_take_brief(size_t size)
{
    return take(size, true);
}

/* Gives the whole pages of a freed block back: its place in the chunk is not
 * used again while others live there. The kernel would make huge pages of those
 * beside it again, some time later, and take the memory once more. */
static void drop_pages(struct header *header)
{
    struct chunk *chunk = header->chunk;
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t first = rounded((uintptr_t)header, page);
    uintptr_t end = ((uintptr_t)header + header->size) / page * page;

    if (end > first &&
        madvise((void *)first, end - first, MADV_DONTNEED) == 0) {
        madvise((void *)first, end - first, MADV_NOHUGEPAGE);
        chunk->dropped += end - first;
        mapped -= end - first;
    }
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
    ASAN_UNPOISON_MEMORY_REGION(header, header->size);
    pthread_mutex_lock(&lock);
    in_use -= header->size;
    if (--chunk->live == 0) {
        if (chunk == latest[chunk->is_brief])
            empty_chunk(chunk);
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
    for (size_t i = 0; i < 2; i++)
        if (latest[i] && latest[i]->live == 0) {
            unmap_chunk(latest[i]);
            latest[i] = NULL;
        }
    pthread_mutex_unlock(&lock);
}

void hugepages_advise(void *memory, size_t size)
{
    size_t start = rounded((uintptr_t)memory, HUGE_PAGE);
    size_t end = ((uintptr_t)memory + size) / HUGE_PAGE * HUGE_PAGE;

    if (size >= CHUNK && end > start)
        madvise((uint8_t *)memory + (start - (uintptr_t)memory), end - start,
                MADV_HUGEPAGE);
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

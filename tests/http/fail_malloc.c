/* Makes allocations of a running server fail at random: a library for
 * LD_PRELOAD (tests/http/test_memory.py builds it).
 *
 * FAIL_MALLOC_FILE names a file of 32 bytes, shared with the test while the
 * server runs:
 *
 *     uint64_t rate     one allocation in so many fails; 0: none does
 *     uint64_t seed     of the random numbers
 *     uint64_t failed   how many have
 *     int64_t live      blocks allocated and not yet freed
 *
 * What XNNPACK and pthreadpool ask for is always given: that of 2022 does not
 * look whether it got what it asked for. */

#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

extern void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t), *__libc_memalign(size_t, size_t);
extern void __libc_free(void *);

enum { MAX_SPARED = 16 };

struct shared {
    _Atomic uint64_t rate, seed, failed;
    _Atomic int64_t live;
};

/* Code that always gets memory: (first, last) addresses. */
static struct {
    uintptr_t first, last;
} spared[MAX_SPARED];
static size_t num_spared;
static struct shared unused;
static struct shared *shared = &unused;

static int note_library(struct dl_phdr_info *info, size_t size, void *arg)
{
    (void)size;
    (void)arg;
    if (!strstr(info->dlpi_name, "libXNNPACK") &&
        !strstr(info->dlpi_name, "libpthreadpool"))
        return 0;
    for (int i = 0; i < info->dlpi_phnum && num_spared < MAX_SPARED; i++)
        if (info->dlpi_phdr[i].p_type == PT_LOAD) {
            spared[num_spared].first =
                info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
            spared[num_spared].last =
                spared[num_spared].first + info->dlpi_phdr[i].p_memsz;
            num_spared++;
        }
    return 0;
}

__attribute__((constructor)) static void start(void)
{
    const char *path = getenv("FAIL_MALLOC_FILE");
    int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    void *memory;

    dl_iterate_phdr(note_library, NULL);
    if (fd < 0)
        abort();
    memory =
        mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (memory == MAP_FAILED)
        abort();
    shared = memory;
}

static bool is_spared(const void *caller)
{
    for (size_t i = 0; i < num_spared; i++)
        if ((uintptr_t)caller >= spared[i].first &&
            (uintptr_t)caller < spared[i].last)
            return true;
    return false;
}

/* splitmix64, of a counter that all threads share. */
static uint64_t next_random(void)
{
    uint64_t x = atomic_fetch_add(&shared->seed, 0x9e3779b97f4a7c15u);

    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

static bool fails(const void *caller)
{
    uint64_t rate = atomic_load(&shared->rate);

    if (rate == 0 || is_spared(caller) || next_random() % rate != 0)
        return false;
    atomic_fetch_add(&shared->failed, 1);
    errno = ENOMEM;
    return true;
}

static void *count(void *memory)
{
    if (memory)
        atomic_fetch_add(&shared->live, 1);
    return memory;
}

void *malloc(size_t len)
{
    return fails(__builtin_return_address(0)) ? NULL
                                              : count(__libc_malloc(len));
}

void *calloc(size_t num, size_t len)
{
    return fails(__builtin_return_address(0)) ? NULL
                                              : count(__libc_calloc(num, len));
}

void *realloc(void *memory, size_t len)
{
    void *moved;

    if (fails(__builtin_return_address(0)))
        return NULL;
    moved = __libc_realloc(memory, len);
    return memory ? moved : count(moved);
}

int posix_memalign(void **memory, size_t align, size_t len)
{
    void *got = fails(__builtin_return_address(0))
                    ? NULL
                    : count(__libc_memalign(align, len));

    if (!got)
        return ENOMEM;
    *memory = got;
    return 0;
}

void *aligned_alloc(size_t align, size_t len)
{
    return fails(__builtin_return_address(0))
               ? NULL
               : count(__libc_memalign(align, len));
}

void free(void *memory)
{
    if (memory)
        atomic_fetch_sub(&shared->live, 1);
    __libc_free(memory);
}

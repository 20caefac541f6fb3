#include "engine/base/memory_limit.h"

#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/hugepages.h"

enum { PATH_SIZE = 512, MEGABYTE = 1000000 };

static _Atomic uint64_t limit;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static size_t begun;                 /* bytes; guarded by lock */
static _Thread_local unsigned depth; /* how often this thread has begun */
static memory_limit_relieve_fn *relieve_with; /* guarded by lock */
static void *relieve_user;                    /* guarded by lock */

/* ---- control groups ---- */

/* The number in a file; UINT64_MAX if it has none, such as "max". */
static uint64_t read_number(const char *path)
{
    char text[32] = "";
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t len = fd >= 0 ? read(fd, text, sizeof text - 1) : -1;

    if (fd >= 0)
        close(fd);
    return len > 0 && *text >= '0' && *text <= '9' ? strtoull(text, NULL, 10)
                                                   : UINT64_MAX;
}

/* The least limit of a group and its parents. `group` is cut short. In a
 * container, the group's own files may lie at the top. */
static uint64_t least_of(const char *top, char *group, const char *file)
{
    uint64_t least = UINT64_MAX, number;
    char path[2 * PATH_SIZE];
    char *slash;

    for (;;) {
        snprintf(path, sizeof path, "%s%s/%s", top, group, file);
        number = read_number(path);
        least = number < least ? number : least;
        slash = strrchr(group, '/');
        if (!slash)
            return least;
        *slash = '\0';
    }
}

/* A line is "4:memory:/group" in version 1, "0::/group" in version 2. */
static uint64_t limit_of_line(char *line)
{
    char *names = strchr(line, ':');
    char *group = names ? strchr(names + 1, ':') : NULL;

    if (!group)
        return UINT64_MAX;
    *group++ = '\0';
    group[strcspn(group, "\n")] = '\0';
    if (strcmp(names, ":memory") == 0)
        return least_of("/sys/fs/cgroup/memory", group,
                        "memory.limit_in_bytes");
    return names[1] == '\0' ? least_of("/sys/fs/cgroup", group, "memory.max")
                            : UINT64_MAX;
}

uint64_t memory_limit_of_group(void)
{
    FILE *file = fopen("/proc/self/cgroup", "re");
    uint64_t least = UINT64_MAX, number;
    char line[PATH_SIZE];

    while (file && fgets(line, sizeof line, file)) {
        number = limit_of_line(line);
        least = number < least ? number : least;
    }
    if (file)
        fclose(file);
    /* Version 1 says "none" by a huge number. */
    return least < UINT64_MAX / 4 ? least : 0;
}

/* ---- the limit ---- */

void memory_limit_set(uint64_t max, memory_limit_relieve_fn *relieve,
                      void *user)
{
    pthread_mutex_lock(&lock);
    atomic_store(&limit, max);
    relieve_with = relieve;
    relieve_user = user;
    pthread_mutex_unlock(&lock);
}

uint64_t memory_limit(void)
{
    return atomic_load(&limit);
}

/* What may still be taken. Call with the lock held. */
static uint64_t left_of(uint64_t max)
{
    const uint64_t most = 28 << 20, share = max / 16;
    const uint64_t aside = (4 << 20) + (share < most ? share : most);
    const struct mallinfo2 info = mallinfo2();
    const uint64_t used = info.arena + info.hblkhd + hugepages_mapped() + begun;

    return used + aside < max ? max - used - aside : 0;
}

/* Begins if it fits; otherwise tells what there was. */
static bool try_to_begin(size_t len, uint64_t max, uint64_t *left)
{
    pthread_mutex_lock(&lock);
    *left = left_of(max);
    if (len <= *left)
        begun += len;
    pthread_mutex_unlock(&lock);
    return len <= *left;
}

bool memory_limit_is_tight(void)
{
    const uint64_t max = memory_limit();
    bool tight;

    if (max == 0)
        return false;
    pthread_mutex_lock(&lock);
    tight = left_of(max) < max / 4;
    pthread_mutex_unlock(&lock);
    return tight;
}

static void relieve(void)
{
    memory_limit_relieve_fn *call;
    void *user;

    pthread_mutex_lock(&lock);
    call = relieve_with;
    user = relieve_user;
    pthread_mutex_unlock(&lock);
    if (call)
        call(user);
    hugepages_trim();
    malloc_trim(0);
}

bool memory_limit_begin(size_t len, struct error *err)
{
    const uint64_t max = memory_limit();
    uint64_t left;

    if (max == 0 || len < MEMORY_LIMIT_SMALL || depth > 0 ||
        try_to_begin(len, max, &left)) {
        depth += len >= MEMORY_LIMIT_SMALL;
        return true;
    }
    relieve();
    if (!try_to_begin(len, max, &left))
        return fail(
            err, ERROR_MEMORY,
            "not enough memory: %zu MB are needed, and %ju of %ju MB are "
            "left",
            len / MEGABYTE, (uintmax_t)left / MEGABYTE,
            (uintmax_t)max / MEGABYTE);
    depth++;
    return true;
}

void memory_limit_end(size_t len)
{
    if (len < MEMORY_LIMIT_SMALL || --depth > 0 || memory_limit() == 0)
        return;
    pthread_mutex_lock(&lock);
    begun -= len;
    pthread_mutex_unlock(&lock);
}

/* The functions of libpthreadpool that XNNPACK calls to run its loops on
 * several threads, implemented by a team (team.h). A program's own functions
 * take precedence over those of the libraries it is linked with, so libXNNPACK
 * calls these, and the pthreadpool_t that it is given is a struct team_member.
 * tests/unit/base/test_team.c verifies that.
 *
 * In a library they are hidden: they would take the place of libpthreadpool's
 * for whatever else the process has loaded. */
#pragma GCC visibility push(default)
#include <pthreadpool.h>
#pragma GCC visibility pop

#include <dlfcn.h>
#include <string.h>

#include "engine/xnn/pthreadpool_of.h"
#include "engine/xnn/xnn.h"

/* Whether libXNNPACK calls these. */
static bool is_first(void)
{
    size_t (*const own)(pthreadpool_t) = pthreadpool_get_threads_count;
    void *first = dlsym(RTLD_DEFAULT, "pthreadpool_get_threads_count");

    return memcmp(&first, &own, sizeof first) == 0;
}

pthreadpool_t pthreadpool_of(struct team_member *member)
{
    return is_first() ? (pthreadpool_t)member : NULL;
}

size_t pthreadpool_get_threads_count(pthreadpool_t pool)
{
    return team_num_threads((struct team_member *)pool);
}

/* X(name, type of the function, arguments for it, parameters of the caller,
 * dimensions, their ranges, their steps) */
#define PLAIN(X)                                                               \
    X(1d, 1d, (at[0]), (size_t i), 1, (i), (1))                                \
    X(1d_tile_1d, 1d_tile_1d, (at[0], len[0]), (size_t i, size_t step_i), 1,   \
      (i), (step_i))                                                           \
    X(2d, 2d, (at[0], at[1]), (size_t i, size_t j), 2, (i, j), (1, 1))         \
    X(2d_tile_1d, 2d_tile_1d, (at[0], at[1], len[1]),                          \
      (size_t i, size_t j, size_t step_j), 2, (i, j), (1, step_j))             \
    X(2d_tile_2d, 2d_tile_2d, (at[0], at[1], len[0], len[1]),                  \
      (size_t i, size_t j, size_t step_i, size_t step_j), 2, (i, j),           \
      (step_i, step_j))                                                        \
    X(3d, 3d, (at[0], at[1], at[2]), (size_t i, size_t j, size_t k), 3,        \
      (i, j, k), (1, 1, 1))                                                    \
    X(3d_tile_1d, 3d_tile_1d, (at[0], at[1], at[2], len[2]),                   \
      (size_t i, size_t j, size_t k, size_t step_k), 3, (i, j, k),             \
      (1, 1, step_k))                                                          \
    X(3d_tile_2d, 3d_tile_2d, (at[0], at[1], at[2], len[1], len[2]),           \
      (size_t i, size_t j, size_t k, size_t step_j, size_t step_k), 3,         \
      (i, j, k), (1, step_j, step_k))                                          \
    X(4d, 4d, (at[0], at[1], at[2], at[3]),                                    \
      (size_t i, size_t j, size_t k, size_t l), 4, (i, j, k, l), (1, 1, 1, 1)) \
    X(4d_tile_1d, 4d_tile_1d, (at[0], at[1], at[2], at[3], len[3]),            \
      (size_t i, size_t j, size_t k, size_t l, size_t step_l), 4,              \
      (i, j, k, l), (1, 1, 1, step_l))                                         \
    X(4d_tile_2d, 4d_tile_2d, (at[0], at[1], at[2], at[3], len[2], len[3]),    \
      (size_t i, size_t j, size_t k, size_t l, size_t step_k, size_t step_l),  \
      4, (i, j, k, l), (1, 1, step_k, step_l))                                 \
    X(5d, 5d, (at[0], at[1], at[2], at[3], at[4]),                             \
      (size_t i, size_t j, size_t k, size_t l, size_t m), 5, (i, j, k, l, m),  \
      (1, 1, 1, 1, 1))                                                         \
    X(5d_tile_1d, 5d_tile_1d, (at[0], at[1], at[2], at[3], at[4], len[4]),     \
      (size_t i, size_t j, size_t k, size_t l, size_t m, size_t step_m), 5,    \
      (i, j, k, l, m), (1, 1, 1, 1, step_m))                                   \
    X(5d_tile_2d, 5d_tile_2d,                                                  \
      (at[0], at[1], at[2], at[3], at[4], len[3], len[4]),                     \
      (size_t i, size_t j, size_t k, size_t l, size_t m, size_t step_l,        \
       size_t step_m),                                                         \
      5, (i, j, k, l, m), (1, 1, 1, step_l, step_m))                           \
    X(6d, 6d, (at[0], at[1], at[2], at[3], at[4], at[5]),                      \
      (size_t i, size_t j, size_t k, size_t l, size_t m, size_t n), 6,         \
      (i, j, k, l, m, n), (1, 1, 1, 1, 1, 1))                                  \
    X(6d_tile_1d, 6d_tile_1d,                                                  \
      (at[0], at[1], at[2], at[3], at[4], at[5], len[5]),                      \
      (size_t i, size_t j, size_t k, size_t l, size_t m, size_t n,             \
       size_t step_n),                                                         \
      6, (i, j, k, l, m, n), (1, 1, 1, 1, 1, step_n))                          \
    X(6d_tile_2d, 6d_tile_2d,                                                  \
      (at[0], at[1], at[2], at[3], at[4], at[5], len[4], len[5]),              \
      (size_t i, size_t j, size_t k, size_t l, size_t m, size_t n,             \
       size_t step_m, size_t step_n),                                          \
      6, (i, j, k, l, m, n), (1, 1, 1, 1, step_m, step_n))

/* For kernels with variants for several kinds of cores: all run the default. */
#define UARCH(X)                                                              \
    X(1d_with_uarch, 1d_with_id, (UARCH_OF(task), at[0]),                     \
      (uint32_t uarch, uint32_t max_uarch, size_t i), 1, (i), (1))            \
    X(2d_tile_2d_with_uarch, 2d_tile_2d_with_id,                              \
      (UARCH_OF(task), at[0], at[1], len[0], len[1]),                         \
      (uint32_t uarch, uint32_t max_uarch, size_t i, size_t j, size_t step_i, \
       size_t step_j),                                                        \
      2, (i, j), (step_i, step_j))                                            \
    X(3d_tile_2d_with_uarch, 3d_tile_2d_with_id,                              \
      (UARCH_OF(task), at[0], at[1], at[2], len[1], len[2]),                  \
      (uint32_t uarch, uint32_t max_uarch, size_t i, size_t j, size_t k,      \
       size_t step_j, size_t step_k),                                         \
      3, (i, j, k), (1, step_j, step_k))                                      \
    X(4d_tile_2d_with_uarch, 4d_tile_2d_with_id,                              \
      (UARCH_OF(task), at[0], at[1], at[2], at[3], len[2], len[3]),           \
      (uint32_t uarch, uint32_t max_uarch, size_t i, size_t j, size_t k,      \
       size_t l, size_t step_k, size_t step_l),                               \
      4, (i, j, k, l), (1, 1, step_k, step_l))

/* With the number of the thread, and the functions that were added by 2024. */
#define THREAD(X)                                                          \
    X(1d_with_thread, 1d_with_thread, (thread, at[0]), (size_t i), 1, (i), \
      (1))                                                                 \
    X(2d_with_thread, 2d_with_thread, (thread, at[0], at[1]),              \
      (size_t i, size_t j), 2, (i, j), (1, 1))                             \
    X(3d_tile_1d_with_thread, 3d_tile_1d_with_thread,                      \
      (thread, at[0], at[1], at[2], len[2]),                               \
      (size_t i, size_t j, size_t k, size_t step_k), 3, (i, j, k),         \
      (1, 1, step_k))

#define THREAD_UARCH(X)                                                        \
    X(2d_tile_1d_with_uarch, 2d_tile_1d_with_id,                               \
      (UARCH_OF(task), at[0], at[1], len[1]),                                  \
      (uint32_t uarch, uint32_t max_uarch, size_t i, size_t j, size_t step_j), \
      2, (i, j), (1, step_j))                                                  \
    X(2d_tile_1d_with_uarch_with_thread, 2d_tile_1d_with_id_with_thread,       \
      (UARCH_OF(task), thread, at[0], at[1], len[1]),                          \
      (uint32_t uarch, uint32_t max_uarch, size_t i, size_t j, size_t step_j), \
      2, (i, j), (1, step_j))                                                  \
    X(3d_tile_1d_with_uarch, 3d_tile_1d_with_id,                               \
      (UARCH_OF(task), at[0], at[1], at[2], len[2]),                           \
      (uint32_t uarch, uint32_t max_uarch, size_t i, size_t j, size_t k,       \
       size_t step_k),                                                         \
      3, (i, j, k), (1, 1, step_k))                                            \
    X(3d_tile_1d_with_uarch_with_thread, 3d_tile_1d_with_id_with_thread,       \
      (UARCH_OF(task), thread, at[0], at[1], at[2], len[2]),                   \
      (uint32_t uarch, uint32_t max_uarch, size_t i, size_t j, size_t k,       \
       size_t step_k),                                                         \
      3, (i, j, k), (1, 1, step_k))

#define UARCH_OF(task) ((task)->number)
#define UNPACK(...) __VA_ARGS__

#define DEFINE(name, type, ARGUMENTS, PARAMETERS, dimensions, RANGES, STEPS, \
               uarch_number)                                                 \
    static void call_##name(const struct team_task *task, size_t thread,     \
                            const size_t *at, const size_t *len)             \
    {                                                                        \
        (void)thread;                                                        \
        (void)len;                                                           \
        ((pthreadpool_task_##type##_t)task->function)(task->context,         \
                                                      UNPACK ARGUMENTS);     \
    }                                                                        \
    void pthreadpool_parallelize_##name(                                     \
        pthreadpool_t pool, pthreadpool_task_##type##_t function,            \
        void *context, UNPACK PARAMETERS, uint32_t flags)                    \
    {                                                                        \
        const struct team_task task = {                                      \
            .call = call_##name,                                             \
            .function = (void (*)(void))function,                            \
            .context = context,                                              \
            .number = uarch_number,                                          \
            .num_dimensions = dimensions,                                    \
            .ranges = {UNPACK RANGES},                                       \
            .steps = {UNPACK STEPS},                                         \
            .flush_denormals = flags & PTHREADPOOL_FLAG_DISABLE_DENORMALS,   \
        };                                                                   \
                                                                             \
        team_run((struct team_member *)pool, &task);                         \
    }

#define WITHOUT(...) DEFINE(__VA_ARGS__, 0)
#define WITH(...) DEFINE(__VA_ARGS__, uarch + 0 * max_uarch)

PLAIN(WITHOUT)
UARCH(WITH)
#if XNN_IS_2024
THREAD(WITHOUT)
THREAD_UARCH(WITH)
#endif

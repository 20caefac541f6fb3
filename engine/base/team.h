#ifndef ENGINE_BASE_TEAM_H
#define ENGINE_BASE_TEAM_H

/* Threads that help with a run of a network while their cores have nothing
 * else to do.
 *
 * Who computes does not wait for a helper to come: it begins, and a helper that
 * is awake takes tiles of the same task. So a helper whose core is taken by
 * somebody else costs nothing, and a run that is no longer alone on the machine
 * goes on by itself from the next task on. (In a pool where each task is dealt
 * out to all threads, one that is not scheduled holds up every layer.)
 *
 *     team = team_new(num_cores, &err);      shared by all
 *     team_member_init(&member, team);       one for each who computes
 *
 *     team_enter(team);                      a core is taken for this work
 *     team_run(&member, &task);              as often as wanted
 *     team_rest(&member);                    helpers may sleep again
 *     team_leave(team);
 *
 * Threads: team_enter and team_leave any thread; a member is one thread's at a
 * time. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/error.h"

enum { TEAM_MAX_THREADS = 64, TEAM_DIMENSIONS = 6 };

/* Calls `call` for each tile of a grid: at[d] is where it begins in dimension d
 * and len[d], at most steps[d], how far it goes. `thread` is 0 for whoever has
 * called team_run, 1 .. num_threads - 1 for helpers. */
struct team_task {
    void (*call)(const struct team_task *task, size_t thread, const size_t *at,
                 const size_t *len);
    void (*function)(void); /* call's own */
    void *context;          /* call's own */
    uint32_t number;        /* call's own */
    unsigned num_dimensions;
    size_t ranges[TEAM_DIMENSIONS];
    size_t steps[TEAM_DIMENSIONS]; /* at least 1 */
    bool flush_denormals; /* numbers that are nearly zero may count as zero */
};

struct team;
struct team_slot;

/* `= {0}` is who computes alone. */
struct team_member {
    struct team *team;      /* borrowed, or NULL */
    struct team_slot *slot; /* where helpers find its tasks, or NULL */
};

/* Starts num_threads - 1 helpers, at most TEAM_MAX_THREADS - 1; they sleep.
 * Returns NULL and ERROR_MEMORY. */
struct team *team_new(unsigned num_threads, struct error *err)
    __attribute__((warn_unused_result));

void team_member_init(struct team_member *member, struct team *team);

/* How many threads may call a task's tiles: 1 without a team. */
unsigned team_num_threads(const struct team_member *member);

/* Says that a core is taken, or free again. There are as many helpers awake as
 * cores are left; without a team nothing happens. Who never enters is taken to
 * be alone. */
void team_enter(struct team *team);
void team_leave(struct team *team);

/* Runs all tiles, and returns when the last is done. No member: alone. */
void team_run(struct team_member *member, const struct team_task *task);

/* Until the next team_run. */
void team_rest(struct team_member *member);

/* How many chunks of tasks helpers have done. Any thread. */
uint64_t team_num_helped(const struct team *team);

/* The members must be at rest. NULL does nothing. */
void team_free(struct team *team);

#endif

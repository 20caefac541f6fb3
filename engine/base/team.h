#ifndef ENGINE_BASE_TEAM_H
#define ENGINE_BASE_TEAM_H

/* Threads that help to run a network while their cores have nothing else to do.
 *
 * A computing thread does not wait for helpers: it starts, and helpers that are
 * awake take tiles of the same task. So a helper whose core is busy costs
 * nothing, and a run that is no longer alone on the machine continues by itself
 * from the next task on. (In a pool that divides each task among all threads,
 * one thread that is not scheduled delays every layer.)
 *
 *     team = team_new(num_cores, &err);      shared by all
 *     team_member_init(&member, team);       one per computing thread
 *
 *     team_enter(team);                      this work occupies a core
 *     team_run(&member, &task);              as often as wanted
 *     team_rest(&member);                    helpers may sleep again
 *     team_leave(team);
 *
 * Threads: team_enter and team_leave may be called by any thread; a member is
 * used by one thread at a time. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/error.h"

enum { TEAM_MAX_THREADS = 64, TEAM_DIMENSIONS = 6 };

/* Calls `call` for each tile of a grid: at[d] is the start of the tile in
 * dimension d and len[d], at most steps[d], its length. `thread` is 0 for the
 * thread that called team_run, 1 .. num_threads - 1 for helpers. */
struct team_task {
    void (*call)(const struct team_task *task, size_t thread, const size_t *at,
                 const size_t *len);
    void (*function)(void); /* for `call` */
    void *context;          /* for `call` */
    uint32_t number;        /* for `call` */
    unsigned num_dimensions;
    size_t ranges[TEAM_DIMENSIONS];
    size_t steps[TEAM_DIMENSIONS]; /* at least 1 */
    bool flush_denormals;          /* results close to zero may become zero */
};

struct team;
struct team_slot;

/* `= {0}` computes alone. */
struct team_member {
    struct team *team; /* borrowed, or NULL */
    struct team_slot
        *slot; /* where helpers find this member's tasks, or NULL */
};

/* The number of cores that this process may use; 0: unknown, as with more than
 * a cpu_set_t holds. */
unsigned team_num_cores(void);

/* Starts num_threads - 1 helpers, at most TEAM_MAX_THREADS - 1; they sleep. On
 * failure returns NULL and ERROR_MEMORY. */
struct team *team_new(unsigned num_threads, struct error *err)
    __attribute__((warn_unused_result));

void team_member_init(struct team_member *member, struct team *team);

/* How many threads may call the tiles of a task: 1 without a team. */
unsigned team_num_threads(const struct team_member *member);

/* How many of them would work on a task now, if nothing changes: 1 while all
 * cores are occupied. */
unsigned team_num_ready(const struct team_member *member);

/* Mark a core as occupied, and free again. As many helpers are awake as there
 * are cores left; without a team these do nothing. A member whose thread never
 * enters is assumed to be alone. */
void team_enter(struct team *team);
void team_leave(struct team *team);

/* Runs all tiles, and returns when the last one is done. Without a member the
 * calling thread does all of them. */
void team_run(struct team_member *member, const struct team_task *task);

/* Lets the helpers sleep until the next team_run. */
void team_rest(struct team_member *member);

/* The number of chunks that helpers have done. Any thread. */
uint64_t team_num_helped(const struct team *team);

/* All members must be at rest. NULL is allowed. */
void team_free(struct team *team);

#endif

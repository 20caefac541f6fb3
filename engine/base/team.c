#include "engine/base/team.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#ifdef __SSE2__
#include <immintrin.h>
#endif

/* DESIGN: A member that can be helped takes a slot of the team. A task is put
 * into the slot and opened; the member and its helpers take chunks of it by
 * adding to `next`. The member then closes the slot and waits until `active`,
 * the number of helpers inside, is 0. A helper increments `active` before it
 * reads `open`; the member closes the slot before it reads `active`. All of
 * this is sequentially consistent, so the member waits for every helper that
 * finds the slot open, and the task in the slot changes only while no helper
 * reads it. */
struct team_slot {
    _Alignas(64) atomic_bool taken;
    atomic_bool open;      /* the task may be joined */
    atomic_uint active;    /* helpers that may be reading the task */
    struct team_task task; /* written while closed and no helper is active */
    size_t count, chunk;   /* the number of tiles, and how many are taken at a
                              time; written likewise */
    atomic_size_t next;    /* the first tile that no thread has taken */
};

struct helper {
    struct team *team; /* borrowed */
    unsigned id;       /* 1 .. num_threads - 1 */
    pthread_t thread;
};

struct team {
    unsigned num_threads;
    unsigned num_helpers;  /* started */
    atomic_uint num_busy;  /* cores in use */
    atomic_uint num_taken; /* slots in use */
    atomic_bool ended;
    _Atomic uint64_t num_helped; /* chunks done by helpers */
    pthread_mutex_t lock;
    pthread_cond_t wanted; /* with lock: is_wanted may have become true */
    struct team_slot slots[TEAM_MAX_THREADS];
    struct helper helpers[TEAM_MAX_THREADS - 1];
};

unsigned team_num_cores(void)
{
    cpu_set_t cores;

    if (sched_getaffinity(0, sizeof cores, &cores) != 0)
        return 0;
    return (unsigned)CPU_COUNT(&cores);
}

/* ---- tiles ---- */

/* The control word of the thread's floating point unit. */
#if defined __SSE2__
enum { FLUSH = 0x8040 }; /* FTZ and DAZ */

static uint64_t get_float_control(void)
{
    return _mm_getcsr();
}

static void set_float_control(uint64_t control)
{
    _mm_setcsr((unsigned)control);
}
#elif defined __aarch64__
enum { FLUSH = 1 << 24 }; /* FZ */

static uint64_t get_float_control(void)
{
    uint64_t control;

    __asm__ volatile("mrs %0, fpcr" : "=r"(control));
    return control;
}

static void set_float_control(uint64_t control)
{
    __asm__ volatile("msr fpcr, %0" : : "r"(control) : "memory");
}
#else
enum { FLUSH = 0 }; /* an optimization that may be missing */

static uint64_t get_float_control(void)
{
    return 0;
}

static void set_float_control(uint64_t control)
{
    (void)control;
}
#endif

static uint64_t begin_flush(bool wanted)
{
    uint64_t before = get_float_control();

    if (wanted)
        set_float_control(before | FLUSH);
    return before;
}

static void end_flush(uint64_t before)
{
    set_float_control(before);
}

static size_t num_steps(const struct team_task *task, unsigned d)
{
    return (task->ranges[d] + task->steps[d] - 1) / task->steps[d];
}

static size_t num_tiles(const struct team_task *task)
{
    size_t count = 1;

    for (unsigned d = 0; d < task->num_dimensions; d++)
        count *= num_steps(task, d);
    return count;
}

static void set_len(const struct team_task *task, const size_t *at, size_t *len,
                    unsigned d)
{
    size_t left = task->ranges[d] - at[d];

    len[d] = left < task->steps[d] ? left : task->steps[d];
}

/* Calls tiles first .. last - 1, the last dimension fastest. */
static void call_tiles(const struct team_task *task, size_t thread,
                       size_t first, size_t last)
{
    size_t at[TEAM_DIMENSIONS], len[TEAM_DIMENSIONS];
    unsigned d = task->num_dimensions;
    size_t rest = first;

    while (d-- > 0) {
        size_t count = num_steps(task, d);

        at[d] = rest % count * task->steps[d];
        rest /= count;
        set_len(task, at, len, d);
    }
    for (size_t t = first; t < last; t++) {
        task->call(task, thread, at, len);
        for (d = task->num_dimensions; d-- > 0;) {
            at[d] += task->steps[d];
            if (at[d] >= task->ranges[d])
                at[d] = 0;
            set_len(task, at, len, d);
            if (at[d] > 0)
                break;
        }
    }
}

/* Takes chunks of the slot's task until none are left; returns how many. */
static size_t work(struct team_slot *slot, size_t thread)
{
    uint64_t flush = begin_flush(slot->task.flush_denormals);
    size_t first, num_chunks = 0;

    while ((first = atomic_fetch_add(&slot->next, slot->chunk)) < slot->count) {
        size_t left = slot->count - first;

        call_tiles(&slot->task, thread, first,
                   first + (left < slot->chunk ? left : slot->chunk));
        num_chunks++;
    }
    end_flush(flush);
    return num_chunks;
}

/* ---- helpers ---- */

/* Waits because there was nothing to do, for the n-th time in a row: the next
 * layer is microseconds away, unless the computing thread has lost its core. */
static void wait_a_little(unsigned n)
{
    static const struct timespec nap = {.tv_nsec = 50000};

    if (n > 20000)
        nanosleep(&nap, NULL);
    else if (n > 500)
        sched_yield();
#if defined __SSE2__
    else
        _mm_pause();
#elif defined __aarch64__
    else
        __asm__ volatile(
            "isb"); /* `yield` does nothing on most of these processors */
#endif
}

/* Whether there may be work for the helper, and a core to do it on. */
static bool is_wanted(struct team *team, unsigned id)
{
    return atomic_load(&team->num_taken) > 0 &&
           id + atomic_load(&team->num_busy) <= team->num_threads;
}

static bool help_others(struct team *team, unsigned id)
{
    size_t num_chunks = 0;

    for (unsigned i = 0; i < team->num_threads; i++) {
        struct team_slot *slot = &team->slots[i];

        if (!atomic_load(&slot->open))
            continue;
        atomic_fetch_add(&slot->active, 1);
        if (atomic_load(&slot->open))
            num_chunks += work(slot, id);
        atomic_fetch_sub(&slot->active, 1);
    }
    if (num_chunks > 0)
        atomic_fetch_add(&team->num_helped, num_chunks);
    return num_chunks > 0;
}

static void *help(void *arg)
{
    struct helper *helper = arg;
    struct team *team = helper->team;
    unsigned n = 0;

    for (;;) {
        pthread_mutex_lock(&team->lock);
        while (!atomic_load(&team->ended) && !is_wanted(team, helper->id))
            pthread_cond_wait(&team->wanted, &team->lock);
        pthread_mutex_unlock(&team->lock);
        if (atomic_load(&team->ended))
            return NULL;
        for (n = 0; is_wanted(team, helper->id); n++) {
            if (help_others(team, helper->id))
                n = 0;
            wait_a_little(n);
        }
    }
}

static void wake(struct team *team)
{
    pthread_mutex_lock(&team->lock);
    pthread_cond_broadcast(&team->wanted);
    pthread_mutex_unlock(&team->lock);
}

struct team *team_new(unsigned num_threads, struct error *err)
{
    struct team *team = aligned_alloc(_Alignof(struct team), sizeof *team);

    if (!team) {
        fail(err, ERROR_MEMORY, "not enough memory for %u threads",
             num_threads);
        return NULL;
    }
    memset(team, 0, sizeof *team);
    team->num_threads =
        num_threads < TEAM_MAX_THREADS ? num_threads : TEAM_MAX_THREADS;
    pthread_mutex_init(&team->lock, NULL);
    pthread_cond_init(&team->wanted, NULL);
    for (unsigned i = 0; i + 1 < team->num_threads; i++) {
        struct helper *helper = &team->helpers[i];

        *helper = (struct helper){.team = team, .id = i + 1};
        if (pthread_create(&helper->thread, NULL, help, helper) != 0) {
            fail(err, ERROR_MEMORY, "cannot start %u threads", num_threads);
            team_free(team);
            return NULL;
        }
        team->num_helpers++;
    }
    return team;
}

void team_free(struct team *team)
{
    if (!team)
        return;
    atomic_store(&team->ended, true);
    wake(team);
    for (unsigned i = 0; i < team->num_helpers; i++)
        pthread_join(team->helpers[i].thread, NULL);
    pthread_cond_destroy(&team->wanted);
    pthread_mutex_destroy(&team->lock);
    free(team);
}

/* ---- members ---- */

void team_member_init(struct team_member *member, struct team *team)
{
    *member = (struct team_member){.team = team};
}

unsigned team_num_threads(const struct team_member *member)
{
    return member && member->team && member->team->num_threads > 1
               ? member->team->num_threads
               : 1;
}

unsigned team_num_ready(const struct team_member *member)
{
    unsigned most = team_num_threads(member);
    unsigned busy = most > 1 ? atomic_load(&member->team->num_busy) : 0;

    /* This thread is one of the busy ones, if it has entered. */
    return busy < 1 ? most : busy < most ? most - busy + 1 : 1;
}

void team_enter(struct team *team)
{
    if (team)
        atomic_fetch_add(&team->num_busy, 1);
}

void team_leave(struct team *team)
{
    if (!team)
        return;
    atomic_fetch_sub(&team->num_busy, 1);
    if (atomic_load(&team->num_taken) > 0)
        wake(team);
}

/* The slot to put a task in, or NULL if no core is left for a helper. */
static struct team_slot *find_slot(struct team_member *member)
{
    struct team *team = member->team;

    if (atomic_load(&team->num_busy) >= team->num_threads)
        return NULL;
    for (unsigned i = 0; !member->slot && i < team->num_threads; i++)
        if (!atomic_exchange(&team->slots[i].taken, true)) {
            member->slot = &team->slots[i];
            atomic_fetch_add(&team->num_taken, 1);
            wake(team);
        }
    return member->slot;
}

static void run_alone(const struct team_task *task, size_t count)
{
    uint64_t flush = begin_flush(task->flush_denormals);

    call_tiles(task, 0, 0, count);
    end_flush(flush);
}

void team_run(struct team_member *member, const struct team_task *task)
{
    size_t count = num_tiles(task);
    struct team_slot *slot = NULL;

    if (count == 0)
        return;
    if (count > 1 && team_num_threads(member) > 1)
        slot = find_slot(member);
    if (!slot) {
        run_alone(task, count);
        return;
    }
    slot->task = *task;
    slot->count = count;
    slot->chunk = count / (8 * (size_t)member->team->num_threads);
    slot->chunk += slot->chunk == 0;
    atomic_store(&slot->next, 0);
    atomic_store(&slot->open, true);
    work(slot, 0);
    atomic_store(&slot->open, false);
    for (unsigned n = 0; atomic_load(&slot->active) > 0; n++)
        wait_a_little(n < 1000 ? n : 1000);
}

uint64_t team_num_helped(const struct team *team)
{
    return atomic_load(&team->num_helped);
}

void team_rest(struct team_member *member)
{
    if (!member->slot)
        return;
    atomic_fetch_sub(&member->team->num_taken, 1);
    atomic_store(&member->slot->taken, false);
    member->slot = NULL;
}

#include "engine/evaluate/workers.h"

#include <pthread.h>

#include "engine/base/team.h"

struct workers {
    void (*work)(void *user, size_t worker);
    void *user;
};

static void run_tile(const struct team_task *task, size_t thread,
                     const size_t *at, const size_t *len)
{
    const struct workers *workers = task->context;

    (void)thread;
    for (size_t i = 0; i < len[0]; i++)
        workers->work(workers->user, at[0] + i);
}

bool workers_run(unsigned num_threads, void (*work)(void *user, size_t worker),
                 void *user, struct error *err)
{
    struct workers workers = {work, user};
    const struct team_task task = {
        .call = run_tile,
        .context = &workers,
        .num_dimensions = 1,
        .ranges = {num_threads},
        .steps = {1},
    };
    struct team *team = team_new(num_threads, err);
    struct team_member member = {0};

    if (!team)
        return false;
    team_member_init(&member, team);
    team_run(&member, &task);
    team_rest(&member);
    team_free(team);
    return true;
}

/* ---- one after another ---- */

struct each {
    bool (*work)(void *user, size_t worker, size_t i, struct error *err);
    void *user;
    size_t count;
    pthread_mutex_t lock;
    size_t next;          /* that nobody has taken; guarded by lock */
    struct error failure; /* guarded by lock */
};

static bool take_next(struct each *each, size_t *i)
{
    bool taken;

    pthread_mutex_lock(&each->lock);
    taken = each->failure.kind == ERROR_NONE && each->next < each->count;
    if (taken)
        *i = each->next++;
    pthread_mutex_unlock(&each->lock);
    return taken;
}

static void run_each(void *user, size_t worker)
{
    struct each *each = user;
    size_t i;

    while (take_next(each, &i)) {
        struct error why = {0};

        if (each->work(each->user, worker, i, &why))
            continue;
        pthread_mutex_lock(&each->lock);
        error_pass(&each->failure, &why);
        pthread_mutex_unlock(&each->lock);
    }
}

bool workers_each(unsigned num_threads, size_t count,
                  bool (*work)(void *user, size_t worker, size_t i,
                               struct error *err),
                  void *user, struct error *err)
{
    struct each each = {.work = work, .user = user, .count = count};
    bool ok;

    pthread_mutex_init(&each.lock, NULL);
    ok = workers_run(num_threads, run_each, &each, err) &&
         (each.failure.kind == ERROR_NONE || error_pass(err, &each.failure));
    pthread_mutex_destroy(&each.lock);
    return ok;
}

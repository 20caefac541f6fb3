/* Threads claim items in their order; a ring of results brings them back into
 * it. */
#include "engine/evaluate/evaluate.h"

#include <pthread.h>
#include <stdlib.h>

#include "engine/base/team.h"
#include "engine/evaluate/evaluate_photo.h"
#include "engine/evaluate/workers.h"

/* So far ahead of the oldest item at work may a thread be, for each thread. */
enum { AHEAD = 16 };

struct slot {
    struct result_photo photo;
    bool is_done;
};

struct evaluation {
    const struct evaluate_options *options;
    const struct engine *engine;
    const struct dataset *dataset;
    size_t num_items, num_rows, num_slots;
    struct evaluate_photo *photos[TEAM_MAX_THREADS]; /* owned */
    struct slot *slots; /* (num_slots) item i is in slot i % num_slots; owned */
    struct result *results; /* (num_slots, num_rows) owned */
    pthread_mutex_t lock;
    pthread_cond_t moved; /* `oldest` has changed, or has_failed */
    size_t next;          /* item to claim; guarded by lock */
    size_t oldest;        /* item not taken yet; guarded by lock */
    bool has_failed;      /* guarded by lock */
    struct error err;     /* guarded by lock */
};

static const char *const baselines[] = {
#define X(baseline, name) [baseline] = name,
    EVALUATE_BASELINES(X)
#undef X
};

const char *evaluate_baseline_name(enum evaluate_baseline baseline)
{
    return baselines[baseline];
}

size_t evaluate_num_rows(const struct evaluate_map *maps, size_t num_maps)
{
    size_t count = EVALUATE_NUM_BASELINES;

    for (size_t i = 0; i < num_maps; i++)
        count += maps[i].num_boxes;
    return count;
}

/* Claims the items of the next photo: first to end - 1. */
static bool claim(struct evaluation *evaluation, size_t *first, size_t *end)
{
    struct dataset_item item, other;

    pthread_mutex_lock(&evaluation->lock);
    *first = *end = evaluation->next;
    if (*first < evaluation->num_items && !evaluation->has_failed) {
        dataset_item(evaluation->dataset, &item, *first);
        do {
            ++*end;
            if (*end < evaluation->num_items)
                dataset_item(evaluation->dataset, &other, *end);
        } while (*end < evaluation->num_items && other.file == item.file);
    }
    evaluation->next = *end;
    pthread_mutex_unlock(&evaluation->lock);
    return *first < *end;
}

/* Waits until an item's slot is free. Returns false once it is in vain. */
static bool wait_for_slot(struct evaluation *evaluation, size_t item)
{
    bool ok;

    pthread_mutex_lock(&evaluation->lock);
    while (!evaluation->has_failed &&
           item >= evaluation->oldest + evaluation->num_slots)
        pthread_cond_wait(&evaluation->moved, &evaluation->lock);
    ok = !evaluation->has_failed;
    pthread_mutex_unlock(&evaluation->lock);
    return ok;
}

/* Hands over the results that are complete up to the first that is not. */
static void hand_over(struct evaluation *evaluation, struct slot *done)
{
    const struct evaluate_options *options = evaluation->options;

    pthread_mutex_lock(&evaluation->lock);
    done->is_done = true;
    for (;;) {
        struct slot *slot =
            &evaluation->slots[evaluation->oldest % evaluation->num_slots];

        if (evaluation->has_failed || !slot->is_done)
            break;
        slot->is_done = false;
        if (!options->take(options->user, &slot->photo, &evaluation->err))
            evaluation->has_failed = true;
        evaluation->oldest++;
    }
    pthread_cond_broadcast(&evaluation->moved);
    pthread_mutex_unlock(&evaluation->lock);
}

/* Works until no photo is left. */
static void work(struct evaluation *evaluation, struct evaluate_photo *photo)
{
    size_t first, end;

    while (claim(evaluation, &first, &end))
        for (size_t i = first; i < end; i++) {
            struct slot *slot = &evaluation->slots[i % evaluation->num_slots];
            struct dataset_item item;

            if (!wait_for_slot(evaluation, i))
                return;
            dataset_item(evaluation->dataset, &item, i);
            slot->photo.item = i;
            evaluate_photo_measure(photo, &slot->photo, &item);
            hand_over(evaluation, slot);
        }
}

static void work_as(void *user, size_t worker)
{
    struct evaluation *evaluation = user;

    work(evaluation, evaluation->photos[worker]);
}

static bool reserve(struct evaluation *evaluation, struct error *err)
{
    size_t num_slots = AHEAD * (size_t)evaluation->options->num_threads;

    evaluation->num_slots = num_slots;
    evaluation->slots = calloc(num_slots, sizeof *evaluation->slots);
    evaluation->results =
        calloc(num_slots * evaluation->num_rows, sizeof *evaluation->results);
    if (!evaluation->slots || !evaluation->results)
        return fail(err, ERROR_MEMORY, "not enough memory for results");
    for (size_t i = 0; i < num_slots; i++)
        evaluation->slots[i].photo.results =
            evaluation->results + i * evaluation->num_rows;
    for (unsigned i = 0; i < evaluation->options->num_threads; i++) {
        evaluation->photos[i] =
            evaluate_photo_new(evaluation->options, evaluation->engine, err);
        if (!evaluation->photos[i])
            return false;
    }
    return true;
}

static bool run_all(struct evaluation *evaluation, struct error *err)
{
    if (!workers_run(evaluation->options->num_threads, work_as, evaluation,
                     err))
        return false;
    if (evaluation->has_failed)
        *err = evaluation->err;
    return !evaluation->has_failed;
}

bool evaluate(const struct evaluate_options *options,
              const struct engine *engine, const struct dataset *dataset,
              struct error *err)
{
    struct evaluation evaluation = {
        .options = options,
        .engine = engine,
        .dataset = dataset,
        .num_items = dataset_num_items(dataset),
        .num_rows = evaluate_num_rows(options->maps, options->num_maps),
        .lock = PTHREAD_MUTEX_INITIALIZER,
        .moved = PTHREAD_COND_INITIALIZER,
        .next = options->first,
        .oldest = options->first,
    };
    bool ok = reserve(&evaluation, err) && run_all(&evaluation, err);

    for (unsigned i = 0; i < options->num_threads; i++)
        evaluate_photo_free(evaluation.photos[i]);
    free(evaluation.slots);
    free(evaluation.results);
    pthread_mutex_destroy(&evaluation.lock);
    pthread_cond_destroy(&evaluation.moved);
    return ok;
}

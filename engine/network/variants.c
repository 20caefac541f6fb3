#include "engine/network/variants.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "engine/base/memory_limit.h"
#include "engine/network/variants_make.h"

/* Plans that packed weights are looked for in. */
enum { MAX_SHARING = 2 + VARIANTS_MAX_KEPT };

struct entry {
    struct variant variant; /* first: variants_give finds the entry by it */
    struct variant_key key;
    bool failed;      /* it cannot be made, and is not tried again: */
    struct error why; /* ERROR_UNSUPPORTED, ERROR_LIMIT */
    size_t num_users;
    uint64_t used; /* when it was taken last, by the clock below */
    struct entry *next;
};

struct variants {
    struct variants_source source;  /* its file is owned */
    char *folder, *output, *logits; /* owned */
    pthread_mutex_t lock;           /* guards what follows */
    pthread_cond_t made;            /* is_making has become false */
    bool is_making;      /* a thread makes a variant, without the lock */
    struct entry *first; /* owned */
    uint64_t clock;
};

/* ---- those that there are ---- */

static void free_entry(struct entry *entry)
{
    plan_free(entry->variant.plan);
    graph_release(&entry->variant.graph);
    free(entry);
}

bool variants_same(const struct variant_key *a, const struct variant_key *b)
{
    return a->kind == b->kind && a->rule == b->rule &&
           (a->kind == VARIANT_GRADIENT || a->layer == b->layer);
}

static struct entry *find_entry(struct variants *variants,
                                const struct variant_key *key)
{
    struct entry *entry = variants->first;

    while (entry && !variants_same(&entry->key, key))
        entry = entry->next;
    return entry;
}

/* Frees those that nobody uses beyond a number, the longest unused first. */
static void drop_unused(struct variants *variants, size_t num_kept)
{
    for (;;) {
        struct entry **oldest = NULL, *entry;
        size_t num_unused = 0;

        for (struct entry **at = &variants->first; *at; at = &(*at)->next)
            if ((*at)->num_users == 0) {
                num_unused++;
                oldest = oldest && (*oldest)->used < (*at)->used ? oldest : at;
            }
        if (num_unused <= num_kept)
            return;
        entry = *oldest;
        *oldest = entry->next;
        free_entry(entry);
    }
}

/* Others whose packed weights a new one shares; they are in use meanwhile. */
struct sharing {
    const struct plan *plans[MAX_SHARING];
    struct entry *entries[MAX_SHARING];
    size_t num_plans, num_entries;
};

static void begin_sharing(struct sharing *sharing, struct variants *variants)
{
    sharing->plans[sharing->num_plans++] = variants->source.network->plan;
    pthread_mutex_lock(&variants->lock);
    for (struct entry *at = variants->first;
         at && sharing->num_plans < MAX_SHARING; at = at->next)
        if (at->variant.plan) {
            at->num_users++;
            sharing->entries[sharing->num_entries++] = at;
            sharing->plans[sharing->num_plans++] = at->variant.plan;
        }
    pthread_mutex_unlock(&variants->lock);
}

static void end_sharing(struct sharing *sharing, struct variants *variants)
{
    pthread_mutex_lock(&variants->lock);
    for (size_t i = 0; i < sharing->num_entries; i++)
        sharing->entries[i]->num_users--;
    pthread_mutex_unlock(&variants->lock);
}

/* Who frees memory for it may have to give variants back: without the lock. */
static bool make(struct entry *entry, struct variants *variants,
                 const struct cancel *cancel, struct error *err)
{
    size_t len = variants_make_len(&variants->source, &entry->key);
    struct sharing sharing = {0};
    bool ok;

    if (!memory_limit_begin(len, err))
        return false;
    begin_sharing(&sharing, variants);
    ok = variants_make(&entry->variant, &variants->source, &entry->key,
                       sharing.plans, sharing.num_plans, cancel, err);
    end_sharing(&sharing, variants);
    memory_limit_end(len);
    return ok;
}

/* Makes an entry, without the lock. Returns NULL where another try may succeed.
 */
static struct entry *make_entry(struct variants *variants,
                                const struct variant_key *key,
                                const struct cancel *cancel, struct error *err)
{
    struct entry *entry = calloc(1, sizeof *entry);

    if (!entry) {
        fail(err, ERROR_MEMORY, "not enough memory for a network");
        return NULL;
    }
    entry->key = *key;
    if (!make(entry, variants, cancel, &entry->why)) {
        *err = entry->why;
        entry->failed = true;
        graph_release(&entry->variant.graph);
        if (entry->why.kind != ERROR_UNSUPPORTED &&
            entry->why.kind != ERROR_LIMIT) {
            free_entry(entry);
            return NULL;
        }
    }
    return entry;
}

/* Waits until no variant is made, or for a short time. */
static bool wait_for_maker(struct variants *variants,
                           const struct cancel *cancel, struct error *err)
{
    enum { WAIT_NS = 20 * 1000 * 1000 };
    struct timespec until;

    if (!cancel_check(cancel, err))
        return false;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += WAIT_NS;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_cond_timedwait(&variants->made, &variants->lock, &until);
    return true;
}

/* Returns the entry; with the lock, which is free while one is made. */
static struct entry *find_or_make(struct variants *variants,
                                  const struct variant_key *key,
                                  const struct cancel *cancel,
                                  struct error *err)
{
    struct entry *entry;

    while (!(entry = find_entry(variants, key)) && variants->is_making)
        if (!wait_for_maker(variants, cancel, err))
            return NULL;
    if (entry)
        return entry;
    variants->is_making = true;
    pthread_mutex_unlock(&variants->lock);
    entry = make_entry(variants, key, cancel, err);
    pthread_mutex_lock(&variants->lock);
    variants->is_making = false;
    pthread_cond_broadcast(&variants->made);
    if (entry) {
        entry->next = variants->first;
        variants->first = entry;
    }
    return entry;
}

const struct variant *variants_take(struct variants *variants,
                                    const struct variant_key *key,
                                    const struct cancel *cancel,
                                    struct error *err)
{
    struct entry *entry;

    pthread_mutex_lock(&variants->lock);
    entry = find_or_make(variants, key, cancel, err);
    if (entry && entry->failed) {
        *err = entry->why;
        entry->used = ++variants->clock;
        entry = NULL;
    } else if (entry) {
        entry->num_users++;
        entry->used = ++variants->clock;
    }
    drop_unused(variants, VARIANTS_MAX_KEPT);
    pthread_mutex_unlock(&variants->lock);
    return entry ? &entry->variant : NULL;
}

void variants_give(struct variants *variants, const struct variant *variant)
{
    struct entry *entry;

    pthread_mutex_lock(&variants->lock);
    for (entry = variants->first; &entry->variant != variant;)
        entry = entry->next;
    entry->num_users--;
    drop_unused(variants, VARIANTS_MAX_KEPT);
    pthread_mutex_unlock(&variants->lock);
}

void variants_trim(struct variants *variants)
{
    pthread_mutex_lock(&variants->lock);
    drop_unused(variants, 0);
    pthread_mutex_unlock(&variants->lock);
}

/* A row has the same order behind reshapes, which may have no name. */
static const char *name_of_logits(const struct network *network)
{
    const struct graph *graph = &network->graph;
    const struct graph_node *node;
    int value = network->head.logits;

    while (!*graph->values[value].name &&
           (node = graph_producer(graph, value)) &&
           (node->op == GRAPH_RESHAPE || node->op == GRAPH_TRANSPOSE))
        value = node->inputs[0];
    return graph->values[value].name;
}

static void init_lock(struct variants *variants)
{
    pthread_condattr_t attributes;

    pthread_mutex_init(&variants->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&variants->made, &attributes);
    pthread_condattr_destroy(&attributes);
}

struct variants *variants_new(int fd, const struct network_options *options,
                              const struct network *network, struct error *err)
{
    const struct head *head = &network->head;
    struct variants *variants = calloc(1, sizeof *variants);

    if (!variants) {
        close(fd);
        fail(err, ERROR_MEMORY, "not enough memory for a model");
        return NULL;
    }
    variants->source.fd = fd;
    init_lock(variants);
    variants->source.network = network;
    variants_make_count(&variants->source);
    variants->folder =
        options->input.folder ? strdup(options->input.folder) : NULL;
    variants->output = strdup(head->output);
    variants->logits = strdup(name_of_logits(network));
    variants->source.logits = variants->logits;
    variants->source.input = options->input;
    variants->source.input.folder = variants->folder;
    variants->source.input.output = variants->output;
    if (!variants->output || !variants->logits ||
        (options->input.folder && !variants->folder))
        fail(err, ERROR_MEMORY, "not enough memory for a model");
    else if (fstat(fd, &variants->source.file) != 0)
        fail(err, ERROR_IO, "cannot be read: %s", strerror(errno));
    else
        return variants;
    variants_free(variants);
    return NULL;
}

void variants_free(struct variants *variants)
{
    struct entry *entry;

    if (!variants)
        return;
    while ((entry = variants->first)) {
        variants->first = entry->next;
        free_entry(entry);
    }
    pthread_cond_destroy(&variants->made);
    pthread_mutex_destroy(&variants->lock);
    close(variants->source.fd);
    free(variants->folder);
    free(variants->output);
    free(variants->logits);
    free(variants);
}

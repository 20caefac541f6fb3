#include "engine/network/variants.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
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
    pthread_mutex_t turn; /* held while one is found or made; taken first */
    pthread_mutex_t lock; /* guards what follows */
    struct entry *first;  /* owned */
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

/* Makes it. Packed weights are shared with the network's own plan and with
 * those of other variants. */
static bool make(struct entry *entry, const struct variants *variants,
                 struct error *err)
{
    const struct plan *others[MAX_SHARING] = {variants->source.network->plan};
    size_t count = 1;

    for (const struct entry *at = variants->first; at && count < MAX_SHARING;
         at = at->next)
        if (at->variant.plan)
            others[count++] = at->variant.plan;
    return variants_make(&entry->variant, &variants->source, &entry->key,
                         others, count, err);
}

static struct entry *add_entry(struct variants *variants,
                               const struct variant_key *key, struct error *err)
{
    struct entry *entry = calloc(1, sizeof *entry);

    if (!entry) {
        fail(err, ERROR_MEMORY, "not enough memory for a network");
        return NULL;
    }
    entry->key = *key;
    if (!make(entry, variants, &entry->why)) {
        *err = entry->why;
        entry->failed = true;
        graph_release(&entry->variant.graph);
        if (entry->why.kind != ERROR_UNSUPPORTED &&
            entry->why.kind != ERROR_LIMIT) {
            free_entry(entry);
            return NULL;
        }
    }
    entry->next = variants->first;
    variants->first = entry;
    return entry;
}

/* Finds or makes it; the list's lock is held meanwhile. */
static const struct variant *take(struct variants *variants,
                                  const struct variant_key *key,
                                  struct error *err)
{
    struct entry *entry;

    pthread_mutex_lock(&variants->lock);
    entry = find_entry(variants, key);
    if (!entry)
        entry = add_entry(variants, key, err);
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

static bool has_entry(struct variants *variants, const struct variant_key *key)
{
    bool found;

    pthread_mutex_lock(&variants->lock);
    found = find_entry(variants, key);
    pthread_mutex_unlock(&variants->lock);
    return found;
}

/* Who frees memory for this one may have to give variants back, so the list's
 * lock is not held when memory is asked for. */
const struct variant *variants_take(struct variants *variants,
                                    const struct variant_key *key,
                                    struct error *err)
{
    const struct variant *variant = NULL;
    size_t len;

    pthread_mutex_lock(&variants->turn);
    len = has_entry(variants, key) ? 0
                                   : variants_make_len(&variants->source, key);
    if (memory_limit_begin(len, err)) {
        variant = take(variants, key, err);
        memory_limit_end(len);
    }
    pthread_mutex_unlock(&variants->turn);
    return variant;
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
    pthread_mutex_init(&variants->turn, NULL);
    pthread_mutex_init(&variants->lock, NULL);
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
    pthread_mutex_destroy(&variants->lock);
    pthread_mutex_destroy(&variants->turn);
    close(variants->source.fd);
    free(variants->folder);
    free(variants->output);
    free(variants->logits);
    free(variants);
}

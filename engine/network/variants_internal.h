#ifndef ENGINE_NETWORK_VARIANTS_INTERNAL_H
#define ENGINE_NETWORK_VARIANTS_INTERNAL_H

/* The struct behind variants.h, and what its files share. Private to
 * variants*.c. */

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "engine/network/variants.h"

struct variants_entry;

struct variants {
    int fd;                         /* of the model's file; owned */
    struct stat file;               /* when the model was opened */
    char *folder, *output, *logits; /* owned */
    struct onnx_input input;        /* with these strings */
    const struct network *network;  /* borrowed */
    pthread_mutex_t lock;           /* guards what follows */
    pthread_cond_t made;            /* is_making has become false */
    bool is_making; /* a thread makes a variant, without the lock */
    struct variants_entry *first; /* owned */
    uint64_t clock;
};

/* Makes a variant of what is constant in `variants`; without the lock. What
 * there is of it after a failure has to be released. Fails like variants_take.
 */
bool variants_make(struct variant *made, const struct variants *variants,
                   const struct variant_key *key, const struct cancel *cancel,
                   struct error *err) __attribute__((warn_unused_result));

#endif

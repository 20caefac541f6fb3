#ifndef ENGINE_MODEL_LABELS_H
#define ENGINE_MODEL_LABELS_H

/* The names of a model's classes. */

#include <stddef.h>

#include "engine/base/error.h"

/* One line of labels.txt a class, in the order of the logits: "LABEL", or
 * "ID<TAB>LABEL" where classes have an id of their own (a WordNet id, say).
 * UTF-8. `= {0}` is empty. Immutable after reading. */
struct labels {
    char *text;         /* the file, NULs for line ends and tabs; owned */
    const char **ids;   /* (count) NULL for a class without one; borrowed from
                           text; owned array */
    const char **names; /* (count) borrowed from text; owned array */
    size_t count;
};

/* Reads labels.txt. Lines end in LF or CRLF, the last may end without; a
 * byte-order mark is skipped.
 *
 * ERROR_IO      cannot be read
 * ERROR_INPUT   no lines, an empty one, an empty id or label, not UTF-8, a
 *               control character, an id twice; the text gives the line
 * ERROR_LIMIT   longer than 16 MB
 * ERROR_MEMORY
 *
 * On failure the labels are empty. */
bool labels_read(struct labels *labels, const char *path, struct error *err)
    __attribute__((warn_unused_result));

/* Whether a text is UTF-8 without control characters. Any thread. */
bool labels_is_text(const char *text);

/* Finds a class by its index in decimal, its id, or its label (the first
 * that matches, in this order; labels compare without regard to ASCII case).
 * `num_classes` bounds the answer, also where there are more or fewer labels.
 * Returns false, silently, where none does. Any thread. */
bool labels_find(size_t *index, const struct labels *labels, size_t num_classes,
                 const char *text);

void labels_release(struct labels *labels);

#endif

#ifndef ENGINE_MODEL_LABELS_H
#define ENGINE_MODEL_LABELS_H

/* The names of a model's classes. */

#include <stddef.h>

#include "engine/base/error.h"

/* labels.txt has one line per class, in the order of the logits: "LABEL", or
 * "ID<TAB>LABEL" if classes have ids (WordNet ids, for example). UTF-8. `= {0}`
 * is empty. Immutable after reading. */
struct labels {
    char *text;         /* the file, with NULs for line ends and tabs; owned */
    const char **ids;   /* (count) NULL for a class without an id; borrowed from
                           text; owned array */
    const char **names; /* (count) borrowed from text; owned array */
    size_t count;
};

/* Reads labels.txt. Lines end in LF or CRLF, which the last line may lack; a
 * byte-order mark is skipped.
 *
 *     ERROR_IO      the file cannot be read
 *     ERROR_INPUT   no lines, an empty line, an empty id or label, invalid
 * UTF-8, a control character, a duplicate id; the text names the line
 *     ERROR_LIMIT   the file is longer than 16 MB
 *     ERROR_MEMORY
 *
 * On failure the labels are empty. */
bool labels_read(struct labels *labels, const char *path, struct error *err)
    __attribute__((warn_unused_result));

/* Whether a string is valid UTF-8 without control characters. Any thread. */
bool labels_is_text(const char *text);

/* Finds a class by its decimal index, its id, or its label (the first match, in
 * this order; labels compare without regard to ASCII case). *index is below
 * `num_classes`, even if there are more or fewer labels. Returns false, without
 * an error, if none matches. Any thread. */
bool labels_find(size_t *index, const struct labels *labels, size_t num_classes,
                 const char *text);

void labels_release(struct labels *labels);

#endif

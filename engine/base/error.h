#ifndef ENGINE_BASE_ERROR_H
#define ENGINE_BASE_ERROR_H

/* How a function reports what went wrong.
 *
 * A function that can fail returns bool (or a pointer) and takes `struct error
 * *err` as its last parameter. Reporting an error returns false:
 *
 *     if (num_channels == 0)
 *         return fail(err, ERROR_INPUT, "the image has no channels");
 *     if (width > max)
 *         return error_limit(err, max, "the image is %u pixels wide; at most "
 *                            "%u are allowed", width, max);
 *
 * Programs decide on the kind, never on the text. */

#include <stdbool.h>
#include <stdint.h>

/* X(kind, name): the name is what users see in responses, logs and metrics. */
#define ERROR_KINDS(X)                                                         \
    X(ERROR_NONE, "none")               /* the empty state */                  \
    X(ERROR_INPUT, "bad-input")         /* the caller's bytes are malformed */ \
    X(ERROR_UNSUPPORTED, "unsupported") /* well formed, but not supported */   \
    X(ERROR_LIMIT, "over-limit")        /* larger than a configured limit */   \
    X(ERROR_BUSY, "busy")               /* at capacity, try again later */     \
    X(ERROR_MEMORY, "no-memory")        /* an allocation failed */             \
    X(ERROR_IO, "io")                   /* a file or socket failed */          \
    X(ERROR_INTERNAL, "internal")       /* a bug of ours */

enum error_kind {
#define X(kind, name) kind,
    ERROR_KINDS(X)
#undef X
};

enum { ERROR_TEXT_SIZE = 320 };

/* Owned by the caller, usually on its stack; `= {0}` is the empty state. */
struct error {
    enum error_kind kind;
    uint64_t limit;             /* the bound that was crossed, or 0 */
    char text[ERROR_TEXT_SIZE]; /* one sentence for a person, NUL-terminated */
};

/* Records the first failure in *err and returns false, so that a failing
 * function ends with `return fail(err, ...)`. Later calls leave *err unchanged.
 * The text is one lower-case sentence without a full stop that names the thing
 * and the bound. err may be NULL. */
bool fail(struct error *err, enum error_kind kind, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Like fail with ERROR_LIMIT, for a bound that programs should be able to read:
 * it is stored in err->limit too. */
bool error_limit(struct error *err, uint64_t limit, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Records in `err` (NULL: nowhere) what was recorded in another one, unless it
 * has an error. Returns false. */
bool error_pass(struct error *err, const struct error *from);

/* Puts "context: " before the text recorded in err, for callers that know more
 * about the failure; does nothing if err is NULL or empty. Returns false. */
bool error_prefix(struct error *err, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* The name of a kind, such as "bad-input"; never NULL. Any thread. */
const char *error_kind_name(enum error_kind kind);

#endif

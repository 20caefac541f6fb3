#ifndef SERVER_HTTP_PARAMS_H
#define SERVER_HTTP_PARAMS_H

/* The options of a request as the client sent them: names and values from the
 * query and from form fields, in their order.
 *
 *     for (pos = 0; params_next(&params, &pos, &name, &value);)
 *         ...
 *
 * One thread at a time. */

#include "engine/base/buf.h"
#include "engine/base/error.h"

enum { PARAMS_MAX_BYTES = 16384 }; /* names and values together */

/* `= {0}` is empty. */
struct params {
    struct buf text; /* "name\0value\0name\0value\0..." */
};

/* Starts a parameter with an empty value. ERROR_INPUT: the name is empty or
 * contains a NUL. ERROR_LIMIT, ERROR_MEMORY. */
bool params_begin(struct params *params, const char *name, size_t len,
                  struct error *err) __attribute__((warn_unused_result));

/* Appends to the value of the last parameter. ERROR_INPUT: a NUL. ERROR_LIMIT,
 * ERROR_MEMORY. */
bool params_extend(struct params *params, const char *bytes, size_t len,
                   struct error *err) __attribute__((warn_unused_result));

/* Steps to the next parameter; *pos starts at 0. Returns false at the end.
 * The texts are borrowed until the next change. */
bool params_next(const struct params *params, size_t *pos, const char **name,
                 const char **value);

/* The value of the first parameter of that name, or NULL. */
const char *params_find(const struct params *params, const char *name);

void params_release(struct params *params);

#endif

#ifndef SERVER_HTTP_JSON_H
#define SERVER_HTTP_JSON_H

/* Helpers for writing JSON with Jansson, including values that it refuses. */

#include <jansson.h>
#include <math.h>
#include <stdbool.h>

#include "engine/base/buf.h"
#include "engine/base/error.h"
#include "engine/base/utf8.h"
#include "server/http/response.h"

/* Nine significant digits distinguish any two floats. */
enum { DUMP_FLAGS = JSON_COMPACT | JSON_REAL_PRECISION(9) };

/* JSON has no NaN and no infinity; they become null. */
static inline json_t *real(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

/* A text that may be NULL, and need not be UTF-8: U+FFFD replaces invalid
 * bytes. NULL: not enough memory. */
static inline json_t *text(const char *value)
{
    struct buf repaired = {0};
    json_t *string = value ? json_string(value) : json_null();

    if (!string && utf8_append(&repaired, value, NULL))
        string =
            json_stringn_nocheck((const char *)repaired.data, repaired.len);
    buf_release(&repaired);
    return string;
}

/* Stores `value` under `key` and takes ownership; fails if it is NULL. */
static inline bool put(json_t *object, const char *key, json_t *value)
{
    return json_object_set_new_nocheck(object, key, value) == 0;
}

static inline int append(const char *bytes, size_t len, void *arg)
{
    return buf_append(arg, bytes, len, NULL) ? 0 : -1;
}

static inline bool dump(struct response *response, const json_t *root,
                        struct error *err)
{
    if (json_dump_callback(root, append, &response->body, DUMP_FLAGS) != 0)
        return fail(err, ERROR_MEMORY, "not enough memory for the response");
    response->status = 200;
    response->content_type = "application/json";
    return true;
}

#endif

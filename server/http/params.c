#include "server/http/params.h"

#include <string.h>

static bool check(const struct params *params, const char *bytes, size_t len,
                  struct error *err)
{
    if (len > PARAMS_MAX_BYTES || params->text.len + len > PARAMS_MAX_BYTES)
        return error_limit(err, PARAMS_MAX_BYTES,
                           "the options are longer than the %d bytes allowed",
                           PARAMS_MAX_BYTES);
    if (len > 0 && memchr(bytes, '\0', len))
        return fail(err, ERROR_INPUT, "an option contains a NUL byte");
    return true;
}

bool params_begin(struct params *params, const char *name, size_t len,
                  struct error *err)
{
    if (len == 0)
        return fail(err, ERROR_INPUT, "an option has no name");
    if (!check(params, name, len, err) ||
        !buf_reserve(&params->text, len + 2, err))
        return false;
    memcpy(params->text.data + params->text.len, name, len);
    params->text.len += len;
    params->text.data[params->text.len++] = '\0';
    params->text.data[params->text.len++] = '\0'; /* the empty value */
    return true;
}

bool params_extend(struct params *params, const char *bytes, size_t len,
                   struct error *err)
{
    if (len == 0)
        return true;
    if (!check(params, bytes, len, err) ||
        !buf_reserve(&params->text, len, err))
        return false;
    memcpy(params->text.data + params->text.len - 1, bytes, len);
    params->text.len += len;
    params->text.data[params->text.len - 1] = '\0';
    return true;
}

bool params_next(const struct params *params, size_t *pos, const char **name,
                 const char **value)
{
    const char *text = (const char *)params->text.data;

    if (*pos >= params->text.len)
        return false;
    *name = text + *pos;
    *value = *name + strlen(*name) + 1;
    *pos = (size_t)(*value - text) + strlen(*value) + 1;
    return true;
}

const char *params_find(const struct params *params, const char *name)
{
    const char *found, *value;

    for (size_t pos = 0; params_next(params, &pos, &found, &value);)
        if (strcmp(found, name) == 0)
            return value;
    return NULL;
}

void params_release(struct params *params)
{
    buf_release(&params->text);
}

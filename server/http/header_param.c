#include "server/http/header_param.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

/* A value being copied. With `out` NULL it is only skipped. */
struct value {
    char *out; /* (size) */
    size_t size;
    size_t len; /* the full length, whether or not it fits */
};

static void add(struct value *value, char c)
{
    if (value->out && value->len + 1 < value->size)
        value->out[value->len] = c;
    value->len++;
}

/* Reads from after the opening quote; returns the position after the closing
 * one, or NULL if it is missing. */
static const char *read_quoted(struct value *value, const char *p)
{
    for (; *p != '"'; p++) {
        if (*p == '\\' && p[1] != '\0')
            p++;
        if (*p == '\0')
            return NULL;
        add(value, *p);
    }
    return p + 1;
}

/* Reads up to the next semicolon, without the blanks before it. */
static const char *read_plain(struct value *value, const char *p)
{
    size_t len = strcspn(p, ";"), kept = len;

    while (kept > 0 && (p[kept - 1] == ' ' || p[kept - 1] == '\t'))
        kept--;
    for (size_t i = 0; i < kept; i++)
        add(value, p[i]);
    return p + len;
}

static const char *read_value(struct value *value, const char *p)
{
    p += strspn(p, " \t");
    return *p == '"' ? read_quoted(value, p + 1) : read_plain(value, p);
}

static enum header_param finish(const struct value *value, const char *end)
{
    if (!end)
        return HEADER_PARAM_BROKEN;
    if (value->len >= value->size)
        return HEADER_PARAM_LONG;
    value->out[value->len] = '\0';
    return HEADER_PARAM_FOUND;
}

/* Returns the position after the name of the parameter at `p`, normally its
 * `=`; *same says whether the name matches. */
static const char *read_name(bool *same, const char *p, const char *name)
{
    size_t len;

    p += strspn(p, " \t");
    len = strcspn(p, "=; \t");
    *same = len == strlen(name) && strncasecmp(p, name, len) == 0;
    p += len;
    return p + strspn(p, " \t");
}

enum header_param header_param_find(char *out, size_t size, const char *header,
                                    const char *name)
{
    enum header_param result = HEADER_PARAM_NONE;
    const char *p = strchr(header, ';');

    out[0] = '\0';
    while (p && *p == ';') {
        struct value value = {.size = size};
        bool same;

        p = read_name(&same, p + 1, name);
        if (*p == '=') {
            if (same && result != HEADER_PARAM_NONE)
                result = HEADER_PARAM_BROKEN;
            else if (same)
                value.out = out;
            p = read_value(&value, p + 1);
            if (value.out)
                result = finish(&value, p);
        }
        p = p ? strchr(p, ';') : NULL;
    }
    if (result != HEADER_PARAM_FOUND)
        out[0] = '\0';
    return result;
}

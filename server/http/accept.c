#include "server/http/accept.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

static const char *skip_space(const char *p)
{
    return p + strspn(p, " \t");
}

/* "0.25" -> 250, from the text after "q="; a malformed weight counts as 1. */
static unsigned parse_weight(const char *p)
{
    unsigned weight, unit = 100;

    if (*p != '0' && *p != '1')
        return 1000;
    weight = *p++ == '1' ? 1000 : 0;
    if (*p == '.')
        for (p++; *p >= '0' && *p <= '9' && unit; p++, unit /= 10)
            weight += (unsigned)(*p - '0') * unit;
    return weight > 1000 ? 1000 : weight;
}

/* The weight among the parameters of one range, which end at a comma. */
static unsigned find_weight(const char *p)
{
    while (*p == ';') {
        p = skip_space(p + 1);
        if ((*p == 'q' || *p == 'Q') && p[1] == '=')
            return parse_weight(p + 2);
        p += strcspn(p, ";,");
    }
    return 1000;
}

/* 3: the type itself, 2: "image" + "/" + "*", 1: all types, 0: no match. */
static int match(const char *range, size_t len, const char *type)
{
    size_t major = (size_t)(strchr(type, '/') - type) + 1;

    if (len == strlen(type) && strncasecmp(range, type, len) == 0)
        return 3;
    if (len == major + 1 && strncasecmp(range, type, major) == 0 &&
        range[major] == '*')
        return 2;
    if (len == 3 && strncmp(range, "*/*", 3) == 0)
        return 1;
    return 0;
}

unsigned accept_quality(const char *accept, const char *type)
{
    const char *p = accept ? skip_space(accept) : "";
    unsigned quality = 0;
    int best = 0;

    if (!*p)
        return 1000;
    for (;;) {
        size_t len;
        int specific;

        p += strspn(p, ", \t");
        if (!*p)
            return quality;
        len = strcspn(p, ";, \t");
        specific = match(p, len, type);
        p = skip_space(p + len);
        if (specific > best) {
            best = specific;
            quality = find_weight(p);
        }
        p += strcspn(p, ",");
    }
}

size_t accept_best(const char *accept, const char *const *types, size_t count)
{
    unsigned quality, most = 0;
    size_t best = count;

    for (size_t i = 0; i < count; i++) {
        quality = accept_quality(accept, types[i]);
        if (quality > most) {
            most = quality;
            best = i;
        }
    }
    return best;
}

bool accept_type_is(const char *content_type, const char *type)
{
    size_t len, type_len = strlen(type);

    if (!content_type)
        return false;
    content_type = skip_space(content_type);
    len = strcspn(content_type, "; \t");
    if (strncasecmp(content_type, type, type_len) != 0)
        return false;
    return type[type_len - 1] == '/' ? len > type_len : len == type_len;
}

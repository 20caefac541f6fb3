#include "engine/base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool fail(struct error *err, enum error_kind kind, const char *fmt, ...)
{
    va_list args;

    if (!err || err->kind != ERROR_NONE)
        return false;
    err->kind = kind;
    va_start(args, fmt);
    vsnprintf(err->text, sizeof err->text, fmt, args);
    va_end(args);
    return false;
}

bool error_limit(struct error *err, uint64_t limit, const char *fmt, ...)
{
    va_list args;

    if (!err || err->kind != ERROR_NONE)
        return false;
    err->kind = ERROR_LIMIT;
    err->limit = limit;
    va_start(args, fmt);
    vsnprintf(err->text, sizeof err->text, fmt, args);
    va_end(args);
    return false;
}

bool error_pass(struct error *err, const struct error *from)
{
    if (err && err->kind == ERROR_NONE)
        *err = *from;
    return false;
}

bool error_prefix(struct error *err, const char *fmt, ...)
{
    char old[ERROR_TEXT_SIZE];
    va_list args;
    int len;

    if (!err || err->kind == ERROR_NONE)
        return false;
    memcpy(old, err->text, sizeof old);
    va_start(args, fmt);
    len = vsnprintf(err->text, sizeof err->text, fmt, args);
    va_end(args);
    if (len >= 0 && (size_t)len + 3 < sizeof err->text) {
        size_t room = sizeof err->text - (size_t)len - 3;
        size_t kept = strlen(old) < room ? strlen(old) : room;

        memcpy(err->text + len, ": ", 2);
        memcpy(err->text + len + 2, old, kept);
        err->text[(size_t)len + 2 + kept] = '\0';
    }
    return false;
}

const char *error_kind_name(enum error_kind kind)
{
    static const char *const names[] = {
#define X(kind, name) [kind] = name,
        ERROR_KINDS(X)
#undef X
    };

    if ((unsigned)kind >= sizeof names / sizeof names[0])
        return "internal";
    return names[kind];
}

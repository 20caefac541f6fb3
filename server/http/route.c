#include "server/http/route.h"

#include <stdio.h>
#include <string.h>

/* Of a name at the start of a text. */
static size_t name_len(const char *path)
{
    return strcspn(path, "/:");
}

static bool matches(const char *pattern, const char *path)
{
    const size_t before = strcspn(pattern, "{");
    size_t len;

    if (pattern[before] == '\0')
        return strcmp(pattern, path) == 0;
    if (strncmp(pattern, path, before) != 0)
        return false;
    len = name_len(path + before);
    return len > 0 &&
           strcmp(strchr(pattern, '}') + 1, path + before + len) == 0;
}

void route_name(char *name, size_t size, const struct route *route,
                const char *path)
{
    const char *from = path + strcspn(route->path, "{");

    snprintf(name, size, "%.*s", (int)name_len(from), from);
}

enum route_result route_find(const struct route_table *table,
                             const struct route **route,
                             enum request_method method, const char *path)
{
    *route = NULL;
    if (method == REQUEST_HEAD)
        method = REQUEST_GET;
    for (size_t i = 0; i < table->count; i++) {
        if (!matches(table->rows[i].path, path))
            continue;
        *route = &table->rows[i];
        if (table->rows[i].method == method)
            return ROUTE_FOUND;
    }
    return *route ? ROUTE_NO_METHOD : ROUTE_NO_PATH;
}

void route_allow(const struct route_table *table, char *allow, size_t size,
                 const char *path)
{
    bool get = false, post = false;

    for (size_t i = 0; i < table->count; i++)
        if (strcmp(path, "*") == 0 || matches(table->rows[i].path, path)) {
            get = get || table->rows[i].method == REQUEST_GET;
            post = post || table->rows[i].method == REQUEST_POST;
        }
    snprintf(allow, size, "%s%sOPTIONS", get ? "GET, HEAD, " : "",
             post ? "POST, " : "");
}

size_t route_number(const struct route_table *table, const struct route *route)
{
    return route ? (size_t)(route - table->rows) : table->count;
}

const char *route_method_name(const struct route *route)
{
    return route->method == REQUEST_POST ? "POST" : "GET";
}

#include "server/http/route.h"

#include <stdio.h>
#include <string.h>

enum route_result route_find(const struct route_table *table,
                             const struct route **route,
                             enum request_method method, const char *path)
{
    *route = NULL;
    if (method == REQUEST_HEAD)
        method = REQUEST_GET;
    for (size_t i = 0; i < table->count; i++) {
        if (strcmp(table->rows[i].path, path) != 0)
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
        if (strcmp(path, "*") == 0 || strcmp(table->rows[i].path, path) == 0) {
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

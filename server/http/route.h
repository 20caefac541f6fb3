#ifndef SERVER_HTTP_ROUTE_H
#define SERVER_HTTP_ROUTE_H

/* Finds the handler of a path in a constant table (api/routes.c). Any thread.
 */

#include <stdbool.h>
#include <stddef.h>

#include "server/http/access.h"
#include "server/http/request.h"

struct service;

/* Adds a response or a deferred response to the request; false: a failure. Runs
 * on the HTTP thread and must not block. Only the handlers know what `service`
 * is. */
typedef bool route_handler(struct service *service, struct request *request);

struct route {
    enum request_method method; /* REQUEST_GET stands for HEAD as well */
    const char *path; /* "{model}" in it stands for a name: one character or
                         more, but for "/" and ":" */
    enum problem_shape shape; /* of its failures */
    enum access_realm access; /* whose token it requires */
    route_handler *check;  /* before the body is read; NULL: nothing to check,
                              and the query is ignored */
    route_handler *handle; /* when the request is complete */
};

enum route_result { ROUTE_FOUND, ROUTE_NO_PATH, ROUTE_NO_METHOD };

/* All of them; the rows are borrowed. */
struct route_table {
    const struct route *rows; /* (count) */
    size_t count;
};

/* Finds the row for a method and a path. ROUTE_NO_METHOD: the path exists
 * under other methods; *route is one of its rows. Paths are compared whole:
 * no slash is added, dropped or merged. */
enum route_result route_find(const struct route_table *table,
                             const struct route **route,
                             enum request_method method, const char *path);

/* Writes what stands in a path for the braces of the row that was found for it.
 * A name that is longer than size - 1 bytes is cut short. */
void route_name(char *name, size_t size, const struct route *route,
                const char *path);

/* Writes the value of an Allow header for a path, such as
 * "GET, HEAD, OPTIONS"; for "*", of all paths together. */
void route_allow(const struct route_table *table, char *allow, size_t size,
                 const char *path);

/* The row's number, for metrics; NULL has the number past the last row. */
size_t route_number(const struct route_table *table, const struct route *route);

/* "GET", "POST". */
const char *route_method_name(const struct route *route);

#endif

#ifndef SERVER_API_ROUTES_H
#define SERVER_API_ROUTES_H

/* The routes of the service: one constant table. Any thread. */

#include <stddef.h>

#include "server/http/backend.h"
#include "server/http/route.h"

struct service;

const struct route_table *routes_table(void);

/* The names of the routes by number, and "other" for unknown paths; returns the
 * count. */
size_t routes_names(const char *const **names);

/* What http/ needs from the service. All of it belongs to the service. */
struct backend routes_backend(struct service *service);

#endif

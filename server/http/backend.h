#ifndef SERVER_HTTP_BACKEND_H
#define SERVER_HTTP_BACKEND_H

/* What http/ needs from the service behind it; passed to http_start. */

#include <stdatomic.h>

struct access;
struct metrics;
struct peer_nets;
struct route_table;
struct service;

/* All borrowed. */
struct backend {
    const struct route_table *routes;
    struct service *service; /* opaque; passed to the handlers */
    struct access *access;
    const struct peer_nets *trusted; /* proxies */
    struct metrics *metrics;
    const atomic_bool *draining; /* each response closes its connection */
};

#endif

#ifndef SERVER_HTTP_BACKEND_H
#define SERVER_HTTP_BACKEND_H

/* What HTTP needs of those who answer the requests, given to http_start. */

#include <stdatomic.h>

struct access;
struct metrics;
struct peer_nets;
struct route_table;
struct service;

/* All borrowed. */
struct backend {
    const struct route_table *routes;
    struct service *service; /* passed to the handlers, and not looked into */
    struct access *access;
    const struct peer_nets *trusted; /* proxies */
    struct metrics *metrics;
    const atomic_bool *draining; /* each answer is its connection's last */
};

#endif

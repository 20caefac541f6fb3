#ifndef SERVER_OBSERVE_OBSERVE_H
#define SERVER_OBSERVE_OBSERVE_H

/* What remains of a request when it has ended: counts and a line of log. */

#include "server/http/request.h"
#include "server/observe/log.h"
#include "server/work/service.h"

/* Counts the request and logs it. `entry` has what only the door knows: method,
 * path, status, bytes and time; the rest is filled in from the request. HTTP
 * thread. */
void observe_request(struct service *service, const struct request *request,
                     struct log_entry *entry);

#endif

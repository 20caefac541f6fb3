#ifndef SERVER_HTTP_CORS_H
#define SERVER_HTTP_CORS_H

/* Cross-origin resource sharing, by the Fetch standard: the pages of
 * --cors-origin may call the API from their scripts, or all pages with "*".
 * Without the option none may. Credentials such as cookies are never allowed.
 * Any thread. */

#include <stdbool.h>

#include "engine/base/error.h"
#include "server/config/config.h"
#include "server/http/response.h"

/* ERROR_INPUT: one of them is neither "*" nor an origin such as
 * https://example.org:8443. */
bool cors_check(const struct config_list *origins, struct error *err)
    __attribute__((warn_unused_result));

/* Adds the headers that let `origin` (NULL: the request has none) read this
 * response, if it may. */
void cors_respond(struct response *response, const struct config_list *origins,
                  const char *origin);

/* Adds the headers that tell a script what it may send, to a response to
 * OPTIONS. */
void cors_preflight(struct response *response,
                    const struct config_list *origins, const char *origin);

#endif

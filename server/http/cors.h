#ifndef SERVER_HTTP_CORS_H
#define SERVER_HTTP_CORS_H

/* Cross-origin resource sharing, as the Fetch standard has it: which other
 * pages' scripts may ask, and read the answer. None, unless --cors-origin names
 * their origins, or all with "*". Cookies and the like are never asked for.
 * Any thread. */

#include <stdbool.h>

#include "engine/base/error.h"
#include "server/config/config.h"
#include "server/http/response.h"

/* ERROR_INPUT: one of them is neither "*" nor an origin such as
 * https://example.org:8443. */
bool cors_check(const struct config_list *origins, struct error *err)
    __attribute__((warn_unused_result));

/* Lets `origin` (NULL: the request names none) read this response, if it may.
 */
void cors_answer(struct response *response, const struct config_list *origins,
                 const char *origin);

/* What a script may send, in the answer to OPTIONS. */
void cors_preflight(struct response *response,
                    const struct config_list *origins, const char *origin);

#endif

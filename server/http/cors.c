#include "server/http/cors.h"

#include <string.h>

#define ALLOWED_METHODS "GET, HEAD, POST"
#define ALLOWED_HEADERS                                                \
    "Accept, Authorization, Content-Type, X-Request-Id, traceparent, " \
    "tracestate"
#define EXPOSED_HEADERS                                        \
    "X-Request-Id, Server-Timing, Retry-After, traceparent, "  \
    "WWW-Authenticate, X-Wherefore-Class, X-Wherefore-Score, " \
    "X-Wherefore-Classes, X-Wherefore-Channels, "              \
    "X-Wherefore-Filters"

enum { MAX_ORIGIN = 200 };

/* scheme://host or scheme://host:port as browsers write it: lower case, without
 * a path or a trailing slash. */
static bool is_origin(const char *text)
{
    size_t scheme = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789+-.");
    const char *host = text + scheme + 3;

    if (scheme == 0 || strncmp(text + scheme, "://", 3) != 0)
        return false;
    return *host && strlen(text) <= MAX_ORIGIN &&
           host[strspn(host, "abcdefghijklmnopqrstuvwxyz0123456789-._:[]")] ==
               '\0';
}

bool cors_check(const struct config_list *origins, struct error *err)
{
    for (size_t i = 0; i < origins->count; i++) {
        const char *origin = origins->items[i];

        if (strcmp(origin, "*") != 0 && !is_origin(origin))
            return fail(err, ERROR_INPUT,
                        "\"%.200s\" is neither * nor an origin such as "
                        "https://example.org",
                        origin);
    }
    return true;
}

/* The value of Access-Control-Allow-Origin, or NULL. */
static const char *allowed(const struct config_list *origins,
                           const char *origin)
{
    const char *found = NULL;

    for (size_t i = 0; i < origins->count; i++) {
        if (strcmp(origins->items[i], "*") == 0)
            return "*";
        if (origin && strcmp(origins->items[i], origin) == 0)
            found = origins->items[i];
    }
    return found;
}

void cors_respond(struct response *response, const struct config_list *origins,
                  const char *origin)
{
    const char *value = allowed(origins, origin);

    if (origins->count == 0)
        return;
    /* A cache must not serve the response for one origin to another. */
    if (!value || value[0] != '*')
        response_header(response, "Vary", "Origin");
    if (!value)
        return;
    response_header(response, "Access-Control-Allow-Origin", "%s", value);
    response_header(response, "Access-Control-Expose-Headers", EXPOSED_HEADERS);
}

void cors_preflight(struct response *response,
                    const struct config_list *origins, const char *origin)
{
    if (!allowed(origins, origin))
        return;
    response_header(response, "Access-Control-Allow-Methods", ALLOWED_METHODS);
    response_header(response, "Access-Control-Allow-Headers", ALLOWED_HEADERS);
    response_header(response, "Access-Control-Max-Age", "600");
}

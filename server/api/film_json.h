#ifndef SERVER_API_FILM_JSON_H
#define SERVER_API_FILM_JSON_H

/* The frames of a film, as GET /film lists them. */

#include <stdbool.h>

#include "engine/base/error.h"
#include "server/http/response.h"
#include "server/work/film.h"

/* Writes {"frames": [{"name", "bytes"}, ...]}. ERROR_MEMORY. Any thread. */
bool film_json_write(struct response *response, const struct film *film,
                     struct error *err) __attribute__((warn_unused_result));

#endif

#ifndef SERVER_HTTP_FIELD_LIMIT_H
#define SERVER_HTTP_FIELD_LIMIT_H

/* The limit on the options of the query and the fields of the form, which
 * count together: request.max_fields. */

#include <stdbool.h>

struct request;

/* Counts one more. Returns false, and the request fails with PROBLEM_LIMIT,
 * where there are too many. */
bool field_limit_count(struct request *request)
    __attribute__((warn_unused_result));

#endif

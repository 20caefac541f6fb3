#include "server/http/field_limit.h"

#include <stdint.h>

#include "server/http/request.h"

bool field_limit_count(struct request *request)
{
    if (++request->num_fields <= request->max_fields)
        return true;
    request->limit = request->max_fields;
    return request_fail(
        request, PROBLEM_LIMIT,
        "the request has more than the %ju options and fields allowed",
        (uintmax_t)request->max_fields);
}

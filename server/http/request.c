#include "server/http/request.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "engine/base/clock.h"

enum request_method request_method_of(const char *name)
{
    static const struct {
        const char *name;
        enum request_method method;
    } methods[] = {{"GET", REQUEST_GET},
                   {"HEAD", REQUEST_HEAD},
                   {"POST", REQUEST_POST},
                   {"OPTIONS", REQUEST_OPTIONS}};

    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++)
        if (strcmp(methods[i].name, name) == 0)
            return methods[i].method;
    return REQUEST_OTHER;
}

bool request_fail(struct request *request, enum problem problem,
                  const char *fmt, ...)
{
    char text[ERROR_TEXT_SIZE];
    va_list args;

    if (request->err.kind != ERROR_NONE)
        return false;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    request->problem = problem;
    return fail(&request->err, ERROR_INPUT, "%s", text);
}

void request_respond_failure(struct request *request)
{
    enum problem problem = request->problem;

    if (problem == PROBLEM_NONE)
        problem = problem_of(request->err.kind);
    problem_response(&request->response, problem, request->err.text,
                     request->limit ? request->limit : request->err.limit);
}

struct response *request_response(struct request *request)
{
    return request->deferred && request->err.kind == ERROR_NONE
               ? &request->deferred->response
               : &request->response;
}

static bool is_valid_id(const char *id)
{
    size_t len = strspn(id, "abcdefghijklmnopqrstuvwxyz"
                            "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_");

    return len > 0 && len <= 64 && id[len] == '\0';
}

void request_set_id(struct request *request, const char *theirs)
{
    static uint64_t prefix, count; /* of the HTTP thread */

    request->response.id = request->id;
    if (theirs && is_valid_id(theirs)) {
        memcpy(request->id, theirs, strlen(theirs) + 1);
        return;
    }
    if (prefix == 0 &&
        getrandom(&prefix, sizeof prefix, 0) != (ssize_t)sizeof prefix)
        prefix = clock_now_us();
    snprintf(request->id, sizeof request->id, "%016" PRIx64 "-%" PRIu64, prefix,
             ++count);
}

void request_release(struct request *request)
{
    params_release(&request->params);
    buf_release(&request->image);
    if (request->deferred)
        request->deferred->free(request->deferred);
    response_release(&request->response);
    *request = (struct request){0};
}

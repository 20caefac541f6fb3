#include "wire.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include "problem.h"

__attribute__((format(printf, 2, 3))) static bool print(struct buf *out,
                                                        const char *fmt, ...)
{
    char line[512];
    va_list args;
    int len;

    va_start(args, fmt);
    len = vsnprintf(line, sizeof line, fmt, args);
    va_end(args);
    return len >= 0 && (size_t)len < sizeof line &&
           buf_append(out, line, (size_t)len, NULL);
}

bool wire_print(struct buf *out, const struct reply *reply, bool with_body)
{
    time_t now = time(NULL);
    struct tm utc;
    char date[64];

    gmtime_r(&now, &utc);
    strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", &utc);
    if (!print(out,
               "HTTP/1.1 %u %s\r\nDate: %s\r\nConnection: close\r\n"
               "Content-Length: %zu\r\n",
               reply->status, problem_title(reply->status), date,
               reply->body.len) ||
        (reply->content_type &&
         !print(out, "Content-Type: %s\r\n", reply->content_type)))
        return false;
    for (size_t i = 0; i < reply->num_headers; i++)
        if (!print(out, "%s: %s\r\n", reply->headers[i].name,
                   reply->headers[i].value))
            return false;
    return print(out, "\r\n") &&
           (!with_body ||
            buf_append(out, reply->body.data, reply->body.len, NULL));
}

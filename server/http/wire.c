#include "server/http/wire.h"

#include <stdio.h>
#include <sys/socket.h>
#include <time.h>

#include "server/http/problem.h"

bool wire_print(struct buf *out, const struct reply *reply, bool with_body)
{
    const void *body = reply->constant ? reply->constant : reply->body.data;
    size_t len = reply->constant ? reply->constant_len : reply->body.len;
    time_t now = time(NULL);
    struct tm utc;
    char date[64];

    gmtime_r(&now, &utc);
    strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", &utc);
    if (!buf_printf(out, NULL,
                    "HTTP/1.1 %u %s\r\nDate: %s\r\nConnection: close\r\n"
                    "Content-Length: %zu\r\n",
                    reply->status, problem_title(reply->status), date, len) ||
        (reply->content_type &&
         !buf_printf(out, NULL, "Content-Type: %s\r\n", reply->content_type)))
        return false;
    for (size_t i = 0; i < reply->num_headers; i++)
        if (!buf_printf(out, NULL, "%s: %s\r\n", reply->headers[i].name,
                        reply->headers[i].value))
            return false;
    return buf_printf(out, NULL, "\r\n") &&
           (!with_body || buf_append(out, body, len, NULL));
}

bool wire_send(int fd, const struct buf *text)
{
    return send(fd, text->data, text->len, MSG_NOSIGNAL | MSG_DONTWAIT) ==
           (ssize_t)text->len;
}

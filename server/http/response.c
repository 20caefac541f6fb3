#include "server/http/response.h"

#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>

void response_header(struct response *response, const char *name,
                     const char *fmt, ...)
{
    struct response_header *header;
    va_list args;
    int len;

    if (response->num_headers == RESPONSE_MAX_HEADERS)
        return;
    header = &response->headers[response->num_headers];
    header->name = name;
    va_start(args, fmt);
    len = vsnprintf(header->value, sizeof header->value, fmt, args);
    va_end(args);
    if (len >= 0 && (size_t)len < sizeof header->value)
        response->num_headers++;
}

static bool print(struct buf *out, const struct response *response,
                  bool with_body)
{
    const void *body =
        response->constant ? response->constant : response->body.data;
    size_t len =
        response->constant ? response->constant_len : response->body.len;
    time_t now = time(NULL);
    struct tm utc;
    char date[64];

    gmtime_r(&now, &utc);
    strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", &utc);
    if (!buf_printf(out, NULL,
                    "HTTP/1.1 %u %s\r\nDate: %s\r\nConnection: close\r\n"
                    "Content-Length: %zu\r\n",
                    response->status, response->title, date, len) ||
        (response->content_type &&
         !buf_printf(out, NULL, "Content-Type: %s\r\n",
                     response->content_type)))
        return false;
    for (size_t i = 0; i < response->num_headers; i++)
        if (!buf_printf(out, NULL, "%s: %s\r\n", response->headers[i].name,
                        response->headers[i].value))
            return false;
    return buf_printf(out, NULL, "\r\n") &&
           (!with_body || buf_append(out, body, len, NULL));
}

bool response_send(int fd, const struct response *response, bool with_body)
{
    struct buf text = {0};
    bool ok = print(&text, response, with_body) &&
              send(fd, text.data, text.len, MSG_NOSIGNAL | MSG_DONTWAIT) ==
                  (ssize_t)text.len;

    buf_release(&text);
    return ok;
}

void response_release(struct response *response)
{
    buf_release(&response->body);
    *response = (struct response){0};
}

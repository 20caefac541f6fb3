/* A form from a stranger: the Content-Type, a newline, the body. It is fed at
 * once, and in small pieces; where both are accepted they must say the same.
 *
 * libmicrohttpd parses forms for a connection only, so there is one for each
 * input: a pair of sockets, on which nothing but the headers is sent. */

#include "fuzz.h"

#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/request.h"
#include "server/upload.h"

enum { MAX_TYPE = 256 };

struct input {
    const uint8_t *body; /* (len) */
    size_t len;
    char type[MAX_TYPE];
    bool seen;
};

static struct input input;

static bool feed(struct upload *upload, size_t piece)
{
    for (size_t pos = 0; pos < input.len; pos += piece) {
        size_t len = input.len - pos < piece ? input.len - pos : piece;

        if (!upload_feed(upload, (const char *)input.body + pos, len))
            return false;
    }
    return upload_end(upload);
}

static bool read_form(struct request *request,
                      struct MHD_Connection *connection, size_t piece)
{
    struct upload *upload;
    bool ok;

    request->content_type = input.type;
    upload = upload_new(connection, request);
    if (!upload)
        return false;
    ok = feed(upload, piece);
    upload_free(upload);
    return ok;
}

static bool equal(const struct buf *a, const struct buf *b)
{
    return a->len == b->len &&
           (a->len == 0 || memcmp(a->data, b->data, a->len) == 0);
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *connection,
                                  const char *path, const char *method,
                                  const char *version, const char *bytes,
                                  size_t *len, void **slot)
{
    static const size_t pieces[] = {65536, 7};
    struct request requests[2] = {0};
    bool ok[2];

    (void)arg;
    (void)path;
    (void)method;
    (void)version;
    (void)bytes;
    (void)len;
    (void)slot;
    input.seen = true;
    for (int i = 0; i < 2; i++) {
        ok[i] = read_form(&requests[i], connection, pieces[i]);
        if (ok[i] != (requests[i].err.kind == ERROR_NONE) ||
            requests[i].picture.len > input.len)
            __builtin_trap();
    }
    if (ok[0] && ok[1] &&
        (!equal(&requests[0].picture, &requests[1].picture) ||
         !equal(&requests[0].params.text, &requests[1].params.text)))
        __builtin_trap();
    for (int i = 0; i < 2; i++)
        request_release(&requests[i]);
    return MHD_NO; /* hang up */
}

static void send_head(int fd)
{
    char head[MAX_TYPE + 80];
    int len = snprintf(head, sizeof head,
                       "POST / HTTP/1.1\r\nHost: x\r\nContent-Type: %s\r\n"
                       "Content-Length: 1\r\n\r\n",
                       input.type);

    if (write(fd, head, (size_t)len) != len)
        abort();
}

/* The input's first line, without what would end a header. */
static void set_input(const uint8_t *bytes, size_t len)
{
    size_t type_len = 0;

    while (type_len < len && type_len < MAX_TYPE - 1 &&
           bytes[type_len] != '\n' && bytes[type_len] != '\r' &&
           bytes[type_len] != '\0')
        type_len++;
    memcpy(input.type, bytes, type_len);
    input.type[type_len] = '\0';
    if (type_len < len)
        type_len++;
    input.body = bytes + type_len;
    input.len = len - type_len;
    input.seen = false;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static struct MHD_Daemon *daemon;
    int ends[2];

    if (!daemon)
        daemon = MHD_start_daemon(MHD_USE_NO_LISTEN_SOCKET, 0, NULL, NULL,
                                  on_request, NULL, MHD_OPTION_END);
    if (!daemon || len == 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0)
        return 0;
    set_input(bytes, len);
    send_head(ends[1]);
    if (MHD_add_connection(daemon, ends[0],
                           &(struct sockaddr){.sa_family = AF_UNIX},
                           sizeof(struct sockaddr)) != MHD_YES)
        abort();
    for (int i = 0; i < 10 && !input.seen; i++)
        MHD_run(daemon);
    close(ends[1]);
    for (int i = 0; i < 4; i++) /* it notices, and closes its end */
        MHD_run(daemon);
    return 0;
}

#include "server/http/intercept.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "server/http/connections.h"
#include "server/http/exchange.h"

static _Thread_local struct exchange_door *door; /* NULL: not the HTTP thread */

/* The three below look at the table of connections: nobody on the HTTP thread
 * may call them with its lock. wire_send is for that. */

void intercept_begin(struct exchange_door *its_door)
{
    door = its_door;
}

/* 400 of "HTTP/1.1 400 Bad Request"; 0: it does not begin like that. */
static unsigned status_of(const char *bytes, size_t len)
{
    static const char version[] = "HTTP/1.";
    unsigned status = 0;

    if (len < sizeof "HTTP/1.1 400" ||
        memcmp(bytes, version, sizeof version - 1) != 0)
        return 0;
    for (const char *digit = bytes + sizeof "HTTP/1.1"; *digit != ' '; digit++)
        status = 10 * status + (unsigned)(*digit - '0');
    return status;
}

/* Says what was wrong, as far as the status and the part of the request tell
 * it. */
static void refuse(int fd, unsigned status, enum connections_state state)
{
    const bool in_body = state == CONNECTIONS_BODY;
    const bool in_line = state != CONNECTIONS_HEADERS && !in_body;
    const struct config *config = door->config;
    const char *detail = in_line   ? "the request line is malformed"
                         : in_body ? "a chunk of the body is malformed"
                                   : "the headers are malformed";
    enum problem problem = PROBLEM_MALFORMED;
    uint64_t limit = 0;

    if (status == 413) {
        problem = PROBLEM_LIMIT;
        detail = "the body, or a chunk of it, is longer than allowed";
        limit = config->max_body_bytes;
    } else if (status == 414) {
        problem = PROBLEM_TARGET;
        detail = "the request line is longer than allowed";
        limit = config->max_header_bytes / 2;
    } else if (status == 505) {
        problem = PROBLEM_VERSION;
        detail = "this is no version 1.0 or 1.1 of HTTP";
    } else if (status == 431 || (status == 500 && in_body)) {
        problem = PROBLEM_HEADERS;
        detail = in_body ? "the lines around a chunk are longer than allowed"
                         : "the headers take more memory than allowed";
        limit = EXCHANGE_MEMORY;
    } else if (status >= 500) {
        problem = PROBLEM_MEMORY;
        detail = "no memory for the request";
    }
    exchange_refuse(door, fd, problem, detail, limit);
}

/* Whether these bytes were libmicrohttpd's own, and ours have gone out. What it
 * sends after them fails, as the connection is shut down. */
static bool replace(int fd, const char *bytes, size_t len)
{
    enum connections_state state;
    unsigned status;

    if (!door)
        return false;
    state = connections_state_of(door->connections, fd);
    if (state > CONNECTIONS_BODY)
        return false; /* it has an answer of ours */
    status = status_of(bytes, len);
    if (status < 400)
        return false; /* such as 100 Continue */
    refuse(fd, status, state);
    return true;
}

/* What begins with no request line is left without a word. */
int shutdown(int fd, int how)
{
    if (door && !service_is_abandoned(door->service) &&
        connections_is_owed(door->connections, fd))
        refuse(fd, 400, CONNECTIONS_NEW);
    return (int)syscall(SYS_shutdown, fd, how);
}

ssize_t send(int fd, const void *bytes, size_t len, int flags)
{
    if (replace(fd, bytes, len))
        return (ssize_t)len;
    return sendto(fd, bytes, len, flags, NULL, 0);
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
    ssize_t len = 0;

    if (message->msg_iovlen == 0 ||
        !replace(fd, message->msg_iov[0].iov_base, message->msg_iov[0].iov_len))
        return syscall(SYS_sendmsg, fd, message, flags);
    for (size_t i = 0; i < message->msg_iovlen; i++)
        len += (ssize_t)message->msg_iov[i].iov_len;
    return len;
}

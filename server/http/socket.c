#include "server/http/socket.h"

#include <errno.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>

ssize_t socket_peek(int fd)
{
    char byte;

    return recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
}

short socket_events(int fd, int timeout_ms, short wanted)
{
    struct pollfd one = {.fd = fd, .events = wanted};

    return poll(&one, 1, timeout_ms) > 0 ? one.revents : 0;
}

bool socket_is_reset(short events)
{
    return events & (POLLHUP | POLLERR);
}

bool socket_has_sent(int fd)
{
    struct tcp_info info = {0};
    socklen_t len = sizeof info;

    return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) != 0 ||
           info.tcpi_bytes_received > 0;
}

bool socket_allow_files(rlim_t needed, uint64_t max_connections,
                        struct error *err)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return fail(err, ERROR_IO, "cannot read the limit on open files: %s",
                    strerror(errno));
    if (limit.rlim_cur >= needed)
        return true;
    if (limit.rlim_max >= needed) {
        limit.rlim_cur = needed;
        if (setrlimit(RLIMIT_NOFILE, &limit) == 0)
            return true;
    }
    return fail(err, ERROR_IO,
                "--max-connections: %ju connections need %ju open files, but "
                "the limit is %ju (ulimit -Hn)",
                (uintmax_t)max_connections, (uintmax_t)needed,
                (uintmax_t)limit.rlim_max);
}

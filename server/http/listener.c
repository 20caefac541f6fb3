#include "server/http/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <netdb.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum {
    BACKLOG = 511,
    FIRST_INHERITED = 3 /* LISTEN_FDS counts from here */
};

static const char UNIX[] = "unix:";

/* Splits "host:port" or "[v6]:port"; an empty host means every address. */
static bool split_address(char *host, size_t host_size, const char **port,
                          const char *address, struct error *err)
{
    const char *colon = strrchr(address, ':');
    size_t len = colon ? (size_t)(colon - address) : 0;
    bool bracketed = len >= 2 && address[0] == '[' && address[len - 1] == ']';

    if (!colon || len >= host_size || !colon[1] ||
        strspn(colon + 1, "0123456789") != strlen(colon + 1) ||
        strtoul(colon + 1, NULL, 10) > 65535 ||
        (!bracketed && memchr(address, ':', len)))
        return fail(err, ERROR_INPUT,
                    "\"%s\" is not ADDRESS:PORT, such as 127.0.0.1:8080 or "
                    "[::1]:8080, or unix:/PATH",
                    address);
    snprintf(host, host_size, "%.*s", (int)(bracketed ? len - 2 : len),
             address + bracketed);
    *port = colon + 1;
    return true;
}

static bool fail_listen(const char *address, const char *why, struct error *err)
{
    return fail(err, ERROR_IO, "cannot listen on %s: %s", address, why);
}

/* Returns a bound socket, or -1 with errno. `dual`: accepts IPv4 as well. */
static int bind_to(const struct sockaddr *at, socklen_t len, bool dual)
{
    int on = 1, off = 0, code;
    int fd =
        socket(at->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0)
        return -1;
    if (at->sa_family != AF_UNIX)
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (dual)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    if (bind(fd, at, len) == 0)
        return fd;
    code = errno;
    close(fd);
    errno = code;
    return -1;
}

static bool add(struct listener *listener, int fd, const char *address,
                struct error *err)
{
    if (listen(fd, BACKLOG) != 0) {
        fail_listen(address, strerror(errno), err);
        close(fd);
        return false;
    }
    listener->fds[listener->count++] = fd;
    return true;
}

static bool open_port(struct listener *listener, const char *address,
                      struct error *err)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                             .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *list = NULL;
    char host[256];
    const char *port = "";
    int code, fd = -1;

    if (!split_address(host, sizeof host, &port, address, err))
        return false;
    /* Without IPv6, "every address" means 0.0.0.0. */
    if (!host[0] && getaddrinfo("::", port, &hints, &list) == 0) {
        fd = bind_to(list->ai_addr, list->ai_addrlen, true);
        freeaddrinfo(list);
        if (fd >= 0 || errno == EADDRINUSE || errno == EACCES)
            return fd >= 0 ? add(listener, fd, address, err)
                           : fail_listen(address, strerror(errno), err);
    }
    code = getaddrinfo(host[0] ? host : "0.0.0.0", port, &hints, &list);
    if (code != 0)
        return fail_listen(address, gai_strerror(code), err);
    fd = bind_to(list->ai_addr, list->ai_addrlen, false);
    code = errno;
    freeaddrinfo(list);
    return fd >= 0 ? add(listener, fd, address, err)
                   : fail_listen(address, strerror(code), err);
}

/* Whether the file is a stale socket on which nobody listens. */
static bool is_stale(const struct sockaddr_un *at)
{
    struct stat info;
    bool stale;
    int fd;

    if (lstat(at->sun_path, &info) != 0 || !S_ISSOCK(info.st_mode))
        return false;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return false;
    stale = connect(fd, (const struct sockaddr *)at, sizeof *at) != 0 &&
            errno == ECONNREFUSED;
    close(fd);
    return stale;
}

static bool parse_mode(mode_t *mode, const char *text, struct error *err)
{
    char *end;
    unsigned long number = strtoul(text, &end, 8);

    if (text[0] < '0' || text[0] > '7' || *end || number > 0777)
        return fail(err, ERROR_INPUT,
                    "\"%s\" is not an octal number from 0 to 777", text);
    *mode = (mode_t)number;
    return true;
}

static bool check_path(const char *path, struct error *err)
{
    size_t max = sizeof((struct sockaddr_un *)NULL)->sun_path - 1;

    if (*path && strlen(path) <= max)
        return true;
    return fail(err, ERROR_INPUT,
                "the path of a Unix socket must have 1 to %zu bytes", max);
}

static bool open_unix(struct listener *listener, const char *address,
                      const char *mode_text, struct error *err)
{
    const char *path = address + sizeof UNIX - 1;
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    const struct sockaddr *any = (const struct sockaddr *)&at;
    struct stat info;
    mode_t mode = 0;
    int fd;

    if (!check_path(path, err) || !parse_mode(&mode, mode_text, err))
        return false;
    memcpy(at.sun_path, path, strlen(path) + 1);
    fd = bind_to(any, sizeof at, false);
    if (fd < 0 && errno == EADDRINUSE && is_stale(&at) && unlink(path) == 0)
        fd = bind_to(any, sizeof at, false);
    if (fd < 0)
        return fail_listen(address, strerror(errno), err);
    memcpy(listener->path, path, strlen(path) + 1);
    /* Before listen(), so that no client gets in earlier. */
    if (chmod(path, mode) != 0 || lstat(path, &info) != 0) {
        fail_listen(address, strerror(errno), err);
        close(fd);
        return false;
    }
    listener->device = info.st_dev;
    listener->file = info.st_ino;
    return add(listener, fd, address, err);
}

/* The number of sockets passed to this process; 0 if meant for another one. */
static size_t count_inherited(void)
{
    const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");
    size_t n = 0;

    if (pid && count && strtoul(pid, NULL, 10) == (unsigned long)getpid())
        n = strtoul(count, NULL, 10);
    unsetenv("LISTEN_PID"); /* not for child processes */
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_FDNAMES");
    return n;
}

static bool inherit(struct listener *listener, size_t count, struct error *err)
{
    if (count > LISTENER_MAX_SOCKETS)
        return fail(err, ERROR_IO,
                    "LISTEN_FDS: at most %d sockets are supported",
                    LISTENER_MAX_SOCKETS);
    for (size_t i = 0; i < count; i++) {
        int fd = FIRST_INHERITED + (int)i, on = 0, flags;
        socklen_t len = sizeof on;

        if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &on, &len) != 0 || !on)
            return fail(err, ERROR_IO,
                        "LISTEN_FDS: descriptor %d is not a listening socket",
                        fd);
        flags = fcntl(fd, F_GETFL);
        if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0 ||
            fcntl(fd, F_SETFD, FD_CLOEXEC) != 0)
            return fail(err, ERROR_IO, "LISTEN_FDS: descriptor %d: %s", fd,
                        strerror(errno));
        listener->fds[listener->count++] = fd;
    }
    listener->inherited = true;
    return true;
}

/* Finds the name of the first socket, which is the one announced. */
static bool find_name(struct listener *listener, struct error *err)
{
    struct sockaddr_storage at = {0};
    const struct sockaddr_un *local = (const struct sockaddr_un *)&at;
    socklen_t len = sizeof at;
    char host[80], port[8];

    if (getsockname(listener->fds[0], (struct sockaddr *)&at, &len) != 0)
        return fail(err, ERROR_IO, "cannot determine the listening address");
    if (at.ss_family == AF_UNIX) {
        snprintf(listener->name, sizeof listener->name, "%s%.107s", UNIX,
                 local->sun_path);
        return true;
    }
    if (getnameinfo((struct sockaddr *)&at, len, host, sizeof host, port,
                    sizeof port, NI_NUMERICHOST | NI_NUMERICSERV) != 0)
        return fail(err, ERROR_IO, "cannot determine the listening address");
    snprintf(listener->name, sizeof listener->name,
             at.ss_family == AF_INET6 ? "http://[%s]:%s" : "http://%s:%s", host,
             port);
    return true;
}

bool listener_check_address(const char *address, struct error *err)
{
    char host[256];
    const char *port;

    if (strncmp(address, UNIX, sizeof UNIX - 1) == 0)
        return check_path(address + sizeof UNIX - 1, err);
    return split_address(host, sizeof host, &port, address, err);
}

bool listener_check_mode(const char *mode, struct error *err)
{
    mode_t bits;

    return parse_mode(&bits, mode, err);
}

bool listener_open(struct listener *listener, const char *address,
                   const char *mode, struct error *err)
{
    size_t inherited = count_inherited();
    bool ok;

    *listener = (struct listener){0};
    if (inherited > 0)
        ok = inherit(listener, inherited, err);
    else if (strncmp(address, UNIX, sizeof UNIX - 1) == 0)
        ok = open_unix(listener, address, mode, err);
    else
        ok = open_port(listener, address, err);
    if (ok && find_name(listener, err))
        return true;
    listener_close(listener);
    return false;
}

/* Closing a listening TCP socket resets the connections that have completed
 * their handshake but were not accepted, and some may always arrive between the
 * last accept and the close. So SYN packets (SYN without ACK; the flags are
 * byte 13) are dropped beforehand: clients retry after a second, and are
 * refused or reach the next listener. A kernel without socket filters lets them
 * in. */
static void drop_first_packets(int fd)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 13),
        BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0x12),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x02, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, 0),
        BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
    };
    struct sock_fprog filter = {sizeof code / sizeof code[0], code};

    setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter);
}

bool listener_shut(struct listener *listener)
{
    if (listener->inherited)
        return false;
    for (size_t i = 0; i < listener->count; i++)
        if (listener->path[0])
            shutdown(listener->fds[i], SHUT_RD); /* refuses connections */
        else
            drop_first_packets(listener->fds[i]);
    return true;
}

void listener_close(struct listener *listener)
{
    struct stat info;

    for (size_t i = 0; i < listener->count; i++)
        close(listener->fds[i]);
    /* Another process may have replaced the file by now. */
    if (listener->path[0] && lstat(listener->path, &info) == 0 &&
        info.st_dev == listener->device && info.st_ino == listener->file)
        unlink(listener->path);
    *listener = (struct listener){0};
}

/* wherefore health: asks a running server whether it is well, for the health
 * checks of containers that have no other program in them. It is told where
 * the server listens as the server itself was: by --listen, WHEREFORE_LISTEN
 * or the file. */

#include "cli/cmd.h"

#include <errno.h>
#include <limits.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "cli/complain.h"
#include "engine/base/clock.h"
#include "server/config/config.h"
#include "server/config/options.h"

enum { TIMEOUT_MS = 2500, STATUS_LINE_LEN = 12 /* "HTTP/1.1 200" */ };

/* The options of `serve`, and one more. */
struct health {
    struct config config;
    bool live;
};

/* The help is an action of `serve`'s options, where it is read. */
static const struct option rows[] = {
    {OPTION_SWITCH, "live", NULL,
     "request /healthz, which a draining server answers too",
     OPTION_FIELD(struct health, live)},
    {OPTION_SWITCH, "help", NULL, "print this and exit", .accepts = NULL},
};

static void print_help(void)
{
    puts("usage: wherefore health [--live] [OPTION...]\n"
         "\n"
         "Requests /readyz from the server on this machine. It connects where\n"
         "`wherefore serve` would listen with the same options, environment\n"
         "and configuration file, such as --listen or WHEREFORE_LISTEN; for a\n"
         "wildcard address it connects to the loopback address.\n");
    options_print(stdout, rows, sizeof rows / sizeof rows[0], NULL);
    puts("\n"
         "Exit status: 0 it answers 200 within 2.5 seconds, 1 it does not, 2\n"
         "the command line, the environment or the configuration file is\n"
         "wrong.");
}

/* Where to connect to. */
struct target {
    struct sockaddr_storage at;
    socklen_t len;
    int family;
};

static bool is_path(const char *listen)
{
    return strncmp(listen, "unix:", 5) == 0;
}

static bool find_path(struct target *target, const char *path,
                      struct error *err)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    size_t len = strlen(path);

    if (len == 0 || len >= sizeof at.sun_path)
        return fail(err, ERROR_INPUT,
                    "unix:%s: the path must have 1 to %zu bytes", path,
                    sizeof at.sun_path - 1);
    memcpy(at.sun_path, path, len + 1);
    memcpy(&target->at, &at, sizeof at);
    target->len = sizeof at;
    target->family = AF_UNIX;
    return true;
}

/* The address that stands for all of them is that of no one: the loopback. */
static const char *name_of(const char *host)
{
    if (strcmp(host, "0.0.0.0") == 0 || host[0] == '\0')
        return "127.0.0.1";
    return strcmp(host, "::") == 0 ? "::1" : host;
}

static bool find_address(struct target *target, const char *listen,
                         struct error *err)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                             .ai_flags = AI_NUMERICSERV};
    struct addrinfo *list = NULL;
    const char *colon = strrchr(listen, ':');
    char host[256];
    size_t len = colon ? (size_t)(colon - listen) : 0;
    bool bracketed = len >= 2 && listen[0] == '[' && listen[len - 1] == ']';
    int code;

    if (!colon || len >= sizeof host)
        return fail(err, ERROR_INPUT, "--listen: \"%s\" is not ADDRESS:PORT",
                    listen);
    if (strcmp(colon + 1, "0") == 0)
        return fail(err, ERROR_INPUT, "--listen: \"%s\" does not name a port",
                    listen);
    snprintf(host, sizeof host, "%.*s", (int)(bracketed ? len - 2 : len),
             listen + bracketed);
    code = getaddrinfo(name_of(host), colon + 1, &hints, &list);
    if (code != 0)
        return fail(err, ERROR_IO, "%s: %s", listen, gai_strerror(code));
    memcpy(&target->at, list->ai_addr, list->ai_addrlen);
    target->len = list->ai_addrlen;
    target->family = list->ai_family;
    freeaddrinfo(list);
    return true;
}

static bool wait_for(int fd, short what, uint64_t begin_us)
{
    struct pollfd slot = {.fd = fd, .events = what};
    double left = TIMEOUT_MS - clock_ms_since(begin_us);

    return left > 0 && poll(&slot, 1, (int)left + 1) == 1;
}

static bool connect_to(int fd, const struct target *target, uint64_t begin_us)
{
    int code = 0;
    socklen_t len = sizeof code;

    if (connect(fd, (const struct sockaddr *)&target->at, target->len) == 0)
        return true;
    return errno == EINPROGRESS && wait_for(fd, POLLOUT, begin_us) &&
           getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &len) == 0 && code == 0;
}

/* Sends the request, and reads the answer as far as its status. */
static bool exchange(char status[STATUS_LINE_LEN + 1], int fd, const char *path,
                     uint64_t begin_us)
{
    char text[128];
    int len = snprintf(text, sizeof text,
                       "GET %s HTTP/1.1\r\nHost: localhost\r\n"
                       "Connection: close\r\n\r\n",
                       path);
    size_t got = 0;

    if (send(fd, text, (size_t)len, MSG_NOSIGNAL) != len)
        return false;
    while (got < STATUS_LINE_LEN) {
        ssize_t n = wait_for(fd, POLLIN, begin_us)
                        ? recv(fd, status + got, STATUS_LINE_LEN - got, 0)
                        : 0;

        if (n <= 0)
            return false;
        got += (size_t)n;
    }
    status[got] = '\0';
    return strncmp(status, "HTTP/1.", 7) == 0;
}

static bool ask(const struct target *target, const char *listen,
                const char *path, struct error *err)
{
    uint64_t begin_us = clock_now_us();
    char status[STATUS_LINE_LEN + 1] = "";
    int fd =
        socket(target->family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool ok = fd >= 0 && connect_to(fd, target, begin_us);

    if (!ok)
        fail(err, ERROR_IO, "cannot connect to %s", listen);
    else if (!exchange(status, fd, path, begin_us))
        ok = fail(err, ERROR_IO, "no answer from %s within %d ms", listen,
                  TIMEOUT_MS);
    else if (strcmp(status + 9, "200") != 0)
        ok = fail(err, ERROR_IO, "%s%s answers %s", listen, path, status + 9);
    if (fd >= 0)
        close(fd);
    return ok;
}

static bool check(const struct config *config, const char *path,
                  struct error *err)
{
    struct target target = {0};
    const char *listen = config->listen;

    return (is_path(listen) ? find_path(&target, listen + 5, err)
                            : find_address(&target, listen, err)) &&
           ask(&target, listen, path, err);
}

int cmd_health(int argc, char **argv)
{
    struct error err = {0};
    struct health health = {.live = false};
    struct config *config = &health.config;
    int status = 0;

    config_init(config);
    if (!config_read_with(config, &rows[0], argc - 1, argv + 1, environ,
                          &err)) {
        complain_about("health", NULL, &err);
        status = err.kind == ERROR_MEMORY ? 1 : 2;
    } else if (config->action == CONFIG_HELP) {
        print_help();
    } else if (!check(config, health.live ? "/healthz" : "/readyz", &err)) {
        complain_about("health", NULL, &err);
        status = err.kind == ERROR_INPUT ? 2 : 1;
    }
    config_release(config);
    return status;
}

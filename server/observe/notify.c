#include "server/observe/notify.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "engine/base/clock.h"

/* Returns false if `name` is not a socket address. */
static bool make_address(struct sockaddr_un *at, socklen_t *len,
                         const char *name)
{
    size_t name_len = strlen(name);

    if ((name[0] != '/' && name[0] != '@') || name_len < 2 ||
        name_len >= sizeof at->sun_path)
        return false;
    *at = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(at->sun_path, name, name_len);
    if (name[0] == '@')
        at->sun_path[0] = '\0';
    *len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + name_len +
                       (name[0] == '/'));
    return true;
}

static uint64_t read_watchdog(void)
{
    const char *time = getenv("WATCHDOG_USEC");
    const char *pid = getenv("WATCHDOG_PID");

    if (!time || (pid && strtol(pid, NULL, 10) != (long)getpid()))
        return 0;
    return strtoull(time, NULL, 10);
}

void notify_open(struct notify *notify)
{
    const char *name = getenv("NOTIFY_SOCKET");
    struct sockaddr_un at;
    socklen_t len;

    *notify = (struct notify){.fd = -1};
    if (!name || !make_address(&at, &len, name))
        return;
    notify->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (notify->fd >= 0 &&
        connect(notify->fd, (struct sockaddr *)&at, len) != 0)
        notify_close(notify);
    if (notify->fd >= 0)
        notify->watchdog_us = read_watchdog();
}

void notify_send(const struct notify *notify, const char *fmt, ...)
{
    char text[512];
    va_list args;

    if (notify->fd < 0)
        return;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    (void)!send(notify->fd, text, strlen(text), MSG_NOSIGNAL);
}

void notify_reloading(const struct notify *notify)
{
    notify_send(notify, "RELOADING=1\nMONOTONIC_USEC=%ju\nSTATUS=reloading",
                (uintmax_t)clock_now_us());
}

void notify_close(struct notify *notify)
{
    if (notify->fd >= 0)
        close(notify->fd);
    *notify = (struct notify){.fd = -1};
}

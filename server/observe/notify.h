#ifndef SERVER_OBSERVE_NOTIFY_H
#define SERVER_OBSERVE_NOTIFY_H

/* Tells systemd how it goes, by the protocol of sd_notify(3): lines to the
 * datagram socket that NOTIFY_SOCKET names, a path or "@" and an abstract name.
 * Without the variable nothing is said, and nothing fails. One thread at a
 * time. */

#include <stdbool.h>
#include <stdint.h>

struct notify {
    int fd;               /* connected, or -1 */
    uint64_t watchdog_us; /* how often a sign of life is wanted; 0: never */
};

/* Connects to the socket and reads WATCHDOG_USEC and WATCHDOG_PID; a socket
 * that is not there is none. */
void notify_open(struct notify *notify);

/* Lines such as "READY=1\nSTATUS=…"; lost where nobody takes them. */
void notify_send(const struct notify *notify, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* RELOADING=1 with the moment, which Type=notify-reload wants. */
void notify_reloading(const struct notify *notify);

void notify_close(struct notify *notify);

#endif

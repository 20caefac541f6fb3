#ifndef SERVER_OBSERVE_NOTIFY_H
#define SERVER_OBSERVE_NOTIFY_H

/* Reports the state of the service to systemd, by the protocol of sd_notify(3):
 * lines sent to the datagram socket that NOTIFY_SOCKET names, a path or "@" and
 * an abstract name. Without the variable nothing is sent, and nothing fails.
 * One thread at a time. */

#include <stdbool.h>
#include <stdint.h>

struct notify {
    int fd;               /* connected, or -1 */
    uint64_t watchdog_us; /* longest interval between keep-alives; 0: none */
};

/* Connects to the socket and reads WATCHDOG_USEC and WATCHDOG_PID. A missing
 * socket is ignored. */
void notify_open(struct notify *notify);

/* Sends lines such as "READY=1\nSTATUS=…"; they are lost if nobody receives
 * them. */
void notify_send(const struct notify *notify, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Sends RELOADING=1 with the time that Type=notify-reload requires. */
void notify_reloading(const struct notify *notify);

void notify_close(struct notify *notify);

#endif

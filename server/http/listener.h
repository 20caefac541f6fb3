#ifndef SERVER_HTTP_LISTENER_H
#define SERVER_HTTP_LISTENER_H

/* The sockets that connections come in by: an address and port, every address,
 * a Unix socket, or those that were inherited (LISTEN_FDS, as systemd and
 * others pass them), which go before what was asked for.
 *
 * One thread at a time. */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "engine/base/error.h"

enum { LISTENER_MAX_SOCKETS = 16 };

/* `= {0}` is empty. */
struct listener {
    int fds[LISTENER_MAX_SOCKETS]; /* (count) owned; they never block */
    size_t count;
    bool inherited;
    char name[128]; /* "http://127.0.0.1:8080" or "unix:/run/x.sock" */
    char path[108]; /* of a Unix socket that is ours to remove, or "" */
    dev_t device;   /* which file that is, with `file` */
    ino_t file;
};

/* Listens on `address`: "127.0.0.1:8080", "[::1]:8080", ":8080" for every
 * address of IPv6 and IPv4, or "unix:/path" with the permissions `mode` in
 * octal. The file of a Unix socket that nobody answers on is replaced.
 * ERROR_INPUT: it is none of these. ERROR_IO: it cannot be had. */
bool listener_open(struct listener *listener, const char *address,
                   const char *mode, struct error *err)
    __attribute__((warn_unused_result));

/* Whether listener_open would take it for an address, or for a mode; nothing is
 * opened. ERROR_INPUT. */
bool listener_check_address(const char *address, struct error *err)
    __attribute__((warn_unused_result));
bool listener_check_mode(const char *mode, struct error *err)
    __attribute__((warn_unused_result));

/* Lets nobody in any more, but for those who are already on their way, who can
 * be accepted for a moment still. false: the sockets were inherited, and
 * whoever waits there is for the next who has them. */
bool listener_shut(struct listener *listener);

/* Closes the sockets, and removes the file that was made for one. */
void listener_close(struct listener *listener);

#endif

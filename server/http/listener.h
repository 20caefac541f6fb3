#ifndef SERVER_HTTP_LISTENER_H
#define SERVER_HTTP_LISTENER_H

/* The listening sockets: an address and port, every address, or a Unix socket.
 * Inherited sockets (LISTEN_FDS, as systemd and others pass them) take
 * precedence.
 *
 * One thread at a time. */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "engine/base/error.h"

enum { LISTENER_MAX_SOCKETS = 16 };

/* `= {0}` is empty. */
struct listener {
    int fds[LISTENER_MAX_SOCKETS]; /* (count) owned; non-blocking */
    size_t count;
    bool inherited;
    char name[128]; /* "http://127.0.0.1:8080" or "unix:/run/x.sock" */
    char path[108]; /* of a Unix socket to remove, or "" */
    dev_t device;   /* which file that is, with `file` */
    ino_t file;
};

/* Listens on `address`: "127.0.0.1:8080", "[::1]:8080", ":8080" for every
 * address of IPv6 and IPv4, or "unix:/path" with the permissions `mode` in
 * octal. The file of a Unix socket is replaced if nobody listens on it.
 * ERROR_INPUT: it is none of these. ERROR_IO: it is not available. */
bool listener_open(struct listener *listener, const char *address,
                   const char *mode, struct error *err)
    __attribute__((warn_unused_result));

/* Checks the syntax of an address or a mode, and opens nothing. ERROR_INPUT. */
bool listener_check_address(const char *address, struct error *err)
    __attribute__((warn_unused_result));
bool listener_check_mode(const char *mode, struct error *err)
    __attribute__((warn_unused_result));

/* Stops new connections; those that have begun their handshake can be accepted
 * for a moment. false: the sockets were inherited, and waiting connections are
 * left to the next process. */
bool listener_shut(struct listener *listener);

/* Closes the sockets, and removes the file of a Unix socket. */
void listener_close(struct listener *listener);

#endif

#ifndef SERVER_HTTP_PEER_H
#define SERVER_HTTP_PEER_H

/* Who is at the other end: addresses, the networks they are in, and whom a
 * chain of proxies names as its client.
 *
 * X-Forwarded-For is a list that each proxy appends to: the right end is by the
 * one that talks to us, the left end by anybody. So it is read from the right,
 * as long as whoever wrote is trusted; the first that is not is the client. */

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#include "engine/base/error.h"
#include "server/config/config.h"

enum peer_kind { PEER_UNKNOWN, PEER_INTERNET, PEER_UNIX };

/* `= {0}` is unknown. */
struct peer {
    enum peer_kind kind;
    struct in6_addr address; /* IPv4 as ::ffff:a.b.c.d */
};

/* Networks, and perhaps those who come through a Unix socket. `= {0}` is
 * nobody. Immutable once parsed. */
struct peer_nets {
    struct peer_net {
        struct in6_addr address;
        unsigned prefix_len; /* bits, 0 to 128 */
    } nets[CONFIG_MAX_LIST]; /* (count) */
    size_t count;
    bool has_unix;
};

/* Reads "10.0.0.0/8", "::1" or "unix" each. ERROR_INPUT names the one that is
 * none of these, or has bits beyond its prefix. */
bool peer_nets_parse(struct peer_nets *nets, const struct config_list *texts,
                     struct error *err) __attribute__((warn_unused_result));

bool peer_is_in(const struct peer *peer, const struct peer_nets *nets);

/* Of a connection; NULL, and other families, are unknown. */
void peer_of_socket(struct peer *peer, const struct sockaddr *address);

/* Reads an address as proxies write it: 192.0.2.1, 2001:db8::1, with a port
 * 192.0.2.1:80 or [2001:db8::1]:80, spaces around it. Else it is unknown, and
 * false. `text` need not end with a NUL. */
bool peer_parse(struct peer *peer, const char *text, size_t len);

/* The client behind `peer`, by the lines of X-Forwarded-For joined with commas,
 * or NULL: the rightmost who is not in `trusted`. Where the list ends, or has
 * something that is no address, it is the last one who is known. */
void peer_client(struct peer *client, const struct peer *peer,
                 const char *forwarded, const struct peer_nets *trusted);

enum { PEER_NAME_SIZE = INET6_ADDRSTRLEN };

/* "192.0.2.1", "2001:db8::1", "unix" or "-". */
void peer_name(char name[PEER_NAME_SIZE], const struct peer *peer);

#endif

#ifndef SERVER_HTTP_PEER_H
#define SERVER_HTTP_PEER_H

/* The client of a connection: addresses, networks, and the client behind a
 * chain of proxies.
 *
 * Each proxy appends to the list X-Forwarded-For. The right end was written by
 * the proxy that is connected to us, the left end by anyone. So the list is
 * read from the right as long as the addresses are trusted; the first that is
 * not is the client. */

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

/* Networks, and optionally the clients of a Unix socket. `= {0}` is empty.
 * Immutable once parsed. */
struct peer_nets {
    struct peer_net {
        struct in6_addr address;
        unsigned prefix_len; /* bits, 0 to 128 */
    } nets[CONFIG_MAX_LIST]; /* (count) */
    size_t count;
    bool has_unix;
};

/* Reads items such as "10.0.0.0/8", "::1" and "unix". ERROR_INPUT names the
 * first invalid one; bits beyond the prefix are invalid too. */
bool peer_nets_parse(struct peer_nets *nets, const struct config_list *texts,
                     struct error *err) __attribute__((warn_unused_result));

bool peer_is_in(const struct peer *peer, const struct peer_nets *nets);

/* The peer of a connection; NULL and other address families are unknown. */
void peer_of_socket(struct peer *peer, const struct sockaddr *address);

/* Reads an address as proxies write it: 192.0.2.1 or 2001:db8::1, with a port
 * 192.0.2.1:80 or [2001:db8::1]:80, and surrounding spaces. Otherwise the peer
 * is unknown, and the result false. `text` need not end with a NUL. */
bool peer_parse(struct peer *peer, const char *text, size_t len);

/* The client behind `peer`: the rightmost address of X-Forwarded-For (its lines
 * joined with commas, or NULL) that is not in `trusted`. If the list ends or
 * contains an invalid address before that, it is the last valid one. */
void peer_client(struct peer *client, const struct peer *peer,
                 const char *forwarded, const struct peer_nets *trusted);

enum { PEER_NAME_SIZE = INET6_ADDRSTRLEN };

/* "192.0.2.1", "2001:db8::1", "unix" or "-". */
void peer_name(char name[PEER_NAME_SIZE], const struct peer *peer);

#endif

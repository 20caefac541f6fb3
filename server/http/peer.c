#include "server/http/peer.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { V4_BITS = 32, V6_BITS = 128, V4_AT = 12 /* byte of a mapped address */ };

static void map_v4(struct in6_addr *out, const struct in_addr *in)
{
    memset(out, 0, sizeof *out);
    out->s6_addr[10] = out->s6_addr[11] = 0xff;
    memcpy(out->s6_addr + V4_AT, in, sizeof *in);
}

/* Reads an address; returns its number of bits, or 0. */
static unsigned parse_address(struct in6_addr *out, const char *text)
{
    struct in_addr v4;

    if (inet_pton(AF_INET, text, &v4) == 1) {
        map_v4(out, &v4);
        return V4_BITS;
    }
    return inet_pton(AF_INET6, text, out) == 1 ? V6_BITS : 0;
}

/* Whether the first `len` bits are the same. */
static bool same_bits(const struct in6_addr *a, const struct in6_addr *b,
                      unsigned len)
{
    unsigned bytes = len / 8, rest = len % 8;

    if (memcmp(a->s6_addr, b->s6_addr, bytes) != 0)
        return false;
    return rest == 0 ||
           ((a->s6_addr[bytes] ^ b->s6_addr[bytes]) >> (8 - rest)) == 0;
}

/* Whether all bits from `len` on are zero. */
static bool is_network(const struct in6_addr *address, unsigned len)
{
    for (unsigned i = len; i < V6_BITS; i++)
        if (address->s6_addr[i / 8] & (0x80 >> i % 8))
            return false;
    return true;
}

static bool parse_net(struct peer_net *net, const char *text)
{
    char address[PEER_NAME_SIZE];
    size_t len = strcspn(text, "/");
    const char *digits = text + len + 1;
    unsigned bits;
    unsigned long prefix_len;

    if (len >= sizeof address)
        return false;
    snprintf(address, sizeof address, "%.*s", (int)len, text);
    bits = parse_address(&net->address, address);
    if (bits == 0)
        return false;
    net->prefix_len = V6_BITS;
    if (text[len] == '\0')
        return true;
    if (strlen(digits) > 3 || digits[0] == '\0' ||
        strspn(digits, "0123456789") != strlen(digits))
        return false;
    prefix_len = strtoul(digits, NULL, 10);
    if (prefix_len > bits)
        return false;
    net->prefix_len = V6_BITS - bits + (unsigned)prefix_len;
    return is_network(&net->address, net->prefix_len);
}

bool peer_nets_parse(struct peer_nets *nets, const struct config_list *texts,
                     struct error *err)
{
    *nets = (struct peer_nets){0};
    for (size_t i = 0; i < texts->count; i++) {
        if (strcmp(texts->items[i], "unix") == 0)
            nets->has_unix = true;
        else if (parse_net(&nets->nets[nets->count], texts->items[i]))
            nets->count++;
        else
            return fail(err, ERROR_INPUT,
                        "\"%s\" is neither a network, such as 10.0.0.0/8 or "
                        "::1, nor \"unix\"",
                        texts->items[i]);
    }
    return true;
}

bool peer_is_in(const struct peer *peer, const struct peer_nets *nets)
{
    if (peer->kind == PEER_UNIX)
        return nets->has_unix;
    if (peer->kind != PEER_INTERNET)
        return false;
    for (size_t i = 0; i < nets->count; i++)
        if (same_bits(&peer->address, &nets->nets[i].address,
                      nets->nets[i].prefix_len))
            return true;
    return false;
}

void peer_of_socket(struct peer *peer, const struct sockaddr *address)
{
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;

    *peer = (struct peer){0};
    if (!address)
        return;
    if (address->sa_family == AF_UNIX) {
        peer->kind = PEER_UNIX;
    } else if (address->sa_family == AF_INET) {
        memcpy(&v4, address, sizeof v4);
        map_v4(&peer->address, &v4.sin_addr);
        peer->kind = PEER_INTERNET;
    } else if (address->sa_family == AF_INET6) {
        memcpy(&v6, address, sizeof v6);
        peer->address = v6.sin6_addr;
        peer->kind = PEER_INTERNET;
    }
}

/* Removes ":port" and brackets; a plain IPv6 address contains colons itself. */
static void strip_port(char *text)
{
    char *colon = strchr(text, ':'), *end;

    if (text[0] == '[') {
        end = strchr(text, ']');
        if (end && (end[1] == '\0' || end[1] == ':')) {
            *end = '\0';
            memmove(text, text + 1, strlen(text));
        }
    } else if (colon && !strchr(colon + 1, ':')) {
        *colon = '\0';
    }
}

bool peer_parse(struct peer *peer, const char *text, size_t len)
{
    char copy[PEER_NAME_SIZE + 8]; /* with brackets and a port */

    *peer = (struct peer){0};
    while (len > 0 && (text[0] == ' ' || text[0] == '\t'))
        text++, len--;
    while (len > 0 && (text[len - 1] == ' ' || text[len - 1] == '\t'))
        len--;
    if (len == 0 || len >= sizeof copy || memchr(text, '\0', len))
        return false;
    memcpy(copy, text, len);
    copy[len] = '\0';
    strip_port(copy);
    if (parse_address(&peer->address, copy) == 0)
        return false;
    peer->kind = PEER_INTERNET;
    return true;
}

void peer_client(struct peer *client, const struct peer *peer,
                 const char *forwarded, const struct peer_nets *trusted)
{
    size_t end = forwarded ? strlen(forwarded) : 0;
    struct peer next;

    *client = *peer;
    while (end > 0 && peer_is_in(client, trusted)) {
        size_t begin = end;

        while (begin > 0 && forwarded[begin - 1] != ',')
            begin--;
        if (!peer_parse(&next, forwarded + begin, end - begin))
            return;
        *client = next;
        end = begin > 0 ? begin - 1 : 0;
    }
}

void peer_name(char name[PEER_NAME_SIZE], const struct peer *peer)
{
    const struct in6_addr *address = &peer->address;

    if (peer->kind == PEER_UNKNOWN)
        snprintf(name, PEER_NAME_SIZE, "-");
    else if (peer->kind == PEER_UNIX)
        snprintf(name, PEER_NAME_SIZE, "unix");
    else if (IN6_IS_ADDR_V4MAPPED(address))
        inet_ntop(AF_INET, address->s6_addr + V4_AT, name, PEER_NAME_SIZE);
    else
        inet_ntop(AF_INET6, address, name, PEER_NAME_SIZE);
}

#include "server/http/origin.h"

#include <microhttpd.h>
#include <string.h>
#include <strings.h>

enum { MAX_FORWARDED = 2048 };

struct headers {
    char forwarded[MAX_FORWARDED]; /* the lines of X-Forwarded-For, joined;
                                      their right end, if too long */
    const char *traceparent;       /* NULL unless there is exactly one */
    unsigned num_traceparents;
};

/* All lines count, because a proxy may append its own line to those that a
 * client made up. */
static void append_forwarded(struct headers *headers, const char *value,
                             size_t len)
{
    size_t used = strlen(headers->forwarded), room = MAX_FORWARDED - 2, cut;

    if (len > room) {
        value += len - room;
        len = room;
    }
    if (used + len > room) {
        cut = used + len - room;
        memmove(headers->forwarded, headers->forwarded + cut, used - cut + 1);
        used -= cut;
    }
    if (used > 0)
        headers->forwarded[used++] = ',';
    memcpy(headers->forwarded + used, value, len);
    headers->forwarded[used + len] = '\0';
}

static enum MHD_Result read_header(void *arg, enum MHD_ValueKind kind,
                                   const char *name, const char *value)
{
    struct headers *headers = arg;

    (void)kind;
    if (!value)
        return MHD_YES;
    if (strcasecmp(name, "X-Forwarded-For") == 0)
        append_forwarded(headers, value, strlen(value));
    else if (strcasecmp(name, "traceparent") == 0)
        headers->traceparent = headers->num_traceparents++ ? NULL : value;
    return MHD_YES;
}

void origin_of_connection(struct origin *origin,
                          struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);

    *origin = (struct origin){0};
    peer_of_socket(&origin->client, info ? info->client_addr : NULL);
}

void origin_read(struct origin *origin, struct MHD_Connection *connection,
                 const struct peer_nets *trusted)
{
    struct headers headers = {.forwarded = ""};
    struct peer peer;

    origin_of_connection(origin, connection);
    MHD_get_connection_values(connection, MHD_HEADER_KIND, read_header,
                              &headers);
    peer = origin->client;
    peer_client(&origin->client, &peer, headers.forwarded, trusted);
    if (headers.traceparent)
        trace_parse(&origin->trace, headers.traceparent);
}

#include "server/http/connections.h"

#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/clock.h"
#include "server/http/lingering.h"
#include "server/http/socket.h"

enum {
    MAX_SHUT = 64,      /* shut down, but not yet closed by libmicrohttpd */
    OTHER_FILES = 256,  /* models, threads, clients in lingering.c */
    GRACE_US = 1000000, /* for the first byte on a new one */
    PROBE_MS = 20,
    BODY_GRACE_S = 2 /* the exchange should time out first */
};

struct connection {
    bool used;
    bool shut;    /* shut down: whatever comes in is ignored */
    bool interim; /* the client accepts 1xx */
    bool probed;
    bool ending;     /* its reading side is shut down */
    bool ended;      /* the client has sent its last byte */
    unsigned status; /* the status sent when it was shut down, or 0 */
    enum connections_state state;
    struct peer client; /* as the limit counts it; PEER_UNKNOWN: not counted */
    uint64_t since_us;  /* when it entered its state */
    uint64_t until_us;  /* when the state must end; 0: no limit here */
    int older, newer;   /* of those that wait for a request, or -1 */
};

struct connections {
    const struct config *config; /* borrowed, as all four */
    const struct peer_nets *trusted;
    struct metrics *metrics;
    struct lingering *lingering;

    pthread_mutex_t lock;
    size_t count; /* guarded by lock, as all below; without num_shut */
    size_t num_shut;
    int oldest, newest; /* of those that wait for a request, or -1 */
    size_t num_slots;
    struct connection slots[]; /* (num_slots), by descriptor */
};

unsigned connections_max(const struct connections *c)
{
    return (unsigned)c->config->max_connections + MAX_SHUT;
}

/* The open connection with this descriptor, or NULL. Call with the lock held.
 */
static struct connection *find(struct connections *c, int fd)
{
    bool known = fd >= 0 && (size_t)fd < c->num_slots && c->slots[fd].used;

    return known ? &c->slots[fd] : NULL;
}

/* ---- connections that wait for a request, longest first ---- */

static bool waits(const struct connection *k)
{
    return !k->shut &&
           (k->state == CONNECTIONS_NEW || k->state == CONNECTIONS_IDLE);
}

static void append(struct connections *c, int fd)
{
    struct connection *k = &c->slots[fd];

    k->older = c->newest;
    k->newer = -1;
    if (c->newest >= 0)
        c->slots[c->newest].newer = fd;
    else
        c->oldest = fd;
    c->newest = fd;
}

static void unlink_from(struct connections *c, int fd)
{
    const struct connection *k = &c->slots[fd];

    if (k->older >= 0)
        c->slots[k->older].newer = k->newer;
    else
        c->oldest = k->newer;
    if (k->newer >= 0)
        c->slots[k->newer].older = k->older;
    else
        c->newest = k->older;
}

/* ---- closing ---- */

/* Shuts the connection down; libmicrohttpd notices, and closes it. */
static void shut_down(struct connections *c, int fd)
{
    struct connection *k = &c->slots[fd];

    if (waits(k))
        unlink_from(c, fd);
    k->shut = true;
    c->count--;
    c->num_shut++;
    shutdown(fd, SHUT_RDWR);
}

static void close_for(struct connections *c, int fd, enum metrics_reason reason)
{
    shut_down(c, fd);
    metrics_reject(c->metrics, reason);
}

static bool refuse(struct connections *c, int fd, enum problem problem,
                   enum metrics_reason reason, const char *detail,
                   uint64_t limit)
{
    metrics_reject(c->metrics, reason);
    problem_send(fd, problem, detail, limit);
    lingering_add(c->lingering, fd);
    return false;
}

/* ---- admission ---- */

/* The address that the limit counts: with IPv6 the /64 network, which is what
 * one client has. Trusted proxies, which have many clients behind one address,
 * and Unix sockets are not counted. */
static struct peer counted_client(const struct connections *c,
                                  const struct sockaddr *any)
{
    struct peer peer;

    peer_of_socket(&peer, any);
    if (peer.kind != PEER_INTERNET || peer_is_in(&peer, c->trusted))
        return (struct peer){0};
    if (!IN6_IS_ADDR_V4MAPPED(&peer.address))
        memset(peer.address.s6_addr + 8, 0, 8);
    return peer;
}

static uint64_t count_of(const struct connections *c, const struct peer *client)
{
    uint64_t count = 0;

    for (size_t i = 0; i < c->num_slots; i++) {
        const struct connection *k = &c->slots[i];

        count += k->used && !k->shut && k->client.kind != PEER_UNKNOWN &&
                 IN6_ARE_ADDR_EQUAL(&k->client.address, &client->address);
    }
    return count;
}

/* Makes room by closing the connection that has waited longest for a request.
 * Skips connections that are new, or whose request has just arrived. */
static bool evict(struct connections *c)
{
    uint64_t now = clock_now_us();

    if (c->num_shut >= MAX_SHUT)
        return false;
    for (int fd = c->oldest; fd >= 0; fd = c->slots[fd].newer) {
        const struct connection *k = &c->slots[fd];

        if (k->state == CONNECTIONS_NEW && now - k->since_us < GRACE_US)
            continue;
        if (socket_peek(fd) > 0)
            continue;
        close_for(c, fd, METRICS_IDLE_EVICTED);
        return true;
    }
    return false;
}

static void add(struct connections *c, int fd, const struct peer *client)
{
    uint64_t now = clock_now_us();

    c->slots[fd] = (struct connection){
        .used = true,
        .state = CONNECTIONS_NEW,
        .client = *client,
        .since_us = now,
        .until_us = now + c->config->header_timeout * UINT64_C(1000000),
    };
    c->count++;
    atomic_fetch_add(&c->metrics->connections, 1);
    append(c, fd);
}

static void drop(struct connections *c, int fd)
{
    struct connection *k = &c->slots[fd];

    if (waits(k))
        unlink_from(c, fd);
    if (k->shut)
        c->num_shut--;
    else
        c->count--;
    atomic_fetch_sub(&c->metrics->connections, 1);
    k->used = false;
}

bool connections_admit(struct connections *c, int fd,
                       const struct sockaddr *any)
{
    struct peer client = counted_client(c, any);
    uint64_t max = c->config->max_connections_per_address;
    bool many, full;

    pthread_mutex_lock(&c->lock);
    /* libmicrohttpd closed an earlier connection before its start, so the
     * descriptor is reused. */
    if (find(c, fd))
        drop(c, fd);
    many =
        max > 0 && client.kind != PEER_UNKNOWN && count_of(c, &client) >= max;
    full = !many && ((size_t)fd >= c->num_slots ||
                     (c->count >= c->config->max_connections && !evict(c)));
    if (!many && !full)
        add(c, fd, &client);
    pthread_mutex_unlock(&c->lock);
    if (many)
        return refuse(c, fd, PROBLEM_TOO_MANY, METRICS_CONNECTIONS_PER_ADDRESS,
                      "this address has reached its connection limit", max);
    if (full)
        return refuse(
            c, fd, PROBLEM_BUSY, METRICS_CONNECTIONS,
            "the connection limit is reached and no connection is idle",
            c->config->max_connections);
    return true;
}

/* ---- states ---- */

/* When a connection must leave the state that it enters now. */
static uint64_t end_of(const struct connections *c, const struct connection *k,
                       enum connections_state state, uint64_t now)
{
    const struct config *config = c->config;
    uint64_t headers = now + config->header_timeout * UINT64_C(1000000);

    switch (state) {
    case CONNECTIONS_NEW:
        return headers;
    case CONNECTIONS_IDLE: /* libmicrohttpd times out first */
        return headers + config->timeout * UINT64_C(1000000);
    case CONNECTIONS_HEADERS:
        return k->until_us < headers ? k->until_us : headers;
    case CONNECTIONS_SENDING:
        return now + config->send_timeout * UINT64_C(1000000);
    case CONNECTIONS_BODY:
        return now +
               (config->receive_timeout + BODY_GRACE_S) * UINT64_C(1000000);
    case CONNECTIONS_WORKING:
    case CONNECTIONS_STREAMING:
    case CONNECTIONS_CLOSING:
        break;
    }
    return 0;
}

static bool enter(struct connections *c, int fd, enum connections_state state,
                  bool interim)
{
    struct connection *k = &c->slots[fd];
    uint64_t now = clock_now_us();
    bool ok;

    pthread_mutex_lock(&c->lock);
    ok = !k->shut;
    if (ok) {
        if (waits(k))
            unlink_from(c, fd);
        k->until_us = end_of(c, k, state, now);
        k->since_us = now;
        k->state = state;
        k->interim = interim;
        k->probed = k->ended = false;
        if (waits(k))
            append(c, fd);
    }
    pthread_mutex_unlock(&c->lock);
    return ok;
}

bool connections_enter(struct connections *c, int fd,
                       enum connections_state state)
{
    return enter(c, fd, state, false);
}

bool connections_enter_work(struct connections *c, int fd, bool interim)
{
    return enter(c, fd, CONNECTIONS_WORKING, interim);
}

unsigned connections_timeout_status(struct connections *c, int fd)
{
    const struct connection *k;
    unsigned status;

    pthread_mutex_lock(&c->lock);
    k = find(c, fd);
    status = k ? k->status : 0;
    pthread_mutex_unlock(&c->lock);
    return status;
}

void connections_remove(struct connections *c, int fd)
{
    pthread_mutex_lock(&c->lock);
    if (find(c, fd))
        drop(c, fd);
    pthread_mutex_unlock(&c->lock);
}

/* ---- cancelled requests ---- */

/* If the client has sent its last byte, sends an interim response to find out
 * whether it still reads. Returns whether it was sent. Call with the lock held.
 */
static bool probe(struct connections *c, int fd)
{
    static const char interim[] = "HTTP/1.1 102 Processing\r\n\r\n";
    struct connection *k = &c->slots[fd];
    size_t len = sizeof interim - 1;

    if (!k->interim || k->probed ||
        !(socket_events(fd, 0, POLLRDHUP) & POLLRDHUP))
        return false;
    k->probed = true;
    if (send(fd, interim, len, MSG_NOSIGNAL | MSG_DONTWAIT) != (ssize_t)len)
        shutdown(fd, SHUT_RDWR); /* half a line would corrupt the response */
    return true;
}

bool connections_is_cancelled(struct connections *c, int fd)
{
    bool probed;

    if (socket_is_reset(socket_events(fd, 0, 0)))
        return true;
    pthread_mutex_lock(&c->lock);
    probed = probe(c, fd);
    pthread_mutex_unlock(&c->lock);
    return probed && socket_is_reset(socket_events(fd, PROBE_MS, 0));
}

/* ---- timeouts ---- */

/* Whether a client has closed its side before its request was complete, and
 * libmicrohttpd has not noticed: epoll reports no event if the end arrived
 * together with the last bytes. True only at the second sweep in a row, because
 * libmicrohttpd may be about to read. Call with the lock held. */
static bool has_ended(struct connection *k, int fd)
{
    if (k->ending || k->state > CONNECTIONS_BODY || socket_peek(fd) != 0)
        return false;
    if (k->ended)
        return true;
    k->ended = true;
    return false;
}

static void sweep_one(struct connections *c, int fd, uint64_t now)
{
    struct connection *k = &c->slots[fd];
    bool body = k->state == CONNECTIONS_BODY;
    char detail[80];

    if (k->state == CONNECTIONS_WORKING)
        probe(c, fd);
    if (has_ended(k, fd)) {
        shut_down(c, fd);
        return;
    }
    if (k->until_us == 0 || now < k->until_us)
        return;
    if (k->state == CONNECTIONS_SENDING) {
        close_for(c, fd, METRICS_SEND_TIMEOUT);
        return;
    }
    /* libmicrohttpd sends nothing in these states, so the two responses cannot
     * mix. */
    snprintf(detail, sizeof detail, "the %s took longer than the %ju s allowed",
             body ? "body" : "headers",
             (uintmax_t)(body ? c->config->receive_timeout
                              : c->config->header_timeout));
    if ((k->state != CONNECTIONS_NEW || socket_has_sent(fd)) &&
        problem_send(fd, PROBLEM_SLOW, detail, 0))
        k->status = problem_status(PROBLEM_SLOW);
    close_for(c, fd, body ? METRICS_RECEIVE_TIMEOUT : METRICS_HEADER_TIMEOUT);
}

void connections_sweep(struct connections *c)
{
    uint64_t now = clock_now_us();

    pthread_mutex_lock(&c->lock);
    for (size_t i = 0; i < c->num_slots; i++)
        if (c->slots[i].used && !c->slots[i].shut)
            sweep_one(c, (int)i, now);
    pthread_mutex_unlock(&c->lock);
}

/* ---- draining ---- */

/* Whether it has a request, or may be about to receive one. */
static bool is_active(const struct connection *k, int fd, uint64_t now)
{
    if (k->shut)
        return false;
    if (!waits(k))
        return true;
    return (k->state == CONNECTIONS_NEW && now - k->since_us < GRACE_US) ||
           socket_peek(fd) > 0;
}

/* Shuts down the reading side. libmicrohttpd still handles what it has read,
 * then sees the end and closes the connection. */
static void close_idle(struct connection *k, int fd, uint64_t now)
{
    if (k->ending || !waits(k))
        return;
    k->ending = true;
    k->since_us = now;
    shutdown(fd, SHUT_RD);
}

bool connections_drain(struct connections *c)
{
    bool awaited = false, open = false;
    uint64_t now;

    pthread_mutex_lock(&c->lock);
    now = clock_now_us(); /* not before any time in the table */
    for (size_t i = 0; i < c->num_slots && !awaited; i++)
        awaited = c->slots[i].used && is_active(&c->slots[i], (int)i, now);
    for (size_t i = 0; i < c->num_slots && !awaited; i++) {
        struct connection *k = &c->slots[i];

        if (!k->used)
            continue;
        close_idle(k, (int)i, now);
        /* After GRACE_US libmicrohttpd is no longer waited for. */
        open = open || !k->ending || now - k->since_us < GRACE_US;
    }
    pthread_mutex_unlock(&c->lock);
    return awaited || open;
}

/* ---- life ---- */

struct connections *connections_new(const struct config *config,
                                    const struct peer_nets *trusted,
                                    struct metrics *metrics,
                                    struct lingering *lingering,
                                    struct error *err)
{
    size_t needed = config->max_connections + MAX_SHUT + OTHER_FILES;
    struct connections *c;

    if (!socket_allow_files(needed, config->max_connections, err))
        return NULL;
    /* Descriptors are given out lowest first. */
    c = calloc(1, sizeof *c + needed * sizeof c->slots[0]);
    if (!c) {
        fail(err, ERROR_MEMORY, "not enough memory for %ju connections",
             (uintmax_t)config->max_connections);
        return NULL;
    }
    c->config = config;
    c->trusted = trusted;
    c->metrics = metrics;
    c->lingering = lingering;
    c->num_slots = needed;
    c->oldest = c->newest = -1;
    pthread_mutex_init(&c->lock, NULL);
    return c;
}

void connections_free(struct connections *c)
{
    if (!c)
        return;
    pthread_mutex_destroy(&c->lock);
    free(c);
}

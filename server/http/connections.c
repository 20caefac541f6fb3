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
    MAX_LEAVING = 64,   /* hung up on, and not yet closed by libmicrohttpd */
    OTHER_FILES = 256,  /* models, threads, clients in lingering.c */
    GRACE_US = 1000000, /* for the first byte of a new one */
    PROBE_MS = 20,
    BODY_GRACE_S = 2 /* the exchange is to say it first */
};

struct connection {
    bool used;
    bool left;    /* hung up on: whatever comes in is ignored */
    bool interim; /* may be sent 1xx */
    bool probed;
    bool ending;   /* told that no more is read from it */
    bool ended;    /* seen to have sent its last byte */
    unsigned said; /* the status that it was hung up on with, or 0 */
    enum connections_state state;
    struct peer customer; /* as far as limits go; PEER_UNKNOWN: not counted */
    uint64_t since_us;    /* waiting for a request */
    uint64_t until_us;    /* when this must be over; 0: not bounded here */
    int older, newer;     /* of those that wait for a request, or -1 */
};

struct connections {
    const struct config *config; /* borrowed, as all four */
    const struct peer_nets *trusted;
    struct metrics *metrics;
    struct lingering *lingering;

    pthread_mutex_t lock;
    size_t count; /* guarded by lock, as all below; without `leaving` */
    size_t num_leaving;
    int oldest, newest; /* of those that wait for a request, or -1 */
    size_t num_slots;
    struct connection slots[]; /* (num_slots), by descriptor */
};

unsigned connections_max(const struct connections *c)
{
    return (unsigned)c->config->max_connections + MAX_LEAVING;
}

/* NULL: there is none that is open. Under the lock. */
static struct connection *find(struct connections *c, int fd)
{
    bool known = fd >= 0 && (size_t)fd < c->num_slots && c->slots[fd].used;

    return known ? &c->slots[fd] : NULL;
}

/* ---- who waits for a request, in the order they began to ---- */

static bool waits(const struct connection *k)
{
    return !k->left &&
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

/* ---- hanging up ---- */

/* Ends the connection; libmicrohttpd notices, and closes it. */
static void leave(struct connections *c, int fd)
{
    struct connection *k = &c->slots[fd];

    if (waits(k))
        unlink_from(c, fd);
    k->left = true;
    c->count--;
    c->num_leaving++;
    shutdown(fd, SHUT_RDWR);
}

static void hang_up_on(struct connections *c, int fd,
                       enum metrics_reason reason)
{
    leave(c, fd);
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

/* ---- who may come in ---- */

/* Of IPv6 the network (/64), which is what one customer has. A trusted proxy is
 * one address with all its clients behind it: nobody who is counted, as those
 * who come through a Unix socket. */
static struct peer customer_of(const struct connections *c,
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

static uint64_t count_of(const struct connections *c,
                         const struct peer *customer)
{
    uint64_t count = 0;

    for (size_t i = 0; i < c->num_slots; i++) {
        const struct connection *k = &c->slots[i];

        count += k->used && !k->left && k->customer.kind != PEER_UNKNOWN &&
                 IN6_ARE_ADDR_EQUAL(&k->customer.address, &customer->address);
    }
    return count;
}

/* Makes room: hangs up on the one that has waited longest for a request. Not
 * on one whose request has just arrived, nor on one that is new. */
static bool evict(struct connections *c)
{
    uint64_t now = clock_now_us();

    if (c->num_leaving >= MAX_LEAVING)
        return false;
    for (int fd = c->oldest; fd >= 0; fd = c->slots[fd].newer) {
        const struct connection *k = &c->slots[fd];

        if (k->state == CONNECTIONS_NEW && now - k->since_us < GRACE_US)
            continue;
        if (socket_peek(fd) > 0)
            continue;
        hang_up_on(c, fd, METRICS_IDLE_EVICTED);
        return true;
    }
    return false;
}

static void add(struct connections *c, int fd, const struct peer *customer)
{
    uint64_t now = clock_now_us();

    c->slots[fd] = (struct connection){
        .used = true,
        .state = CONNECTIONS_NEW,
        .customer = *customer,
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
    if (k->left)
        c->num_leaving--;
    else
        c->count--;
    atomic_fetch_sub(&c->metrics->connections, 1);
    k->used = false;
}

bool connections_admit(struct connections *c, int fd,
                       const struct sockaddr *any)
{
    struct peer customer = customer_of(c, any);
    uint64_t max = c->config->max_connections_per_address;
    bool many, full;

    pthread_mutex_lock(&c->lock);
    /* One that libmicrohttpd closed before it began: its number is free. */
    if (find(c, fd))
        drop(c, fd);
    many = max > 0 && customer.kind != PEER_UNKNOWN &&
           count_of(c, &customer) >= max;
    full = !many && ((size_t)fd >= c->num_slots ||
                     (c->count >= c->config->max_connections && !evict(c)));
    if (!many && !full)
        add(c, fd, &customer);
    pthread_mutex_unlock(&c->lock);
    if (many)
        return refuse(c, fd, PROBLEM_TOO_MANY, METRICS_CONNECTIONS_PER_ADDRESS,
                      "this address has as many connections open as it may",
                      max);
    if (full)
        return refuse(c, fd, PROBLEM_BUSY, METRICS_CONNECTIONS,
                      "as many connections as may be are open, and all are "
                      "busy",
                      c->config->max_connections);
    return true;
}

/* ---- what they do ---- */

/* Until when a connection may be in the state that it enters now. */
static uint64_t end_of(const struct connections *c, const struct connection *k,
                       enum connections_state state, uint64_t now)
{
    const struct config *config = c->config;
    uint64_t headers = now + config->header_timeout * UINT64_C(1000000);

    switch (state) {
    case CONNECTIONS_NEW:
        return headers;
    case CONNECTIONS_IDLE: /* libmicrohttpd ends the silence before that */
        return headers + config->timeout * UINT64_C(1000000);
    case CONNECTIONS_HEADERS:
        return k->until_us < headers ? k->until_us : headers;
    case CONNECTIONS_SENDING:
        return now + config->send_timeout * UINT64_C(1000000);
    case CONNECTIONS_BODY:
        return now +
               (config->receive_timeout + BODY_GRACE_S) * UINT64_C(1000000);
    case CONNECTIONS_WORKING:
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
    ok = !k->left;
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

unsigned connections_said(struct connections *c, int fd)
{
    const struct connection *k;
    unsigned status;

    pthread_mutex_lock(&c->lock);
    k = find(c, fd);
    status = k ? k->said : 0;
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

/* ---- who has gone ---- */

/* Where the client has sent its last byte, asks whether it still reads. false:
 * it could not be asked, or need not be. Under the lock. */
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
        shutdown(fd, SHUT_RDWR); /* half a line is in the way of the answer */
    return true;
}

bool connections_is_gone(struct connections *c, int fd)
{
    bool probed;

    if (socket_is_reset(socket_events(fd, 0, 0)))
        return true;
    pthread_mutex_lock(&c->lock);
    probed = probe(c, fd);
    pthread_mutex_unlock(&c->lock);
    return probed && socket_is_reset(socket_events(fd, PROBE_MS, 0));
}

/* ---- who is too slow ---- */

/* Whether a client whose request is not whole will never send the rest, and
 * libmicrohttpd does not know. It waits for news of a socket, and where the end
 * came with the last bytes that it read there are none. Seen twice, with
 * nothing done in between, or it may be about to read. Under the lock. */
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
        leave(c, fd);
        return;
    }
    if (k->until_us == 0 || now < k->until_us)
        return;
    if (k->state == CONNECTIONS_SENDING) {
        hang_up_on(c, fd, METRICS_SEND_TIMEOUT);
        return;
    }
    /* libmicrohttpd has nothing to say at this point, so that nothing that it
     * says is mixed with this. */
    snprintf(detail, sizeof detail, "the %s took longer than the %ju s allowed",
             body ? "body" : "headers",
             (uintmax_t)(body ? c->config->receive_timeout
                              : c->config->header_timeout));
    if ((k->state != CONNECTIONS_NEW || socket_has_sent(fd)) &&
        problem_send(fd, PROBLEM_SLOW, detail, 0))
        k->said = problem_status(PROBLEM_SLOW);
    hang_up_on(c, fd, body ? METRICS_RECEIVE_TIMEOUT : METRICS_HEADER_TIMEOUT);
}

void connections_sweep(struct connections *c)
{
    uint64_t now = clock_now_us();

    pthread_mutex_lock(&c->lock);
    for (size_t i = 0; i < c->num_slots; i++)
        if (c->slots[i].used && !c->slots[i].left)
            sweep_one(c, (int)i, now);
    pthread_mutex_unlock(&c->lock);
}

/* ---- the end ---- */

/* Whether it has a request, or may have one on its way. */
static bool is_awaited(const struct connection *k, int fd, uint64_t now)
{
    if (k->left)
        return false;
    if (!waits(k))
        return true;
    return (k->state == CONNECTIONS_NEW && now - k->since_us < GRACE_US) ||
           socket_peek(fd) > 0;
}

/* No more comes in by it. What libmicrohttpd has read by now it still acts
 * upon, and only then does it see the end, and close. */
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
    now = clock_now_us(); /* after whatever is in the table */
    for (size_t i = 0; i < c->num_slots && !awaited; i++)
        awaited = c->slots[i].used && is_awaited(&c->slots[i], (int)i, now);
    for (size_t i = 0; i < c->num_slots && !awaited; i++) {
        struct connection *k = &c->slots[i];

        if (!k->used)
            continue;
        close_idle(k, (int)i, now);
        /* libmicrohttpd has had its time. */
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
    size_t needed = config->max_connections + MAX_LEAVING + OTHER_FILES;
    struct connections *c;

    if (!socket_allow_files(needed, config->max_connections, err))
        return NULL;
    /* Descriptors are given out lowest first. */
    c = calloc(1, sizeof *c + needed * sizeof c->slots[0]);
    if (!c) {
        fail(err, ERROR_MEMORY, "no room for %ju connections",
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

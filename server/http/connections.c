#include "server/http/connections.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "engine/base/clock.h"
#include "server/http/hangup.h"
#include "server/http/response.h"

enum {
    MAX_LEAVING = 64,   /* hung up on, and not yet closed by libmicrohttpd */
    OTHER_FILES = 256,  /* models, threads, clients in hangup.c */
    GRACE_US = 1000000, /* for the first byte of a new one */
    PROBE_MS = 20,
    BODY_GRACE_S = 2 /* the exchange is to say it first */
};

/* Who is at the other end, as far as limits go: of IPv6 the network (/64),
 * which is what one customer has. */
struct address {
    int family; /* AF_UNSPEC: nobody who is counted */
    unsigned char bytes[8];
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
    struct address address;
    uint64_t since_us; /* waiting for a request */
    uint64_t until_us; /* when this must be over; 0: not bounded here */
    int older, newer;  /* of those that wait for a request, or -1 */
};

struct connections {
    const struct config *config; /* borrowed, as all four */
    const struct peer_nets *trusted;
    struct metrics *metrics;
    struct hangup *hangup;

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

/* Writes a whole answer to a socket; false: it did not take it all at once. */
static bool say(int fd, enum problem problem, const char *detail,
                uint64_t limit)
{
    struct response response = {0};
    bool ok;

    problem_response(&response, problem, detail, limit);
    response_header(&response, "X-Content-Type-Options", "nosniff");
    ok = response_send(fd, &response, true);
    response_release(&response);
    return ok;
}

static bool refuse(struct connections *c, int fd, enum problem problem,
                   enum metrics_reason reason, const char *detail,
                   uint64_t limit)
{
    metrics_reject(c->metrics, reason);
    say(fd, problem, detail, limit);
    hangup_add(c->hangup, fd);
    return false;
}

/* ---- who may come in ---- */

/* A trusted proxy is one address with all its clients behind it: nobody who is
 * counted, as those who come through a Unix socket. */
static struct address address_of(const struct connections *c,
                                 const struct sockaddr *any)
{
    struct address address = {AF_UNSPEC, {0}};
    const unsigned char *bytes;
    struct peer peer;

    peer_of_socket(&peer, any);
    if (peer.kind != PEER_INTERNET || peer_is_in(&peer, c->trusted))
        return address;
    bytes = peer.address.s6_addr;
    if (IN6_IS_ADDR_V4MAPPED(&peer.address)) {
        address.family = AF_INET;
        memcpy(address.bytes, bytes + 12, 4);
    } else {
        address.family = AF_INET6;
        memcpy(address.bytes, bytes, sizeof address.bytes);
    }
    return address;
}

static uint64_t count_of(const struct connections *c,
                         const struct address *address)
{
    uint64_t count = 0;

    for (size_t i = 0; i < c->num_slots; i++) {
        const struct connection *k = &c->slots[i];

        count += k->used && !k->left && k->address.family == address->family &&
                 memcmp(k->address.bytes, address->bytes,
                        sizeof address->bytes) == 0;
    }
    return count;
}

/* What libmicrohttpd would read next: 1, a byte; 0, the end; -1, nothing yet.
 */
static ssize_t peek(int fd)
{
    char byte;

    return recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
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
        if (peek(fd) > 0)
            continue;
        hang_up_on(c, fd, METRICS_IDLE_EVICTED);
        return true;
    }
    return false;
}

static void add(struct connections *c, int fd, const struct address *address)
{
    uint64_t now = clock_now_us();

    c->slots[fd] = (struct connection){
        .used = true,
        .state = CONNECTIONS_NEW,
        .address = *address,
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
    struct address address = address_of(c, any);
    uint64_t max = c->config->max_connections_per_address;
    bool many, full;

    pthread_mutex_lock(&c->lock);
    /* One that libmicrohttpd closed before it began: its number is free. */
    if (find(c, fd))
        drop(c, fd);
    many =
        max > 0 && address.family != AF_UNSPEC && count_of(c, &address) >= max;
    full = !many && ((size_t)fd >= c->num_slots ||
                     (c->count >= c->config->max_connections && !evict(c)));
    if (!many && !full)
        add(c, fd, &address);
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

static short events_of(int fd, int timeout_ms, short wanted)
{
    struct pollfd one = {.fd = fd, .events = wanted};

    return poll(&one, 1, timeout_ms) > 0 ? one.revents : 0;
}

static bool is_reset(short events)
{
    return events & (POLLHUP | POLLERR);
}

/* Where the client has sent its last byte, asks whether it still reads. false:
 * it could not be asked, or need not be. Under the lock. */
static bool probe(struct connections *c, int fd)
{
    static const char interim[] = "HTTP/1.1 102 Processing\r\n\r\n";
    struct connection *k = &c->slots[fd];
    size_t len = sizeof interim - 1;

    if (!k->interim || k->probed || !(events_of(fd, 0, POLLRDHUP) & POLLRDHUP))
        return false;
    k->probed = true;
    if (send(fd, interim, len, MSG_NOSIGNAL | MSG_DONTWAIT) != (ssize_t)len)
        shutdown(fd, SHUT_RDWR); /* half a line is in the way of the answer */
    return true;
}

bool connections_is_gone(struct connections *c, int fd)
{
    bool probed;

    if (is_reset(events_of(fd, 0, 0)))
        return true;
    pthread_mutex_lock(&c->lock);
    probed = probe(c, fd);
    pthread_mutex_unlock(&c->lock);
    return probed && is_reset(events_of(fd, PROBE_MS, 0));
}

/* Whether a new connection has sent anything at all. */
static bool has_sent(int fd)
{
    struct tcp_info info = {0};
    socklen_t len = sizeof info;

    return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) != 0 ||
           info.tcpi_bytes_received > 0;
}

/* ---- who is too slow ---- */

/* Whether a client whose request is not whole will never send the rest, and
 * libmicrohttpd does not know. It waits for news of a socket, and where the end
 * came with the last bytes that it read there are none. Seen twice, with
 * nothing done in between, or it may be about to read. Under the lock. */
static bool has_ended(struct connection *k, int fd)
{
    if (k->ending || k->state > CONNECTIONS_BODY || peek(fd) != 0)
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
    if ((k->state != CONNECTIONS_NEW || has_sent(fd)) &&
        say(fd, PROBLEM_SLOW, detail, 0))
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
           peek(fd) > 0;
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

/* The files that the process may have open, at least `needed`. */
static bool allow_files(rlim_t needed, uint64_t max_connections,
                        struct error *err)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return fail(err, ERROR_IO, "the limit of open files is not known: %s",
                    strerror(errno));
    if (limit.rlim_cur >= needed)
        return true;
    if (limit.rlim_max >= needed) {
        limit.rlim_cur = needed;
        if (setrlimit(RLIMIT_NOFILE, &limit) == 0)
            return true;
    }
    return fail(err, ERROR_IO,
                "--max-connections: %ju need %ju open files, and %ju are "
                "allowed (ulimit -Hn)",
                (uintmax_t)max_connections, (uintmax_t)needed,
                (uintmax_t)limit.rlim_max);
}

struct connections *connections_new(const struct config *config,
                                    const struct peer_nets *trusted,
                                    struct metrics *metrics,
                                    struct hangup *hangup, struct error *err)
{
    size_t needed = config->max_connections + MAX_LEAVING + OTHER_FILES;
    struct connections *c;

    if (!allow_files(needed, config->max_connections, err))
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
    c->hangup = hangup;
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

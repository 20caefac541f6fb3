#include "server/http/lingering.h"

#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/base/clock.h"

enum {
    MAX_SOCKETS = 128,
    MAX_NEW = 32,
    SILENCE_US = 5000000,
    TOTAL_US = 30000000,
    LAST_US = 1000000 /* when stopping */
};

struct deadline {
    uint64_t silent_us; /* when the last byte arrived */
    uint64_t end_us;
};

struct lingering {
    pthread_t thread;
    int wake; /* an eventfd: a new socket was added, or the thread must stop */

    pthread_mutex_t lock;
    int added[MAX_NEW]; /* guarded by lock, as all three */
    size_t num_added;
    bool stop;

    /* The thread's own: polls[0] is `wake`, polls[i + 1] is deadlines[i]. */
    struct pollfd polls[MAX_SOCKETS + 1];
    struct deadline deadlines[MAX_SOCKETS];
    size_t count;
    uint64_t end_us; /* of all of them, when stopping; else 0 */
};

static void drop(struct lingering *lingering, size_t i)
{
    size_t last = --lingering->count;

    close(lingering->polls[i + 1].fd);
    lingering->polls[i + 1] = lingering->polls[last + 1];
    lingering->deadlines[i] = lingering->deadlines[last];
}

/* Takes over the new sockets; returns false when it must stop and all are
 * closed. */
static bool take_new(struct lingering *lingering, uint64_t now)
{
    bool stop;

    pthread_mutex_lock(&lingering->lock);
    for (size_t i = 0; i < lingering->num_added; i++) {
        if (lingering->count == MAX_SOCKETS) {
            close(lingering->added[i]);
            continue;
        }
        lingering->polls[lingering->count + 1] =
            (struct pollfd){.fd = lingering->added[i], .events = POLLIN};
        lingering->deadlines[lingering->count++] =
            (struct deadline){.silent_us = now, .end_us = now + TOTAL_US};
    }
    lingering->num_added = 0;
    stop = lingering->stop;
    pthread_mutex_unlock(&lingering->lock);
    if (stop && lingering->end_us == 0)
        lingering->end_us = now + LAST_US;
    return !stop || lingering->count > 0;
}

/* Discards what came in; returns false when the socket is to be closed. */
static bool drain(struct lingering *lingering, size_t i, uint64_t now)
{
    char buf[65536];
    ssize_t got;

    if (lingering->polls[i + 1].revents) {
        got = recv(lingering->polls[i + 1].fd, buf, sizeof buf, MSG_DONTWAIT);
        if (got <= 0)
            return false;
        lingering->deadlines[i].silent_us = now;
    }
    return now < lingering->deadlines[i].end_us &&
           (lingering->end_us == 0 || now < lingering->end_us) &&
           now - lingering->deadlines[i].silent_us < SILENCE_US;
}

static void *run(void *arg)
{
    struct lingering *lingering = arg;
    uint64_t now = clock_now_us(), ignored;

    while (take_new(lingering, now)) {
        /* Without sockets there is nothing to time out. */
        poll(lingering->polls, (nfds_t)lingering->count + 1,
             lingering->count ? 1000 : -1);
        now = clock_now_us();
        if (lingering->polls[0].revents &&
            read(lingering->wake, &ignored, sizeof ignored) < 0)
            continue; /* interrupted: try again */
        for (size_t i = lingering->count; i-- > 0;)
            if (!drain(lingering, i, now))
                drop(lingering, i);
    }
    return NULL;
}

struct lingering *lingering_new(struct error *err)
{
    struct lingering *lingering = calloc(1, sizeof *lingering);
    int code;

    if (!lingering) {
        fail(err, ERROR_MEMORY, "not enough memory for lingering connections");
        return NULL;
    }
    lingering->wake = eventfd(0, EFD_CLOEXEC);
    lingering->polls[0] =
        (struct pollfd){.fd = lingering->wake, .events = POLLIN};
    pthread_mutex_init(&lingering->lock, NULL);
    code = lingering->wake < 0
               ? -1
               : pthread_create(&lingering->thread, NULL, run, lingering);
    if (code == 0)
        return lingering;
    fail(err, ERROR_INTERNAL,
         "cannot start the thread for lingering connections: %s",
         code > 0 ? strerror(code) : "no eventfd");
    if (lingering->wake >= 0)
        close(lingering->wake);
    pthread_mutex_destroy(&lingering->lock);
    free(lingering);
    return NULL;
}

static void wake(struct lingering *lingering)
{
    uint64_t one = 1;

    if (write(lingering->wake, &one, sizeof one) < 0)
        return; /* the counter is full: it is awake */
}

void lingering_add(struct lingering *lingering, int fd)
{
    bool full;

    shutdown(fd, SHUT_WR);
    pthread_mutex_lock(&lingering->lock);
    full = lingering->stop || lingering->num_added == MAX_NEW;
    if (!full)
        lingering->added[lingering->num_added++] = fd;
    pthread_mutex_unlock(&lingering->lock);
    if (full)
        close(fd);
    else
        wake(lingering);
}

void lingering_free(struct lingering *lingering)
{
    if (!lingering)
        return;
    pthread_mutex_lock(&lingering->lock);
    lingering->stop = true;
    pthread_mutex_unlock(&lingering->lock);
    wake(lingering);
    pthread_join(lingering->thread, NULL);
    close(lingering->wake);
    pthread_mutex_destroy(&lingering->lock);
    free(lingering);
}

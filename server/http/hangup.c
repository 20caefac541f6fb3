#include "server/http/hangup.h"

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
    LAST_US = 1000000 /* once told to stop */
};

struct waiting {
    uint64_t silent_us; /* when the last byte came */
    uint64_t end_us;
};

struct hangup {
    pthread_t thread;
    int wake; /* an eventfd: there is a new socket, or an end */

    pthread_mutex_t lock;
    int added[MAX_NEW]; /* guarded by lock, as all three */
    size_t num_added;
    bool stop;

    /* The thread's own: polls[0] is `wake`, polls[i + 1] is waiting[i]. */
    struct pollfd polls[MAX_SOCKETS + 1];
    struct waiting waiting[MAX_SOCKETS];
    size_t count;
    uint64_t end_us; /* of all of them; 0: not told to stop */
};

static void drop(struct hangup *hangup, size_t i)
{
    size_t last = --hangup->count;

    close(hangup->polls[i + 1].fd);
    hangup->polls[i + 1] = hangup->polls[last + 1];
    hangup->waiting[i] = hangup->waiting[last];
}

/* Takes the new sockets over; returns false when it was told to stop, and all
 * are closed. */
static bool take_new(struct hangup *hangup, uint64_t now)
{
    bool stop;

    pthread_mutex_lock(&hangup->lock);
    for (size_t i = 0; i < hangup->num_added; i++) {
        if (hangup->count == MAX_SOCKETS) {
            close(hangup->added[i]);
            continue;
        }
        hangup->polls[hangup->count + 1] =
            (struct pollfd){.fd = hangup->added[i], .events = POLLIN};
        hangup->waiting[hangup->count++] =
            (struct waiting){.silent_us = now, .end_us = now + TOTAL_US};
    }
    hangup->num_added = 0;
    stop = hangup->stop;
    pthread_mutex_unlock(&hangup->lock);
    if (stop && hangup->end_us == 0)
        hangup->end_us = now + LAST_US;
    return !stop || hangup->count > 0;
}

/* Throws away what came in; returns false when the socket is through. */
static bool drain(struct hangup *hangup, size_t i, uint64_t now)
{
    char buf[65536];
    ssize_t got;

    if (hangup->polls[i + 1].revents) {
        got = recv(hangup->polls[i + 1].fd, buf, sizeof buf, MSG_DONTWAIT);
        if (got <= 0)
            return false;
        hangup->waiting[i].silent_us = now;
    }
    return now < hangup->waiting[i].end_us &&
           (hangup->end_us == 0 || now < hangup->end_us) &&
           now - hangup->waiting[i].silent_us < SILENCE_US;
}

static void *run(void *arg)
{
    struct hangup *hangup = arg;
    uint64_t now = clock_now_us(), ignored;

    while (take_new(hangup, now)) {
        /* With nobody waiting there is nothing to time out. */
        poll(hangup->polls, (nfds_t)hangup->count + 1,
             hangup->count ? 1000 : -1);
        now = clock_now_us();
        if (hangup->polls[0].revents &&
            read(hangup->wake, &ignored, sizeof ignored) < 0)
            continue; /* interrupted: the next time round */
        for (size_t i = hangup->count; i-- > 0;)
            if (!drain(hangup, i, now))
                drop(hangup, i);
    }
    return NULL;
}

struct hangup *hangup_new(struct error *err)
{
    struct hangup *hangup = calloc(1, sizeof *hangup);
    int code;

    if (!hangup) {
        fail(err, ERROR_MEMORY, "no room for sockets to hang up on");
        return NULL;
    }
    hangup->wake = eventfd(0, EFD_CLOEXEC);
    hangup->polls[0] = (struct pollfd){.fd = hangup->wake, .events = POLLIN};
    pthread_mutex_init(&hangup->lock, NULL);
    code = hangup->wake < 0
               ? -1
               : pthread_create(&hangup->thread, NULL, run, hangup);
    if (code == 0)
        return hangup;
    fail(err, ERROR_INTERNAL, "cannot start the thread that hangs up: %s",
         code > 0 ? strerror(code) : "no eventfd");
    if (hangup->wake >= 0)
        close(hangup->wake);
    pthread_mutex_destroy(&hangup->lock);
    free(hangup);
    return NULL;
}

static void wake(struct hangup *hangup)
{
    uint64_t one = 1;

    if (write(hangup->wake, &one, sizeof one) < 0)
        return; /* the counter is full: it is awake */
}

void hangup_add(struct hangup *hangup, int fd)
{
    bool full;

    shutdown(fd, SHUT_WR);
    pthread_mutex_lock(&hangup->lock);
    full = hangup->stop || hangup->num_added == MAX_NEW;
    if (!full)
        hangup->added[hangup->num_added++] = fd;
    pthread_mutex_unlock(&hangup->lock);
    if (full)
        close(fd);
    else
        wake(hangup);
}

void hangup_free(struct hangup *hangup)
{
    if (!hangup)
        return;
    pthread_mutex_lock(&hangup->lock);
    hangup->stop = true;
    pthread_mutex_unlock(&hangup->lock);
    wake(hangup);
    pthread_join(hangup->thread, NULL);
    close(hangup->wake);
    pthread_mutex_destroy(&hangup->lock);
    free(hangup);
}

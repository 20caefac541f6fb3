#include "cli/drain.h"

#include <stdbool.h>
#include <time.h>
#include <unistd.h>

#include "engine/base/clock.h"

enum { LAST_WORD_US = 500000 };

void drain_block_signals(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGHUP);
    pthread_sigmask(SIG_BLOCK, set, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* the log may reach the largest file size */
}

/* Waits for the next signal. Meanwhile the service manager is told that the
 * HTTP threads are alive, as long as they are. */
static int wait_for_signal(const struct http *http, const struct notify *notify,
                           const sigset_t *set)
{
    uint64_t wait_us = notify->watchdog_us / 3;
    struct timespec wait = {(time_t)(wait_us / 1000000),
                            (long)(wait_us % 1000000) * 1000};
    int number;

    for (;;) {
        number = sigtimedwait(set, NULL, wait_us > 0 ? &wait : NULL);
        if (number > 0)
            return number;
        if (wait_us > 0 && http_is_alive(http, wait_us))
            notify_send(notify, "WATCHDOG=1");
    }
}

static void end_at_once(int number)
{
    _exit(128 + number);
}

void drain_await_signal(struct service *service, const struct http *http,
                        const struct notify *notify, const sigset_t *set)
{
    while (wait_for_signal(http, notify, set) == SIGHUP) {
        notify_reloading(notify);
        service_reload(service);
        notify_send(notify, "READY=1\nSTATUS=serving on %s", http_name(http));
    }
    signal(SIGHUP, SIG_IGN);
    /* In a container, process 1 is not killed by default signal actions. */
    signal(SIGTERM, getpid() == 1 ? end_at_once : SIG_DFL);
    signal(SIGINT, getpid() == 1 ? end_at_once : SIG_DFL);
    pthread_sigmask(SIG_UNBLOCK, set, NULL);
}

void drain(struct http *http, struct service *service, uint64_t max_us)
{
    uint64_t end = clock_now_us() + max_us;
    bool done;

    service_begin_drain(service);
    http_stop_accepting(http);
    done = http_wait(http, end);
    if (!done)
        service_abandon(service);
    service_finish(service);
    if (!done)
        http_wait(http, clock_now_us() + LAST_WORD_US);
}

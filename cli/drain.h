#ifndef CLI_DRAIN_H
#define CLI_DRAIN_H

/* How `wherefore serve` ends: the signals it waits for, and the drain after
 * SIGTERM or SIGINT. Main thread only. */

#include <signal.h>
#include <stdint.h>

#include "server/http/http.h"
#include "server/observe/notify.h"
#include "server/work/service.h"

/* Blocks the signals that drain_await_signal waits for, and sets *set to them;
 * threads that are started later inherit this. */
void drain_block_signals(sigset_t *set);

/* Reloads the models on SIGHUP until SIGTERM or SIGINT comes. A second signal
 * to stop kills the process, for users who do not want to wait. Meanwhile the
 * service manager is told that the HTTP threads are alive, as long as they
 * are. */
void drain_await_signal(struct service *service, const struct http *http,
                        const struct notify *notify, const sigset_t *set);

/* Finishes accepted requests; those that have not begun after max_us are
 * refused, with a moment to send that response. */
void drain(struct http *http, struct service *service, uint64_t max_us);

#endif

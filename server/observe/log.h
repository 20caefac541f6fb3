#ifndef SERVER_OBSERVE_LOG_H
#define SERVER_OBSERVE_LOG_H

/* Writes one line per request to stderr, as text or as JSON:
 *
 *     2026-11-23T13:00:00.123Z POST /cam 200 187345 14.2ms client=192.0.2.1
 *      received=51234 id=5f0c…-17
 *     {"time":"2026-…","method":"POST","path":"/cam","status":200,
 *      "bytes":187345,"ms":14.2,"id":"5f0c…-17","client":"192.0.2.1",
 *      "received":51234,"stages_ms":{"queue":0.02,…}}
 *
 * A line never contains a query, a token or any part of a body. From the
 * headers it takes the request id, the trace and the client's address, each
 * checked.
 *
 * Logging never blocks. If standard error is a pipe or a terminal that nobody
 * reads, lines are dropped and counted, and a line reports them once it can be
 * written again. */

#include <stddef.h>
#include <stdint.h>

#include "server/config/config.h"
#include "server/observe/stages.h"
#include "server/observe/trace.h"

struct log_entry {
    const char *method;          /* as the client sent it */
    const char *path;            /* as the client sent it, without the query */
    const char *id;              /* of the request */
    const char *client;          /* its address */
    const char *problem;         /* the kind of a problem; NULL: none */
    const struct trace *trace;   /* borrowed, as is the next; NULL: none */
    const struct stages *stages; /* NULL: no image */
    unsigned status;             /* 0: the client disconnected first */
    uint64_t received;           /* of the request's body */
    uint64_t bytes;              /* of the response's body */
    double ms;
};

enum { LOG_LINE_SIZE = 2048 };

/* Prepares standard error. Call it before the sandbox and before threads start;
 * without it logging to a terminal may block. */
void log_open(void);

/* Writes one line, including the newline, into `line` and returns its length; 0
 * if the format is none. Unprintable characters are escaped, long values are
 * cut. Any thread. */
size_t log_format(char line[LOG_LINE_SIZE], enum config_log_format format,
                  const struct log_entry *entry);

/* Logs a line about the service itself, such as a reload: time and text, or
 * {"time": …, "notice": …}. Any thread. */
void log_notice(enum config_log_format format, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Formats a line and writes it to stderr with one system call. Any thread. */
void log_request(enum config_log_format format, const struct log_entry *entry);

/* Lines dropped so far. Any thread. */
uint64_t log_num_dropped(void);

#endif

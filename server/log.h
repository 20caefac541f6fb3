#ifndef SERVER_LOG_H
#define SERVER_LOG_H

/* One line a request on stderr, as text or as JSON:
 *
 *     2026-11-23T13:00:00.123Z POST /cam 200 187345 14.2ms id=5f0c…-17
 *     {"time":"2026-…","method":"POST","path":"/cam","status":200,
 *      "bytes":187345,"ms":14.2,"id":"5f0c…-17"}
 *
 * A line never has a query, a header or a body in it: nothing of what people
 * upload. */

#include <stddef.h>
#include <stdint.h>

#include "config.h"

struct log_entry {
    const char *method; /* as the client sent it */
    const char *path;   /* as the client sent it, without the query */
    const char *id;     /* of the request */
    unsigned status;    /* 0: the client left before its answer */
    uint64_t bytes;     /* of the answer's body */
    double ms;
};

enum { LOG_LINE_SIZE = 1024 };

/* Writes one line, newline included, into `line` and returns its length; 0
 * where the format is none. What is not printable is escaped, what is too long
 * is cut. Any thread. */
size_t log_format(char line[LOG_LINE_SIZE], enum config_log_format format,
                  const struct log_entry *entry);

/* Writes a line about the service itself, such as that a model was read anew:
 * time and text, or as {"time": …, "notice": …}. Any thread. */
void log_notice(enum config_log_format format, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Formats a line and writes it to stderr with one system call. */
void log_request(enum config_log_format format, const struct log_entry *entry);

#endif

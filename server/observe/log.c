#include "server/observe/log.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { MAX_TEXT = 512 }; /* of an escaped text */

/* Held from polling until the line is written, so that no other thread takes
 * the space in between. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static _Atomic uint64_t num_dropped;
static uint64_t num_told; /* of those, reported in the log; guarded by lock */
static int log_fd = STDERR_FILENO;

/* The unwritten rest of a line; guarded by lock. */
static char rest_of_line[LOG_LINE_SIZE];
static size_t rest_len;

/* Copies `text`, cut to fit. Quotes, backslashes and everything but printable
 * ASCII become \u00XX, which is valid JSON and cannot forge a line in text.
 * `first` is the lowest character that is kept: '!' excludes spaces, so that no
 * field can be forged. */
static void escape(char out[MAX_TEXT], const char *text, char first)
{
    size_t len = 0;

    for (; *text && len + 7 <= MAX_TEXT; text++) {
        unsigned char c = (unsigned char)*text;

        if (c >= first && c < 127 && c != '"' && c != '\\')
            out[len++] = (char)c;
        else
            len += (size_t)snprintf(out + len, 7, "\\u%04x", c);
    }
    out[len] = '\0';
}

static void timestamp(char out[40])
{
    struct timespec now;
    struct tm utc;
    size_t len;

    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    len = strftime(out, 40, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(out + len, 40 - len, ".%03dZ", (int)(now.tv_nsec / 1000000));
}

/* The optional fields, each after a space or a comma. */
static void format_rest(char rest[MAX_TEXT], enum config_log_format format,
                        const struct log_entry *entry)
{
    bool json = format == CONFIG_LOG_JSON;
    char stages[STAGES_TEXT_SIZE];
    int len = 0;

    rest[0] = '\0';
    if (entry->problem)
        len += snprintf(rest + len, MAX_TEXT - (size_t)len,
                        json ? ",\"problem\":\"%.32s\"" : " problem=%.32s",
                        entry->problem);
    if (entry->trace && entry->trace->trace_id[0])
        len += snprintf(rest + len, MAX_TEXT - (size_t)len,
                        json ? ",\"trace_id\":\"%s\",\"parent_span_id\":\"%s\""
                             : " trace=%s span=%s",
                        entry->trace->trace_id, entry->trace->span_id);
    if (json && entry->stages && entry->stages->count > 0) {
        stages_json(stages, entry->stages);
        snprintf(rest + len, MAX_TEXT - (size_t)len, ",\"stages_ms\":%s",
                 stages);
    }
}

size_t log_format(char line[LOG_LINE_SIZE], enum config_log_format format,
                  const struct log_entry *entry)
{
    char path[MAX_TEXT], method[MAX_TEXT], rest[MAX_TEXT], when[40];
    const char *client = entry->client ? entry->client : "-";
    int len;

    if (format == CONFIG_LOG_NONE)
        return 0;
    timestamp(when);
    escape(path, entry->path, '!');
    escape(method, entry->method, '!');
    format_rest(rest, format, entry);
    if (format == CONFIG_LOG_JSON)
        len = snprintf(line, LOG_LINE_SIZE,
                       "{\"time\":\"%s\",\"method\":\"%.96s\",\"path\":\"%s\","
                       "\"status\":%u,\"bytes\":%ju,\"ms\":%.1f,"
                       "\"id\":\"%.80s\",\"client\":\"%.48s\","
                       "\"received\":%ju%s}\n",
                       when, method, path, entry->status,
                       (uintmax_t)entry->bytes, entry->ms, entry->id, client,
                       (uintmax_t)entry->received, rest);
    else
        len = snprintf(line, LOG_LINE_SIZE,
                       "%s %.96s %s %u %ju %.1fms client=%.48s received=%ju%s "
                       "id=%.80s\n",
                       when, method, path, entry->status,
                       (uintmax_t)entry->bytes, entry->ms, client,
                       (uintmax_t)entry->received, rest, entry->id);
    return len < 0 ? 0 : (size_t)len;
}

/* A terminal that has space for one byte blocks on a longer line unless it is
 * opened with O_NONBLOCK. That needs a descriptor of our own: setting the flag
 * on the inherited one would affect every process that shares it. */
void log_open(void)
{
    int fd = isatty(STDERR_FILENO)
                 ? open("/proc/self/fd/2",
                        O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)
                 : -1;

    if (fd >= 0)
        log_fd = fd;
}

/* Whether stderr takes a line without blocking. A pipe with a free page does
 * (pipe(7)), and a line is shorter than a page. */
static bool is_ready(void)
{
    struct pollfd fd = {.fd = log_fd, .events = POLLOUT};

    return poll(&fd, 1, 0) == 1 && (fd.revents & POLLOUT);
}

static size_t format_notice(char line[LOG_LINE_SIZE],
                            enum config_log_format format, const char *text)
{
    char escaped[MAX_TEXT], when[40];
    int len;

    timestamp(when);
    if (format == CONFIG_LOG_JSON) {
        escape(escaped, text, ' ');
        len = snprintf(line, LOG_LINE_SIZE,
                       "{\"time\":\"%s\",\"notice\":\"%s\"}\n", when, escaped);
    } else {
        len = snprintf(line, LOG_LINE_SIZE, "%s %s\n", when, text);
    }
    return len < 0 ? 0 : (size_t)len;
}

/* Writes a line, at least its beginning; the next call writes the rest first.
 */
static bool write_line(const char *line, size_t len)
{
    ssize_t done;

    if (rest_len > 0) {
        done = is_ready() ? write(log_fd, rest_of_line, rest_len) : -1;
        if (done < 0)
            return false;
        rest_len -= (size_t)done;
        memmove(rest_of_line, rest_of_line + done, rest_len);
    }
    done = rest_len == 0 && is_ready() ? write(log_fd, line, len) : -1;
    if (done <= 0)
        return false;
    rest_len = len - (size_t)done;
    memcpy(rest_of_line, line + done, rest_len);
    return true;
}

/* Reports dropped lines before the next line that is written. */
static bool write_gap(enum config_log_format format)
{
    char line[LOG_LINE_SIZE], text[MAX_TEXT];
    uint64_t missing = atomic_load(&num_dropped) - num_told;

    if (missing == 0)
        return true;
    snprintf(text, sizeof text,
             "%ju log lines were dropped because nobody read standard error",
             (uintmax_t)missing);
    if (!write_line(line, format_notice(line, format, text)))
        return false;
    num_told += missing;
    return true;
}

static void put_line(enum config_log_format format, const char *line,
                     size_t len)
{
    if (len == 0)
        return;
    pthread_mutex_lock(&lock);
    if (!write_gap(format) || !write_line(line, len))
        atomic_fetch_add(&num_dropped, 1);
    pthread_mutex_unlock(&lock);
}

void log_notice(enum config_log_format format, const char *fmt, ...)
{
    char line[LOG_LINE_SIZE], text[MAX_TEXT];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    put_line(format, line, format_notice(line, format, text));
}

void log_request(enum config_log_format format, const struct log_entry *entry)
{
    char line[LOG_LINE_SIZE];

    put_line(format, line, log_format(line, format, entry));
}

uint64_t log_num_dropped(void)
{
    return atomic_load(&num_dropped);
}

#include "log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { MAX_TEXT = 512 }; /* of an escaped text */

/* Copies `text`, cut to fit, with quotes, backslashes and what is not printable
 * ASCII as \u00XX: right in JSON, and no forged line in text. */
static void escape(char out[MAX_TEXT], const char *text)
{
    size_t len = 0;

    for (; *text && len + 7 <= MAX_TEXT; text++) {
        unsigned char c = (unsigned char)*text;

        if (c >= ' ' && c < 127 && c != '"' && c != '\\')
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

size_t log_format(char line[LOG_LINE_SIZE], enum config_log_format format,
                  const struct log_entry *entry)
{
    char path[MAX_TEXT], method[MAX_TEXT], when[40];
    int len;

    if (format == CONFIG_LOG_NONE)
        return 0;
    timestamp(when);
    escape(path, entry->path);
    escape(method, entry->method);
    if (format == CONFIG_LOG_JSON)
        len = snprintf(line, LOG_LINE_SIZE,
                       "{\"time\":\"%s\",\"method\":\"%.32s\",\"path\":\"%s\","
                       "\"status\":%u,\"bytes\":%ju,\"ms\":%.1f,"
                       "\"id\":\"%.80s\"}\n",
                       when, method, path, entry->status,
                       (uintmax_t)entry->bytes, entry->ms, entry->id);
    else
        len = snprintf(line, LOG_LINE_SIZE,
                       "%s %.32s %s %u %ju %.1fms id=%.80s\n", when, method,
                       path, entry->status, (uintmax_t)entry->bytes, entry->ms,
                       entry->id);
    return len < 0 ? 0 : (size_t)len;
}

static void write_line(const char *line, size_t len)
{
    /* Nowhere to report to if it fails: the log is where we report. */
    if (len > 0 && write(STDERR_FILENO, line, len) < 0)
        return;
}

void log_notice(enum config_log_format format, const char *fmt, ...)
{
    char line[LOG_LINE_SIZE], text[MAX_TEXT], escaped[MAX_TEXT], when[40];
    va_list args;
    int len;

    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    timestamp(when);
    if (format == CONFIG_LOG_JSON) {
        escape(escaped, text);
        len = snprintf(line, sizeof line,
                       "{\"time\":\"%s\",\"notice\":\"%s\"}\n", when, escaped);
    } else {
        len = snprintf(line, sizeof line, "%s %s\n", when, text);
    }
    write_line(line, len < 0 ? 0 : (size_t)len);
}

void log_request(enum config_log_format format, const struct log_entry *entry)
{
    char line[LOG_LINE_SIZE];

    write_line(line, log_format(line, format, entry));
}

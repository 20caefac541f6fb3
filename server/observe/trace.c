#include "server/observe/trace.h"

#include <string.h>

/* The offsets of the fields, and the length in version 00. */
enum { TRACE_AT = 3, SPAN_AT = 36, FLAGS_AT = 53, LEN = 55 };

static bool is_hex(const char *text, size_t len)
{
    return strspn(text, "0123456789abcdef") >= len;
}

static bool is_id(const char *text, size_t len)
{
    return is_hex(text, len) && strspn(text, "0") < len;
}

bool trace_parse(struct trace *trace, const char *traceparent)
{
    const char *text = traceparent;

    *trace = (struct trace){0};
    if (strnlen(text, LEN) < LEN || text[TRACE_AT - 1] != '-' ||
        text[SPAN_AT - 1] != '-' || text[FLAGS_AT - 1] != '-')
        return false;
    if (!is_hex(text, 2) || memcmp(text, "ff", 2) == 0 ||
        !is_id(text + TRACE_AT, 32) || !is_id(text + SPAN_AT, 16) ||
        !is_hex(text + FLAGS_AT, 2))
        return false;
    if (text[LEN] != '\0' && (memcmp(text, "00", 2) == 0 || text[LEN] != '-'))
        return false;
    memcpy(trace->trace_id, text + TRACE_AT, 32);
    memcpy(trace->span_id, text + SPAN_AT, 16);
    return true;
}

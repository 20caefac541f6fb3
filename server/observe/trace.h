#ifndef SERVER_OBSERVE_TRACE_H
#define SERVER_OBSERVE_TRACE_H

/* The traceparent header of W3C Trace Context: which trace a request belongs
 * to, and which span of the client's it is a child of. Any thread. */

#include <stdbool.h>

/* `= {0}` is no trace. */
struct trace {
    char trace_id[33]; /* 32 lower-case hexadecimal digits */
    char span_id[17];  /* 16, the parent's */
};

/* Reads "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01". Returns
 * false, with an empty trace, if it is invalid or an id is all zeros. From
 * later versions, the fields of version 00 are read. */
bool trace_parse(struct trace *trace, const char *traceparent);

#endif

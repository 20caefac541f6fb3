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

/* Reads "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01". What is not
 * valid, as any all-zero id, is false and no trace; of later versions the part
 * that is as in version 00 is read. */
bool trace_parse(struct trace *trace, const char *traceparent);

#endif

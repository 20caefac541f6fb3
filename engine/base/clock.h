#ifndef ENGINE_BASE_CLOCK_H
#define ENGINE_BASE_CLOCK_H

/* A monotonic clock. Any thread. */

#include <stdint.h>

/* Microseconds since some fixed moment. */
uint64_t clock_now_us(void);

/* Milliseconds from `since_us` until now. */
double clock_ms_since(uint64_t since_us);

#endif

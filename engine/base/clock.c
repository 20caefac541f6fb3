#include "engine/base/clock.h"

#include <time.h>

uint64_t clock_now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

double clock_ms_since(uint64_t since_us)
{
    return (double)(clock_now_us() - since_us) / 1000;
}

#ifndef ENGINE_BASE_DIGITS_H
#define ENGINE_BASE_DIGITS_H

/* Whole numbers as people, files and clients write them. */

#include <stdbool.h>
#include <stdint.h>

/* Reads decimal digits and nothing else: no sign, no space, no overflow, and at
 * least one. false: it is something else, and *number is any. Any thread. */
bool digits_parse(uint64_t *number, const char *text)
    __attribute__((warn_unused_result));

#endif

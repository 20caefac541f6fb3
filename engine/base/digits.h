#ifndef ENGINE_BASE_DIGITS_H
#define ENGINE_BASE_DIGITS_H

/* Decimal integers as people, files and clients write them. */

#include <stdbool.h>
#include <stdint.h>

/* Parses a string of decimal digits and nothing else: no sign, no space, no
 * overflow, and at least one digit. Returns false for anything else; *number is
 * then undefined. Any thread. */
bool digits_parse(uint64_t *number, const char *text)
    __attribute__((warn_unused_result));

#endif

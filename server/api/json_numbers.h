#ifndef SERVER_API_JSON_NUMBERS_H
#define SERVER_API_JSON_NUMBERS_H

/* The tensor of numbers in a body of KServe's protocol, version 2:
 *
 *     {"inputs": [{"datatype": "FP32", "data": [[0.5, 1], [2, -3e-2]]}]}
 *
 * As values of JSON, each would take twenty times its memory. So they are
 * found before the body is read, and read where they are. Any thread. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The deepest lists: no tensor has more dimensions. */
enum { JSON_NUMBERS_MAX_DEPTH = 8 };

/* `= {0}` is empty: there are none. */
struct json_numbers {
    size_t begin, end; /* in the body: from "[" to behind its "]" */
    size_t count;
};

/* Finds the "data" of an element of "inputs", if that is a list of numbers, or
 * of such lists, in the syntax of JSON. The rest of the text need not be JSON.
 * Else `numbers` becomes empty. */
void json_numbers_find(struct json_numbers *numbers, const uint8_t *json,
                       size_t len);

/* Reads the next number, and moves *at behind it. From `json + begin` on, that
 * can be done `count` times. The value is rounded like a double, or one that is
 * next to it. */
double json_numbers_next(const uint8_t **at);

#endif

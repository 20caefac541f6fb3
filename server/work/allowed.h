#ifndef SERVER_WORK_ALLOWED_H
#define SERVER_WORK_ALLOWED_H

/* The methods of explanation that requests may use (--methods). Immutable after
 * reading. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/error.h"
#include "engine/engine.h"

/* At most so many methods are told apart. */
enum { ALLOWED_MAX_METHODS = 64, ALLOWED_TEXT_SIZE = 512 };

/* `= {0}` allows none. */
struct allowed {
    uint64_t set; /* bit i: method number i (explain_method) */
};

/* Reads "all", or names that are separated by commas. ERROR_INPUT names what is
 * not a method, and the methods. */
bool allowed_parse(struct allowed *allowed, const char *text, struct error *err)
    __attribute__((warn_unused_result));

bool allowed_has(const struct allowed *allowed,
                 const struct explain_method *method);

/* Returns the first method that is allowed and defined for what is asked, and
 * sets it in the request; NULL if there is none. */
const struct explain_method *allowed_choose(const struct allowed *allowed,
                                            const struct engine *engine,
                                            struct explain_request *request);

/* The number of a method, as in explain_method; the number of all methods for
 * NULL. */
size_t allowed_number(const struct explain_method *method);

/* Lists the names, "cam, gradcam". */
void allowed_list(char text[ALLOWED_TEXT_SIZE], const struct allowed *allowed);

#endif

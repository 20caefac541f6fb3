#ifndef SERVER_HTTP_HEADER_PARAM_H
#define SERVER_HTTP_HEADER_PARAM_H

/* The parameters of a header such as Content-Type or Content-Disposition:
 *
 *     form-data; name="image"; filename=photo.jpg
 *
 * RFC 9110, section 5.6.6. Also accepts what some clients send: blanks around
 * `=`, and unquoted values that are not tokens. Any thread. */

#include <stddef.h>

enum header_param {
    HEADER_PARAM_NONE,   /* there is no parameter of that name */
    HEADER_PARAM_FOUND,  /* `out` has it */
    HEADER_PARAM_BROKEN, /* it is given twice, or its quote is not closed */
    HEADER_PARAM_LONG    /* it does not fit */
};

/* Finds a parameter by name, ignoring case. `out` (size) gets its value without
 * quotes and backslashes; it is empty unless the parameter is found. */
enum header_param header_param_find(char *out, size_t size, const char *header,
                                    const char *name);

#endif

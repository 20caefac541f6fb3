#ifndef SERVER_HTTP_ACCEPT_H
#define SERVER_HTTP_ACCEPT_H

/* Content negotiation (RFC 9110, section 12.5.1). */

#include <stdbool.h>
#include <stddef.h>

/* The quality of a media type in an Accept header, in thousandths; 0 means not
 * acceptable. The most specific range that matches decides. NULL, and a header
 * without ranges, accept everything. Any thread. */
unsigned accept_quality(const char *accept, const char *type);

/* Returns which of the `count` media types is accepted with the highest
 * quality, of equal ones the first; `count` if none is. */
size_t accept_best(const char *accept, const char *const *types, size_t count);

/* Whether a Content-Type header names `type`, such as "image/png", or is in a
 * range that ends in a slash, such as "image/". Parameters and case are
 * ignored. NULL matches nothing. */
bool accept_type_is(const char *content_type, const char *type);

#endif

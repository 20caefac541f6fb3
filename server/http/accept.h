#ifndef SERVER_HTTP_ACCEPT_H
#define SERVER_HTTP_ACCEPT_H

/* Content negotiation (RFC 9110, section 12.5.1). */

#include <stdbool.h>

/* How much a client wants a media type, in thousandths, by its Accept header:
 * the most specific range that matches decides; 0 means not at all. NULL, and
 * a header without any range, accept everything. Any thread. */
unsigned accept_quality(const char *accept, const char *type);

/* Whether a Content-Type header names `type`, such as "image/png", or falls
 * in a range such as "image/" that ends in a slash. Parameters and case are
 * ignored. NULL is no type at all. */
bool accept_type_is(const char *content_type, const char *type);

#endif

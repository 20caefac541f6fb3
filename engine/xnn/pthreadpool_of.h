#ifndef ENGINE_XNN_PTHREADPOOL_OF_H
#define ENGINE_XNN_PTHREADPOOL_OF_H

/* The thread pool that XNNPACK is given: see pthreadpool.c. */

#include <pthreadpool.h>

#include "engine/base/team.h"

/* The member as a thread pool for XNNPACK; NULL: XNNPACK computes alone, as in
 * a library, where it has libpthreadpool's own functions. */
pthreadpool_t pthreadpool_of(struct team_member *member);

#endif

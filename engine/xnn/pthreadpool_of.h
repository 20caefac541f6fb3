#ifndef ENGINE_XNN_PTHREADPOOL_OF_H
#define ENGINE_XNN_PTHREADPOOL_OF_H

/* What XNNPACK takes for a pool of threads: see pthreadpool.c. */

#include <pthreadpool.h>

#include "engine/base/team.h"

/* The member as XNNPACK is given it; NULL: XNNPACK computes alone. */
pthreadpool_t pthreadpool_of(struct team_member *member);

#endif

#ifndef ENGINE_BASE_MEMORY_LIMIT_H
#define ENGINE_BASE_MEMORY_LIMIT_H

/* How much memory the process may have. Who takes a large block asks here
 * first, so that a process in a group of limited memory refuses work, where the
 * kernel would kill it. Without a limit, as at first, everything fits.
 *
 *     if (!memory_limit_begin(len, err))
 *         return false;
 *     block = malloc(len);
 *     memory_limit_end(len);
 *
 * What the same thread takes in between belongs to what has begun, and is not
 * asked for again.
 *
 * What is in use is what malloc has from the system, whether it was written to
 * or not, and what is mapped by hugepages.h, plus what has begun. A part of the
 * limit is left for stacks, for the program's data and for what the kernel
 * counts: 4 MiB and a 16th, of which at most 28 MiB. Memory that another malloc
 * than glibc's has is not known.
 *
 * Any thread. */

#include <stddef.h>
#include <stdint.h>

#include "engine/base/error.h"

/* Smaller blocks are taken without a question. */
enum { MEMORY_LIMIT_SMALL = 1 << 20 };

/* The memory limit of the process's control group, of version 1 or 2, in bytes:
 * the smallest of its own and its parents'. 0: there is none, or none that can
 * be seen. It opens files. */
uint64_t memory_limit_of_group(void);

/* Frees what can be done without, on the thread that needs memory. */
typedef void memory_limit_relieve_fn(void *user);

/* Sets the limit in bytes (0: none), and what is called when memory is short,
 * or NULL. When other threads may be asking, only `relieve` may change. */
void memory_limit_set(uint64_t max, memory_limit_relieve_fn *relieve,
                      void *user);
uint64_t memory_limit(void);

/* Whether less than a quarter of the limit is left: whoever can do without
 * memory should not keep it. */
bool memory_limit_is_tight(void);

/* Begins to take `len` bytes, if they fit, possibly after memory was freed: no
 * lock that this needs may be held. Until memory_limit_end, what is taken
 * counts twice, so it should follow soon. ERROR_MEMORY: the text says how much
 * is needed, and how much there is. */
bool memory_limit_begin(size_t len, struct error *err)
    __attribute__((warn_unused_result));
void memory_limit_end(size_t len);

#endif

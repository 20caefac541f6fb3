#ifndef ENGINE_EVALUATE_WORKERS_H
#define ENGINE_EVALUATE_WORKERS_H

/* Several threads that work on one thing until it is done. */

#include <stddef.h>

#include "engine/base/error.h"

/* Calls work(user, i) for each i < num_threads, 1 to TEAM_MAX_THREADS, on as
 * many threads, of which one is the caller's. A call may begin late, when
 * others have left it nothing to do. Returns when all have. ERROR_MEMORY:
 * nothing was called. */
bool workers_run(unsigned num_threads, void (*work)(void *user, size_t worker),
                 void *user, struct error *err)
    __attribute__((warn_unused_result));

/* Calls work(user, worker, i, err) once for each i < count, on as many threads,
 * which take the next i when they are done with one. `worker` < num_threads is
 * the thread's number. After the first failure, which becomes *err, no further
 * i is taken. ERROR_MEMORY, or how `work` fails. */
bool workers_each(unsigned num_threads, size_t count,
                  bool (*work)(void *user, size_t worker, size_t i,
                               struct error *err),
                  void *user, struct error *err)
    __attribute__((warn_unused_result));

#endif

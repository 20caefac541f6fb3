#ifndef ENGINE_BASE_CANCEL_H
#define ENGINE_BASE_CANCEL_H

/* Whether work that takes long is still wanted. Who asks for it hands this
 * down; who does it asks between two steps: pieces of a PNG, passes of the
 * network. */

#include <stdbool.h>

#include "engine/base/error.h"

/* `= {0}` is never cancelled. */
struct cancel {
    bool (*is_cancelled)(void *user); /* once true, always true; or NULL */
    void *user;
    /* Of work that is kept for others, who would have to begin it anew: whether
     * nobody wants that either. NULL: if it is cancelled. */
    bool (*is_abandoned)(void *user);
};

/* Whether to go on. false and ERROR_BUSY: nobody waits for the result any more.
 * `cancel` may be NULL. */
static inline bool cancel_check(const struct cancel *cancel, struct error *err)
{
    if (cancel && cancel->is_cancelled && cancel->is_cancelled(cancel->user))
        return fail(err, ERROR_BUSY, "nobody waits for the result any more");
    return true;
}

/* The same for work that is kept for others. */
static inline bool cancel_check_kept(const struct cancel *cancel,
                                     struct error *err)
{
    if (!cancel || !cancel->is_abandoned)
        return cancel_check(cancel, err);
    return !cancel->is_abandoned(cancel->user) ||
           fail(err, ERROR_BUSY, "nobody waits for the result any more");
}

#endif

#ifndef SERVER_API_ADMIT_H
#define SERVER_API_ADMIT_H

/* Whether a request is admitted: whether the service takes work at all; of one
 * to explain, whether its method is allowed and defined for the model, and how
 * many passes of the network it takes. All of this is known before it is
 * queued. HTTP thread. */

#include <stdbool.h>
#include <stddef.h>

#include "engine/engine.h"

struct model;
struct request;
struct service;

struct admitted {
    const struct explain_method *method; /* NULL: there will be no map */
    size_t passes;                       /* the one that classifies included */
};

/* Checks that the service still takes work; PROBLEM_DRAINING: it is shutting
 * down. */
bool admit_work(const struct service *service, struct request *request)
    __attribute__((warn_unused_result));

/* Checks what is asked; *admitted is set if the model is known, which may also
 * be NULL. If the model's default method is not allowed, the first one that is
 * allowed and defined becomes the method that is asked for. false: the failure
 * is in the request.
 *
 * PROBLEM_FORBIDDEN  the method is not allowed (--methods)
 * PROBLEM_REFUSED    it is not defined for the model
 * PROBLEM_LIMIT      it takes too many passes (--max-passes) */
bool admit_check(struct admitted *admitted, struct explain_request *asked,
                 const struct service *service, struct request *request,
                 const struct model *model) __attribute__((warn_unused_result));

#endif

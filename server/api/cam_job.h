#ifndef SERVER_API_CAM_JOB_H
#define SERVER_API_CAM_JOB_H

/* The work of POST /cam: a picture and what is asked about it; afterwards, the
 * response. */

#include <stdint.h>

#include "engine/base/buf.h"
#include "engine/engine.h"
#include "server/work/job.h"

struct service;

struct cam_job {
    struct job base;         /* for the model that is asked; first */
    struct service *service; /* whose queue takes it; borrowed */
    struct buf picture;      /* the file; given back as soon as it is decoded */
    struct explain_request request; /* of that model; the answer to
                                     * only_heatmap is the PNG itself */
    uint64_t queued_us;             /* when it was pushed */
    uint64_t deadline_us;           /* not begun after this */
};

/* NULL without memory. Freed by its deferred.free. Running it runs the network
 * at most once. */
struct cam_job *cam_job_new(void);

#endif

#ifndef SERVER_API_CAM_JOB_H
#define SERVER_API_CAM_JOB_H

/* The work of POST /cam: an image and the explanation requested for it;
 * afterwards, the response. */

#include <stdint.h>

#include "engine/base/buf.h"
#include "engine/engine.h"
#include "server/work/job.h"

struct service;

struct cam_job {
    struct job base;         /* names the model; must come first */
    struct service *service; /* it goes into this service's queue; borrowed */
    struct buf image;        /* the file; released as soon as it is decoded */
    struct explain_request
        request;        /* with only_heatmap, the response is the PNG itself */
    uint64_t queued_us; /* when it was queued */
    uint64_t deadline_us; /* it is not started after this time */
};

/* Returns NULL if there is not enough memory. deferred.free frees the job.
 * Running it runs the network at most once. */
struct cam_job *cam_job_new(void);

#endif

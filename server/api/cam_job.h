#ifndef SERVER_API_CAM_JOB_H
#define SERVER_API_CAM_JOB_H

/* The work of POST /cam: an image and the explanation requested for it;
 * afterwards, the response. */

#include <stdint.h>

#include "engine/base/buf.h"
#include "engine/engine.h"
#include "server/work/job.h"

struct service;

/* X(enumerator, media type): what a response can be; of equally acceptable
 * types the first one. */
#define CAM_FORMATS(X)              \
    X(CAM_JSON, "application/json") \
    X(CAM_PNG, "image/png")         \
    X(CAM_NPY, "application/x-npy")

enum cam_format {
#define X(format, type) format,
    CAM_FORMATS(X)
#undef X
        CAM_NUM_FORMATS
};

struct cam_job {
    struct job base;         /* names the model; must come first */
    struct service *service; /* it goes into this service's queue; borrowed */
    struct buf image;        /* the file; released as soon as it is decoded */
    struct explain_request request;
    enum cam_format format; /* of the response */
    uint64_t queued_us;     /* when it was queued */
    uint64_t deadline_us;   /* it is not started after this time */
};

/* Returns NULL if there is not enough memory. deferred.free frees the job.
 * Running it runs the network at most once. */
struct cam_job *cam_job_new(void);

#endif

#ifndef SERVER_API_CAM_JOB_H
#define SERVER_API_CAM_JOB_H

/* The work of POST /cam: an image and the explanation requested for it;
 * afterwards, the response. Other work on a posted image, or on the model
 * alone, is a job that begins with this one (cam_job_init). */

#include <stdint.h>

#include "engine/base/buf.h"
#include "engine/engine.h"
#include "server/http/request.h"
#include "server/work/job.h"

struct service;

/* Why a job was stopped. */
enum cam_job_stop {
    CAM_JOB_GOES_ON,
    CAM_JOB_CLIENT_GONE,
    CAM_JOB_DEADLINE,
    CAM_JOB_DRAINING, /* a long one, which the service has no time for */
};

/* X(enumerator, media type): what a response can be; of equally acceptable
 * types the first one. */
#define CAM_FORMATS(X)                                                       \
    X(CAM_JSON, "application/json")                                          \
    X(CAM_LINES, "application/x-ndjson") /* JSON, after lines of progress */ \
    X(CAM_PNG, "image/png")                                                  \
    X(CAM_NPY, "application/x-npy")

enum cam_format {
#define X(format, type) format,
    CAM_FORMATS(X)
#undef X
        CAM_NUM_FORMATS
};

struct cam_job {
    struct job base;          /* names the model; must come first */
    struct service *service;  /* it goes into this service's queue; borrowed */
    char id[REQUEST_ID_SIZE]; /* of the request, which may end before the job */
    const struct explain_method *method; /* that it uses; NULL: it makes no map
                                          */
    struct buf image;  /* the file; released as soon as it is decoded */
    bool has_no_image; /* nothing is decoded: the work is about the model */
    struct explain_request request;
    enum cam_format format; /* of the response */
    /* Makes the response for a decoded image. false: the failure is in `err`,
     * of which ERROR_UNSUPPORTED becomes PROBLEM_REFUSED. */
    bool (*respond)(struct cam_job *job, struct engine_session *session,
                    const struct engine *engine, double queue_ms,
                    const struct cancel *cancel, struct error *err);
    uint64_t queued_us;   /* when it was queued */
    uint64_t deadline_us; /* it is not started after this time, nor is another
                             pass, if the method takes several */

    /* While it runs: */
    const struct image_limits *limits; /* of what is decoded */
    enum cam_job_stop stop;
    bool is_explaining; /* the image is decoded */
    size_t num_passes;  /* that are done */
    uint64_t line_us;   /* when the last line about them was written; 0: none
                           was */
};

/* Returns NULL if there is not enough memory. deferred.free frees the job. If
 * it is given a stream, it writes a line about its passes there, at most about
 * ten a second:
 *
 *     {"passes":12,"of":301} */
struct cam_job *cam_job_new(void);

/* Prepares a zeroed job that begins with a cam_job, and is freed with free(),
 * for work of its own. */
void cam_job_init(struct cam_job *job,
                  bool (*respond)(struct cam_job *job,
                                  struct engine_session *session,
                                  const struct engine *engine, double queue_ms,
                                  const struct cancel *cancel,
                                  struct error *err));

/* deferred.free of a job whose struct has nothing else to release. */
void cam_job_free(struct deferred *deferred);

/* Whose job it is: gives it the request's image and id, and makes it the
 * request's response, which is deferred. The job holds its own reference to the
 * model. HTTP thread. */
void cam_job_take(struct cam_job *job, struct service *service,
                  struct request *request, struct model *model, size_t passes);

#endif

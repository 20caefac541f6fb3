#ifndef SERVER_API_ACTIVATIONS_JOB_H
#define SERVER_API_ACTIVATIONS_JOB_H

/* The work of POST /activations: an image, and the channels that are shown. It
 * takes one pass of the network. */

#include "engine/engine_activations.h"
#include "server/api/cam_job.h"

/* X(enumerator, media type): what a response can be; of equally acceptable
 * types the first one. */
#define ACTIVATIONS_FORMATS(X)              \
    X(ACTIVATIONS_JSON, "application/json") \
    X(ACTIVATIONS_PNG, "image/png")

enum activations_format {
#define X(format, type) format,
    ACTIVATIONS_FORMATS(X)
#undef X
        ACTIVATIONS_NUM_FORMATS
};

struct activations_job {
    struct cam_job cam; /* its image and the HTTP side; must come first. Of what
                           it asks and answers nothing is used */
    struct engine_activations_request request;
    enum activations_format format;
};

/* Returns NULL if there is not enough memory. deferred.free frees the job. */
struct activations_job *activations_job_new(void);

#endif

#ifndef SERVER_API_FILTERS_JOB_H
#define SERVER_API_FILTERS_JOB_H

/* The work of GET /filters. It has no image, and takes about as long as opening
 * the model. */

#include "engine/engine_filters.h"
#include "server/api/cam_job.h"

/* X(enumerator, media type): what a response can be; of equally acceptable
 * types the first one. */
#define FILTERS_FORMATS(X)      \
    X(FILTERS_PNG, "image/png") \
    X(FILTERS_JSON, "application/json")

enum filters_format {
#define X(format, type) format,
    FILTERS_FORMATS(X)
#undef X
        FILTERS_NUM_FORMATS
};

struct filters_job {
    struct cam_job cam; /* the HTTP side; must come first. Of what it asks and
                           answers nothing is used */
    struct engine_filters_request request;
    enum filters_format format;
};

/* Returns NULL if there is not enough memory. deferred.free frees the job. */
struct filters_job *filters_job_new(void);

#endif

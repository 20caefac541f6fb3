#ifndef SERVER_API_ASCEND_JOB_H
#define SERVER_API_ASCEND_JOB_H

/* The work of POST /ascend: a picture, from noise or from an image. With a
 * stream, it writes a line about a step with a picture whenever one is due, and
 * in between lines without, at most about ten a second:
 *
 *     {"step":12,"steps":256,"value":3.4}
 *     {"step":16,"steps":256,"value":4.1,"picture":"data:image/png;base64,…"}
 */

#include "engine/engine_ascend.h"
#include "server/api/cam_job.h"

/* X(enumerator, media type): what a response can be; of equally acceptable
 * types the first one. */
#define ASCEND_FORMATS(X)                                         \
    X(ASCEND_JSON, "application/json")                            \
    X(ASCEND_LINES,                                               \
      "application/x-ndjson") /* JSON, after lines of progress */ \
    X(ASCEND_PNG, "image/png")

enum ascend_format {
#define X(format, type) format,
    ASCEND_FORMATS(X)
#undef X
        ASCEND_NUM_FORMATS
};

struct ascend_job {
    struct cam_job cam; /* its image and the HTTP side; must come first. Of what
                           it asks and answers nothing is used */
    struct engine_ascend_request request;
    enum ascend_format format;
};

/* Returns NULL if there is not enough memory. deferred.free frees the job. */
struct ascend_job *ascend_job_new(void);

/* The bytes of lines that may wait for a client: two with a picture. */
size_t ascend_job_max_waiting(const struct engine_ascend_request *request,
                              const struct engine *engine);

#endif

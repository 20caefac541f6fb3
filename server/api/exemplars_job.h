#ifndef SERVER_API_EXEMPLARS_JOB_H
#define SERVER_API_EXEMPLARS_JOB_H

/* Reads the contact sheet of GET /exemplars: a worker does, as it may have to
 * wait for the disk. */

#include <limits.h>

#include "server/api/cam_job.h"
#include "server/work/exemplars.h"

struct exemplars_job {
    struct cam_job cam; /* the HTTP side; must come first. Of what it asks and
                           answers nothing is used */
    char path[PATH_MAX];
};

/* For a channel of an index. Returns NULL if there is not enough memory.
 * deferred.free frees the job. */
struct exemplars_job *exemplars_job_new(const struct exemplars_index *index,
                                        size_t channel);

#endif

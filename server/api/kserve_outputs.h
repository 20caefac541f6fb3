#ifndef SERVER_API_KSERVE_OUTPUTS_H
#define SERVER_API_KSERVE_OUTPUTS_H

/* The output tensors of KServe's protocol, version 2: a row of each for each
 * image. */

#include <jansson.h>
#include <stdbool.h>

#include "server/api/batch_job.h"
#include "server/api/kserve_tensor.h"

struct kserve_outputs;

/* Reads which outputs a request wants, and how. NULL: the failure is in the
 * request. HTTP thread. */
struct kserve_outputs *kserve_outputs_read(struct request *request,
                                           json_t *body,
                                           const struct model *model)
    __attribute__((warn_unused_result));

/* Changes what is asked into what the outputs need. */
void kserve_outputs_settle(struct explain_request *asked, void *outputs);

/* Makes the response; its state are the outputs. */
extern const struct batch_writer kserve_outputs_writer;

void kserve_outputs_free(void *outputs);

#endif

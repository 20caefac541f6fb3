#ifndef SERVER_API_KSERVE_V2_H
#define SERVER_API_KSERVE_V2_H

/* KServe's protocol, version 2 (Open Inference Protocol), with the extensions
 * for binary tensors and for classification. The one input is a tensor of
 * images: their files, their pixels, or the network's own input
 * (kserve_inputs.h). The parameters are the options of POST /cam. HTTP thread.
 */

#include <jansson.h>
#include <stdbool.h>

#include "server/api/batch_job.h"
#include "server/api/kserve_outputs.h"
#include "server/http/request.h"
#include "server/work/service.h"

/* Whether the body's type may be that of an inference request. */
bool kserve_v2_has_type(const struct request *request);

/* What the server and a model are. NULL: there is not enough memory. */
json_t *kserve_v2_server(void);
json_t *kserve_v2_model(const struct model *model);

/* Reads the images, the options and the outputs that are wanted. The caller
 * releases both, also after a failure, which is in the request. */
bool kserve_v2_read(struct batch *batch, struct kserve_outputs **outputs,
                    struct request *request, const struct model *model)
    __attribute__((warn_unused_result));

/* Reads the request, and makes the job that answers it. false: the failure is
 * in the request. */
bool kserve_v2_infer(struct service *service, struct request *request,
                     struct model *model) __attribute__((warn_unused_result));

#endif

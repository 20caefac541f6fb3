#ifndef SERVER_API_KSERVE_V1_H
#define SERVER_API_KSERVE_V1_H

/* KServe's protocol, version 1, which is TensorFlow Serving's:
 *
 *     {"instances": [{"image": {"b64": "..."}}], "parameters": {"top": 3}}
 *
 * is answered by {"predictions": [...]}, or {"explanations": [...]}: an object
 * for each image, {"error": "..."} for one that is broken. The parameters are
 * the options of POST /cam. */

#include <jansson.h>

#include "server/api/batch_job.h"

/* Reads the images and options. false: the failure is in the request. HTTP
 * thread. */
bool kserve_v1_read(struct batch *batch, struct request *request, json_t *body)
    __attribute__((warn_unused_result));

/* Makes the job that answers with predictions, each a list "classes", or with
 * explanations, each like the response of POST /cam. Takes the batch. false:
 * the failure is in the request. HTTP thread. */
bool kserve_v1_predict(struct service *service, struct request *request,
                       struct model *model, struct batch *batch)
    __attribute__((warn_unused_result));
bool kserve_v1_explain(struct service *service, struct request *request,
                       struct model *model, struct batch *batch)
    __attribute__((warn_unused_result));

#endif

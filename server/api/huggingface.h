#ifndef SERVER_API_HUGGINGFACE_H
#define SERVER_API_HUGGINGFACE_H

/* The tasks of Hugging Face's inference API: an image as the body, or
 *
 *     {"inputs": "base64", "parameters": {"top_k": 3}}
 *
 * is answered by a list of objects, best first. HTTP thread. */

#include <stdbool.h>

#include "server/http/request.h"
#include "server/work/service.h"

/* X(enumerator, parameters)
 *
 * Classes with their scores; classes with the boxes of their evidence; classes
 * with masks, PNGs that are white where a map reaches mask_threshold of its
 * largest value. */
#define HUGGINGFACE_TASKS(X)                                     \
    X(HUGGINGFACE_CLASSIFICATION, "top_k and function_to_apply") \
    X(HUGGINGFACE_DETECTION, "threshold")                        \
    X(HUGGINGFACE_SEGMENTATION, "threshold, mask_threshold and subtask")

enum huggingface_task {
#define X(task, parameters) task,
    HUGGINGFACE_TASKS(X)
#undef X
};

/* Reads the request, and makes the job that answers it. false: the failure is
 * in the request. */
bool huggingface_answer(struct service *service, struct request *request,
                        struct model *model, enum huggingface_task task)
    __attribute__((warn_unused_result));

#endif

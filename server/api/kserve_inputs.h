#ifndef SERVER_API_KSERVE_INPUTS_H
#define SERVER_API_KSERVE_INPUTS_H

/* The input tensor of KServe's protocol, version 2, which is one of these:
 *
 *     BYTES  [N] or [N, 1]: files, in JSON as base64
 *     UINT8  [N, height, width, channels], or without N: pixels, upright and
 *            in sRGB; 1 channel is grey, 4 are RGBA
 *     FP32   [N, channels, height, width] or [N, height, width, channels]: the
 *            network's own input, already normalised, of exactly its size
 *
 * The data are in the JSON, flat or as lists in lists, or behind it. HTTP
 * thread. */

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/api/batch_job.h"
#include "server/api/json_numbers.h"
#include "server/http/request.h"
#include "server/work/model.h"

/* X(what the images are, the name in the model's description, datatype)
 *
 * A request's tensor may have any name: its datatype says what it is. */
#define KSERVE_INPUTS(X)               \
    X(BATCH_FILES, "image", "BYTES")   \
    X(BATCH_PIXELS, "pixels", "UINT8") \
    X(BATCH_INPUTS, "input", "FP32")

/* A request in parts, borrowed from its body. */
struct kserve_parts {
    const uint8_t *json; /* (json_len) */
    size_t json_len;
    struct json_numbers numbers; /* in the JSON */
    const uint8_t *binary;       /* (binary_len) behind it, or NULL */
    size_t binary_len;
};

/* Descriptions of the inputs, of which a request has one. NULL: there is not
 * enough memory. */
json_t *kserve_inputs_list(const struct model *model);

/* Reads the images; what is wrong with one of them alone is in the image.
 * false: the failure is in the request. */
bool kserve_inputs_read(struct batch *batch, struct request *request,
                        const struct kserve_parts *parts, const json_t *inputs,
                        const struct model *model)
    __attribute__((warn_unused_result));

#endif

#ifndef SERVER_API_KSERVE_TENSOR_H
#define SERVER_API_KSERVE_TENSOR_H

/* An output tensor of KServe's protocol, version 2: a row for each image. */

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "engine/base/buf.h"
#include "engine/base/error.h"
#include "server/api/batch_job.h"
#include "server/work/model.h"

/* X(enumerator, name, datatype, whether it is sent unless outputs are named)
 *
 * The best class, its label and score; the scores of all classes; the box of
 * the first explained class as x, y, width, height in pixels; its map; the
 * response of POST /cam; its heatmap, a PNG; and what is wrong with an image,
 * or "". Of an image that is broken, the others are -1, 0 or empty. */
#define KSERVE_OUTPUTS(X)                                \
    X(KSERVE_CLASS, "class", "INT64", true)              \
    X(KSERVE_LABEL, "label", "BYTES", true)              \
    X(KSERVE_SCORE, "score", "FP32", true)               \
    X(KSERVE_BOX, "box", "FP32", true)                   \
    X(KSERVE_ERROR, "error", "BYTES", true)              \
    X(KSERVE_SCORES, "scores", "FP32", false)            \
    X(KSERVE_MAP, "map", "FP32", false)                  \
    X(KSERVE_EXPLANATION, "explanation", "BYTES", false) \
    X(KSERVE_HEATMAP, "heatmap", "BYTES", false)

enum kserve_output {
#define X(output, name, datatype, usual) output,
    KSERVE_OUTPUTS(X)
#undef X
        KSERVE_NUM_OUTPUTS
};

enum { KSERVE_TENSOR_MAX_DIMS = 2 };

struct kserve_tensor {
    enum kserve_output output;
    bool is_binary;  /* sent behind the JSON */
    size_t num_best; /* of the classification extension; 0: not asked */
    size_t dims[KSERVE_TENSOR_MAX_DIMS]; /* (num_dims) of a row */
    size_t num_dims, num_rows;
    struct buf bytes; /* the rows, little-endian; a BYTES element is its length
                         as 4 bytes, then its bytes; owned */
};

/* The output of that name, or KSERVE_NUM_OUTPUTS. */
enum kserve_output kserve_tensor_find(const char *name);

/* Whether it is sent unless outputs are named. */
bool kserve_tensor_is_usual(enum kserve_output output);

/* Descriptions of all outputs of a model. NULL: there is not enough memory. */
json_t *kserve_tensor_list(const struct model *model);

/* Appends a row. Any thread. ERROR_UNSUPPORTED: there is no map; ERROR_MEMORY.
 */
bool kserve_tensor_add(struct kserve_tensor *tensor,
                       const struct batch_row *row, struct error *err)
    __attribute__((warn_unused_result));

/* Describes it, with its data if it is not binary. NULL: there is not enough
 * memory. Any thread. */
json_t *kserve_tensor_json(const struct kserve_tensor *tensor);

#endif

/* A body of KServe's protocols from a stranger. The first byte says of which:
 * version 1; version 2 in JSON; or version 2 with binary tensors, and then how
 * many bytes its JSON has. */

#include "tests/fuzz/fuzz.h"

#include <stdio.h>

#include "server/api/json_body.h"
#include "server/api/kserve_outputs.h"
#include "server/api/kserve_v1.h"
#include "server/api/kserve_v2.h"
#include "server/http/request.h"

enum { VERSION_1, JSON };

enum { WIDTH = 2, HEIGHT = 1, CHANNELS = 3 }; /* of the network's input */

static bool read_v1(struct batch *batch, struct request *request)
{
    json_t *body =
        json_body_read(request, request->image.data, request->image.len);
    bool ok = body && kserve_v1_read(batch, request, body);

    json_decref(body);
    return ok;
}

static bool read_v2(struct batch *batch, struct request *request)
{
    struct model model = {.info = {.num_classes = 10,
                                   .input_width = WIDTH,
                                   .input_height = HEIGHT,
                                   .input_channels = CHANNELS}};
    struct kserve_outputs *outputs = NULL;
    bool ok = kserve_v2_read(batch, &outputs, request, &model);

    kserve_outputs_free(outputs);
    return ok;
}

/* How many bytes an image has that could be read; any number of a file. */
static size_t len_of(const struct batch *batch, size_t len)
{
    switch (batch->kind) {
    case BATCH_PIXELS:
        return (size_t)batch->width * batch->height * batch->channels;
    case BATCH_INPUTS:
        return sizeof(float) * WIDTH * HEIGHT * CHANNELS;
    default:
        return len;
    }
}

/* What is read is as long as its shape says, and not longer than what it was
 * read from: a float is at least a digit and a comma. */
static void check(const struct batch *batch, const struct request *request,
                  size_t len, bool ok)
{
    size_t sum = 0;

    for (size_t i = 0; i < batch->count; i++) {
        const struct batch_image *image = &batch->images[i];

        sum += image->bytes.len;
        if (ok && image->why.kind == ERROR_NONE &&
            image->bytes.len != len_of(batch, image->bytes.len))
            __builtin_trap();
    }
    if (sum > 2 * len || ok != (request->err.kind == ERROR_NONE))
        __builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct request request = {.max_fields = 8};
    struct batch batch = {0};
    char header_len[8];
    bool ok;

    if (len == 0 || !buf_append(&request.image, bytes + 1, len - 1, NULL))
        return 0;
    snprintf(header_len, sizeof header_len, "%u", bytes[0]);
    if (bytes[0] > JSON)
        request.header_len = header_len;
    ok = (bytes[0] == VERSION_1 ? read_v1 : read_v2)(&batch, &request);
    check(&batch, &request, len, ok);
    batch_job_release(&batch);
    request_release(&request);
    return 0;
}

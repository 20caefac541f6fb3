#include "server/api/kserve_v2.h"

#include <stdlib.h>
#include <string.h>

#include "server/api/batch_job.h"
#include "server/api/json_body.h"
#include "server/api/kserve_inputs.h"
#include "server/api/kserve_outputs.h"
#include "server/http/accept.h"
#include "server/http/json.h"
#include "server/version.h"

bool kserve_v2_has_type(const struct request *request)
{
    return json_body_has_type(request) ||
           accept_type_is(request->content_type, "application/octet-stream");
}

json_t *kserve_v2_server(void)
{
    return json_pack("{ss ss s[sss]}", "name", "wherefore", "version",
                     VERSION_TEXT, "extensions", "binary_tensor_data",
                     "classification", "parameters");
}

json_t *kserve_v2_model(const struct model *model)
{
    return json_pack("{so s[] ss so so}", "name", text(model->info.name),
                     "versions", "platform", "onnx_wherefore", "inputs",
                     kserve_inputs_list(model), "outputs",
                     kserve_tensor_list(model));
}

/* ---- the body ---- */

/* Without the header, all is JSON. */
static bool split(struct kserve_parts *parts, struct request *request)
{
    const struct buf *body = &request->image;
    char *end;
    unsigned long long len;

    *parts = (struct kserve_parts){.json = body->data, .json_len = body->len};
    if (!request->header_len)
        return json_body_has_type(request) ||
               request_fail(request, PROBLEM_MEDIA_TYPE,
                            "a body of binary tensors needs the header "
                            "Inference-Header-Content-Length");
    len = strtoull(request->header_len, &end, 10);
    if (end == request->header_len || *end != '\0' ||
        strspn(request->header_len, "0123456789") !=
            strlen(request->header_len) ||
        len > body->len)
        return request_fail(
            request, PROBLEM_INPUT,
            "Inference-Header-Content-Length \"%.30s\" is not a "
            "length within the body of %zu bytes",
            request->header_len, body->len);
    parts->json_len = (size_t)len;
    parts->binary = body->data + len;
    parts->binary_len = body->len - (size_t)len;
    return true;
}

/* ---- the whole ---- */

/* A body without JSON is one image. */
static json_t *read_json(struct request *request, struct kserve_parts *parts)
{
    json_t *body;

    if (parts->json_len > 0 || !parts->binary) {
        json_numbers_find(&parts->numbers, parts->json, parts->json_len);
        return json_body_read_around(request, parts->json, parts->json_len,
                                     &parts->numbers);
    }
    body = json_object();
    if (!body)
        request_fail(request, PROBLEM_MEMORY,
                     "not enough memory for the request");
    return body;
}

static bool read_images(struct batch *batch, struct request *request,
                        const struct kserve_parts *parts, json_t *body,
                        const struct model *model)
{
    static const char *const left_out[] = {"binary_data_output", NULL};

    if (parts->json_len > 0)
        return json_body_options(request, json_object_get(body, "parameters"),
                                 left_out) &&
               kserve_inputs_read(batch, request, parts,
                                  json_object_get(body, "inputs"), model);
    return batch_job_reserve(batch, request, 1) &&
           buf_append(&batch->images[0].bytes, parts->binary, parts->binary_len,
                      &request->err);
}

bool kserve_v2_read(struct batch *batch, struct kserve_outputs **outputs,
                    struct request *request, const struct model *model)
{
    struct kserve_parts parts;
    json_t *body = split(&parts, request) ? read_json(request, &parts) : NULL;
    bool ok = body && read_images(batch, request, &parts, body, model) &&
              (*outputs = kserve_outputs_read(request, body, model));

    json_decref(body);
    return ok;
}

bool kserve_v2_infer(struct service *service, struct request *request,
                     struct model *model)
{
    struct kserve_outputs *outputs = NULL;
    struct batch batch = {0};

    if (kserve_v2_read(&batch, &outputs, request, model))
        return batch_job_make(service, request, model, &batch,
                              kserve_outputs_settle, &kserve_outputs_writer,
                              outputs);
    batch_job_release(&batch);
    return false;
}

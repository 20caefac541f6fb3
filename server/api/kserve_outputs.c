#include "server/api/kserve_outputs.h"

#include <stdlib.h>
#include <string.h>

#include "server/http/json.h"

enum { ID_SIZE = 256 };

struct kserve_outputs {
    struct kserve_tensor list[KSERVE_NUM_OUTPUTS]; /* (count) */
    size_t count;
    size_t num_classes;
    char id[ID_SIZE]; /* of the request, "" without one */
    bool is_binary;   /* at least one tensor */
};

/* ---- what is wanted ---- */

static bool has(const struct kserve_outputs *outputs, enum kserve_output output)
{
    for (size_t i = 0; i < outputs->count; i++)
        if (outputs->list[i].output == output)
            return true;
    return false;
}

static void add(struct kserve_outputs *outputs, enum kserve_output output,
                bool is_binary, size_t num_best)
{
    outputs->list[outputs->count++] = (struct kserve_tensor){
        .output = output, .is_binary = is_binary, .num_best = num_best};
    outputs->is_binary |= is_binary;
}

/* Reads one element of "outputs". */
static bool read_output(struct kserve_outputs *outputs, struct request *request,
                        const json_t *asked, bool is_binary)
{
    const char *name = json_string_value(json_object_get(asked, "name"));
    const json_t *how = json_object_get(asked, "parameters");
    const json_t *binary = json_object_get(how, "binary_data");
    const json_t *best = json_object_get(how, "classification");
    const json_int_t num_best = json_integer_value(best);
    enum kserve_output output =
        name ? kserve_tensor_find(name) : KSERVE_NUM_OUTPUTS;

    if (output == KSERVE_NUM_OUTPUTS)
        return request_fail(request, PROBLEM_INPUT,
                            "there is no output \"%.60s\"; GET the model for "
                            "those there are",
                            name ? name : "");
    if (has(outputs, output))
        return request_fail(request, PROBLEM_INPUT,
                            "the output \"%s\" is asked for twice", name);
    if (best && (output != KSERVE_SCORES || num_best < 1))
        return request_fail(request, PROBLEM_INPUT,
                            "\"classification\" must be a number from 1 on, of "
                            "the output \"scores\"");
    add(outputs, output, binary ? json_is_true(binary) : is_binary,
        (size_t)num_best < outputs->num_classes ? (size_t)num_best
                                                : outputs->num_classes);
    return true;
}

static bool read_outputs(struct kserve_outputs *outputs,
                         struct request *request, const json_t *body)
{
    const json_t *asked = json_object_get(body, "outputs");
    const bool is_binary = json_is_true(json_object_get(
        json_object_get(body, "parameters"), "binary_data_output"));

    if (asked && !json_is_array(asked))
        return request_fail(request, PROBLEM_INPUT,
                            "\"outputs\" must be an array");
    for (size_t i = 0; i < json_array_size(asked); i++)
        if (!read_output(outputs, request, json_array_get(asked, i), is_binary))
            return false;
    for (size_t i = 0; i < KSERVE_NUM_OUTPUTS && json_array_size(asked) == 0;
         i++)
        if (kserve_tensor_is_usual((enum kserve_output)i))
            add(outputs, (enum kserve_output)i, is_binary, 0);
    return true;
}

static bool read_id(struct kserve_outputs *outputs, struct request *request,
                    const json_t *body)
{
    const json_t *id = json_object_get(body, "id");

    if (!id || json_is_null(id))
        return true;
    if (!json_is_string(id) || json_string_length(id) >= ID_SIZE)
        return request_fail(request, PROBLEM_INPUT,
                            "\"id\" must be a string of at most %d bytes",
                            ID_SIZE - 1);
    snprintf(outputs->id, sizeof outputs->id, "%s", json_string_value(id));
    return true;
}

struct kserve_outputs *kserve_outputs_read(struct request *request,
                                           json_t *body,
                                           const struct model *model)
{
    struct kserve_outputs *outputs = calloc(1, sizeof *outputs);

    if (!outputs) {
        request_fail(request, PROBLEM_MEMORY,
                     "not enough memory for the request");
        return NULL;
    }
    outputs->num_classes = model->info.num_classes;
    if (read_id(outputs, request, body) && read_outputs(outputs, request, body))
        return outputs;
    kserve_outputs_free(outputs);
    return NULL;
}

/* All classes are listed where their scores are wanted; a heatmap is made only
 * if it is, and boxes and refined maps likewise. */
void kserve_outputs_settle(struct explain_request *asked, void *state)
{
    const struct kserve_outputs *outputs = state;

    if (has(outputs, KSERVE_SCORES))
        asked->top = outputs->num_classes;
    if (!has(outputs, KSERVE_HEATMAP))
        asked->style.kind = RENDER_NONE;
    if (!has(outputs, KSERVE_BOX) && !has(outputs, KSERVE_EXPLANATION))
        asked->only_heatmap = true;
}

/* ---- rows ---- */

static bool add_row(void *state, const struct batch_row *row, struct error *err)
{
    struct kserve_outputs *outputs = state;

    for (size_t i = 0; i < outputs->count; i++)
        if (!kserve_tensor_add(&outputs->list[i], row, err))
            return false;
    return true;
}

/* ---- the response ---- */

static json_t *describe(const struct kserve_outputs *outputs,
                        const struct engine *engine)
{
    struct engine_info info;
    json_t *list = json_array(), *root;
    bool ok = list != NULL;

    engine_info(engine, &info);
    for (size_t i = 0; ok && i < outputs->count; i++)
        ok = json_array_append_new(list,
                                   kserve_tensor_json(&outputs->list[i])) == 0;
    root = json_pack("{so so}", "model_name", text(info.name), "outputs", list);
    if (ok && root &&
        (!*outputs->id || put(root, "id", json_string(outputs->id))))
        return root;
    json_decref(root);
    return NULL;
}

static bool finish(void *state, struct response *response,
                   const struct engine *engine, struct error *err)
{
    struct kserve_outputs *outputs = state;
    json_t *root = describe(outputs, engine);
    bool ok = root && dump(response, root, err);

    json_decref(root);
    if (!ok)
        return fail(err, ERROR_MEMORY, "not enough memory for the response");
    if (!outputs->is_binary)
        return true;
    response->content_type = "application/octet-stream";
    response_header(response, "Inference-Header-Content-Length", "%zu",
                    response->body.len);
    for (size_t i = 0; i < outputs->count; i++)
        if (outputs->list[i].is_binary &&
            !buf_append(&response->body, outputs->list[i].bytes.data,
                        outputs->list[i].bytes.len, err))
            return false;
    return true;
}

void kserve_outputs_free(void *state)
{
    struct kserve_outputs *outputs = state;

    for (size_t i = 0; outputs && i < outputs->count; i++)
        buf_release(&outputs->list[i].bytes);
    free(outputs);
}

const struct batch_writer kserve_outputs_writer = {add_row, finish,
                                                   kserve_outputs_free};

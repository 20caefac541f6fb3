#include "cli/cmd_model_json.h"

#include "server/api/layers_json.h"
#include "server/http/json.h"

static json_t *values(const struct onnx_summary_value *list, size_t count)
{
    json_t *array = json_array();

    for (size_t i = 0; i < count; i++)
        json_array_append_new(array, json_pack("{s:o*, s:o*, s:o*}", "name",
                                               text(list[i].name), "type",
                                               text(list[i].type), "shape",
                                               text(list[i].shape)));
    return array;
}

static json_t *operators(const struct onnx_summary *file)
{
    json_t *object = json_object();

    for (size_t i = 0; i < file->num_ops; i++) {
        json_t *name = text(file->ops[i].name);

        if (name)
            json_object_set_new(object, json_string_value(name),
                                json_integer((json_int_t)file->ops[i].count));
        json_decref(name);
    }
    return object;
}

static json_t *problems(const struct inspection *inspection)
{
    json_t *array = json_array();

    for (const struct graph_problem *p = inspection->problems.first; p;
         p = p->next)
        json_array_append_new(
            array, json_pack("{s:o*, s:o*, s:o*}", "node", text(p->node),
                             "operator", text(*p->onnx_op ? p->onnx_op : NULL),
                             "reason", text(p->why.text)));
    return array;
}

static json_t *steps(const struct inspection *inspection)
{
    json_t *array = json_array();

    for (size_t s = 0; s < inspection->num_steps; s++) {
        const struct inspect_step *step = &inspection->steps[s];

        json_array_append_new(
            array,
            json_pack("{s:s, s:I, s:o*, s:o*, s:f}", "runs_in",
                      plan_runner_name(step->runner), "nodes",
                      (json_int_t)step->num_nodes, "first", text(step->node),
                      "operator", text(step->onnx_op), "ms", step->ms));
    }
    return array;
}

static bool add_costs(json_t *root, const struct inspection *inspection)
{
    json_t *map = json_null();
    json_t *more;

    if (inspection->map_width > 0)
        map = json_pack("{s:I, s:I, s:I}", "width",
                        (json_int_t)inspection->map_width, "height",
                        (json_int_t)inspection->map_height, "features",
                        (json_int_t)inspection->num_features);
    more = json_pack(
        "{s:o, s:s, s:o, s:o, s:I, s:o, s:I, s:I, s:f, s:f, s:s, s:s, s:I, "
        "s:f, "
        "s:o}",
        "output", text(inspection->output), "scores", inspection->scores,
        "head", text(inspection->head), "refusal", text(inspection->refusal),
        "classes", (json_int_t)inspection->num_classes, "map", map, "macs",
        (json_int_t)inspection->macs, "session_bytes",
        (json_int_t)inspection->session_bytes, "load_ms", inspection->load_ms,
        "run_ms", inspection->run_ms, "runtime", inspection->runtime,
        "precision", "fp32", "int8_nodes", (json_int_t)inspection->num_int8,
        "kernel_share", inspection->kernel_share, "steps", steps(inspection));
    if (!more)
        return false;
    json_object_update(root, more);
    json_decref(more);
    return true;
}

/* Prints an object, which may be NULL, if `ok`, and releases it. */
static bool print(json_t *root, bool ok, struct error *err)
{
    /* main reports output that cannot be written. */
    ok = ok && (json_dumpf(root, stdout,
                           JSON_INDENT(2) | JSON_REAL_PRECISION(6)) == 0 ||
                ferror(stdout));
    json_decref(root);
    if (!ok)
        return fail(err, ERROR_MEMORY, "not enough memory for the response");
    putchar('\n');
    return true;
}

bool cmd_model_json_print(const char *file, const struct inspection *inspection,
                          bool is_info, struct error *err)
{
    bool failed = inspection->failure.kind != ERROR_NONE;
    bool runs = inspect_can_run(inspection);
    json_t *root =
        json_pack("{s:o, s:I, s:b, s:o, s:I, s:o}", "file", text(file), "nodes",
                  (json_int_t)inspection->file.num_nodes, "supported",
                  (int)runs, "problems", problems(inspection), "unchecked",
                  (json_int_t)inspection->problems.num_blocked, "failure",
                  text(failed ? inspection->failure.text : NULL));
    bool ok = root != NULL;

    if (ok && is_info) {
        json_t *more = json_pack(
            "{s:o, s:I, s:o, s:o, s:o, s:I, s:I}", "producer",
            text(inspection->file.producer), "opset",
            (json_int_t)inspection->file.opset, "inputs",
            values(inspection->file.inputs, inspection->file.num_inputs),
            "outputs",
            values(inspection->file.outputs, inspection->file.num_outputs),
            "operators", operators(&inspection->file), "weights",
            (json_int_t)inspection->file.num_weights, "weight_bytes",
            (json_int_t)inspection->file.weight_bytes);

        ok = more != NULL;
        json_object_update(root, more);
        json_decref(more);
        ok = ok && (!runs || add_costs(root, inspection));
    }
    return print(root, ok, err);
}

bool cmd_model_json_layers(const char *file,
                           const struct inspection *inspection,
                           struct error *err)
{
    json_t *root =
        json_pack("{s:o, s:{s:I, s:I}, s:o}", "file", text(file), "input",
                  "width", (json_int_t)inspection->input_width, "height",
                  (json_int_t)inspection->input_height, "layers",
                  layers_json(&inspection->network.layers));

    return print(root, root != NULL, err);
}

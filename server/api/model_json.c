#include "server/api/model_json.h"

#include "server/api/explain_options.h"
#include "server/api/layers_json.h"
#include "server/http/json.h"

static json_t *model_input(const struct engine_info *info)
{
    return json_pack("{sI sI}", "width", (json_int_t)info->input_width,
                     "height", (json_int_t)info->input_height);
}

static json_t *model_map(const struct engine_info *info)
{
    if (info->refusal)
        return json_null();
    return json_pack("{sI sI sI}", "width", (json_int_t)info->map_width,
                     "height", (json_int_t)info->map_height, "features",
                     (json_int_t)info->num_features);
}

static json_t *model_limits(const struct config *config)
{
    return json_pack("{sI sI sI sI sI sI sI sI}", "max_body_bytes",
                     (json_int_t)config->max_body_bytes, "max_width",
                     (json_int_t)config->max_width, "max_height",
                     (json_int_t)config->max_height, "max_pixels",
                     (json_int_t)config->max_pixels, "queue_length",
                     (json_int_t)config->queue_length, "deadline_ms",
                     (json_int_t)config->deadline_ms, "max_passes",
                     (json_int_t)config->max_passes, "max_classes",
                     (json_int_t)EXPLAIN_MAX_CLASSES);
}

static json_t *model_options(void)
{
    const struct request_options *table = explain_options_table();
    json_t *options = json_array();
    struct request_option o;

    for (size_t i = 0; i < table->count; i++) {
        request_options_describe(&o, table, i);
        if (json_array_append_new(options,
                                  json_pack("{ss ss ss ss}", "name", o.name,
                                            "default", o.fallback, "accepts",
                                            o.accepts, "help", o.help)) != 0) {
            json_decref(options);
            return NULL;
        }
    }
    return options;
}

static size_t count_labels(const struct engine *engine, size_t num_classes)
{
    size_t count = 0;

    for (size_t i = 0; i < num_classes; i++)
        count += engine_class_label(engine, i) != NULL;
    return count;
}

static bool put_served(json_t *root, const struct model *model)
{
    return put(root, "default", json_boolean(model->slot == 0)) &&
           put(root, "generation",
               json_integer((json_int_t)model->generation)) &&
           put(root, "loaded", text(model->loaded));
}

/* A new object that describes the model, or NULL. */
static json_t *describe(const struct model *model, bool is_served)
{
    const struct engine_info *info = &model->info;
    json_t *root = json_object();

    if (put(root, "name", text(info->name)) &&
        (!is_served || put_served(root, model)) &&
        put(root, "method", text(info->method)) &&
        put(root, "head", text(info->head)) &&
        put(root, "output", text(info->output)) &&
        put(root, "scores", text(info->scores)) &&
        put(root, "exclusive", json_boolean(info->is_exclusive)) &&
        put(root, "refusal", text(info->refusal)) &&
        put(root, "input", model_input(info)) &&
        put(root, "precision", text(info->precision)) &&
        put(root, "num_classes", json_integer((json_int_t)info->num_classes)) &&
        put(root, "num_labels",
            json_integer(
                (json_int_t)count_labels(model->engine, info->num_classes))) &&
        put(root, "map", model_map(info)) &&
        put(root, "box",
            info->box ? model_box_describe(info->box) : json_null()) &&
        put(root, "source", text(info->source)) &&
        put(root, "license", text(info->license)))
        return root;
    json_decref(root);
    return NULL;
}

/* Takes `root`, which may be NULL. */
static bool dump_line(struct response *response, json_t *root, bool ok,
                      struct error *err)
{
    if (!ok)
        fail(err, ERROR_MEMORY, "not enough memory for the response");
    ok = ok && dump(response, root, err) &&
         buf_append(&response->body, "\n", 1, err);
    json_decref(root);
    return ok;
}

bool model_json_write(struct response *response, const struct model *model,
                      const struct config *config, struct error *err)
{
    json_t *root = describe(model, true);
    bool ok = put(root, "runtime", text(model->info.runtime)) &&
              put(root, "workers", json_integer((json_int_t)config->workers)) &&
              put(root, "limits", model_limits(config)) &&
              put(root, "options", model_options());

    return dump_line(response, root, ok, err);
}

bool model_json_alone(struct response *response, const struct model *model,
                      struct error *err)
{
    json_t *root = describe(model, false);
    bool ok = put(root, "runtime", text(model->info.runtime)) &&
              put(root, "options", model_options());

    return dump_line(response, root, ok, err);
}

bool model_json_layers(struct response *response, const struct model *model,
                       struct error *err)
{
    const struct layers *layers = engine_layers(model->engine);
    json_t *root = json_object();
    bool ok = put(root, "model", text(model->info.name)) &&
              put(root, "input", model_input(&model->info)) &&
              put(root, "layers", layers_json(layers));

    return dump_line(response, root, ok, err);
}

bool model_json_list(struct response *response, struct model *const *models,
                     size_t count, size_t num_frames, struct error *err)
{
    json_t *root = json_object(), *list = json_array();
    bool ok = put(root, "models", list);

    for (size_t i = 0; i < count && ok; i++)
        ok = json_array_append_new(list, describe(models[i], true)) == 0;
    ok = ok && put(root, "film", json_integer((json_int_t)num_frames));
    return dump_line(response, root, ok, err);
}

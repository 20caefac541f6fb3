/* A model, and what it says about itself. */
#include <stdlib.h>

#include "engine/base/hugepages.h"
#include "lib/wherefore_internal.h"
#include "server/api/methods_json.h"
#include "server/api/model_json.h"
#include "server/api/request_options.h"
#include "server/config/config.h"

/* What the options write into. */
struct opening {
    struct engine_options engine;
    struct image_limits limits;
    uint64_t max_bytes;
};

static bool take_size(void *data, const struct option *option,
                      const char *value, struct error *err)
{
    struct opening *opening = data;

    (void)option;
    return engine_options_parse_size(&opening->engine, value, err);
}

static bool take_precision(void *data, const struct option *option,
                           const char *value, struct error *err)
{
    struct opening *opening = data;

    (void)option;
    return engine_options_parse_precision(&opening->engine, value, err);
}

#define NUMBER(name, field, most)                                            \
    {                                                                        \
        OPTION_NUMBER, name, NULL, NULL, .min = 1, .max = most,              \
                                         OPTION_FIELD(struct opening, field) \
    }
static const struct option rows[] = {
    {OPTION_TEXT, "precision", .accepts = "fp32, int8 or auto",
     .take = take_precision},
    {OPTION_TEXT, "size", .accepts = "a size such as 448 or 160x80, or own",
     .take = take_size},
    NUMBER("max-bytes", max_bytes, INT32_MAX),
    NUMBER("max-width", limits.max_width, UINT16_MAX),
    NUMBER("max-height", limits.max_height, UINT16_MAX),
    NUMBER("max-pixels", limits.max_pixels, UINT32_MAX),
};

enum { NUM_ROWS = sizeof rows / sizeof rows[0] };

/* The defaults are those of a service. */
static struct opening begin(void)
{
    struct config config;

    config_init(&config);
    return (struct opening){
        .limits = {.max_width = (uint32_t)config.max_width,
                   .max_height = (uint32_t)config.max_height,
                   .max_pixels = config.max_pixels},
        .max_bytes = config.max_body_bytes,
    };
}

static bool read_options(struct opening *opening,
                         const struct wherefore_option *options,
                         size_t num_options, struct error *err)
{
    const struct request_options table = {
        .rows = rows, .count = NUM_ROWS, .defaults = opening};
    bool seen[NUM_ROWS] = {false};
    struct params params = {0};
    bool ok = wherefore_take_options(&params, options, num_options, err) &&
              request_options_parse(&table, opening, seen, &params, err);

    params_release(&params);
    return ok;
}

static struct wherefore_model *
open_model(const char *folder, const struct opening *opening, struct error *err)
{
    struct wherefore_model *model = calloc(1, sizeof *model);

    if (!model) {
        fail(err, ERROR_MEMORY, "not enough memory for a model");
        return NULL;
    }
    model->limits = opening->limits;
    model->max_bytes = (size_t)opening->max_bytes;
    model->served.engine = engine_open(folder, &opening->engine, err);
    if (!model->served.engine) {
        error_prefix(err, "%.200s", folder);
        wherefore_model_free(model);
        return NULL;
    }
    engine_info(model->served.engine, &model->served.info);
    return model;
}

wherefore_model *wherefore_model_open(const char *folder,
                                      const struct wherefore_option *options,
                                      size_t num_options,
                                      struct wherefore_error *err)
{
    struct wherefore_model *model = NULL;
    struct opening opening = begin();
    struct error why = {0};

    if (!folder)
        fail(&why, ERROR_INPUT, "the model's folder is NULL");
    else if (read_options(&opening, options, num_options, &why))
        model = open_model(folder, &opening, &why);
    if (!model)
        wherefore_report(err, &why);
    return model;
}

void wherefore_model_free(wherefore_model *model)
{
    if (!model)
        return;
    engine_free(model->served.engine);
    free(model);
    hugepages_trim();
}

/* ---- what it is ---- */

/* Takes the body of a response, which ends with a line feed, as a text. */
static char *take_text(struct response *response, bool ok,
                       struct wherefore_error *err, const struct error *why)
{
    char *text = NULL;

    if (ok) {
        text = (char *)response->body.data;
        text[response->body.len - 1] = '\0';
        response->body = (struct buf){0};
    } else {
        wherefore_report(err, why);
    }
    response_release(response);
    return text;
}

char *wherefore_model_json(const wherefore_model *model,
                           struct wherefore_error *err)
{
    struct response response = {0};
    struct error why = {0};
    bool ok = model ? model_json_alone(&response, &model->served, &why)
                    : fail(&why, ERROR_INPUT, "the model is NULL");

    return take_text(&response, ok, err, &why);
}

char *wherefore_model_methods_json(const wherefore_model *model,
                                   struct wherefore_error *err)
{
    const struct allowed all = {UINT64_MAX};
    struct response response = {0};
    struct error why = {0};
    bool ok = model ? methods_json_write(&response, &model->served, &all, &why)
                    : fail(&why, ERROR_INPUT, "the model is NULL");

    return take_text(&response, ok, err, &why);
}

const char *wherefore_model_name(const wherefore_model *model)
{
    return model ? model->served.info.name : NULL;
}

size_t wherefore_model_input_width(const wherefore_model *model)
{
    return model ? model->served.info.input_width : 0;
}

size_t wherefore_model_input_height(const wherefore_model *model)
{
    return model ? model->served.info.input_height : 0;
}

size_t wherefore_model_map_width(const wherefore_model *model)
{
    return model ? model->served.info.map_width : 0;
}

size_t wherefore_model_map_height(const wherefore_model *model)
{
    return model ? model->served.info.map_height : 0;
}

size_t wherefore_model_num_classes(const wherefore_model *model)
{
    return model ? model->served.info.num_classes : 0;
}

const char *wherefore_model_class_id(const wherefore_model *model, size_t index)
{
    return index < wherefore_model_num_classes(model)
               ? engine_class_id(model->served.engine, index)
               : NULL;
}

const char *wherefore_model_class_label(const wherefore_model *model,
                                        size_t index)
{
    return index < wherefore_model_num_classes(model)
               ? engine_class_label(model->served.engine, index)
               : NULL;
}

bool wherefore_model_find_class(const wherefore_model *model, const char *text,
                                size_t *index)
{
    size_t found = 0;

    if (!model || !text ||
        !engine_find_class(model->served.engine, &found, text))
        return false;
    if (index)
        *index = found;
    return true;
}

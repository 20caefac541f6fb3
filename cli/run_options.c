#include "cli/run_options.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "cli/default_model.h"
#include "engine/base/team.h"
#include "server/config/config.h"

enum { MAX_THREADS = 256 };

#define FIELD(field) OPTION_FIELD(struct run_options, field)

static bool take_input_size(void *data, const struct option *option,
                            const char *value, struct error *err)
{
    struct run_options *options = data;

    (void)option;
    return engine_options_parse_size(&options->engine, value, err);
}

static bool take_precision(void *data, const struct option *option,
                           const char *value, struct error *err)
{
    struct run_options *options = data;

    (void)option;
    return engine_options_parse_precision(&options->engine, value, err);
}

bool run_options_take_shared(void *data, const struct option *option,
                             const char *value, struct error *err)
{
    struct run_options *options = data;
    uint64_t position;
    char name[32];

    request_options_name(name, strcmp(option->flag, "heatmap-kind") == 0
                                   ? "heatmap"
                                   : option->flag);
    return options_check(&position, option, value, err) &&
           params_begin(&options->asked, name, strlen(name), err) &&
           params_extend(&options->asked, value, strlen(value), err);
}

static const struct option model_rows[] = {
    {OPTION_TEXT, "model", "DIR", "the model's folder",
     .fallback =
         "efficientnet-lite0 in ./models or where wherefore is installed",
     FIELD(model)},
    {OPTION_TEXT, "input-size", "SIZE",
     "another size of the network's input, such as 448 or 160x80, for finer "
     "maps",
     .fallback = "the model's own", .take = take_input_size},
    {OPTION_TEXT, "precision", "P",
     "precision to compute in: fp32, int8 (faster, slightly less accurate; "
     "needs a processor with AVX2, or XNNPACK from 2024) or auto (int8 where a "
     "check finds it accurate enough)",
     .fallback = "fp32", .take = take_precision},
};

#define NUMBER(name, field, most, help)                                     \
    {                                                                       \
        OPTION_NUMBER, name, "N", help, .min = 1, .max = most, FIELD(field) \
    }
static const struct option limit_rows[] = {
    {OPTION_NUMBER, "threads", "N", "number of threads to compute with",
     .fallback = "one per core", .min = 1, .max = MAX_THREADS,
     FIELD(num_threads)},
    NUMBER("max-bytes", max_bytes, INT32_MAX,
           "largest file that is read, in bytes"),
    NUMBER("max-width", limits.max_width, UINT16_MAX,
           "widest image that is decoded"),
    NUMBER("max-height", limits.max_height, UINT16_MAX,
           "tallest image that is decoded"),
    NUMBER("max-pixels", limits.max_pixels, UINT32_MAX,
           "largest width x height that is decoded"),
    OPTION_HELP(struct run_options, help),
};

void run_options_add(struct run_options_table *table, const struct option *rows,
                     size_t count)
{
    assert(table->count + count <= RUN_OPTIONS_MAX_ROWS);
    memcpy(table->rows + table->count, rows, count * sizeof *rows);
    table->count += count;
}

void run_options_add_model(struct run_options_table *table)
{
    run_options_add(table, model_rows,
                    sizeof model_rows / sizeof model_rows[0]);
}

void run_options_add_limits(struct run_options_table *table)
{
    run_options_add(table, limit_rows,
                    sizeof limit_rows / sizeof limit_rows[0]);
}

static bool is_listed(const char *const *flags, const char *flag)
{
    for (; *flags; flags++)
        if (strcmp(*flags, flag) == 0)
            return true;
    return false;
}

/* The request's own parser checks the values, so that the command line and the
 * service accept the same ones. */
void run_options_add_shared(struct run_options_table *table,
                            const struct request_options *options,
                            const char *const *left_out)
{
    for (size_t i = 0; i < options->count; i++) {
        struct request_option *about = &table->shared[table->num_shared];
        struct option added = options->rows[i];

        if (is_listed(left_out, added.flag))
            continue;
        table->num_shared++;
        request_options_describe(about, options, i);
        added.take = run_options_take_shared;
        added.type = OPTION_TEXT;
        added.accepts = about->accepts;
        added.fallback = about->fallback;
        run_options_add(table, &added, 1);
    }
}

/* One for each core. */
static unsigned num_threads(void)
{
    unsigned count = team_num_cores();

    return count < 1 ? 1 : count > MAX_THREADS ? MAX_THREADS : count;
}

void run_options_init(struct run_options *options)
{
    struct config config;

    config_init(&config);
    options->num_threads = num_threads();
    options->max_bytes = (size_t)config.max_body_bytes;
    options->limits.max_width = (uint32_t)config.max_width;
    options->limits.max_height = (uint32_t)config.max_height;
    options->limits.max_pixels = config.max_pixels;
}

const char *run_options_model(const struct run_options *options,
                              char path[PATH_MAX])
{
    return options->model ? options->model : default_model(path);
}

void run_options_release(struct run_options *options)
{
    params_release(&options->asked);
    *options = (struct run_options){0};
}

/* Prints the tables that the documentation is made of, or held to, as JSON:
 * lists.py and names.py read it. What of them is for people to read, a table's
 * own function has made: nothing here is typed again. */

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "engine/onnx/onnx_reader.h"
#include "server/api/activations_options.h"
#include "server/api/ascend_options.h"
#include "server/api/exemplars_options.h"
#include "server/api/explain_options.h"
#include "server/api/filters_options.h"
#include "server/api/routes.h"
#include "server/config/config_option.h"
#include "server/http/problem.h"
#include "server/observe/metrics.h"

/* ---- options ---- */

/* "1 to 256 threads" of a number, "a, b" of a choice, or the value's name. */
static json_t *what_it_accepts(const struct option *row)
{
    if (row->type == OPTION_NUMBER)
        return json_sprintf("%ju to %ju %s", (uintmax_t)row->min,
                            (uintmax_t)row->max, row->accepts);
    if (row->type == OPTION_LIST)
        return json_sprintf("%s, repeatable", row->argument);
    return json_string(row->argument ? row->argument : "");
}

/* A heading, an option with its default, or an action, which has none. */
static json_t *serve_row(const struct config *config, const struct option *row)
{
    char digits[32];
    const char *value = NULL;

    if (row->type == OPTION_SECTION)
        return json_pack("{ss ss}", "section", row->flag, "help", row->help);
    if (row->type == OPTION_SWITCH)
        return json_pack("{ss ss}", "action", row->flag, "help", row->help);
    value = config_option_value(digits, config, row, 0);
    return json_pack("{ss ss so sb ss}", "flag", row->flag, "default",
                     value ? value : "", "accepts", what_it_accepts(row),
                     "in_file", config_option_in_file(row), "help", row->help);
}

static json_t *serve_options(void)
{
    json_t *list = json_array();
    struct config config;

    config_init(&config);
    for (size_t i = 0; i < CONFIG_NUM_ROWS + CONFIG_NUM_ACTIONS; i++)
        json_array_append_new(list, serve_row(&config, &config_option_rows[i]));
    config_release(&config);
    return list;
}

/* As GET /model has those of POST /cam. */
static json_t *request_list(const struct request_options *options)
{
    json_t *list = json_array();
    struct request_option o;

    for (size_t i = 0; i < options->count; i++) {
        request_options_describe(&o, options, i);
        json_array_append_new(list, json_pack("{ss ss ss ss}", "name", o.name,
                                              "default", o.fallback, "accepts",
                                              o.accepts, "help", o.help));
    }
    return list;
}

/* ---- what the service answers ---- */

static json_t *all_routes(void)
{
    const struct route_table *table = routes_table();
    json_t *list = json_array();

    for (size_t i = 0; i < table->count; i++)
        json_array_append_new(
            list, json_pack("[ss]", route_method_name(&table->rows[i]),
                            table->rows[i].path));
    return list;
}

static json_t *all_problems(void)
{
    json_t *list = json_array();

#define X(problem, status, title, kind) \
    if (problem != PROBLEM_NONE)        \
        json_array_append_new(list, json_pack("[is]", status, kind));
    PROBLEMS(X)
#undef X
    return list;
}

static json_t *counted_statuses(void)
{
    static const unsigned statuses[] = {METRICS_STATUSES};
    json_t *list = json_array();

    for (size_t i = 0; i < METRICS_NUM_STATUSES; i++)
        json_array_append_new(list, json_integer(statuses[i]));
    return list;
}

/* What GET /metrics answers where nothing has happened. */
static json_t *all_metrics(void)
{
    static struct metrics metrics;
    const struct metrics_model model = {.name = "m", .method = "cam"};
    const char *const method = "none";
    const struct metrics_numbers numbers = {.xnnpack = "",
                                            .models = &model,
                                            .num_models = 1,
                                            .methods = &method,
                                            .num_methods = 1};
    const char *const *names;
    size_t num_names = routes_names(&names);
    struct buf text = {0};
    json_t *found = NULL;

    if (metrics_render(&text, &metrics, names, num_names, &numbers, NULL))
        found = json_stringn((const char *)text.data, text.len);
    buf_release(&text);
    return found;
}

/* ---- operators ---- */

static json_t *all_operators(void)
{
    const struct onnx_operator *row;
    json_t *list = json_array();

    for (size_t i = 0; (row = onnx_ops_row(i)) != NULL; i++)
        json_array_append_new(
            list, json_pack("[sIIs]", row->name, (json_int_t)row->min_inputs,
                            (json_int_t)row->max_inputs, row->attributes));
    return list;
}

int main(void)
{
    json_t *root = json_pack(
        "{so so so so so so so so so so so}", "serve", serve_options(), "cam",
        request_list(explain_options_table()), "activations",
        request_list(activations_options_table()), "ascend",
        request_list(ascend_options_table()), "filters",
        request_list(filters_options_table()), "exemplars",
        request_list(exemplars_options_table()), "routes", all_routes(),
        "problems", all_problems(), "statuses", counted_statuses(), "metrics",
        all_metrics(), "operators", all_operators());
    int failed = !root || json_dumpf(root, stdout, JSON_INDENT(1)) != 0;

    json_decref(root);
    return failed;
}

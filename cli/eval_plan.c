#include "cli/eval_plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/api/explain_options.h"

/* The options that may have several values. */
enum list {
    METHOD,
    LAYER,
    TARGET,
    BOX,
    THRESHOLD,
    PERCENTILE,
    QUALITY,
    NUM_LISTS
};

static const char *const names[NUM_LISTS] = {
    "method", "layer", "target", "box", "threshold", "percentile", "quality",
};

/* The rule that an option is for, which is then in a row's name. */
static const char *const rules[NUM_LISTS] = {
    [THRESHOLD] = "paper",
    [PERCENTILE] = "percentile",
    [QUALITY] = "object",
};

enum { MAX_VALUES = 64, MAX_PARAMS = 64 };

/* The values of each list; one NULL where the option is not given. */
struct lists {
    char *texts[NUM_LISTS]; /* owned, cut at the commas */
    const char *values[NUM_LISTS][MAX_VALUES];
    size_t counts[NUM_LISTS];
};

/* One of the combinations. */
struct choice {
    const char *values[NUM_LISTS];
};

struct making {
    struct eval_plan *plan;
    const struct params *asked;
    const struct engine *engine;
    struct lists lists;
    bool is_used[MAX_PARAMS]; /* an option that is asked, by a combination */
};

/* ---- lists ---- */

static bool split(struct lists *lists, enum list list, const char *text,
                  struct error *err)
{
    char *rest = lists->texts[list] = strdup(text);

    if (!rest)
        return fail(err, ERROR_MEMORY, "not enough memory for options");
    lists->counts[list] = 0;
    while (rest) {
        if (lists->counts[list] == MAX_VALUES)
            return error_limit(err, MAX_VALUES,
                               "option \"%s\": at most %d values are allowed",
                               names[list], MAX_VALUES);
        lists->values[list][lists->counts[list]++] = strsep(&rest, ",");
    }
    return true;
}

static bool read_lists(struct lists *lists, const struct params *asked,
                       struct error *err)
{
    for (enum list list = 0; list < NUM_LISTS; list++) {
        const char *text = params_find(asked, names[list]);

        lists->counts[list] = 1;
        if (text && !split(lists, list, text, err))
            return false;
    }
    return true;
}

/* ---- one combination ---- */

static enum list list_named(const char *name)
{
    enum list list = 0;

    while (list < NUM_LISTS && strcmp(names[list], name) != 0)
        list++;
    return list;
}

static void note_use(struct making *making, const char *used)
{
    const char *name, *value;
    size_t i = 0;

    for (size_t pos = 0; params_next(making->asked, &pos, &name, &value); i++)
        if (i < MAX_PARAMS && strcmp(name, used) == 0)
            making->is_used[i] = true;
}

static bool add_param(struct making *making, struct params *params,
                      const char *name, const char *value, struct error *err)
{
    note_use(making, name);
    return params_begin(params, name, strlen(name), err) &&
           params_extend(params, value, strlen(value), err);
}

/* Whether a method has the parameter of this name; others are for all. */
static bool is_for(const struct explain_method *method, const char *name)
{
    static const char *const flags[] = {
#define X(parameter, field, kind, flag, ...) [parameter] = flag,
        EXPLAIN_PARAMETERS(X)
#undef X
    };
    char own[32];

    for (unsigned i = 0; i < EXPLAIN_NUM_PARAMETERS; i++) {
        explain_options_name(own, flags[i]);
        if (strcmp(own, name) == 0)
            return method && method->parameters & EXPLAIN_HAS(i);
    }
    return true;
}

/* Adds the options that have one value, where the combination uses them. */
static bool add_singles(struct making *making, struct params *params,
                        const struct choice *choice, struct error *err)
{
    const struct explain_method *method =
        choice->values[METHOD] ? explain_method_named(choice->values[METHOD])
                               : NULL;
    const char *target = choice->values[TARGET], *name, *value;

    for (size_t pos = 0; params_next(making->asked, &pos, &name, &value);)
        if (list_named(name) == NUM_LISTS && is_for(method, name) &&
            (strcmp(name, "against") != 0 || !target ||
             strcmp(target, "margin") == 0) &&
            !add_param(making, params, name, value, err))
            return false;
    return true;
}

/* Reads a combination as a request to the service is read. */
static bool read_request(struct making *making, struct explain_request *request,
                         const struct choice *choice, struct error *err)
{
    struct params params = {0};
    bool ok = add_singles(making, &params, choice, err);

    for (enum list list = 0; ok && list < NUM_LISTS; list++)
        if (choice->values[list])
            ok = add_param(making, &params, names[list], choice->values[list],
                           err);
    ok = ok &&
         explain_options_parse(request, &params, making->engine, true, err);
    params_release(&params);
    return ok;
}

/* ---- rows ---- */

/* Writes a box's name: the rule, and the value of the option that it has. */
static void name_box(char text[EVAL_PLAN_BOX_SIZE], const struct choice *choice,
                     const struct explain_request *request)
{
    const char *rule = box_rule_name(request->box.rule);
    struct explain_option about;
    const struct option *row;
    char own[32];

    snprintf(text, EVAL_PLAN_BOX_SIZE, "%s", rule);
    for (enum list list = BOX + 1; list < NUM_LISTS; list++) {
        if (strcmp(rules[list], rule) != 0 ||
            (list == QUALITY && request->box.quality == BOX_QUALITY_FAST))
            continue;
        for (size_t i = 0; (row = explain_options_row(i)); i++) {
            explain_options_name(own, row->flag);
            if (strcmp(own, names[list]) != 0)
                continue;
            explain_options_describe(&about, row);
            snprintf(text, EVAL_PLAN_BOX_SIZE, "%s %.20s", rule,
                     choice->values[list] ? choice->values[list]
                                          : about.fallback);
        }
    }
}

/* Whether an earlier box of the map has the name. */
static bool is_known(const struct eval_plan *plan, const char *name)
{
    const struct evaluate_map *map = &plan->maps[plan->num_maps - 1];

    for (size_t i = 0; i < map->num_boxes; i++)
        if (strcmp(plan->rows[plan->num_rows - 1 - i].box, name) == 0)
            return true;
    return false;
}

/* Adds a row, of a map unless `map` is NULL. */
static bool add_row(struct eval_plan *plan, struct evaluate_map *map,
                    const struct result_row *about, const char *box,
                    struct error *err)
{
    char *name;

    if (plan->num_rows == EVAL_PLAN_MAX_ROWS)
        return error_limit(err, EVAL_PLAN_MAX_ROWS,
                           "at most %d rows are allowed", EVAL_PLAN_MAX_ROWS);
    name = plan->box_names[plan->num_rows];
    snprintf(name, EVAL_PLAN_BOX_SIZE, "%s", box);
    plan->rows[plan->num_rows] = *about;
    plan->rows[plan->num_rows++].box = name;
    if (map)
        map->num_boxes++;
    return true;
}

/* Adds a row to the last map. */
static bool add_box(struct making *making, const struct choice *choice,
                    const struct explain_request *request,
                    const struct result_row *about, struct error *err)
{
    struct eval_plan *plan = making->plan;
    char name[EVAL_PLAN_BOX_SIZE];

    name_box(name, choice, request);
    if (is_known(plan, name))
        return true;
    if (plan->num_rows < EVAL_PLAN_MAX_ROWS)
        plan->boxes[plan->num_rows] = request->box;
    return add_row(plan, &plan->maps[plan->num_maps - 1], about, name, err);
}

/* The values of a list that a choice has to go through: one if the list does
 * not matter to it. */
static size_t count_values(const struct lists *lists, enum list list,
                           const struct choice *choice)
{
    const char *rule = choice->values[BOX];
    bool matters =
        !rules[list] || (rule ? strcmp(rules[list], rule) == 0
                              : list == THRESHOLD || list == QUALITY);

    return matters ? lists->counts[list] : 0;
}

/* Adds the rows of all combinations of lists from `list` on. */
static bool add_boxes(struct making *making, struct choice *choice,
                      enum list list, const struct result_row *about,
                      struct error *err)
{
    size_t count;

    if (list == NUM_LISTS) {
        struct explain_request request;

        return read_request(making, &request, choice, err) &&
               add_box(making, choice, &request, about, err);
    }
    choice->values[list] = NULL;
    count = count_values(&making->lists, list, choice);
    if (count == 0)
        return add_boxes(making, choice, list + 1, about, err);
    for (size_t i = 0; i < count; i++) {
        choice->values[list] = making->lists.values[list][i];
        if (!add_boxes(making, choice, list + 1, about, err))
            return false;
    }
    return true;
}

/* What is said of a map. */
static struct result_row describe(const struct engine *engine,
                                  const struct explain_method *method,
                                  const struct explain_request *request)
{
    const struct layers *layers = engine_layers(engine);
    size_t layer = request->layer == EXPLAIN_LAYER_DEFAULT ? layers->chosen
                                                           : request->layer;

    return (struct result_row){
        .method = explain_method_name(method),
        .layer = method->uses_layer && layer < layers->count
                     ? layers->list[layer].name
                     : "",
        .target = target_name(request->target),
    };
}

/* Adds a map and its rows. A method that has no layer has one map, whatever
 * the layers. */
static bool add_map(struct making *making, struct choice *choice,
                    struct error *err)
{
    struct eval_plan *plan = making->plan;
    struct evaluate_map *map = &plan->maps[plan->num_maps];
    const struct explain_method *method;
    struct result_row about;
    const char *refusal;
    size_t passes;

    if (plan->num_rows == EVAL_PLAN_MAX_ROWS)
        return error_limit(err, EVAL_PLAN_MAX_ROWS,
                           "at most %d rows are allowed", EVAL_PLAN_MAX_ROWS);
    for (enum list list = BOX; list < NUM_LISTS; list++)
        choice->values[list] = NULL;
    if (!read_request(making, &map->request, choice, err) ||
        !engine_passes(making->engine, &passes, &map->request, err))
        return false;
    method = engine_choose(making->engine, &refusal, &map->request);
    if (!method)
        return fail(err, ERROR_UNSUPPORTED, "%s", refusal);
    about = describe(making->engine, method, &map->request);
    map->boxes = plan->boxes + plan->num_rows;
    plan->num_maps++;
    return add_boxes(making, choice, BOX, &about, err);
}

/* Whether the method of a choice looks at a layer. */
static bool has_layer(const struct choice *choice)
{
    const struct explain_method *method =
        choice->values[METHOD] ? explain_method_named(choice->values[METHOD])
                               : NULL;

    return !method || method->uses_layer;
}

/* Adds all maps, layer by layer: those of one share its passes. */
static bool add_maps(struct making *making, struct error *err)
{
    const struct lists *lists = &making->lists;
    struct choice choice = {{NULL}};

    for (size_t l = 0; l < lists->counts[LAYER]; l++)
        for (size_t m = 0; m < lists->counts[METHOD]; m++)
            for (size_t t = 0; t < lists->counts[TARGET]; t++) {
                choice.values[METHOD] = lists->values[METHOD][m];
                choice.values[LAYER] =
                    has_layer(&choice) ? lists->values[LAYER][l] : NULL;
                choice.values[TARGET] = lists->values[TARGET][t];
                if ((l == 0 || has_layer(&choice)) &&
                    !add_map(making, &choice, err))
                    return false;
            }
    return true;
}

/* Adds the rows beside those of the maps. */
static bool add_baselines(struct eval_plan *plan, struct error *err)
{
    for (enum evaluate_baseline i = 0; i < EVALUATE_NUM_BASELINES; i++) {
        const struct result_row row = {
            .method = evaluate_baseline_name(i), .layer = "", .target = ""};

        if (!add_row(plan, NULL, &row,
                     i == EVALUATE_RANDOM ? plan->rows[0].box : "", err))
            return false;
    }
    return true;
}

/* Options that change nothing are mistakes. */
static bool check_use(const struct making *making, struct error *err)
{
    const char *name, *value;
    size_t i = 0;

    for (size_t pos = 0; params_next(making->asked, &pos, &name, &value); i++)
        if (i < MAX_PARAMS && !making->is_used[i])
            return fail(err, ERROR_INPUT,
                        "option \"%s\": no method, target or box of these has "
                        "it",
                        name);
    return true;
}

bool eval_plan_make(struct eval_plan *plan, const struct params *asked,
                    const struct engine *engine, struct error *err)
{
    struct making making = {.plan = plan, .asked = asked, .engine = engine};
    bool ok = read_lists(&making.lists, asked, err) && add_maps(&making, err) &&
              check_use(&making, err) && add_baselines(plan, err);

    for (enum list list = 0; list < NUM_LISTS; list++)
        free(making.lists.texts[list]);
    return ok;
}

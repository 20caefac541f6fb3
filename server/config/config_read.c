/* The options from all their sources, one after another: what config.h
 * declares. */

#include <stdlib.h>
#include <string.h>

#include "server/config/config.h"
#include "server/config/config_file.h"
#include "server/config/config_option.h"

#define PREFIX "WHEREFORE_"

enum { MAX_NAME = 64 };

static bool refuse_operand(void *data, char *text, struct error *err)
{
    (void)data;
    return fail(err, ERROR_INPUT,
                "unexpected argument \"%.*s\"; --help lists the options",
                MAX_NAME, text);
}

/* ---- the environment ---- */

/* Variables that container hosts set for a service named "wherefore":
 * WHEREFORE_SERVICE_HOST, WHEREFORE_PORT_8080_TCP_ADDR and their kin. */
static bool is_service_link(const char *name)
{
    static const char *const starts[] = {
        "SERVICE_HOST=", "SERVICE_PORT=", "SERVICE_PORT_", "PORT=", "PORT_"};

    for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++)
        if (strncmp(name, starts[i], strlen(starts[i])) == 0)
            return true;
    return false;
}

/* MAX_PIXELS of "max-pixels". */
static void name_variable(char variable[MAX_NAME], const char *flag)
{
    size_t i;

    for (i = 0; flag[i] && i < MAX_NAME - 1; i++) {
        char c = flag[i];

        variable[i] = c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
        if (c == '-')
            variable[i] = '_';
    }
    variable[i] = '\0';
}

/* "max-pixels" of MAX_PIXELS; characters that no variable has become '?'. */
static void name_flag(char flag[MAX_NAME], const char *variable, size_t len)
{
    size_t i;

    for (i = 0; i < len && i < MAX_NAME - 1; i++) {
        char c = variable[i];

        flag[i] = c >= '0' && c <= '9' ? c : '?';
        if (c >= 'A' && c <= 'Z')
            flag[i] = (char)(c - 'A' + 'a');
        else if (c == '_')
            flag[i] = '-';
    }
    flag[i] = '\0';
}

static bool fail_unknown_variable(const char *name, size_t len,
                                  const char *flag, struct error *err)
{
    const char *nearest = options_nearest(config_option_rows, CONFIG_NUM_ROWS,
                                          flag, strlen(flag));
    char variable[MAX_NAME];
    int shown = len < MAX_NAME ? (int)len : MAX_NAME;

    if (!nearest)
        return fail(err, ERROR_INPUT,
                    "unknown variable " PREFIX "%.*s; --help lists the options",
                    shown, name);
    name_variable(variable, nearest);
    return fail(err, ERROR_INPUT,
                "unknown variable " PREFIX "%.*s; did you mean " PREFIX "%s?",
                shown, name, variable);
}

/* Adds the text from `start` to `end` as an item, without surrounding spaces.
 */
static bool add_item(struct config *config, const struct option *option,
                     char *start, char *end, struct error *err)
{
    while (start < end && *start == ' ')
        start++;
    while (end > start && end[-1] == ' ')
        end--;
    *end = '\0';
    if (start == end)
        return fail(err, ERROR_INPUT, "an item between commas is empty");
    return config_option_set(config, option, start,
                             (struct config_origin){CONFIG_ENVIRONMENT, 0},
                             err);
}

static bool set_items(struct config *config, const struct option *option,
                      const char *value, struct error *err)
{
    char *copy = strdup(value);
    char *item = copy;
    bool ok = true;

    if (!copy)
        return fail(err, ERROR_MEMORY, "not enough memory for its value");
    while (ok && item) {
        char *end = item + strcspn(item, ",");
        bool last = !*end;

        ok = add_item(config, option, item, end, err);
        item = last ? NULL : end + 1;
    }
    free(copy);
    return ok;
}

static bool read_variable(struct config *config, const char *name,
                          struct error *err)
{
    size_t len = strcspn(name, "=");
    const char *value = name + len + (name[len] == '=');
    const struct option *option;
    char flag[MAX_NAME];
    bool ok;

    if (is_service_link(name))
        return true;
    name_flag(flag, name, len);
    option = len < MAX_NAME ? config_option_find(flag, len) : NULL;
    if (!option)
        return fail_unknown_variable(name, len, flag, err);
    if (option->type == OPTION_LIST && *value)
        ok = set_items(config, option, value, err);
    else
        ok = config_option_set(config, option, value,
                               (struct config_origin){CONFIG_ENVIRONMENT, 0},
                               err);
    return ok || error_prefix(err, PREFIX "%.*s", (int)len, name);
}

static bool read_environment(struct config *config, char *const *environment,
                             struct error *err)
{
    for (; environment && *environment; environment++)
        if (strncmp(*environment, PREFIX, sizeof PREFIX - 1) == 0 &&
            !read_variable(config, *environment + sizeof PREFIX - 1, err))
            return false;
    return true;
}

/* ---- all together ---- */

bool config_blame(const struct config *config, const char *flag,
                  struct error *err)
{
    const struct option *option = config_option_find(flag, strlen(flag));
    struct config_origin origin = config_option_origin(config, option);
    char variable[MAX_NAME];

    if (origin.source == CONFIG_FILE)
        return error_prefix(err, "%s:%u: %s", config->file, origin.line, flag);
    name_variable(variable, flag);
    if (origin.source == CONFIG_ENVIRONMENT)
        return error_prefix(err, PREFIX "%s", variable);
    return error_prefix(err, "--%s", flag);
}

/* Checks that concern several options. */
static bool check(const struct config *config, struct error *err)
{
    uint64_t needed = config->workers + config->queue_length;

    if (config->max_connections <= needed) {
        fail(err, ERROR_INPUT,
             "%ju is too low for %ju workers and %ju queued requests; the "
             "minimum is %ju",
             (uintmax_t)config->max_connections, (uintmax_t)config->workers,
             (uintmax_t)config->queue_length, (uintmax_t)(needed + 1));
        return config_blame(config, "max-connections", err);
    }
    if (config->max_inflight_bytes < config->max_body_bytes) {
        fail(err, ERROR_INPUT, "%ju is less than max-body-bytes, %ju",
             (uintmax_t)config->max_inflight_bytes,
             (uintmax_t)config->max_body_bytes);
        return config_blame(config, "max-inflight-bytes", err);
    }
    return true;
}

static bool read_all(struct config *config, const struct option *rows,
                     size_t count, int argc, char *const *argv,
                     char *const *environment, struct error *err)
{
    if (!options_parse(rows, count, config, refuse_operand, argc, argv, err))
        return false;
    if (config->action == CONFIG_HELP)
        return true;
    if (config->action == CONFIG_ROUTES)
        return true;
    if (!read_environment(config, environment, err))
        return false;
    if (*config->file && !config_file_read(config, config->file, err))
        return false;
    return check(config, err);
}

bool config_read(struct config *config, int argc, char *const *argv,
                 char *const *environment, struct error *err)
{
    return read_all(config, config_option_rows,
                    CONFIG_NUM_ROWS + CONFIG_NUM_ACTIONS, argc, argv,
                    environment, err);
}

bool config_read_with(struct config *config, const struct option *more,
                      int argc, char *const *argv, char *const *environment,
                      struct error *err)
{
    enum { COUNT = CONFIG_NUM_ROWS + CONFIG_NUM_ACTIONS };
    struct option rows[COUNT + 1];

    memcpy(rows, config_option_rows, COUNT * sizeof rows[0]);
    rows[COUNT] = *more;
    return read_all(config, rows, COUNT + 1, argc, argv, environment, err);
}

void config_release(struct config *config)
{
    while (config->texts) {
        struct config_text *next = config->texts->next;

        free(config->texts);
        config->texts = next;
    }
    *config = (struct config){0};
}

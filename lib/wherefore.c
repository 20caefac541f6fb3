#include "lib/wherefore.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/team.h"
#include "engine/base/utf8.h"
#include "lib/wherefore_internal.h"
#include "server/api/explain_options.h"
#include "server/version.h"

#define SAME(kind) \
    _Static_assert((int)WHEREFORE_##kind == (int)ERROR_##kind, #kind)
SAME(NONE);
SAME(INPUT);
SAME(UNSUPPORTED);
SAME(LIMIT);
SAME(BUSY);
SAME(MEMORY);
SAME(IO);
SAME(INTERNAL);

const char *wherefore_version(void)
{
    return VERSION_TEXT;
}

const char *wherefore_kind_name(int kind)
{
    return error_kind_name((enum error_kind)kind);
}

void wherefore_free(char *text)
{
    free(text);
}

/* ---- errors ---- */

/* Texts may quote bytes of any kind, and may be cut within a character. */
bool wherefore_report(struct wherefore_error *err, const struct error *why)
{
    size_t len = 0;

    if (!err)
        return false;
    err->kind = (int)why->kind;
    for (const char *at = why->text; *at && len < sizeof err->text - 4;) {
        size_t n = utf8_len(at);

        memcpy(err->text + len, n > 0 ? at : "?", n > 0 ? n : 1);
        len += n > 0 ? n : 1;
        at += n > 0 ? n : 1;
    }
    err->text[len] = '\0';
    return false;
}

/* ---- options ---- */

bool wherefore_take_options(struct params *params,
                            const struct wherefore_option *options,
                            size_t num_options, struct error *err)
{
    if (!options && num_options > 0)
        return fail(err, ERROR_INPUT, "there are no options, but %zu of them",
                    num_options);
    for (size_t i = 0; i < num_options; i++) {
        const char *name = options[i].name, *value = options[i].value;

        if (!name || !value)
            return fail(err, ERROR_INPUT, "option %zu has no %s", i,
                        name ? "value" : "name");
        if (!params_begin(params, name, strlen(name), err) ||
            !params_extend(params, value, strlen(value), err))
            return false;
    }
    return true;
}

bool wherefore_read_request(struct explain_request *request,
                            const struct wherefore_model *model,
                            const struct wherefore_option *options,
                            size_t num_options, struct error *err)
{
    struct params params = {0};
    bool ok = wherefore_take_options(&params, options, num_options, err);

    if (ok && params_find(&params, "model"))
        ok = fail(err, ERROR_INPUT,
                  "option \"model\": the session has its model");
    ok = ok && explain_options_parse(request, &params, model->served.engine,
                                     true, err);
    if (ok && !params_find(&params, "heatmap"))
        request->style.kind = RENDER_NONE;
    params_release(&params);
    return ok;
}

bool wherefore_check_len(const struct wherefore_model *model, size_t len,
                         struct error *err)
{
    return len <= model->max_bytes ||
           error_limit(err, model->max_bytes,
                       "the image's file has %zu bytes; at most %zu are "
                       "allowed",
                       len, model->max_bytes);
}

/* ---- threads ---- */

unsigned wherefore_num_threads(unsigned threads)
{
    if (threads == 0)
        threads = team_num_cores();
    if (threads == 0)
        return 1;
    return threads < TEAM_MAX_THREADS ? threads : TEAM_MAX_THREADS;
}

bool wherefore_is_set(void *flag)
{
    return atomic_load((atomic_bool *)flag);
}

#include "server/api/methods_json.h"

#include "server/api/explain_options.h"
#include "server/http/json.h"

struct parameter {
    const char *flag;
    bool is_share;
    double standard, least, most;
    const char *help;
};

enum kind { NUMBER, SHARE };

static const struct parameter parameters[] = {
#define X(parameter, field, kind, flag, standard, least, most, help) \
    [parameter] = {flag, kind == SHARE, (double)standard, least, most, help},
    EXPLAIN_PARAMETERS(X)
#undef X
};

/* A share is a float: 0.15f is 0.15 in the response. */
static json_t *number(const struct parameter *parameter, double value)
{
    return parameter->is_share ? json_real(round(value * 1e6) / 1e6)
                               : json_integer((json_int_t)value);
}

static json_t *parameter_list(const struct explain_method *method)
{
    json_t *list = json_array();

    for (unsigned i = 0; list && i < EXPLAIN_NUM_PARAMETERS; i++) {
        const struct parameter *parameter = &parameters[i];
        char name[32];

        if (!(method->parameters & EXPLAIN_HAS(i)))
            continue;
        request_options_name(name, parameter->flag);
        if (json_array_append_new(
                list, json_pack("{ss so so so ss}", "name", name, "default",
                                number(parameter, parameter->standard), "min",
                                number(parameter, parameter->least), "max",
                                number(parameter, parameter->most), "help",
                                parameter->help)) != 0) {
            json_decref(list);
            list = NULL;
        }
    }
    return list;
}

/* Its passes with default parameters, and why it is not defined. */
static bool put_cost(json_t *object, const struct model *model,
                     const struct explain_method *method)
{
    struct explain_request request = EXPLAIN_REQUEST_DEFAULT;
    const char *refusal;
    size_t passes = 0;
    struct error err = {0};
    bool ok;

    request.method = method;
    engine_choose(model->engine, &refusal, &request);
    ok = !refusal && engine_passes(model->engine, &passes, &request, &err);
    return put(object, "passes",
               ok ? json_integer((json_int_t)passes) : json_null()) &&
           put(object, "refusal", text(refusal));
}

static json_t *describe(const struct model *model,
                        const struct explain_method *method,
                        const struct allowed *allowed)
{
    json_t *object = json_object();

    if (put(object, "name", text(explain_method_name(method))) &&
        put(object, "title", text(method->title)) &&
        put(object, "paper", text(method->paper)) &&
        put(object, "needs", text(method->needs)) &&
        put(object, "layer", json_boolean(method->uses_layer)) &&
        put(object, "signed", json_boolean(method->is_signed)) &&
        put(object, "parameters", parameter_list(method)) &&
        put(object, "allowed", json_boolean(allowed_has(allowed, method))) &&
        put_cost(object, model, method))
        return object;
    json_decref(object);
    return NULL;
}

bool methods_json_write(struct response *response, const struct model *model,
                        const struct allowed *allowed, struct error *err)
{
    struct explain_request request = EXPLAIN_REQUEST_DEFAULT;
    const struct explain_method *method =
        allowed_choose(allowed, model->engine, &request);
    json_t *root = json_object(), *list = json_array();
    bool ok = put(root, "model", text(model->info.name)) &&
              put(root, "default",
                  text(method ? explain_method_name(method) : NULL)) &&
              put(root, "methods", list);

    for (size_t i = 0; ok && (method = explain_method(i)); i++)
        ok = json_array_append_new(list, describe(model, method, allowed)) == 0;
    if (!ok)
        fail(err, ERROR_MEMORY, "not enough memory for the response");
    ok = ok && dump(response, root, err) &&
         buf_append(&response->body, "\n", 1, err);
    json_decref(root);
    return ok;
}

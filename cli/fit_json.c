#include "cli/fit_json.h"

#include "server/http/json.h"

static const char *const pools[] = {[FIT_POOL_AUTO] = "",
#define X(pool, name) [pool] = name,
                                    FIT_POOLS(X)
#undef X
};

/* Each function below returns NULL if there is not enough memory. */

static json_t *count(size_t number)
{
    return json_integer((json_int_t)number);
}

/* Frees an object that is not complete. */
static json_t *finish(json_t *object, bool ok)
{
    if (ok)
        return object;
    json_decref(object);
    return NULL;
}

static json_t *describe_class(const struct fit_class *class)
{
    json_t *object = json_object();

    return finish(object,
                  put(object, "name", text(class->name)) &&
                      put(object, "photos", count(class->num_photos)) &&
                      put(object, "validation", count(class->num_validation)) &&
                      put(object, "weight", real((double)class->weight)));
}

static json_t *describe_strength(const struct fit_strength *strength)
{
    json_t *object = json_object();

    return finish(object,
                  put(object, "c", real(strength->c)) &&
                      put(object, "accuracy", real(strength->accuracy)) &&
                      put(object, "loss", real(strength->loss)));
}

static json_t *describe_pair(const struct fit *fit, const struct fit_pair *pair)
{
    json_t *object = json_object();

    return finish(object,
                  put(object, "a", text(fit->photos[pair->a].name)) &&
                      put(object, "b", text(fit->photos[pair->b].name)) &&
                      put(object, "cosine", real((double)pair->cosine)) &&
                      put(object, "bits", count(pair->bits)));
}

static json_t *describe_trouble(const struct fit_trouble *trouble)
{
    json_t *object = json_object();

    return finish(object, put(object, "name", text(trouble->name)) &&
                              put(object, "why", text(trouble->why.text)));
}

static json_t *describe_photo(const struct fit *fit,
                              const struct fit_photo *photo)
{
    json_t *object = json_object(), *shares = json_array();
    const bool is_validation = photo->fold == FIT_VALIDATION;
    bool ok = shares != NULL;

    for (size_t k = 0; ok && k < fit->num_classes; k++)
        ok = json_array_append_new(shares,
                                   real((double)photo->probabilities[k])) == 0;
    ok =
        put(object, "probabilities", shares) && ok &&
        put(object, "name", text(photo->name)) &&
        put(object, "class", count(photo->class)) &&
        put(object, "predicted", count(photo->predicted)) &&
        put(object, "certainty", real((double)photo->certainty)) &&
        put(object, "fold", is_validation ? json_null() : count(photo->fold)) &&
        put(object, "group", count(photo->group)) &&
        put(object, "measured", json_boolean(photo->is_measured));
    return finish(object, ok);
}

#define LIST(list, number, description)                            \
    json_t *list = json_array();                                   \
    bool is_##list = list != NULL;                                 \
    for (size_t i = 0; is_##list && i < (number); i++)             \
        is_##list = json_array_append_new(list, description) == 0; \
    ok = put(root, #list, list) && is_##list && ok

static bool put_lists(json_t *root, const struct fit *fit)
{
    bool ok = true;

    LIST(classes, fit->num_classes, describe_class(&fit->classes[i]));
    LIST(strengths, fit->num_strengths, describe_strength(&fit->strengths[i]));
    LIST(alike, fit->num_pairs, describe_pair(fit, &fit->pairs[i]));
    LIST(left_out, fit->num_troubles, describe_trouble(&fit->troubles[i]));
    LIST(photos, fit->num_photos, describe_photo(fit, &fit->photos[i]));
    return ok;
}

static json_t *describe_base(const struct fit *fit)
{
    json_t *object = json_object();

    return finish(object, put(object, "name", text(fit->base)) &&
                              put(object, "sha256", text(fit->base_sha256)) &&
                              put(object, "layer", text(fit->layer)));
}

static json_t *describe_measures(const struct fit *fit)
{
    json_t *object = json_object();

    return finish(object, put(object, "photos", count(fit->num_measured)) &&
                              put(object, "correct", count(fit->num_correct)) &&
                              put(object, "accuracy", real(fit->accuracy)) &&
                              put(object, "balanced_accuracy",
                                  real(fit->balanced_accuracy)) &&
                              put(object, "macro_f1", real(fit->macro_f1)) &&
                              put(object, "loss", real(fit->loss)));
}

static json_t *describe_seconds(const struct fit *fit)
{
    json_t *object = json_object();

    return finish(object, put(object, "features", real(fit->features_s)) &&
                              put(object, "rest", real(fit->rest_s)));
}

static json_t *describe(const struct fit *fit, const char *model)
{
    json_t *root = json_object();

    return finish(
        root, put(root, "model", text(model)) &&
                  put(root, "base", describe_base(fit)) &&
                  put(root, "head", text(pools[fit->pool])) &&
                  put(root, "seed", count(fit->seed)) &&
                  put(root, "folds", count(fit->num_folds)) &&
                  put(root, "balanced", json_boolean(fit->is_balanced)) &&
                  put(root, "strength", real(fit->strengths[fit->chosen].c)) &&
                  put(root, "temperature", real(fit->temperature)) &&
                  put(root, "held_out", describe_measures(fit)) &&
                  put(root, "cached", count(fit->num_cached)) &&
                  put(root, "seconds", describe_seconds(fit)) &&
                  put_lists(root, fit));
}

bool fit_json_write(struct buf *out, const struct fit *fit, const char *model,
                    struct error *err)
{
    json_t *root = describe(fit, model);
    const bool ok =
        root && json_dump_callback(root, append, out, DUMP_FLAGS) == 0;

    json_decref(root);
    return (ok ||
            fail(err, ERROR_MEMORY, "not enough memory for the result")) &&
           buf_append(out, "\n", 1, err);
}

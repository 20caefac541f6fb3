/* Writes the folder of a model with a new head. */

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "engine/engine_features.h"
#include "engine/fit/fit_work.h"
#include "engine/model/model_write.h"
#include "engine/onnx/onnx_head.h"

/* By how much a logit of the written model may differ from what was fitted, as
 * a share of the largest one or of 1: sums of floats in another order. */
#define TOLERANCE 2e-3f

static const char *const pools[] = {[FIT_POOL_AUTO] = "",
#define X(pool, name) [pool] = name,
                                    FIT_POOLS(X)
#undef X
};

static const char *const resizes[] = {
#define X(resize, name) [resize] = name,
    PREPROCESS_RESIZES(X)
#undef X
};

static const char *const filters[] = {
#define X(filter, name) [filter] = name,
    RESIZE_FILTERS(X)
#undef X
};

/* How the file knows the features: by what name, and in which layout. */
struct place {
    const char *name;
    enum onnx_head_layout layout;
};

/* ---- the files ---- */

static bool write_labels(struct buf *labels, const struct fit *fit,
                         struct error *err)
{
    for (size_t k = 0; k < fit->num_classes; k++)
        if (!buf_append(labels, fit->classes[k].name,
                        strlen(fit->classes[k].name), err) ||
            !buf_append(labels, "\n", 1, err))
            return false;
    return true;
}

static bool replace_head(struct buf *file, const struct fit *fit,
                         const struct place *place, struct error *err)
{
    const struct fit_internal *own = fit->internal;
    const struct onnx_head head = {
        .features = place->name,
        .layout = place->layout,
        .is_max = fit->pool == FIT_GMP,
        .num_features = fit->num_features,
        .num_classes = fit->num_classes,
        .weights = fit->weights,
        .bias = fit->bias,
    };

    return buf_append(file, own->file.data, own->file.len, err) &&
           onnx_head_replace(file, &head, err);
}

static void describe_fit(struct model_fit *made, const struct fit *fit,
                         char date[32])
{
    time_t now = time(NULL);
    struct tm when;

    strftime(date, 32, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &when));
    *made = (struct model_fit){
        .base = fit->base,
        .base_sha256 = fit->base_sha256,
        .layer = fit->layer,
        .pool = pools[fit->pool],
        .date = date,
        .photos = fit->num_photos - fit->num_validation,
        .validation_photos = fit->num_validation,
        .measured_photos = fit->num_measured,
        .left_out = fit->num_troubles,
        .seed = fit->seed,
        .folds = fit->num_folds,
        .is_balanced = fit->is_balanced,
        .c = fit->strengths[fit->chosen].c,
        .temperature = fit->temperature,
        .accuracy = fit->accuracy,
        .macro_f1 = fit->macro_f1,
    };
}

static bool write_files(const struct fit *fit, const char *folder,
                        const char *name, const struct place *place,
                        struct error *err)
{
    const struct preprocess_spec *input =
        engine_features_input(fit->internal->engine);
    struct engine_info info;
    struct model_fit made;
    struct buf file = {0}, labels = {0};
    char date[32];
    struct model_dir_recipe recipe = {
        .name = name,
        .scores = "softmax",
        .width = input->width,
        .height = input->height,
        .channels = input->grey  ? "L"
                    : input->bgr ? "BGR"
                                 : "RGB",
        .resize = resizes[input->resize],
        .interpolation = filters[input->filter],
        .crop_fraction =
            input->resize == PREPROCESS_CROP ? input->crop_fraction : 0,
        .pad = input->resize == PREPROCESS_LETTERBOX ? input->pad : NULL,
        .onnx = &file,
        .labels = &labels,
        .fit = &made,
    };
    bool ok;

    engine_info(fit->internal->engine, &info);
    recipe.source = info.source;
    recipe.license = info.license;
    for (int c = 0; c < 3; c++) {
        recipe.mean[c] = (double)input->mean[c];
        recipe.std[c] = (double)input->std[c];
    }
    describe_fit(&made, fit, date);
    ok = write_labels(&labels, fit, err) &&
         replace_head(&file, fit, place, err) &&
         model_write(folder, &recipe, err);
    buf_release(&file);
    buf_release(&labels);
    return ok;
}

/* ---- the check ---- */

/* The logits that the head gives a photo by its features in the cache. */
static bool expect(float *logits, const struct fit *fit, size_t photo,
                   struct error *err)
{
    const struct fit_internal *own = fit->internal;
    const size_t size = fit->num_features;
    float *pooled =
        malloc((fit_cache_num_pooled(&own->cache) + 1) * sizeof *pooled);
    const float *features = pooled + (fit->pool == FIT_GMP ? size : 0);
    struct fit_cache_photo about;
    struct buf file = {0};
    bool ok;

    if (!pooled)
        return fail(err, ERROR_MEMORY, "not enough memory for features");
    ok = fit_cache_read(&own->cache, &about, pooled, NULL, NULL, &file,
                        own->hashes[photo]) ||
         fail(err, ERROR_IO, "the cache has lost the features of %.150s",
              fit->photos[photo].name);
    for (size_t k = 0; ok && k < fit->num_classes; k++) {
        double sum = (double)fit->bias[k];

        for (size_t c = 0; c < size; c++)
            sum += (double)fit->weights[k * size + c] * (double)features[c];
        logits[k] = (float)sum;
    }
    buf_release(&file);
    free(pooled);
    return ok;
}

/* Shows the model a photo. */
static bool show(struct engine_session *session, const struct fit *fit,
                 size_t photo, struct error *err)
{
    const struct fit_internal *own = fit->internal;
    struct buf file = {0};
    bool ok =
        buf_append_file(&file, fit->photos[photo].file, own->max_bytes, err) &&
        engine_session_sample(session, file.data, file.len, &own->limits, NULL,
                              err);

    buf_release(&file);
    return ok && engine_session_run(session, err);
}

static bool compare(const float *found, const float *expected, size_t count,
                    struct error *err)
{
    float most = 1, worst = 0;

    for (size_t k = 0; k < count; k++) {
        most = fmaxf(most, fabsf(expected[k]));
        worst = fmaxf(worst, fabsf(found[k] - expected[k]));
    }
    return worst <= TOLERANCE * most ||
           fail(err, ERROR_INTERNAL,
                "the model that was written differs from what was fitted: by "
                "%.3g in a logit",
                (double)worst);
}

/* Opens the folder as a model, and compares its logits of one photo with those
 * of the head. */
static bool check(const struct fit *fit, const char *folder, struct error *err)
{
    float *expected = malloc(fit->num_classes * sizeof *expected);
    struct engine *engine = engine_open(folder, NULL, err);
    struct engine_session *session =
        engine ? engine_session_new(engine, NULL, err) : NULL;
    struct engine_info info;
    bool ok = session != NULL;

    if (ok && !expected)
        ok = fail(err, ERROR_MEMORY, "not enough memory for logits");
    if (ok) {
        engine_info(engine, &info);
        ok = info.num_classes == fit->num_classes ||
             fail(err, ERROR_INTERNAL, "the model has %zu classes, not %zu",
                  info.num_classes, fit->num_classes);
    }
    ok = ok && expect(expected, fit, 0, err) && show(session, fit, 0, err) &&
         compare(engine_session_logits(session), expected, fit->num_classes,
                 err);
    engine_session_free(session);
    engine_free(engine);
    free(expected);
    return ok;
}

/* ---- the place ---- */

/* Place i of the layer: its own name, then its others, for these may stand for
 * the same numbers in another shape; in the layer's layout, then in others.
 * Returns false if there is none. */
static bool choose_place(struct place *place, const struct fit *fit, size_t i)
{
    const struct fit_internal *own = fit->internal;
    const struct layers *layers = engine_layers(own->engine);
    size_t left = i / ONNX_HEAD_NUM_LAYOUTS;

    *place =
        (struct place){fit->layer, (own->is_nhwc + i) % ONNX_HEAD_NUM_LAYOUTS};
    for (size_t a = 0; left > 0 && a < layers->num_aliases; a++)
        if (layers->aliases[a].layer == own->layer && --left == 0)
            place->name = layers->aliases[a].name;
    return left == 0;
}

/* Whether another place may do: the file was of another shape there. */
static bool may_differ(const struct error *why)
{
    return why->kind == ERROR_INPUT || why->kind == ERROR_UNSUPPORTED ||
           why->kind == ERROR_INTERNAL;
}

bool fit_write(const struct fit *fit, const char *folder, const char *name,
               struct error *err)
{
    struct error first = {0};
    struct place place;

    for (size_t i = 0; choose_place(&place, fit, i); i++) {
        struct error why = {0};

        if (i > 0) {
            model_write_undo(folder);
            if (mkdir(folder, 0700) != 0)
                return fail(err, ERROR_IO, "cannot make a folder: %s",
                            strerror(errno));
        }
        if (write_files(fit, folder, name, &place, &why) &&
            check(fit, folder, &why))
            return true;
        error_pass(&first, &why);
        if (!may_differ(&why))
            break;
    }
    return error_pass(err, &first);
}

/* Opens the base model and the cache. */

#include <string.h>

#include "engine/engine_features.h"
#include "engine/fit/fit_work.h"
#include "engine/network/network.h"
#include "engine/onnx/onnx.h"

/* Whether the head's features are its classes already (head.h), so that they
 * were made for other classes. */
static bool has_classes_as_features(const struct engine_info *info)
{
    return strcmp(info->head, "conv-gap") == 0 ||
           strcmp(info->head, "conv-gmp") == 0;
}

/* The layer whose features are pooled: the one that is asked for; that before
 * the pooling; or, if that has a channel for each class, the last one before it
 * that all paths lead through. */
static bool choose_layer(struct fit_work *work, struct error *err)
{
    struct fit_internal *own = work->fit->internal;
    const struct layers *layers = engine_layers(own->engine);
    struct engine_info info;

    engine_info(own->engine, &info);
    own->layer = layers->chosen;
    if (work->options->layer)
        return engine_find_layer(own->engine, &own->layer, work->options->layer,
                                 err) ||
               error_prefix(err, "--layer");
    if (own->layer >= layers->count)
        return fail(err, ERROR_UNSUPPORTED,
                    "the base has no feature maps to put a head on");
    if (has_classes_as_features(&info))
        while (own->layer > 0 && !layers->list[--own->layer].is_waist)
            ;
    return true;
}

static void choose_pool(struct fit_work *work)
{
    struct fit *fit = work->fit;
    struct engine_info info;

    engine_info(fit->internal->engine, &info);
    fit->pool = work->options->pool;
    if (fit->pool == FIT_POOL_AUTO)
        fit->pool = strstr(info.head, "gmp") ? FIT_GMP : FIT_GAP;
}

static bool describe(struct fit_work *work, struct error *err)
{
    struct fit *fit = work->fit;
    struct fit_internal *own = fit->internal;
    const struct layer *layer = &engine_layers(own->engine)->list[own->layer];
    struct engine_info info;

    engine_info(own->engine, &info);
    fit->base = info.name;
    fit->layer = layer->name;
    fit->map_height = layer->height;
    fit->map_width = layer->width;
    fit->num_features = layer->channels;
    own->is_nhwc = layer->is_nhwc;
    choose_pool(work);
    if (!buf_append_file(&own->file, info.file, NETWORK_MAX_BYTES, err) ||
        !onnx_embed(&own->file, work->options->base, err))
        return error_prefix(err, "model.onnx");
    digest_sha256(own->sha256, own->file.data, own->file.len);
    fit->base_sha256 = own->sha256;
    return true;
}

/* Writes all that features depend on. */
static bool write_key(struct buf *key, const struct fit_work *work,
                      struct error *err)
{
    const struct fit_internal *own = work->fit->internal;
    const struct preprocess_spec *input = engine_features_input(own->engine);
    struct engine_info info;

    engine_info(own->engine, &info);
    return buf_printf(key, err, "%s\n%.500s\n%s %s\n", own->sha256,
                      work->fit->layer, info.precision, info.runtime) &&
           buf_printf(key, err, "%u %u %d %d %.17g %u %u %u %d %d\n",
                      input->width, input->height, (int)input->resize,
                      (int)input->filter, input->crop_fraction, input->pad[0],
                      input->pad[1], input->pad[2], input->bgr, input->grey) &&
           buf_printf(key, err, "%.9g %.9g %.9g %.9g %.9g %.9g\n",
                      (double)input->mean[0], (double)input->mean[1],
                      (double)input->mean[2], (double)input->std[0],
                      (double)input->std[1], (double)input->std[2]);
}

static bool open_cache(struct fit_work *work, struct error *err)
{
    struct fit_internal *own = work->fit->internal;
    struct buf key = {0};
    bool ok;

    own->cache.height = work->fit->map_height;
    own->cache.width = work->fit->map_width;
    own->cache.channels = work->fit->num_features;
    ok = write_key(&key, work, err) &&
         fit_cache_open(&own->cache, work->options->cache, &key, err);
    buf_release(&key);
    return ok;
}

bool fit_work_open(struct fit_work *work, struct error *err)
{
    struct fit_internal *own = work->fit->internal;

    own->engine = engine_open(work->options->base, NULL, err);
    if (!own->engine || !choose_layer(work, err) || !describe(work, err))
        return error_prefix(err, "%.150s", work->options->base);
    return open_cache(work, err);
}

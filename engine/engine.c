#include "engine/engine.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/explain/cam.h"
#include "engine/explain/topk.h"
#include "engine/image/preprocess.h"
#include "engine/model/model_dir.h"
#include "engine/network/network.h"
#include "engine/run/plan.h"
#include "engine/xnn/xnnrun.h"

struct engine {
    struct model_dir model_dir;
    struct network network;
};

struct engine_session {
    const struct engine *engine;   /* borrowed */
    struct plan_session *plan;     /* owned */
    struct preprocess *preprocess; /* owned */
    struct render render;
    struct image image;
    struct preprocess_region region; /* what the map covers of the image */
    float *logits, *scores;          /* (num_classes) owned */
    size_t *best;                    /* (num_classes) scratch; owned */
    float *map;                      /* (map height, map width) owned */
    struct engine_map described;     /* what `map` holds */
    bool has_map;
    struct buf scratch;
    uint64_t num_runs;
    struct engine_timing timing;
};

static double now_ms(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e3 + (double)time.tv_nsec / 1e6;
}

/* ---- the model ---- */

bool engine_options_parse_size(struct engine_options *options, const char *text,
                               struct error *err)
{
    uint32_t sides[2] = {0};
    size_t num = 0;

    options->input_width = options->input_height = 0;
    if (strcmp(text, "own") == 0)
        return true;
    for (const char *at = text;; at++) {
        size_t len = strspn(at, "0123456789");

        if (len < 1 || len > 4 || num == 2)
            break;
        sides[num] = (uint32_t)strtoul(at, NULL, 10);
        if (sides[num] < 1 || sides[num] > PREPROCESS_MAX_SIDE)
            break;
        num++;
        at += len;
        if (*at == '\0') {
            options->input_width = sides[0];
            options->input_height = sides[num - 1];
            return true;
        }
        if (*at != 'x')
            break;
    }
    return fail(err, ERROR_INPUT,
                "\"%.40s\" is not a valid input size (such as 448 or 160x80); "
                "sides are from 1 to %d",
                text, PREPROCESS_MAX_SIDE);
}

bool engine_options_parse_precision(struct engine_options *options,
                                    const char *text, struct error *err)
{
    static const char *const names[] = {
#define X(precision, name) [precision] = name,
        PRECISION_CHOICES(X)
#undef X
    };

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(text, names[i]) == 0) {
            options->precision = (enum precision_choice)i;
            return true;
        }
    return fail(err, ERROR_INPUT, "\"%.40s\" is not fp32, int8 or auto", text);
}

/* Reads model.onnx into the engine's graph and head. */
static bool read_network(struct engine *engine, const char *folder,
                         bool override, struct error *err)
{
    const struct preprocess_spec *spec = &engine->model_dir.input;
    const struct model_dir *model_dir = &engine->model_dir;
    struct network_options options = {
        .input =
            {
                .width = spec->width,
                .height = spec->height,
                .override = override,
                .folder = folder,
                .output = model_dir->output,
            },
        .wish = {.scores = model_dir->scores,
                 .num_names = model_dir->labels.count},
    };
    struct buf file = {0};
    bool ok =
        buf_append_file(&file, model_dir->onnx_path, NETWORK_MAX_BYTES, err) &&
        network_read(&engine->network, file.data, file.len, &options, err);

    buf_release(&file);
    return ok;
}

/* The size of the pictures, which model.json may have left to the file. */
static bool read_size(struct preprocess_spec *spec, const struct graph *graph,
                      struct error *err)
{
    const struct graph_shape *shape = &graph->values[graph->inputs[0]].shape;

    if (shape->dim[1] > PREPROCESS_MAX_SIDE ||
        shape->dim[2] > PREPROCESS_MAX_SIDE)
        return fail(err, ERROR_LIMIT,
                    "it takes images of %zu x %zu pixels; sides of at most %d "
                    "are supported",
                    shape->dim[2], shape->dim[1], PREPROCESS_MAX_SIDE);
    if (spec->grey != (shape->dim[3] == 1))
        return fail(err, ERROR_INPUT,
                    "it takes %zu-channel images, not %d-channel ones; set "
                    "input.channels in model.json to \"L\" for one channel or "
                    "\"RGB\" for three",
                    shape->dim[3], spec->grey ? 1 : 3);
    spec->height = (uint32_t)shape->dim[1];
    spec->width = (uint32_t)shape->dim[2];
    return true;
}

/* Mean and deviation of a network that takes the samples as they are. */
static bool read_bytes(struct model_dir *model_dir, struct error *err)
{
    struct preprocess_spec *spec = &model_dir->input;

    for (int c = 0; c < (spec->grey ? 1 : 3); c++) {
        if (model_dir->is_assumed) {
            spec->mean[c] = 0;
            spec->std[c] = 1;
        }
        if (spec->mean[c] != 0 || spec->std[c] != 1)
            return fail(err, ERROR_INPUT,
                        "its input is uint8 and takes samples from 0 to 255 "
                        "unchanged: mean must be 0 and std 1, not %g and %g",
                        (double)spec->mean[c], (double)spec->std[c]);
    }
    return true;
}

/* From the file's graph to one that is ready to run. */
static bool prepare_graph(struct engine *engine, const char *folder,
                          bool override, enum precision_choice precision,
                          struct error *err)
{
    const struct graph *graph = &engine->network.graph;

    if (!read_network(engine, folder, override, err) ||
        !read_size(&engine->model_dir.input, graph, err) ||
        (graph->takes_bytes && !read_bytes(&engine->model_dir, err)))
        return false;
    return network_plan(&engine->network, precision, err);
}

/* Reads and plans the network, at another size where one is asked for. */
static bool open_network(struct engine *engine, const char *folder,
                         const struct engine_options *options,
                         struct error *err)
{
    struct preprocess_spec *spec = &engine->model_dir.input;
    bool override =
        options && options->input_width > 0 && options->input_height > 0;

    if (override) {
        spec->width = options->input_width;
        spec->height = options->input_height;
    }
    if (prepare_graph(engine, folder, override,
                      options ? options->precision : PRECISION_FP32, err))
        return true;
    if (override)
        error_prefix(
            err, "with an input of %u x %u pixels instead of the model's own",
            options->input_width, options->input_height);
    return error_prefix(err, "model.onnx");
}

struct engine *engine_open(const char *folder,
                           const struct engine_options *options,
                           struct error *err)
{
    struct engine *engine = calloc(1, sizeof *engine);
    size_t num_labels;
    bool ok = false;

    if (!engine) {
        fail(err, ERROR_MEMORY, "not enough memory for a model");
        return NULL;
    }
    if (!model_dir_open(&engine->model_dir, folder, err) ||
        !open_network(engine, folder, options, err))
        goto out;
    num_labels = engine->model_dir.labels.count;
    if (num_labels > 0 && num_labels != engine->network.head.num_classes) {
        fail(err, ERROR_INPUT,
             "labels.txt has %zu classes, but the network has %zu", num_labels,
             engine->network.head.num_classes);
        goto out;
    }
    ok = true;
out:
    if (!ok) {
        engine_free(engine);
        engine = NULL;
    }
    return engine;
}

void engine_info(const struct engine *engine, struct engine_info *info)
{
    const struct graph *graph = &engine->network.graph;
    const struct head *head = &engine->network.head;

    *info = (struct engine_info){
        .name = engine->model_dir.name,
        .source = engine->model_dir.source,
        .license = engine->model_dir.license,
        .input_width = engine->model_dir.input.width,
        .input_height = engine->model_dir.input.height,
        .num_classes = head->num_classes,
        .head = head->name,
        .output = head->output,
        .scores = head_scores_name(head->scores),
        .is_exclusive = head->scores == HEAD_SOFTMAX || head->is_pair,
        .refusal = head->refusal,
        .is_max = head->is_max,
        .is_normalized = head->is_normalized,
        .precision = plan_num_int8(engine->network.plan) > 0 ? "int8" : "fp32",
        .runtime = xnnrun_generation(),
    };
    if (head->features != GRAPH_NONE) {
        const struct graph_shape *shape = &graph->values[head->features].shape;

        info->map_height = shape->dim[1];
        info->map_width = shape->dim[2];
        info->num_features = shape->dim[3];
    }
}

const char *engine_class_id(const struct engine *engine, size_t index)
{
    const struct labels *labels = &engine->model_dir.labels;

    return index < labels->count ? labels->ids[index] : NULL;
}

const char *engine_class_label(const struct engine *engine, size_t index)
{
    const struct labels *labels = &engine->model_dir.labels;

    return index < labels->count ? labels->names[index] : NULL;
}

bool engine_find_class(const struct engine *engine, size_t *index,
                       const char *text)
{
    return labels_find(index, &engine->model_dir.labels,
                       engine->network.head.num_classes, text);
}

void engine_free(struct engine *engine)
{
    if (!engine)
        return;
    network_release(&engine->network);
    model_dir_release(&engine->model_dir);
    free(engine);
}

/* ---- one run ---- */

struct engine_session *engine_session_new(const struct engine *engine,
                                          struct team *team, struct error *err)
{
    struct engine_session *session = calloc(1, sizeof *session);
    size_t num_classes = engine->network.head.num_classes;
    struct engine_info info;
    bool ok = false;

    if (!session) {
        fail(err, ERROR_MEMORY, "not enough memory for a session");
        return NULL;
    }
    engine_info(engine, &info);
    session->engine = engine;
    session->logits = calloc(num_classes, sizeof *session->logits);
    session->scores = calloc(num_classes, sizeof *session->scores);
    session->best = calloc(num_classes, sizeof *session->best);
    session->map =
        calloc(info.map_height * info.map_width + 1, sizeof *session->map);
    if (!session->logits || !session->scores || !session->best ||
        !session->map) {
        fail(err, ERROR_MEMORY, "not enough memory for %zu classes",
             num_classes);
        goto out;
    }
    session->plan = plan_session_new(engine->network.plan, team, err);
    session->preprocess = preprocess_new(&engine->model_dir.input, err);
    ok = session->plan && session->preprocess;
out:
    if (!ok) {
        engine_session_free(session);
        session = NULL;
    }
    return session;
}

bool engine_sample(struct engine_session *session, const uint8_t *bytes,
                   size_t len, const struct image_limits *limits,
                   const struct cancel *cancel, struct error *err)
{
    double start = now_ms(), decoded;
    bool ok;

    session->timing = (struct engine_timing){0};
    session->has_map = false;
    if (!image_decode_for(&session->image, bytes, len, limits, cancel, err))
        return false;
    decoded = now_ms();
    ok = preprocess_apply(session->preprocess, engine_session_input(session),
                          &session->region, &session->image, err);
    session->timing.decode = decoded - start;
    session->timing.preprocess = now_ms() - decoded;
    return ok;
}

const struct image *engine_session_image(const struct engine_session *session)
{
    return &session->image;
}

/* The classes' logits and scores, from what the network computed. */
static bool read_logits(struct engine_session *session, struct error *err)
{
    const struct head *head = &session->engine->network.head;
    const float *made = plan_session_data(session->plan, head->logits);

    for (size_t i = 0; i < head->num_classes; i++) {
        session->logits[i] = head_logit(head, made, i);
        if (!isfinite(session->logits[i]))
            return fail(err, ERROR_INTERNAL,
                        "the logit of class %zu is not finite", i);
    }
    if (head->scores == HEAD_SIGMOID)
        topk_sigmoid(session->scores, session->logits, head->num_classes);
    else
        topk_softmax(session->scores, session->logits, head->num_classes);
    return true;
}

bool engine_session_run(struct engine_session *session, struct error *err)
{
    double start = now_ms();
    bool ok = plan_session_run(session->plan, err) && read_logits(session, err);

    session->num_runs++;
    session->has_map = false;
    session->timing.infer = now_ms() - start;
    return ok;
}

uint64_t engine_session_num_runs(const struct engine_session *session)
{
    return session->num_runs;
}

/* ---- answers ---- */

void engine_session_class(struct engine_session *session,
                          struct engine_class *result, size_t index)
{
    result->index = index;
    result->logit = engine_session_logits(session)[index];
    result->score = session->scores[index];
}

void engine_session_top(struct engine_session *session,
                        struct engine_class *classes, size_t k)
{
    topk_select(session->best, k, engine_session_logits(session),
                session->engine->network.head.num_classes);
    for (size_t i = 0; i < k; i++)
        engine_session_class(session, &classes[i], session->best[i]);
}

/* Computes the map of a class, unless it is the one at hand. */
static bool make_map(struct engine_session *session, size_t index,
                     struct error *err)
{
    const struct engine *engine = session->engine;
    const struct head *head = &engine->network.head;
    struct engine_map *map = &session->described;
    struct engine_info info;
    struct cam_scale scale;
    double sum = 0;
    size_t count;

    if (head->refusal)
        return fail(err, ERROR_UNSUPPORTED, "%s", head->refusal);
    if (session->has_map && map->class_index == index)
        return true;
    engine_info(engine, &info);
    count = info.map_height * info.map_width;
    cam_map(session->map, head, &engine->network.graph,
            engine_session_features(session), index);
    *map = (struct engine_map){
        .class_index = index,
        .width = info.map_width,
        .height = info.map_height,
        .values = session->map,
        .min = session->map[0],
        .max = session->map[0],
    };
    for (size_t i = 0; i < count; i++) {
        float value = session->map[i];

        map->min = value < map->min ? value : map->min;
        map->max = value > map->max ? value : map->max;
        sum += (double)value;
    }
    map->region = session->region;
    map->mean_plus_bias =
        sum / (double)count + cam_bias(head, &engine->network.graph, index);
    cam_scale(&scale, head, &engine->network.graph,
              engine_session_features(session));
    map->norm_mean = scale.mean;
    map->norm_deviation = scale.deviation;
    session->has_map = true;
    return true;
}

/* What there is to render of the map at hand. */
static struct render_map map_to_render(const struct engine_session *session)
{
    return (struct render_map){
        .values = session->described.values,
        .width = session->described.width,
        .height = session->described.height,
        .max = session->described.max,
        .region = session->region,
        .image = &session->image,
    };
}

bool engine_session_map(struct engine_session *session, struct engine_map *map,
                        size_t index, struct error *err)
{
    double start = now_ms();

    *map = (struct engine_map){0};
    if (!make_map(session, index, err))
        return false;
    *map = session->described;
    session->timing.render += now_ms() - start;
    return true;
}

bool engine_session_box(struct engine_session *session, struct box *box,
                        bool *found, size_t index, float threshold,
                        struct error *err)
{
    double start = now_ms();
    struct render_map map;
    bool ok;

    *found = false;
    if (!make_map(session, index, err))
        return false;
    map = map_to_render(session);
    ok = render_box(&session->render, box, found, &map, threshold, err);
    session->timing.render += now_ms() - start;
    return ok;
}

bool engine_session_heatmap(struct engine_session *session, struct buf *png,
                            size_t index, const struct render_options *options,
                            struct error *err)
{
    double start = now_ms();
    struct render_map map;
    bool ok;

    if (!make_map(session, index, err))
        return false;
    map = map_to_render(session);
    ok = render_heatmap(&session->render, png, &map, options, err);
    session->timing.render += now_ms() - start;
    return ok;
}

struct buf *engine_session_scratch(struct engine_session *session)
{
    if (session->scratch.cap > ENGINE_SCRATCH)
        buf_release(&session->scratch);
    buf_clear(&session->scratch);
    return &session->scratch;
}

void engine_session_timing(const struct engine_session *session,
                           struct engine_timing *timing)
{
    *timing = session->timing;
}

float *engine_session_input(struct engine_session *session)
{
    const struct graph *graph = &session->engine->network.graph;

    return plan_session_data(session->plan, graph->inputs[0]);
}

const float *engine_session_logits(const struct engine_session *session)
{
    return session->logits;
}

const float *engine_session_features(const struct engine_session *session)
{
    int features = session->engine->network.head.features;

    return features == GRAPH_NONE ? NULL
                                  : plan_session_data(session->plan, features);
}

void engine_session_free(struct engine_session *session)
{
    if (!session)
        return;
    plan_session_free(session->plan);
    preprocess_free(session->preprocess);
    render_release(&session->render);
    image_release(&session->image);
    buf_release(&session->scratch);
    free(session->logits);
    free(session->scores);
    free(session->best);
    free(session->map);
    free(session);
}

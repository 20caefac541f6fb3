#include "engine/explain/probe.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/scratch.h"
#include "engine/run/plan.h"

/* So many passes run at a time, at most: each needs memory for a run. */
enum { MAX_LANES = 8, MAX_PARTS = 5 };

/* A network that passes run through, and the sessions for it: one for each pass
 * that runs at the same time. */
struct part {
    struct variant_key key;        /* unless it is the model's own */
    const struct variant *variant; /* taken; NULL: the model's own network */
    const struct plan *plan;       /* NULL: an empty place */
    int image, features, seed, logits, gradient; /* values, as in variant.h */
    struct plan_session *lanes[MAX_LANES];       /* owned; NULL: none yet */
    uint64_t used;
};

struct probe {
    struct probe_source source;
    struct team_member member;
    struct part parts[MAX_PARTS];
    uint64_t clock, num_runs;
    const char *layer;
    int value;
    const struct explain_watch *watch;
    size_t num_passes, total;
    bool has_features;
    float *features; /* of the layer, if they took a pass; owned */
    size_t features_cap;
    struct probe_features shape; /* of the layer's features */
    float *seeds; /* scratch: (MAX_LANES, num_logits + num_classes); owned */
    float *closed;
    size_t closed_cap;
};

struct probe *probe_new(const struct probe_source *source, struct error *err)
{
    const struct head *head = &source->network->head;
    struct probe *probe = calloc(1, sizeof *probe);
    float *seeds = calloc(MAX_LANES * (head->num_logits + head->num_classes),
                          sizeof *seeds);

    if (!probe || !seeds) {
        fail(err, ERROR_MEMORY, "not enough memory for a session");
        free(probe);
        free(seeds);
        return NULL;
    }
    probe->source = *source;
    probe->seeds = seeds;
    team_member_init(&probe->member, source->team);
    return probe;
}

/* ---- parts ---- */

static void free_part(struct probe *probe, struct part *part)
{
    for (size_t i = 0; i < MAX_LANES; i++)
        plan_session_free(part->lanes[i]);
    if (part->variant)
        variants_give(probe->source.variants, part->variant);
    *part = (struct part){0};
}

/* The model's own network. */
static void open_own(struct part *part, const struct probe *probe)
{
    const struct network *network = probe->source.network;

    part->plan = network->plan;
    part->image = network->graph.inputs[0];
    part->logits = network->head.logits;
    part->features = part->seed = part->gradient = GRAPH_NONE;
}

static bool open_variant(struct part *part, struct probe *probe,
                         const struct variant_key *key, struct error *err)
{
    const struct variant *variant =
        variants_take(probe->source.variants, key, err);

    if (!variant)
        return false;
    part->key = *key;
    part->variant = variant;
    part->plan = variant->plan;
    part->image = variant->image;
    part->features = variant->features;
    part->seed = variant->seed;
    part->logits = variant->logits;
    part->gradient = variant->gradient;
    return true;
}

static bool is_part(const struct part *part, const struct variant_key *key)
{
    if (!part->plan || !part->variant || !key)
        return part->plan && !part->variant && !key;
    return part->key.kind == key->kind && part->key.rule == key->rule &&
           part->key.layer == key->layer;
}

/* Returns a part with one session at least; key NULL: the model's own network.
 * The part that was used longest ago makes room for a new one. */
static struct part *open_part(struct probe *probe,
                              const struct variant_key *key, struct error *err)
{
    struct part *part = &probe->parts[0];

    for (size_t i = 0; i < MAX_PARTS; i++) {
        if (is_part(&probe->parts[i], key)) {
            part = &probe->parts[i];
            break;
        }
        if (probe->parts[i].used < part->used)
            part = &probe->parts[i];
    }
    if (!is_part(part, key)) {
        free_part(probe, part);
        if (!key)
            open_own(part, probe);
        else if (!open_variant(part, probe, key, err))
            return NULL;
    }
    part->used = ++probe->clock;
    if (!part->lanes[0])
        part->lanes[0] = plan_session_new(part->plan, probe->source.team, err);
    return part->lanes[0] ? part : NULL;
}

/* ---- passes ---- */

static bool check(const struct probe *probe, struct error *err)
{
    return cancel_check(probe->watch ? probe->watch->cancel : NULL, err);
}

static void report(struct probe *probe, size_t num_done)
{
    const struct explain_watch *watch = probe->watch;

    probe->num_passes += num_done;
    probe->num_runs += num_done;
    if (watch && watch->progress)
        watch->progress(watch->user, probe->num_passes,
                        probe->total > probe->num_passes ? probe->total
                                                         : probe->num_passes);
}

void probe_begin(struct probe *probe, const char *layer, int value,
                 size_t total, const struct explain_watch *watch)
{
    const struct graph *graph = &probe->source.network->graph;

    probe->layer = layer;
    probe->value = value;
    probe->total = total;
    probe->watch = watch;
    probe->num_passes = 0;
    probe->has_features = false;
    if (layer && value != GRAPH_NONE) {
        const struct graph_shape *shape = &graph->values[value].shape;

        probe->shape = (struct probe_features){
            .values = plan_session_data(probe->source.plan, value),
            .height = shape->dim[1],
            .width = shape->dim[2],
            .channels = shape->dim[3],
        };
        probe->has_features = true;
    }
}

size_t probe_num_passes(const struct probe *probe)
{
    return probe->num_passes;
}

uint64_t probe_num_runs(const struct probe *probe)
{
    return probe->num_runs;
}

void probe_image(const struct probe *probe, struct probe_features *image)
{
    const struct graph *graph = &probe->source.network->graph;
    const struct graph_shape *shape = &graph->values[graph->inputs[0]].shape;

    *image = (struct probe_features){
        .values = plan_session_data(probe->source.plan, graph->inputs[0]),
        .height = shape->dim[1],
        .width = shape->dim[2],
        .channels = shape->dim[3],
    };
}

/* Copies the unchanged image into a session that takes it. */
static void set_image(const struct probe *probe, const struct part *part,
                      struct plan_session *session)
{
    struct probe_features image;

    if (part->image == GRAPH_NONE)
        return;
    probe_image(probe, &image);
    memcpy(plan_session_data(session, part->image), image.values,
           image.height * image.width * image.channels * sizeof(float));
}

bool probe_features(struct probe *probe, struct probe_features *features,
                    struct error *err)
{
    const struct variant_key key = {.kind = VARIANT_LOWER,
                                    .layer = probe->layer};
    const struct graph_shape *shape;
    struct part *part;
    size_t count;

    if (probe->has_features) {
        *features = probe->shape;
        return true;
    }
    part = check(probe, err) ? open_part(probe, &key, err) : NULL;
    if (!part)
        return false;
    shape = &part->variant->graph.values[part->features].shape;
    count = graph_shape_count(shape);
    probe->features = scratch_reserve(probe->features, &probe->features_cap,
                                      count, sizeof(float), err);
    if (!probe->features)
        return false;
    set_image(probe, part, part->lanes[0]);
    if (!plan_session_run(part->lanes[0], err))
        return false;
    memcpy(probe->features, plan_session_data(part->lanes[0], part->features),
           count * sizeof(float));
    probe->shape = (struct probe_features){
        probe->features, shape->dim[1], shape->dim[2], shape->dim[3]};
    probe->has_features = true;
    *features = probe->shape;
    report(probe, 1);
    return true;
}

/* ---- the layer's gradient ---- */

bool probe_is_closed(const struct probe *probe)
{
    const struct head *head = &probe->source.network->head;

    return probe->value != GRAPH_NONE && probe->value == head->features &&
           !head->refusal && !head->is_max && !head->is_normalized;
}

/* The same number for all cells: the seed's sum over the linear layer's
 * weights, divided by the number of cells. */
static void fill_closed(float *gradient, const struct probe *probe,
                        const float *seed)
{
    const struct network *network = probe->source.network;
    const struct head *head = &network->head;
    size_t channels = probe->shape.channels;
    size_t cells = probe->shape.height * probe->shape.width;
    const float *weights =
        head->weights == GRAPH_NONE
            ? NULL
            : graph_floats(&network->graph.values[head->weights]);

    memset(gradient, 0, channels * sizeof *gradient);
    for (size_t j = 0; j < head->num_logits; j++) {
        if (seed[j] == 0)
            continue;
        if (!weights)
            gradient[j] += seed[j];
        for (size_t k = 0; weights && k < channels; k++)
            gradient[k] += seed[j] * weights[j * channels + k];
    }
    for (size_t k = 0; k < channels; k++)
        gradient[k] /= (float)cells;
    for (size_t cell = 1; cell < cells; cell++)
        memcpy(gradient + cell * channels, gradient,
               channels * sizeof *gradient);
}

static bool run_layer_gradient(struct probe *probe, const float *seed,
                               const float **gradient, struct error *err)
{
    const struct variant_key key = {.kind = VARIANT_UPPER_GRADIENT,
                                    .layer = probe->layer};
    size_t count =
        probe->shape.height * probe->shape.width * probe->shape.channels;
    struct part *part =
        check(probe, err) ? open_part(probe, &key, err) : NULL;
    struct plan_session *session;

    if (!part)
        return false;
    session = part->lanes[0];
    set_image(probe, part, session);
    if (plan_session_data(session, part->features))
        memcpy(plan_session_data(session, part->features), probe->shape.values,
               count * sizeof(float));
    memcpy(plan_session_data(session, part->seed), seed,
           probe->source.network->head.num_logits * sizeof(float));
    if (!plan_session_run(session, err))
        return false;
    *gradient = plan_session_data(session, part->gradient);
    report(probe, 1);
    return true;
}

bool probe_layer_gradient(struct probe *probe, const float *seed,
                          const float **gradient, struct error *err)
{
    struct probe_features features;

    if (!probe_features(probe, &features, err))
        return false;
    if (!probe_is_closed(probe))
        return run_layer_gradient(probe, seed, gradient, err);
    probe->closed = scratch_reserve(
        probe->closed, &probe->closed_cap,
        features.height * features.width * features.channels, sizeof(float),
        err);
    if (!probe->closed)
        return false;
    fill_closed(probe->closed, probe, seed);
    *gradient = probe->closed;
    return true;
}

/* ---- many passes ---- */

/* Passes that run at the same time, each in a lane of its own. */
struct wave {
    struct probe *probe;
    struct part *part;    /* whose output is wanted */
    struct part *forward; /* which computes the logits that a seed needs; or
                             NULL */
    int input;            /* value of the part that is changed */
    const struct probe_task *task;
    const struct target *target; /* of a gradient, or NULL */
    const float *logits;         /* of the unchanged image */
    size_t first, count;
    struct error errors[MAX_LANES];
    bool failed[MAX_LANES];
};

static float *lane_seed(const struct probe *probe, size_t lane)
{
    const struct head *head = &probe->source.network->head;

    return probe->seeds + lane * (head->num_logits + head->num_classes);
}

/* Reads the logits of the lane's last forward pass: (num_classes). */
static float *lane_logits(const struct probe *probe, const struct part *part,
                          size_t lane)
{
    const struct head *head = &probe->source.network->head;
    const float *made = plan_session_data(part->lanes[lane], part->logits);
    float *logits = lane_seed(probe, lane) + head->num_logits;

    for (size_t k = 0; k < head->num_classes; k++)
        logits[k] = head_logit(head, made, k);
    return logits;
}

/* Sets the seed for the lane's input. */
static bool set_seed(struct wave *wave, size_t lane, const float *input,
                     size_t count, struct error *err)
{
    struct probe *probe = wave->probe;
    const float *logits = wave->logits;

    if (wave->forward) {
        struct plan_session *session = wave->forward->lanes[lane];

        memcpy(plan_session_data(session, wave->forward->image), input,
               count * sizeof *input);
        if (!plan_session_run(session, err))
            return false;
        logits = lane_logits(probe, wave->forward, lane);
    }
    target_seed(plan_session_data(wave->part->lanes[lane], wave->part->seed),
                wave->target, logits);
    return true;
}

static void run_lane(struct wave *wave, size_t lane)
{
    const struct probe_task *task = wave->task;
    struct plan_session *session = wave->part->lanes[lane];
    float *input = plan_session_data(session, wave->input);
    struct probe_features image;

    set_image(wave->probe, wave->part, session);
    if (task->prepare && input)
        task->prepare(task->user, wave->first + lane, input);
    probe_image(wave->probe, &image);
    wave->failed[lane] =
        (wave->target &&
         !set_seed(wave, lane, input,
                   image.height * image.width * image.channels,
                   &wave->errors[lane])) ||
        !plan_session_run(session, &wave->errors[lane]);
}

static void run_tile(const struct team_task *task, size_t thread,
                     const size_t *at, const size_t *len)
{
    (void)thread;
    for (size_t i = 0; i < len[0]; i++)
        run_lane(task->context, at[0] + i);
}

/* Runs the next passes. Lanes that are missing are made. */
static bool run_wave(struct wave *wave, struct error *err)
{
    struct probe *probe = wave->probe;
    const struct team_task task = {.call = run_tile,
                                   .context = wave,
                                   .num_dimensions = 1,
                                   .ranges = {wave->count},
                                   .steps = {1}};
    struct part *parts[] = {wave->part, wave->forward};

    if (!check(probe, err))
        return false;
    for (size_t p = 0; p < 2; p++)
        for (size_t i = 0; parts[p] && i < wave->count; i++) {
            if (!parts[p]->lanes[i])
                parts[p]->lanes[i] = plan_session_new(
                    parts[p]->plan, probe->source.team, err);
            if (!parts[p]->lanes[i])
                return false;
        }
    if (wave->count == 1)
        run_lane(wave, 0);
    else
        team_run(&probe->member, &task);
    for (size_t i = 0; i < wave->count; i++)
        if (wave->failed[i]) {
            *err = wave->errors[i];
            return false;
        }
    return true;
}

/* The number of passes of the next wave. */
static size_t next_count(const struct wave *wave)
{
    size_t most = team_num_threads(&wave->probe->member);
    size_t left = wave->task->count - wave->first;

    most = most < MAX_LANES ? most : MAX_LANES;
    return left < most ? left : most;
}

bool probe_targets(struct probe *probe, enum probe_part part,
                   const struct probe_task *task, const struct target *targets,
                   size_t num_targets, double *values, struct error *err)
{
    const struct variant_key key = {.kind = VARIANT_UPPER,
                                    .layer = probe->layer};
    struct wave wave = {
        .probe = probe,
        .part = open_part(probe, part == PROBE_FEATURES ? &key : NULL, err),
        .task = task,
    };

    if (!wave.part)
        return false;
    wave.input =
        part == PROBE_FEATURES ? wave.part->features : wave.part->image;
    for (; wave.first < task->count; wave.first += wave.count) {
        wave.count = next_count(&wave);
        if (!run_wave(&wave, err))
            return false;
        for (size_t lane = 0; lane < wave.count; lane++) {
            const float *logits = lane_logits(probe, wave.part, lane);

            for (size_t t = 0; t < num_targets; t++)
                values[(wave.first + lane) * num_targets + t] =
                    target_value(&targets[t], logits);
        }
        report(probe, wave.count);
    }
    team_rest(&probe->member);
    return true;
}

size_t probe_gradient_passes(const struct target *target, size_t count,
                             bool is_changed)
{
    return is_changed && !target_is_linear(target) ? 2 * count : count;
}

bool probe_input_gradients(struct probe *probe,
                           const struct probe_gradients *wanted,
                           struct error *err)
{
    const struct variant_key key = {.kind = VARIANT_GRADIENT,
                                    .rule = wanted->rule};
    bool is_forward =
        wanted->inputs.prepare && !target_is_linear(wanted->target);
    struct wave wave = {
        .probe = probe,
        .part = open_part(probe, &key, err),
        .task = &wanted->inputs,
        .target = wanted->target,
        .logits = wanted->logits,
    };

    if (wave.part && is_forward)
        wave.forward = open_part(probe, NULL, err);
    if (!wave.part || (is_forward && !wave.forward))
        return false;
    wave.input = wave.part->image;
    for (; wave.first < wave.task->count; wave.first += wave.count) {
        wave.count = next_count(&wave);
        if (!run_wave(&wave, err))
            return false;
        for (size_t lane = 0; lane < wave.count; lane++)
            wanted->take(wave.task->user, wave.first + lane,
                         plan_session_data(wave.part->lanes[lane],
                                           wave.part->gradient));
        report(probe, is_forward ? 2 * wave.count : wave.count);
    }
    team_rest(&probe->member);
    return true;
}

void probe_free(struct probe *probe)
{
    if (!probe)
        return;
    for (size_t i = 0; i < MAX_PARTS; i++)
        free_part(probe, &probe->parts[i]);
    free(probe->features);
    free(probe->closed);
    free(probe->seeds);
    free(probe);
}

/* Many passes, in waves of as many as there are cores. */
#include <string.h>

#include "engine/explain/probe_internal.h"

/* Passes that run at the same time, each in a lane of its own. */
struct wave {
    struct probe *probe;
    struct probe_net *net;     /* whose output is wanted */
    struct probe_net *forward; /* which computes the logits that a seed needs;
                             or NULL */
    int input;                 /* value of the net that is changed */
    const struct probe_task *task;
    const struct target *target; /* of a gradient, or NULL */
    const float *logits;         /* of the unchanged image */
    size_t first, count;
    size_t most; /* passes that memory allows at the same time */
    struct error errors[PROBE_MAX_LANES];
    bool failed[PROBE_MAX_LANES];
    bool is_set[PROBE_MAX_LANES]; /* its input is the unchanged image */
};

static float *lane_seed(const struct probe *probe, size_t lane)
{
    const struct head *head = &probe->source.network->head;

    return probe->seeds + lane * (head->num_logits + head->num_classes);
}

/* Reads the logits of the lane's last forward pass: (num_classes). */
static float *lane_logits(const struct probe *probe,
                          const struct probe_net *net, size_t lane)
{
    const struct head *head = &probe->source.network->head;
    const float *made = plan_session_data(net->lanes[lane], net->logits);
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
    target_seed(plan_session_data(wave->net->lanes[lane], wave->net->seed),
                wave->target, logits);
    return true;
}

/* Writes the lane's input. */
static void set_input(struct wave *wave, size_t lane, float *input)
{
    const struct probe_task *task = wave->task;
    bool is_written = task->prepare && wave->input == wave->net->image;

    if (task->restore ? !wave->is_set[lane] : !is_written)
        probe_set_image(wave->probe, wave->net, wave->net->lanes[lane]);
    wave->is_set[lane] = true;
    if (task->prepare)
        task->prepare(task->user, wave->first + lane, input);
}

static void run_lane(struct wave *wave, size_t lane)
{
    const struct probe_task *task = wave->task;
    struct plan_session *session = wave->net->lanes[lane];
    float *input = plan_session_data(session, wave->input);
    struct probe_features image;

    set_input(wave, lane, input);
    probe_image(wave->probe, &image);
    wave->failed[lane] =
        (wave->target && !set_seed(wave, lane, input,
                                   image.height * image.width * image.channels,
                                   &wave->errors[lane])) ||
        !plan_session_run(session, &wave->errors[lane]);
    if (task->restore)
        task->restore(task->user, wave->first + lane, input);
}

static void run_tile(const struct team_task *task, size_t thread,
                     const size_t *at, const size_t *len)
{
    (void)thread;
    for (size_t i = 0; i < len[0]; i++)
        run_lane(task->context, at[0] + i);
}

/* Makes lane i of all networks, where there is none yet. */
static bool add_lane(struct wave *wave, size_t i, struct error *err)
{
    struct probe_net *nets[] = {wave->net, wave->forward};

    for (size_t p = 0; p < 2; p++) {
        if (!nets[p] || nets[p]->lanes[i])
            continue;
        nets[p]->lanes[i] =
            plan_session_new(nets[p]->plan, wave->probe->source.team, err);
        if (!nets[p]->lanes[i])
            return false;
    }
    return true;
}

/* Makes the lanes that are missing, as many as there is memory for. */
static bool add_lanes(struct wave *wave, struct error *err)
{
    for (size_t i = 0; i < wave->count; i++) {
        struct error why = {0};

        if (add_lane(wave, i, &why))
            continue;
        if (why.kind != ERROR_MEMORY || i == 0)
            return error_pass(err, &why);
        wave->count = wave->most = i;
    }
    return true;
}

/* Runs passes. */
static bool run_wave(struct wave *wave, struct error *err)
{
    struct probe *probe = wave->probe;
    struct team_task task = {
        .call = run_tile, .context = wave, .num_dimensions = 1, .steps = {1}};

    if (!probe_check(probe, err) || !add_lanes(wave, err))
        return false;
    task.ranges[0] = wave->count;
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

/* Runs the next passes; after a failure the team may rest. */
static bool next_wave(struct wave *wave, struct error *err)
{
    if (run_wave(wave, err))
        return true;
    team_rest(&wave->probe->member);
    return false;
}

/* The number of passes of the next wave: no more than run at the same time, so
 * that what waits for its end does not wait for long. */
static size_t next_count(const struct wave *wave)
{
    size_t most = team_num_ready(&wave->probe->member);
    size_t left = wave->task->count - wave->first;

    most = most < wave->most ? most : wave->most;
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
        .net = probe_net_open(probe, part == PROBE_FEATURES ? &key : NULL, err),
        .task = task,
        .most = PROBE_MAX_LANES,
    };

    if (!wave.net)
        return false;
    wave.input = part == PROBE_FEATURES ? wave.net->features : wave.net->image;
    for (; wave.first < task->count; wave.first += wave.count) {
        wave.count = next_count(&wave);
        if (!next_wave(&wave, err))
            return false;
        for (size_t lane = 0; lane < wave.count; lane++) {
            const float *logits = lane_logits(probe, wave.net, lane);

            for (size_t t = 0; t < num_targets; t++)
                values[(wave.first + lane) * num_targets + t] =
                    target_value(&targets[t], logits);
        }
        probe_report(probe, wave.count);
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
        .net = probe_net_open(probe, &key, err),
        .task = &wanted->inputs,
        .target = wanted->target,
        .logits = wanted->logits,
        .most = PROBE_MAX_LANES,
    };

    if (wave.net && is_forward) {
        probe->in_use = wave.net;
        wave.forward = probe_net_open(probe, NULL, err);
        probe->in_use = NULL;
    }
    if (!wave.net || (is_forward && !wave.forward))
        return false;
    wave.input = wave.net->image;
    for (; wave.first < wave.task->count; wave.first += wave.count) {
        wave.count = next_count(&wave);
        if (!next_wave(&wave, err))
            return false;
        for (size_t lane = 0; lane < wave.count; lane++)
            wanted->take(
                wave.task->user, wave.first + lane,
                plan_session_data(wave.net->lanes[lane], wave.net->gradient));
        probe_report(probe, is_forward ? 2 * wave.count : wave.count);
    }
    team_rest(&probe->member);
    return true;
}

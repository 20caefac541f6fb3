#include "engine/explain/probe.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/scratch.h"
#include "engine/explain/combine.h"
#include "engine/explain/probe_internal.h"

struct probe *probe_new(const struct probe_source *source, struct error *err)
{
    const struct head *head = &source->network->head;
    struct probe *probe = calloc(1, sizeof *probe);
    float *seeds =
        calloc(PROBE_MAX_LANES * (head->num_logits + head->num_classes),
               sizeof *seeds);

    if (!probe || !seeds) {
        fail(err, ERROR_MEMORY, "not enough memory for a session");
        free(probe);
        free(seeds);
        return NULL;
    }
    probe->source = *source;
    probe->seeds = seeds;
    probe->num_kept = PROBE_KEPT_NETS;
    team_member_init(&probe->member, source->team);
    return probe;
}

/* ---- passes ---- */

bool probe_check(const struct probe *probe, struct error *err)
{
    return cancel_check(probe->watch ? probe->watch->cancel : NULL, err);
}

void probe_report(struct probe *probe, size_t num_done)
{
    const struct explain_watch *watch = probe->watch;

    probe->num_passes += num_done;
    probe->num_runs += num_done;
    if (watch && watch->progress)
        watch->progress(watch->user, probe->num_passes,
                        probe->total > probe->num_passes ? probe->total
                                                         : probe->num_passes);
}

void probe_keep_all(struct probe *probe)
{
    probe->num_kept = PROBE_MAX_NETS;
}

void probe_forget(struct probe *probe)
{
    probe->has_features = probe->has_gradient = false;
}

void probe_begin(struct probe *probe, size_t layer, int value, size_t total,
                 const struct explain_watch *watch)
{
    const struct graph *graph = &probe->source.network->graph;

    if (layer != probe->layer)
        probe_forget(probe);
    probe->layer = layer;
    probe->value = value;
    probe->total = total;
    probe->watch = watch;
    probe->num_passes = 0;
    if (value != GRAPH_NONE) {
        probe->shape = probe_view(graph, probe->source.plan, value);
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

struct probe_features probe_view(const struct graph *graph,
                                 struct plan_session *session, int value)
{
    const struct graph_shape *shape = &graph->values[value].shape;

    return (struct probe_features){
        .values = plan_session_data(session, value),
        .height = shape->dim[1],
        .width = shape->dim[2],
        .channels = shape->dim[3],
    };
}

void probe_image(const struct probe *probe, struct probe_features *image)
{
    const struct graph *graph = &probe->source.network->graph;

    *image = probe_view(graph, probe->source.plan, graph->inputs[0]);
}

void probe_set_image(const struct probe *probe, const struct probe_net *net,
                     struct plan_session *session)
{
    struct probe_features image;

    if (net->image == GRAPH_NONE)
        return;
    probe_image(probe, &image);
    memcpy(plan_session_data(session, net->image), image.values,
           image.height * image.width * image.channels * sizeof(float));
}

bool probe_features(struct probe *probe, struct probe_features *features,
                    struct error *err)
{
    const struct variant_key key = {.kind = VARIANT_LOWER,
                                    .layer = probe->layer};
    const struct graph_shape *shape;
    struct probe_net *net;
    size_t count;

    if (probe->has_features) {
        *features = probe->shape;
        return true;
    }
    net = probe_check(probe, err) ? probe_net_open(probe, &key, err) : NULL;
    if (!net)
        return false;
    shape = &net->variant->graph.values[net->features].shape;
    count = graph_shape_count(shape);
    probe->features = scratch_reserve(probe->features, &probe->features_cap,
                                      count, sizeof(float), err);
    if (!probe->features)
        return false;
    probe_set_image(probe, net, net->lanes[0]);
    if (!plan_session_run(net->lanes[0], err))
        return false;
    memcpy(probe->features, plan_session_data(net->lanes[0], net->features),
           count * sizeof(float));
    probe->shape = (struct probe_features){probe->features, shape->dim[1],
                                           shape->dim[2], shape->dim[3]};
    probe->has_features = true;
    *features = probe->shape;
    probe_report(probe, 1);
    return true;
}

/* ---- the layer's gradient ---- */

/* The same numbers for all cells: the seed's sum over the linear layer's
 * weights, divided by the number of cells. */
static void fill_closed(float *gradient, const struct probe *probe,
                        const float *seed)
{
    const struct network *network = probe->source.network;
    size_t channels = probe->shape.channels;
    size_t cells = probe->shape.height * probe->shape.width;

    (void)combine_weights(gradient, &network->head, &network->graph, seed);
    for (size_t k = 0; k < channels; k++)
        gradient[k] /= (float)cells;
    for (size_t cell = 1; cell < cells; cell++)
        memcpy(gradient + cell * channels, gradient,
               channels * sizeof *gradient);
}

/* Keeps a gradient that took a pass, for explanations to come. */
static bool keep_gradient(struct probe *probe, const float *seed,
                          const float *gradient, struct error *err)
{
    size_t num_logits = probe->source.network->head.num_logits;
    size_t count =
        probe->shape.height * probe->shape.width * probe->shape.channels;

    probe->has_gradient = false;
    probe->gradient = scratch_reserve(probe->gradient, &probe->gradient_cap,
                                      count, sizeof(float), err);
    probe->gradient_seed =
        scratch_reserve(probe->gradient_seed, &probe->gradient_seed_cap,
                        num_logits, sizeof(float), err);
    if (!probe->gradient || !probe->gradient_seed)
        return false;
    memcpy(probe->gradient, gradient, count * sizeof(float));
    memcpy(probe->gradient_seed, seed, num_logits * sizeof(float));
    probe->has_gradient = true;
    return true;
}

static bool run_layer_gradient(struct probe *probe, const float *seed,
                               struct error *err)
{
    const struct variant_key key = {.kind = VARIANT_UPPER_GRADIENT,
                                    .layer = probe->layer};
    size_t num_logits = probe->source.network->head.num_logits;
    size_t count =
        probe->shape.height * probe->shape.width * probe->shape.channels;
    struct probe_net *net;
    struct plan_session *session;

    if (probe->has_gradient &&
        memcmp(probe->gradient_seed, seed, num_logits * sizeof(float)) == 0)
        return true;
    net = probe_check(probe, err) ? probe_net_open(probe, &key, err) : NULL;
    if (!net)
        return false;
    session = net->lanes[0];
    probe_set_image(probe, net, session);
    memcpy(plan_session_data(session, net->features), probe->shape.values,
           count * sizeof(float));
    memcpy(plan_session_data(session, net->seed), seed,
           num_logits * sizeof(float));
    if (!plan_session_run(session, err))
        return false;
    probe_report(probe, 1);
    return keep_gradient(probe, seed, plan_session_data(session, net->gradient),
                         err);
}

bool probe_layer_gradient(struct probe *probe, const float *seed,
                          const float **gradient, struct error *err)
{
    struct probe_features features;

    if (!probe_features(probe, &features, err))
        return false;
    if (!head_is_closed(&probe->source.network->head, probe->value)) {
        *gradient =
            run_layer_gradient(probe, seed, err) ? probe->gradient : NULL;
        return *gradient != NULL;
    }
    probe->closed =
        scratch_reserve(probe->closed, &probe->closed_cap,
                        features.height * features.width * features.channels,
                        sizeof(float), err);
    if (!probe->closed)
        return false;
    fill_closed(probe->closed, probe, seed);
    *gradient = probe->closed;
    return true;
}

static void give_back(float **memory, size_t *cap)
{
    free(*memory);
    *memory = NULL;
    *cap = 0;
}

void probe_trim(struct probe *probe)
{
    probe_forget(probe);
    for (size_t i = 0; i < PROBE_MAX_NETS; i++)
        probe_net_free(probe, &probe->nets[i]);
    give_back(&probe->features, &probe->features_cap);
    give_back(&probe->gradient, &probe->gradient_cap);
    give_back(&probe->gradient_seed, &probe->gradient_seed_cap);
    give_back(&probe->closed, &probe->closed_cap);
}

void probe_free(struct probe *probe)
{
    if (!probe)
        return;
    probe_trim(probe);
    free(probe->seeds);
    free(probe);
}

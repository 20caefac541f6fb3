/* The networks that passes run through: the model's own and its variants. */
#include "engine/explain/probe_internal.h"

void probe_net_free(struct probe *probe, struct probe_net *net)
{
    for (size_t i = 0; i < PROBE_MAX_LANES; i++)
        plan_session_free(net->lanes[i]);
    if (net->variant)
        variants_give(probe->source.variants, net->variant);
    *net = (struct probe_net){0};
}

/* The model's own network. */
static void open_own(struct probe_net *net, const struct probe *probe)
{
    const struct network *network = probe->source.network;

    net->plan = network->plan;
    net->image = network->graph.inputs[0];
    net->logits = network->head.logits;
    net->features = net->seed = net->gradient = GRAPH_NONE;
}

static bool open_variant(struct probe_net *net, struct probe *probe,
                         const struct variant_key *key, struct error *err)
{
    const struct variant *variant =
        variants_take(probe->source.variants, key,
                      probe->watch ? probe->watch->cancel : NULL, err);

    if (!variant)
        return false;
    net->key = *key;
    net->variant = variant;
    net->plan = variant->plan;
    net->image = variant->image;
    net->features = variant->features;
    net->seed = variant->seed;
    net->logits = variant->logits;
    net->gradient = variant->gradient;
    return true;
}

static bool is_open(const struct probe_net *net, const struct variant_key *key)
{
    if (!net->plan || !net->variant || !key)
        return net->plan && !net->variant && !key;
    return variants_same(&net->key, key);
}

/* Opens the network, unless it is open, with one session. */
static bool fill(struct probe_net *net, struct probe *probe,
                 const struct variant_key *key, struct error *err)
{
    if (!is_open(net, key)) {
        probe_net_free(probe, net);
        if (!key)
            open_own(net, probe);
        else if (!open_variant(net, probe, key, err))
            return false;
    }
    if (!net->lanes[0])
        net->lanes[0] = plan_session_new(net->plan, probe->source.team, err);
    return net->lanes[0];
}

/* Frees all other networks but the one in use, and the variants of all
 * sessions that are not. */
static void make_room(struct probe *probe, const struct probe_net *net)
{
    for (size_t i = 0; i < PROBE_MAX_NETS; i++)
        if (&probe->nets[i] != net && &probe->nets[i] != probe->in_use)
            probe_net_free(probe, &probe->nets[i]);
    variants_trim(probe->source.variants);
}

struct probe_net *probe_net_open(struct probe *probe,
                                 const struct variant_key *key,
                                 struct error *err)
{
    struct probe_net *net = &probe->nets[0];
    struct error why = {0};

    for (size_t i = 0; i < PROBE_MAX_NETS; i++) {
        if (is_open(&probe->nets[i], key)) {
            net = &probe->nets[i];
            break;
        }
        if (probe->nets[i].used < net->used)
            net = &probe->nets[i];
    }
    if (!fill(net, probe, key, &why)) {
        if (why.kind == ERROR_MEMORY) {
            make_room(probe, net);
            why = (struct error){0};
        }
        if (why.kind != ERROR_NONE || !fill(net, probe, key, &why)) {
            error_pass(err, &why);
            probe_net_free(probe, net);
            return NULL;
        }
    }
    net->used = ++probe->clock;
    return net;
}

/* Whether so many others were used later. */
static bool is_old(const struct probe *probe, const struct probe_net *net)
{
    size_t num_later = 0;

    for (size_t i = 0; i < PROBE_MAX_NETS; i++)
        num_later += probe->nets[i].used > net->used;
    return num_later >= probe->num_kept;
}

void probe_end(struct probe *probe)
{
    for (size_t i = 0; i < PROBE_MAX_NETS; i++) {
        struct probe_net *net = &probe->nets[i];

        if (net->plan && is_old(probe, net))
            probe_net_free(probe, net);
        for (size_t lane = PROBE_KEPT_LANES; lane < PROBE_MAX_LANES; lane++) {
            plan_session_free(net->lanes[lane]);
            net->lanes[lane] = NULL;
        }
    }
    probe->watch = NULL;
}

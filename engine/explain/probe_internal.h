#ifndef ENGINE_EXPLAIN_PROBE_INTERNAL_H
#define ENGINE_EXPLAIN_PROBE_INTERNAL_H

/* The struct behind probe.h, and what its files share. Private to probe*.c. */

#include "engine/explain/probe.h"
#include "engine/run/plan.h"

/* So many passes run at a time, at most: each needs memory for a run. */
enum { PROBE_MAX_LANES = 8, PROBE_MAX_NETS = 16 };

/* What is kept for the next image, unless all networks are (probe_keep_all). */
enum { PROBE_KEPT_LANES = 2, PROBE_KEPT_NETS = 2 };

/* A network that passes run through, and the sessions for it: one for each pass
 * that runs at the same time. */
struct probe_net {
    struct variant_key key;        /* unless it is the model's own */
    const struct variant *variant; /* taken; NULL: the model's own network */
    const struct plan *plan;       /* NULL: an empty place */
    int image, features, seed, logits, gradient; /* values, as in variants.h */
    struct plan_session *lanes[PROBE_MAX_LANES]; /* owned; NULL: none yet */
    uint64_t used;
};

struct probe {
    struct probe_source source;
    struct team_member member;
    struct probe_net nets[PROBE_MAX_NETS];
    const struct probe_net *in_use; /* while another is opened, or NULL */
    uint64_t clock, num_runs;
    size_t layer; /* in the network's layers */
    int value;
    const struct explain_watch *watch;
    size_t num_passes, total;
    bool has_features;
    float *features; /* of the layer, if they took a pass; owned */
    size_t features_cap;
    struct probe_features shape; /* of the layer's features */
    size_t num_kept;             /* networks, for the next image */
    /* The last gradient that took a pass, and its seed: of the layer and image
     * that has_features is of; owned. */
    bool has_gradient;
    float *gradient, *gradient_seed;
    size_t gradient_cap, gradient_seed_cap;
    float *
        seeds; /* scratch: (PROBE_MAX_LANES, num_logits + num_classes); owned */
    float *closed;
    size_t closed_cap;
};

/* Returns a network with one session at least; key NULL: the model's own. The
 * one that was used longest ago makes room for a new one, and where memory is
 * short, all but probe->in_use do. Fails like variants_take. */
struct probe_net *probe_net_open(struct probe *probe,
                                 const struct variant_key *key,
                                 struct error *err);

void probe_net_free(struct probe *probe, struct probe_net *net);

/* Counts passes that are done, and reports them. */
void probe_report(struct probe *probe, size_t num_done);

/* Copies the unchanged image into a session that takes it. */
void probe_set_image(const struct probe *probe, const struct probe_net *net,
                     struct plan_session *session);

#endif

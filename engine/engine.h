#ifndef ENGINE_ENGINE_H
#define ENGINE_ENGINE_H

/* wherefore's engine: image bytes in; classes, class activation maps, boxes
 * and heatmaps out, from one forward pass.
 *
 *     struct error err = {0};
 *     struct engine *engine =
 *         engine_open("models/efficientnet-lite0", NULL, &err);
 *     struct engine_session *session = engine_session_new(engine, NULL, &err);
 *     struct explain_request request = EXPLAIN_REQUEST_DEFAULT;
 *     struct explanation explanation;
 *
 *     if (!engine_session_sample(session, bytes, len, &limits, NULL, &err) ||
 *         !engine_session_explain(session, &explanation, &request, NULL, &err))
 *         ...
 *     engine_session_free(session);
 *     engine_free(engine);
 *
 * Threads: a `struct engine` is immutable once open and shared by all; a
 * `struct engine_session` belongs to one thread at a time. The engine starts
 * no threads but those of a team, if it is given one. */

#include <stddef.h>
#include <stdint.h>

#include "engine/base/buf.h"
#include "engine/base/cancel.h"
#include "engine/base/error.h"
#include "engine/base/team.h"
#include "engine/explain/box.h"
#include "engine/explain/explain.h"
#include "engine/image/image.h"
#include "engine/image/preprocess.h"
#include "engine/render/heatmap.h"
#include "engine/render/render.h"
#include "engine/run/precision_choice.h"

struct engine;         /* a model, ready to be run */
struct engine_session; /* room for one run of it */

/* What a model is; borrowed from the engine, and as long-lived. */
struct engine_info {
    const char *name;
    const char *source;               /* where the weights come from, or NULL */
    const char *license;              /* of the weights, or NULL */
    size_t input_width, input_height; /* pixels */
    size_t num_classes;
    size_t map_width, map_height; /* cells; 0 where there is no CAM head */
    size_t num_features;          /* channels of the last feature map */
    const char *head;             /* what the head is, such as "gap-linear" */
    const char *output;           /* the file's output that is served */
    const char *scores;           /* what makes scores of logits: "softmax" or
                                     "sigmoid" */
    bool is_exclusive;   /* a picture is of one class; else of any number of
                            them, each with a score of its own */
    const char *method;  /* by which it is explained (explain.h), or NULL */
    const char *refusal; /* why no method is defined, or NULL where one is */
    bool is_max;         /* the logit is a sum of largest values, not of means:
                            mean_plus_bias is not the logit (cam.c) */
    bool is_normalized;  /* the pooled features are normalized: a map's scale is
                            its picture's own (explain_map) */
    const char *precision; /* what it computes with: "fp32" or "int8" */
    const char *runtime;   /* the XNNPACK generation in use, such as "2022" */
};

struct engine_class {
    size_t index;
    float logit;
    float score; /* 0..1: softmax over all classes, or sigmoid of the logit
                    (engine_info.scores) */
};

/* ---- what is asked ---- */

/* In struct explain_request.classes: the best `top`, in their order. */
#define EXPLAIN_TOP SIZE_MAX

struct explain_request {
    const struct explain_method *method; /* NULL: the model's own */
    size_t top;                          /* classes listed; 1..num_classes */
    size_t classes[EXPLAIN_MAX_CLASSES]; /* (num_classes) to be explained:
                                          * indices, or EXPLAIN_TOP; no more
                                          * than EXPLAIN_MAX_CLASSES in all */
    size_t num_classes;                  /* 0: the best one */
    struct box_options box;
    struct render_options style; /* of the heatmap */
    bool values;                 /* whoever prints a map prints its numbers */
    bool only_heatmap;           /* no boxes, and of maps only the first */
};

/* What is asked where nothing is said. */
#define EXPLAIN_REQUEST_DEFAULT                                   \
    {                                                             \
        .top = 5, .box = {.threshold = BOX_THRESHOLD}, .style = { \
            .alpha = 0.5f                                         \
        }                                                         \
    }

/* ---- what is answered ---- */

struct explained_class {
    struct engine_class class;
    bool is_asked;                 /* is to be explained, not only listed */
    const struct explain_map *map; /* NULL: not asked for, or there is none */
    struct box box;
    bool has_box;
};

/* Milliseconds of the last request of a session, stage by stage. */
struct engine_timing {
    double decode, preprocess, infer;
    double map, box, heatmap;
    double render; /* the last three */
};

/* All of it is borrowed from the session, until its next picture. */
struct explanation {
    const struct image *image;
    const char *method;  /* its name, or NULL: there are no maps */
    const char *refusal; /* why there are none, or NULL */
    /* (num_classes) the best, then those asked for that are not among them */
    const struct explained_class *classes;
    size_t num_classes;
    const struct explained_class *first; /* of those asked for; the heatmap's */
    struct buf *heatmap; /* a PNG; empty where there is none. Its bytes may be
                            taken away */
    struct engine_timing timing;
};

/* What a model may be opened with that is not its own; `= {0}` is nothing. */
struct engine_options {
    uint32_t input_width, input_height; /* pixels; 0: the model's own */
    enum precision_choice precision;
};

/* Reads the name of a precision. ERROR_INPUT. */
bool engine_options_parse_precision(struct engine_options *options,
                                    const char *text, struct error *err)
    __attribute__((warn_unused_result));

/* Reads "448" or "160x80" (width x height), each from 1 to
 * PREPROCESS_MAX_SIDE, or "own", and leaves the rest. ERROR_INPUT. */
bool engine_options_parse_size(struct engine_options *options, const char *text,
                               struct error *err)
    __attribute__((warn_unused_result));

/* Opens the model in `folder` (model_dir.h says what is in it): reads, checks
 * and plans it. The last parts of it that can fail do so here, not at a
 * request. options may be NULL. Another size of the input suits networks that
 * are convolutions up to their pooling; others are refused. Returns NULL and
 * ERROR_IO           a file cannot be read
 * ERROR_INPUT        a file is malformed, or its parts do not fit together
 * ERROR_UNSUPPORTED  the network has a node we cannot run; the text names it;
 *                    or the precision is INT8, and library or network have
 *                    nothing of the kind
 * ERROR_MEMORY, ERROR_INTERNAL */
struct engine *engine_open(const char *folder,
                           const struct engine_options *options,
                           struct error *err)
    __attribute__((warn_unused_result));

void engine_info(const struct engine *engine, struct engine_info *info);

/* The class's id (such as "n02124075") and label; either may be NULL. Valid as
 * long as the engine. index < num_classes. */
const char *engine_class_id(const struct engine *engine, size_t index);
const char *engine_class_label(const struct engine *engine, size_t index);

/* Finds a class by index in decimal, by id, or by label. Returns false,
 * silently, where there is none. */
bool engine_find_class(const struct engine *engine, size_t *index,
                       const char *text);

void engine_free(struct engine *engine);

/* A session computes on its caller's thread, and where `team` is not NULL with
 * the helpers that have time. Engine and team must outlive it. Returns NULL and
 * ERROR_MEMORY or ERROR_INTERNAL. */
struct engine_session *engine_session_new(const struct engine *engine,
                                          struct team *team, struct error *err)
    __attribute__((warn_unused_result));

/* Decodes a picture and prepares the network's input. Fails as
 * image_decode_for does: the one step that a client's bytes can make fail.
 * `cancel` may be NULL. */
bool engine_session_sample(struct engine_session *session, const uint8_t *bytes,
                           size_t len, const struct image_limits *limits,
                           const struct cancel *cancel, struct error *err)
    __attribute__((warn_unused_result));

/* Runs the network on the sample, and explains the classes asked for: each map
 * is made once, then boxes and heatmap. Where the method is not defined for the
 * model there is no map, and no failure. Is asked between passes whether it is
 * cancelled (ERROR_BUSY); `cancel` may be NULL. ERROR_MEMORY, ERROR_INTERNAL.
 */
bool engine_session_explain(struct engine_session *session,
                            struct explanation *explanation,
                            const struct explain_request *request,
                            const struct cancel *cancel, struct error *err)
    __attribute__((warn_unused_result));

/* How often this session ran the network since it was made. */
uint64_t engine_session_num_runs(const struct engine_session *session);

/* The stages since the last engine_session_sample. */
void engine_session_timing(const struct engine_session *session,
                           struct engine_timing *timing);

void engine_session_free(struct engine_session *session);

/* The network itself, for tests and benchmarks: (input_height, input_width, 3)
 * or, of networks that take one channel, (.., 1) NHWC floats in, written before
 * engine_session_run; (num_classes) logits and (map_height, map_width,
 * num_features) features out of it. ERROR_INTERNAL. */
float *engine_session_input(struct engine_session *session);
bool engine_session_run(struct engine_session *session, struct error *err)
    __attribute__((warn_unused_result));
const float *engine_session_logits(const struct engine_session *session);
const float *engine_session_features(const struct engine_session *session);

#endif

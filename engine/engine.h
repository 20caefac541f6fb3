#ifndef ENGINE_ENGINE_H
#define ENGINE_ENGINE_H

/* wherefore's engine: image bytes in; classes, class activation maps, boxes
 * and heatmaps out, from one forward pass.
 *
 *     struct error err = {0};
 *     struct engine *engine =
 *         engine_open("models/efficientnet-lite0", NULL, &err);
 *     struct engine_session *session = engine_session_new(engine, NULL, &err);
 *     struct engine_class top[5];
 *     struct engine_map map;
 *     struct box box;
 *     bool found;
 *     struct buf png = {0};
 *     struct render_options style = {.overlay = true, .alpha = 0.5f};
 *
 *     if (!engine_sample(session, bytes, len, &limits, NULL, &err) ||
 *         !engine_session_run(session, &err))
 *         ...
 *     engine_session_top(session, top, 5);
 *     if (!engine_session_map(session, &map, top[0].index, &err) ||
 *         !engine_session_box(session, &box, &found, top[0].index, 0.2f, &err)
 * || !engine_session_heatmap(session, &png, top[0].index, &style, &err))
 *         ...
 *     buf_release(&png);
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
    const char *refusal; /* why no CAM is defined, or NULL where one is */
    bool is_max;         /* the logit is a sum of largest values, not of means:
                            mean_plus_bias below is not the logit */
    bool is_normalized;  /* the pooled features are normalized: a map's scale is
                            its picture's own (engine_map) */
    const char *precision; /* what it computes with: "fp32" or "int8" */
    const char *runtime;   /* the XNNPACK generation in use, such as "2022" */
};

struct engine_class {
    size_t index;
    float logit;
    float score; /* 0..1: softmax over all classes, or sigmoid of the logit
                    (engine_info.scores) */
};

/* The class activation map of one class. */
struct engine_map {
    size_t class_index;
    size_t width, height; /* cells */
    const float *values;  /* (height, width); borrowed from the session until
                             an answer about another class, or the next run */
    float min, max;
    double mean_plus_bias; /* of the values, and of the class's bias. Where the
                              head pools by the mean (engine_info.is_max is
                              false) this equals the class's logit, up to
                              rounding. Where it pools by the maximum, the
                              logit is the bias and, over all channels, the sum
                              of weight x largest activation, each from a cell
                              of its own; no sum over one map's cells gives it,
                              and this is only what its name says. */
    double norm_mean, norm_deviation; /* what is subtracted from this picture's
                                         features before they are weighed, and
                                         what they are divided by: 0 and 1, but
                                         where engine_info.is_normalized */
    struct preprocess_region region; /* the part of the upright picture that the
                                      cells cover, in its pixels; may reach
                                      beyond it (letterbox) */
};

/* Milliseconds of the last request of a session, stage by stage. */
struct engine_timing {
    double decode, preprocess, infer, render;
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
bool engine_sample(struct engine_session *session, const uint8_t *bytes,
                   size_t len, const struct image_limits *limits,
                   const struct cancel *cancel, struct error *err)
    __attribute__((warn_unused_result));

/* The picture of the last engine_sample, which may lie still (image.h);
 * borrowed until the next. */
const struct image *engine_session_image(const struct engine_session *session);

/* Runs the network once on the sample. ERROR_INTERNAL only. */
bool engine_session_run(struct engine_session *session, struct error *err)
    __attribute__((warn_unused_result));

/* How often this session ran the network since it was made. */
uint64_t engine_session_num_runs(const struct engine_session *session);

/* The answers below are about the last run. */

/* The `k` best classes, best first; k is at most num_classes. */
void engine_session_top(struct engine_session *session,
                        struct engine_class *classes, size_t k);

/* One class's logit and score. index < num_classes. */
void engine_session_class(struct engine_session *session,
                          struct engine_class *result, size_t index);

/* The map of a class. ERROR_UNSUPPORTED: the network has no CAM head, and the
 * text says why. ERROR_MEMORY. index < num_classes. */
bool engine_session_map(struct engine_session *session, struct engine_map *map,
                        size_t index, struct error *err)
    __attribute__((warn_unused_result));

/* The box of a map by the paper's rule (box.h, render.h), the map upsampled to
 * the picture first. Fails as engine_session_map does. */
bool engine_session_box(struct engine_session *session, struct box *box,
                        bool *found, size_t index, float threshold,
                        struct error *err) __attribute__((warn_unused_result));

/* Appends the heatmap of a class to `png`. Fails as engine_session_map does. */
bool engine_session_heatmap(struct engine_session *session, struct buf *png,
                            size_t index, const struct render_options *options,
                            struct error *err)
    __attribute__((warn_unused_result));

/* Room for bytes on their way, as a heatmap before it is base64: empty, and
 * borrowed until the next call. Up to ENGINE_SCRATCH bytes of it are kept, so
 * that the next picture need not ask for them. */
enum { ENGINE_SCRATCH = 2 << 20 };
struct buf *engine_session_scratch(struct engine_session *session);

/* The stages since the last engine_sample; map, box and heatmap count as
 * render. */
void engine_session_timing(const struct engine_session *session,
                           struct engine_timing *timing);

void engine_session_free(struct engine_session *session);

/* The network itself, for tests and benchmarks: (input_height, input_width, 3)
 * or, of networks that take one channel, (.., 1) NHWC floats in, written before
 * engine_session_run; (num_classes) logits and (map_height, map_width,
 * num_features) features out. */
float *engine_session_input(struct engine_session *session);
const float *engine_session_logits(const struct engine_session *session);
const float *engine_session_features(const struct engine_session *session);

#endif

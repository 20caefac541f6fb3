#ifndef ENGINE_ENGINE_H
#define ENGINE_ENGINE_H

/* wherefore's engine: image bytes in; classes, maps of the evidence by many
 * methods, boxes and heatmaps out.
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
#include "engine/explain/channels.h"
#include "engine/explain/explain.h"
#include "engine/explain/object.h"
#include "engine/image/image.h"
#include "engine/image/preprocess.h"
#include "engine/network/layers.h"
#include "engine/render/heatmap.h"
#include "engine/render/render.h"
#include "engine/run/precision_choice.h"

struct engine;         /* a model that is ready to run */
struct engine_session; /* the memory for one run of it */

/* Facts about a model. Pointers are borrowed from the engine and valid as long
 * as it is. */
struct engine_info {
    const char *name;
    const char *file;                 /* the path of the network's file */
    const char *source;               /* where the weights come from, or NULL */
    const char *license;              /* of the weights, or NULL */
    size_t input_width, input_height; /* pixels */
    size_t num_classes;
    size_t map_width,
        map_height;        /* cells of the default layer; 0 without one */
    size_t num_features;   /* its channels */
    size_t input_channels; /* 3, or 1 for grey images */
    float baseline[3];     /* (input_channels) a pixel of the input that is
                              hidden: what normalization makes 0 of, or
                              mid-grey where it subtracts nothing */
    const char *head;      /* the kind of head, such as "gap-linear" */
    const char *output;    /* the name of the output that is used */
    const char *scores;  /* how logits become scores: "softmax" or "sigmoid" */
    bool is_exclusive;   /* each image has exactly one class; else any number of
                            classes, each with its own score */
    const char *method;  /* the default method (method.h), or NULL */
    const char *refusal; /* why it is not the first one of the table, or why
                            there is none; or NULL */
    const char *precision;       /* the precision in use: "fp32" or "int8" */
    const struct model_box *box; /* the calibration of the rule `calibrated`,
                                    or NULL */
    const char *runtime; /* the XNNPACK generation in use, such as "2022" */
};

struct engine_class {
    size_t index;
    float logit;
    float score; /* 0..1: softmax over all classes, or sigmoid of the logit
                    (engine_info.scores) */
};

/* ---- the request ---- */

/* In struct explain_request.classes: the best `top` classes, best first. */
#define EXPLAIN_TOP SIZE_MAX

/* In struct explain_request.layer: the model's default. */
#define EXPLAIN_LAYER_DEFAULT SIZE_MAX

/* X(enumerator, name in requests)
 *
 * How the response contains the maps' values: not at all; as rows of numbers;
 * as little-endian floats in base64. */
#define EXPLAIN_VALUES(X)       \
    X(EXPLAIN_VALUES_NONE, "0") \
    X(EXPLAIN_VALUES_ROWS, "1") \
    X(EXPLAIN_VALUES_F32, "f32")

enum explain_values {
#define X(values, name) values,
    EXPLAIN_VALUES(X)
#undef X
};

/* X(enumerator, name in requests)
 *
 * Which map the response has and shows: the method's own; or that refined to
 * the object (object.h), where it can be. */
#define EXPLAIN_MAP_KINDS(X)            \
    X(EXPLAIN_MAP_EVIDENCE, "evidence") \
    X(EXPLAIN_MAP_OBJECT, "object")

enum explain_map_kind {
#define X(kind, name) kind,
    EXPLAIN_MAP_KINDS(X)
#undef X
};

struct explain_request {
    const struct explain_method *method; /* NULL: the model's default */
    size_t layer; /* index in engine_layers, or EXPLAIN_LAYER_DEFAULT */
    enum target_kind target;
    size_t against; /* class, of TARGET_MARGIN */
    struct explain_parameters parameters;
    size_t top;                          /* classes listed, from 1 on; all if
                                            there are fewer */
    size_t classes[EXPLAIN_MAX_CLASSES]; /* (num_classes) to explain: indices,
                                            or EXPLAIN_TOP; at most
                                            EXPLAIN_MAX_CLASSES in total */
    size_t num_classes;                  /* 0: explain the best class */
    struct box_options box; /* `calibrated` NULL: the model's calibration */
    struct render_options style; /* of the heatmap */
    enum explain_map_kind map;
    enum explain_values values;
    uint32_t channels; /* listed for and against each explained class, up to
                          CHANNELS_MAX each; 0: none */
    bool only_heatmap; /* make only the heatmap and its map, no boxes that it
                          does not show */
};

/* The default request: of the rules for boxes, the one that finds most objects.
 */
#define EXPLAIN_REQUEST_DEFAULT                             \
    {                                                       \
        .layer = EXPLAIN_LAYER_DEFAULT,                     \
        .parameters = EXPLAIN_PARAMETERS_DEFAULT, .top = 5, \
        .box = {.rule = BOX_OBJECT,                         \
                .threshold = BOX_THRESHOLD,                 \
                .percentile = BOX_PERCENTILE_P,             \
                .most = 1},                                 \
        .style = {.alpha = 0.5f, .cut = 0.5f},              \
    }

/* ---- the explanation ---- */

struct explained_channel {
    struct explain_map map; /* its activations */
    struct box box;         /* by the rule paper */
    bool has_box;
};

struct explained_channels {
    struct channels found;
    struct explained_channel *list; /* (found.count) of found.list */
};

struct explained_class {
    struct engine_class class;
    bool is_asked; /* its explanation is requested; else it is only listed */
    const struct explain_map *map; /* NULL: not requested, or not defined */
    const struct explain_map *evidence; /* the method's own, or NULL */
    bool is_refined; /* the map is not that, but refined to the object */
    /* Why the method's own map is used, although the request asks for the box
     * rule or the map `object`; or NULL. The rule is then `paper`. */
    const char *fallback;
    enum box_rule rule; /* of the box */
    /* Of the refined map, and why it is not the one that was asked for, or
     * NULL. */
    enum box_quality quality;
    const char *coarse;
    struct box box;
    bool has_box;
    const struct box *boxes; /* (num_boxes) as box_found.list */
    size_t num_boxes;
    const struct explained_channels *channels; /* NULL: not asked for */
};

/* Milliseconds of the last request of a session, stage by stage. */
struct engine_timing {
    double decode, preprocess, infer;
    double render; /* maps, boxes and the heatmap */
};

/* Everything is borrowed from the session, until its next image. */
struct explanation {
    const struct image *image;
    const struct explain_method *method; /* NULL: there are no maps */
    const char *refusal;                 /* why there are no maps, or NULL */
    const char *reason; /* why the default method is not the first one of the
                           table, where that was chosen; or NULL */
    const struct layer *layer; /* NULL: the method uses none */
    size_t passes; /* of the network, the one that classifies included */
    /* Where maps are refined, the layer whose cells are compared, and by what
     * the prototypes are chosen; NULL if no map is. */
    const struct layer *stage;
    enum object_seed seed;
    /* (num_classes) the best classes, then the requested ones that are not
     * among them */
    const struct explained_class *classes;
    size_t num_classes;
    const struct explained_class *first; /* requested; the heatmap shows it */
    struct buf *heatmap; /* a PNG, or empty. The caller may take its bytes */
    struct engine_timing timing;
};

/* Settings that override the model's own; `= {0}` overrides nothing. */
struct engine_options {
    uint32_t input_width, input_height; /* pixels; 0: the model's own */
    enum precision_choice precision;
};

/* Reads the name of a precision. ERROR_INPUT. */
bool engine_options_parse_precision(struct engine_options *options,
                                    const char *text, struct error *err)
    __attribute__((warn_unused_result));

/* Reads "448" or "160x80" (width x height), with sides from 1 to
 * PREPROCESS_MAX_SIDE, or "own", and keeps the other options. ERROR_INPUT. */
bool engine_options_parse_size(struct engine_options *options, const char *text,
                               struct error *err)
    __attribute__((warn_unused_result));

/* Opens the model in `folder` (its files: model_dir.h): reads, checks and plans
 * it. Whatever can fail because of the model fails here, not during a request.
 * options may be NULL. Another input size works for networks that consist of
 * convolutions up to their pooling; others are refused. Returns NULL and
 * ERROR_IO           a file cannot be read
 * ERROR_INPUT        a file is malformed, or its parts do not fit together
 * ERROR_UNSUPPORTED  the network has an unsupported node; the text names it;
 *                    or the precision is INT8, and the library or the network
 *                    does not support it
 * ERROR_MEMORY, ERROR_INTERNAL */
struct engine *engine_open(const char *folder,
                           const struct engine_options *options,
                           struct error *err)
    __attribute__((warn_unused_result));

void engine_info(const struct engine *engine, struct engine_info *info);

/* The model's feature maps, valid as long as the engine. Their `value` is not
 * meant for callers. */
const struct layers *engine_layers(const struct engine *engine);

/* The class's id (such as "n02124075") and label; either may be NULL. Both are
 * valid as long as the engine. index < num_classes. */
const char *engine_class_id(const struct engine *engine, size_t index);
const char *engine_class_label(const struct engine *engine, size_t index);

/* Finds a class by decimal index, by id or by label. Returns false without an
 * error if there is none. */
bool engine_find_class(const struct engine *engine, size_t *index,
                       const char *text);

/* Finds a layer by a name, a unique end of one, or its place from the end, such
 * as "-1" (layers_choose). ERROR_INPUT. */
bool engine_find_layer(const struct engine *engine, size_t *index,
                       const char *text, struct error *err)
    __attribute__((warn_unused_result));

/* Returns the method that a request gets: the one that it names, or the default
 * for the model and the requested layer; NULL if it names none and none is
 * defined. *refusal says why the method is not defined, or is NULL. */
const struct explain_method *
engine_choose(const struct engine *engine, const char **refusal,
              const struct explain_request *request);

/* Computes how many passes of the network a request takes, the one that
 * classifies included. ERROR_UNSUPPORTED if the method that it names is not
 * defined for this network and layer. */
bool engine_passes(const struct engine *engine, size_t *passes,
                   const struct explain_request *request, struct error *err)
    __attribute__((warn_unused_result));

/* Frees what methods have made beside the network (gradients, parts of it) and
 * no session keeps; it is made again by the first request that needs it. Any
 * thread. */
void engine_trim(struct engine *engine);

void engine_free(struct engine *engine);

/* A session computes on its caller's thread and, if `team` is not NULL, on the
 * idle threads of the team. Engine and team must outlive it. Returns NULL and
 * ERROR_MEMORY or ERROR_INTERNAL. */
struct engine_session *engine_session_new(const struct engine *engine,
                                          struct team *team, struct error *err)
    __attribute__((warn_unused_result));

/* Keeps what methods need beside the network from one image to the next, which
 * a session otherwise does in part: for one that explains many images by the
 * same methods. */
void engine_session_keep_all(struct engine_session *session);

/* Decodes an image and prepares the network's input. Fails like
 * image_decode_for: only in this step can invalid input from a client cause a
 * failure. `cancel` may be NULL. */
bool engine_session_sample(struct engine_session *session, const uint8_t *bytes,
                           size_t len, const struct image_limits *limits,
                           const struct cancel *cancel, struct error *err)
    __attribute__((warn_unused_result));

/* The same with pixels. Fails like image_take. */
bool engine_session_sample_pixels(struct engine_session *session,
                                  const struct image_pixels *pixels,
                                  const struct image_limits *limits,
                                  struct error *err)
    __attribute__((warn_unused_result));

/* The same with the network's own input, already normalised: (input_height,
 * input_width, input_channels) values, or with `is_planar` (input_channels,
 * input_height, input_width). The sample's image is then of the input's size,
 * with the pixels that the values stand for. Fails like preprocess_take and
 * image_take. */
bool engine_session_sample_input(struct engine_session *session,
                                 const float *values, bool is_planar,
                                 const struct image_limits *limits,
                                 struct error *err)
    __attribute__((warn_unused_result));

/* Runs the network on the sample and explains the requested classes: makes each
 * map once, then boxes and heatmap. If the request names no method and none is
 * defined for the model, there are no maps, which is not a failure. `watch` is
 * told of passes and may be NULL.
 * ERROR_UNSUPPORTED  the requested method, target or box rule is not defined
 *                    for this model, or it has no head whose channels could be
 *                    listed; the text says why
 * ERROR_BUSY         cancelled
 * ERROR_IO           model.onnx, or a file with its weights, has changed since
 *                    the model was opened
 * ERROR_LIMIT        the maps are too large
 * ERROR_MEMORY, ERROR_INTERNAL */
bool engine_session_explain(struct engine_session *session,
                            struct explanation *explanation,
                            const struct explain_request *request,
                            const struct explain_watch *watch,
                            struct error *err)
    __attribute__((warn_unused_result));

/* Explains the last run of the network once more, by another request: several
 * explanations of one image share the pass that classifies it, and those of one
 * layer its features and the gradient of one target; one that differs from the
 * last in its box or picture only has the same maps. Otherwise like
 * engine_session_explain. */
bool engine_session_explain_again(struct engine_session *session,
                                  struct explanation *explanation,
                                  const struct explain_request *request,
                                  const struct explain_watch *watch,
                                  struct error *err)
    __attribute__((warn_unused_result));

/* Finds the boxes of the session's last explanation once more, by other
 * options, and replaces those of its classes. ERROR_UNSUPPORTED: the rule is
 * not defined for this model; ERROR_MEMORY. */
bool engine_session_box_again(struct engine_session *session,
                              const struct explanation *explanation,
                              const struct box_options *options,
                              struct error *err)
    __attribute__((warn_unused_result));

/* How often this session has run the network. */
uint64_t engine_session_num_runs(const struct engine_session *session);

/* The sample's image, without pixels if it was not decoded. */
const struct image *engine_session_image(const struct engine_session *session);

/* The times of the stages since the last engine_session_sample. */
void engine_session_timing(const struct engine_session *session,
                           struct engine_timing *timing);

/* Frees what is kept for the next image: the last one with its explanation,
 * scratch memory, and what methods need beside the network, of which
 * engine_trim then frees the shared part. The session stays ready: the next
 * image takes that memory again, and a few milliseconds more. */
void engine_session_trim(struct engine_session *session);

/* After a failure for want of memory, in a process that has a limit of it:
 * frees what methods keep from image to image, and with `all` what else does,
 * and empties *why. Returns whether it makes sense to try again. */
bool engine_session_make_room(struct engine_session *session, struct error *why,
                              bool all) __attribute__((warn_unused_result));

void engine_session_free(struct engine_session *session);

/* The network itself, for evaluations, tests and benchmarks. Before
 * engine_session_run, write the input, which engine_session_sample does as
 * well: NHWC floats, (input_height, input_width, 3), or (.., 1) for networks
 * with one channel. Afterwards, read (num_classes) logits and scores, and
 * (map_height, map_width, num_features) features. ERROR_INTERNAL. */
float *engine_session_input(struct engine_session *session);
bool engine_session_run(struct engine_session *session, struct error *err)
    __attribute__((warn_unused_result));
const float *engine_session_logits(const struct engine_session *session);
const float *engine_session_scores(const struct engine_session *session);
const float *engine_session_features(const struct engine_session *session);

#endif

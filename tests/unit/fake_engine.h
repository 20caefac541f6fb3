#ifndef TESTS_FAKE_ENGINE_H
#define TESTS_FAKE_ENGINE_H

/* An engine without a network, for tests of what stands above engine.h. The
 * test that includes this defines every function that server/ calls, so the
 * linker takes none from the library.
 *
 * It has four classes; class c has logit 4 - c and, as its map, 2 x 2 cells
 * that are all 4 - c. A picture is any bytes; those that begin with 'x' are
 * broken, with 'u' unsupported, with 'l' over a limit.
 *
 * A folder opens as the model of its name, unless fake_broken is set. */

#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "engine/engine.h"
#include "engine/engine_activations.h"
#include "engine/engine_ascend.h"
#include "engine/engine_filters.h"

enum { FAKE_CLASSES = 4 };

struct engine {
    const char *name;            /* NULL: "fake"; borrowed */
    const char *refusal;         /* borrowed */
    const struct model_box *box; /* borrowed */
    bool fail_run;
    size_t num_passes; /* of the method, besides the one that classifies */
};

static atomic_size_t fake_num_open;     /* engines */
static atomic_size_t fake_num_sessions; /* of all engines */
static atomic_size_t fake_num_trims, fake_num_session_trims;
static atomic_bool fake_broken;  /* no engine opens */
static atomic_bool fake_no_room; /* no session is made */

struct engine_session {
    const struct engine *engine; /* borrowed */
    uint64_t num_runs;
    struct image image;
    struct explained_class classes[FAKE_CLASSES];
    struct explain_map maps[FAKE_CLASSES];
    float values[FAKE_CLASSES][4];
    struct buf heatmap;
};

static const char *const fake_ids[FAKE_CLASSES] = {"n00", "n01", "n02", NULL};
static const char *const fake_labels[FAKE_CLASSES] = {"cat", "dog", "quote \"",
                                                      NULL};

bool engine_options_parse_size(struct engine_options *options, const char *text,
                               struct error *err)
{
    (void)options;
    (void)text;
    (void)err;
    return true;
}

struct engine *engine_open(const char *folder,
                           const struct engine_options *options,
                           struct error *err)
{
    struct engine *engine = calloc(1, sizeof *engine);

    (void)options;
    if (!engine)
        abort();
    if (fake_broken) {
        fail(err, ERROR_INPUT, "model.json: is empty");
        free(engine);
        return NULL;
    }
    engine->name = strrchr(folder, '/') + 1;
    atomic_fetch_add(&fake_num_open, 1);
    return engine;
}

void engine_free(struct engine *engine)
{
    if (engine)
        atomic_fetch_sub(&fake_num_open, 1);
    free(engine);
}

void engine_info(const struct engine *engine, struct engine_info *info)
{
    *info = (struct engine_info){.name = engine->name ? engine->name : "fake",
                                 .input_width = 8,
                                 .input_height = 8,
                                 .num_classes = FAKE_CLASSES,
                                 .map_width = engine->refusal ? 0 : 2,
                                 .map_height = engine->refusal ? 0 : 2,
                                 .head = "gap-linear",
                                 .output = "logits",
                                 .scores = "softmax",
                                 .is_exclusive = true,
                                 .method = engine->refusal ? NULL : "cam",
                                 .refusal = engine->refusal,
                                 .box = engine->box,
                                 .precision = "fp32",
                                 .runtime = "fake"};
}

/* Of two layers the last sees the whole image. */
const struct layers *engine_layers(const struct engine *engine)
{
    static struct layer list[] = {
        {0, "conv", "Conv", "", "", 2, 4, 8, false, 3, 5, 1, 2, -1, -2, true},
        {1, "mul", "Mul", "stem.1", "", 4, 2, 2, false, INFINITY, INFINITY, 0,
         0, -INFINITY, -INFINITY, true},
    };
    static struct layers_alias alias = {"moved", 1};
    static const struct layers layers = {.list = list,
                                         .count = 2,
                                         .chosen = 1,
                                         .aliases = &alias,
                                         .num_aliases = 1};

    (void)engine;
    return &layers;
}

const char *engine_class_id(const struct engine *engine, size_t index)
{
    (void)engine;
    return fake_ids[index];
}

const char *engine_class_label(const struct engine *engine, size_t index)
{
    (void)engine;
    return fake_labels[index];
}

bool engine_find_class(const struct engine *engine, size_t *index,
                       const char *text)
{
    char number[8];

    (void)engine;
    for (size_t i = 0; i < FAKE_CLASSES; i++) {
        snprintf(number, sizeof number, "%zu", i);
        if (strcmp(text, number) == 0 ||
            (fake_ids[i] && strcmp(text, fake_ids[i]) == 0) ||
            (fake_labels[i] && strcasecmp(text, fake_labels[i]) == 0)) {
            *index = i;
            return true;
        }
    }
    return false;
}

bool engine_find_layer(const struct engine *engine, size_t *index,
                       const char *text, struct error *err)
{
    (void)engine;
    *index = 0;
    return strcmp(text, "features") == 0 ||
           fail(err, ERROR_INPUT, "no layer is called \"%.40s\"", text);
}

bool engine_passes(const struct engine *engine, size_t *passes,
                   const struct explain_request *request, struct error *err)
{
    (void)engine;
    (void)request;
    (void)err;
    *passes = 1;
    return true;
}

/* One method. */
static const struct explain_method fake_method = {
    .title = "a fake",
    .parameters = EXPLAIN_HAS(EXPLAIN_MASKS),
    .has_colours = true,
};

const char *object_seed_name(enum object_seed seed)
{
    return seed == OBJECT_SEED_GRADIENT ? "gradient" : "map";
}

const char *target_name(enum target_kind kind)
{
    return kind == TARGET_LOGIT ? "logit" : "another";
}

const struct explain_method *
engine_choose(const struct engine *engine, const char **refusal,
              const struct explain_request *request)
{
    (void)request;
    *refusal = engine->refusal;
    return &fake_method;
}

const struct explain_method *explain_method(size_t i)
{
    return i == 0 ? &fake_method : NULL;
}

const struct explain_method *explain_method_named(const char *name)
{
    return strcmp(name, "cam") == 0 ? &fake_method : NULL;
}

const char *explain_method_name(const struct explain_method *method)
{
    (void)method;
    return "cam";
}

bool engine_activations_check(const struct engine *engine,
                              const struct engine_activations_request *request,
                              struct error *err)
{
    (void)engine;
    (void)request;
    (void)err;
    return true;
}

/* Nothing can be seen in it. */
bool engine_activations_find(struct engine_session *session,
                             struct engine_activations *found,
                             const struct engine_activations_request *request,
                             const struct cancel *cancel, struct error *err)
{
    (void)session;
    (void)found;
    (void)request;
    (void)cancel;
    return fail(err, ERROR_UNSUPPORTED, "a fake has no activations");
}

void engine_ascend_size(const struct engine *engine,
                        const struct engine_ascend_request *request,
                        size_t *height, size_t *width)
{
    (void)engine;
    (void)request;
    *height = *width = 8;
}

size_t engine_ascend_passes(const struct engine_ascend_request *request)
{
    return request->steps;
}

bool engine_ascend_check(const struct engine *engine,
                         const struct engine_ascend_request *request,
                         struct error *err)
{
    (void)engine;
    (void)request;
    (void)err;
    return true;
}

/* Nothing is above it. */
bool engine_ascend_find(struct engine_session *session,
                        struct engine_ascend *found,
                        const struct engine_ascend_request *request,
                        bool has_photo, const struct engine_ascend_watch *watch,
                        struct error *err)
{
    (void)session;
    (void)found;
    (void)request;
    (void)has_photo;
    (void)watch;
    return fail(err, ERROR_UNSUPPORTED, "a fake has no gradients");
}

void engine_ascend_release(struct engine_ascend *found)
{
    *found = (struct engine_ascend){0};
}

bool engine_filters_find(struct engine_filters *found,
                         const struct engine *engine,
                         const struct engine_filters_request *request,
                         struct error *err)
{
    (void)found;
    (void)engine;
    (void)request;
    return fail(err, ERROR_UNSUPPORTED, "a fake has no filters");
}

void engine_filters_release(struct engine_filters *found)
{
    *found = (struct engine_filters){0};
}

struct engine_session *engine_session_new(const struct engine *engine,
                                          struct team *team, struct error *err)
{
    struct engine_session *session = calloc(1, sizeof *session);

    (void)team;
    if (!session || fake_no_room) {
        fail(err, ERROR_MEMORY, "not enough memory for a session");
        free(session);
        return NULL;
    }
    session->engine = engine;
    atomic_fetch_add(&fake_num_sessions, 1);
    return session;
}

bool engine_session_sample(struct engine_session *session, const uint8_t *bytes,
                           size_t len, const struct image_limits *limits,
                           const struct cancel *cancel, struct error *err)
{
    (void)limits;
    (void)cancel;
    session->image =
        (struct image){.width = 8, .height = 4, .format = IMAGE_PNG};
    if (len > 0 && bytes[0] == 'x')
        return fail(err, ERROR_INPUT, "the picture is broken");
    if (len > 0 && bytes[0] == 'u')
        return fail(err, ERROR_UNSUPPORTED, "this is no picture");
    if (len > 0 && bytes[0] == 'l')
        return fail(err, ERROR_LIMIT, "the picture is too large");
    return true;
}

bool engine_session_run(struct engine_session *session, struct error *err)
{
    if (session->engine->fail_run)
        return fail(err, ERROR_INTERNAL, "the network failed");
    session->num_runs++;
    return true;
}

uint64_t engine_session_num_runs(const struct engine_session *session)
{
    return session->num_runs;
}

static bool fake_is_asked(const struct explain_request *request, size_t index)
{
    for (size_t i = 0; i < request->num_classes; i++)
        if (request->classes[i] == index ||
            (request->classes[i] == EXPLAIN_TOP && index < request->top))
            return true;
    return request->num_classes == 0 && index == 0;
}

/* Class 3 has no box. */
static void fake_class(struct engine_session *session, size_t row, size_t index,
                       bool is_asked, enum box_rule rule)
{
    float value = (float)(FAKE_CLASSES - index);
    struct explained_class *class = &session->classes[row];
    struct explain_map *map = &session->maps[index];

    *class = (struct explained_class){.class = {index, value, 0.25f},
                                      .is_asked = is_asked};
    if (!is_asked || session->engine->refusal)
        return;
    for (size_t i = 0; i < 4; i++)
        session->values[index][i] = value;
    *map = (struct explain_map){.class_index = index,
                                .width = 2,
                                .height = 2,
                                .values = session->values[index],
                                .min = value,
                                .max = value};
    map->checks[map->num_checks++] =
        (struct explain_check){"mean_plus_bias", (double)value, (double)value};
    class->map = map;
    class->has_box = index != 3;
    if (class->has_box)
        class->box = (struct box){1, 2, 3, (uint32_t)index + 1, 0.2f, 0.75f};
    class->rule = rule;
    class->boxes = &class->box;
    class->num_boxes = class->has_box;
}

static bool fake_passes(struct engine_session *session,
                        const struct explain_watch *watch, struct error *err)
{
    size_t total = session->engine->num_passes;

    for (size_t i = 0; i < total; i++) {
        if (!cancel_check(watch->cancel, err))
            return false;
        session->num_runs++;
        watch->progress(watch->user, i + 1, total);
    }
    /* Before boxes are found. */
    return cancel_check(watch ? watch->cancel : NULL, err);
}

/* The heatmap is "png" and the class. */
bool engine_session_explain(struct engine_session *session,
                            struct explanation *explanation,
                            const struct explain_request *request,
                            const struct explain_watch *watch,
                            struct error *err)
{
    const char *refusal = session->engine->refusal;
    size_t num = 0, first = request->num_classes > 0 ? request->classes[0] : 0;

    if (!engine_session_run(session, err) || !fake_passes(session, watch, err))
        return false;
    if (first == EXPLAIN_TOP)
        first = 0;
    for (size_t i = 0; i < FAKE_CLASSES; i++)
        if (i < request->top || fake_is_asked(request, i))
            fake_class(session, num++, i, fake_is_asked(request, i),
                       request->box.rule);
    *explanation = (struct explanation){.image = &session->image,
                                        .method = refusal ? NULL : &fake_method,
                                        .refusal = refusal,
                                        .passes = 1,
                                        .stage = engine_layers(NULL)->list,
                                        .classes = session->classes,
                                        .num_classes = num,
                                        .heatmap = &session->heatmap};
    for (size_t i = 0; i < num; i++)
        if (session->classes[i].class.index == first)
            explanation->first = &session->classes[i];
    engine_session_timing(session, &explanation->timing);
    buf_clear(&session->heatmap);
    return refusal || request->style.kind == RENDER_NONE ||
           buf_printf(&session->heatmap, err, "png%zu", first);
}

void engine_session_timing(const struct engine_session *session,
                           struct engine_timing *timing)
{
    (void)session;
    *timing = (struct engine_timing){1.23456, 2, 3, .render = 4};
}

void engine_trim(struct engine *engine)
{
    (void)engine;
    atomic_fetch_add(&fake_num_trims, 1);
}

void engine_session_trim(struct engine_session *session)
{
    buf_release(&session->heatmap);
    atomic_fetch_add(&fake_num_session_trims, 1);
}

void engine_session_free(struct engine_session *session)
{
    if (session) {
        atomic_fetch_sub(&fake_num_sessions, 1);
        buf_release(&session->heatmap);
    }
    free(session);
}

#endif

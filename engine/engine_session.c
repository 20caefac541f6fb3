/* A session: an image, the run of the network on it, and its explanation. */
#include "engine/engine_session.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/base/clock.h"
#include "engine/base/scratch.h"
#include "engine/explain/scores.h"

struct engine_session *engine_session_new(const struct engine *engine,
                                          struct team *team, struct error *err)
{
    struct engine_session *session = calloc(1, sizeof *session);
    size_t num_classes = engine->network.head.num_classes;
    bool ok = false;

    if (!session) {
        fail(err, ERROR_MEMORY, "not enough memory for a session");
        return NULL;
    }
    session->engine = engine;
    session->logits = calloc(num_classes, sizeof *session->logits);
    session->scores = calloc(num_classes, sizeof *session->scores);
    session->best = calloc(num_classes, sizeof *session->best);
    if (!session->logits || !session->scores || !session->best) {
        fail(err, ERROR_MEMORY, "not enough memory for %zu classes",
             num_classes);
        goto out;
    }
    session->plan = plan_session_new(engine->network.plan, team, err);
    session->preprocess = preprocess_new(&engine->model_dir.input, err);
    if (session->plan && session->preprocess)
        session->probe =
            probe_new(&(struct probe_source){.network = &engine->network,
                                             .variants = engine->variants,
                                             .plan = session->plan,
                                             .team = team},
                      err);
    session->object.source = (struct engine_object_source){
        .network = &engine->network,
        .plan = session->plan,
        .maps = &session->maps,
        .targets = session->targets,
        .logits = session->logits,
        .calibration = &engine->model_dir.box,
        .image = &session->image,
        .render = &session->render,
        .spec = &engine->model_dir.input,
        .preprocess = session->preprocess,
        .team = team,
    };
    ok = session->probe != NULL;
out:
    if (!ok) {
        engine_session_free(session);
        session = NULL;
    }
    return session;
}

void engine_session_keep_all(struct engine_session *session)
{
    probe_keep_all(session->probe);
}

/* Computes the classes' logits and scores from the network's outputs. */
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
        scores_sigmoid(session->scores, session->logits, head->num_classes);
    else
        scores_softmax(session->scores, session->logits, head->num_classes);
    return true;
}

bool engine_session_run(struct engine_session *session, struct error *err)
{
    uint64_t start = clock_now_us();
    bool ok = plan_session_run(session->plan, err) && read_logits(session, err);

    probe_forget(session->probe);
    session->made = (struct engine_made){0};
    session->num_runs++;
    session->timing.infer = clock_ms_since(start);
    return ok;
}

uint64_t engine_session_num_runs(const struct engine_session *session)
{
    return session->num_runs + probe_num_runs(session->probe) +
           session->object.fine.num_runs;
}

/* ---- explanations ---- */

/* The heatmap's buffer is kept up to this many bytes, so that the next image
 * can reuse it. */
enum { MAX_KEPT = 2 << 20 };

/* Likewise the maps, all together. */
enum { MAX_KEPT_MAPS = 16 << 20 };

static struct explained_class *add_class(struct engine_session *session,
                                         struct explanation *explanation,
                                         size_t index)
{
    struct explained_class *entry =
        &session->explained[explanation->num_classes++];

    *entry = (struct explained_class){
        .class = {index, session->logits[index], session->scores[index]}};
    return entry;
}

/* Requests a class's map, unless it is already requested or no method is
 * defined, and lists the class. */
static void ask_for(struct engine_session *session,
                    struct explanation *explanation,
                    const struct explain_request *request, size_t index)
{
    struct explain_maps *maps = &session->maps;
    struct explained_class *entry = NULL;

    if (request->only_heatmap && explanation->first)
        return;
    for (size_t i = 0; !entry && i < explanation->num_classes; i++)
        if (session->explained[i].class.index == index)
            entry = &session->explained[i];
    if (!entry)
        entry = add_class(session, explanation, index);
    if (!explanation->first)
        explanation->first = entry;
    entry->is_asked = true;
    if (entry->map || !explanation->method)
        return;
    assert(maps->count < EXPLAIN_MAX_CLASSES);
    maps->map[maps->count].class_index = index;
    entry->map = entry->evidence = &maps->map[maps->count++];
}

/* Lists the best classes and requests the maps of the request. */
static bool list_classes(struct engine_session *session,
                         struct explanation *explanation,
                         const struct explain_request *request,
                         struct error *err)
{
    const size_t num_classes = session->engine->network.head.num_classes;
    const size_t top = request->top < num_classes ? request->top : num_classes;
    const size_t *best = session->best;

    session->explained = scratch_reserve(
        session->explained, &session->explained_cap, top + EXPLAIN_MAX_CLASSES,
        sizeof *session->explained, err);
    if (!session->explained)
        return false;
    explanation->classes = session->explained;
    scores_best(session->best, top, session->logits, num_classes);
    for (size_t k = 0; k < top; k++)
        add_class(session, explanation, best[k]);
    session->maps.count = 0;
    for (size_t i = 0; i < request->num_classes; i++) {
        if (request->classes[i] != EXPLAIN_TOP)
            ask_for(session, explanation, request, request->classes[i]);
        for (size_t k = 0; request->classes[i] == EXPLAIN_TOP && k < top; k++)
            ask_for(session, explanation, request, best[k]);
    }
    if (!explanation->first)
        ask_for(session, explanation, request, best[0]);
    return true;
}

static bool set_targets(struct engine_session *session,
                        const struct explain_request *request,
                        struct error *err)
{
    const struct head *head = &session->engine->network.head;

    for (size_t i = 0; i < session->maps.count; i++)
        if (!target_set(&session->targets[i], request->target,
                        session->maps.map[i].class_index, request->against,
                        head, session->logits, err))
            return false;
    return true;
}

/* Whether a failure of the default method leaves the classes an answer. */
static bool can_do_without(const struct error *why)
{
    return why->kind == ERROR_UNSUPPORTED || why->kind == ERROR_LIMIT ||
           why->kind == ERROR_IO;
}

/* Goes on without maps, for a reason that only the attempt shows. */
static void give_up(struct engine_session *session,
                    struct explanation *explanation, const struct error *err)
{
    snprintf(session->refusal, sizeof session->refusal, "%s", err->text);
    explanation->refusal = session->refusal;
    explanation->method = NULL;
    explanation->layer = NULL;
    explanation->reason = NULL;
    for (size_t i = 0; i < explanation->num_classes; i++)
        session->explained[i].map = session->explained[i].evidence = NULL;
}

/* Whether the maps that are there are those that a request asks for: other
 * boxes and other pictures need no other maps. */
static bool has_maps(const struct engine_made *made,
                     const struct explanation *explanation,
                     const struct explain_request *request,
                     const struct explain_task *task)
{
    const struct explain_request *last = &made->request;

    return made->method && made->method == explanation->method &&
           made->layer == task->layer && last->target == request->target &&
           last->against == request->against && last->top == request->top &&
           last->num_classes == request->num_classes &&
           memcmp(last->classes, request->classes,
                  request->num_classes * sizeof *request->classes) == 0 &&
           memcmp(&last->parameters, &request->parameters,
                  sizeof request->parameters) == 0 &&
           last->only_heatmap == request->only_heatmap &&
           (made->has_colours || !task->keeps_colours);
}

static bool make_maps(struct engine_session *session,
                      struct explanation *explanation,
                      const struct explain_request *request,
                      struct explain_task *task,
                      const struct explain_watch *watch, struct error *err)
{
    const struct layers *layers = &session->engine->network.layers;
    const struct explain_input input = {
        .task = task,
        .probe = session->probe,
        .targets = session->targets,
        .logits = session->logits,
    };
    struct engine_made *made = &session->made;
    struct error why = {0};
    bool ok;

    task->num_maps = session->maps.count;
    if (has_maps(made, explanation, request, task)) {
        explanation->passes = made->passes;
        return true;
    }
    *made = (struct engine_made){0};
    probe_begin(session->probe,
                task->layer ? (size_t)(task->layer - layers->list) : 0,
                task->value,
                engine_count_passes(explanation->method, request, task), watch);
    ok = explain_run(&session->maps, explanation->method, &input, &why);
    explanation->passes += probe_num_passes(session->probe);
    probe_end(session->probe);
    if (!ok && !request->method && can_do_without(&why)) {
        give_up(session, explanation, &why);
        return true;
    }
    if (!ok)
        return error_pass(err, &why);
    for (size_t i = 0; i < session->maps.count; i++)
        session->maps.map[i].region = session->region;
    *made = (struct engine_made){explanation->method, *request, task->layer,
                                 task->keeps_colours, explanation->passes};
    return true;
}

/* Makes the refined maps, the boxes and the heatmap from the maps. */
static bool render_maps(struct engine_session *session,
                        struct explanation *explanation,
                        const struct explain_request *request,
                        const struct explain_task *task,
                        const struct explain_watch *watch, struct error *err)
{
    struct engine_object *object = &session->object;
    struct explained_class *classes = session->explained;
    const size_t count = explanation->num_classes;
    struct engine_object_how how = {
        .method = explanation->method,
        .quality = request->box.quality,
        .watch = watch,
        .done = explanation->passes - 1,
    };

    object->is_closed = task->is_closed;
    if (engine_object_is_asked(request)) {
        if (!engine_object_refine(object, classes, count, &how, err))
            return false;
        explanation->passes = how.done + 1;
        explanation->stage = engine_object_stage(object);
        explanation->seed = object->seed;
    }
    if (engine_object_has_boxes(request) &&
        !engine_object_find(object, classes, count, &request->box,
                            watch ? watch->cancel : NULL, err))
        return false;
    if (request->map == EXPLAIN_MAP_OBJECT)
        engine_object_show(object, classes, count);
    return request->style.kind == RENDER_NONE ||
           engine_object_draw(object, &session->heatmap, explanation,
                              &request->style, err);
}

/* Renders, in a second attempt without what was kept for the maps of images to
 * come. */
static bool try_to_render(struct engine_session *session,
                          struct explanation *explanation,
                          const struct explain_request *request,
                          const struct explain_task *task,
                          const struct explain_watch *watch, struct error *err)
{
    struct error why = {0};

    return render_maps(session, explanation, request, task, watch, &why) ||
           (engine_session_make_room(session, &why, false) &&
            render_maps(session, explanation, request, task, watch, &why)) ||
           error_pass(err, &why);
}

static bool check_boxes(const struct engine_session *session,
                        const struct box_options *options, struct error *err)
{
    return options->rule != BOX_CALIBRATED || options->calibrated ||
           session->engine->model_dir.box.is_given ||
           fail(err, ERROR_UNSUPPORTED,
                "the model has no calibration of boxes");
}

/* Makes an empty explanation. */
static bool begin(struct engine_session *session,
                  struct explanation *explanation, struct explain_task *task,
                  const struct explain_request *request, struct error *err)
{
    const char *reason;

    if (!check_boxes(session, &request->box, err) ||
        !engine_channels_check(&session->engine->network, request, err))
        return false;
    if (session->heatmap.cap > MAX_KEPT)
        buf_release(&session->heatmap);
    buf_clear(&session->heatmap);
    session->timing.render = 0;
    if (session->maps.values_cap + session->maps.colours_cap > MAX_KEPT_MAPS)
        engine_session_release_maps(session);
    *explanation = (struct explanation){
        .image = &session->image, .passes = 1, .heatmap = &session->heatmap};
    engine_task(task, session->engine, request);
    if (!engine_method(&explanation->method, &reason, request, task, err))
        return false;
    if (explanation->method)
        explanation->reason = reason;
    else
        explanation->refusal = reason;
    if (explanation->method && explanation->method->uses_layer)
        explanation->layer = task->layer;
    return true;
}

/* Explains the sample; `is_run` if the network has already run on it. */
static bool explain(struct engine_session *session,
                    struct explanation *explanation,
                    const struct explain_request *request, bool is_run,
                    const struct explain_watch *watch, struct error *err)
{
    struct explain_task task;
    uint64_t start;

    if (!begin(session, explanation, &task, request, err) ||
        !cancel_check(watch ? watch->cancel : NULL, err) ||
        (!is_run && !engine_session_run(session, err)) ||
        !list_classes(session, explanation, request, err))
        return false;
    start = clock_now_us();
    if (explanation->method &&
        (!set_targets(session, request, err) ||
         !make_maps(session, explanation, request, &task, watch, err)))
        return false;
    if (explanation->method &&
        !try_to_render(session, explanation, request, &task, watch, err))
        return false;
    if (engine_channels_are_asked(request) &&
        !engine_channels_find(&session->channels, &session->object,
                              session->explained, explanation->num_classes,
                              &session->region, request, err))
        return false;
    session->timing.render = clock_ms_since(start);
    explanation->timing = session->timing;
    return true;
}

bool engine_session_explain(struct engine_session *session,
                            struct explanation *explanation,
                            const struct explain_request *request,
                            const struct explain_watch *watch,
                            struct error *err)
{
    return explain(session, explanation, request, false, watch, err);
}

bool engine_session_explain_again(struct engine_session *session,
                                  struct explanation *explanation,
                                  const struct explain_request *request,
                                  const struct explain_watch *watch,
                                  struct error *err)
{
    return explain(session, explanation, request, true, watch, err);
}

bool engine_session_box_again(struct engine_session *session,
                              const struct explanation *explanation,
                              const struct box_options *options,
                              struct error *err)
{
    struct engine_object_how how = {.method = explanation->method,
                                    .quality = options->quality};

    return check_boxes(session, options, err) &&
           (options->rule != BOX_OBJECT || session->maps.count == 0 ||
            engine_object_refine(&session->object, session->explained,
                                 explanation->num_classes, &how, err)) &&
           engine_object_find(&session->object, session->explained,
                              explanation->num_classes, options, NULL, err);
}

const struct image *engine_session_image(const struct engine_session *session)
{
    return &session->image;
}

void engine_session_timing(const struct engine_session *session,
                           struct engine_timing *timing)
{
    *timing = session->timing;
}

float *engine_session_input(struct engine_session *session)
{
    return plan_session_data(session->plan,
                             session->engine->network.graph.inputs[0]);
}

const float *engine_session_logits(const struct engine_session *session)
{
    return session->logits;
}

const float *engine_session_scores(const struct engine_session *session)
{
    return session->scores;
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
    probe_free(session->probe);
    plan_session_free(session->plan);
    preprocess_free(session->preprocess);
    engine_session_release_scratch(session);
    free(session->logits);
    free(session->scores);
    free(session->best);
    free(session);
}

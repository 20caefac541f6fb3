#include "server/api/huggingface.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "server/api/batch_job.h"
#include "server/api/json_body.h"
#include "server/api/parts_json.h"
#include "server/http/json.h"

enum { DEFAULT_TOP = 5 };

/* What is asked, and the answer so far. */
struct task {
    enum huggingface_task kind;
    size_t top;
    float threshold; /* of a class's score */
    float mask_threshold;
    bool has_logits; /* no function is applied */
    json_t *list;    /* owned */
};

static const char *const names_of_parameters[] = {
#define X(task, parameters) [task] = parameters,
    HUGGINGFACE_TASKS(X)
#undef X
};

/* ---- the parameters ---- */

static bool take_top(struct task *task, struct request *request,
                     const json_t *value)
{
    const json_int_t top = json_integer_value(value);

    if (!json_is_integer(value) || top < 1)
        return request_fail(request, PROBLEM_INPUT,
                            "\"top_k\" must be a number from 1 on");
    task->top = (size_t)top;
    return true;
}

static bool take_share(float *share, struct request *request, const char *name,
                       const json_t *value)
{
    const double number = json_number_value(value);

    if (!json_is_number(value) || !(number >= 0 && number <= 1))
        return request_fail(request, PROBLEM_INPUT,
                            "\"%s\" must be a number from 0 to 1", name);
    *share = (float)number;
    return true;
}

/* The model's own function, or none. */
static bool take_function(struct task *task, struct request *request,
                          const json_t *value, const struct model *model)
{
    const char *name = json_string_value(value);

    task->has_logits = name && strcmp(name, "none") == 0;
    if (task->has_logits || (name && strcmp(name, model->info.scores) == 0))
        return true;
    return request_fail(request, PROBLEM_INPUT,
                        "\"function_to_apply\" must be \"%s\", the model's "
                        "own, or \"none\"",
                        model->info.scores);
}

/* Masks of classes are those of semantic segmentation; they may overlap. */
static bool take_subtask(struct request *request, const json_t *value)
{
    const char *name = json_string_value(value);

    return (name && strcmp(name, "semantic") == 0) ||
           request_fail(request, PROBLEM_INPUT,
                        "\"subtask\" must be \"semantic\"");
}

static bool take(struct task *task, struct request *request, const char *name,
                 const json_t *value, const struct model *model)
{
    const bool classifies = task->kind == HUGGINGFACE_CLASSIFICATION;
    const bool segments = task->kind == HUGGINGFACE_SEGMENTATION;

    if (json_is_null(value))
        return true;
    if (classifies && strcmp(name, "top_k") == 0)
        return take_top(task, request, value);
    if (classifies && strcmp(name, "function_to_apply") == 0)
        return take_function(task, request, value, model);
    if (!classifies && strcmp(name, "threshold") == 0)
        return take_share(&task->threshold, request, name, value);
    if (segments && strcmp(name, "mask_threshold") == 0)
        return take_share(&task->mask_threshold, request, name, value);
    if (segments && strcmp(name, "subtask") == 0)
        return take_subtask(request, value);
    return request_fail(request, PROBLEM_INPUT,
                        "there is no parameter \"%.60s\"; this task has %s",
                        name, names_of_parameters[task->kind]);
}

static bool read_parameters(struct task *task, struct request *request,
                            json_t *body, const struct model *model)
{
    json_t *parameters = json_object_get(body, "parameters"), *value;
    const char *name;
    bool ok = true;

    if (parameters && !json_is_null(parameters) && !json_is_object(parameters))
        return request_fail(request, PROBLEM_INPUT,
                            "\"parameters\" must be an object");
    json_object_foreach(parameters, name, value) ok =
        ok && take(task, request, name, value, model);
    return ok;
}

/* ---- the image ---- */

static bool read_body(struct task *task, struct batch *batch,
                      struct request *request, const struct model *model)
{
    json_t *body =
        json_body_read(request, request->image.data, request->image.len);
    bool ok = body && read_parameters(task, request, body, model) &&
              batch_job_reserve(batch, request, 1) &&
              json_body_decode(&batch->images[0].bytes,
                               json_object_get(body, "inputs"), &request->err);

    json_decref(body);
    return ok;
}

static bool read_image(struct task *task, struct batch *batch,
                       struct request *request, const struct model *model)
{
    if (request->content_type && json_body_has_type(request))
        return read_body(task, batch, request, model);
    if (!batch_job_reserve(batch, request, 1))
        return false;
    batch->images[0].bytes = request->image; /* moved, not copied */
    request->image = (struct buf){0};
    return true;
}

/* ---- the answer ---- */

static json_t *label_of(const struct batch_row *row, size_t class)
{
    const char *label = engine_class_label(row->engine, class);
    char number[24];

    snprintf(number, sizeof number, "%zu", class);
    return text(label ? label : number);
}

static bool add_object(struct task *task, json_t *object, struct error *err)
{
    return json_array_append_new(task->list, object) == 0 ||
           fail(err, ERROR_MEMORY, "not enough memory for the response");
}

static bool add_class(struct task *task, const struct batch_row *row,
                      const struct explained_class *class, struct error *err)
{
    const float score =
        task->has_logits ? class->class.logit : class->class.score;

    return add_object(task,
                      json_pack("{so so}", "label",
                                label_of(row, class->class.index), "score",
                                real((double)score)),
                      err);
}

static bool add_box(struct task *task, const struct batch_row *row,
                    const struct explained_class *class, struct error *err)
{
    const struct box *box = &class->box;

    if (!class->has_box || class->class.score < task->threshold)
        return true;
    return add_object(
        task,
        json_pack("{so so s{sI sI sI sI}}", "label",
                  label_of(row, class->class.index), "score",
                  real((double)class->class.score), "box", "xmin",
                  (json_int_t)box->x, "ymin", (json_int_t)box->y, "xmax",
                  (json_int_t)box->x + (json_int_t)box->width, "ymax",
                  (json_int_t)box->y + (json_int_t)box->height),
        err);
}

/* Explains one class more, which takes no pass that classifies. */
static bool add_mask(struct task *task, const struct batch_row *row,
                     size_t class, float score, struct error *err)
{
    struct explain_request request = *row->request;
    struct explanation found;

    request.classes[0] = class;
    request.num_classes = 1;
    request.map = EXPLAIN_MAP_OBJECT;
    request.style.kind = RENDER_MASK;
    request.style.cut = task->mask_threshold;
    return engine_session_explain_again(row->session, &found, &request,
                                        row->watch, err) &&
           add_object(task,
                      json_pack("{so so so}", "label", label_of(row, class),
                                "score", real((double)score), "mask",
                                parts_json_base64(found.heatmap)),
                      err);
}

static bool add_masks(struct task *task, const struct batch_row *row,
                      struct error *err)
{
    struct {
        size_t index;
        float score;
    } classes[DEFAULT_TOP];
    size_t count = 0;
    bool ok = true;

    for (size_t i = 0; i < row->found->num_classes && count < DEFAULT_TOP;
         i++) {
        const struct engine_class *class = &row->found->classes[i].class;

        classes[count].index = class->index;
        classes[count].score = class->score;
        count += class->score >= task->threshold;
    }
    for (size_t i = 0; ok && i < count; i++)
        ok = add_mask(task, row, classes[i].index, classes[i].score, err);
    return ok;
}

static bool add_row(void *state, const struct batch_row *row, struct error *err)
{
    struct task *task = state;
    bool ok = true;

    if (!row->found)
        return true;
    if (task->kind == HUGGINGFACE_SEGMENTATION)
        return add_masks(task, row, err);
    for (size_t i = 0; ok && i < row->found->num_classes; i++)
        ok = (task->kind == HUGGINGFACE_DETECTION ? add_box : add_class)(
            task, row, &row->found->classes[i], err);
    return ok;
}

static bool finish(void *state, struct response *response,
                   const struct engine *engine, struct error *err)
{
    const struct task *task = state;

    (void)engine;
    return dump(response, task->list, err) &&
           buf_append(&response->body, "\n", 1, err);
}

static void free_task(void *state)
{
    struct task *task = state;

    if (task)
        json_decref(task->list);
    free(task);
}

static void settle(struct explain_request *asked, void *state)
{
    const struct task *task = state;

    asked->style.kind = RENDER_NONE;
    asked->top = task->top;
    asked->only_heatmap = task->kind != HUGGINGFACE_DETECTION;
    if (task->kind != HUGGINGFACE_DETECTION)
        return;
    asked->classes[0] = EXPLAIN_TOP;
    asked->num_classes = 1;
}

bool huggingface_answer(struct service *service, struct request *request,
                        struct model *model, enum huggingface_task kind)
{
    static const struct batch_writer writer = {add_row, finish, free_task};
    struct task *task = calloc(1, sizeof *task);
    struct batch batch = {0};

    if (task) {
        *task = (struct task){.kind = kind,
                              .top = DEFAULT_TOP,
                              .threshold = 0.1f,
                              .mask_threshold = 0.5f,
                              .list = json_array()};
        if (read_image(task, &batch, request, model)) {
            if (task->top > model->info.num_classes)
                task->top = model->info.num_classes;
            return batch_job_make(service, request, model, &batch, settle,
                                  &writer, task);
        }
    }
    free_task(task);
    batch_job_release(&batch);
    return request_fail(request, PROBLEM_MEMORY,
                        "not enough memory for the request");
}

/* The report as JSON. */
#include "cli/eval_report.h"

#include "server/http/json.h"

static const struct {
    const char *name;
    bool is_any;
    double overlap;
} curves[RESULT_NUM_CURVES] = {
#define X(curve, column, is_any, overlap) [curve] = {#column, is_any, overlap},
    RESULT_CURVES(X)
#undef X
};

/* Each function below returns NULL if there is not enough memory. */

/* Frees an object that is not complete. */
static json_t *finish(json_t *object, bool ok)
{
    if (ok)
        return object;
    json_decref(object);
    return NULL;
}

static json_t *describe_curve(const struct tally *tally,
                              enum result_curve curve)
{
    json_t *object = json_object(), *accuracies = json_array();
    size_t level;
    double best = tally_best(tally, curve, &level);
    bool ok = accuracies != NULL;

    for (size_t i = 0; ok && i < BOX_LEVELS; i++)
        ok = json_array_append_new(accuracies,
                                   real(tally_accuracy(tally, curve, i))) == 0;
    ok = put(object, "accuracy", accuracies) && ok &&
         put(object, "all_boxes", json_boolean(curves[curve].is_any)) &&
         put(object, "iou", real(curves[curve].overlap)) &&
         put(object, "best", real(best)) &&
         put(object, "threshold", real((double)level / BOX_LEVELS));
    return finish(object, ok);
}

static json_t *describe_sizes(const struct tally *tally)
{
    static const char *const names[TALLY_SIZES] = {"below_10", "10_to_25",
                                                   "25_to_50", "above_50"};
    json_t *sizes = json_object();
    bool ok = sizes != NULL;

    for (size_t i = 0; ok && i < TALLY_SIZES; i++) {
        json_t *size = json_object();

        ok = put(size, "gt_known", real(tally_mean(&tally->by_size[i]))) &&
             put(size, "photos",
                 json_integer((json_int_t)tally->by_size[i].count));
        ok = put(sizes, names[i], size) && ok;
    }
    return finish(sizes, ok);
}

static json_t *describe_row(const struct result_row *row,
                            const struct tally *tally)
{
    json_t *object = json_object();
    bool ok =
        put(object, "method", text(row->method)) &&
        put(object, "layer", text(row->layer)) &&
        put(object, "target", text(row->target)) &&
        put(object, "box", text(row->box)) &&
        put(object, "photos", json_integer((json_int_t)tally->num_photos)) &&
        put(object, "boxed", json_integer((json_int_t)tally->num_boxed));

#define X(field) \
    ok = ok && put(object, #field, real(tally_mean(&tally->field)));
    TALLY_MEANS(X)
#undef X
    ok = ok &&
         put(object, "check",
             tally->has_check ? real(tally->check) : json_null()) &&
         put(object, "max_box_acc_v2", real(tally_v2(tally))) &&
         put(object, "by_size", describe_sizes(tally));
    for (enum result_curve curve = 0; ok && curve < RESULT_NUM_CURVES; curve++)
        ok = put(object, curves[curve].name, describe_curve(tally, curve));
    return finish(object, ok);
}

static json_t *describe_rows(const struct eval_report *report)
{
    json_t *rows = json_array();
    bool ok = rows != NULL;

    for (size_t i = 0; ok && i < report->num_rows; i++)
        ok =
            json_array_append_new(
                rows, describe_row(&report->rows[i], &report->tallies[i])) == 0;
    return finish(rows, ok);
}

static json_t *describe_broken(const struct eval_report *report)
{
    json_t *list = json_array();
    bool ok = list != NULL;

    for (size_t i = 0;
         ok && i < report->num_broken && i < EVAL_REPORT_MAX_BROKEN; i++) {
        json_t *photo = json_object();

        ok = put(photo, "file", text(report->broken[i].name)) &&
             put(photo, "error", text(report->broken[i].error));
        ok = json_array_append_new(list, photo) == 0 && ok;
    }
    return finish(list, ok);
}

bool eval_report_write_json(struct buf *out, const struct eval_report *report,
                            struct error *err)
{
    json_t *root = json_object();
    bool ok =
        put(root, "model", text(report->model)) &&
        put(root, "data", text(report->data)) &&
        put(root, "photos", json_integer((json_int_t)report->num_items)) &&
        put(root, "not_measured",
            json_integer((json_int_t)report->num_broken)) &&
        put(root, "curve_steps",
            json_integer((json_int_t)report->curve_steps)) &&
        put(root, "rows", describe_rows(report)) &&
        put(root, "broken", describe_broken(report)) &&
        json_dump_callback(root, append, out,
                           JSON_INDENT(1) | JSON_REAL_PRECISION(9)) == 0 &&
        buf_append(out, "\n", 1, NULL);

    json_decref(root);
    return ok || fail(err, ERROR_MEMORY, "not enough memory for the report");
}

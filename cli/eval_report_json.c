/* The report as JSON. */
#include "cli/eval_report.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* NAN is null. */
static json_t *number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static const struct {
    const char *name;
    bool is_any;
    double overlap;
} curves[RESULT_NUM_CURVES] = {
#define X(curve, column, is_any, overlap) [curve] = {#column, is_any, overlap},
    RESULT_CURVES(X)
#undef X
};

static json_t *describe_curve(const struct tally *tally,
                              enum result_curve curve)
{
    json_t *accuracies = json_array();
    size_t level;
    double best = tally_best(tally, curve, &level);

    for (size_t i = 0; i < BOX_LEVELS; i++)
        json_array_append_new(accuracies,
                              number(tally_accuracy(tally, curve, i)));
    return json_pack(
        "{s:b, s:f, s:o, s:o, s:o}", "all_boxes", curves[curve].is_any, "iou",
        curves[curve].overlap, "best", number(best), "threshold",
        number((double)level / BOX_LEVELS), "accuracy", accuracies);
}

static json_t *describe_sizes(const struct tally *tally)
{
    static const char *const names[TALLY_SIZES] = {"below_10", "10_to_25",
                                                   "25_to_50", "above_50"};
    json_t *sizes = json_object();

    for (size_t i = 0; i < TALLY_SIZES; i++)
        json_object_set_new(sizes, names[i],
                            json_pack("{s:o, s:I}", "gt_known",
                                      number(tally_mean(&tally->by_size[i])),
                                      "photos",
                                      (json_int_t)tally->by_size[i].count));
    return sizes;
}

static json_t *describe_row(const struct result_row *row,
                            const struct tally *tally)
{
    json_t *object = json_pack(
        "{s:s, s:s, s:s, s:s, s:I, s:I}", "method", row->method, "layer",
        row->layer, "target", row->target, "box", row->box, "photos",
        (json_int_t)tally->num_photos, "boxed", (json_int_t)tally->num_boxed);

    if (!object)
        return NULL;
#define X(field) \
    json_object_set_new(object, #field, number(tally_mean(&tally->field)));
    TALLY_MEANS(X)
#undef X
    json_object_set_new(object, "check",
                        tally->has_check ? number(tally->check) : json_null());
    json_object_set_new(object, "max_box_acc_v2", number(tally_v2(tally)));
    json_object_set_new(object, "by_size", describe_sizes(tally));
    for (enum result_curve curve = 0; curve < RESULT_NUM_CURVES; curve++)
        json_object_set_new(object, curves[curve].name,
                            describe_curve(tally, curve));
    return object;
}

static json_t *describe_broken(const struct eval_report *report)
{
    json_t *list = json_array();

    for (size_t i = 0; i < report->num_broken && i < EVAL_REPORT_MAX_BROKEN;
         i++)
        json_array_append_new(
            list, json_pack("{s:s%, s:s}", "file", report->broken[i].name,
                            strlen(report->broken[i].name), "error",
                            report->broken[i].error));
    return list;
}

bool eval_report_write_json(struct buf *out, const struct eval_report *report,
                            struct error *err)
{
    json_t *rows = json_array(), *root;
    char *text = NULL;
    bool ok;

    for (size_t i = 0; i < report->num_rows; i++)
        json_array_append_new(
            rows, describe_row(&report->rows[i], &report->tallies[i]));
    root =
        json_pack("{s:s, s:s, s:I, s:I, s:I, s:o, s:o}", "model", report->model,
                  "data", report->data, "photos", (json_int_t)report->num_items,
                  "not_measured", (json_int_t)report->num_broken, "curve_steps",
                  (json_int_t)report->curve_steps, "rows", rows, "broken",
                  describe_broken(report));
    if (root)
        text = json_dumps(root, JSON_INDENT(1) | JSON_REAL_PRECISION(9));
    ok = text ? buf_append(out, text, strlen(text), err) &&
                    buf_append(out, "\n", 1, err)
              : fail(err, ERROR_MEMORY, "not enough memory for the report");
    json_decref(root);
    free(text);
    return ok;
}

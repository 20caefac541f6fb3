/* The figures of a report as JSON. */
#include "cli/fit_report.h"

#include "cli/cmd.h"
#include "server/http/json.h"

enum { MAX_GROUPS = 100, MAX_LEFT_OUT = 100 /* that are named */ };

/* Each function below that returns an object returns NULL if there is not
 * enough memory. */

static json_t *count(size_t value)
{
    return json_integer((json_int_t)value);
}

/* Frees a value that is not complete. */
static json_t *finish(json_t *value, bool ok)
{
    if (ok)
        return value;
    json_decref(value);
    return NULL;
}

/* Appends to an array and takes the value; fails if that is NULL. */
static bool add(json_t *array, json_t *value)
{
    return json_array_append_new(array, value) == 0;
}

static json_t *describe_accuracy(const struct assess *assess)
{
    json_t *object = json_object();

    return finish(object,
                  put(object, "share", real(assess->accuracy)) &&
                      put(object, "low", real(assess->accuracy_bounds.low)) &&
                      put(object, "high", real(assess->accuracy_bounds.high)) &&
                      put(object, "right", count(assess->num_correct)) &&
                      put(object, "of", count(assess->num_photos)));
}

static json_t *describe_class(const struct assess_class *class,
                              const char *name)
{
    json_t *object = json_object();

    return finish(object,
                  put(object, "name", text(name)) &&
                      put(object, "photos", count(class->num_photos)) &&
                      put(object, "right", count(class->num_correct)) &&
                      put(object, "predicted", count(class->num_predicted)) &&
                      put(object, "recall", real(class->recall)) &&
                      put(object, "low", real(class->recall_bounds.low)) &&
                      put(object, "high", real(class->recall_bounds.high)) &&
                      put(object, "precision", real(class->precision)) &&
                      put(object, "f1", real(class->f1)));
}

static json_t *describe_classes(const struct fit_report *report)
{
    json_t *array = json_array();
    bool ok = array != NULL;

    for (size_t k = 0; ok && k < report->fit->num_classes; k++)
        ok = add(array, describe_class(&report->assess.classes[k],
                                       report->fit->classes[k].name));
    return finish(array, ok);
}

/* The cells that are not 0: class, predicted class, photos. */
static json_t *describe_confusion(const struct fit_report *report)
{
    const size_t num = report->fit->num_classes;
    json_t *array = json_array();
    bool ok = array != NULL;

    for (size_t i = 0; ok && i < num * num; i++)
        if (report->assess.confusion[i] > 0)
            ok = add(array, json_pack("[III]", (json_int_t)(i / num),
                                      (json_int_t)(i % num),
                                      (json_int_t)report->assess.confusion[i]));
    return finish(array, ok);
}

static json_t *describe_calibration(const struct assess *assess)
{
    json_t *object = json_object(), *bins = json_array();
    bool ok = bins != NULL;

    for (size_t i = 0; ok && i < ASSESS_BINS; i++) {
        const struct assess_bin *bin = &assess->bins[i];
        json_t *entry = json_object();
        double right = (double)bin->num_correct / (double)bin->num_photos;

        ok = put(entry, "photos", count(bin->num_photos)) &&
             put(entry, "certainty", real(bin->certainty)) &&
             put(entry, "accuracy", real(right));
        ok = add(bins, finish(entry, ok));
    }
    ok = put(object, "bins", bins) && ok &&
         put(object, "ece", real(assess->ece));
    return finish(object, ok);
}

static json_t *describe_strengths(const struct fit *fit)
{
    json_t *array = json_array();
    bool ok = array != NULL;

    for (size_t i = 0; ok && i < fit->num_strengths; i++) {
        const struct fit_strength *strength = &fit->strengths[i];
        json_t *entry = json_object();

        ok = put(entry, "c", real(strength->c)) &&
             put(entry, "accuracy", real(strength->accuracy)) &&
             put(entry, "loss", real(strength->loss));
        ok = add(array, finish(entry, ok));
    }
    return finish(array, ok);
}

static json_t *describe_list(const struct assess_list *list)
{
    json_t *object = json_object(), *photos = json_array();
    bool ok = photos != NULL;

    for (size_t i = 0; ok && i < list->count; i++)
        ok = add(photos, count(list->photos[i]));
    ok = put(object, "photos", photos) && ok &&
         put(object, "found", count(list->found));
    return finish(object, ok);
}

/* ---- the photos' files ---- */

/* The names of the photos of a group, from its first photo on. */
static json_t *describe_group(const struct fit *fit, size_t first)
{
    json_t *names = json_array();
    bool ok = names != NULL;

    for (size_t i = first; ok && i < fit->num_photos; i++)
        if (fit->photos[i].group == fit->photos[first].group)
            ok = add(names, text(fit->photos[i].name));
    return finish(names, ok);
}

struct group {
    size_t size, first; /* photos; the first one */
    bool is_mixed;      /* it has photos of several classes */
};

static struct group *find_groups(const struct fit *fit)
{
    struct group *found = calloc(fit->num_groups + 1, sizeof *found);

    for (size_t i = 0; found && i < fit->num_photos; i++) {
        struct group *group = &found[fit->photos[i].group];

        if (group->size++ == 0)
            group->first = i;
        group->is_mixed |=
            fit->photos[i].class != fit->photos[group->first].class;
    }
    return found;
}

/* Adds the groups of more than one photo that have several classes, or one.
 * Counts them in `found`; at most MAX_GROUPS are listed. */
static bool add_groups(size_t *found, json_t *list, const struct fit *fit,
                       const struct group *groups, bool is_mixed)
{
    bool ok = true;

    for (size_t i = 0; ok && i < fit->num_photos; i++) {
        const struct group *group = &groups[fit->photos[i].group];

        if (group->size > 1 && group->first == i &&
            group->is_mixed == is_mixed && (*found)++ < MAX_GROUPS)
            ok = add(list, describe_group(fit, i));
    }
    return ok;
}

/* Puts the groups of more than one photo; those of several classes first. */
static bool put_groups(json_t *object, const struct fit *fit)
{
    json_t *list = json_array();
    struct group *groups = find_groups(fit);
    size_t found = 0, mixed = 0;
    bool ok = list && groups;

    ok = ok && add_groups(&found, list, fit, groups, true);
    mixed = found;
    ok = ok && add_groups(&found, list, fit, groups, false);
    free(groups);
    return put(object, "groups", list) && ok &&
           put(object, "groups_found", count(found)) &&
           put(object, "groups_of_classes", count(mixed));
}

static bool put_left_out(json_t *object, const struct fit *fit)
{
    json_t *list = json_array();
    bool ok = list != NULL;

    for (size_t i = 0; ok && i < fit->num_troubles && i < MAX_LEFT_OUT; i++) {
        const struct fit_trouble *trouble = &fit->troubles[i];
        json_t *entry = json_object();

        ok = put(entry, "file", text(trouble->name)) &&
             put(entry, "error", text(trouble->why.text));
        ok = add(list, finish(entry, ok));
    }
    return put(object, "left_out", list) && ok &&
           put(object, "num_left_out", count(fit->num_troubles));
}

/* ---- where the evidence lies ---- */

static bool put_shares(json_t *object, const struct evidence_shares *shares)
{
    json_t *corners = json_array();
    bool ok = corners != NULL;

    for (size_t i = 0; ok && i < MARKS_NUM_CORNERS; i++)
        ok = add(corners, real(shares->corners[i]));
    return put(object, "corners", corners) && ok &&
           put(object, "border", real(shares->border)) &&
           put(object, "outside_centre", real(shares->outside_centre));
}

static json_t *describe_maps(const struct fit_report *report)
{
    const size_t cells = report->fit->map_height * report->fit->map_width;
    json_t *array = json_array();
    bool ok = array != NULL;

    for (size_t k = 0; ok && k < report->fit->num_classes; k++) {
        const struct evidence_class *class = &report->evidence.classes[k];
        json_t *entry = json_object(), *map = json_array();

        ok = map != NULL;
        for (size_t i = 0; ok && i < cells; i++)
            ok = add(map, real((double)class->map[i]));
        ok = put(entry, "class", count(k)) && put(entry, "map", map) && ok &&
             put_shares(entry, &class->shares);
        ok = add(array, finish(entry, ok));
    }
    return finish(array, ok);
}

/* What a warning says, in plain English. */
static json_t *warning_text(const struct evidence_warning *warning)
{
    char counts[160] = "", said[512];

    if (warning->adds > 0)
        snprintf(counts, sizeof counts,
                 " The head counts it for the class: it adds %.2f to the "
                 "logit.",
                 warning->adds);
    else if (!isnan(warning->adds))
        snprintf(counts, sizeof counts,
                 " The head does not count it for the class yet.");
    snprintf(said, sizeof said,
             "In %zu of %zu photos there is the same thing at the same place, "
             "the %s, and not in photos of other classes: perhaps a logo, a "
             "date or a frame.%s Look at the photos; crop it away, or add "
             "photos without it.",
             warning->num_marked, warning->num_photos,
             evidence_place_words(warning->place), counts);
    return json_string(said);
}

static json_t *describe_warning(const struct evidence_warning *warning)
{
    json_t *object = json_object(), *photos = json_array();
    bool ok = photos != NULL;

    for (size_t i = 0; ok && i < warning->num_listed; i++)
        ok = add(photos, count(warning->photos[i]));
    ok = put(object, "photos", photos) && ok &&
         put(object, "class", count(warning->class)) &&
         put(object, "place", text(evidence_place_name(warning->place))) &&
         put(object, "marked", count(warning->num_marked)) &&
         put(object, "of", count(warning->num_photos)) &&
         put(object, "words", text(evidence_place_words(warning->place))) &&
         put(object, "gap", real(warning->gap)) &&
         put(object, "adds", real(warning->adds)) &&
         put(object, "text", warning_text(warning));
    return finish(object, ok);
}

static json_t *describe_evidence(const struct fit_report *report)
{
    const struct evidence *evidence = &report->evidence;
    json_t *object = json_object(), *warnings = json_array(),
           *even = json_object();
    bool ok = warnings && put_shares(even, &evidence->even);

    for (size_t i = 0; ok && i < evidence->num_warnings; i++)
        ok = add(warnings, describe_warning(&evidence->warnings[i]));
    ok = put(object, "warnings", warnings) && ok;
    ok = put(object, "even", even) && ok &&
         put(object, "height", count(report->fit->map_height)) &&
         put(object, "width", count(report->fit->map_width)) &&
         put(object, "examined", count(evidence->num_examined)) &&
         put(object, "classes", describe_maps(report));
    return finish(object, ok);
}

/* ---- the whole ---- */

static bool put_head(json_t *root, const struct fit_report *report)
{
    const struct fit *fit = report->fit;

    return put(root, "version", text(WHEREFORE_VERSION)) &&
           put(root, "name", text(report->name)) &&
           put(root, "base", text(fit->base)) &&
           put(root, "layer", text(fit->layer)) &&
           put(root, "seed", json_integer((json_int_t)fit->seed)) &&
           put(root, "folds", count(fit->num_folds)) &&
           put(root, "temperature", real(fit->temperature)) &&
           put(root, "photos", count(fit->num_photos)) &&
           put(root, "validation", count(fit->num_validation));
}

static bool put_lists(json_t *root, const struct assess *assess)
{
    return put(root, "mislabelled", describe_list(&assess->mislabelled)) &&
           put(root, "least_certain", describe_list(&assess->least_certain)) &&
           put(root, "most_certain", describe_list(&assess->most_certain));
}

bool fit_report_json_begin(struct buf *out, const struct fit_report *report,
                           struct error *err)
{
    const struct assess *assess = &report->assess;
    json_t *root = json_object();
    bool ok = put_head(root, report) &&
              put(root, "accuracy", describe_accuracy(assess)) &&
              put(root, "macro_f1", real(assess->macro_f1)) &&
              put(root, "loss", real(report->fit->loss)) &&
              put(root, "classes", describe_classes(report)) &&
              put(root, "confusion", describe_confusion(report)) &&
              put(root, "calibration", describe_calibration(assess)) &&
              put(root, "strengths", describe_strengths(report->fit)) &&
              put(root, "chosen", count(report->fit->chosen)) &&
              put_lists(root, assess) && put_groups(root, report->fit) &&
              put_left_out(root, report->fit) &&
              put(root, "evidence", describe_evidence(report)) &&
              json_dump_callback(root, append, out, DUMP_FLAGS) == 0;

    json_decref(root);
    if (!ok)
        return fail(err, ERROR_MEMORY, "not enough memory for the report");
    out->len--; /* the brace */
    return true;
}

static json_t *describe_photo(const struct fit *fit, size_t index)
{
    const struct fit_photo *photo = &fit->photos[index];
    json_t *object = json_object();
    double own = photo->probabilities[photo->class];
    bool is_validation = photo->fold == FIT_VALIDATION;

    return finish(
        object,
        put(object, "file", text(photo->name)) &&
            put(object, "class", count(photo->class)) &&
            put(object, "predicted", count(photo->predicted)) &&
            put(object, "certainty", real((double)photo->certainty)) &&
            put(object, "probability", real(own)) &&
            put(object, "fold",
                is_validation ? json_null() : count(photo->fold)) &&
            put(object, "counts", json_boolean(assess_counts(fit, photo))));
}

bool fit_report_json(struct buf *out, const struct fit_report *report,
                     struct error *err)
{
    if (!fit_report_json_begin(out, report, err) ||
        !buf_printf(out, err, ",\n\"items\":["))
        return false;
    for (size_t i = 0; i < report->fit->num_photos; i++) {
        json_t *photo = describe_photo(report->fit, i);
        bool ok = buf_printf(out, err, i > 0 ? ",\n" : "\n") && photo &&
                  json_dump_callback(photo, append, out, DUMP_FLAGS) == 0;

        json_decref(photo);
        if (!ok)
            return fail(err, ERROR_MEMORY, "not enough memory for the report");
    }
    return buf_printf(out, err, "\n]}\n");
}

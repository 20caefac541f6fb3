#include "cli/fit_report.h"

#include <stdlib.h>

#include "cli/whole_file.h"

enum { PER_CELL = 12 /* pictures of a cell of the confusion matrix */ };

/* ---- which photos have pictures ---- */

/* `= {0}` is empty. */
struct choice {
    bool *is_chosen; /* (num_photos) owned */
    uint8_t *cells;  /* (num_classes, num_classes) chosen for the cell; owned */
    size_t *order;   /* (num_photos) the least certain ones first; owned */
};

static void choose(struct fit_report *report, struct choice *choice,
                   size_t photo)
{
    if (choice->is_chosen[photo] || report->num_pictures == PICTURE_MAX_COUNT)
        return;
    choice->is_chosen[photo] = true;
    report->photos[report->num_pictures++] = photo;
}

static void choose_list(struct fit_report *report, struct choice *choice,
                        const struct assess_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        choose(report, choice, list->photos[i]);
}

/* Chooses photos for the cells on the diagonal, or for those beside it. */
static void choose_cells(struct fit_report *report, struct choice *choice,
                         bool is_diagonal)
{
    const struct fit *fit = report->fit;

    for (size_t i = 0; i < fit->num_photos; i++) {
        const struct fit_photo *photo = &fit->photos[choice->order[i]];
        uint8_t *chosen =
            &choice->cells[photo->class * fit->num_classes + photo->predicted];

        if (assess_counts(fit, photo) &&
            (photo->class == photo->predicted) == is_diagonal &&
            *chosen < PER_CELL) {
            ++*chosen;
            choose(report, choice, choice->order[i]);
        }
    }
}

/* A photo, to be sorted. */
struct entry {
    size_t photo;
    float certainty;
};

static int compare(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;

    if (x->certainty != y->certainty)
        return x->certainty < y->certainty ? -1 : 1;
    return x->photo < y->photo ? -1 : x->photo > y->photo;
}

static bool sort_photos(size_t *order, const struct fit *fit)
{
    struct entry *entries = calloc(fit->num_photos + 1, sizeof *entries);

    if (!entries)
        return false;
    for (size_t i = 0; i < fit->num_photos; i++)
        entries[i] = (struct entry){i, fit->photos[i].certainty};
    qsort(entries, fit->num_photos, sizeof *entries, compare);
    for (size_t i = 0; i < fit->num_photos; i++)
        order[i] = entries[i].photo;
    free(entries);
    return true;
}

static bool choose_photos(struct fit_report *report, struct error *err)
{
    const struct fit *fit = report->fit;
    const struct evidence *evidence = &report->evidence;
    const size_t num = fit->num_photos + 1;
    struct choice choice = {
        .is_chosen = calloc(num, sizeof *choice.is_chosen),
        .cells =
            calloc(fit->num_classes * fit->num_classes, sizeof *choice.cells),
        .order = calloc(num, sizeof *choice.order),
    };
    bool ok = choice.is_chosen && choice.cells && choice.order &&
              sort_photos(choice.order, fit);

    for (size_t i = 0; ok && i < evidence->num_warnings; i++)
        for (size_t k = 0; k < evidence->warnings[i].num_listed; k++)
            choose(report, &choice, evidence->warnings[i].photos[k]);
    if (ok) {
        choose_list(report, &choice, &report->assess.mislabelled);
        choose_list(report, &choice, &report->assess.least_certain);
        choose_list(report, &choice, &report->assess.most_certain);
        choose_cells(report, &choice, false);
        choose_cells(report, &choice, true);
    }
    free(choice.is_chosen);
    free(choice.cells);
    free(choice.order);
    return ok || fail(err, ERROR_MEMORY, "not enough memory for the report");
}

/* ---- the report ---- */

static bool make(struct fit_report *report, const struct fit_options *options,
                 struct error *err)
{
    if (!assess_fit(&report->assess, report->fit, err) ||
        !evidence_find(&report->evidence, report->fit, options, err) ||
        !choose_photos(report, err))
        return false;
    report->pictures =
        calloc(report->num_pictures + 1, sizeof *report->pictures);
    if (!report->pictures)
        return fail(err, ERROR_MEMORY, "not enough memory for the report");
    return picture_make(report->pictures, report->fit, report->photos,
                        report->num_pictures, options, err);
}

static void release(struct fit_report *report)
{
    assess_release(&report->assess);
    evidence_release(&report->evidence);
    picture_release(report->pictures, report->num_pictures);
    free(report->pictures);
}

bool fit_report_write(size_t *num_warnings, const struct fit *fit,
                      const char *name, const char *folder,
                      const struct fit_options *options, struct error *err)
{
    struct fit_report report = {.fit = fit, .name = name};
    struct buf out = {0};
    bool ok = make(&report, options, err) &&
              fit_report_json(&out, &report, err) &&
              whole_file_write(folder, "report.json", &out, err);

    buf_clear(&out);
    ok = ok && fit_report_page(&out, &report, err) &&
         whole_file_write(folder, "report.html", &out, err);
    *num_warnings = report.evidence.num_warnings;
    buf_release(&out);
    release(&report);
    return ok;
}

#include "engine/fit/evidence.h"

#include <stdlib.h>

#include "engine/fit/evidence_maps.h"
#include "engine/fit/evidence_marks.h"
#include "engine/fit/sample.h"

static const struct {
    const char *name, *words;
} places[EVIDENCE_NUM_PLACES] = {
#define X(place, name, words) [place] = {name, words},
    MARKS_PLACES(X)
#undef X
        [EVIDENCE_BORDER] = {"border", "border"},
};

const char *evidence_place_name(size_t place)
{
    return places[place].name;
}

const char *evidence_place_words(size_t place)
{
    return places[place].words;
}

static bool begin(struct evidence *evidence, const struct fit *fit,
                  struct error *err)
{
    evidence->classes = calloc(fit->num_classes, sizeof *evidence->classes);
    evidence->num_classes = evidence->classes ? fit->num_classes : 0;
    evidence->warnings = calloc(EVIDENCE_MAX_WARNINGS * fit->num_classes,
                                sizeof *evidence->warnings);
    return (evidence->classes && evidence->warnings) ||
           fail(err, ERROR_MEMORY, "not enough memory for the evidence");
}

bool evidence_find(struct evidence *evidence, const struct fit *fit,
                   const struct fit_options *options, struct error *err)
{
    struct sample sample = {0};
    float *adds = NULL;
    bool ok = begin(evidence, fit, err) && sample_take(&sample, fit, err);

    if (ok) {
        adds = calloc(sample.firsts[fit->num_classes] + 1,
                      EVIDENCE_NUM_PLACES * sizeof *adds);
        ok = adds ||
             fail(err, ERROR_MEMORY, "not enough memory for the evidence");
    }
    ok = ok && evidence_maps_find(evidence, adds, fit, &sample, options, err) &&
         evidence_marks_find(evidence, adds, fit, &sample, options, err);
    free(adds);
    sample_release(&sample);
    if (!ok)
        evidence_release(evidence);
    return ok;
}

void evidence_release(struct evidence *evidence)
{
    for (size_t k = 0; k < evidence->num_classes; k++)
        free(evidence->classes[k].map);
    free(evidence->classes);
    free(evidence->warnings);
    *evidence = (struct evidence){0};
}

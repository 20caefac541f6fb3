#include "engine/fit/sample.h"

#include <stdlib.h>

/* How many photos of a class are taken at most. */
static size_t find_most(const struct fit *fit)
{
    size_t most = SAMPLE_MAX_PHOTOS / fit->num_classes;

    if (most > SAMPLE_MAX_OF_CLASS)
        return SAMPLE_MAX_OF_CLASS;
    return most > SAMPLE_MIN_OF_CLASS ? most : SAMPLE_MIN_OF_CLASS;
}

/* Thins out a class's photos. Returns how many are left. */
static size_t thin(size_t *photos, size_t count, size_t most)
{
    if (count <= most)
        return count;
    for (size_t i = 0; i < most; i++)
        photos[i] = photos[i * count / most];
    return most;
}

bool sample_take(struct sample *sample, const struct fit *fit,
                 struct error *err)
{
    const size_t most = find_most(fit);
    size_t end = 0;

    sample->photos = calloc(fit->num_photos + 1, sizeof *sample->photos);
    sample->firsts = calloc(fit->num_classes + 1, sizeof *sample->firsts);
    if (!sample->photos || !sample->firsts) {
        sample_release(sample);
        return fail(err, ERROR_MEMORY, "not enough memory for a sample");
    }
    for (size_t k = 0; k < fit->num_classes; k++) {
        size_t *photos = sample->photos + end, count = 0;

        for (size_t i = 0; i < fit->num_photos; i++)
            if (fit->photos[i].class == k && fit->photos[i].is_measured)
                photos[count++] = i;
        sample->firsts[k] = end;
        end += thin(photos, count, most);
    }
    sample->firsts[fit->num_classes] = end;
    return true;
}

void sample_release(struct sample *sample)
{
    free(sample->photos);
    free(sample->firsts);
    *sample = (struct sample){0};
}

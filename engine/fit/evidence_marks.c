#include "engine/fit/evidence_marks.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/team.h"
#include "engine/evaluate/workers.h"
#include "engine/render/render.h"

enum {
    POOL = 512,      /* photos of all classes that are compared with */
    MAX_LENGTH = 16, /* of a photo, in its shorter sides */
};

/* What a thread has for itself. */
struct worker {
    struct image image;
    struct render render;
    uint8_t *pixels; /* of the part that is described; owned */
};

/* A photo to describe. */
struct job {
    size_t photo;
    int8_t *values; /* (MARKS_VALUES) */
    bool is_done;
};

struct search {
    struct evidence *evidence;
    const struct fit *fit;
    const struct sample *sample;
    const struct fit_options *options;
    const float *adds;
    int8_t *memory; /* (POOL + SAMPLE_MAX_OF_CLASS, MARKS_VALUES) owned */
    int8_t **pool;  /* (photos of the sample) descriptions, or NULL; owned */
    struct worker workers[TEAM_MAX_THREADS];

    struct job jobs[POOL]; /* that are at work */
    size_t num_jobs;

    /* The class at work. */
    struct marks_photos photos;
    const int8_t *own[SAMPLE_MAX_OF_CLASS], *others[POOL];
    uint32_t groups[SAMPLE_MAX_OF_CLASS];
    size_t indices[SAMPLE_MAX_OF_CLASS]; /* in the sample */
    float scores[MARKS_NUM_PLACES][SAMPLE_MAX_OF_CLASS];
    struct marks_found found[MARKS_NUM_PLACES];
};

/* ---- descriptions of photos ---- */

/* A part of a photo that was reduced, in its pixels. */
struct part {
    uint32_t x, y, width, height;
};

static uint32_t clamp(double value, uint32_t most)
{
    return value > 0 ? (value < most ? (uint32_t)lround(value) : most) : 0;
}

/* Chooses the size to which a photo is reduced, so that the shorter side of the
 * part that the network sees is MARKS_SIDE. false: the part is too long. */
static bool choose_part(struct part *part, uint32_t *width, uint32_t *height,
                        const struct fit_photo *photo)
{
    const struct preprocess_region *region = &photo->region;
    const double x0 = fmax(0, region->x), y0 = fmax(0, region->y);
    const double across = fmin(photo->width, region->x + region->width) - x0;
    const double down = fmin(photo->height, region->y + region->height) - y0;
    const double shorter = fmin(across, down), scale = MARKS_SIDE / shorter;

    if (!(shorter > 0) || fmax(across, down) > MAX_LENGTH * shorter ||
        fmax(photo->width, photo->height) > MAX_LENGTH * shorter)
        return false;
    *width = clamp(photo->width * scale, UINT32_MAX);
    *height = clamp(photo->height * scale, UINT32_MAX);
    part->width = clamp(across * scale, *width);
    part->height = clamp(down * scale, *height);
    part->x = clamp(x0 * scale, *width - part->width);
    part->y = clamp(y0 * scale, *height - part->height);
    return true;
}

static bool describe(const struct search *search, struct worker *worker,
                     const struct job *job, struct error *err)
{
    const struct fit_photo *photo = &search->fit->photos[job->photo];
    const struct fit_options *options = search->options;
    struct part part;
    uint32_t width, height;
    const uint8_t *pixels;

    if (!choose_part(&part, &width, &height, photo))
        return fail(err, ERROR_UNSUPPORTED, "the photo is too long");
    if (!cancel_check(options->cancel, err) ||
        !fit_read_image(search->fit, &worker->image, job->photo, err))
        return false;
    pixels =
        render_picture(&worker->render, &worker->image, width, height, err);
    if (!pixels)
        return false;
    for (uint32_t y = 0; y < part.height; y++)
        memcpy(worker->pixels + (size_t)3 * y * part.width,
               pixels + 3 * ((size_t)(part.y + y) * width + part.x),
               (size_t)3 * part.width);
    return marks_describe(job->values, worker->pixels, part.width, part.height,
                          err);
}

/* A photo that cannot be described is no failure. */
static bool describe_photo(void *user, size_t number, size_t i,
                           struct error *err)
{
    struct search *search = user;
    struct job *job = &search->jobs[i];
    struct error why = {0};

    job->is_done = describe(search, &search->workers[number], job, &why);
    return (why.kind != ERROR_MEMORY && why.kind != ERROR_BUSY) ||
           error_pass(err, &why);
}

static bool describe_photos(struct search *search, struct error *err)
{
    return workers_each(search->options->num_threads, search->num_jobs,
                        describe_photo, search, err);
}

/* Describes photos at equal distances in the whole sample. */
static bool fill_pool(struct search *search, struct error *err)
{
    const size_t total = search->sample->firsts[search->fit->num_classes];
    size_t indices[POOL];

    search->num_jobs = total < POOL ? total : POOL;
    for (size_t i = 0; i < search->num_jobs; i++) {
        indices[i] = i * total / search->num_jobs;
        search->jobs[i] = (struct job){
            .photo = search->sample->photos[indices[i]],
            .values = search->memory + i * MARKS_VALUES,
        };
    }
    if (!describe_photos(search, err))
        return false;
    for (size_t i = 0; i < search->num_jobs; i++)
        if (search->jobs[i].is_done)
            search->pool[indices[i]] = search->jobs[i].values;
    return true;
}

/* ---- the scores of a class ---- */

static void add_own(struct search *search, size_t index, const int8_t *values)
{
    const size_t n = search->photos.num_own++;

    search->own[n] = values;
    search->indices[n] = index;
    search->groups[n] =
        search->fit->photos[search->sample->photos[index]].group;
}

/* Gathers the descriptions of a class's photos, and of others. */
static bool gather(struct search *search, size_t k, struct error *err)
{
    const size_t *firsts = search->sample->firsts;
    const size_t total = firsts[search->fit->num_classes];
    size_t indices[SAMPLE_MAX_OF_CLASS];

    search->num_jobs = 0;
    search->photos = (struct marks_photos){
        .own = search->own, .groups = search->groups, .others = search->others};
    for (size_t i = firsts[k]; i < firsts[k + 1]; i++)
        if (!search->pool[i]) {
            indices[search->num_jobs] = i;
            search->jobs[search->num_jobs] = (struct job){
                .photo = search->sample->photos[i],
                .values =
                    search->memory + (POOL + search->num_jobs) * MARKS_VALUES,
            };
            search->num_jobs++;
        }
    if (!describe_photos(search, err))
        return false;
    for (size_t i = 0; i < search->num_jobs; i++)
        if (search->jobs[i].is_done)
            add_own(search, indices[i], search->jobs[i].values);
    for (size_t i = 0; i < total; i++)
        if (search->pool[i] && i >= firsts[k] && i < firsts[k + 1])
            add_own(search, i, search->pool[i]);
        else if (search->pool[i])
            search->others[search->photos.num_others++] = search->pool[i];
    return true;
}

static bool score_place(void *user, size_t number, size_t place,
                        struct error *err)
{
    struct search *search = user;

    (void)number;
    return marks_score(&search->found[place], search->scores[place],
                       &search->photos, (enum marks_place)place, err);
}

/* ---- warnings ---- */

/* The edges, and the corners at their ends. */
static const struct {
    enum marks_place edge, corners[2];
} ends[] = {
    {MARKS_TOP, {MARKS_TOP_LEFT, MARKS_TOP_RIGHT}},
    {MARKS_BOTTOM, {MARKS_BOTTOM_LEFT, MARKS_BOTTOM_RIGHT}},
    {MARKS_LEFT, {MARKS_TOP_LEFT, MARKS_BOTTOM_LEFT}},
    {MARKS_RIGHT, {MARKS_TOP_RIGHT, MARKS_BOTTOM_RIGHT}},
};

static double gap_of(const struct search *search, size_t place)
{
    return search->found[place].quarter - search->found[place].usual;
}

/* A mean that is being summed up. */
struct mean {
    double sum;
    size_t count;
};

/* Lists a photo, in the order of scores.
 *
 * listed  inout  (EVIDENCE_MAX_PHOTOS) the scores of those that are listed */
static void list_photo(struct evidence_warning *warning, float *listed,
                       size_t photo, float score)
{
    size_t at = warning->num_listed;

    for (; at > 0 && listed[at - 1] < score; at--)
        if (at < EVIDENCE_MAX_PHOTOS) {
            listed[at] = listed[at - 1];
            warning->photos[at] = warning->photos[at - 1];
        }
    if (at == EVIDENCE_MAX_PHOTOS)
        return;
    listed[at] = score;
    warning->photos[at] = photo;
    warning->num_listed += warning->num_listed < EVIDENCE_MAX_PHOTOS;
}

/* Finds the photos that have the mark, and what it adds. */
static void list_marked(struct evidence_warning *warning,
                        const struct search *search, size_t place)
{
    const double bound = search->found[place].usual + EVIDENCE_GAP / 2;
    const float *scores = search->scores[place];
    struct mean added[2] = {0}; /* without the mark, and with it */
    float listed[EVIDENCE_MAX_PHOTOS];

    for (size_t i = 0; i < search->photos.num_own; i++) {
        const size_t index = search->indices[i];
        const float adds =
            search->adds[index * EVIDENCE_NUM_PLACES + warning->place];
        const bool is_marked = scores[i] > bound;

        if (!isnan(adds)) {
            added[is_marked].sum += (double)adds;
            added[is_marked].count++;
        }
        if (is_marked) {
            warning->num_marked++;
            list_photo(warning, listed, search->sample->photos[index],
                       scores[i]);
        }
    }
    warning->adds = added[0].count > 0 && added[1].count > 0
                        ? added[1].sum / (double)added[1].count -
                              added[0].sum / (double)added[0].count
                        : NAN;
}

/* Adds a warning of a place; `scored` is where its mark is clearest. */
static void warn(struct search *search, size_t k, size_t place, size_t scored)
{
    struct evidence *evidence = search->evidence;
    struct evidence_warning *warning =
        &evidence->warnings[evidence->num_warnings++];

    *warning = (struct evidence_warning){
        .class = (uint32_t)k,
        .place = place,
        .gap = gap_of(search, scored),
        .num_photos = search->photos.num_own,
    };
    list_marked(warning, search, scored);
}

/* Warns of the places in which marks are found: of the whole border if it is
 * most of them; of an edge if both its corners are, or none; else of the
 * corners. */
static void warn_of_class(struct search *search, size_t k)
{
    bool is_found[MARKS_NUM_PLACES];
    size_t num_corners = 0, num_edges = 0, clearest = 0;

    for (size_t i = 0; i < MARKS_NUM_PLACES; i++) {
        is_found[i] = gap_of(search, i) >= EVIDENCE_GAP;
        *(i < MARKS_NUM_CORNERS ? &num_corners : &num_edges) += is_found[i];
        if (gap_of(search, i) > gap_of(search, clearest))
            clearest = i;
    }
    if (num_corners >= 3 || num_edges >= 3) {
        warn(search, k, EVIDENCE_BORDER, clearest);
        return;
    }
    for (size_t i = 0; i < 4; i++) {
        bool *corners[2] = {&is_found[ends[i].corners[0]],
                            &is_found[ends[i].corners[1]]};

        if (!is_found[ends[i].edge] || *corners[0] != *corners[1])
            continue;
        warn(search, k, ends[i].edge, ends[i].edge);
        *corners[0] = *corners[1] = false;
    }
    for (size_t i = 0; i < MARKS_NUM_CORNERS; i++)
        if (is_found[i])
            warn(search, k, i, i);
}

/* ---- the whole ---- */

/* Whether a class has enough photos. */
static bool has_enough(const struct search *search, size_t k)
{
    const size_t *firsts = search->sample->firsts;

    return firsts[k + 1] - firsts[k] >= MARKS_MIN_PHOTOS;
}

static bool examine_class(struct search *search, size_t k, struct error *err)
{
    if (!has_enough(search, k))
        return true;
    if (!gather(search, k, err))
        return false;
    if (search->photos.num_own < MARKS_MIN_PHOTOS ||
        search->photos.num_others < MARKS_MIN_PHOTOS)
        return true;
    if (!workers_each(search->options->num_threads, MARKS_NUM_PLACES,
                      score_place, search, err))
        return false;
    search->evidence->num_examined++;
    warn_of_class(search, k);
    return true;
}

static bool examine_classes(struct search *search, struct error *err)
{
    const size_t num = search->fit->num_classes;
    size_t num_enough = 0;

    for (size_t k = 0; k < num; k++)
        num_enough += has_enough(search, k);
    if (num_enough == 0)
        return true;
    if (!fill_pool(search, err))
        return false;
    for (size_t k = 0; k < num; k++)
        if (!examine_class(search, k, err))
            return false;
    return true;
}

static bool allocate(struct search *search)
{
    const size_t total = search->sample->firsts[search->fit->num_classes];
    bool ok;

    search->memory = calloc(POOL + SAMPLE_MAX_OF_CLASS, MARKS_VALUES);
    search->pool = calloc(total + 1, sizeof *search->pool);
    ok = search->memory && search->pool;
    for (unsigned i = 0; i < search->options->num_threads; i++) {
        uint8_t *pixels =
            malloc((size_t)3 * MAX_LENGTH * MARKS_SIDE * (MARKS_SIDE + 1));

        search->workers[i].pixels = pixels;
        ok = ok && pixels;
    }
    return ok;
}

static void release(struct search *search)
{
    for (unsigned i = 0; i < search->options->num_threads; i++) {
        struct worker *worker = &search->workers[i];

        image_release(&worker->image);
        render_release(&worker->render);
        free(worker->pixels);
    }
    free(search->memory);
    free(search->pool);
    free(search);
}

bool evidence_marks_find(struct evidence *evidence, const float *adds,
                         const struct fit *fit, const struct sample *sample,
                         const struct fit_options *options, struct error *err)
{
    struct search *search = calloc(1, sizeof *search);
    bool ok;

    if (!search)
        return fail(err, ERROR_MEMORY, "not enough memory to look for marks");
    search->evidence = evidence;
    search->fit = fit;
    search->sample = sample;
    search->options = options;
    search->adds = adds;
    ok = allocate(search) ||
         fail(err, ERROR_MEMORY, "not enough memory to look for marks");
    ok = ok && examine_classes(search, err);
    release(search);
    return ok;
}

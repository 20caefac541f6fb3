#include "engine/fit/folds.h"

#include <stdlib.h>

#include "engine/explain/random.h"

/* A group: a part of the list of photos. */
struct group {
    size_t first, count;
    double lot; /* its place among groups of its size, drawn */
};

struct division {
    const struct folds_photos *photos;
    uint32_t num_folds;
    struct group *groups; /* (num_groups) owned */
    uint32_t *members;    /* (count) photos, group by group; owned */
    size_t *counts;       /* (num_folds, num_classes) owned */
    size_t *totals;       /* (num_folds) owned */
};

static bool take_memory(struct division *division, struct error *err)
{
    const struct folds_photos *photos = division->photos;

    division->groups = calloc(photos->num_groups + 1, sizeof(struct group));
    division->members = calloc(photos->count + 1, sizeof(uint32_t));
    division->counts =
        calloc(division->num_folds * photos->num_classes + 1, sizeof(size_t));
    division->totals = calloc(division->num_folds, sizeof(size_t));
    return (division->groups && division->members && division->counts &&
            division->totals) ||
           fail(err, ERROR_MEMORY, "not enough memory for folds");
}

/* Lists the photos group by group. */
static void list_groups(struct division *division, uint64_t seed)
{
    const struct folds_photos *photos = division->photos;
    struct group *groups = division->groups;
    size_t first = 0;

    for (size_t i = 0; i < photos->count; i++)
        groups[photos->groups[i]].count++;
    for (size_t g = 0; g < photos->num_groups; g++) {
        groups[g].first = first;
        groups[g].lot = random_uniform(seed, g);
        first += groups[g].count;
        groups[g].count = 0;
    }
    for (size_t i = 0; i < photos->count; i++) {
        struct group *group = &groups[photos->groups[i]];

        division->members[group->first + group->count++] = (uint32_t)i;
    }
}

/* The largest first, for they are hardest to place. */
static int by_size(const void *a, const void *b)
{
    const struct group *one = a, *other = b;

    if (one->count != other->count)
        return one->count > other->count ? -1 : 1;
    return (one->lot > other->lot) - (one->lot < other->lot);
}

/* How many photos of the group's classes a fold has already. */
static size_t crowd_of(const struct division *division,
                       const struct group *group, uint32_t fold)
{
    const struct folds_photos *photos = division->photos;
    const size_t *counts = division->counts + fold * photos->num_classes;
    size_t crowd = 0;

    for (size_t i = 0; i < group->count; i++)
        crowd += counts[photos->classes[division->members[group->first + i]]];
    return crowd;
}

static void place(struct division *division, uint32_t *folds,
                  const struct group *group)
{
    const struct folds_photos *photos = division->photos;
    uint32_t best = 0;
    size_t least = crowd_of(division, group, 0);

    for (uint32_t fold = 1; fold < division->num_folds; fold++) {
        const size_t crowd = crowd_of(division, group, fold);

        if (crowd < least || (crowd == least && division->totals[fold] <
                                                    division->totals[best])) {
            best = fold;
            least = crowd;
        }
    }
    for (size_t i = 0; i < group->count; i++) {
        const uint32_t photo = division->members[group->first + i];

        folds[photo] = best;
        division->counts[best * photos->num_classes + photos->classes[photo]]++;
    }
    division->totals[best] += group->count;
}

bool folds_divide(uint32_t *folds, const struct folds_photos *photos,
                  uint32_t num_folds, uint64_t seed, struct error *err)
{
    struct division division = {.photos = photos, .num_folds = num_folds};
    bool ok = take_memory(&division, err);

    if (ok) {
        list_groups(&division, seed);
        qsort(division.groups, photos->num_groups, sizeof *division.groups,
              by_size);
        for (size_t g = 0; g < photos->num_groups; g++)
            place(&division, folds, &division.groups[g]);
    }
    free(division.groups);
    free(division.members);
    free(division.counts);
    free(division.totals);
    return ok;
}

#include "engine/inside/winners.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

bool winners_init(struct winners *winners, const size_t *channels,
                  size_t num_channels, size_t top, struct error *err)
{
    assert(top >= 1 && top <= WINNERS_MAX_TOP);
    if (num_channels > WINNERS_MAX / top)
        return error_limit(err, WINNERS_MAX,
                           "%zu photos for each of %zu channels are too many; "
                           "together there may be %d",
                           top, num_channels, WINNERS_MAX);
    winners->channels = calloc(num_channels, sizeof *winners->channels);
    winners->counts = calloc(num_channels, sizeof *winners->counts);
    winners->list = calloc(num_channels * top, sizeof *winners->list);
    if (!winners->channels || !winners->counts || !winners->list) {
        winners_release(winners);
        return fail(err, ERROR_MEMORY, "not enough memory for %zu channels",
                    num_channels);
    }
    winners->num_channels = num_channels;
    winners->top = top;
    for (size_t i = 0; i < num_channels; i++)
        winners->channels[i] = channels ? channels[i] : i;
    return true;
}

/* Whether a photo comes before one that is on the list. */
static bool is_before(const struct peak *peak, const char *file,
                      const struct winner *other)
{
    if (peak->value > other->peak.value || peak->value < other->peak.value)
        return peak->value > other->peak.value;
    if (peak->mean > other->peak.mean || peak->mean < other->peak.mean)
        return peak->mean > other->peak.mean;
    return strcmp(file, other->photo->file) < 0;
}

/* Where on list i a photo comes; `top` if it does not. */
static size_t place_of(const struct winners *winners, size_t i,
                       const struct peak *peak, const char *file)
{
    const struct winner *list = winners_list(winners, i);
    size_t place = winners->counts[i];

    if (isnan(peak->value))
        return winners->top;
    while (place > 0 && is_before(peak, file, &list[place - 1]))
        place--;
    return place;
}

static struct winners_photo *
new_photo(const char *file, const struct crop_frame *frame, struct error *err)
{
    size_t size = strlen(file) + 1;
    struct winners_photo *photo = malloc(sizeof *photo + size);

    if (!photo) {
        fail(err, ERROR_MEMORY, "not enough memory for a photo's name");
        return NULL;
    }
    photo->num_places = 0;
    photo->frame = *frame;
    memcpy(photo->file, file, size);
    return photo;
}

/* Takes a photo off a list, and frees it if that was the last one. */
static void drop(const struct winner *winner)
{
    if (--winner->photo->num_places == 0)
        free(winner->photo);
}

static void insert(struct winners *winners, size_t i, size_t place,
                   const struct peak *peak, struct winners_photo *photo)
{
    struct winner *list = winners->list + i * winners->top;

    if (winners->counts[i] == winners->top)
        drop(&list[--winners->counts[i]]);
    memmove(list + place + 1, list + place,
            (winners->counts[i] - place) * sizeof *list);
    list[place] = (struct winner){*peak, photo};
    winners->counts[i]++;
    photo->num_places++;
}

bool winners_add(struct winners *winners, const char *file,
                 const struct crop_frame *frame, const struct peaks *peaks,
                 struct error *err)
{
    struct winners_photo *photo = NULL;

    for (size_t i = 0; i < winners->num_channels; i++) {
        const struct peak *peak = &peaks->list[winners->channels[i]];
        size_t place = place_of(winners, i, peak, file);

        if (place == winners->top)
            continue;
        if (!photo)
            photo = new_photo(file, frame, err);
        if (!photo)
            return false;
        insert(winners, i, place, peak, photo);
    }
    return true;
}

const struct winner *winners_list(const struct winners *winners, size_t i)
{
    return winners->list + i * winners->top;
}

void winners_release(struct winners *winners)
{
    for (size_t i = 0; i < winners->num_channels; i++)
        for (size_t k = 0; k < winners->counts[i]; k++)
            drop(&winners->list[i * winners->top + k]);
    free(winners->channels);
    free(winners->counts);
    free(winners->list);
    *winners = (struct winners){0};
}

/* What readers add to a data set. */

#include "engine/evaluate/dataset_internal.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/model/labels.h"

enum { MAX_SIDE = 1000000 };

/* Returns `array` with space for one more element than `count`; NULL and
 * ERROR_MEMORY if that fails, and the array is as it was. */
static void *grow(void *array, size_t *cap, size_t count, size_t size,
                  struct error *err)
{
    size_t larger = *cap ? 2 * *cap : 64;
    void *moved;

    if (count < *cap)
        return array;
    moved = larger <= SIZE_MAX / size ? realloc(array, larger * size) : NULL;
    if (!moved)
        fail(err, ERROR_MEMORY, "not enough memory for %zu elements", larger);
    else
        *cap = larger;
    return moved;
}

static bool check_text(const char *what, const char *text, struct error *err)
{
    return labels_is_text(text) ||
           fail(err, ERROR_INPUT,
                "%s is not valid UTF-8, or has a control character", what);
}

/* ---- texts ---- */

static size_t hash(const char *text)
{
    uint64_t h = 1469598103934665603u; /* FNV-1a */

    for (; *text; text++)
        h = (h ^ (unsigned char)*text) * 1099511628211u;
    return (size_t)(h ^ h >> 32);
}

/* Finds the slot of a text, or the empty slot for it. */
static uint32_t *slot_of(const struct dataset_texts *texts, const char *text)
{
    size_t i = hash(text) & (texts->num_slots - 1);

    while (texts->slots[i] &&
           strcmp(texts->list[texts->slots[i] - 1], text) != 0)
        i = (i + 1) & (texts->num_slots - 1);
    return &texts->slots[i];
}

/* Doubles the slots when half of them are in use. */
static bool reserve_slots(struct dataset_texts *texts, struct error *err)
{
    struct dataset_texts larger = *texts;

    if (2 * texts->count < texts->num_slots)
        return true;
    larger.num_slots = texts->num_slots ? 2 * texts->num_slots : 128;
    larger.slots = calloc(larger.num_slots, sizeof *larger.slots);
    if (!larger.slots)
        return fail(err, ERROR_MEMORY, "not enough memory for %zu names",
                    larger.num_slots);
    for (uint32_t i = 0; i < texts->count; i++)
        *slot_of(&larger, texts->list[i]) = i + 1;
    free(texts->slots);
    *texts = larger;
    return true;
}

/* Finds a text, or adds it: *number is its place. */
static bool number_of(struct dataset_texts *texts, uint32_t *number,
                      struct arena *arena, const char *text, struct error *err)
{
    const char **list;
    uint32_t *slot;

    if (!reserve_slots(texts, err))
        return false;
    slot = slot_of(texts, text);
    if (*slot) {
        *number = *slot - 1;
        return true;
    }
    if (texts->count >= DATASET_MAX_ITEMS)
        return error_limit(err, DATASET_MAX_ITEMS,
                           "a data set may have at most %d photos",
                           DATASET_MAX_ITEMS);
    list = grow(texts->list, &texts->cap, texts->count, sizeof *list, err);
    if (!list)
        return false;
    texts->list = list;
    list[texts->count] = arena_text(arena, text, strlen(text), err);
    if (!list[texts->count])
        return false;
    *number = (uint32_t)texts->count++;
    *slot = *number + 1;
    return true;
}

/* ---- photos ---- */

const char *dataset_folder_of(struct dataset *dataset, const char *path,
                              struct error *err)
{
    const char *slash = strrchr(path, '/');

    if (!slash)
        return ".";
    return arena_text(&dataset->arena, path,
                      slash == path ? 1 : (size_t)(slash - path), err);
}

bool dataset_add_place(struct dataset *dataset, struct dataset_places *places,
                       const char *folder, const char *below, struct error *err)
{
    char path[PATH_MAX];
    int len = snprintf(path, sizeof path, "%s%s%s", *folder ? folder : ".",
                       below ? "/" : "", below ? below : "");

    if (len < 0 || (size_t)len >= sizeof path)
        return error_limit(err, PATH_MAX, "the folder's path is too long");
    places->folders[places->count] =
        arena_text(&dataset->arena, path, (size_t)len, err);
    return places->folders[places->count++];
}

/* Writes the path of a photo in a folder; false if it is too long. */
static bool join(char path[PATH_MAX], size_t *name_at, const char *folder,
                 const char *name, const char *extension)
{
    const char *slash = folder[strlen(folder) - 1] == '/' ? "" : "/";
    int len;

    if (*name == '/' || strcmp(folder, ".") == 0)
        folder = slash = "";
    *name_at = strlen(folder) + strlen(slash);
    len = snprintf(path, PATH_MAX, "%s%s%s%s", folder, slash, name, extension);
    return len >= 0 && len < PATH_MAX;
}

/* Writes the path of the photo in the first place that has it, or in the first
 * place. */
static bool place_photo(char path[PATH_MAX], size_t *name_at,
                        const struct dataset_places *places, const char *name)
{
    static const char *const extensions[] = {"", ".jpg", ".JPEG", ".png"};
    size_t num = places->without_extension
                     ? sizeof extensions / sizeof extensions[0]
                     : 1;

    for (size_t i = 0; i < places->count; i++)
        for (size_t j = 0; j < num; j++)
            if (join(path, name_at, places->folders[i], name, extensions[j]) &&
                access(path, F_OK) == 0)
                return true;
    return join(path, name_at, places->folders[0], name, "");
}

bool dataset_add_photo(struct dataset *dataset, uint32_t *photo,
                       const struct dataset_places *places, const char *name,
                       struct error *err)
{
    char path[PATH_MAX];
    size_t num = dataset->paths.count, name_at;
    struct dataset_photo *photos;

    if (*name == '\0')
        return fail(err, ERROR_INPUT, "the photo has no name");
    if (!check_text("the photo's name", name, err))
        return false;
    if (!place_photo(path, &name_at, places, name))
        return error_limit(err, PATH_MAX, "the photo's path is too long");
    photos =
        grow(dataset->photos, &dataset->photos_cap, num, sizeof *photos, err);
    if (!photos)
        return false;
    dataset->photos = photos;
    if (!number_of(&dataset->paths, photo, &dataset->arena, path, err))
        return false;
    if (*photo == num)
        photos[num] = (struct dataset_photo){.name_at = (uint32_t)name_at,
                                             .newest = DATASET_NONE};
    return true;
}

bool dataset_find_photo(const struct dataset *dataset, uint32_t *photo,
                        const struct dataset_places *places, const char *name)
{
    char path[PATH_MAX];
    size_t name_at;
    uint32_t slot;

    if (dataset->paths.count == 0 || !place_photo(path, &name_at, places, name))
        return false;
    slot = *slot_of(&dataset->paths, path);
    *photo = slot - 1;
    return slot > 0;
}

bool dataset_set_size(struct dataset *dataset, uint32_t photo, double width,
                      double height, struct error *err)
{
    struct dataset_photo *at = &dataset->photos[photo];

    if (!(width >= 1 && width <= MAX_SIDE && height >= 1 &&
          height <= MAX_SIDE && floor(width) >= width &&
          floor(height) >= height))
        return fail(err, ERROR_INPUT,
                    "%.9g x %.9g is not a size of a photo; its sides are whole "
                    "numbers from 1 to %d",
                    width, height, MAX_SIDE);
    if (at->width &&
        (at->width != (uint32_t)width || at->height != (uint32_t)height))
        return fail(err, ERROR_INPUT,
                    "the photo is %u x %u pixels before, and %.9g x %.9g here",
                    at->width, at->height, width, height);
    at->width = (uint32_t)width;
    at->height = (uint32_t)height;
    return true;
}

/* ---- classes ---- */

/* Adds the text from `from` to `to`, without the spaces around it, to the
 * classes, unless nothing is left. */
static bool add_class(struct dataset *dataset, const char *from, const char *to,
                      struct error *err)
{
    const char **classes = grow(dataset->classes, &dataset->classes_cap,
                                dataset->num_classes, sizeof *classes, err);

    if (!classes)
        return false;
    dataset->classes = classes;
    while (from < to && *from == ' ')
        from++;
    while (from < to && to[-1] == ' ')
        to--;
    if (from == to)
        return true;
    classes[dataset->num_classes] =
        arena_text(&dataset->arena, from, (size_t)(to - from), err);
    return classes[dataset->num_classes++];
}

/* Divides the text at its semicolons. */
static bool divide(struct dataset *dataset, struct dataset_set *set,
                   const char *text, struct error *err)
{
    size_t len = strcspn(text, ";");

    set->first = (uint32_t)dataset->num_classes;
    while (add_class(dataset, text, text + len, err)) {
        set->count = (uint32_t)dataset->num_classes - set->first;
        if (set->count > DATASET_MAX_CLASSES)
            return error_limit(err, DATASET_MAX_CLASSES,
                               "at most %d alternative classes are allowed",
                               DATASET_MAX_CLASSES);
        if (!text[len])
            return true;
        text += len + 1;
        len = strcspn(text, ";");
    }
    return false;
}

/* Finds the set of the text's classes, or adds it. */
static bool set_of(struct dataset *dataset, uint32_t *set, const char *text,
                   struct error *err)
{
    uint32_t num = (uint32_t)dataset->class_texts.count;
    struct dataset_set *sets =
        grow(dataset->sets, &dataset->sets_cap, num, sizeof *sets, err);

    if (!sets)
        return false;
    dataset->sets = sets;
    if (!number_of(&dataset->class_texts, set, &dataset->arena, text, err))
        return false;
    if (*set < num)
        return true;
    sets[num] = (struct dataset_set){0};
    return divide(dataset, &sets[num], text, err);
}

/* ---- items ---- */

bool dataset_add_item(struct dataset *dataset, uint32_t *item, uint32_t photo,
                      const char *classes, struct error *err)
{
    struct dataset_photo *of = &dataset->photos[photo];
    struct dataset_entry *entries;
    uint32_t set;

    if (!check_text("the class", classes, err) ||
        !set_of(dataset, &set, classes, err))
        return false;
    for (*item = of->newest; *item != DATASET_NONE;
         *item = dataset->entries[*item].older)
        if (dataset->entries[*item].set == set)
            return true;
    if (of->num_items >= DATASET_MAX_CLASSES)
        return error_limit(err, DATASET_MAX_CLASSES,
                           "a photo may have at most %d classes",
                           DATASET_MAX_CLASSES);
    if (dataset->num_entries >= DATASET_MAX_ITEMS)
        return error_limit(err, DATASET_MAX_ITEMS,
                           "a data set may have at most %d items",
                           DATASET_MAX_ITEMS);
    entries = grow(dataset->entries, &dataset->entries_cap,
                   dataset->num_entries, sizeof *entries, err);
    if (!entries)
        return false;
    dataset->entries = entries;
    *item = (uint32_t)dataset->num_entries++;
    entries[*item] =
        (struct dataset_entry){.photo = photo, .set = set, .older = of->newest};
    of->newest = *item;
    of->num_items++;
    return true;
}

bool dataset_add_box(struct dataset *dataset, uint32_t item,
                     struct dataset_box box, struct error *err)
{
    struct dataset_entry *entry = &dataset->entries[item];
    const struct dataset_photo *photo = &dataset->photos[entry->photo];
    double max_x = photo->width ? photo->width : MAX_SIDE;
    double max_y = photo->height ? photo->height : MAX_SIDE;
    struct dataset_box cut = {fmax(box.x0, 0), fmax(box.y0, 0),
                              fmin(box.x1, max_x), fmin(box.y1, max_y)};
    struct dataset_placed *placed;

    if (!isfinite(box.x0 + box.y0 + box.x1 + box.y1) || !(cut.x0 < cut.x1) ||
        !(cut.y0 < cut.y1))
        return fail(err, ERROR_INPUT,
                    "the box from (%.9g, %.9g) to (%.9g, %.9g) has nothing of "
                    "the photo in it",
                    box.x0, box.y0, box.x1, box.y1);
    if (dataset->num_placed >= DATASET_MAX_BOXES)
        return error_limit(err, DATASET_MAX_BOXES,
                           "a data set may have at most %d boxes",
                           DATASET_MAX_BOXES);
    placed = grow(dataset->placed, &dataset->placed_cap, dataset->num_placed,
                  sizeof *placed, err);
    if (!placed)
        return false;
    dataset->placed = placed;
    placed[dataset->num_placed++] = (struct dataset_placed){cut, item};
    entry->num_boxes++;
    return true;
}

bool dataset_number(double *number, const char *text)
{
    char *end;

    if (*text == '\0' || strspn(text, "0123456789+-.eE") != strlen(text))
        return false;
    *number = strtod(text, &end);
    return *end == '\0' && isfinite(*number);
}

#include "engine/evaluate/dataset.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/evaluate/dataset_internal.h"
#include "engine/evaluate/listing.h"

static const struct {
    const char *name;
    dataset_read_fn *read;
} formats[] = {[DATASET_AUTO] = {"auto", NULL},
#define X(format, name, description) [format] = {#name, dataset_##name##_read},
               DATASET_FORMATS(X)
#undef X
};

const char *dataset_format_name(enum dataset_format format)
{
    return formats[format].name;
}

/* ---- the order ---- */

/* Moves entries so that those of a photo are consecutive, in the order of their
 * addition; new_place[i] is where entry i went. */
static bool sort_entries(struct dataset *dataset, uint32_t *new_place,
                         struct error *err)
{
    size_t num = dataset->num_entries;
    struct dataset_entry *sorted = malloc(num * sizeof *sorted);
    uint32_t first = 0;

    if (!sorted)
        return fail(err, ERROR_MEMORY, "not enough memory for %zu items", num);
    /* newest now becomes the place of the photo's next item */
    for (size_t i = 0; i < dataset->paths.count; i++) {
        dataset->photos[i].newest = first;
        first += dataset->photos[i].num_items;
    }
    for (size_t i = 0; i < num; i++) {
        new_place[i] = dataset->photos[dataset->entries[i].photo].newest++;
        sorted[new_place[i]] = dataset->entries[i];
    }
    free(dataset->entries);
    dataset->entries = sorted;
    return true;
}

/* Brings the boxes into the order of the entries. */
static bool sort_boxes(struct dataset *dataset, const uint32_t *new_place,
                       struct error *err)
{
    uint32_t first = 0;

    dataset->boxes = malloc((dataset->num_placed + 1) * sizeof *dataset->boxes);
    if (!dataset->boxes)
        return fail(err, ERROR_MEMORY, "not enough memory for %zu boxes",
                    dataset->num_placed);
    for (size_t i = 0; i < dataset->num_entries; i++) {
        dataset->entries[i].first_box = first;
        first += dataset->entries[i].num_boxes;
        dataset->entries[i].num_boxes = 0;
    }
    for (size_t i = 0; i < dataset->num_placed; i++) {
        const struct dataset_placed *placed = &dataset->placed[i];
        struct dataset_entry *entry =
            &dataset->entries[new_place[placed->entry]];

        dataset->boxes[entry->first_box + entry->num_boxes++] = placed->box;
    }
    free(dataset->placed);
    dataset->placed = NULL;
    return true;
}

static bool sort(struct dataset *dataset, struct error *err)
{
    uint32_t *new_place;
    bool ok;

    if (dataset->num_entries == 0)
        return fail(err, ERROR_INPUT, "it has no photos");
    new_place = malloc(dataset->num_entries * sizeof *new_place);
    if (!new_place)
        return fail(err, ERROR_MEMORY, "not enough memory for %zu items",
                    dataset->num_entries);
    ok = sort_entries(dataset, new_place, err) &&
         sort_boxes(dataset, new_place, err);
    free(new_place);
    return ok;
}

/* ---- the data set ---- */

static bool has(const char *folder, const char *name)
{
    char path[PATH_MAX];
    int len = snprintf(path, sizeof path, "%s/%s", folder, name);

    return len > 0 && len < PATH_MAX && access(path, F_OK) == 0;
}

static bool has_xml(const char *folder)
{
    static const char *const extensions[] = {".xml", NULL};
    struct listing listing = {0};
    struct error ignored = {0};
    bool found = listing_read(&listing, folder, extensions, &ignored) &&
                 listing.count > 0;

    listing_release(&listing);
    return found;
}

static enum dataset_format guess(const char *path)
{
    size_t len = strlen(path);
    struct stat info;

    if (stat(path, &info) != 0 || !S_ISDIR(info.st_mode))
        return len > 5 && strcasecmp(path + len - 5, ".json") == 0
                   ? DATASET_COCO
                   : DATASET_CSV;
    if (has(path, "image_ids.txt"))
        return DATASET_WSOL;
    if (has(path, "Annotations") || has_xml(path))
        return DATASET_VOC;
    return DATASET_FOLDERS;
}

struct dataset *dataset_open(const char *path,
                             const struct dataset_options *options,
                             struct error *err)
{
    static const struct dataset_options none = {0};
    struct dataset *dataset = calloc(1, sizeof *dataset);

    if (!dataset) {
        fail(err, ERROR_MEMORY, "not enough memory for a data set");
        return NULL;
    }
    if (!options)
        options = &none;
    dataset->format =
        options->format == DATASET_AUTO ? guess(path) : options->format;
    if (formats[dataset->format].read(dataset, path, options->root, err) &&
        sort(dataset, err))
        return dataset;
    dataset_free(dataset);
    return NULL;
}

enum dataset_format dataset_format(const struct dataset *dataset)
{
    return dataset->format;
}

size_t dataset_num_items(const struct dataset *dataset)
{
    return dataset->num_entries;
}

size_t dataset_num_photos(const struct dataset *dataset)
{
    return dataset->paths.count;
}

void dataset_item(const struct dataset *dataset, struct dataset_item *item,
                  size_t index)
{
    const struct dataset_entry *entry = &dataset->entries[index];
    const struct dataset_photo *photo = &dataset->photos[entry->photo];
    const struct dataset_set *set = &dataset->sets[entry->set];
    const char *path = dataset->paths.list[entry->photo];

    *item = (struct dataset_item){
        .file = path,
        .name = path + photo->name_at,
        .classes = dataset->classes + set->first,
        .num_classes = set->count,
        .boxes = dataset->boxes + entry->first_box,
        .num_boxes = entry->num_boxes,
        .width = photo->width,
        .height = photo->height,
    };
}

static void release_texts(struct dataset_texts *texts)
{
    free(texts->list);
    free(texts->slots);
}

void dataset_free(struct dataset *dataset)
{
    if (!dataset)
        return;
    release_texts(&dataset->paths);
    release_texts(&dataset->class_texts);
    free(dataset->photos);
    free(dataset->sets);
    free(dataset->classes);
    free(dataset->entries);
    free(dataset->placed);
    free(dataset->boxes);
    arena_release(&dataset->arena);
    free(dataset);
}

/* Reads the data set of a fit: its photos and classes. */

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "engine/evaluate/listing.h"
#include "engine/fit/fit_work.h"

/* How the folder of photos that are held out may be called. */
static const char *const validation_names[] = {"val", "valid", "validation",
                                               NULL};

static bool is_folder(const char *path)
{
    struct stat info;

    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

static bool path_in(char path[PATH_MAX], const char *folder, const char *name)
{
    return snprintf(path, PATH_MAX, "%s/%s", folder, name) < PATH_MAX;
}

/* ---- what is no photo ---- */

/* Tells of a class folder in which some or all files are no photos. */
static bool check_folder(struct fit_work *work, const char *folder,
                         const char *name, struct error *err)
{
    struct listing all = {0}, photos = {0};
    struct error why = {0};
    char path[PATH_MAX];
    bool ok = true;

    if (!path_in(path, folder, name) || !is_folder(path) ||
        !listing_read(&all, path, NULL, err) ||
        !listing_read(&photos, path, listing_photos(), err)) {
        ok = !err || err->kind == ERROR_NONE;
    } else if (photos.count == 0) {
        fail(&why, ERROR_INPUT, "there is no photo in it");
    } else if (photos.count < all.count) {
        fail(&why, ERROR_INPUT,
             "%zu of its %zu files are not photos by their names",
             all.count - photos.count, all.count);
    }
    if (ok && why.kind != ERROR_NONE)
        ok = fit_work_trouble(work, name, &why, err);
    listing_release(&all);
    listing_release(&photos);
    return ok;
}

/* Tells of photos beside the folders of classes. */
static bool check_strays(struct fit_work *work, const char *path,
                         struct error *err)
{
    struct listing photos = {0};
    struct error why = {0};
    bool ok = listing_read(&photos, path, listing_photos(), err);
    const char *first = NULL;
    size_t count = 0;

    for (size_t i = 0; ok && i < photos.count; i++) {
        const char *name = photos.entries[i]->d_name;
        char file[PATH_MAX];

        if (path_in(file, path, name) && !is_folder(file) && count++ == 0)
            first = name;
    }
    if (count > 1)
        fail(&why, ERROR_INPUT,
             "it is in no class's folder: the first of %zu such photos", count);
    else
        fail(&why, ERROR_INPUT, "it is in no class's folder");
    ok = ok && (!first || fit_work_trouble(work, first, &why, err));
    listing_release(&photos);
    return ok;
}

static bool check_folders(struct fit_work *work, const struct dataset *dataset,
                          const char *path, struct error *err)
{
    struct listing classes = {0};
    bool ok = true;

    if (dataset_format(dataset) != DATASET_FOLDERS)
        return true;
    ok = listing_read(&classes, path, NULL, err);
    for (size_t i = 0; ok && i < classes.count; i++)
        ok = check_folder(work, path, classes.entries[i]->d_name, err);
    listing_release(&classes);
    return ok && check_strays(work, path, err);
}

/* ---- classes ---- */

static bool is_number(const char *text)
{
    return *text && strspn(text, "0123456789") == strlen(text);
}

/* Numbers by their size, and before other names, which are by their bytes. */
static int by_name(const void *a, const void *b)
{
    const char *const *one = a, *const *other = b;

    if (is_number(*one) && is_number(*other)) {
        const size_t len = strlen(*one), other_len = strlen(*other);

        if (len != other_len)
            return len < other_len ? -1 : 1;
    }
    if (is_number(*one) != is_number(*other))
        return is_number(*one) ? -1 : 1;
    return strcmp(*one, *other);
}

/* Lists the classes of the training set in their order. */
static bool list_classes(struct fit_work *work, struct error *err)
{
    struct fit *fit = work->fit;
    const struct dataset *dataset = fit->internal->training;
    const size_t num_items = dataset_num_items(dataset);
    const char **names = malloc(num_items * sizeof *names);
    size_t count = 0;

    if (!names)
        return fail(err, ERROR_MEMORY, "not enough memory for classes");
    for (size_t i = 0; i < num_items; i++) {
        struct dataset_item item;

        dataset_item(dataset, &item, i);
        if (item.num_classes == 1)
            names[count++] = item.classes[0];
    }
    qsort(names, count, sizeof *names, by_name);
    fit->classes = calloc(count + 1, sizeof *fit->classes);
    for (size_t i = 0; fit->classes && i < count; i++)
        if (i == 0 || strcmp(names[i], names[i - 1]) != 0)
            fit->classes[fit->num_classes++].name = names[i];
    free(names);
    if (!fit->classes)
        return fail(err, ERROR_MEMORY, "not enough memory for classes");
    if (fit->num_classes > FIT_MAX_CLASSES)
        return error_limit(err, FIT_MAX_CLASSES,
                           "there are %zu classes; at most %d are allowed",
                           fit->num_classes, FIT_MAX_CLASSES);
    if (fit->num_classes == 0)
        return fail(err, ERROR_INPUT, "there is no class in it");
    return fit->num_classes > 1 ||
           fail(err, ERROR_INPUT,
                "there is only one class, \"%.100s\"; at least two are needed, "
                "such as a second folder",
                fit->classes[0].name);
}

static bool find_class(uint32_t *class, const struct fit *fit, const char *name)
{
    size_t low = 0, high = fit->num_classes;

    while (low < high) {
        const size_t middle = (low + high) / 2;
        const int order = by_name(&name, &fit->classes[middle].name);

        if (order == 0) {
            *class = (uint32_t)middle;
            return true;
        }
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return false;
}

/* ---- photos ---- */

/* Whether the item beside this one is of the same photo. */
static bool is_of_same(const struct dataset *dataset,
                       const struct dataset_item *item, size_t other)
{
    struct dataset_item beside;

    if (other >= dataset_num_items(dataset))
        return false;
    dataset_item(dataset, &beside, other);
    return beside.file == item->file;
}

/* Adds an item's photo, or tells why not. */
static bool add_item(struct fit_work *work, const struct dataset *dataset,
                     size_t index, bool is_validation, struct error *err)
{
    struct fit *fit = work->fit;
    struct dataset_item item;
    struct error why = {0};
    uint32_t class = 0;

    dataset_item(dataset, &item, index);
    if (is_of_same(dataset, &item, index - 1)) /* told of already */
        return true;
    if (is_of_same(dataset, &item, index + 1) || item.num_classes > 1)
        fail(&why, ERROR_INPUT,
             "it has more than one class; a fit takes one for each photo, "
             "whose name has no semicolon");
    else if (item.num_classes == 0)
        fail(&why, ERROR_INPUT, "it has no class");
    else if (!find_class(&class, fit, item.classes[0]))
        fail(&why, ERROR_INPUT,
             "its class \"%.100s\" is not in the training set",
             item.classes[0]);
    if (why.kind != ERROR_NONE)
        return fit_work_trouble(work, item.name, &why, err);
    work->entries[work->num_entries++] = (struct fit_entry){
        .file = item.file,
        .name = item.name,
        .class = class,
        .is_validation = is_validation,
    };
    return true;
}

static bool add_items(struct fit_work *work, const struct dataset *dataset,
                      bool is_validation, struct error *err)
{
    for (size_t i = 0; dataset && i < dataset_num_items(dataset); i++)
        if (!add_item(work, dataset, i, is_validation, err))
            return false;
    return true;
}

static bool take_room(struct fit_work *work, struct error *err)
{
    const struct fit_internal *own = work->fit->internal;
    size_t count = dataset_num_items(own->training);

    if (own->validation)
        count += dataset_num_items(own->validation);
    if (count > FIT_MAX_PHOTOS)
        return error_limit(err, FIT_MAX_PHOTOS,
                           "there are %zu photos; at most %d are allowed",
                           count, FIT_MAX_PHOTOS);
    work->entries = calloc(count, sizeof *work->entries);
    return work->entries ||
           fail(err, ERROR_MEMORY, "not enough memory for %zu photos", count);
}

/* ---- the data set ---- */

/* Whether the data are in a folder train/ and one of photos that are held out.
 */
static bool find_parts(char training[PATH_MAX], char validation[PATH_MAX],
                       const struct fit_options *options)
{
    if (options->dataset.format != DATASET_AUTO &&
        options->dataset.format != DATASET_FOLDERS)
        return false;
    if (!path_in(training, options->data, "train") || !is_folder(training))
        return false;
    for (size_t i = 0; validation_names[i]; i++)
        if (path_in(validation, options->data, validation_names[i]) &&
            is_folder(validation))
            return true;
    return false;
}

static bool open_parts(struct fit_work *work, const char *training,
                       const char *validation, struct error *err)
{
    static const struct dataset_options folders = {.format = DATASET_FOLDERS};
    struct fit_internal *own = work->fit->internal;

    own->training = dataset_open(training, &folders, err);
    if (!own->training)
        return error_prefix(err, "train");
    own->validation = dataset_open(validation, &folders, err);
    if (!own->validation)
        return error_prefix(err, "%s", strrchr(validation, '/') + 1);
    return check_folders(work, own->training, training, err) &&
           check_folders(work, own->validation, validation, err);
}

static bool open_set(struct fit_work *work, struct error *err)
{
    const struct fit_options *options = work->options;
    struct fit_internal *own = work->fit->internal;
    char training[PATH_MAX], validation[PATH_MAX];

    if (find_parts(training, validation, options))
        return open_parts(work, training, validation, err);
    own->training = dataset_open(options->data, &options->dataset, err);
    return own->training &&
           check_folders(work, own->training, options->data, err);
}

bool fit_work_read_set(struct fit_work *work, struct error *err)
{
    const struct fit_internal *own = work->fit->internal;

    return (open_set(work, err) && list_classes(work, err) &&
            take_room(work, err) &&
            add_items(work, own->training, false, err) &&
            add_items(work, own->validation, true, err)) ||
           error_prefix(err, "%.150s", work->options->data);
}

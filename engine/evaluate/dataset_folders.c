/* A folder with one folder of photos per class. */

#include "engine/evaluate/dataset_internal.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "engine/evaluate/listing.h"

static bool is_folder(const char *path)
{
    struct stat info;

    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

static bool add_photo(struct dataset *dataset,
                      const struct dataset_places *places, const char *class,
                      const char *name, struct error *err)
{
    char path[PATH_MAX];
    uint32_t photo, item;

    if (snprintf(path, sizeof path, "%s/%s", class, name) >= PATH_MAX)
        return error_limit(err, PATH_MAX, "the photo's path is too long");
    return dataset_add_photo(dataset, &photo, places, path, err) &&
           dataset_add_item(dataset, &item, photo, class, err);
}

/* Adds the photos of a folder; nothing if it is a file. */
static bool add_class(struct dataset *dataset,
                      const struct dataset_places *places, const char *class,
                      struct error *err)
{
    char path[PATH_MAX];
    struct listing listing = {0};
    bool ok;

    if (snprintf(path, sizeof path, "%s/%s", places->folders[0], class) >=
        PATH_MAX)
        return error_limit(err, PATH_MAX, "the folder's path is too long");
    if (!is_folder(path))
        return true;
    ok = listing_read(&listing, path, listing_photos(), err);
    for (size_t i = 0; ok && i < listing.count; i++)
        ok = add_photo(dataset, places, class, listing.entries[i]->d_name, err);
    listing_release(&listing);
    return ok || error_prefix(err, "%.100s", class);
}

/* Says why a folder is no data set. */
static bool fail_empty(const char *path, struct error *err)
{
    struct listing photos = {0};
    bool ok = listing_read(&photos, path, listing_photos(), err) &&
              fail(err, ERROR_INPUT,
                   photos.count > 0
                       ? "photos lie in the folder itself; it takes a folder "
                         "of photos for each class"
                       : "it has no photos; it takes a folder of photos for "
                         "each class");

    listing_release(&photos);
    return ok;
}

bool dataset_folders_read(struct dataset *dataset, const char *path,
                          const char *root, struct error *err)
{
    struct dataset_places places = {0};
    struct listing classes = {0};
    bool ok;

    (void)root; /* the photos are in the folder itself */
    ok = dataset_add_place(dataset, &places, path, NULL, err) &&
         listing_read(&classes, path, NULL, err);
    for (size_t i = 0; ok && i < classes.count; i++)
        ok = add_class(dataset, &places, classes.entries[i]->d_name, err);
    listing_release(&classes);
    return ok && (dataset->num_entries > 0 || fail_empty(path, err));
}

#include "engine/evaluate/listing.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

const char *const *listing_photos(void)
{
    static const char *const extensions[] = {".jpg", ".jpeg", ".png", ".webp",
                                             NULL};

    return extensions;
}

bool listing_is_wanted(const char *name, const char *const *extensions)
{
    size_t len = strlen(name);

    if (*name == '.')
        return false;
    for (; extensions && *extensions; extensions++) {
        size_t end = strlen(*extensions);

        if (len > end && strcasecmp(name + len - end, *extensions) == 0)
            return true;
    }
    return !extensions;
}

static int compare(const void *a, const void *b)
{
    return strcmp((*(struct dirent *const *)a)->d_name,
                  (*(struct dirent *const *)b)->d_name);
}

bool listing_read(struct listing *listing, const char *folder,
                  const char *const *extensions, struct error *err)
{
    int num = scandir(folder, &listing->entries, NULL, NULL);
    size_t kept = 0;

    if (num < 0) {
        *listing = (struct listing){0};
        return fail(err, errno == ENOMEM ? ERROR_MEMORY : ERROR_IO,
                    "the folder cannot be read: %s", strerror(errno));
    }
    for (int i = 0; i < num; i++) {
        if (listing_is_wanted(listing->entries[i]->d_name, extensions))
            listing->entries[kept++] = listing->entries[i];
        else
            free(listing->entries[i]);
    }
    listing->count = kept;
    qsort(listing->entries, kept, sizeof(struct dirent *), compare);
    return true;
}

void listing_release(struct listing *listing)
{
    for (size_t i = 0; i < listing->count; i++)
        free(listing->entries[i]);
    free(listing->entries);
    *listing = (struct listing){0};
}

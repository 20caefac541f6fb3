/* The metadata files of the WSOL evaluation from a stranger: one file here,
 * with form feeds between them. */

#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/fuzz/fuzz_dataset.h"

static const char *const names[] = {"image_ids.txt", "class_labels.txt",
                                    "localization.txt", "image_sizes.txt"};

enum { NUM_NAMES = sizeof names / sizeof names[0], MAX_PATH = 128 };

static char folder[] = "/dev/shm/wherefore-fuzz-XXXXXX";

static void path_of(char path[MAX_PATH], size_t i)
{
    snprintf(path, MAX_PATH, "%s/%s", folder, names[i]);
}

static void remove_all(void)
{
    char path[MAX_PATH];

    for (size_t i = 0; i < NUM_NAMES; i++) {
        path_of(path, i);
        unlink(path);
    }
    rmdir(folder);
}

static void write_file(size_t i, const uint8_t *bytes, size_t len)
{
    char path[MAX_PATH];
    FILE *file;

    path_of(path, i);
    file = fopen(path, "wb");
    if (!file || fwrite(bytes, 1, len, file) != len || fclose(file) != 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static bool is_made;

    if (!is_made) {
        if (!mkdtemp(folder))
            abort();
        atexit(remove_all);
        is_made = true;
    }
    for (size_t i = 0; i < NUM_NAMES; i++) {
        const uint8_t *stop = len > 0 ? memchr(bytes, '\f', len) : NULL;
        size_t part = stop ? (size_t)(stop - bytes) : len;

        write_file(i, bytes, part);
        part += stop != NULL;
        bytes += part;
        len -= part;
    }
    fuzz_dataset_open(folder, DATASET_WSOL);
    return 0;
}

/* A labels.txt from a stranger. */

#include "tests/fuzz/fuzz.h"

#include <stdio.h>

#include "engine/model/labels.h"
#include "tests/fuzz/fuzz_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    char path[FUZZ_FILE_PATH];
    struct labels labels = {0};
    struct error err = {0};
    size_t index;

    fuzz_file_write(path, "labels.txt", bytes, len);
    if (!labels_read(&labels, path, &err))
        return 0;
    for (size_t i = 0; i < labels.count; i++)
        if (!labels_find(&index, &labels, labels.count, labels.names[i]))
            __builtin_trap(); /* what was read is found */
    labels_release(&labels);
    return 0;
}

/* An XML file of Pascal VOC from a stranger. */

#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "tests/fuzz/fuzz_dataset.h"
#include "tests/fuzz/fuzz_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    char path[FUZZ_FILE_PATH];

    fuzz_file_write(path, "photo.xml", bytes, len);
    *strrchr(path, '/') = '\0';
    fuzz_dataset_open(path, DATASET_VOC);
    return 0;
}

/* A CSV file of photos, classes and boxes from a stranger. */

#include "tests/fuzz/fuzz.h"

#include "tests/fuzz/fuzz_dataset.h"
#include "tests/fuzz/fuzz_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    char path[FUZZ_FILE_PATH];

    fuzz_file_write(path, "truth.csv", bytes, len);
    fuzz_dataset_open(path, DATASET_CSV);
    return 0;
}

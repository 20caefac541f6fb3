/* A model.json from a stranger. */

#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "engine/model/bundle.h"
#include "tests/fuzz/fuzz_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    char path[FUZZ_FILE_PATH];
    struct bundle bundle = {0};
    struct error err = {0};

    fuzz_file_write(path, "model.json", bytes, len);
    *strrchr(path, '/') = '\0';
    if (bundle_open(&bundle, path, &err))
        bundle_release(&bundle);
    return 0;
}

/* A model.json from a stranger. */

#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "engine/model/model_dir.h"
#include "tests/fuzz/fuzz_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    char path[FUZZ_FILE_PATH];
    struct model_dir model_dir = {0};
    struct error err = {0};

    fuzz_file_write(path, "model.json", bytes, len);
    *strrchr(path, '/') = '\0';
    if (model_dir_open(&model_dir, path, &err))
        model_dir_release(&model_dir);
    return 0;
}

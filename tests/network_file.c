#include "tests/network_file.h"

#include <stdio.h>
#include <string.h>

#include "engine/base/buf.h"

bool network_file_read(struct network *network, const char *path,
                       const struct network_options *options, struct error *err)
{
    struct buf file = {0};
    bool ok = buf_append_file(&file, path, 1 << 26, err) &&
              network_read(network, file.data, file.len, options, err);

    buf_release(&file);
    return ok;
}

size_t network_file_each(void (*check)(const char *file), size_t one_of)
{
    FILE *list = fopen("tests/data/networks/networks.txt", "r");
    char file[128], name[128], last[128] = "", expected[256];
    size_t num = 0;

    if (!list)
        return 0;
    while (fscanf(list, "%127s %127s %255[^\n]", file, name, expected) == 3) {
        if (strcmp(name, last) == 0 || strncmp(expected, "not yet", 7) == 0)
            continue;
        strcpy(last, name);
        if (num++ % one_of == 0)
            check(file);
    }
    fclose(list);
    return num;
}

#include "tests/network_file.h"

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

#ifndef TESTS_NETWORK_FILE_H
#define TESTS_NETWORK_FILE_H

#include "engine/network/network.h"

/* network_read of an ONNX file. Also ERROR_IO: it cannot be read. */
bool network_file_read(struct network *network, const char *path,
                       const struct network_options *options, struct error *err)
    __attribute__((warn_unused_result));

#endif

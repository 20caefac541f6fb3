#ifndef TESTS_NETWORK_FILE_H
#define TESTS_NETWORK_FILE_H

#include "engine/network/network.h"

/* network_read of an ONNX file. Also ERROR_IO: it cannot be read. */
bool network_file_read(struct network *network, const char *path,
                       const struct network_options *options, struct error *err)
    __attribute__((warn_unused_result));

/* Calls `check` for one file of each network of tests/data/networks that can be
 * read, or only for every so many of them: NAME for NAME.onnx. Returns how many
 * networks there are; 0 without the list. */
size_t network_file_each(void (*check)(const char *file), size_t one_of);

#endif

#ifndef ENGINE_NETWORK_INSPECT_PLACE_H
#define ENGINE_NETWORK_INSPECT_PLACE_H

/* Finds a network's file, and how it is to be read, from the path of an ONNX
 * file or of a model's folder. */

#include "engine/network/inspect.h"

/* `= {0}` is empty. */
struct inspect_place {
    char *path, *folder, *output; /* owned */
    struct network_options options;
};

/* Fills an empty place, which may only be released after a failure. Fails like
 * model_dir_open and labels_read; ERROR_MEMORY. */
bool inspect_place_find(struct inspect_place *place, const char *path,
                        const struct inspect_options *options,
                        struct error *err) __attribute__((warn_unused_result));

void inspect_place_release(struct inspect_place *place);

#endif

#ifndef ENGINE_NETWORK_RAW_H
#define ENGINE_NETWORK_RAW_H

/* A network on raw tensors instead of pictures: what goes in and comes out is
 * laid out as the ONNX file says.
 *
 *     struct raw_input input = {.name = "x", .array = &array};
 *     struct raw *raw = raw_new(bytes, len, &input, 1, NULL, 1, &err);
 *     struct raw_output output;
 *
 *     if (!raw || !raw_run(raw, &err))
 *         ...
 *     for (size_t i = 0; i < raw_num_outputs(raw); i++)
 *         raw_output(raw, i, &output);
 *     raw_free(raw);
 *
 * One thread at a time. */

#include <stddef.h>
#include <stdint.h>

#include "engine/base/error.h"
#include "engine/graph/graph.h"
#include "engine/network/npy.h"

struct raw;

struct raw_input {
    const char *name; /* of the file's input; NULL: of the first that
                         no other is for */
    const struct npy *array;
    bool is_constant; /* not an input of the graph but known to it when it is
                         planned, as weights are; integers always are */
};

/* Borrowed from the network until its next run. */
struct raw_output {
    const char *name;
    struct graph_shape shape;
    const float *values; /* integers as floats */
};

/* What a class activation map could be read from (head.h). */
struct raw_head {
    const char *name;    /* such as "gap-linear"; NULL: no classifier */
    const char *refusal; /* why no map is defined, or NULL where one is */
    size_t num_classes;
};

/* Reads, checks and plans a network for inputs of these shapes, and copies the
 * inputs. The file's other files are in `folder` (NULL: it has none). Returns
 * NULL and
 * ERROR_INPUT        the file is malformed, or an input does not fit it
 * ERROR_UNSUPPORTED  a node that we cannot run; the text names it
 * ERROR_LIMIT, ERROR_MEMORY, ERROR_INTERNAL */
struct raw *raw_new(const uint8_t *bytes, size_t len,
                    const struct raw_input *inputs, size_t num_inputs,
                    const char *folder, unsigned num_threads, struct error *err)
    __attribute__((warn_unused_result));

/* ERROR_INTERNAL. */
bool raw_run(struct raw *raw, struct error *err)
    __attribute__((warn_unused_result));

/* The file's outputs, in its order. i < raw_num_outputs. */
size_t raw_num_outputs(const struct raw *raw);
void raw_output(const struct raw *raw, size_t i, struct raw_output *output);

void raw_head(const struct raw *raw, struct raw_head *head);

/* The last feature map, (1, channels, height, width), named "features".
 * Returns false where the head has none. */
bool raw_features(const struct raw *raw, struct raw_output *output);

void raw_free(struct raw *raw);

#endif

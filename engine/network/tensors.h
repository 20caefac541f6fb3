#ifndef ENGINE_NETWORK_TENSORS_H
#define ENGINE_NETWORK_TENSORS_H

/* Runs a network on any tensors, not only images. Inputs and outputs have the
 * ONNX file's layout.
 *
 *     struct tensors_input input = {.name = "x", .array = &array};
 *     struct tensors_network *tensors =
 *         tensors_new(bytes, len, &input, 1, NULL, 1, &err);
 *     struct tensors_output output;
 *
 *     if (!tensors || !tensors_run(tensors, &err))
 *         ...
 *     for (size_t i = 0; i < tensors_num_outputs(tensors); i++)
 *         tensors_output(tensors, i, &output);
 *     tensors_free(tensors);
 *
 * One thread at a time. */

#include <stddef.h>
#include <stdint.h>

#include "engine/base/error.h"
#include "engine/graph/graph.h"
#include "engine/network/npy.h"

struct tensors_network;

struct tensors_input {
    const char *name; /* NULL: the first input without another array */
    const struct npy *array;
    bool is_constant; /* a constant when the network is planned, like weights,
                         and not an input; integers always are */
};

/* Borrowed from the network until its next run. */
struct tensors_output {
    const char *name;
    struct graph_shape shape;
    const float *values; /* integers as floats */
};

/* The head (head.h). */
struct tensors_head {
    const char *name;    /* such as "gap-linear"; NULL: not a classifier */
    const char *refusal; /* why no map is defined, or NULL */
    size_t num_classes;
};

/* Reads, checks and plans a network for inputs of these shapes, and copies the
 * inputs. `folder` holds the model's other files (NULL: there are none).
 * Returns NULL and
 * ERROR_INPUT        the file is malformed, or an input does not fit it
 * ERROR_UNSUPPORTED  an unsupported node; the text names it
 * ERROR_LIMIT, ERROR_MEMORY, ERROR_INTERNAL */
struct tensors_network *tensors_new(const uint8_t *bytes, size_t len,
                                    const struct tensors_input *inputs,
                                    size_t num_inputs, const char *folder,
                                    unsigned num_threads, struct error *err)
    __attribute__((warn_unused_result));

/* ERROR_INTERNAL. */
bool tensors_run(struct tensors_network *tensors, struct error *err)
    __attribute__((warn_unused_result));

/* The file's outputs, in its order. i < tensors_num_outputs. */
size_t tensors_num_outputs(const struct tensors_network *tensors);
void tensors_output(const struct tensors_network *tensors, size_t i,
                    struct tensors_output *output);

void tensors_head(const struct tensors_network *tensors,
                  struct tensors_head *head);

/* The last feature map, (1, channels, height, width), named "features". Returns
 * false if there are none. */
bool tensors_features(const struct tensors_network *tensors,
                      struct tensors_output *output);

void tensors_free(struct tensors_network *tensors);

#endif

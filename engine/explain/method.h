#ifndef ENGINE_EXPLAIN_METHOD_H
#define ENGINE_EXPLAIN_METHOD_H

/* What a method of explanation is, what it is given and what it makes. Each has
 * a file in this folder, NAME.c, with NAME_method, and a row in
 * EXPLAIN_METHODS. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/error.h"
#include "engine/explain/probe.h"
#include "engine/explain/target.h"
#include "engine/image/preprocess.h"
#include "engine/network/layers.h"
#include "engine/network/network.h"

/* X(word, name in requests): word_method is defined in word.c. The first method
 * that is defined for a network is its default. */
#define EXPLAIN_METHODS(X)                          \
    X(cam, "cam")                                   \
    X(gradcam, "gradcam")                           \
    X(hirescam, "hirescam")                         \
    X(xgradcam, "xgradcam")                         \
    X(gradcam_plus_plus, "gradcam++")               \
    X(layercam, "layercam")                         \
    X(elementwise, "elementwise")                   \
    X(ablationcam, "ablationcam")                   \
    X(eigencam, "eigencam")                         \
    X(eigengradcam, "eigengradcam")                 \
    X(reciprocam, "reciprocam")                     \
    X(saliency, "saliency")                         \
    X(gradient_input, "gradient-input")             \
    X(guided, "guided")                             \
    X(deconvnet, "deconvnet")                       \
    X(guided_gradcam, "guided-gradcam")             \
    X(smoothgrad, "smoothgrad")                     \
    X(integrated_gradients, "integrated-gradients") \
    X(occlusion, "occlusion")                       \
    X(rise, "rise")                                 \
    X(scorecam, "scorecam")

enum {
    EXPLAIN_MAX_CLASSES = 16, /* maps of one image; each costs a box too */
    EXPLAIN_MAX_CHECKS = 4,
    EXPLAIN_MAX_CELLS = 1 << 26, /* of all maps of one image */
    EXPLAIN_MAX_MASK_CELLS = 64, /* along each side of a mask */
};

/* ---- parameters ---- */

/* X(enumerator, field, type, flag, default, least, most, help)
 *
 * The parameters of all methods; a method's row says which of them it has. The
 * type is NUMBER, a uint32_t, or SHARE, a float from 0 to 1. */
#define EXPLAIN_PARAMETERS(X)                                                 \
    X(EXPLAIN_SAMPLES, samples, NUMBER, "samples", 32, 1, 1000,               \
      "the number of noisy images")                                           \
    X(EXPLAIN_NOISE, noise, SHARE, "noise", 0.15f, 0, 1,                      \
      "the standard deviation of the noise, as a share of the input's range") \
    X(EXPLAIN_STEPS, steps, NUMBER, "steps", 32, 1, 256,                      \
      "the number of points between the baseline and the image")              \
    X(EXPLAIN_WINDOW, window, NUMBER, "window", 0, 0, 4096,                   \
      "the side of the square that is hidden, in pixels of the input; 0: a "  \
      "fifth of each side")                                                   \
    X(EXPLAIN_MASKS, masks, NUMBER, "masks", 300, 1, 20000,                   \
      "the number of random masks")                                           \
    X(EXPLAIN_CELLS, cells, NUMBER, "mask-cells", 7, 2,                       \
      EXPLAIN_MAX_MASK_CELLS, "the cells of a mask along each side")          \
    X(EXPLAIN_KEEP, keep, SHARE, "keep", 0.5f, 0, 1,                          \
      "the probability that a cell of a mask shows the image")                \
    X(EXPLAIN_CHANNELS, channels, NUMBER, "max-channels", 1400, 0, 65536,     \
      "the number of channels that the image is seen through, at most: "      \
      "those that vary most over the cells; 0: all")                          \
    X(EXPLAIN_SEED, seed, NUMBER, "seed", 0, 0, UINT32_MAX,                   \
      "the seed of the random numbers")

enum explain_parameter {
#define X(parameter, ...) parameter,
    EXPLAIN_PARAMETERS(X)
#undef X
        EXPLAIN_NUM_PARAMETERS
};

#define EXPLAIN_NUMBER uint32_t
#define EXPLAIN_SHARE float

struct explain_parameters {
#define X(parameter, field, type, ...) EXPLAIN_##type field;
    EXPLAIN_PARAMETERS(X)
#undef X
};

#define EXPLAIN_PARAMETER_DEFAULT(parameter, field, type, flag, standard, ...) \
    .field = standard,
#define EXPLAIN_PARAMETERS_DEFAULT                    \
    {                                                 \
        EXPLAIN_PARAMETERS(EXPLAIN_PARAMETER_DEFAULT) \
    }

/* ---- what is asked ---- */

/* Everything is borrowed. */
struct explain_task {
    const struct network *network;
    const struct layer *layer; /* NULL: the network has no layers */
    int value; /* of the layer, where the plan that classifies outputs it; else
                  GRAPH_NONE */
    bool is_closed; /* only a mean over the image and at most a linear layer
                       follow this layer */
    enum target_kind target;
    size_t num_maps;
    struct explain_parameters parameters;
    float baseline[3];  /* (channels) a pixel of the input that is hidden */
    bool keeps_colours; /* maps of a method that has colours keep them */
};

struct explain_input {
    const struct explain_task *task;
    struct probe *probe;          /* has begun with the image */
    const struct target *targets; /* (num_maps) */
    const float *logits;          /* (num_classes) of the unchanged image */
};

/* ---- what is made ---- */

/* Two numbers that a correct map makes equal, or nearly so. */
struct explain_check {
    const char *name;
    double expected, found;
};

struct explain_map {
    size_t class_index;
    size_t width, height; /* cells, or pixels of the input */
    float *values;  /* (height, width), unscaled; borrowed from explain_maps */
    float *colours; /* (height, width, num_colours) signed, of which values
                       are the largest; NULL: not kept; borrowed from
                       explain_maps */
    size_t num_colours;
    float min, max;
    float scale; /* the value, or its distance from 0, that is drawn in full */
    struct explain_check checks[EXPLAIN_MAX_CHECKS];
    size_t num_checks;
    bool is_normalized; /* the features were normalized before weighting: */
    double norm_mean, norm_deviation; /* the subtrahend and the divisor */
    struct preprocess_region region;  /* of the upright image, in pixels; may
  reach beyond it (letterbox) */
};

/* The maps of one explanation, reused for the next one. `= {0}` is empty. */
struct explain_maps {
    struct explain_map map[EXPLAIN_MAX_CLASSES];
    size_t count;
    float *values;  /* (count, height, width) owned */
    float *colours; /* (count, height, width, num_colours) owned */
    size_t values_cap, colours_cap;
};

/* ---- a method ---- */

struct explain_method {
    const char *title; /* in words, such as "Grad-CAM" */
    const char *paper;
    const char *needs;   /* requirements on the network, as text */
    unsigned parameters; /* a set: the sum of EXPLAIN_HAS(…) */
    bool uses_layer;     /* a layer is explained, of whose cells the map is */
    bool of_pixels;      /* unless it is of the input's pixels */
    bool has_colours;    /* each value is the largest, by its size, of a number
                            with a sign for each of a pixel's colours */
    bool is_signed;      /* negative values are evidence against the class, and
                            drawn */
    bool is_cam; /* of a closed layer, its map is the class activation map
                    times a number, with or without its negative values */
    /* Says why the method is not defined for a network and a layer, or returns
     * NULL if it is. */
    const char *(*refuse)(const struct explain_task *task);
    /* The passes that it takes besides the one that classifies, at most; NULL:
     * none. */
    size_t (*passes)(const struct explain_task *task);
    /* Makes the maps of the classes that are set in `maps`: calls
     * explain_reserve, then sets values and checks. ERROR_MEMORY; ERROR_BUSY if
     * cancelled; ERROR_INTERNAL; ERROR_UNSUPPORTED if the network has no
     * gradient. */
    bool (*explain)(struct explain_maps *maps,
                    const struct explain_input *input, struct error *err);
};

#define EXPLAIN_HAS(parameter) (1u << (parameter))

#define X(word, name) extern const struct explain_method word##_method;
EXPLAIN_METHODS(X)
#undef X

/* ---- for methods ---- */

/* Sets the size of all maps and allocates them, as zeros. ERROR_MEMORY,
 * ERROR_LIMIT. */
bool explain_reserve(struct explain_maps *maps, size_t height, size_t width,
                     struct error *err) __attribute__((warn_unused_result));

/* The same for the colours, after explain_reserve. */
bool explain_reserve_colours(struct explain_maps *maps, size_t num_colours,
                             struct error *err)
    __attribute__((warn_unused_result));

/* Adds a check to a map. */
void explain_add_check(struct explain_map *map, const char *name,
                       double expected, double found);

#endif

#ifndef ENGINE_NETWORK_LAYERS_H
#define ENGINE_NETWORK_LAYERS_H

/* The layers of a network: its feature maps, with the names that a caller may
 * choose one by.
 *
 *     struct layers layers = {0};
 *     size_t i;
 *
 *     if (!layers_find(&layers, &graph, logits, &err) ||
 *         !layers_choose(&i, &layers, "features.18", &err))
 *         ...
 *     ... layers.list[i].value
 *     layers_release(&layers);
 *
 * A layer is a computed float value of shape (1, C, H, W), or (1, H, W, C) in
 * the file, whose rows and columns are those of an image (graph_picture.h). It
 * depends on the network's input and the logits depend on it. Maps of one cell
 * are listed only if there are no larger ones. Values that hold the elements of
 * another layer in another order or shape are no layers of their own, but other
 * names of it. A value without a name in the file has its node's.
 *
 * Any thread may use the layers of an immutable graph. */

#include <stdbool.h>
#include <stddef.h>

#include "engine/base/arena.h"
#include "engine/base/error.h"

struct graph;

struct layer {
    int value;          /* in the graph */
    const char *name;   /* unique; the file's first name for the value */
    const char *op;     /* the ONNX operator that begins to make it, such as
                           "Conv"; others may be folded into it */
    const char *module; /* the exporter's path of the module that makes it, such
                           as "features.18.2", or "" */
    const char *begins; /* the path of the module whose operation begins to make
                           it, if the node's name has one, or "" */
    size_t channels, height, width;
    bool is_nhwc; /* (1, H, W, C) before graph_layout; else (1, C, H, W) */
    double field_x, field_y; /* receptive field in pixels of the input; infinite
                                if a cell sees the whole image, as behind
                                squeeze-and-excitation or attention */
    double stride_x, stride_y; /* in pixels of the input; 0 if not defined */
    double first_x, first_y;   /* where the field of the first cell begins, in
                                  pixels of the input: mostly outside it;
                                  -infinite if cells see the whole image */
    bool is_waist; /* all paths from the image to the logits lead through it */
};

/* Another name of a layer. */
struct layers_alias {
    const char *name;
    size_t layer; /* index */
};

/* `= {0}` is empty. Names are borrowed from the graph. */
struct layers {
    struct layer *list; /* (count) in the order of computation */
    size_t count;
    size_t chosen; /* the default: the last waist, which is the last feature map
                      before pooling or flattening; the last of all if there is
                      none; `count` without layers */
    struct layers_alias *aliases; /* (num_aliases) */
    size_t num_aliases;
    struct arena arena; /* owned; holds the above */
};

/* Lists the layers of a graph after graph_fold and before graph_layout; logits
 * is a value. Finds nothing in a network without feature maps. The values keep
 * their names in graph_layout, so graph_find finds them afterwards.
 * ERROR_MEMORY. */
bool layers_find(struct layers *layers, const struct graph *graph, int logits,
                 struct error *err) __attribute__((warn_unused_result));

/* Finds the layer that a text means; the first of these rules that applies
 * decides:
 *
 *     "-1", "-2", …     the last, the last but one
 *     a name            the layer with this name
 *     a module's path   the last layer made in this module: its output
 *     an end of a name or path that begins at a component
 *     any other end of a name or path
 *
 * Several layers with one end are ambiguous, unless the end is that of one
 * module's path.
 * ERROR_INPUT: no layer, or more than one; the text names some, or the layer
 * that the module was folded into. */
bool layers_choose(size_t *index, const struct layers *layers, const char *text,
                   struct error *err) __attribute__((warn_unused_result));

void layers_release(struct layers *layers);

#endif

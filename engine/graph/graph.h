#ifndef ENGINE_GRAPH_GRAPH_H
#define ENGINE_GRAPH_GRAPH_H

/* The network as wherefore sees it between the ONNX file and the kernels.
 *
 *     onnx_read        the file's nodes, with initialisers as constants
 *     graph_infer      infers shapes, computes constants, resolves operands
 *     graph_fold       folds BatchNorm, padding, bias and clamps into layers
 *     gradient_append  adds the nodes of gradients, if they are asked for
 *     graph_layout     changes NCHW to NHWC and removes transposes
 *     head_find        finds the layers that class activation maps need
 *     plan             divides the graph into XNNPACK runtimes and kernels
 *
 * Values are numbered, and a node refers to its operands by number. Nodes are
 * in topological order. Until graph_layout, shapes and axes are those of the
 * ONNX file (NCHW); afterwards they are NHWC where a node says so. Everything
 * lives as long as the graph. One thread at a time may use a graph that is
 * being changed; afterwards it is immutable, and any thread may. */

#include <stddef.h>
#include <stdint.h>

#include "engine/base/arena.h"
#include "engine/base/error.h"
#include "engine/graph/graph_node.h"

enum {
    GRAPH_MAX_VALUES = 1 << 20,
    GRAPH_NONE = -1, /* no value, for an omitted operand */
};

/* The largest number of elements in one tensor: 1 GiB of floats. */
#define GRAPH_MAX_ELEMENTS ((size_t)1 << 28)

enum graph_type {
    GRAPH_FLOAT, /* float; float16 and double are converted on reading */
    GRAPH_INT,   /* int64_t; all integer types and bool; constants only */
};

/* Row-major; rank 0 is a scalar. */
struct graph_shape {
    uint32_t rank;
    size_t dim[GRAPH_MAX_RANK]; /* the first `rank` are used; others are 0 */
};

/* One of the file's names for a value. */
struct graph_name {
    struct graph_name *next;
    const char *module; /* the exporter's path of the module that makes the
                           value, if the file has one for its node; or NULL */
    char text[];
};

/* Passes may remove values. The file's names for a value are kept as long as
 * some value holds the same elements, even in another shape or order of axes.
 * No two values share a name. */
struct graph_value {
    const char *name;         /* the first name, or "" */
    struct graph_name *names; /* in the graph's arena */
    enum graph_type type;
    bool has_shape; /* true for every value after graph_infer */
    struct graph_shape shape;
    void *data;   /* the constant's elements, or NULL; reference-counted, see
                     graph_share_constant */
    int element;  /* the ONNX type of a constant or input of the file, or of a
                     value that only moves a uint8 input's elements; or 0 */
    int producer; /* index of the node that computes it, or GRAPH_NONE */
    bool is_cut;  /* an input made by graph_cut: (1, C, H, W) if it has rank 4,
                     whatever its shape looks like */
};

/* A node that cannot be read or run, or an input that cannot be read. */
struct graph_problem {
    const char *node, *onnx_op; /* in the arena; onnx_op is "" for an input */
    struct error why;           /* without the node's name */
    struct graph_problem *next;
};

/* The problems of all nodes, in their order, for callers that want more than
 * the first one. `= {0}` is empty. */
struct graph_problems {
    struct graph_problem *first, *last; /* in the graph's arena */
    size_t count;
    size_t num_blocked; /* nodes that depend on a failed node */
};

/* `= {0}` is empty. */
struct graph {
    struct arena arena;
    struct graph_problems *problems; /* borrowed, or NULL: see graph_forgive */
    struct graph_value *values;      /* (num_values) owned */
    struct graph_node *nodes;        /* (num_nodes) owned */
    size_t num_values, cap_values;
    size_t num_nodes, cap_nodes;
    size_t budget; /* elements that may still be computed from constants, and */
    size_t constants_left; /* how many may still be stored: graph_const.h */
    bool file_layout;      /* inputs and outputs keep the file's layout */
    bool takes_bytes; /* the input is of type uint8: pass samples from 0 to 255,
                         not normalized ones */
    int *inputs;      /* (num_inputs) owned; an image network has one */
    size_t num_inputs;
    int *outputs; /* (num_outputs) owned */
    size_t num_outputs;
    const char *
        *output_names;     /* (num_outputs) the file's names for them, from
                              onnx_read to graph_set_outputs; in the arena */
    size_t num_left_out;   /* nodes of the file that no output needs */
    uint64_t weight_files; /* a hash of the other files that weights were read
                              from, their sizes and times; 0: there are none */
};

const char *graph_op_name(enum graph_op op);

/* The facts about an operation in graph_node.h. */
uint32_t graph_op_floats(enum graph_op op);
bool graph_op_has(enum graph_op op, enum graph_fact fact);

/* graph_work.c: an estimate of the number of operations that compute a node's
 * output. The shapes of operands and output must be known. */
size_t graph_work(const struct graph *graph, const struct graph_node *node);

/* Handles a node's failure in *err. If the graph lists problems, and the
 * failure is not ERROR_MEMORY or ERROR_INTERNAL, it is added to the list, *err
 * is emptied and true is returned; the caller then skips the node. Otherwise
 * the node's name is put before the text and false is returned. */
bool graph_forgive(struct graph *graph, const char *node, const char *onnx_op,
                   struct error *err) __attribute__((warn_unused_result));

/* The number of elements; at most GRAPH_MAX_ELEMENTS if graph_shape_check
 * accepted the shape. */
size_t graph_shape_count(const struct graph_shape *shape);
/* The number of elements of a value. */
size_t graph_value_count(const struct graph *graph, int value);
bool graph_shape_equal(const struct graph_shape *a,
                       const struct graph_shape *b);

/* ERROR_LIMIT: more than GRAPH_MAX_ELEMENTS elements. */
bool graph_shape_check(const struct graph_shape *shape, struct error *err)
    __attribute__((warn_unused_result));

/* Writes a shape such as "1 x 3 x 224 x 224", or "scalar", to `text` and
 * returns it. */
enum { GRAPH_SHAPE_TEXT = 160 };
const char *graph_shape_text(char text[GRAPH_SHAPE_TEXT],
                             const struct graph_shape *shape);

/* Adds a value without a shape, a producer or data, and returns its number, or
 * GRAPH_NONE (ERROR_MEMORY, ERROR_LIMIT). The name is copied; "" means no name.
 * This call invalidates pointers to values. */
int graph_add_value(struct graph *graph, const char *name, enum graph_type type,
                    struct error *err) __attribute__((warn_unused_result));

/* Adds a constant with zeroed elements. */
int graph_add_constant(struct graph *graph, const char *name,
                       enum graph_type type, const struct graph_shape *shape,
                       struct error *err) __attribute__((warn_unused_result));

/* Makes a value a constant with undefined elements; its shape must be known.
 * ERROR_MEMORY, ERROR_LIMIT. */
bool graph_make_constant(struct graph_value *value, struct error *err)
    __attribute__((warn_unused_result));

/* Returns `len` bytes, which are undefined, or NULL if out of memory. They can
 * become the elements of a constant if there are at least GRAPH_BLOCK_LEAST. */
enum { GRAPH_BLOCK_LEAST = 1024 };
void *graph_block_new(size_t len) __attribute__((warn_unused_result));
void graph_block_free(void *block);

/* Makes a value, whose shape must be known, a constant with these elements;
 * takes the block. */
void graph_take_block(struct graph_value *value, void *block);

/* Adds a constant that shares the elements of another one, which may be in
 * another graph. They are freed with the last constant that uses them, and must
 * not be changed from now on. ERROR_MEMORY, ERROR_LIMIT. */
int graph_share_constant(struct graph *graph, const char *name,
                         const struct graph_value *from, struct error *err)
    __attribute__((warn_unused_result));

/* Makes a constant share the elements of another one that has the same ones.
 */
void graph_adopt_constant(struct graph_value *value,
                          const struct graph_value *from);

/* Releases a value's elements, if it is a constant. */
void graph_drop_constant(struct graph_value *value);

/* Adds a value to the graph's inputs. ERROR_MEMORY. */
bool graph_add_input(struct graph *graph, int value, struct error *err)
    __attribute__((warn_unused_result));

/* Sets the graph's outputs; does not prune. ERROR_MEMORY. */
bool graph_set_outputs(struct graph *graph, const int *values, size_t count,
                       struct error *err) __attribute__((warn_unused_result));

/* Whether the node clamps its result, that is, its min or max is finite. */
bool graph_is_clamped(const struct graph_node *node);

/* Adds a node at the end with operand lists of the given lengths (all
 * GRAPH_NONE) and without a clamp. Returns NULL on ERROR_MEMORY. This call
 * invalidates pointers to nodes. */
struct graph_node *graph_add_node(struct graph *graph, enum graph_op op,
                                  const char *name, const char *onnx_op,
                                  uint32_t num_inputs, uint32_t num_outputs,
                                  struct error *err)
    __attribute__((warn_unused_result));

/* Adds a node at the end unchanged; names and operands are not copied. Returns
 * NULL on ERROR_MEMORY. This call invalidates pointers to nodes. */
struct graph_node *graph_append(struct graph *graph,
                                const struct graph_node *node,
                                struct error *err)
    __attribute__((warn_unused_result));

/* Moves the nodes from index `first` to the end, which were added last, before
 * the node at index `to`, and updates `producer`. */
void graph_move_nodes(struct graph *graph, size_t first, size_t to);

/* The value of an operand, or NULL if it is omitted. */
struct graph_value *graph_input(const struct graph *graph,
                                const struct graph_node *node, uint32_t i);
struct graph_value *graph_output(const struct graph *graph,
                                 const struct graph_node *node, uint32_t i);

/* The node that computes a value, or NULL. */
const struct graph_node *graph_producer(const struct graph *graph, int value);

/* Follows reshapes back from `value` and returns the value that they start
 * from. */
int graph_behind_reshapes(const struct graph *graph, int value);

/* A constant's elements. The value must be a constant of that type. */
const float *graph_floats(const struct graph_value *value);
const int64_t *graph_ints(const struct graph_value *value);

/* Finds a constant, an input or a node's output by name; returns GRAPH_NONE if
 * there is none. */
int graph_find(const struct graph *graph, const char *name);

/* Moves the names of value `from`, which holds the same elements, to `value`.
 */
void graph_take_names(struct graph *graph, int value, int from);

/* Removes a value's names because its elements have changed. */
void graph_forget_names(struct graph *graph, int value);

/* Removes the nodes that no output depends on, frees unused constants, and
 * updates `producer` of all values. If a removed node only reshapes or
 * transposes its input, the input takes over the names of its output. */
void graph_prune(struct graph *graph);

void graph_release(struct graph *graph);

/* graph_shape.c, graph_const.c: infers every value's shape, computes values
 * that depend on constants alone, and turns operands that must be constant (the
 * target of Reshape, the pads of Pad, the bounds of Clip, …) into fields of the
 * node, which then has no such operand. Gemm and MatMul by constant weights
 * become LINEAR. The input's shape must be set. May run again after any pass;
 * earlier results are kept.
 * ERROR_INPUT        shapes do not fit together
 * ERROR_UNSUPPORTED  an operand that must be constant is not, for example
 * ERROR_LIMIT, ERROR_MEMORY; the text names the node. */
bool graph_infer(struct graph *graph, struct error *err)
    __attribute__((warn_unused_result));

/* graph_fuse.c: replaces the groups of nodes that exporters write for GELU,
 * hard swish, normalization, sigmoid and softmax by one node each. graph_fold
 * runs it first. */
void graph_fuse(struct graph *graph);

/* graph_fold.c: removes identities, and folds padding, BatchNorm, products and
 * sums with constants, clamps and consecutive linear layers into neighbouring
 * nodes, where they cost nothing. Results are equal up to rounding.
 * ERROR_MEMORY. */
bool graph_fold(struct graph *graph, struct error *err)
    __attribute__((warn_unused_result));

/* graph_layout.c: makes every convolution NHWC, and inputs and outputs of rank
 * 4 too unless graph->file_layout is set. Transposes between the two layouts
 * are removed; transposes that are still needed remain nodes. Every MEAN keeps
 * its axes afterwards. ERROR_MEMORY, ERROR_UNSUPPORTED. */
bool graph_layout(struct graph *graph, struct error *err)
    __attribute__((warn_unused_result));

/* Whether graph_layout takes an input of rank 4 for an image whose channels
 * come last in the file. */
bool graph_layout_is_nhwc(const struct graph_value *input);

/* graph_split.c: splits a convolution whose weights do not fit the cache into
 * several and a concatenation. After graph_layout. ERROR_MEMORY. */
bool graph_split(struct graph *graph, struct error *err)
    __attribute__((warn_unused_result));

#endif

#ifndef ENGINE_GRAPH_GRAPH_H
#define ENGINE_GRAPH_GRAPH_H

/* The network as wherefore sees it between the ONNX file and the kernels.
 *
 *     onnx_read        nodes as the file has them, initialisers as constants
 *     graph_infer      shapes; constants computed; constant operands resolved
 *     graph_fold       BatchNorm, padding, bias and clamps into convolutions
 *     graph_layout     NCHW to NHWC, transposes gone
 *     head_find        what a class activation map can be read from
 *     plan             steps: XNNPACK runtimes and plain kernels
 *
 * Values are numbered; a node names its operands by number. Nodes stand in an
 * order in which every value is made before it is used. Shapes and axes are
 * those of the ONNX file (NCHW) until graph_layout, and NHWC where a node
 * says so after it. Everything lives as long as the graph. One thread at a
 * time while it changes; immutable, and for any thread, afterwards. */

#include <stddef.h>
#include <stdint.h>

#include "engine/base/arena.h"
#include "engine/base/error.h"
#include "engine/graph/graph_node.h"

enum {
    GRAPH_MAX_VALUES = 1 << 20,
    GRAPH_NONE = -1, /* no value: an operand left out */
};

/* At most so many elements in one tensor: 1 GiB of floats. */
#define GRAPH_MAX_ELEMENTS ((size_t)1 << 28)

enum graph_type {
    GRAPH_FLOAT, /* float; float16 and double are converted on reading */
    GRAPH_INT,   /* int64_t; all integer types and bool; constants only */
};

/* Row-major; rank 0 is a scalar. */
struct graph_shape {
    uint32_t rank;
    size_t dim[GRAPH_MAX_RANK]; /* the first `rank` count; others are 0 */
};

/* One of the file's names for a value. */
struct graph_name {
    struct graph_name *next;
    char text[];
};

/* Passes drop values: what a value is called in the file is kept for as long
 * as there is one that holds the same elements, be it in another shape or in
 * another order of axes. No two values have a name in common. */
struct graph_value {
    const char *name;         /* the first one; "" where it has none */
    struct graph_name *names; /* in the graph's arena */
    enum graph_type type;
    bool has_shape; /* from graph_infer on: every value */
    struct graph_shape shape;
    void *data;   /* the constant's elements, or NULL; held, and maybe by
                     other values too (graph_share_constant) */
    int element;  /* the ONNX type of a constant or an input of the file, and
                     of what is an input of uint8 still, or 0 */
    int producer; /* index of the node that makes it, or GRAPH_NONE */
};

/* A node that cannot be read or run, or an input of the file's. */
struct graph_problem {
    const char *node, *onnx_op; /* names, in the graph's arena; the operator of
                                   an input is "" */
    struct error why;           /* without the node's name */
    struct graph_problem *next;
};

/* The problems of all nodes, in their order, for whoever asks for more than
 * the first. `= {0}` is empty. */
struct graph_problems {
    struct graph_problem *first, *last; /* in the graph's arena */
    size_t count;
    size_t num_blocked; /* nodes that take what one of those would make */
};

/* `= {0}` is empty. */
struct graph {
    struct arena arena;
    struct graph_problems *problems; /* where nodes that fail are listed and
                                        left out, until graph_infer is done;
                                        NULL: the first one is the error;
                                        borrowed */
    struct graph_value *values;      /* (num_values) owned */
    struct graph_node *nodes;        /* (num_nodes) owned */
    size_t num_values, cap_values;
    size_t num_nodes, cap_nodes;
    size_t budget; /* elements that may still be computed from constants, and */
    size_t constants_left; /* how many may still be stored: graph_const.h */
    bool file_layout;      /* inputs and outputs keep the file's, not NHWC */
    bool takes_bytes;      /* the picture is to be its samples, 0 to 255, as the
                              file's input of type uint8 has it */
    int *inputs;           /* (num_inputs) owned; a picture is the only one */
    size_t num_inputs;
    int *outputs; /* (num_outputs) owned */
    size_t num_outputs;
    const char *
        *output_names;   /* (num_outputs) what the file calls them, from
                            onnx_read to graph_set_outputs; in the arena */
    size_t num_left_out; /* nodes of the file that no output needs */
};

const char *graph_op_name(enum graph_op op);

/* What graph_node.h says of an operation. */
uint32_t graph_op_floats(enum graph_op op);
bool graph_op_has(enum graph_op op, enum graph_fact fact);

/* graph_work.c: how many numbers it takes to compute a node's output, about.
 * Its operands and its output need their shapes. */
size_t graph_work(const struct graph *graph, const struct graph_node *node);

/* Lists the failure in *err, which is a node's, among the graph's problems
 * and empties it, if they are kept and it is no matter of memory or of ours;
 * else puts the node's name before its text. Returns whether it was listed. */
bool graph_forgive(struct graph *graph, const char *node, const char *onnx_op,
                   struct error *err) __attribute__((warn_unused_result));

/* Elements of a shape; at most GRAPH_MAX_ELEMENTS once graph_shape_check
 * accepted it. */
size_t graph_shape_count(const struct graph_shape *shape);
/* Elements of a value. */
size_t graph_value_count(const struct graph *graph, int value);
bool graph_shape_equal(const struct graph_shape *a,
                       const struct graph_shape *b);

/* ERROR_LIMIT: more than GRAPH_MAX_ELEMENTS elements. */
bool graph_shape_check(const struct graph_shape *shape, struct error *err)
    __attribute__((warn_unused_result));

/* "1 x 3 x 224 x 224", or "scalar", into a caller's buffer; returns it. */
enum { GRAPH_SHAPE_TEXT = 160 };
const char *graph_shape_text(char text[GRAPH_SHAPE_TEXT],
                             const struct graph_shape *shape);

/* Adds a value without a shape, a producer or data, and returns its number,
 * or GRAPH_NONE (ERROR_MEMORY, ERROR_LIMIT). The name is copied; "" is none.
 * Pointers to values do not survive this call. */
int graph_add_value(struct graph *graph, const char *name, enum graph_type type,
                    struct error *err) __attribute__((warn_unused_result));

/* Adds a constant with zeroed elements. */
int graph_add_constant(struct graph *graph, const char *name,
                       enum graph_type type, const struct graph_shape *shape,
                       struct error *err) __attribute__((warn_unused_result));

/* Gives a value zeroed elements, and so makes it a constant; it needs a
 * shape. ERROR_MEMORY, ERROR_LIMIT. */
bool graph_make_constant(struct graph_value *value, struct error *err)
    __attribute__((warn_unused_result));

/* Adds a constant that has the elements of another one, be it of another
 * graph: both hold them, and they go with the last. From now on nobody may
 * change them. ERROR_MEMORY, ERROR_LIMIT. */
int graph_share_constant(struct graph *graph, const char *name,
                         const struct graph_value *from, struct error *err)
    __attribute__((warn_unused_result));

/* Gives up a constant's elements, if the value has any. */
void graph_drop_constant(struct graph_value *value);

/* Lists a value among the graph's inputs. ERROR_MEMORY. */
bool graph_add_input(struct graph *graph, int value, struct error *err)
    __attribute__((warn_unused_result));

/* Makes these the graph's outputs; nothing is pruned. ERROR_MEMORY. */
bool graph_set_outputs(struct graph *graph, const int *values, size_t count,
                       struct error *err) __attribute__((warn_unused_result));

/* Whether the node clamps its result: its min or its max is finite. */
bool graph_is_clamped(const struct graph_node *node);

/* Adds a node at the end with empty operand lists of the given lengths (all
 * GRAPH_NONE) and no clamp. Returns NULL on ERROR_MEMORY. Pointers to nodes
 * do not survive this call. */
struct graph_node *graph_add_node(struct graph *graph, enum graph_op op,
                                  const char *name, const char *onnx_op,
                                  uint32_t num_inputs, uint32_t num_outputs,
                                  struct error *err)
    __attribute__((warn_unused_result));

/* Adds a node at the end as it is: names and operands are not copied. Returns
 * NULL on ERROR_MEMORY. Pointers to nodes do not survive this call. */
struct graph_node *graph_append(struct graph *graph,
                                const struct graph_node *node,
                                struct error *err)
    __attribute__((warn_unused_result));

/* Moves the nodes from number `first` on, which were added last, before number
 * `to`, where those stand that need them; renews `producer`. */
void graph_move_nodes(struct graph *graph, size_t first, size_t to);

/* The value of an operand, or NULL where it is left out. */
struct graph_value *graph_input(const struct graph *graph,
                                const struct graph_node *node, uint32_t i);
struct graph_value *graph_output(const struct graph *graph,
                                 const struct graph_node *node, uint32_t i);

/* The node that makes a value, or NULL. */
const struct graph_node *graph_producer(const struct graph *graph, int value);

/* The value that reshapes between it and `value` merely rename. */
int graph_behind_reshapes(const struct graph *graph, int value);

/* A constant's elements. The value must be a constant of that type. */
const float *graph_floats(const struct graph_value *value);
const int64_t *graph_ints(const struct graph_value *value);

/* The value that has the name and is a constant, an input or made by a node;
 * else GRAPH_NONE. */
int graph_find(const struct graph *graph, const char *name);

/* The value gets the names of another one, which holds the same elements, and
 * which then has none. */
void graph_take_names(struct graph *graph, int value, int from);

/* The value holds other elements from now on. */
void graph_forget_names(struct graph *graph, int value);

/* Drops the nodes that no output depends on, frees the constants that nothing
 * uses, and renews `producer` of all values. What a dropped node merely
 * reshaped or transposed gets the names of the result. */
void graph_prune(struct graph *graph);

void graph_release(struct graph *graph);

/* graph_shape.c, graph_const.c: gives every value its shape, computes what
 * depends on constants alone, and turns operands that must be constant (the
 * target of Reshape, the borders of Pad, the bounds of Clip, …) into the
 * node's fields; such operands are dropped. Gemm and MatMul by constant
 * weights become LINEAR. The input's shape must be set. May run again after
 * any pass: what was inferred stays as it is.
 * ERROR_INPUT        shapes do not fit together
 * ERROR_UNSUPPORTED  an operand must be constant and is not, and the like
 * ERROR_LIMIT, ERROR_MEMORY; the text names the node. */
bool graph_infer(struct graph *graph, struct error *err)
    __attribute__((warn_unused_result));

/* graph_fuse.c: makes one node of the several that exporters write for GELU,
 * hard swish, normalization, sigmoid and softmax. graph_fold begins with it. */
void graph_fuse(struct graph *graph);

/* graph_fold.c: removes identities and folds into the node before or after
 * what costs nothing there: padding, BatchNorm, products and sums with
 * constants, clamps, linear layers in a row. Results are equal up to rounding.
 * ERROR_MEMORY. */
bool graph_fold(struct graph *graph, struct error *err)
    __attribute__((warn_unused_result));

/* graph_layout.c: makes every convolution NHWC, and, unless they keep the
 * file's, inputs and outputs of rank 4 too. Transposes that merely turned one
 * into the other are gone; those that remain are nodes. Every MEAN keeps its
 * axes afterwards. ERROR_MEMORY, ERROR_UNSUPPORTED. */
bool graph_layout(struct graph *graph, struct error *err)
    __attribute__((warn_unused_result));

/* graph_split.c: makes several convolutions and a concatenation of one whose
 * weights are too large for a cache. The last thing that graph_layout does.
 * ERROR_MEMORY. */
bool graph_split(struct graph *graph, struct error *err)
    __attribute__((warn_unused_result));

#endif

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

enum {
    GRAPH_MAX_RANK = 6,
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

struct graph_value {
    const char *name;
    enum graph_type type;
    bool has_shape; /* from graph_infer on: every value */
    struct graph_shape shape;
    void *data;   /* the constant's elements, or NULL; owned */
    int element;  /* the ONNX type of a constant or an input of the file, and
                     of what is an input of uint8 still, or 0 */
    int producer; /* index of the node that makes it, or GRAPH_NONE */
};

/* X(enumerator, name for messages). What a node does is written with ONNX's
 * names for operands; `out` is the first output. */
#define GRAPH_OPS(X)                                                                 \
    X(GRAPH_ADD, "add")      /* a + b, broadcast */                                  \
    X(GRAPH_SUB, "subtract") /* a - b, broadcast */                                  \
    X(GRAPH_MUL, "multiply") /* a b, broadcast */                                    \
    X(GRAPH_DIV, "divide")   /* a / b, broadcast */                                  \
    X(GRAPH_POW, "power")    /* a ** b, broadcast */                                 \
    X(GRAPH_MIN, "minimum")  /* of a and b, broadcast */                             \
    X(GRAPH_MAX, "maximum")  /* of a and b, broadcast */                             \
    X(GRAPH_MOD, "modulo")   /* a mod b, broadcast */                                \
    X(GRAPH_PRELU, "prelu")  /* a, or a b where a < 0, broadcast */                  \
    X(GRAPH_EQUAL, "equal")  /* a == b as 0 or 1, broadcast; of floats               \
                                a float, as are all truths below */                  \
    X(GRAPH_LESS, "less")    /* a < b */                                             \
    X(GRAPH_LESS_EQUAL, "less-or-equal") /* a <= b */                                \
    X(GRAPH_AND, "and")                  /* a and b, broadcast */                    \
    X(GRAPH_OR, "or")                    /* a or b, broadcast */                     \
    X(GRAPH_XOR, "exclusive-or")         /* either a or b, broadcast */              \
    X(GRAPH_WHERE, "where")      /* condition, a, b: a where it is not 0 */          \
    X(GRAPH_UNARY, "function")   /* the node's function of each element */           \
    X(GRAPH_CLAMP, "clamp")      /* x between the node's min and max */              \
    X(GRAPH_CONV, "convolution") /* x, weights (O, I/groups, kh, kw), b */           \
    X(GRAPH_BATCH_NORM, "batch-norm") /* x, scale, bias, mean, variance */           \
    X(GRAPH_DECONV, "transposed convolution") /* x, weights (I, O/groups,            \
                                                 kh, kw), b */                       \
    X(GRAPH_MAX_POOL, "max-pool")             /* the largest in each window */       \
    X(GRAPH_AVERAGE_POOL, "average-pool")     /* the mean of each window */          \
    X(GRAPH_LP_POOL, "lp-pool")       /* (sum of |x|^p)^(1/p) of each */             \
    X(GRAPH_PAD, "pad")               /* x with a border, or less of it */           \
    X(GRAPH_QUANTIZE, "quantize")     /* x / scale + zero point, rounded; x,         \
                                         scale,     zero point or none */            \
    X(GRAPH_DEQUANTIZE, "dequantize") /* (x - zero point) scale */                   \
    X(GRAPH_RESIZE, "resize")         /* x's axes enlarged or reduced */             \
    X(GRAPH_DEPTH_TO_SPACE, "depth-to-space") /* blocks from channels */             \
    X(GRAPH_SPACE_TO_DEPTH, "space-to-depth") /* channels from blocks */             \
    X(GRAPH_MEAN, "mean")                     /* x over axes */                      \
    X(GRAPH_REDUCE, "reduction")              /* the node's, of x over axes */       \
    X(GRAPH_NORM, "normalization")            /* (x - mean) / sqrt(variance +        \
                                                 epsilon) scale + bias, over axes */ \
    X(GRAPH_LRN, "local-response-normalization") /* over channels */                 \
    X(GRAPH_LINEAR, "linear")   /* x (.., I), weights (O, I), bias (O) */            \
    X(GRAPH_MATMUL, "matmul")   /* a (.., m, k), b (.., k, n) or vectors,            \
                                 which graph_infer makes LINEAR where it             \
                                 can; stacks are broadcast */                        \
    X(GRAPH_SOFTMAX, "softmax") /* x along one axis */                               \
    X(GRAPH_LOG_SOFTMAX, "log-softmax") /* its logarithm */                          \
    X(GRAPH_HARDMAX, "hardmax")         /* 1 at the first of the largest */          \
    X(GRAPH_RESHAPE, "reshape")     /* x's elements, in the shape of out */          \
    X(GRAPH_TRANSPOSE, "transpose") /* out.dim[i] = x.dim[perm[i]] */                \
    X(GRAPH_CONCAT, "concat")       /* all inputs along one axis */                  \
    X(GRAPH_SLICE, "slice")         /* x[start + i step] */                          \
    X(GRAPH_GATHER, "gather")       /* x, indices along one axis */                  \
    X(GRAPH_GATHER_ELEMENTS, "gather-elements") /* x, an index for each */           \
    X(GRAPH_GATHER_ND, "gather-nd") /* x, indices along several axes */              \
    X(GRAPH_RANGE, "range")         /* from a to below b in steps of c */            \
    X(GRAPH_NONZERO, "non-zero")    /* coordinates of what is not 0 in x */          \
    X(GRAPH_SHAPE, "shape")         /* the dimensions of x, as integers */           \
    X(GRAPH_EXPAND, "expand")       /* x, broadcast to the shape of out */           \
    X(GRAPH_FILL, "fill")           /* one value everywhere */                       \
    X(GRAPH_CAST, "cast")           /* x as the type of out */                       \
    X(GRAPH_CUMSUM, "cumsum")       /* of x along one axis */                        \
    X(GRAPH_EYE, "diagonal")        /* ones on one, as large as x */                 \
    X(GRAPH_TRILU, "triangle")      /* x on one side of a diagonal */                \
    X(GRAPH_ONE_HOT, "one-hot") /* indices, depth, the values off and on */          \
    X(GRAPH_SCATTER_ELEMENTS, "scatter-elements") /* x, indices, updates */          \
    X(GRAPH_SCATTER_ND, "scatter") /* x, indices along axes, updates */              \
    X(GRAPH_IDENTITY, "identity")  /* x (also Dropout) */

/* X(enumerator, name for messages): functions of one number. alpha and beta
 * are the node's. */
#define GRAPH_FUNCTIONS(X)                                                     \
    X(GRAPH_ABS, "abs")                                                        \
    X(GRAPH_NEGATE, "negate")                                                  \
    X(GRAPH_SIGN, "sign")                                                      \
    X(GRAPH_NOT, "not") /* 1 where x is 0, else 0 */                           \
    X(GRAPH_FLOOR, "floor")                                                    \
    X(GRAPH_CEIL, "ceil")                                                      \
    X(GRAPH_ROUND, "round") /* halves to even */                               \
    X(GRAPH_SQUARE, "square")                                                  \
    X(GRAPH_POWER, "power") /* x ** alpha */                                   \
    X(GRAPH_SQRT, "sqrt")                                                      \
    X(GRAPH_RECIPROCAL, "reciprocal")                                          \
    X(GRAPH_EXP, "exp")                                                        \
    X(GRAPH_LOG, "log")                                                        \
    X(GRAPH_ERF, "erf")                                                        \
    X(GRAPH_SIN, "sin")                                                        \
    X(GRAPH_COS, "cos")                                                        \
    X(GRAPH_TAN, "tan")                                                        \
    X(GRAPH_ASIN, "asin")                                                      \
    X(GRAPH_ACOS, "acos")                                                      \
    X(GRAPH_ATAN, "atan")                                                      \
    X(GRAPH_SINH, "sinh")                                                      \
    X(GRAPH_COSH, "cosh")                                                      \
    X(GRAPH_TANH, "tanh")                                                      \
    X(GRAPH_ASINH, "asinh")                                                    \
    X(GRAPH_ACOSH, "acosh")                                                    \
    X(GRAPH_ATANH, "atanh")                                                    \
    X(GRAPH_SIGMOID, "sigmoid")       /* 1 / (1 + exp(-x)) */                  \
    X(GRAPH_HARD_SWISH, "hard-swish") /* x (x / 6 + 1/2 in [0, 1]) */          \
    X(GRAPH_LEAKY_RELU, "leaky-relu") /* x, or alpha x where x < 0 */          \
    X(GRAPH_THRESHOLDED_RELU, "thresholded-relu") /* x > alpha ? x : 0 */      \
    X(GRAPH_ELU, "elu")   /* beta x, or beta alpha (exp(x) - 1) where x < 0 */ \
    X(GRAPH_CELU, "celu") /* x, or alpha (exp(x / alpha) - 1) where x < 0 */   \
    X(GRAPH_SOFTPLUS, "softplus")   /* log(1 + exp(x)) */                      \
    X(GRAPH_SOFTSIGN, "softsign")   /* x / (1 + |x|) */                        \
    X(GRAPH_MISH, "mish")           /* x tanh(softplus(x)) */                  \
    X(GRAPH_GELU, "gelu")           /* x (1 + erf(x / sqrt(2))) / 2 */         \
    X(GRAPH_GELU_TANH, "gelu-tanh") /* x (1 + tanh(sqrt(2 / pi)                \
                                       (x + 0.044715 x^3))) / 2 */             \
    X(GRAPH_SHRINK, "shrink") /* x - beta above alpha, x + beta below -alpha,  \
                                 0 between */

enum graph_function {
#define X(function, name) function,
    GRAPH_FUNCTIONS(X)
#undef X
        GRAPH_NUM_FUNCTIONS
};

enum graph_reduction {
    GRAPH_REDUCE_SUM,
    GRAPH_REDUCE_MAX,
    GRAPH_REDUCE_MIN,
    GRAPH_REDUCE_PROD,
    GRAPH_REDUCE_L1, /* sum of |x| */
    GRAPH_REDUCE_L2, /* sqrt of the sum of squares */
    GRAPH_REDUCE_SUM_SQUARE,
    GRAPH_REDUCE_LOG_SUM,
    GRAPH_REDUCE_LOG_SUM_EXP,
};

/* What comes of an element and an update of it. */
enum graph_scatter {
    GRAPH_SCATTER_REPLACE,
    GRAPH_SCATTER_ADD,
    GRAPH_SCATTER_MUL,
    GRAPH_SCATTER_MAX,
    GRAPH_SCATTER_MIN,
};

enum graph_op {
#define X(op, name) op,
    GRAPH_OPS(X)
#undef X
        GRAPH_NUM_OPS
};

/* How a convolution or pooling window moves. Rows before columns. */
struct graph_window {
    size_t kernel[2];
    size_t stride[2];
    size_t dilation[2];
    size_t pad_before[2]; /* top, left */
    size_t pad_after[2];  /* bottom, right */
    enum graph_auto_pad {
        GRAPH_PAD_GIVEN,
        GRAPH_PAD_SAME_UPPER, /* resolved to pads by graph_infer */
        GRAPH_PAD_SAME_LOWER,
    } auto_pad;
};

struct graph_node {
    enum graph_op op;
    const char *name;    /* the ONNX node's name, or its first output's */
    const char *onnx_op; /* the ONNX operator it came from, such as "Conv" */
    int *inputs;         /* (num_inputs) values, or GRAPH_NONE */
    int *outputs;        /* (num_outputs) values */
    uint32_t num_inputs, num_outputs;
    bool nhwc;      /* x and out of a window are NHWC, and a CONV's weights (O,
                       kh, kw, I/groups), or (1, kh, kw, O) where depthwise:
                       groups > 1 and I/groups = 1; a DECONV's are (O, kh, kw,
                       I/groups); set by graph_layout */
    float min, max; /* the result is clamped to this; infinite where not */
    union {
        struct {
            struct graph_window window;
            size_t groups;
            bool depthwise;   /* set by graph_layout */
            size_t extra[2];  /* DECONV: rows and columns after the last */
            size_t target[2]; /* the output's size, or 0; makes up the border
                                 in graph_infer */
        } conv;               /* CONV, DECONV */
        struct {
            struct graph_window window; /* a kernel of 0: the whole picture,
                                           until graph_infer */
            bool ceil;      /* the last window may reach beyond the border */
            size_t over[2]; /* by so much; set by graph_infer. Unlike the
                               border, what is there never counts */
            bool count_pad; /* AVERAGE_POOL: the border counts as zeros */
            int64_t p;      /* LP_POOL */
        } pool;
        struct {
            enum graph_resize_filter {
                GRAPH_RESIZE_NEAREST,
                GRAPH_RESIZE_LINEAR,
                GRAPH_RESIZE_CUBIC,
            } filter;
            enum graph_resize_coordinates {
                GRAPH_RESIZE_HALF_PIXEL,
                GRAPH_RESIZE_PYTORCH,
                GRAPH_RESIZE_SYMMETRIC,
                GRAPH_RESIZE_ALIGN_CORNERS,
                GRAPH_RESIZE_ASYMMETRIC,
                GRAPH_RESIZE_TENSORFLOW, /* NEAREST */
            } coordinates;
            enum graph_resize_rounding {
                GRAPH_RESIZE_PREFER_FLOOR, /* of halves */
                GRAPH_RESIZE_PREFER_CEIL,
                GRAPH_RESIZE_FLOOR,
                GRAPH_RESIZE_CEIL,
                GRAPH_RESIZE_OLD, /* down where enlarged, up where reduced */
            } rounding;           /* NEAREST */
            enum graph_resize_policy {
                GRAPH_RESIZE_STRETCH,
                GRAPH_RESIZE_NOT_LARGER, /* one scale for all axes */
                GRAPH_RESIZE_NOT_SMALLER,
            } policy;             /* until graph_infer */
            float a;              /* CUBIC */
            bool exclude_outside; /* taps beyond the border do not count */
            uint32_t scales_at;   /* the operand with scales; sizes follow */
            float raw_scales[GRAPH_MAX_RANK]; /* as an attribute has them */
            uint32_t num_raw_scales;
            int64_t raw_axes[GRAPH_MAX_RANK];
            uint32_t num_raw_axes;
            double scale[GRAPH_MAX_RANK]; /* out / in; from graph_infer on */
        } resize;
        struct {
            size_t size;
            bool columns_first; /* DEPTH_TO_SPACE: in a channel, ONNX's CRD */
        } block;                /* DEPTH_TO_SPACE, SPACE_TO_DEPTH */
        struct {
            float epsilon;
            bool training; /* by the statistics of x itself */
        };                 /* BATCH_NORM */
        struct {
            enum graph_function function;
            float alpha, beta;
        } unary;
        struct {
            enum graph_norm_rule {
                GRAPH_NORM_AXES,     /* over raw_axes */
                GRAPH_NORM_LAYER,    /* over axes from raw_axes[0] on */
                GRAPH_NORM_INSTANCE, /* over pixels */
                GRAPH_NORM_GROUP,    /* over pixels and groups of channels */
            } rule;
            float epsilon;
            bool about_zero; /* no mean is subtracted: x / sqrt(mean of squares
                                + epsilon) */
            int64_t raw_axes[GRAPH_MAX_RANK];
            uint32_t num_raw_axes;
            /* From graph_infer on. Where there are groups, axis `channel` is
             * divided into them, and scale and bias are (channels) or
             * (groups); else they broadcast. */
            bool axis[GRAPH_MAX_RANK];
            size_t groups, channel;
        } norm;
        struct {
            size_t channel; /* the axis */
            size_t size; /* channels: (size - 1) / 2 before, the rest after */
            float alpha, beta, bias;
        } lrn; /* x / (bias + alpha / size * sum of squares)^beta */
        struct {
            int64_t axis;    /* that scale and zero point are for, if many */
            size_t block;    /* elements along it that share one; 0: one each */
            float low, high; /* bounds of the result of QUANTIZE */
        } quant;
        bool truncated; /* MOD: the sign is a's, as C's fmod has it; else b's */
        struct {
            /* Negative: so many are cut off, before anything is added. */
            int64_t before[GRAPH_MAX_RANK], after[GRAPH_MAX_RANK];
            enum graph_pad_mode {
                GRAPH_PAD_CONSTANT,
                GRAPH_PAD_REFLECT, /* about the outermost element */
                GRAPH_PAD_EDGE,    /* repeats that */
                GRAPH_PAD_WRAP,    /* from the other side */
            } mode;
            float value; /* CONSTANT */
            bool tile;   /* input 1 says how often each axis is repeated; false
                            from graph_infer on */
            uint32_t num_given; /* dimensions that an attribute was for; 0:
                                   the border is input 1, until graph_infer */
        } pad;
        struct {
            enum graph_reduction function; /* of REDUCE */
            bool keep_dims;
            bool none_if_empty;               /* no axes are none, not all */
            bool of_pixels;                   /* all but the first two */
            bool axis[GRAPH_MAX_RANK];        /* from graph_infer on */
            int64_t raw_axes[GRAPH_MAX_RANK]; /* as the file has them */
            uint32_t num_raw_axes;            /* 0: they are input 1, or all */
        } reduce;
        struct {
            float alpha, beta;
            bool transpose_a, transpose_b;
        } gemm; /* MATMUL: alpha a b + beta c, a third input or none */
        struct {
            int64_t axis;   /* >= 0 from graph_infer on */
            bool to_matrix; /* SOFTMAX and its kin before opset 13: over all
                               axes from `axis` on; false from graph_infer on
                               where the others are of length 1 */
        };                  /* SOFTMAX and its kin, CONCAT, GATHER */
        struct {
            int64_t start[GRAPH_MAX_RANK], step[GRAPH_MAX_RANK];
            /* Until graph_infer: bounds given as attributes, if any; */
            int64_t end[GRAPH_MAX_RANK], raw_axes[GRAPH_MAX_RANK];
            size_t num_given;
            /* or, of a Split along raw_axes[0], which of its parts. */
            size_t part, num_parts;
            const int64_t *sizes; /* (num_parts) or NULL: input 1, or alike */
        } slice;
        struct {
            size_t perm[GRAPH_MAX_RANK];
            uint32_t num_perm; /* as the file has it; 0: not known */
        };                     /* TRANSPOSE */
        struct {
            enum graph_reshape_rule {
                GRAPH_RESHAPE_TO, /* Reshape: the shape is input 1 */
                GRAPH_RESHAPE_FLATTEN,
                GRAPH_RESHAPE_SQUEEZE,
                GRAPH_RESHAPE_UNSQUEEZE,
            } rule;
            bool allow_zero;
            int64_t axis;                     /* of Flatten */
            int64_t raw_axes[GRAPH_MAX_RANK]; /* of (Un)Squeeze attributes */
            uint32_t num_raw_axes;
        } reshape; /* from graph_infer on the output's shape says it all */
        struct {
            int64_t start, end; /* of the dimensions; clipped by graph_infer */
            bool product;       /* how many elements: a scalar */
        } dims;                 /* SHAPE */
        struct {
            double value;
        } fill;
        struct {
            size_t axis;    /* from graph_infer on */
            bool exclusive; /* an element does not count in its own sum */
            bool reverse;   /* from the end */
        } cumsum;
        struct {
            int64_t k;  /* columns to the right of the main one */
            bool upper; /* TRILU: what is to its right is kept */
        } diagonal;     /* EYE, TRILU */
        struct {
            int64_t axis; /* of SCATTER_ELEMENTS */
            enum graph_scatter how;
        } scatter;
    };
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
    size_t allowance; /* elements that may still be computed, and how many */
    size_t room;      /* constants may still have more (graph_const.h) */
    bool raw;         /* pictures stay as the file has them, not NHWC */
    bool takes_bytes; /* the picture is to be its samples, 0 to 255, as the
                         file's input of type uint8 has it */
    int *inputs;      /* (num_inputs) owned; a picture is the only one */
    size_t num_inputs;
    int *outputs; /* (num_outputs) owned */
    size_t num_outputs;
    const char *
        *output_names;   /* (num_outputs) what the file calls them, from
                            onnx_read to graph_set_outputs; in the arena */
    size_t num_left_out; /* nodes of the file that no output needs */
};

const char *graph_op_name(enum graph_op op);

/* Lists the failure in *err, which is a node's, among the graph's problems
 * and empties it, if they are kept and it is no matter of memory or of ours;
 * else puts the node's name before its text. Returns whether it was listed. */
bool graph_forgive(struct graph *graph, const char *node, const char *onnx_op,
                   struct error *err) __attribute__((warn_unused_result));

/* Elements of a shape; at most GRAPH_MAX_ELEMENTS once graph_shape_check
 * accepted it. */
size_t graph_shape_count(const struct graph_shape *shape);
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
 * or GRAPH_NONE (ERROR_MEMORY, ERROR_LIMIT). The name is copied. Pointers to
 * values do not survive this call. */
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

/* Moves the nodes from number `first` on, which were added last, before number
 * `to`, where those stand that need them; renews `producer`. */
void graph_move_nodes(struct graph *graph, size_t first, size_t to);

/* The value of an operand, or NULL where it is left out. */
struct graph_value *graph_input(const struct graph *graph,
                                const struct graph_node *node, uint32_t i);
struct graph_value *graph_output(const struct graph *graph,
                                 const struct graph_node *node, uint32_t i);

/* A constant's elements. The value must be a constant of that type. */
const float *graph_floats(const struct graph_value *value);
const int64_t *graph_ints(const struct graph_value *value);

/* How many operands of nodes, and outputs of the graph, name the value. */
size_t graph_num_uses(const struct graph *graph, int value);

/* Makes every use of a value, and every output of the graph that names it,
 * name another one. */
void graph_replace(struct graph *graph, int value, int by);

/* Drops the nodes that no output depends on, frees the constants that nothing
 * uses, and renews `producer` of all values. */
void graph_prune(struct graph *graph);

void graph_release(struct graph *graph);

/* graph_shape.c, graph_const.c: gives every value its shape, computes what
 * depends on constants alone, and turns operands that must be constant (the
 * target of Reshape, the borders of Pad, the bounds of Clip, …) into the
 * node's fields; such operands are dropped. Gemm and MatMul by constant
 * weights become LINEAR. The input's shape must be set.
 * ERROR_INPUT        shapes do not fit together
 * ERROR_UNSUPPORTED  an operand must be constant and is not, and the like
 * ERROR_LIMIT, ERROR_MEMORY; the text names the node. */
bool graph_infer(struct graph *graph, struct error *err)
    __attribute__((warn_unused_result));

/* graph_idiom.c: makes one node of the several that exporters write for GELU,
 * hard swish, normalization, sigmoid and softmax. graph_fold begins with it. */
void graph_idiom(struct graph *graph);

/* graph_fold.c: removes identities and folds into the node before or after
 * what costs nothing there: padding, BatchNorm, products and sums with
 * constants, clamps, linear layers in a row. Results are equal up to rounding.
 * ERROR_MEMORY. */
bool graph_fold(struct graph *graph, struct error *err)
    __attribute__((warn_unused_result));

/* graph_layout.c: makes every convolution NHWC, and, unless the graph is raw,
 * inputs and outputs of rank 4 too. Transposes that merely turned one into the
 * other are gone; those that remain are nodes. Every MEAN keeps its axes
 * afterwards. ERROR_MEMORY, ERROR_UNSUPPORTED. */
bool graph_layout(struct graph *graph, struct error *err)
    __attribute__((warn_unused_result));

/* graph_split.c: makes several convolutions and a concatenation of one whose
 * weights are too large for a cache. The last thing that graph_layout does.
 * ERROR_MEMORY. */
bool graph_split(struct graph *graph, struct error *err)
    __attribute__((warn_unused_result));

#endif

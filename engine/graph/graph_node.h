#ifndef ENGINE_GRAPH_GRAPH_NODE_H
#define ENGINE_GRAPH_GRAPH_NODE_H

/* The nodes of a graph: the operations, and the fields of each. The graph
 * itself is in graph.h.
 *
 * One row of GRAPH_OPS holds all constant facts about an operation. Other
 * folders build the names of their functions from the words in the row. So
 * their tables cannot lack a row, and a missing function is a link error. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { GRAPH_MAX_RANK = 6, GRAPH_EINSUM_OPERANDS = 4 };

/* Facts about all nodes of an operation. */
enum graph_fact {
    GRAPH_CLAMPS = 1,   /* its kernels apply the node's min and max */
    GRAPH_HANDS_ON = 2, /* its output consists of its input's elements */
    GRAPH_MACS = 4,     /* it consists of multiplications and additions */
    GRAPH_OF_SHAPE = 8, /* it depends on the shape of x alone */
    GRAPH_WEIGHS = 16,  /* it combines elements by weights or by each other */
    GRAPH_DECIDES = 32, /* its output is a decision, not logits */
};

/* X(enumerator, name for messages, floats, facts, work, shape, layout, kernel,
 *   gradient)
 *
 *     floats   how many operands, counted from the first, must be floats;
 *              operations of shape arithmetic take integers too
 *     facts    of enum graph_fact
 *     work     the work for one element of out: work_WORK in graph_work.c
 *     shape    graph_shape_SHAPE infers the shape: graph_shape_*.c
 *     layout   graph_layout_LAYOUT in graph_layout*.c; as_meant if operands
 *              must be stored in the file's order of axes
 *     kernel   kernel_KERNEL runs it: kernel_*.c; none if only XNNPACK does
 *     gradient gradient_GRADIENT makes the gradients of its operands:
 *              gradient_*.c; zero if they are 0, none if it is refused
 *
 * Comments use ONNX's names for operands; `out` is the first output. */
/* clang-format off */
#define GRAPH_OPS(X)                                                          \
    /* a + b, broadcast */                                                    \
    X(GRAPH_ADD, "add", 0, GRAPH_CLAMPS, one, binary, binary, binary, add)    \
    /* a - b, broadcast */                                                    \
    X(GRAPH_SUB, "subtract", 0, GRAPH_CLAMPS,                                 \
      one, binary, binary, binary, sub)                                       \
    /* a b, broadcast */                                                      \
    X(GRAPH_MUL, "multiply", 0, GRAPH_CLAMPS,                                 \
      one, binary, binary, binary, mul)                                       \
    /* a / b, broadcast */                                                    \
    X(GRAPH_DIV, "divide", 0, GRAPH_CLAMPS, one, binary, binary, binary, div) \
    /* a ** b, broadcast */                                                   \
    X(GRAPH_POW, "power", 0, 0, one, pow, binary, binary, pow)                \
    /* the smaller of a and b, broadcast */                                   \
    X(GRAPH_MIN, "minimum", 0, 0, one, binary, binary, binary, extreme)       \
    /* the larger of a and b, broadcast */                                    \
    X(GRAPH_MAX, "maximum", 0, 0, one, binary, binary, binary, extreme)       \
    /* a mod b, broadcast */                                                  \
    X(GRAPH_MOD, "modulo", 0, GRAPH_DECIDES,                                  \
      one, binary, binary, binary, modulo)                                    \
    /* a, or a b where a < 0, broadcast */                                    \
    X(GRAPH_PRELU, "prelu", 0, 0, one, prelu, binary, binary, prelu)          \
    /* a == b as 0 or 1, broadcast; a float for floats, like all comparisons  \
       below */                                                               \
    X(GRAPH_EQUAL, "equal", 0, GRAPH_DECIDES,                                 \
      one, binary, binary, binary, zero)                                      \
    /* a < b */                                                               \
    X(GRAPH_LESS, "less", 0, GRAPH_DECIDES,                                   \
      one, binary, binary, binary, zero)                                      \
    /* a <= b */                                                              \
    X(GRAPH_LESS_EQUAL, "less-or-equal", 0, GRAPH_DECIDES,                    \
      one, binary, binary, binary, zero)                                      \
    /* a and b, broadcast */                                                  \
    X(GRAPH_AND, "and", 0, GRAPH_DECIDES, one, logical, binary, binary, zero) \
    /* a or b, broadcast */                                                   \
    X(GRAPH_OR, "or", 0, GRAPH_DECIDES, one, logical, binary, binary, zero)   \
    /* exactly one of a and b, broadcast */                                   \
    X(GRAPH_XOR, "exclusive-or", 0, GRAPH_DECIDES,                            \
      one, logical, binary, binary, zero)                                     \
    /* condition, a, b: a where it is not 0 */                                \
    X(GRAPH_WHERE, "where", 0, GRAPH_DECIDES,                                 \
      one, where, binary, where, where)                                       \
    /* the node's function of each element */                                 \
    X(GRAPH_UNARY, "function", 0, 0, one, unary, any, unary, unary)           \
    /* x between the node's min and max */                                    \
    X(GRAPH_CLAMP, "clamp", 0, GRAPH_CLAMPS, one, clamp, any, clamp, pass)    \
    /* x, weights (O, I/groups, kh, kw), b */                                 \
    X(GRAPH_CONV, "convolution", 3, GRAPH_CLAMPS | GRAPH_MACS | GRAPH_WEIGHS, \
      conv, conv, conv, conv, conv)                                           \
    /* x, scale, bias, mean, variance */                                      \
    X(GRAPH_BATCH_NORM, "batch-norm", 5, GRAPH_WEIGHS,                        \
      one, batch_norm, as_meant, batch_norm, batch_norm)                      \
    /* x, weights (I, O/groups, kh, kw), b */                                 \
    X(GRAPH_DECONV, "transposed convolution", 3, GRAPH_CLAMPS | GRAPH_WEIGHS, \
      deconv, deconv, deconv, conv, deconv)                                   \
    /* the largest in each window */                                          \
    X(GRAPH_MAX_POOL, "max-pool", 1, GRAPH_CLAMPS | GRAPH_HANDS_ON,           \
      window, pool, pool, pool, max_pool)                                     \
    /* the mean of each window */                                             \
    X(GRAPH_AVERAGE_POOL, "average-pool", 1, GRAPH_CLAMPS,                    \
      window, pool, pool, pool, average_pool)                                 \
    /* (sum of |x|^p)^(1/p) of each */                                        \
    X(GRAPH_LP_POOL, "lp-pool", 1, 0, window, pool, pool, pool, lp_pool)      \
    /* x with padding added or removed */                                     \
    X(GRAPH_PAD, "pad", 0, 0, one, pad, pad, pad, pad)                        \
    /* x / scale + zero point, rounded; x, scale, zero point or none */       \
    X(GRAPH_QUANTIZE, "quantize", 1, 0,                                       \
      one, quantize, quantize, quantize, none)                                \
    /* (x - zero point) scale */                                              \
    X(GRAPH_DEQUANTIZE, "dequantize", 0, 0,                                   \
      one, quantize, quantize, quantize, none)                                \
    /* x enlarged or reduced along its axes */                                \
    X(GRAPH_RESIZE, "resize", 1, 0, one, resize, resize, resize, resize)      \
    /* blocks from channels */                                                \
    X(GRAPH_DEPTH_TO_SPACE, "depth-to-space", 1, GRAPH_HANDS_ON,              \
      one, block, picture, block, depth_to_space)                             \
    /* channels from blocks */                                                \
    X(GRAPH_SPACE_TO_DEPTH, "space-to-depth", 1, GRAPH_HANDS_ON,              \
      one, block, picture, block, space_to_depth)                             \
    /* the mean of x over axes */                                             \
    X(GRAPH_MEAN, "mean", 1, 0, one, reduce, mean, reduce, mean)              \
    /* the node's reduction of x over axes */                                 \
    X(GRAPH_REDUCE, "reduction", 0, 0, one, reduce, mean, reduce, reduce)     \
    /* (x - mean) / sqrt(variance + epsilon) scale + bias, over axes */       \
    X(GRAPH_NORM, "normalization", 3, GRAPH_CLAMPS | GRAPH_WEIGHS,            \
      one, norm, norm, norm, norm)                                            \
    /* over channels */                                                       \
    X(GRAPH_LRN, "local-response-normalization", 1, GRAPH_WEIGHS,             \
      channels, lrn, lrn, lrn, lrn)                                           \
    /* x (.., I), weights (O, I), bias (O) */                                 \
    X(GRAPH_LINEAR, "linear", 3, GRAPH_CLAMPS | GRAPH_MACS | GRAPH_WEIGHS,    \
      linear, linear, as_meant, none, linear)                                 \
    /* a (.., m, k), b (.., k, n) or vectors, which graph_infer makes LINEAR  \
       where it can; stacks are broadcast */                                  \
    X(GRAPH_MATMUL, "matmul", 3, GRAPH_MACS | GRAPH_WEIGHS,                   \
      matmul, matmul, as_meant, matmul, matmul)                               \
    /* sums of products, by the node's equation: "bij,bjk->bik" */            \
    X(GRAPH_EINSUM, "einsum", GRAPH_EINSUM_OPERANDS, GRAPH_MACS,              \
      einsum, einsum, as_meant, einsum, none)                                 \
    /* x along one axis */                                                    \
    X(GRAPH_SOFTMAX, "softmax", 1, 0,                                         \
      one, softmax, softmax, softmax, softmax)                                \
    /* its logarithm */                                                       \
    X(GRAPH_LOG_SOFTMAX, "log-softmax", 1, 0,                                 \
      one, softmax, softmax, softmax, log_softmax)                            \
    /* 1 at the first of the largest */                                       \
    X(GRAPH_HARDMAX, "hardmax", 1, GRAPH_DECIDES,                             \
      one, softmax, softmax, softmax, zero)                                   \
    /* x's elements, in the shape of out */                                   \
    X(GRAPH_RESHAPE, "reshape", 0, GRAPH_HANDS_ON,                            \
      one, reshape, reshape, copy, reshape)                                   \
    /* out.dim[i] = x.dim[perm[i]] */                                         \
    X(GRAPH_TRANSPOSE, "transpose", 0, GRAPH_HANDS_ON,                        \
      one, transpose, transpose, transpose, transpose)                        \
    /* all inputs along one axis */                                           \
    X(GRAPH_CONCAT, "concat", 0, GRAPH_HANDS_ON,                              \
      one, concat, concat, concat, concat)                                    \
    /* x[start + i step] */                                                   \
    X(GRAPH_SLICE, "slice", 0, GRAPH_HANDS_ON,                                \
      one, slice, slice, slice, slice)                                        \
    /* x, indices along one axis */                                           \
    X(GRAPH_GATHER, "gather", 0, GRAPH_HANDS_ON,                              \
      one, gather, gather, gather, gather)                                    \
    /* x, an index for each */                                                \
    X(GRAPH_GATHER_ELEMENTS, "gather-elements", 0, 0,                         \
      one, gather_elements, as_meant, gather_elements, gather_elements)       \
    /* x, indices along several axes */                                       \
    X(GRAPH_GATHER_ND, "gather-nd", 0, 0,                                     \
      one, gather_nd, as_meant, gather_nd, gather_nd)                         \
    /* from a to below b in steps of c */                                     \
    X(GRAPH_RANGE, "range", 0, 0, one, range, as_meant, range, zero)          \
    /* coordinates of what is not 0 in x */                                   \
    X(GRAPH_NONZERO, "non-zero", 0, 0, one, nonzero, as_meant, nonzero, zero) \
    /* the dimensions of x, as integers */                                    \
    X(GRAPH_SHAPE, "shape", 0, GRAPH_OF_SHAPE,                                \
      one, of_shape, as_meant, shape, zero)                                   \
    /* x, broadcast to the shape of out */                                    \
    X(GRAPH_EXPAND, "expand", 0, GRAPH_HANDS_ON,                              \
      one, expand, expand, expand, pass)                                        \
    /* one value everywhere */                                                \
    X(GRAPH_FILL, "fill", 0, 0, one, fill, as_meant, fill, zero)              \
    /* x as the type of out */                                                \
    X(GRAPH_CAST, "cast", 0, 0, one, same, any, cast, pass)                   \
    /* of x along one axis */                                                 \
    X(GRAPH_CUMSUM, "cumsum", 0, 0, one, cumsum, as_meant, cumsum, cumsum)    \
    /* ones on one, as large as x */                                          \
    X(GRAPH_EYE, "diagonal", 0, GRAPH_OF_SHAPE,                               \
      one, eye, as_meant, eye, zero)                                          \
    /* x on one side of a diagonal */                                         \
    X(GRAPH_TRILU, "triangle", 0, 0, one, trilu, as_meant, trilu, trilu)      \
    /* x, the lengths to reverse in each sequence */                          \
    X(GRAPH_REVERSE, "reverse", 0, GRAPH_HANDS_ON,                            \
      one, reverse, as_meant, reverse, reverse)                               \
    /* indices, depth, the off and on values */                               \
    X(GRAPH_ONE_HOT, "one-hot", 0, 0, one, one_hot, as_meant, one_hot, zero)  \
    /* x, indices, updates */                                                 \
    X(GRAPH_SCATTER_ELEMENTS, "scatter-elements", 0, 0,                       \
      one, scatter_elements, as_meant, scatter_elements, scatter_elements)    \
    /* x, indices along axes, updates */                                      \
    X(GRAPH_SCATTER_ND, "scatter", 0, 0,                                      \
      one, scatter_nd, as_meant, scatter_nd, scatter_nd)                      \
    /* What gradient.h adds: x and y are what a forward node took and made,   \
       g is the gradient of what it made. */                                  \
    /* y, g: g where y is between the node's low and high, else 0 */          \
    X(GRAPH_GATE, "gate", 2, GRAPH_CLAMPS, one, same, binary, gate, none)     \
    /* x, g: g times the derivative at x of the node's function */            \
    X(GRAPH_SLOPE, "derivative", 2, 0, one, same, binary, slope, none)        \
    /* x, indices and weights (length, taps): along one axis, sums over taps  \
       of a weight times the element that the index says */                   \
    X(GRAPH_MIX, "mix", 1, 0, taps, mix, mix, mix, none)                      \
    /* x, g: each element of g where the first of the largest in its window   \
       is in x */                                                             \
    X(GRAPH_MAX_POOL_GRADIENT, "max-pool's gradient", 2, 0,                   \
      window, same, picture, max_pool_gradient, none)                         \
    /* x, g: as if there were neither scale nor bias */                       \
    X(GRAPH_NORM_GRADIENT, "normalization's gradient", 2, 0,                  \
      one, same, norm_gradient, norm_gradient, none)                          \
    /* x (also Dropout) */                                                    \
    X(GRAPH_IDENTITY, "identity", 0, GRAPH_HANDS_ON,                          \
      one, same, any, copy, pass)
/* clang-format on */

/* X(enumerator, of integers too): functions of one number. alpha and beta are
 * the node's. */
#define GRAPH_FUNCTIONS(X)                                                    \
    X(GRAPH_ABS, true)                                                        \
    X(GRAPH_NEGATE, true)                                                     \
    X(GRAPH_SIGN, true)                                                       \
    X(GRAPH_NOT, true) /* 1 where x is 0, else 0 */                           \
    X(GRAPH_FLOOR, false)                                                     \
    X(GRAPH_CEIL, false)                                                      \
    X(GRAPH_ROUND, false) /* halves to even */                                \
    X(GRAPH_SQUARE, false)                                                    \
    X(GRAPH_POWER, false) /* x ** alpha */                                    \
    X(GRAPH_SQRT, false)                                                      \
    X(GRAPH_RECIPROCAL, false)                                                \
    X(GRAPH_EXP, false)                                                       \
    X(GRAPH_LOG, false)                                                       \
    X(GRAPH_ERF, false)                                                       \
    X(GRAPH_SIN, false)                                                       \
    X(GRAPH_COS, false)                                                       \
    X(GRAPH_TAN, false)                                                       \
    X(GRAPH_ASIN, false)                                                      \
    X(GRAPH_ACOS, false)                                                      \
    X(GRAPH_ATAN, false)                                                      \
    X(GRAPH_SINH, false)                                                      \
    X(GRAPH_COSH, false)                                                      \
    X(GRAPH_TANH, false)                                                      \
    X(GRAPH_ASINH, false)                                                     \
    X(GRAPH_ACOSH, false)                                                     \
    X(GRAPH_ATANH, false)                                                     \
    X(GRAPH_SIGMOID, false)          /* 1 / (1 + exp(-x)) */                  \
    X(GRAPH_HARD_SWISH, false)       /* x (x / 6 + 1/2 in [0, 1]) */          \
    X(GRAPH_LEAKY_RELU, false)       /* x, or alpha x where x < 0 */          \
    X(GRAPH_THRESHOLDED_RELU, false) /* x > alpha ? x : 0 */                  \
    X(GRAPH_ELU, false)  /* beta x, or beta alpha (exp(x) - 1) where x < 0 */ \
    X(GRAPH_CELU, false) /* x, or alpha (exp(x / alpha) - 1) where x < 0 */   \
    X(GRAPH_SOFTPLUS, false)  /* log(1 + exp(x)) */                           \
    X(GRAPH_SOFTSIGN, false)  /* x / (1 + |x|) */                             \
    X(GRAPH_MISH, false)      /* x tanh(softplus(x)) */                       \
    X(GRAPH_SILU, false)      /* x / (1 + exp(-x)) */                         \
    X(GRAPH_GELU, false)      /* x (1 + erf(x / sqrt(2))) / 2 */              \
    X(GRAPH_GELU_TANH, false) /* x (1 + tanh(sqrt(2 / pi)                     \
                                       (x + 0.044715 x^3))) / 2 */            \
    X(GRAPH_IS_NAN, false)    /* 1 where x is not a number, else 0 */         \
    X(GRAPH_IS_INF, false)    /* 1 where x is infinite: below 0 if alpha is   \
                                    1, above 0 if beta is */                  \
    X(GRAPH_SHRINK, false)    /* x - beta above alpha, x + beta below -alpha, \
                                    0 between */                              \
    X(GRAPH_GRID, false)      /* the nearest of beta, beta + 1 .. gamma times \
                                    alpha, halves to even; its derivative is  \
                                    taken as 1 between them, else as 0 */

enum graph_function {
#define X(function, of_ints) function,
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

/* How an update is combined with an element. */
enum graph_scatter {
    GRAPH_SCATTER_REPLACE,
    GRAPH_SCATTER_ADD,
    GRAPH_SCATTER_MUL,
    GRAPH_SCATTER_MAX,
    GRAPH_SCATTER_MIN,
};

enum graph_op {
#define X(op, ...) op,
    GRAPH_OPS(X)
#undef X
        GRAPH_NUM_OPS
};

/* How a convolution or pooling window moves: rows, then columns. */
struct graph_window {
    size_t kernel[2];
    size_t stride[2];
    size_t dilation[2];
    size_t pad_before[2]; /* top, left */
    size_t pad_after[2];  /* bottom, right */
    enum graph_auto_pad {
        GRAPH_PAD_GIVEN,
        GRAPH_PAD_SAME_UPPER, /* graph_infer turns these into pads */
        GRAPH_PAD_SAME_LOWER,
    } auto_pad;
};

struct graph_node {
    enum graph_op op;
    const char *name;    /* the ONNX node's name, or its first output's */
    const char *onnx_op; /* the ONNX operator, such as "Conv" */
    int *inputs;         /* (num_inputs) values, or GRAPH_NONE */
    int *outputs;        /* (num_outputs) values */
    uint32_t num_inputs, num_outputs;
    bool resolved;  /* set by graph_infer: fields marked so are valid, and
                       operands that must be constant are removed */
    bool nhwc;      /* x and out of a window are NHWC, and a CONV's weights (O,
                       kh, kw, I/groups), or (1, kh, kw, O) where depthwise:
                       groups > 1 and I/groups = 1; a DECONV's are (O, kh, kw,
                       I/groups), or (1, kh, kw, O) if depthwise: groups > 1,
                       I and O; set by graph_layout */
    float min, max; /* bounds of the result; infinite without a clamp */
    union {
        struct {
            struct graph_window window;
            size_t groups;
            bool depthwise;   /* set by graph_layout */
            size_t extra[2];  /* DECONV: more rows and columns at the end */
            size_t target[2]; /* the output's size, or 0; graph_infer turns it
                                 into padding and sets it to 0 */
        } conv;               /* CONV, DECONV */
        struct {
            struct graph_window window; /* until graph_infer, a kernel of 0
                                           means the whole image */
            bool ceil;      /* the last window may reach beyond the padding */
            size_t over[2]; /* by this much; set by graph_infer. Unlike padding,
                               elements there never count */
            bool count_pad; /* AVERAGE_POOL: padding counts as zeros */
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
            bool exclude_outside; /* taps outside the input do not count */
            uint32_t scales_at;   /* the operand with scales; sizes follow */
            float raw_scales[GRAPH_MAX_RANK]; /* from an attribute */
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
            bool training; /* uses the statistics of x itself */
        };                 /* BATCH_NORM */
        struct {
            enum graph_function function;
            float alpha, beta, gamma;
        } unary; /* UNARY, SLOPE */
        struct {
            float low, high; /* neither of them is between */
        } gate;
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
            /* From graph_infer on. With groups, axis `channel` is divided into
             * them, and scale and bias are (channels) or (groups); without,
             * they broadcast. */
            bool axis[GRAPH_MAX_RANK];
            size_t groups, channel;
        } norm;
        struct {
            size_t channel; /* the axis */
            size_t size; /* channels: (size - 1) / 2 before, the rest after */
            float alpha, beta, bias;
        } lrn; /* x / (bias + alpha / size * sum of squares)^beta */
        struct {
            int64_t axis; /* of scale and zero point, unless they are scalars */
            size_t block; /* elements along it that share a scale; 0: none */
            float low, high; /* bounds of the result of QUANTIZE */
        } quant;
        bool truncated; /* MOD: the sign is that of a, as in C's fmod; else that
                           of b */
        struct {
            /* Negative: elements are removed, before any are added. */
            int64_t before[GRAPH_MAX_RANK], after[GRAPH_MAX_RANK];
            enum graph_pad_mode {
                GRAPH_PAD_CONSTANT,
                GRAPH_PAD_REFLECT, /* around the outermost element */
                GRAPH_PAD_EDGE,    /* repeats the outermost element */
                GRAPH_PAD_WRAP,    /* wraps around */
            } mode;
            float value; /* CONSTANT */
            bool tile;   /* input 1 holds the number of repeats for each axis;
                            false from graph_infer on */
            uint32_t num_given; /* dimensions given by an attribute; 0: until
                                   graph_infer, input 1 holds the pads */
        } pad;
        struct {
            enum graph_reduction function; /* of REDUCE */
            bool keep_dims;
            bool none_if_empty; /* an empty list of axes means none, not all */
            bool of_pixels;     /* all but the first two */
            bool axis[GRAPH_MAX_RANK];        /* from graph_infer on */
            int64_t raw_axes[GRAPH_MAX_RANK]; /* from the file */
            uint32_t num_raw_axes;            /* 0: they are input 1, or all */
        } reduce;
        struct {
            float alpha, beta;
            bool transpose_a, transpose_b;
        } gemm; /* MATMUL: alpha a b + beta c; c is optional */
        struct {
            const char *equation; /* without blanks */
            /* From graph_infer on: one loop for each letter. Loops over the
             * output's axes come first, in the order of the axes. */
            size_t length[2 * GRAPH_MAX_RANK]; /* (num_loops) */
            uint32_t num_loops;
            uint8_t loop[GRAPH_EINSUM_OPERANDS]
                        [GRAPH_MAX_RANK]; /* of an axis */
        } einsum;
        struct {
            int64_t axis;   /* >= 0 from graph_infer on */
            bool to_matrix; /* SOFTMAX, LOG_SOFTMAX and HARDMAX before opset 13:
                               over all axes from `axis` on; graph_infer sets it
                               to false if the others are of length 1 */
        };                  /* SOFTMAX, LOG_SOFTMAX, HARDMAX, CONCAT, GATHER,
                               MIX */
        struct {
            int64_t start[GRAPH_MAX_RANK], step[GRAPH_MAX_RANK];
            /* Until graph_infer: bounds given as attributes, if any; */
            int64_t end[GRAPH_MAX_RANK], raw_axes[GRAPH_MAX_RANK];
            size_t num_given;
            /* or, for a Split along raw_axes[0], the index of this part. */
            size_t part, num_parts;
            const int64_t *sizes; /* (num_parts); NULL: input 1, or equal */
        } slice;
        struct {
            size_t perm[GRAPH_MAX_RANK];
            uint32_t num_perm; /* from the file; 0: not known */
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
        } reshape; /* from graph_infer on, only the output's shape matters */
        struct {
            int64_t start, end; /* of the dimensions; clipped by graph_infer */
            bool product; /* their product, a scalar: the number of elements */
        } dims;           /* SHAPE */
        struct {
            double value;
        } fill;
        struct {
            size_t axis;    /* from graph_infer on */
            bool exclusive; /* an element is not part of its own sum */
            bool reverse;   /* from the end */
        } cumsum;
        struct {
            int64_t k;  /* columns to the right of the main diagonal */
            bool upper; /* TRILU: elements to its right are kept */
        } diagonal;     /* EYE, TRILU */
        struct {
            bool first; /* axis 0 is time and axis 1 is the batch; else the
                           other way round */
        } reverse;
        struct {
            int64_t axis; /* of SCATTER_ELEMENTS */
            enum graph_scatter how;
        } scatter;
    };
};

#endif

#ifndef ENGINE_ONNX_ONNX_READER_H
#define ENGINE_ONNX_ONNX_READER_H

/* What the files of the ONNX reader share: onnx.c walks the file,
 * onnx_needed.c finds what of it is needed, onnx_tensor.c reads constants,
 * onnx_attribute.c attributes, and onnx_ops_*.c turn operators into nodes.
 * Private to them. */

#include "engine/graph/graph.h"
#include "engine/onnx/onnx.h"
#include "onnx.pb-c.h"

/* protoc-c's names are long; these are the ones used here. */
typedef Onnx__ModelProto onnx_model_proto;
typedef Onnx__GraphProto onnx_graph_proto;
typedef Onnx__NodeProto onnx_node_proto;
typedef Onnx__AttributeProto onnx_attribute_proto;
typedef Onnx__TensorProto onnx_tensor_proto;
typedef Onnx__ValueInfoProto onnx_value_info_proto;

/* TensorProto.DataType */
enum {
    ONNX_FLOAT = 1,
    ONNX_UINT8 = 2,
    ONNX_INT8 = 3,
    ONNX_UINT16 = 4,
    ONNX_INT16 = 5,
    ONNX_INT32 = 6,
    ONNX_INT64 = 7,
    ONNX_BOOL = 9,
    ONNX_FLOAT16 = 10,
    ONNX_DOUBLE = 11,
    ONNX_UINT32 = 12,
    ONNX_UINT64 = 13,
    ONNX_BFLOAT16 = 16,
    ONNX_UINT4 = 21,
    ONNX_INT4 = 22,
};

struct onnx_name; /* private to onnx_needed.c */

/* An output of the file, and the value that is served for it: itself, or what
 * it decides about. Names are borrowed from the file. */
struct onnx_needed_output {
    const char *name, *value;
};

/* What of a file its outputs need. `= {0}` is empty. */
struct onnx_needed {
    struct onnx_needed_output *outputs; /* (num_outputs) owned */
    size_t num_outputs;
    bool *nodes;             /* (n_node) of the file; owned */
    bool all;                /* each output as it is */
    struct onnx_name *names; /* (num_slots), a power of two; owned */
    size_t num_slots;
};

/* A file being read. */
struct onnx_reader {
    struct graph *graph;
    struct onnx_needed needed;
    int64_t opset;
    const onnx_model_proto *model;
    const char *folder;    /* where external data is; NULL: nowhere */
    uint64_t num_external; /* bytes of it that were read */
    const struct onnx_input *picture;    /* or NULL: */
    const struct onnx_binding *bindings; /* (num_bindings) */
    size_t num_bindings, num_bound;
    size_t next_unnamed; /* bindings before it are bound or have names */
    /* Value numbers by name: open addressing, GRAPH_NONE where empty. */
    int *slots; /* (num_slots), a power of two; owned */
    size_t num_slots;
    const onnx_node_proto *node; /* the one being converted */
    const char *mistyped; /* an attribute of it that is of another type */
    struct error *err;
};

/* ---- onnx.c ---- */

/* Adds the value that output i of reader->node names, for an operator that
 * becomes several nodes; GRAPH_NONE on failure. */
int onnx_define_output(struct onnx_reader *reader, size_t i,
                       enum graph_type type);

/* Whether the domain is that of ONNX's own operators. */
bool onnx_is_plain_domain(const char *domain);

/* ---- onnx_needed.c ---- */

/* Finds what is to be read for one output of that name, or where `output` is
 * NULL for each. An output that is a decision about a row of scores (ArgMax,
 * TopK, ZipMap) stands for that row. With `all` each output is taken as it is.
 * ERROR_INPUT: no output of that name, or two values of one; ERROR_MEMORY. */
bool onnx_needed_find(struct onnx_needed *needed, const onnx_graph_proto *proto,
                      const char *output, bool all, struct error *err)
    __attribute__((warn_unused_result));

/* Whether an output needs the value, an initialiser or an input for example. */
bool onnx_needed_has(const struct onnx_needed *needed, const char *name);

void onnx_needed_release(struct onnx_needed *needed);

/* ---- onnx_tensor.c ---- */

/* A TensorProto.DataType: its name, the size of one element in raw_data, and
 * what it becomes. */
struct onnx_element {
    const char *name;
    size_t bits;
    enum graph_type type;
};

/* NULL: a type we do not read. */
const struct onnx_element *onnx_element_of(int32_t type);

/* What the specification calls a type, read or not, such as "int4". Text is
 * room for those that it does not know. */
enum { ONNX_ELEMENT_NAME = 32 };
const char *onnx_element_name(char text[ONNX_ELEMENT_NAME], int32_t type);
/* The bytes that so many elements of a type we read have in raw_data; two of
 * 4 bits share one. */
size_t onnx_bytes_of(int32_t type, size_t count);

/* Fills a value whose shape is known with a tensor's elements. ERROR_INPUT:
 * too few or too many of them, or one is not a number. ERROR_MEMORY. */
bool onnx_fill_constant(struct graph_value *value, onnx_tensor_proto *tensor,
                        struct error *err) __attribute__((warn_unused_result));

/* ---- onnx_external.c ---- */

/* Reads the `size` bytes of a tensor that are in another file to its raw_data.
 * That file must be in the model's folder or below, by a plain relative path
 * without links.
 * ERROR_INPUT        its place is missing, malformed, or beyond the file's end
 * ERROR_IO           there is no such file
 * ERROR_UNSUPPORTED  there is no folder
 * ERROR_LIMIT, ERROR_MEMORY */
bool onnx_external_read(struct onnx_reader *reader, onnx_tensor_proto *tensor,
                        size_t size) __attribute__((warn_unused_result));

/* ---- onnx_attribute.c ---- */

/* An attribute of reader->node. NULL: the node has none of that name. */
const onnx_attribute_proto *onnx_attribute(struct onnx_reader *reader,
                                           const char *name);

/* The ones below take an attribute of another type for what they return where
 * there is none, and note it in reader->mistyped. */
int64_t onnx_attribute_int(struct onnx_reader *reader, const char *name,
                           int64_t otherwise);
float onnx_attribute_float(struct onnx_reader *reader, const char *name,
                           float otherwise);

/* Whether there is such an attribute, and it is that text. */
bool onnx_attribute_is(struct onnx_reader *reader, const char *name,
                       const char *text);

/* Reads a list of integers into `values`, at most `max` of them; *count stays
 * as it is where there is no such attribute. ERROR_UNSUPPORTED: more. */
bool onnx_attribute_ints(struct onnx_reader *reader, const char *name,
                         int64_t *values, size_t max, size_t *count)
    __attribute__((warn_unused_result));

/* Reads an optional list of exactly `num` sizes of at least `min`; `values`
 * stay as they are where there is none. ERROR_UNSUPPORTED: another number of
 * them. ERROR_INPUT: one is out of range. */
bool onnx_attribute_sizes(struct onnx_reader *reader, const char *name,
                          size_t *values, size_t num, int64_t min)
    __attribute__((warn_unused_result));

/* Reads the optional attribute `axes`. */
bool onnx_attribute_axes(struct onnx_reader *reader, int64_t *axes,
                         uint32_t *num_axes)
    __attribute__((warn_unused_result));

/* ---- onnx_ops*.c ---- */

/* An operator we read. Adding one is adding a row to a family's table; what
 * its operation is, graph_node.h says. */
struct onnx_operator {
    const char *name;
    enum graph_op op;
    uint32_t min_inputs, max_inputs;
    const char *attributes; /* the ones read (or safe to ignore), spaced */
    /* Fills the node's fields from the attributes of reader->node. */
    bool (*convert)(struct onnx_reader *reader, struct graph_node *node);
};

/* The families; each table ends with an empty row. */
extern const struct onnx_operator onnx_ops_math[];     /* of two numbers, sums,
                                                          products */
extern const struct onnx_operator onnx_ops_function[]; /* of one number, or over
                                                        axes */
extern const struct onnx_operator onnx_ops_window[];   /* convolution, pooling,
                                                          borders */
extern const struct onnx_operator onnx_ops_move[];     /* shapes, order, type */
extern const struct onnx_operator onnx_ops_quant[];    /* of integers that stand
                                                          for numbers */

/* NULL: an operator we do not read. */
const struct onnx_operator *onnx_ops_find(const char *name);

/* For operators without attributes. */
bool onnx_ops_plain(struct onnx_reader *reader, struct graph_node *node);

/* Row number i of all families; NULL past the last. */
const struct onnx_operator *onnx_ops_row(size_t i);

#endif

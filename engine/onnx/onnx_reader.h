#ifndef ENGINE_ONNX_ONNX_READER_H
#define ENGINE_ONNX_ONNX_READER_H

/* Shared by the files of the ONNX reader. onnx.c walks the file: onnx_needed.c
 * finds which part of it is needed, onnx_constant.c and onnx_tensor.c read
 * constants, onnx_inputs.c the inputs, onnx_node.c nodes, onnx_attribute.c
 * their attributes, and the tables of onnx_ops_*.c say what an operator is.
 * onnx_names.c maps names to values. Private to them. */

#include "engine/graph/graph.h"
#include "engine/onnx/onnx.h"
#include "engine/onnx/onnx_file.h"
#include "onnx.pb-c.h"

/* Short names for the types that protoc-c generates. */
typedef Onnx__ModelProto onnx_model_proto;
typedef Onnx__GraphProto onnx_graph_proto;
typedef Onnx__NodeProto onnx_node_proto;
typedef Onnx__StringStringEntryProto onnx_entry_proto;
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

/* A name in the file: of a node's output, an initialiser or an input. */
struct onnx_name {
    const char *text; /* borrowed from the file; NULL: an empty slot */
    int maker;        /* the file's node that makes it, or GRAPH_NONE */
    int value;      /* the graph's value, or GRAPH_NONE if there is none yet */
    bool is_needed; /* by an output */
    bool is_output;
    bool is_stood_for; /* an output that is a decision about it stands for it */
};

/* All names, in a hash table with open addressing. `= {0}` is empty. */
struct onnx_names {
    struct onnx_name *slots; /* (num_slots), a power of two; owned */
    size_t num_slots;
};

/* An output of the file, and the value that is served for it: the output
 * itself, or the scores that it is a decision about. Names are borrowed from
 * the file. */
struct onnx_needed_output {
    const char *name, *value;
};

/* The part of a file that its outputs need. `= {0}` is empty. */
struct onnx_needed {
    struct onnx_needed_output *outputs; /* (num_outputs) owned */
    size_t num_outputs;
    bool *nodes; /* (n_node) of the file; owned */
    bool all;    /* serve each output as it is */
};

/* A file being read. */
struct onnx_reader {
    struct graph *graph;
    struct onnx_names names;
    struct onnx_needed needed;
    int64_t opset;
    const onnx_model_proto *model;
    const char *folder;           /* where external data is; NULL: nowhere */
    const struct onnx_file *file; /* where large constants are, or NULL */
    size_t next_cut;              /* in it; those before are read */
    uint64_t weight_files;        /* see struct graph */
    uint64_t num_external;        /* bytes of it that were read */
    const struct onnx_input *picture;    /* or NULL: */
    const struct onnx_binding *bindings; /* (num_bindings) */
    size_t num_bindings, num_bound;
    size_t next_unnamed; /* bindings before it are bound or have names */
    const onnx_node_proto *node; /* the one being converted */
    const char *mistyped; /* an attribute of it that is of another type */
    struct error *err;
};

/* ---- onnx_names.c ---- */

enum { ONNX_MAX_NODES = 20000, ONNX_MAX_VALUES = 200000 };

/* Allocates slots for all names of a file. ERROR_LIMIT: there are too many;
 * ERROR_MEMORY. */
bool onnx_names_init(struct onnx_names *names, const onnx_graph_proto *proto,
                     struct error *err) __attribute__((warn_unused_result));

/* The entry of a name, or an empty one if it was not added. */
const struct onnx_name *onnx_names_find(const struct onnx_names *names,
                                        const char *text);

/* Like onnx_names_find, but the entry may be changed, and is added if it does
 * not exist. */
struct onnx_name *onnx_names_add(struct onnx_names *names, const char *text);

void onnx_names_release(struct onnx_names *names);

/* The graph's value with this name, or GRAPH_NONE. */
int onnx_value_of(const struct onnx_reader *reader, const char *name);

/* Adds a value with a name, which must be new; GRAPH_NONE on failure. */
int onnx_define(struct onnx_reader *reader, const char *name,
                enum graph_type type);

/* Adds the value that is output i of reader->node, for an operator that becomes
 * several nodes; GRAPH_NONE on failure. */
int onnx_define_output(struct onnx_reader *reader, size_t i,
                       enum graph_type type);

/* ---- onnx_needed.c ---- */

/* Finds what has to be read for the output named `output`, or for all outputs
 * if that is NULL, and notes it in the names. An output that is a decision
 * about a row of scores (ArgMax, TopK, ZipMap) stands for that row. With `all`,
 * each output is taken as it is. ERROR_INPUT: there is no output with that
 * name, or two values have the same name; ERROR_MEMORY. */
bool onnx_needed_find(struct onnx_needed *needed, struct onnx_names *names,
                      const onnx_graph_proto *proto, const char *output,
                      bool all, struct error *err)
    __attribute__((warn_unused_result));

void onnx_needed_release(struct onnx_needed *needed);

/* ---- onnx_inputs.c ---- */

/* Reads the inputs that are not initialisers; old exporters list initialisers
 * as inputs too. */
bool onnx_read_inputs(struct onnx_reader *reader, const onnx_graph_proto *proto)
    __attribute__((warn_unused_result));

/* ---- onnx_node.c ---- */

/* Reads a node, or omits it if the graph lists problems. */
bool onnx_read_node(struct onnx_reader *reader, const onnx_node_proto *proto)
    __attribute__((warn_unused_result));

/* Whether the domain is that of the standard ONNX operators. */
bool onnx_is_plain_domain(const char *domain);

/* ---- onnx_constant.c ---- */

/* Reads a constant of the file, its number i. If its type is not supported it
 * gets no elements, and whatever uses it is refused. */
bool onnx_read_initializer(struct onnx_reader *reader,
                           onnx_tensor_proto *tensor, size_t i)
    __attribute__((warn_unused_result));

/* Reads reader->node, a Constant, which becomes a constant value and no
 * node. */
bool onnx_read_constant(struct onnx_reader *reader)
    __attribute__((warn_unused_result));

/* Whether an operand has elements, or will have. */
bool onnx_check_operand(const struct onnx_reader *reader, int number)
    __attribute__((warn_unused_result));

/* ---- onnx_tensor.c ---- */

/* A TensorProto.DataType: its name, the size of one element in raw_data, and
 * the type that it becomes. */
struct onnx_element {
    const char *name;
    size_t bits;
    enum graph_type type;
};

/* NULL: the type is not supported. */
const struct onnx_element *onnx_element_of(int32_t type);

/* The specification's name of a type, supported or not, such as "int4". `text`
 * is space for the names of types that it does not define. */
enum { ONNX_ELEMENT_NAME = 32 };
const char *onnx_element_name(char text[ONNX_ELEMENT_NAME], int32_t type);
/* The size in raw_data of `count` elements of a supported type; two 4-bit
 * elements share a byte. */
size_t onnx_bytes_of(int32_t type, size_t count);

/* What messages are unpacked with: blocks of graph_block_new. */
ProtobufCAllocator onnx_allocator(void);

/* Fills a value whose shape is known with a tensor's elements, which it may
 * take from it: the tensor's memory is that of onnx_allocator. ERROR_INPUT:
 * there are too few or too many of them, or one is NaN. ERROR_MEMORY. */
bool onnx_fill_constant(struct graph_value *value, onnx_tensor_proto *tensor,
                        struct error *err) __attribute__((warn_unused_result));

/* ---- onnx_external.c ---- */

/* Reads the `size` bytes of a tensor from another file into its raw_data, and
 * adds the file to reader->weight_files. The file must be in the model's folder
 * or below, at a relative path without links.
 *
 *     ERROR_INPUT        the location is missing, malformed, or beyond the
 *                        file's end
 *     ERROR_IO           there is no such file
 *     ERROR_UNSUPPORTED  the model has no folder
 *     ERROR_LIMIT, ERROR_MEMORY */
bool onnx_external_read(struct onnx_reader *reader, onnx_tensor_proto *tensor,
                        size_t size) __attribute__((warn_unused_result));

/* ---- onnx_attribute.c ---- */

/* An attribute of reader->node. NULL: the node does not have it. */
const onnx_attribute_proto *onnx_attribute(struct onnx_reader *reader,
                                           const char *name);

/* If an attribute has another type, the functions below return what they return
 * for a missing attribute, and note it in reader->mistyped. */
int64_t onnx_attribute_int(struct onnx_reader *reader, const char *name,
                           int64_t otherwise);
float onnx_attribute_float(struct onnx_reader *reader, const char *name,
                           float otherwise);

/* Whether the attribute exists and has this value. */
bool onnx_attribute_is(struct onnx_reader *reader, const char *name,
                       const char *text);

/* Reads a list of at most `max` integers into `values`; *count is left
 * unchanged if the attribute is missing. ERROR_UNSUPPORTED: the list is
 * longer. */
bool onnx_attribute_ints(struct onnx_reader *reader, const char *name,
                         int64_t *values, size_t max, size_t *count)
    __attribute__((warn_unused_result));

/* Reads an optional list of exactly `num` sizes of at least `min`; `values` are
 * left unchanged if it is missing. ERROR_UNSUPPORTED: it has another length.
 * ERROR_INPUT: a size is out of range. */
bool onnx_attribute_sizes(struct onnx_reader *reader, const char *name,
                          size_t *values, size_t num, int64_t min)
    __attribute__((warn_unused_result));

/* Reads the optional attribute `axes`. */
bool onnx_attribute_axes(struct onnx_reader *reader, int64_t *axes,
                         uint32_t *num_axes)
    __attribute__((warn_unused_result));

/* ---- onnx_ops*.c ---- */

/* A supported operator. To add one, add a row to the table of its family;
 * graph_node.h describes the operation. */
struct onnx_operator {
    const char *name;
    enum graph_op op;
    uint32_t min_inputs, max_inputs;
    const char *attributes; /* the supported ones (or safe to ignore), separated
                               by spaces */
    /* Fills the node's fields from the attributes of reader->node. */
    bool (*convert)(struct onnx_reader *reader, struct graph_node *node);
};

/* The families; each table ends with an empty row. */
extern const struct onnx_operator
    onnx_ops_math[]; /* element by element, sums, products */
extern const struct onnx_operator
    onnx_ops_function[]; /* a function of one number, or over axes */
extern const struct onnx_operator
    onnx_ops_window[]; /* convolution, pooling, padding */
extern const struct onnx_operator onnx_ops_move[];  /* shapes, order, type */
extern const struct onnx_operator onnx_ops_quant[]; /* quantized integers */

/* NULL: the operator is not supported. */
const struct onnx_operator *onnx_ops_find(const char *name);

/* For operators without attributes. */
bool onnx_ops_plain(struct onnx_reader *reader, struct graph_node *node);

/* Row number i of all families; NULL past the last. */
const struct onnx_operator *onnx_ops_row(size_t i);

#endif

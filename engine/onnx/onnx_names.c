#include "engine/onnx/onnx_reader.h"

#include <stdlib.h>
#include <string.h>

static size_t hash(const char *text)
{
    uint64_t h = 1469598103934665603u; /* FNV-1a */

    for (; *text; text++)
        h = (h ^ (unsigned char)*text) * 1099511628211u;
    return (size_t)(h ^ h >> 32);
}

/* Finds the slot of a name, or the empty slot for it. */
static struct onnx_name *slot_of(const struct onnx_names *names,
                                 const char *text)
{
    size_t i = hash(text) & (names->num_slots - 1);

    while (names->slots[i].text && strcmp(names->slots[i].text, text) != 0)
        i = (i + 1) & (names->num_slots - 1);
    return &names->slots[i];
}

bool onnx_names_init(struct onnx_names *names, const onnx_graph_proto *proto,
                     struct error *err)
{
    size_t num_values = proto->n_input + proto->n_initializer;
    size_t wanted = num_values + proto->n_output + 1;

    for (size_t i = 0; i < proto->n_node; i++) {
        num_values += proto->node[i]->n_output;
        wanted += proto->node[i]->n_output + proto->node[i]->n_input;
    }
    if (proto->n_node > ONNX_MAX_NODES || num_values > ONNX_MAX_VALUES)
        return fail(err, ERROR_LIMIT,
                    "the network has %zu nodes and %zu values; at most %d and "
                    "%d are allowed",
                    proto->n_node, num_values, ONNX_MAX_NODES, ONNX_MAX_VALUES);
    names->num_slots = 64;
    while (names->num_slots < 2 * wanted)
        names->num_slots *= 2;
    names->slots = calloc(names->num_slots, sizeof *names->slots);
    if (!names->slots)
        return fail(err, ERROR_MEMORY, "not enough memory for %zu names",
                    wanted);
    return true;
}

const struct onnx_name *onnx_names_find(const struct onnx_names *names,
                                        const char *text)
{
    static const struct onnx_name nothing = {.maker = GRAPH_NONE,
                                             .value = GRAPH_NONE};
    const struct onnx_name *name = slot_of(names, text);

    return name->text ? name : &nothing;
}

struct onnx_name *onnx_names_add(struct onnx_names *names, const char *text)
{
    struct onnx_name *name = slot_of(names, text);

    if (!name->text)
        *name = (struct onnx_name){
            .text = text, .maker = GRAPH_NONE, .value = GRAPH_NONE};
    return name;
}

void onnx_names_release(struct onnx_names *names)
{
    free(names->slots);
    *names = (struct onnx_names){0};
}

int onnx_value_of(const struct onnx_reader *reader, const char *name)
{
    return onnx_names_find(&reader->names, name)->value;
}

/* The last but one of the texts in a list such as "['', 'stem', 'stem.conv',
 * 'conv2d']": PyTorch writes the paths of a node's modules and then its own
 * name. */
static const char *last_module(size_t *len, const char *scopes)
{
    const char *module = "", *last = "", *start;
    size_t last_len = 0;

    *len = 0;
    while ((start = strchr(scopes, '\''))) {
        module = last;
        *len = last_len;
        last = start + 1;
        last_len = strcspn(last, "'");
        scopes = last + last_len;
        scopes += *scopes != '\0';
    }
    return module;
}

/* Keeps the path of the module that PyTorch wrote into the node's metadata. */
static bool keep_module(struct onnx_reader *reader, int value)
{
    const onnx_node_proto *node = reader->node;
    struct graph_name *name = reader->graph->values[value].names;
    size_t len = 0;

    for (size_t i = 0; node && name && i < node->n_metadata_props; i++) {
        const onnx_entry_proto *entry = node->metadata_props[i];
        const char *module;

        if (!entry->key || !entry->value ||
            strcmp(entry->key, "pkg.torch.onnx.name_scopes") != 0)
            continue;
        module = last_module(&len, entry->value);
        if (len == 0)
            continue;
        name->module =
            arena_text(&reader->graph->arena, module, len, reader->err);
        return name->module != NULL;
    }
    return true;
}

int onnx_define(struct onnx_reader *reader, const char *name,
                enum graph_type type)
{
    struct onnx_name *found = onnx_names_add(&reader->names, name);

    if (found->value != GRAPH_NONE) {
        fail(reader->err, ERROR_INPUT, "two values are named \"%.100s\"", name);
        return GRAPH_NONE;
    }
    found->value = graph_add_value(reader->graph, name, type, reader->err);
    if (found->value != GRAPH_NONE && !keep_module(reader, found->value))
        return GRAPH_NONE;
    return found->value;
}

int onnx_define_output(struct onnx_reader *reader, size_t i,
                       enum graph_type type)
{
    return onnx_define(reader, reader->node->output[i], type);
}

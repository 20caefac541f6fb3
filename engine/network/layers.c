#include "engine/network/layers.h"

#include <stdlib.h>
#include <string.h>

#include "engine/graph/graph.h"
#include "engine/network/layers_field.h"
#include "engine/passes/graph_picture.h"

/* Instead of a layer: the elements of the image itself. */
#define OF_IMAGE ((size_t)-1)

/* What is known of a value while layers are searched. */
struct facts {
    bool to_logits;
    size_t
        last_use; /* index of the last node that takes it on the way, plus 1 */
    size_t layer; /* the layer whose elements it holds, plus 1, or OF_IMAGE; 0:
                     none */
};

struct search {
    const struct graph *graph;
    struct graph_picture *pictures; /* (num_values) owned */
    struct layers_field *fields;    /* likewise */
    struct facts *facts;
    struct layers *layers;
    struct error *err;
};

/* ---- what lies between the image and the logits ---- */

static void follow(struct search *search, int logits)
{
    const struct graph *graph = search->graph;
    struct facts *facts = search->facts;

    for (size_t i = 0; i < graph->num_inputs; i++)
        facts[graph->inputs[i]].layer = OF_IMAGE;
    facts[logits].to_logits = true;
    for (size_t n = graph->num_nodes; n-- > 0;) {
        const struct graph_node *node = &graph->nodes[n];

        if (!facts[node->outputs[0]].to_logits ||
            !search->fields[node->outputs[0]].from_image)
            continue;
        for (uint32_t i = 0; i < node->num_inputs; i++) {
            struct facts *x = &facts[node->inputs[i]];

            if (node->inputs[i] == GRAPH_NONE ||
                !search->fields[node->inputs[i]].from_image)
                continue;
            x->to_logits = true;
            if (x->last_use == 0)
                x->last_use = n + 1;
        }
    }
}

/* ---- layers ---- */

/* Which values are feature maps. */
enum strictness {
    MAPS_OF_IMAGE, /* of several cells, which stem from those of the image */
    MAPS_OF_CELLS, /* of several cells */
    MAPS,
};

static bool is_map(const struct search *search, int value,
                   enum strictness strictness)
{
    const struct graph_value *x = &search->graph->values[value];
    const struct graph_picture *picture = &search->pictures[value];
    const struct layers_field *field = &search->fields[value];
    size_t cells = picture->height * picture->width;

    return x->type == GRAPH_FLOAT && x->shape.rank == 4 &&
           x->shape.dim[0] == 1 && cells > (strictness == MAPS ? 0 : 1) &&
           picture->columns == picture->rows + 1 &&
           (picture->rows == 1 || picture->rows == 2) && field->from_image &&
           (strictness != MAPS_OF_IMAGE || field->span[0].stride > 0 ||
            field->span[1].stride > 0) &&
           search->facts[value].to_logits;
}

/* Whether the node only moves its operand's elements. */
static bool only_moves(const struct graph_node *node)
{
    return node->op == GRAPH_RESHAPE || node->op == GRAPH_TRANSPOSE ||
           node->op == GRAPH_IDENTITY;
}

/* The node that computed the elements which this one's output holds. */
static const struct graph_node *maker_of(const struct graph *graph,
                                         const struct graph_node *node)
{
    const struct graph_node *before = node;

    while (before && only_moves(before)) {
        node = before;
        before = graph_producer(graph, node->inputs[0]);
    }
    return before ? before : node;
}

/* The file's name of the value, or of one that held its elements before they
 * were moved; NULL if none has a name. */
static const struct graph_name *name_of(const struct graph *graph,
                                        const struct graph_node *node)
{
    const struct graph_node *maker = maker_of(graph, node);

    while (!graph_output(graph, node, 0)->names && node != maker)
        node = graph_producer(graph, node->inputs[0]);
    return graph_output(graph, node, 0)->names;
}

static bool add_alias(struct search *search, const char *name, size_t layer)
{
    struct layers *layers = search->layers;
    size_t n = layers->num_aliases;
    struct layers_alias *grown;

    if (n == 0 || (n & (n - 1)) == 0) { /* the room doubles when n is full */
        grown = arena_take(&layers->arena, n == 0 ? 1 : 2 * n, sizeof *grown,
                           search->err);
        if (!grown)
            return false;
        if (n > 0)
            memcpy(grown, layers->aliases, n * sizeof *grown);
        layers->aliases = grown;
    }
    layers->aliases[layers->num_aliases++] =
        (struct layers_alias){.name = name, .layer = layer};
    return true;
}

/* Adds the value's names to those of the layer, but for the one it has. */
static bool add_names(struct search *search, int value, size_t layer)
{
    const struct graph_name *name = search->graph->values[value].names;

    for (; name; name = name->next)
        if (name->text != search->layers->list[layer].name &&
            !add_alias(search, name->text, layer))
            return false;
    return true;
}

/* The path in an exporter's name such as
 * "/features/features.18/features.18.0/Conv", whose parts repeat the parts
 * before them: "features.18.0". */
static const char *path_in(struct search *search, const char *name)
{
    const char *end = strrchr(name, '/'), *part = name, *last = "";
    size_t last_len = 0, len = 0, cut;
    char *path;

    if (!end)
        return "";
    path = arena_take(&search->layers->arena, strlen(name) + 1, 1, search->err);
    for (; path && part < end; part += cut + 1) {
        cut = strcspn(part, "/");
        if (cut == 0)
            continue;
        if (last_len > 0 && cut > last_len && part[last_len] == '.' &&
            strncmp(part, last, last_len) == 0)
            len -= last_len;
        else if (len > 0)
            path[len++] = '.';
        memcpy(path + len, part, cut);
        len += cut;
        last = part;
        last_len = cut;
    }
    return path;
}

/* NULL: no memory. */
static const char *module_of(struct search *search,
                             const struct graph_name *name,
                             const struct graph_node *maker)
{
    if (name && name->module)
        return name->module;
    return path_in(search,
                   name && strchr(name->text, '/') ? name->text : maker->name);
}

static bool add_layer(struct search *search, const struct graph_node *node)
{
    const struct graph *graph = search->graph;
    int value = node->outputs[0];
    const struct graph_picture *picture = &search->pictures[value];
    const struct layers_field *field = &search->fields[value];
    const struct graph_shape *shape = &graph->values[value].shape;
    size_t at = search->layers->count++;
    struct layer *layer = &search->layers->list[at];
    const struct graph_node *maker = maker_of(graph, node);
    const struct graph_name *name = name_of(graph, node);

    *layer = (struct layer){
        .value = value,
        .name = name ? name->text : maker->name,
        .op = maker->onnx_op,
        .module = module_of(search, name, maker),
        .begins = path_in(search, maker->name),
        .channels = shape->dim[picture->rows == 1 ? 3 : 1],
        .height = picture->height,
        .width = picture->width,
        .is_nhwc = picture->rows == 1,
        .field_x = layers_field_size(&field->span[1]),
        .field_y = layers_field_size(&field->span[0]),
        .stride_x = field->span[1].stride,
        .stride_y = field->span[0].stride,
        .first_x = field->span[1].first,
        .first_y = field->span[0].first,
    };
    search->facts[value].layer = at + 1;
    return layer->module && layer->begins && add_names(search, value, at);
}

static bool add_layers(struct search *search, enum strictness strictness)
{
    const struct graph *graph = search->graph;

    for (size_t n = 0; n < graph->num_nodes; n++) {
        const struct graph_node *node = &graph->nodes[n];
        size_t source;

        if (node->num_outputs == 0)
            continue;
        source = only_moves(node) ? search->facts[node->inputs[0]].layer : 0;
        search->facts[node->outputs[0]].layer = source;
        if (source == OF_IMAGE)
            continue;
        if (source > 0) {
            if (!add_names(search, node->outputs[0], source - 1))
                return false;
        } else if (is_map(search, node->outputs[0], strictness) &&
                   !add_layer(search, node)) {
            return false;
        }
    }
    return true;
}

/* Marks the waists and returns the default. A layer that all paths lead through
 * is one over which no edge jumps: when it is computed, nothing before it is
 * needed later. */
static size_t find_waists(const struct search *search)
{
    const struct graph *graph = search->graph;
    const struct facts *facts = search->facts;
    size_t found = search->layers->count, last = 0, n = 0;

    if (found == 0)
        return 0;
    found--;
    for (size_t i = 0; i < graph->num_inputs; i++)
        if (facts[graph->inputs[i]].last_use > last)
            last = facts[graph->inputs[i]].last_use;
    for (size_t i = 0; i < search->layers->count; i++) {
        size_t at =
            (size_t)graph->values[search->layers->list[i].value].producer;

        for (; n < at; n++) {
            size_t use = facts[graph->nodes[n].outputs[0]].last_use;

            if (use > last)
                last = use;
        }
        search->layers->list[i].is_waist = last <= at + 1;
        if (last <= at + 1)
            found = i;
    }
    return found;
}

static bool find(struct search *search, int logits)
{
    struct layers *layers = search->layers;

    layers->list = arena_take(&layers->arena, search->graph->num_nodes + 1,
                              sizeof *layers->list, search->err);
    if (!layers->list)
        return false;
    graph_picture_find(search->pictures, search->graph);
    layers_field_find(search->fields, search->graph, search->pictures);
    follow(search, logits);
    for (int s = MAPS_OF_IMAGE; s <= MAPS && layers->count == 0; s++)
        if (!add_layers(search, (enum strictness)s))
            return false;
    layers->chosen = find_waists(search);
    return true;
}

bool layers_find(struct layers *layers, const struct graph *graph, int logits,
                 struct error *err)
{
    size_t count = graph->num_values + 1;
    struct search search = {
        .graph = graph,
        .pictures = calloc(count, sizeof *search.pictures),
        .fields = calloc(count, sizeof *search.fields),
        .facts = calloc(count, sizeof *search.facts),
        .layers = layers,
        .err = err,
    };
    bool ok = (search.pictures && search.fields && search.facts) ||
              fail(err, ERROR_MEMORY, "not enough memory for a list of layers");

    ok = ok && find(&search, logits);
    free(search.pictures);
    free(search.fields);
    free(search.facts);
    if (!ok)
        layers_release(layers);
    return ok;
}

void layers_release(struct layers *layers)
{
    arena_release(&layers->arena);
    *layers = (struct layers){0};
}

#include "engine/network/variants.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/graph/graph_users.h"
#include "engine/passes/gradient.h"
#include "engine/passes/graph_build.h"
#include "engine/passes/graph_cut.h"

struct entry {
    struct variant variant; /* first: variants_give finds the entry by it */
    struct variant_key key;
    bool failed;      /* it cannot be made, and is not tried again: */
    struct error why; /* ERROR_UNSUPPORTED, ERROR_LIMIT */
    size_t num_users;
    uint64_t used; /* when it was taken last, by the clock below */
    struct entry *next;
};

struct variants {
    int fd;                         /* of the model's file; owned */
    struct stat file;               /* when the model was opened */
    char *folder, *output, *logits; /* owned */
    struct onnx_input input;        /* with these strings */
    const struct network *network;  /* borrowed */
    pthread_mutex_t lock;           /* guards what follows */
    struct entry *first;            /* owned */
    uint64_t clock;
};

/* ---- the file ---- */

/* Reads it again. It stays open, so it may be removed or replaced meanwhile,
 * but not written to. */
static bool read_file(struct buf *file, const struct variants *variants,
                      struct error *err)
{
    const struct stat *then = &variants->file;
    struct stat now;

    if (!buf_append_open_file(file, variants->fd, NETWORK_MAX_BYTES, err))
        return error_prefix(err, "model.onnx");
    return (fstat(variants->fd, &now) == 0 && now.st_size == then->st_size &&
            now.st_mtim.tv_sec == then->st_mtim.tv_sec &&
            now.st_mtim.tv_nsec == then->st_mtim.tv_nsec) ||
           fail(err, ERROR_IO,
                "model.onnx has been changed since the model was opened; "
                "reload the model");
}

/* ---- making one ---- */

/* Lets what takes the value that node `first` transposes take `back` instead,
 * and moves what makes that behind what makes the value. */
static void take_instead(struct graph *graph, size_t first, int back)
{
    int value = graph->nodes[first].inputs[0];
    struct graph_users users = {0};

    graph_users_find(&users, graph);
    graph_users_replace(&users, value, back);
    graph_users_release(&users);
    graph->nodes[first].inputs[0] = value;
    graph_move_nodes(graph, first, (size_t)graph->values[value].producer + 1);
}

static bool find_logits(struct variant *made, const char *name,
                        struct error *err)
{
    made->logits = graph_find(&made->graph, name);
    return made->logits != GRAPH_NONE ||
           fail(err, ERROR_INTERNAL, "the logits \"%.100s\" cannot be found",
                name);
}

/* Finds the layer. If it is stored as (1, H, W, C) in the file, it is
 * transposed to (1, C, H, W), like all others, and back again for what takes
 * it. */
static bool find_layer(struct variant *made, size_t index, struct error *err)
{
    const struct graph_node node =
        graph_build_node(GRAPH_TRANSPOSE, "layer", "Transpose");
    struct graph *graph = &made->graph;
    struct layers layers = {0};
    size_t num_nodes = graph->num_nodes;
    bool is_nhwc;
    int back;

    if (!layers_find(&layers, graph, graph->outputs[0], err))
        return false;
    assert(index < layers.count);
    made->features = layers.list[index].value;
    is_nhwc = layers.list[index].is_nhwc;
    layers_release(&layers);
    if (!is_nhwc)
        return true;
    made->features = graph_build_transpose(graph, &node, made->features,
                                           (size_t[]){0, 3, 1, 2}, err);
    back = made->features == GRAPH_NONE
               ? GRAPH_NONE
               : graph_build_transpose(graph, &node, made->features,
                                       (size_t[]){0, 2, 3, 1}, err);
    if (back == GRAPH_NONE)
        return false;
    take_instead(graph, num_nodes, back);
    return true;
}

/* The image -> the layer's features. */
static bool make_lower(struct variant *made, struct error *err)
{
    struct graph *graph = &made->graph;

    made->seed = made->logits = made->gradient = GRAPH_NONE;
    if (!graph_set_outputs(graph, &made->features, 1, err))
        return false;
    graph_prune(graph);
    return true;
}

/* The layer's features -> the logits. */
static bool cut(struct variant *made, struct error *err)
{
    struct graph *graph = &made->graph;

    if (!graph_cut(graph, made->features, err))
        return false;
    if (graph->inputs[0] != made->image)
        made->image = GRAPH_NONE;
    return true;
}

/* Adds the gradient of `wanted`; forward nodes that it does not need go. */
static bool add_gradient(struct variant *made, int wanted,
                         enum gradient_rule rule, struct error *err)
{
    struct graph *graph = &made->graph;
    const struct graph_node transpose =
        graph_build_node(GRAPH_TRANSPOSE, "gradient", "Transpose");
    const struct gradient_options options = {.source = made->logits,
                                             .wanted = &wanted,
                                             .num_wanted = 1,
                                             .rule = rule};

    if (!gradient_append(graph, &options, err))
        return false;
    made->seed = graph->inputs[graph->num_inputs - 1];
    made->gradient = graph->outputs[graph->num_outputs - 1];
    if (graph_layout_is_nhwc(&graph->values[wanted])) {
        /* graph_layout turns every output from (1, C, H, W). */
        made->gradient = graph_build_transpose(
            graph, &transpose, made->gradient, (size_t[]){0, 3, 1, 2}, err);
        if (made->gradient == GRAPH_NONE)
            return false;
    }
    made->logits = GRAPH_NONE;
    if (!graph_set_outputs(graph, &made->gradient, 1, err))
        return false;
    graph_prune(graph);
    return true;
}

static bool change(struct variant *made, const struct variant_key *key,
                   struct error *err)
{
    if (key->kind == VARIANT_LOWER)
        return make_lower(made, err);
    if (!graph_set_outputs(&made->graph, &made->logits, 1, err))
        return false;
    graph_prune(&made->graph);
    if (key->kind == VARIANT_GRADIENT)
        return add_gradient(made, made->image, key->rule, err);
    if (!cut(made, err))
        return false;
    if (key->kind == VARIANT_UPPER) {
        made->seed = made->gradient = GRAPH_NONE;
        return true;
    }
    return add_gradient(made, made->features, key->rule, err);
}

/* Shares the weights that the model's own network has as well. */
static void share_weights(struct graph *graph, const struct graph *from)
{
    enum { SMALL = 256 };

    for (size_t v = 0; v < graph->num_values; v++) {
        struct graph_value *value = &graph->values[v];
        size_t count = value->data ? graph_shape_count(&value->shape) : 0;
        size_t len = count * sizeof(float);

        if (count < SMALL || value->type != GRAPH_FLOAT)
            continue;
        for (size_t o = 0; o < from->num_values; o++) {
            const struct graph_value *other = &from->values[o];

            if (other->data && other->type == GRAPH_FLOAT &&
                graph_shape_count(&other->shape) == count &&
                memcmp(other->data, value->data, len) == 0) {
                graph_adopt_constant(value, other);
                break;
            }
        }
    }
}

/* The numbers of values are those of the graph before graph_layout; it keeps
 * those of inputs, and outputs stay in their order. */
static bool lay_out(struct variant *made, const struct graph *from,
                    struct error *err)
{
    struct graph *graph = &made->graph;
    int *result = made->gradient != GRAPH_NONE ? &made->gradient
                  : made->logits != GRAPH_NONE ? &made->logits
                                               : &made->features;

    if (!plan_layout(graph, err))
        return false;
    *result = graph->outputs[0];
    share_weights(graph, from);
    made->plan = plan_new(graph, err);
    for (size_t v = 0; made->plan && v < graph->num_values; v++)
        if (graph->values[v].data && plan_has_copy(made->plan, (int)v))
            graph_drop_constant(&graph->values[v]);
    return made->plan != NULL;
}

static bool make(struct variant *made, const struct variants *variants,
                 const struct variant_key *key, struct error *err)
{
    const struct network_options options = {
        .input = variants->input, .keep_outputs = true, .last = NETWORK_FOLD};
    struct network network = {0};
    struct buf file = {0};
    bool ok = read_file(&file, variants, err) &&
              network_read(&network, file.data, file.len, &options, err);

    buf_release(&file);
    made->graph = network.graph;
    if (!ok)
        return false;
    made->image = made->graph.inputs[0];
    made->features = GRAPH_NONE;
    return find_logits(made, variants->logits, err) &&
           (key->kind == VARIANT_GRADIENT ||
            find_layer(made, key->layer, err)) &&
           change(made, key, err) &&
           lay_out(made, &variants->network->graph, err);
}

/* ---- those that there are ---- */

static void free_entry(struct entry *entry)
{
    plan_free(entry->variant.plan);
    graph_release(&entry->variant.graph);
    free(entry);
}

bool variants_same(const struct variant_key *a, const struct variant_key *b)
{
    return a->kind == b->kind && a->rule == b->rule &&
           (a->kind == VARIANT_GRADIENT || a->layer == b->layer);
}

static struct entry *find_entry(struct variants *variants,
                                const struct variant_key *key)
{
    struct entry *entry = variants->first;

    while (entry && !variants_same(&entry->key, key))
        entry = entry->next;
    return entry;
}

/* Frees those that nobody uses beyond a number, the longest unused first. */
static void drop_unused(struct variants *variants, size_t num_kept)
{
    for (;;) {
        struct entry **oldest = NULL, *entry;
        size_t num_unused = 0;

        for (struct entry **at = &variants->first; *at; at = &(*at)->next)
            if ((*at)->num_users == 0) {
                num_unused++;
                oldest = oldest && (*oldest)->used < (*at)->used ? oldest : at;
            }
        if (num_unused <= num_kept)
            return;
        entry = *oldest;
        *oldest = entry->next;
        free_entry(entry);
    }
}

static struct entry *add_entry(struct variants *variants,
                               const struct variant_key *key, struct error *err)
{
    struct entry *entry = calloc(1, sizeof *entry);

    if (!entry) {
        fail(err, ERROR_MEMORY, "not enough memory for a network");
        return NULL;
    }
    entry->key = *key;
    if (!make(&entry->variant, variants, key, &entry->why)) {
        *err = entry->why;
        entry->failed = true;
        graph_release(&entry->variant.graph);
        if (entry->why.kind != ERROR_UNSUPPORTED &&
            entry->why.kind != ERROR_LIMIT) {
            free_entry(entry);
            return NULL;
        }
    }
    entry->next = variants->first;
    variants->first = entry;
    return entry;
}

const struct variant *variants_take(struct variants *variants,
                                    const struct variant_key *key,
                                    struct error *err)
{
    struct entry *entry;

    pthread_mutex_lock(&variants->lock);
    entry = find_entry(variants, key);
    if (!entry)
        entry = add_entry(variants, key, err);
    if (entry && entry->failed) {
        *err = entry->why;
        entry->used = ++variants->clock;
        entry = NULL;
    } else if (entry) {
        entry->num_users++;
        entry->used = ++variants->clock;
    }
    drop_unused(variants, VARIANTS_MAX_KEPT);
    pthread_mutex_unlock(&variants->lock);
    return entry ? &entry->variant : NULL;
}

void variants_give(struct variants *variants, const struct variant *variant)
{
    struct entry *entry;

    pthread_mutex_lock(&variants->lock);
    for (entry = variants->first; &entry->variant != variant;)
        entry = entry->next;
    entry->num_users--;
    drop_unused(variants, VARIANTS_MAX_KEPT);
    pthread_mutex_unlock(&variants->lock);
}

void variants_trim(struct variants *variants)
{
    pthread_mutex_lock(&variants->lock);
    drop_unused(variants, 0);
    pthread_mutex_unlock(&variants->lock);
}

/* A row has the same order behind reshapes, which may have no name. */
static const char *name_of_logits(const struct network *network)
{
    const struct graph *graph = &network->graph;
    const struct graph_node *node;
    int value = network->head.logits;

    while (!*graph->values[value].name &&
           (node = graph_producer(graph, value)) &&
           (node->op == GRAPH_RESHAPE || node->op == GRAPH_TRANSPOSE))
        value = node->inputs[0];
    return graph->values[value].name;
}

struct variants *variants_new(int fd, const struct network_options *options,
                              const struct network *network, struct error *err)
{
    const struct head *head = &network->head;
    struct variants *variants = calloc(1, sizeof *variants);

    if (!variants) {
        close(fd);
        fail(err, ERROR_MEMORY, "not enough memory for a model");
        return NULL;
    }
    variants->fd = fd;
    pthread_mutex_init(&variants->lock, NULL);
    variants->network = network;
    variants->folder =
        options->input.folder ? strdup(options->input.folder) : NULL;
    variants->output = strdup(head->output);
    variants->logits = strdup(name_of_logits(network));
    variants->input = options->input;
    variants->input.folder = variants->folder;
    variants->input.output = variants->output;
    if (!variants->output || !variants->logits ||
        (options->input.folder && !variants->folder))
        fail(err, ERROR_MEMORY, "not enough memory for a model");
    else if (fstat(fd, &variants->file) != 0)
        fail(err, ERROR_IO, "cannot be read: %s", strerror(errno));
    else
        return variants;
    variants_free(variants);
    return NULL;
}

void variants_free(struct variants *variants)
{
    struct entry *entry;

    if (!variants)
        return;
    while ((entry = variants->first)) {
        variants->first = entry->next;
        free_entry(entry);
    }
    pthread_mutex_destroy(&variants->lock);
    close(variants->fd);
    free(variants->folder);
    free(variants->output);
    free(variants->logits);
    free(variants);
}

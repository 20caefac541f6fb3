#include "engine/network/export.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/graph/graph_users.h"
#include "engine/network/inspect_place.h"
#include "engine/network/network.h"
#include "engine/onnx/onnx_write.h"
#include "engine/passes/gradient.h"
#include "engine/passes/graph_build.h"
#include "engine/passes/graph_round.h"
#include "engine/passes/head.h"

/* A network that is being written. */
struct export
{
    const struct export_options *options;
    struct network network; /* owned */
    struct head head;
    int input, layer;     /* values; the same if no layer is asked for */
    const char *names[3]; /* of the outputs: logits, features, gradient */
    struct error *err;
};

static const char *const target_names[] = {[EXPORT_SEED] = "",
#define X(kind, name) [kind] = name,
                                           EXPORT_TARGETS(X)
#undef X
};

enum { NUM_TARGETS = sizeof target_names / sizeof target_names[0] };

/* ---- targets ---- */

static bool read_class(size_t *class, const char **text)
{
    char *end;
    unsigned long number;

    if (**text < '0' || **text > '9')
        return false;
    errno = 0;
    number = strtoul(*text, &end, 10);
    *class = number;
    *text = end;
    return errno == 0;
}

bool export_target_parse(struct export_target *target, const char *text,
                         struct error *err)
{
    size_t len = strcspn(text, ":");
    struct export_target read = {0};
    const char *at = text + len;
    bool ok = false;

    for (int kind = EXPORT_SEED + 1; kind < NUM_TARGETS; kind++)
        if (strlen(target_names[kind]) == len &&
            strncmp(target_names[kind], text, len) == 0)
            read.kind = (enum export_kind)kind;
    if (read.kind != EXPORT_SEED && *at++ == ':')
        ok = read_class(&read.class, &at) &&
             (read.kind != EXPORT_MARGIN ||
              (*at++ == ',' && read_class(&read.against, &at)));
    if (!ok || *at)
        return fail(err, ERROR_INPUT,
                    "\"%.40s\" is none of logit:CLASS, log-score:CLASS and "
                    "margin:CLASS,AGAINST, with numbers of classes",
                    text);
    if (read.kind == EXPORT_MARGIN && read.class == read.against)
        return fail(err, ERROR_INPUT,
                    "the margin of class %zu over itself is "
                    "0",
                    read.class);
    *target = read;
    return true;
}

static bool check_class(const struct export *export, size_t class)
{
    size_t count = export->head.num_classes;

    return class < count ||
           fail(export->err, ERROR_INPUT,
                "there is no class %zu: the network has %zu, counted from 0",
                class, count);
}

/* Adds a class's part of the gradient by the logits to `seed`. */
static void add_class(const struct export *export, float *seed, size_t class,
                      float factor)
{
    bool is_negated;
    size_t row = head_row(&is_negated, &export->head, class);

    seed[row] += is_negated ? -factor : factor;
}

/* ---- the seed as a part of the network ---- */

static struct graph_node node_of(enum graph_op op)
{
    return graph_build_node(op, "target", "target");
}

/* Of a softmax: 1 at the class, which `ones` has, minus the scores. */
static int softmax_seed(struct export *export, int x, int ones)
{
    struct graph *graph = &export->network.graph;
    struct graph_shape shape = graph->values[x].shape;
    struct graph_shape row = {.rank = 2, .dim = {1, graph_shape_count(&shape)}};
    struct graph_node softmax = node_of(GRAPH_SOFTMAX), like = softmax;

    softmax.axis = 1;
    like.op = GRAPH_SUB;
    x = graph_build_reshape(graph, &like, x, &row, export->err);
    if (x != GRAPH_NONE)
        x = graph_build(graph, &softmax, &x, 1, export->err);
    if (x != GRAPH_NONE)
        x = graph_build_reshape(graph, &like, x, &shape, export->err);
    return x == GRAPH_NONE
               ? GRAPH_NONE
               : graph_build(graph, &like, (int[]){ones, x}, 2, export->err);
}

/* Of a sigmoid of s x, with s of 1, or -1 for one of a pair: s sigmoid(-s x) at
 * the class, and 0 elsewhere. */
static int sigmoid_seed(struct export *export, int x, int ones)
{
    struct graph *graph = &export->network.graph;
    struct graph_node negate = node_of(GRAPH_UNARY), sigmoid = negate;
    struct graph_node product = node_of(GRAPH_MUL);
    bool is_negated;

    head_row(&is_negated, &export->head, export->options->target.class);
    negate.unary.function = GRAPH_NEGATE;
    sigmoid.unary.function = GRAPH_SIGMOID;
    if (!is_negated)
        x = graph_build(graph, &negate, &x, 1, export->err);
    if (x != GRAPH_NONE)
        x = graph_build(graph, &sigmoid, &x, 1, export->err);
    return x == GRAPH_NONE
               ? GRAPH_NONE
               : graph_build(graph, &product, (int[]){ones, x}, 2, export->err);
}

/* Puts one value in the place of another one. */
static void replace(struct graph *graph, int value, int by)
{
    struct graph_users users = {0};

    graph_users_find(&users, graph);
    graph_users_replace(&users, value, by);
    graph_users_release(&users);
}

/* The nodes that compute the seed come first after what makes the logits. */
static bool compute_seed(struct export *export, int seed, int ones)
{
    struct graph *graph = &export->network.graph;
    size_t num_nodes = graph->num_nodes;
    int logits = export->head.logits, made;
    int producer = graph->values[logits].producer;

    made = export->head.scores == HEAD_SIGMOID
               ? sigmoid_seed(export, logits, ones)
               : softmax_seed(export, logits, ones);
    if (made == GRAPH_NONE)
        return false;
    graph_move_nodes(graph, num_nodes, (size_t)(producer + 1));
    replace(graph, seed, made);
    return true;
}

/* Makes the target a part of the network, which then has no seed to be given.
 */
static bool bake_target(struct export *export)
{
    const struct export_target *target = &export->options->target;
    struct graph *graph = &export->network.graph;
    int seed = graph->inputs[graph->num_inputs - 1], ones;
    struct graph_shape shape = graph->values[seed].shape;
    float *elements;

    if (target->kind == EXPORT_SEED)
        return true;
    if (!check_class(export, target->class) ||
        !check_class(export, target->against))
        return false;
    ones = graph_build_floats(graph, &shape, &elements, export->err);
    if (ones == GRAPH_NONE)
        return false;
    add_class(export, elements, target->class, 1);
    if (target->kind == EXPORT_MARGIN)
        add_class(export, elements, target->against, -1);
    graph->num_inputs--;
    if (target->kind == EXPORT_LOG_SCORE)
        return compute_seed(export, seed, ones);
    replace(graph, seed, ones);
    return true;
}

/* ---- the network ---- */

/* Chooses the output that is served, as the service does. */
static bool choose_output(char **name, const struct buf *bytes,
                          const struct network_options *options,
                          struct error *err)
{
    struct network network = {0};
    bool ok = network_read(&network, bytes->data, bytes->len, options, err);

    if (ok) {
        *name = strdup(network.head.output);
        ok = *name || fail(err, ERROR_MEMORY, "not enough memory for a name");
    }
    network_release(&network);
    return ok;
}

/* The layer's value, or GRAPH_NONE: any value by its full name, or a layer by
 * what layers_choose understands. */
static int value_of_layer(const struct export *export)
{
    const struct graph *graph = &export->network.graph;
    const char *name = export->options->layer;
    int value = name ? graph_find(graph, name) : graph->inputs[0];
    struct layers layers = {0};
    struct error unseen = {0};
    size_t index;

    if (value != GRAPH_NONE)
        return value;
    if (layers_find(&layers, graph, graph->outputs[0], &unseen) &&
        layers_choose(&index, &layers, name, &unseen))
        value = layers.list[index].value;
    layers_release(&layers);
    return value;
}

/* In the layout of the file. The features of the head are not looked for: they
 * are known after graph_layout only. */
static bool read_passes(struct export *export, const struct buf *bytes,
                        const struct network_options *options)
{
    const struct graph *graph = &export->network.graph;

    return network_read(&export->network, bytes->data, bytes->len, options,
                        export->err) &&
           head_find_at(&export->head, graph, graph->outputs[0], &options->wish,
                        export->err);
}

/* Reads the network for that output alone. Folding removes the values between
 * operations that become one; if the layer is such a value, nothing is folded.
 */
static bool read_network(struct export *export, const struct buf *bytes,
                         const struct network_options *options)
{
    struct network_options whole = *options;
    char *name = NULL;
    bool ok = choose_output(&name, bytes, options, export->err);

    whole.input.output = name;
    whole.keep_outputs = true;
    whole.last = NETWORK_FOLD;
    ok = ok && read_passes(export, bytes, &whole);
    if (ok && value_of_layer(export) == GRAPH_NONE) {
        network_release(&export->network);
        whole.last = NETWORK_INFER;
        ok = read_passes(export, bytes, &whole);
    }
    free(name);
    if (ok)
        graph_round(&export->network.graph);
    return ok;
}

/* ---- names ---- */

static bool find_layer(struct export *export)
{
    export->layer = value_of_layer(export);
    if (export->layer == GRAPH_NONE)
        return fail(export->err, ERROR_INPUT,
                    "there is no value \"%.100s\" on the way to the logits",
                    export->options->layer);
    if (export->network.graph.values[export->layer].data)
        return fail(export->err, ERROR_INPUT, "\"%.100s\" is a constant",
                    export->options->layer);
    if (export->layer == export->head.logits)
        return fail(export->err, ERROR_INPUT,
                    "\"%.100s\" are the logits themselves",
                    export->options->layer);
    return true;
}

/* `name` and a suffix, and more until nothing in the graph is called so. NULL:
 * ERROR_MEMORY. */
static const char *new_name(struct export *export, const char *name,
                            const char *suffix)
{
    struct graph *graph = &export->network.graph;
    size_t len = strlen(name) + strlen(suffix), room = len + 16;
    char *made = arena_take(&graph->arena, room + 1, 1, export->err);

    if (!made)
        return NULL;
    snprintf(made, room, "%s%s", name, suffix);
    while (len < room && graph_find(graph, made) != GRAPH_NONE)
        made[len++] = '_';
    return made;
}

static bool name_values(struct export *export)
{
    struct graph *graph = &export->network.graph;
    bool has_seed = export->options->target.kind == EXPORT_SEED;
    const char *layer = export->options->layer, *seed;
    int named;

    /* "-1" and an end of a name are no names. */
    if (!layer || graph_find(graph, layer) != export->layer)
        layer = graph->values[export->layer].name;
    if (export->names[0] == NULL)
        export->names[0] = *graph->values[export->head.logits].name
                               ? graph->values[export->head.logits].name
                               : new_name(export, "logits", "");
    if (!export->names[0])
        return false;
    export->names[1] = layer;
    export->names[2] = new_name(export, layer, "_gradient");
    seed = new_name(export, export->names[0], "_seed");
    if (!export->names[2] || !seed)
        return false;
    if (!has_seed)
        return true;
    named = graph_add_value(graph, seed, GRAPH_FLOAT, export->err);
    if (named == GRAPH_NONE)
        return false;
    graph_take_names(graph, graph->inputs[graph->num_inputs - 1], named);
    return true;
}

/* ---- the file ---- */

/* Makes the logits those of the classes: where the network negates them, that
 * is not undone. */
static bool take_logits(struct export *export)
{
    struct graph *graph = &export->network.graph;
    struct graph_node negate = node_of(GRAPH_UNARY);
    struct head *head = &export->head;

    negate.unary.function = GRAPH_NEGATE;
    if (!head->makes_scores)
        head->logits = graph->outputs[0];
    else if (head->is_negated)
        head->logits =
            graph_build(graph, &negate, &head->logits, 1, export->err);
    head->is_negated = false;
    if (head->logits == graph->outputs[0])
        export->names[0] = graph->output_names[0];
    return head->logits != GRAPH_NONE;
}

/* Lists the outputs, and differentiates. */
static bool differentiate(struct export *export)
{
    struct graph *graph = &export->network.graph;
    struct gradient_options gradient = {.wanted = &export->layer,
                                        .num_wanted = 1,
                                        .rule = export->options->rule};
    int outputs[2];

    if (!take_logits(export) || !find_layer(export))
        return false;
    export->input = graph->inputs[0];
    outputs[0] = gradient.source = export->head.logits;
    outputs[1] = export->layer;
    return graph_set_outputs(graph, outputs,
                             export->layer == export->input ? 1 : 2,
                             export->err) &&
           gradient_append(graph, &gradient, export->err);
}

/* What the target is, in words; owned by the caller. NULL: ERROR_MEMORY. */
static char *describe_target(const struct export *export)
{
    const struct export_target *target = &export->options->target;
    const struct graph *graph = &export->network.graph;
    const char *logits = export->names[0];
    char *text = NULL;
    int len;

    if (target->kind == EXPORT_SEED)
        len = asprintf(&text,
                       "any target t of %s, where the input %s is dt/d(%s): 1 "
                       "at a class and 0 elsewhere for its logit",
                       logits, graph->values[graph->inputs[1]].name, logits);
    else if (target->kind == EXPORT_MARGIN)
        len = asprintf(&text,
                       "the target t, the logit of class %zu minus that of "
                       "class %zu",
                       target->class, target->against);
    else
        len = asprintf(&text, "the target t, the %s of class %zu",
                       target_names[target->kind], target->class);
    if (len >= 0)
        return text;
    fail(export->err, ERROR_MEMORY, "not enough memory for a text");
    return NULL;
}

static bool write_file(const struct export *export, struct buf *file)
{
    static const char *const rules[] = {
#define X(rule, name) [rule] = name,
        EXPORT_RULES(X)
#undef X
    };
    bool has_layer = export->layer != export->input;
    const char *const names[] = {
        export->names[0], export->names[has_layer ? 1 : 2], export->names[2]};
    char *target = describe_target(export), *doc;
    bool ok;

    if (!target)
        return false;
    if (asprintf(&doc,
                 "A network with its gradient: %s is dt/d(%s) by the %s rule, "
                 "of %s.",
                 export->names[2], export->names[1],
                 rules[export->options->rule], target) < 0) {
        free(target);
        return fail(export->err, ERROR_MEMORY, "not enough memory for a text");
    }
    ok = onnx_write(
        file, &export->network.graph,
        &(struct onnx_write_options){.output_names = names, .doc = doc},
        export->err);
    free(target);
    free(doc);
    return ok;
}

bool export_gradient(struct buf *file, struct onnx_summary *summary,
                     const char *path, const struct inspect_options *look,
                     const struct export_options *options, struct error *err)
{
    struct export export = {.options = options, .err = err};
    struct inspect_place place = {0};
    struct buf bytes = {0};
    bool ok = inspect_place_find(&place, path, look, err) &&
              buf_append_file(&bytes, place.path, NETWORK_MAX_BYTES, err) &&
              read_network(&export, &bytes, &place.options);

    buf_release(&bytes);
    ok = ok && differentiate(&export) && name_values(&export) &&
         bake_target(&export) && write_file(&export, file) &&
         onnx_summary_read(summary, file->data, file->len, err);
    if (!ok)
        buf_release(file);
    network_release(&export.network);
    inspect_place_release(&place);
    return ok;
}

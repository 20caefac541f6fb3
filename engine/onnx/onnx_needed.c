#include "engine/onnx/onnx_reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The state of the search. */
struct search {
    struct onnx_needed *needed;
    struct onnx_names *names;
    const onnx_graph_proto *proto;
    int *stack; /* (n_node) nodes whose operands have to be marked */
    size_t depth;
    struct error *err;
};

/* Operators that decide on a class at the end of a network. Their input, the
 * scores, is what can be served. */
static const char *const decisions[] = {"ArgMax", "TopK", "ZipMap", NULL};

/* Operators that may stand between a decision and the output. */
static const char *const wrappings[] = {
    "Cast",     "Squeeze", "Unsqueeze",    "Reshape",
    "Flatten",  "Gather",  "LabelEncoder", "ArrayFeatureExtractor",
    "Identity", NULL};

static bool take_room(struct search *search)
{
    const onnx_graph_proto *proto = search->proto;
    struct onnx_needed *needed = search->needed;

    needed->nodes = calloc(proto->n_node + 1, sizeof *needed->nodes);
    needed->outputs = calloc(proto->n_output + 1, sizeof *needed->outputs);
    search->stack = calloc(proto->n_node + 1, sizeof *search->stack);
    if (!needed->nodes || !needed->outputs || !search->stack)
        return fail(search->err, ERROR_MEMORY,
                    "not enough memory for %zu nodes", proto->n_node);
    return true;
}

/* Enters the names of all nodes' outputs. */
static bool name_all(struct search *search)
{
    const onnx_graph_proto *proto = search->proto;

    for (size_t i = 0; i < proto->n_node; i++) {
        const onnx_node_proto *node = proto->node[i];

        for (size_t k = 0; k < node->n_output; k++) {
            struct onnx_name *name;

            if (!*node->output[k])
                continue;
            name = onnx_names_add(search->names, node->output[k]);
            if (name->maker != GRAPH_NONE)
                return fail(search->err, ERROR_INPUT,
                            "two values are named \"%.100s\"", name->text);
            name->maker = (int)i;
        }
    }
    return true;
}

/* ---- the outputs ---- */

static bool is_one_of(const char *const *words, const char *word)
{
    while (word && *words && strcmp(*words, word) != 0)
        words++;
    return word && *words;
}

/* The node that makes a value, or GRAPH_NONE. */
static int maker_of(const struct search *search, const char *name)
{
    return onnx_names_find(search->names, name)->maker;
}

/* The operand that a decision or a wrapping works on: an index into a constant
 * list comes second. */
static const char *subject_of(const struct search *search,
                              const onnx_node_proto *node)
{
    size_t i = node->n_input > 1 &&
               maker_of(search, node->input[0]) == GRAPH_NONE &&
               maker_of(search, node->input[1]) != GRAPH_NONE;

    return node->n_input > 0 && *node->input[i] ? node->input[i] : NULL;
}

/* The value that a decision is made from; for any other output the output
 * itself. */
static const char *behind_decision(const struct search *search,
                                   const char *output)
{
    /* Producers come before their users; a file in which they do not is refused
     * later, and must not cause an endless loop here. */
    int before = (int)search->proto->n_node;
    const char *at = output;

    for (;;) {
        int maker = maker_of(search, at);
        const onnx_node_proto *node;
        const char *subject;

        if (maker == GRAPH_NONE || maker >= before)
            return output;
        before = maker;
        node = search->proto->node[maker];
        subject = subject_of(search, node);
        if (!subject)
            return output;
        if (is_one_of(decisions, node->op_type))
            output = subject;
        else if (!is_one_of(wrappings, node->op_type))
            return output;
        at = subject;
    }
}

/* `"a", "b" and 3 more`: the names of the file's outputs. */
static void list_outputs(char *text, size_t size, const onnx_graph_proto *proto)
{
    enum { MAX_LISTED = 5 };
    size_t len = 0;

    text[0] = '\0';
    for (size_t i = 0; i < proto->n_output && i < MAX_LISTED && len < size; i++)
        len += (size_t)snprintf(
            text + len, size - len, "%s\"%.30s\"", i > 0 ? ", " : "",
            proto->output[i]->name ? proto->output[i]->name : "");
    if (proto->n_output > MAX_LISTED && len < size)
        snprintf(text + len, size - len, " and %zu more",
                 proto->n_output - MAX_LISTED);
}

/* Takes the requested output, or all of them. */
static bool take_outputs(struct search *search, const char *wanted)
{
    const onnx_graph_proto *proto = search->proto;
    struct onnx_needed *needed = search->needed;
    char list[240];

    for (size_t i = 0; i < proto->n_output; i++) {
        const char *name = proto->output[i]->name;

        if (!name || (wanted && strcmp(name, wanted) != 0))
            continue;
        needed->outputs[needed->num_outputs++] = (struct onnx_needed_output){
            .name = name,
            .value = needed->all ? name : behind_decision(search, name),
        };
        onnx_names_add(search->names, name)->is_output = true;
        if (wanted)
            return true;
    }
    if (!wanted)
        return true;
    list_outputs(list, sizeof list, proto);
    return fail(search->err, ERROR_INPUT,
                "the network has no output \"%.60s\"; its outputs are %s",
                wanted, list);
}

/* Drops outputs that stand for a value that is an output itself, and all but
 * the first that stand for the same value. */
static void leave_doubles_out(struct search *search)
{
    struct onnx_needed *needed = search->needed;
    size_t kept = 0;

    for (size_t i = 0; i < needed->num_outputs; i++) {
        const struct onnx_needed_output output = needed->outputs[i];
        struct onnx_name *name = onnx_names_add(search->names, output.value);
        bool is_itself = output.name == output.value;

        if (is_itself || !(name->is_output || name->is_stood_for))
            needed->outputs[kept++] = output;
        name->is_stood_for |= !is_itself;
    }
    needed->num_outputs = kept;
}

/* ---- what they need ---- */

static void need(struct search *search, const char *text)
{
    struct onnx_name *name = onnx_names_add(search->names, text);

    name->is_needed = true;
    if (name->maker == GRAPH_NONE || search->needed->nodes[name->maker])
        return;
    search->needed->nodes[name->maker] = true;
    search->stack[search->depth++] = name->maker;
}

/* Whether a node is so malformed that nothing can need it; it is read anyway,
 * so that it is refused by name. */
static bool makes_nothing(const onnx_node_proto *node)
{
    for (size_t i = 0; i < node->n_output; i++)
        if (*node->output[i])
            return false;
    return true;
}

static void need_operands(struct search *search)
{
    for (size_t i = 0; i < search->needed->num_outputs; i++)
        need(search, search->needed->outputs[i].value);
    for (size_t i = 0; i < search->proto->n_node; i++)
        search->needed->nodes[i] |= makes_nothing(search->proto->node[i]);
    while (search->depth > 0) {
        const onnx_node_proto *node =
            search->proto->node[search->stack[--search->depth]];

        for (size_t i = 0; i < node->n_input; i++)
            if (*node->input[i])
                need(search, node->input[i]);
    }
}

bool onnx_needed_find(struct onnx_needed *needed, struct onnx_names *names,
                      const onnx_graph_proto *proto, const char *output,
                      bool all, struct error *err)
{
    struct search search = {
        .needed = needed, .names = names, .proto = proto, .err = err};
    bool ok;

    *needed = (struct onnx_needed){.all = all};
    ok = take_room(&search) && name_all(&search) &&
         take_outputs(&search, output);
    if (ok) {
        if (!all)
            leave_doubles_out(&search);
        need_operands(&search);
    } else {
        onnx_needed_release(needed);
    }
    free(search.stack);
    return ok;
}

void onnx_needed_release(struct onnx_needed *needed)
{
    free(needed->nodes);
    free(needed->outputs);
    *needed = (struct onnx_needed){0};
}

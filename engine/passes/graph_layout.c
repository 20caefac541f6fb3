/* NCHW to NHWC.
 *
 * The kernels store the channels of a pixel together (NHWC); files describe
 * images plane by plane (NCHW). Rather than put transposes around every
 * convolution and cancel them afterwards, the pass walks the nodes once and
 * keeps, for every value, a view: the axes of the value in the file's order, in
 * terms of its axes as stored,
 *
 *     meant.dim[i] = stored.dim[perm[i]]
 *
 * Convolutions require and produce NHWC; elementwise operations keep the layout
 * of their operands; a transpose in the file only changes the view. A transpose
 * is added only where two views must agree and do not. */

#include "engine/passes/graph_layout.h"

#include <stdlib.h>
#include <string.h>

#include "engine/passes/graph_build.h"

const size_t graph_layout_identity[GRAPH_MAX_RANK] = {0, 1, 2, 3, 4, 5};
const size_t graph_layout_nchw[GRAPH_MAX_RANK] = {0, 3, 1, 2, 4, 5};

bool graph_layout_is_same(const size_t *a, const size_t *b, uint32_t rank)
{
    return memcmp(a, b, rank * sizeof *a) == 0;
}

struct layout_view graph_layout_view(const struct layout_pass *pass, int value)
{
    struct layout_view view = {.stored = value};

    if ((size_t)value < pass->num_views &&
        pass->views[value].stored != GRAPH_NONE)
        return pass->views[value];
    memcpy(view.perm, graph_layout_identity, sizeof view.perm);
    return view;
}

void graph_layout_set_view(struct layout_pass *pass, int value, int stored,
                           const size_t *perm)
{
    pass->views[value].stored = stored;
    memcpy(pass->views[value].perm, perm, sizeof pass->views[value].perm);
}

bool graph_layout_emit(struct layout_pass *pass, const struct graph_node *node)
{
    return graph_append(pass->graph, node, pass->err) != NULL;
}

bool graph_layout_moves_nothing(const struct graph_shape *from,
                                const size_t *perm)
{
    size_t last = 0;

    for (uint32_t i = 0; i < from->rank; i++) {
        if (from->dim[perm[i]] == 1)
            continue;
        if (perm[i] < last)
            return false;
        last = perm[i];
    }
    return true;
}

bool graph_layout_order_matters(const struct graph_shape *stored,
                                const size_t *perm, const size_t *wanted)
{
    size_t moved[GRAPH_MAX_RANK] = {0};

    for (uint32_t i = 0; i < stored->rank; i++)
        moved[wanted[i]] = perm[i];
    return !graph_layout_moves_nothing(stored, moved);
}

/* A node that the pass adds, named after the value that it moves or the node
 * that needs it. */
static struct graph_node own_node(const struct layout_pass *pass,
                                  enum graph_op op, int value)
{
    const char *name = pass->graph->values[value].name;

    return graph_build_node(op, *name ? name : pass->name, "layout");
}

int graph_layout_reshaped(struct layout_pass *pass, int from,
                          const struct graph_shape *shape)
{
    struct graph_node node = own_node(pass, GRAPH_RESHAPE, from);

    return graph_build_reshape(pass->graph, &node, from, shape, pass->err);
}

/* A constant's elements as they are, in another shape. */
static int constant_as(struct layout_pass *pass, int from,
                       const struct graph_shape *shape)
{
    struct graph *graph = pass->graph;
    int made = graph_share_constant(graph, "", &graph->values[from], pass->err);

    if (made != GRAPH_NONE)
        graph->values[made].shape = *shape;
    return made;
}

int graph_layout_transposed(struct layout_pass *pass, int from,
                            const size_t *perm)
{
    const struct graph_shape shape = pass->graph->values[from].shape;
    struct graph_node node = own_node(pass, GRAPH_TRANSPOSE, from);
    struct graph_shape to = {.rank = shape.rank};

    if (!graph_layout_moves_nothing(&shape, perm))
        return graph_build_transpose(pass->graph, &node, from, perm, pass->err);
    for (uint32_t i = 0; i < shape.rank; i++)
        to.dim[i] = shape.dim[perm[i]];
    if (pass->graph->values[from].data)
        return constant_as(pass, from, &to);
    return graph_layout_reshaped(pass, from, &to);
}

int graph_layout_stored_as(struct layout_pass *pass, int value,
                           const size_t *wanted)
{
    struct layout_view view = graph_layout_view(pass, value);
    uint32_t rank = pass->graph->values[view.stored].shape.rank;
    size_t perm[GRAPH_MAX_RANK];

    if (graph_layout_is_same(view.perm, wanted, rank))
        return view.stored;
    memcpy(perm, graph_layout_identity, sizeof perm);
    for (uint32_t i = 0; i < rank; i++)
        perm[wanted[i]] = view.perm[i];
    return graph_layout_transposed(pass, view.stored, perm);
}

bool graph_layout_operand(struct layout_pass *pass, struct graph_node *node,
                          uint32_t i, const size_t *wanted)
{
    if (node->inputs[i] != GRAPH_NONE) {
        node->inputs[i] = graph_layout_stored_as(pass, node->inputs[i], wanted);
        if (node->inputs[i] == GRAPH_NONE)
            return false;
    }
    return true;
}

int graph_layout_with_rank(struct layout_pass *pass, int value, uint32_t rank)
{
    struct graph_shape shape = {.rank = rank}, old;

    value = graph_layout_stored_as(pass, value, graph_layout_identity);
    if (value == GRAPH_NONE)
        return GRAPH_NONE;
    old = pass->graph->values[value].shape;
    for (uint32_t i = 0; i < rank; i++)
        shape.dim[i] = i + old.rank < rank ? 1 : old.dim[i + old.rank - rank];
    return graph_layout_reshaped(pass, value, &shape);
}

void graph_layout_store_output(struct layout_pass *pass,
                               const struct graph_node *node,
                               const size_t *perm)
{
    struct graph_value *out = graph_output(pass->graph, node, 0);
    const struct graph_shape meant = out->shape;

    for (uint32_t i = 0; i < meant.rank; i++)
        out->shape.dim[perm[i]] = meant.dim[i];
    graph_layout_set_view(pass, node->outputs[0], node->outputs[0], perm);
}

/* ---- the simplest rules ---- */

/* Stores all operands in the file's order. */
bool graph_layout_as_meant(struct layout_pass *pass, struct graph_node *node)
{
    for (uint32_t i = 0; i < node->num_inputs; i++) {
        if (!graph_layout_operand(pass, node, i, graph_layout_identity))
            return false;
    }
    graph_layout_store_output(pass, node, graph_layout_identity);
    return graph_layout_emit(pass, node);
}

/* Takes the first operand as it is stored. */
bool graph_layout_any(struct layout_pass *pass, struct graph_node *node)
{
    struct layout_view view = graph_layout_view(pass, node->inputs[0]);

    node->inputs[0] = view.stored;
    graph_layout_store_output(pass, node, view.perm);
    return graph_layout_emit(pass, node);
}

static bool (*const rules[GRAPH_NUM_OPS])(struct layout_pass *pass,
                                          struct graph_node *node) = {
#define X(op, name, floats, facts, work, shape, layout, ...) \
    [op] = graph_layout_##layout,
    GRAPH_OPS(X)
#undef X
};

/* ---- the pass ---- */

bool graph_layout_is_nhwc(const struct graph_value *input)
{
    const size_t *dim = input->shape.dim;

    return input->shape.rank == 4 && !input->is_cut && dim[1] != 3 &&
           (dim[3] == 3 || (dim[3] == 1 && dim[1] != 1));
}

/* The input image becomes NHWC, unless it is so in the file. */
static void store_input(struct layout_pass *pass, int number)
{
    struct graph_value *input = &pass->graph->values[number];
    const struct graph_shape meant = input->shape;

    if (pass->graph->file_layout || meant.rank != 4 ||
        graph_layout_is_nhwc(input))
        return;
    for (uint32_t i = 0; i < meant.rank; i++)
        input->shape.dim[graph_layout_nchw[i]] = meant.dim[i];
    graph_layout_set_view(pass, number, number, graph_layout_nchw);
}

static bool store_outputs(struct layout_pass *pass)
{
    struct graph *graph = pass->graph;

    for (size_t i = 0; i < graph->num_outputs; i++) {
        int stored = graph_layout_view(pass, graph->outputs[i]).stored;
        bool is_picture =
            !graph->file_layout && graph->values[stored].shape.rank == 4;

        graph->outputs[i] = graph_layout_stored_as(
            pass, graph->outputs[i],
            is_picture ? graph_layout_nchw : graph_layout_identity);
        if (graph->outputs[i] == GRAPH_NONE)
            return false;
    }
    return true;
}

/* Counts how often the graph reads each value. */
static bool count_reads(struct layout_pass *pass)
{
    const struct graph *graph = pass->graph;

    pass->reads = arena_take(&pass->graph->arena, graph->num_values,
                             sizeof *pass->reads, pass->err);
    if (!pass->reads)
        return false;
    memset(pass->reads, 0, graph->num_values * sizeof *pass->reads);
    for (size_t n = 0; n < graph->num_nodes; n++)
        for (uint32_t i = 0; i < graph->nodes[n].num_inputs; i++)
            if (graph->nodes[n].inputs[i] != GRAPH_NONE)
                pass->reads[graph->nodes[n].inputs[i]]++;
    for (size_t i = 0; i < graph->num_outputs; i++)
        pass->reads[graph->outputs[i]]++;
    return true;
}

bool graph_layout(struct graph *graph, struct error *err)
{
    struct layout_pass pass = {.graph = graph, .name = "", .err = err};
    struct graph_node *old = graph->nodes;
    size_t num_old = graph->num_nodes;
    bool ok = true;

    pass.views =
        arena_take(&graph->arena, graph->num_values, sizeof *pass.views, err);
    if (!pass.views || !count_reads(&pass))
        return false;
    pass.num_views = graph->num_values;
    for (size_t v = 0; v < pass.num_views; v++)
        pass.views[v].stored = GRAPH_NONE;
    graph->nodes = NULL;
    graph->num_nodes = graph->cap_nodes = 0;
    for (size_t i = 0; i < graph->num_inputs; i++)
        store_input(&pass, graph->inputs[i]);
    for (size_t n = 0; ok && n < num_old; n++) {
        pass.name = old[n].name;
        ok = rules[old[n].op](&pass, &old[n]);
    }
    ok = ok && store_outputs(&pass);
    if (ok)
        graph_prune(graph);
    free(old);
    return ok;
}

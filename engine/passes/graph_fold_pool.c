/* Turns nodes that together are a global pooling into one MEAN, or maximum,
 * over rows and columns:
 *
 *     x.mean(3).mean(2)    x.flatten(2).mean(2)    x.sum((2, 3)) / (H * W)
 *     an average pool with padding that does not count, tokens.mean(1), …
 *
 * There are more ways to write it than rules could list. So a chain of linear
 * nodes from an image to one number per channel is not matched but tested: the
 * plain kernels run it on random numbers. If a linear function gives scale *
 * mean + shift for each channel of two random images, it is that function. One
 * that gave a single cell another weight, or used a cell of another channel,
 * would have to be right by accident twice for each channel, within a
 * thousandth of a cell's share. A maximum is tested with images in which each
 * cell is the largest in some channel, so that no cell can be missed. */

#include "engine/passes/graph_fold_pool.h"

#include <math.h>
#include <stdlib.h>

#include "engine/passes/graph_build.h"

enum { MAX_REWRITES = 1024 }; /* in one network */

/* The limits of elements computed for one chain and for all chains. */
#define MAX_COST ((double)(1 << 24))
#define MAX_COSTS ((double)(1 << 27))

/* ---- finding one ---- */

static bool describe(struct pool_pass *pass)
{
    struct graph *graph = pass->graph;

    free(pass->pictures);
    pass->pictures = calloc(graph->num_values + 1, sizeof *pass->pictures);
    if (!pass->pictures)
        return fail(pass->fold->err, ERROR_MEMORY,
                    "not enough memory for a list of values");
    graph_picture_find(pass->pictures, graph);
    return true;
}

int graph_fold_pool_open(const struct graph *graph,
                         const struct graph_node *node, bool either)
{
    int found = -1;

    for (uint32_t i = 0; i < node->num_inputs; i++) {
        const struct graph_value *value = graph_input(graph, node, i);

        if (!value || value->data)
            continue;
        if (found >= 0 || i > (either ? 1u : 0u) || value->type != GRAPH_FLOAT)
            return -1;
        found = (int)i;
    }
    return found;
}

/* The contribution of one node to a chain. */
struct link {
    bool is_linear, is_max;
    bool shifts;   /* something is added */
    bool is_shift; /* to each element; addends that differ between cells are
                      part of the map */
    double cost;   /* for each element of its result */
};

/* Whether a node may be part of a chain: it is linear, moves elements, or takes
 * a maximum. */
static bool read_link(struct link *link, const struct graph *graph,
                      const struct graph_node *node)
{
    const struct graph_shape *x, *out;
    const struct graph_window *window = &node->conv.window;
    int open = graph_fold_pool_open(graph, node, true);

    *link = (struct link){.cost = 1};
    if (node->num_outputs != 1 || graph_is_clamped(node) || open < 0 ||
        graph_output(graph, node, 0)->type != GRAPH_FLOAT)
        return false;
    x = &graph_input(graph, node, (uint32_t)open)->shape;
    out = &graph_output(graph, node, 0)->shape;
    switch (node->op) {
    case GRAPH_RESHAPE:
    case GRAPH_TRANSPOSE:
        return true;
    case GRAPH_SLICE:
    case GRAPH_GATHER:
        link->is_linear = true;
        return graph_fold_pool_open(graph, node, false) == 0;
    case GRAPH_MEAN:
        link->is_linear = true;
        return true;
    case GRAPH_REDUCE:
        link->is_linear = node->reduce.function == GRAPH_REDUCE_SUM;
        link->is_max = node->reduce.function == GRAPH_REDUCE_MAX;
        return link->is_linear || link->is_max;
    case GRAPH_MAX_POOL:
    case GRAPH_AVERAGE_POOL:
        link->is_linear = node->op == GRAPH_AVERAGE_POOL;
        link->is_max = !link->is_linear;
        link->cost = (double)node->pool.window.kernel[0] *
                     (double)node->pool.window.kernel[1];
        return true;
    case GRAPH_CONV: /* of each channel by itself, to a single cell */
        link->is_linear = link->shifts = true;
        link->cost = (double)window->kernel[0] * (double)window->kernel[1];
        return graph_fold_pool_open(graph, node, false) == 0 &&
               out->rank == 4 && node->conv.groups == x->dim[1] &&
               node->conv.groups == out->dim[1] &&
               out->dim[2] * out->dim[3] == 1;
    case GRAPH_LINEAR: /* to a single number */
        link->is_linear = link->shifts = true;
        link->cost = (double)x->dim[x->rank - 1];
        return out->dim[out->rank - 1] == 1;
    case GRAPH_MATMUL: /* by one row or column */
        link->is_linear = link->shifts = true;
        link->cost = (double)graph_shape_count(x);
        return graph_shape_count(out) < graph_shape_count(x);
    case GRAPH_ADD:
    case GRAPH_SUB:
        link->shifts = link->is_shift = true; /* fall through */
    case GRAPH_MUL:
    case GRAPH_DIV:
        link->is_linear = true;
        return graph_shape_equal(x, out) &&
               (node->op != GRAPH_DIV ||
                graph_fold_pool_open(graph, node, false) == 0);
    default:
        return false;
    }
}

/* Describes an image's channels; returns false if it has other axes as well, or
 * a single cell. */
static bool read_channels(struct pool_chain *chain,
                          const struct pool_pass *pass, int x)
{
    const struct graph_picture *picture = &pass->pictures[x];
    const struct graph_shape *shape = &pass->graph->values[x].shape;
    bool merged = picture->rows == picture->columns;

    chain->x = x;
    chain->cells = picture->height * picture->width;
    chain->channels = 1;
    chain->axis = shape->rank;
    if (chain->cells < 2 || picture->columns < picture->rows ||
        (!merged && picture->columns != picture->rows + 1) ||
        (merged && shape->dim[picture->rows] != chain->cells))
        return false;
    for (uint32_t i = 0; i < shape->rank; i++) {
        if (i == picture->rows || i == picture->columns || shape->dim[i] == 1)
            continue;
        if (chain->axis < shape->rank)
            return false;
        chain->axis = i;
        chain->channels = shape->dim[i];
    }
    return chain->axis < shape->rank && chain->channels > 0;
}

/* Whether the node is a global pooling in the form that the engine expects, of
 * an image that is not already pooled along rows or columns. */
static bool is_direct(const struct pool_pass *pass,
                      const struct graph_node *node, bool is_reduced)
{
    const struct graph_picture *picture = &pass->pictures[node->inputs[0]];
    const struct graph_shape *x = &graph_input(pass->graph, node, 0)->shape;

    if ((node->op != GRAPH_MEAN &&
         !(node->op == GRAPH_REDUCE &&
           node->reduce.function == GRAPH_REDUCE_MAX)) ||
        picture->height == 0 || picture->rows == picture->columns ||
        x->rank != 4 || x->dim[0] != 1 ||
        (is_reduced && (picture->height == 1 || picture->width == 1)))
        return false;
    for (uint32_t i = 1; i < x->rank; i++)
        if (node->reduce.axis[i] !=
            (i == picture->rows || i == picture->columns))
            return false;
    return true;
}

/* Follows the users of an image to one number per channel, and on through nodes
 * that only scale. */
static bool find_chain(struct pool_chain *chain, const struct pool_pass *pass,
                       size_t start)
{
    const struct graph *graph = pass->graph;
    const struct graph_node *node = &graph->nodes[start];
    bool is_linear = false, is_reduced = false;
    int value, found = -1;
    size_t before;

    *chain = (struct pool_chain){0};
    if (node->num_outputs == 0 ||
        (found = graph_fold_pool_open(graph, node, true)) < 0 ||
        !read_channels(chain, pass, node->inputs[found]))
        return false;
    value = chain->x;
    before = chain->cells * chain->channels;
    chain->out = GRAPH_NONE;
    for (size_t n = start; chain->num < GRAPH_FOLD_POOL_CHAIN;) {
        struct link link;
        size_t count;

        node = &graph->nodes[n];
        if (!read_link(&link, graph, node) ||
            node->inputs[graph_fold_pool_open(graph, node, true)] != value)
            break;
        value = node->outputs[0];
        count = graph_shape_count(&graph->values[value].shape);
        if (count < chain->channels || (is_linear && link.is_max) ||
            (chain->is_max && link.is_linear) ||
            (link.is_shift && count != chain->channels))
            break;
        chain->is_direct |= is_direct(pass, node, is_reduced);
        is_reduced |= count < chain->cells * chain->channels;
        is_linear |= link.is_linear;
        chain->is_max |= link.is_max;
        chain->shifts |= link.shifts;
        chain->nodes[chain->num++] = n;
        chain->cost += fmax((double)count * link.cost, (double)before);
        before = count;
        if (count == chain->channels)
            chain->out = value;
        node = graph_users_sole(&pass->fold->users, value);
        if (!node)
            break;
        n = (size_t)(node - graph->nodes);
    }
    return chain->out != GRAPH_NONE;
}

/* Cuts off the nodes after the chain's last result. */
static void trim(struct pool_chain *chain, const struct graph *graph)
{
    while (graph->nodes[chain->nodes[chain->num - 1]].outputs[0] != chain->out)
        chain->num--;
}

/* ---- replacing it ---- */

/* A node that replaces the chain's last. */
static struct graph_node in_place(const struct pool_pass *pass,
                                  const struct pool_chain *chain,
                                  enum graph_op op)
{
    const struct graph_node *last =
        &pass->graph->nodes[chain->nodes[chain->num - 1]];

    return graph_build_node(op, last->name, last->onnx_op);
}

static int reshape(struct pool_pass *pass, const struct pool_chain *chain,
                   int value, const struct graph_shape *shape)
{
    struct graph_node node = in_place(pass, chain, GRAPH_RESHAPE);

    return graph_build_reshape(pass->graph, &node, value, shape,
                               pass->fold->err);
}

/* Reshapes the image to (1, C, H, W) or (1, H, W, C), and adds its mean or
 * maximum. */
static int pool(struct pool_pass *pass, const struct pool_chain *chain)
{
    const struct graph_picture picture = pass->pictures[chain->x];
    bool last = chain->axis > picture.rows;
    struct graph_shape whole = {.rank = 4, .dim = {1}};
    struct graph_node node =
        in_place(pass, chain, chain->is_max ? GRAPH_REDUCE : GRAPH_MEAN);
    size_t rows = last ? 1 : 2;
    int value;

    whole.dim[last ? 3 : 1] = chain->channels;
    whole.dim[rows] = picture.height;
    whole.dim[rows + 1] = picture.width;
    value = reshape(pass, chain, chain->x, &whole);
    node.reduce.function = GRAPH_REDUCE_MAX;
    node.reduce.axis[rows] = node.reduce.axis[rows + 1] = true;
    node.reduce.keep_dims = true;
    return value == GRAPH_NONE
               ? GRAPH_NONE
               : graph_build(pass->graph, &node, &value, 1, pass->fold->err);
}

/* Adds value op numbers, unless all numbers are `neutral`. */
static int with_numbers(struct pool_pass *pass, const struct pool_chain *chain,
                        int value, enum graph_op op, const double *numbers,
                        double neutral)
{
    const struct graph_shape shape = pass->graph->values[value].shape;
    struct graph_node node = in_place(pass, chain, op);
    bool needed = false;
    float *floats;
    int constant;

    for (size_t c = 0; c < chain->channels; c++)
        needed |= fabs(numbers[c] - neutral) > 1e-6;
    if (!needed)
        return value;
    constant =
        graph_build_floats(pass->graph, &shape, &floats, pass->fold->err);
    if (constant == GRAPH_NONE)
        return GRAPH_NONE;
    for (size_t c = 0; c < chain->channels; c++)
        floats[c] = (float)numbers[c];
    return graph_build(pass->graph, &node, (int[]){value, constant}, 2,
                       pass->fold->err);
}

static bool renames(const struct graph_node *node)
{
    return node->op == GRAPH_RESHAPE || node->op == GRAPH_TRANSPOSE;
}

/* Keeps the names of the image or the result in other shapes. */
static void take_names(struct pool_pass *pass, const struct pool_chain *chain,
                       int result)
{
    struct graph *graph = pass->graph;
    const size_t *nodes = chain->nodes;

    for (size_t i = 0; i < chain->num && renames(&graph->nodes[nodes[i]]); i++)
        graph_take_names(graph, chain->x, graph->nodes[nodes[i]].outputs[0]);
    for (size_t i = chain->num; i-- > 1 && renames(&graph->nodes[nodes[i]]);)
        graph_take_names(graph, result, graph->nodes[nodes[i]].inputs[0]);
}

/* Replaces the chain's last node by new nodes. */
static bool rewrite(struct pool_pass *pass, const struct pool_chain *chain,
                    const struct pool_trial *trial)
{
    struct graph *graph = pass->graph;
    size_t first = graph->num_nodes;
    const struct graph_shape shape = graph->values[chain->out].shape;
    int value = pool(pass, chain);

    if (value != GRAPH_NONE)
        value = reshape(pass, chain, value, &shape);
    if (value != GRAPH_NONE && !chain->is_max)
        value = with_numbers(pass, chain, value, GRAPH_MUL, trial->scale, 1);
    if (value != GRAPH_NONE && !chain->is_max)
        value = with_numbers(pass, chain, value, GRAPH_ADD, trial->shift, 0);
    if (value == GRAPH_NONE)
        return false;
    take_names(pass, chain, value);
    for (size_t i = 0; i < chain->num; i++) { /* dropped */
        graph->nodes[chain->nodes[i]].num_inputs = 0;
        graph->nodes[chain->nodes[i]].num_outputs = 0;
    }
    graph_users_replace(&pass->fold->users, chain->out, value);
    graph_move_nodes(graph, first, chain->nodes[chain->num - 1] + 1);
    graph_users_find(&pass->fold->users, graph);
    return describe(pass);
}

/* Replaces the nodes from `start` on by a pooling, if they are equivalent to
 * one; *found says whether. */
static bool try_at(struct pool_pass *pass, size_t start, bool *found)
{
    struct pool_chain chain;
    struct pool_trial trial = {0};
    double cost;
    bool ok;

    *found = false;
    if (!find_chain(&chain, pass, start) || chain.is_direct)
        return true;
    trim(&chain, pass->graph);
    cost = chain.cost * graph_fold_pool_runs(&chain);
    if (cost > MAX_COST || pass->cost + cost > MAX_COSTS)
        return true;
    pass->cost += cost;
    ok = graph_fold_pool_try(&trial, found, pass, &chain) &&
         (!*found || rewrite(pass, &chain, &trial));
    graph_fold_pool_release(&trial);
    return ok;
}

bool graph_fold_pool(struct fold *fold)
{
    struct pool_pass pass = {.fold = fold, .graph = fold->graph};
    size_t num_found = 0;
    bool ok = describe(&pass);

    for (size_t n = 0;
         ok && n < fold->graph->num_nodes && num_found < MAX_REWRITES; n++) {
        bool found;

        ok = try_at(&pass, n, &found);
        num_found += found;
    }
    free(pass.pictures);
    if (ok)
        graph_fold_prune(fold);
    return ok;
}

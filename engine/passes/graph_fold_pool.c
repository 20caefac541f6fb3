/* Global pooling in other words becomes one MEAN, or maximum, over rows and
 * columns.
 *
 *     x.mean(3).mean(2)    x.flatten(2).mean(2)    x.sum((2, 3)) / (H * W)
 *     an average pool with a border that does not count, tokens.mean(1), …
 *
 * There are more ways to write it than rules could list. So a chain of nodes
 * that are linear, from a picture to one number a channel, is not read but
 * tried: the plain kernels run it on random numbers. A linear map that gives
 * scale * mean + shift for each channel of two pictures of such numbers is
 * that map: one that weighs a single cell otherwise, or takes one of another
 * channel, would have to be right by accident twice, for each channel, within
 * a thousandth of a cell's share. A maximum is tried with pictures in which
 * each place is the largest in some channel, so that none can be left out. */

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/kernel/kernel.h"
#include "engine/passes/graph_fold.h"
#include "engine/passes/graph_picture.h"

enum {
    MAX_CHAIN = 16,      /* nodes */
    MAX_REWRITES = 1024, /* in one network */
};

/* Elements that may be computed for one chain, and for all. */
#define MAX_COST ((double)(1 << 24))
#define MAX_COSTS ((double)(1 << 27))

struct pass {
    struct graph *graph;
    struct graph_picture *pictures; /* (num_values) owned */
    int *user;                      /* (num_values) the node that alone uses a
                                       value, or GRAPH_NONE; owned */
    double cost;                    /* so far */
    struct error *err;
};

/* Nodes from a picture to one number a channel. */
struct chain {
    int x, out; /* values */
    size_t nodes[MAX_CHAIN];
    size_t num;
    size_t channels, cells;
    uint32_t axis;  /* of x: its channels, or the rank where there are none */
    bool is_max;    /* no sum, but a maximum */
    bool is_direct; /* has a pooling that the kernels know as it is */
    bool shifts;    /* something is added */
    double cost;
};

/* ---- finding one ---- */

static bool describe(struct pass *pass)
{
    struct graph *graph = pass->graph;
    size_t num = graph->num_values;

    free(pass->pictures);
    free(pass->user);
    pass->pictures = calloc(num + 1, sizeof *pass->pictures);
    pass->user = calloc(num + 1, sizeof *pass->user);
    if (!pass->pictures || !pass->user)
        return fail(pass->err, ERROR_MEMORY,
                    "not enough memory for a list of values");
    graph_picture_find(pass->pictures, graph);
    for (size_t v = 0; v < num; v++)
        pass->user[v] = -2; /* none yet */
    for (size_t n = 0; n < graph->num_nodes; n++)
        for (uint32_t i = 0; i < graph->nodes[n].num_inputs; i++) {
            int value = graph->nodes[n].inputs[i];

            if (value != GRAPH_NONE && graph->nodes[n].num_outputs > 0)
                pass->user[value] =
                    pass->user[value] == -2 ? (int)n : GRAPH_NONE;
        }
    for (size_t i = 0; i < graph->num_outputs; i++)
        pass->user[graph->outputs[i]] = GRAPH_NONE;
    for (size_t v = 0; v < num; v++)
        if (pass->user[v] == -2)
            pass->user[v] = GRAPH_NONE;
    return true;
}

/* The operand that is not constant, if there is just one and it is the
 * node's first, or its second where `either` says so; else -1. */
static int open_operand(const struct graph *graph,
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

/* What one node adds to a chain. */
struct link {
    bool is_linear, is_max;
    bool shifts;   /* something is added */
    bool is_shift; /* to each element: what is added to places is the map's */
    double cost;   /* for each element of its result */
};

/* Whether a node may be one of a chain: it is linear, or moves elements, or
 * takes the largest of some. */
static bool read_link(struct link *link, const struct graph *graph,
                      const struct graph_node *node)
{
    const struct graph_shape *x, *out;
    const struct graph_window *window = &node->conv.window;

    *link = (struct link){.cost = 1};
    if (node->num_outputs != 1 || graph_is_clamped(node) ||
        graph_output(graph, node, 0)->type != GRAPH_FLOAT ||
        open_operand(graph, node, true) < 0)
        return false;
    x = &graph_input(graph, node, (uint32_t)open_operand(graph, node, true))
             ->shape;
    out = &graph_output(graph, node, 0)->shape;
    switch (node->op) {
    case GRAPH_RESHAPE:
    case GRAPH_TRANSPOSE:
        return true;
    case GRAPH_SLICE:
    case GRAPH_GATHER:
        link->is_linear = true;
        return open_operand(graph, node, false) == 0;
    case GRAPH_REDUCE:
        link->is_linear = node->reduce.function == GRAPH_REDUCE_SUM;
        link->is_max = node->reduce.function == GRAPH_REDUCE_MAX;
        return link->is_linear || link->is_max;
    case GRAPH_MEAN:
        link->is_linear = true;
        return true;
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
        return open_operand(graph, node, false) == 0 && out->rank == 4 &&
               node->conv.groups == x->dim[1] &&
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
               (node->op != GRAPH_DIV || open_operand(graph, node, false) == 0);
    default:
        return false;
    }
}

/* Describes a picture's channels; false where it has other axes as well, or a
 * single cell. */
static bool read_channels(struct chain *chain, const struct pass *pass, int x)
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

/* Whether the node pools just as the rest of the engine expects it, and not
 * what is left of a picture of which rows or columns were pooled before. */
static bool is_direct(const struct pass *pass, const struct graph_node *node,
                      bool is_reduced)
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

/* Follows what uses a picture to one number a channel, and further as long as
 * numbers are merely scaled. */
static bool find_chain(struct chain *chain, const struct pass *pass,
                       size_t start)
{
    const struct graph *graph = pass->graph;
    const struct graph_node *node = &graph->nodes[start];
    bool is_linear = false, is_reduced = false;
    int value, found = -1;
    size_t before;

    *chain = (struct chain){0};
    if (node->num_outputs == 0 ||
        (found = open_operand(graph, node, true)) < 0 ||
        !read_channels(chain, pass, node->inputs[found]))
        return false;
    value = chain->x;
    before = chain->cells * chain->channels;
    chain->out = GRAPH_NONE;
    for (size_t n = start; chain->num < MAX_CHAIN;) {
        struct link link;
        size_t count;

        node = &graph->nodes[n];
        if (!read_link(&link, graph, node) ||
            node->inputs[open_operand(graph, node, true)] != value)
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
        if (pass->user[value] == GRAPH_NONE)
            break;
        n = (size_t)pass->user[value];
    }
    return chain->out != GRAPH_NONE;
}

/* Leaves out what comes after the chain's last result. */
static void trim(struct chain *chain, const struct graph *graph)
{
    while (graph->nodes[chain->nodes[chain->num - 1]].outputs[0] != chain->out)
        chain->num--;
}

/* ---- trying one ---- */

/* A number from -1 to 1 that depends on the two. */
static float noise(size_t i, size_t seed)
{
    uint64_t bits = (i + 1) * 0x9e3779b97f4a7c15u + seed * 0xd1b54a32d192ed03u;

    bits = (bits ^ bits >> 30) * 0xbf58476d1ce4e5b9u;
    bits = (bits ^ bits >> 27) * 0x94d049bb133111ebu;
    return (float)((double)(bits >> 11) / 4503599627370496.0 - 1);
}

/* Runs one node; LINEAR has no plain kernel, being a product. */
static bool run_node(const struct pass *pass, const struct graph_node *node,
                     const float *x, float *out)
{
    struct graph_node copy = *node;
    const void *operands[5] = {NULL};
    void *outputs[1] = {out};
    int open = open_operand(pass->graph, node, true);

    if (node->num_inputs > 5)
        return false;
    for (uint32_t i = 0; i < node->num_inputs; i++) {
        const struct graph_value *value = graph_input(pass->graph, node, i);

        operands[i] = (int)i == open ? x : value ? value->data : NULL;
    }
    if (node->op == GRAPH_LINEAR) {
        copy.op = GRAPH_MATMUL;
        memset(&copy.gemm, 0, sizeof copy.gemm);
        copy.gemm.alpha = copy.gemm.beta = 1;
        copy.gemm.transpose_b = true;
    }
    return kernel_supports(&copy) &&
           kernel_run(pass->graph, &copy, operands, outputs, NULL);
}

/* What the chain makes of x, into `out`; `x` and `room` are used up. Both have
 * room for the largest value. */
static bool run(const struct pass *pass, const struct chain *chain, float *x,
                float *room, float *out)
{
    for (size_t i = 0; i < chain->num; i++) {
        float *to = room;

        if (!run_node(pass, &pass->graph->nodes[chain->nodes[i]], x, to))
            return false;
        room = x;
        x = to;
    }
    memcpy(out, x, chain->channels * sizeof *out);
    return true;
}

/* Where cell p of channel c is in x. */
static size_t position(const struct chain *chain, const struct pass *pass,
                       size_t c, size_t p)
{
    return chain->axis > pass->pictures[chain->x].rows ? p * chain->channels + c
                                                       : c * chain->cells + p;
}

/* A trial: what goes in, and what must come out for each channel. */
struct trial {
    float *x, *room, *out;          /* owned */
    double *scale, *shift, *wanted; /* (channels) owned */
};

static void release(struct trial *trial)
{
    free(trial->x);
    free(trial->room);
    free(trial->out);
    free(trial->scale);
    free(trial->shift);
    free(trial->wanted);
}

static bool init(struct trial *trial, const struct pass *pass,
                 const struct chain *chain)
{
    size_t count = chain->cells * chain->channels, size;

    size = count;
    for (size_t i = 0; i < chain->num; i++) {
        const struct graph_node *node = &pass->graph->nodes[chain->nodes[i]];
        size_t made =
            graph_shape_count(&graph_output(pass->graph, node, 0)->shape);

        size = made > size ? made : size;
    }
    trial->x = calloc(size, sizeof(float));
    trial->room = calloc(size, sizeof(float));
    trial->out = calloc(chain->channels, sizeof(float));
    trial->scale = calloc(chain->channels, sizeof(double));
    trial->shift = calloc(chain->channels, sizeof(double));
    trial->wanted = calloc(chain->channels, sizeof(double));
    return (trial->x && trial->room && trial->out && trial->scale &&
            trial->shift && trial->wanted) ||
           fail(pass->err, ERROR_MEMORY,
                "not enough memory for a trial of %zu numbers", size);
}

/* Fills x with one number. */
static void fill(struct trial *trial, const struct chain *chain, float number)
{
    for (size_t i = 0; i < chain->cells * chain->channels; i++)
        trial->x[i] = number;
}

/* Fills x with random numbers; what must come out is their mean, or their
 * largest. That of channel c is at place (c + seed) mod cells. */
static void fill_noise(struct trial *trial, const struct pass *pass,
                       const struct chain *chain, size_t seed)
{
    for (size_t c = 0; c < chain->channels; c++) {
        double sum = 0, largest = -INFINITY;

        for (size_t p = 0; p < chain->cells; p++) {
            size_t at = position(chain, pass, c, p);
            float number = noise(at, seed);

            if (chain->is_max && p == (c + seed) % chain->cells)
                number += 2;
            trial->x[at] = number;
            sum += (double)number;
            largest = fmax(largest, (double)number);
        }
        trial->wanted[c] = chain->is_max ? largest : sum / (double)chain->cells;
    }
}

/* So many pictures make each place the largest in some channel. */
static size_t num_rounds(const struct chain *chain)
{
    return (chain->cells + chain->channels - 1) / chain->channels + 1;
}

/* Whether the chain takes the largest of all cells, of each channel. */
static bool is_maximum(struct trial *trial, const struct pass *pass,
                       const struct chain *chain)
{
    for (size_t seed = 0; seed < num_rounds(chain); seed++) {
        fill_noise(trial, pass, chain, seed * chain->channels);
        if (!run(pass, chain, trial->x, trial->room, trial->out))
            return false;
        for (size_t c = 0; c < chain->channels; c++)
            if ((double)trial->out[c] != trial->wanted[c])
                return false;
    }
    return true;
}

/* What the chain makes of one number everywhere. */
static bool run_flat(struct trial *trial, const struct pass *pass,
                     const struct chain *chain, float number, double *to)
{
    fill(trial, chain, number);
    if (!run(pass, chain, trial->x, trial->room, trial->out))
        return false;
    for (size_t c = 0; c < chain->channels; c++)
        to[c] = (double)trial->out[c];
    return true;
}

/* Whether the chain is the mean of all cells, of each channel, scaled and
 * shifted: by so much as it makes of ones and of zeros. The numbers are right
 * within a thousandth of what one cell adds, and float's rounding. */
static bool is_mean(struct trial *trial, const struct pass *pass,
                    const struct chain *chain)
{
    double share = 1e-6 * fmax(1, 1000 / (double)chain->cells);

    if ((chain->shifts && !run_flat(trial, pass, chain, 0, trial->shift)) ||
        !run_flat(trial, pass, chain, 1, trial->scale))
        return false;
    for (size_t c = 0; c < chain->channels; c++) {
        trial->scale[c] -= trial->shift[c];
        if (!isfinite(trial->scale[c]) || !isfinite(trial->shift[c]))
            return false;
    }
    for (size_t seed = 0; seed < 2; seed++) {
        fill_noise(trial, pass, chain, seed);
        if (!run(pass, chain, trial->x, trial->room, trial->out))
            return false;
        for (size_t c = 0; c < chain->channels; c++) {
            double wanted =
                trial->scale[c] * trial->wanted[c] + trial->shift[c];
            double slack =
                fabs(trial->scale[c]) * share + fabs(trial->shift[c]) * 1e-6;

            if (!(fabs((double)trial->out[c] - wanted) <= slack))
                return false;
        }
    }
    return true;
}

/* ---- writing it anew ---- */

/* Adds a node with one result of that shape after all others. */
static struct graph_node *add(struct pass *pass, const struct chain *chain,
                              enum graph_op op, int input, int other,
                              const struct graph_shape *shape)
{
    struct graph *graph = pass->graph;
    const struct graph_node *last = &graph->nodes[chain->nodes[chain->num - 1]];
    const char *name = last->name, *onnx_op = last->onnx_op;
    struct graph_node *node;
    int out = graph_add_value(graph, name, GRAPH_FLOAT, pass->err);

    if (out == GRAPH_NONE)
        return NULL;
    graph->values[out].shape = *shape;
    graph->values[out].has_shape = true;
    node = graph_add_node(graph, op, name, onnx_op, other == GRAPH_NONE ? 1 : 2,
                          1, pass->err);
    if (!node)
        return NULL;
    node->inputs[0] = input;
    if (other != GRAPH_NONE)
        node->inputs[1] = other;
    node->outputs[0] = out;
    return node;
}

/* Reshapes a value, unless it has that shape; GRAPH_NONE on failure. */
static int reshape(struct pass *pass, const struct chain *chain, int value,
                   const struct graph_shape *shape)
{
    struct graph_node *node;

    if (graph_shape_equal(&pass->graph->values[value].shape, shape))
        return value;
    node = add(pass, chain, GRAPH_RESHAPE, value, GRAPH_NONE, shape);
    return node ? node->outputs[0] : GRAPH_NONE;
}

/* The picture as (1, C, H, W) or (1, H, W, C), and its mean or maximum. */
static int pool(struct pass *pass, const struct chain *chain)
{
    const struct graph_picture picture = pass->pictures[chain->x];
    bool last = chain->axis > picture.rows;
    struct graph_shape whole = {.rank = 4, .dim = {1}};
    struct graph_shape kept = {.rank = 4, .dim = {1, 1, 1, 1}};
    struct graph_node *node;
    size_t rows = last ? 1 : 2;
    int value;

    whole.dim[last ? 3 : 1] = kept.dim[last ? 3 : 1] = chain->channels;
    whole.dim[rows] = picture.height;
    whole.dim[rows + 1] = picture.width;
    value = reshape(pass, chain, chain->x, &whole);
    if (value == GRAPH_NONE)
        return GRAPH_NONE;
    node = add(pass, chain, chain->is_max ? GRAPH_REDUCE : GRAPH_MEAN, value,
               GRAPH_NONE, &kept);
    if (!node)
        return GRAPH_NONE;
    memset(&node->reduce, 0, sizeof node->reduce);
    node->reduce.function = GRAPH_REDUCE_MAX;
    node->reduce.axis[rows] = node->reduce.axis[rows + 1] = true;
    node->reduce.keep_dims = true;
    return node->outputs[0];
}

/* value op numbers, unless each of these is `neutral`. */
static int with_numbers(struct pass *pass, const struct chain *chain, int value,
                        enum graph_op op, const double *numbers, double neutral)
{
    const struct graph_shape shape = pass->graph->values[value].shape;
    bool needed = false;
    struct graph_node *node;
    int constant;

    for (size_t c = 0; c < chain->channels; c++)
        needed |= fabs(numbers[c] - neutral) > 1e-6;
    if (!needed)
        return value;
    constant =
        graph_add_constant(pass->graph, "pool", GRAPH_FLOAT, &shape, pass->err);
    if (constant == GRAPH_NONE)
        return GRAPH_NONE;
    for (size_t c = 0; c < chain->channels; c++)
        ((float *)pass->graph->values[constant].data)[c] = (float)numbers[c];
    node = add(pass, chain, op, value, constant, &shape);
    return node ? node->outputs[0] : GRAPH_NONE;
}

/* Puts new nodes in the place of the chain's last. */
static bool rewrite(struct pass *pass, const struct chain *chain,
                    const struct trial *trial)
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
    for (size_t i = 0; i < chain->num; i++) { /* dropped */
        graph->nodes[chain->nodes[i]].num_inputs = 0;
        graph->nodes[chain->nodes[i]].num_outputs = 0;
    }
    graph_replace(graph, chain->out, value);
    graph_move_nodes(graph, first, chain->nodes[chain->num - 1] + 1);
    return true;
}

/* Makes a pooling of the nodes from `start` on, where they are one in other
 * words; *found says whether. */
static bool try_at(struct pass *pass, size_t start, bool *found)
{
    struct chain chain;
    struct trial trial = {0};
    double cost;
    bool ok;

    *found = false;
    if (!find_chain(&chain, pass, start) || chain.is_direct)
        return true;
    trim(&chain, pass->graph);
    cost = chain.cost * (chain.is_max ? (double)num_rounds(&chain) : 4);
    if (cost > MAX_COST || pass->cost + cost > MAX_COSTS)
        return true;
    pass->cost += cost;
    ok = init(&trial, pass, &chain);
    if (ok) {
        *found = chain.is_max ? is_maximum(&trial, pass, &chain)
                              : is_mean(&trial, pass, &chain);
        if (*found)
            ok = rewrite(pass, &chain, &trial);
    }
    release(&trial);
    return ok && (!*found || describe(pass));
}

bool graph_fold_pools(struct graph *graph, struct error *err)
{
    struct pass pass = {.graph = graph, .err = err};
    size_t num_found = 0;
    bool ok = describe(&pass);

    for (size_t n = 0; ok && n < graph->num_nodes && num_found < MAX_REWRITES;
         n++) {
        bool found;

        ok = try_at(&pass, n, &found);
        num_found += found;
    }
    free(pass.pictures);
    free(pass.user);
    if (ok)
        graph_prune(graph);
    return ok;
}

/* The elements of constants, which several values may share. */
#include <assert.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/hugepages.h"
#include "engine/graph/graph.h"

/* XNNPACK reads up to SLACK bytes past the end of its inputs. Blocks of LARGE
 * bytes or more come from huge pages: they are given out with a thousandth of
 * the page faults, which are a good part of what it takes to open a large
 * model. */
enum { SLACK = 128, LARGE = 64 << 10 };

/* The header before a constant's elements. */
struct elements {
    _Alignas(max_align_t) atomic_size_t num_holders;
    bool is_large;
};

static struct elements *elements_of(const void *data)
{
    return (struct elements *)(uintptr_t)data - 1;
}

static void *block_new(size_t len, size_t slack)
{
    struct elements *elements;
    size_t size;

    if (len > SIZE_MAX / 4)
        return NULL;
    size = sizeof *elements + len + slack;
    elements = size >= LARGE ? hugepages_take_brief(size) : malloc(size);
    if (!elements)
        return NULL;
    elements->is_large = size >= LARGE;
    atomic_init(&elements->num_holders, 1);
    memset((uint8_t *)(elements + 1) + len, 0, slack);
    return elements + 1;
}

void *graph_block_new(size_t len)
{
    return block_new(len, len >= GRAPH_BLOCK_LEAST ? SLACK : 0);
}

void graph_block_free(void *block)
{
    struct elements *elements;

    if (!block)
        return;
    elements = elements_of(block);
    if (elements->is_large)
        hugepages_give(elements);
    else
        free(elements);
}

void graph_take_block(struct graph_value *value, void *block)
{
    assert(value->has_shape && !value->data);
    value->data = block;
}

bool graph_make_constant(struct graph_value *value, struct error *err)
{
    size_t size = value->type == GRAPH_INT ? sizeof(int64_t) : sizeof(float);
    size_t count;
    void *block;

    assert(value->has_shape && !value->data);
    if (!graph_shape_check(&value->shape, err))
        return false;
    count = graph_shape_count(&value->shape);
    block = block_new(count * size, SLACK);
    if (!block)
        return fail(err, ERROR_MEMORY,
                    "not enough memory for a constant of %zu elements", count);
    graph_take_block(value, block);
    return true;
}

void graph_drop_constant(struct graph_value *value)
{
    if (value->data &&
        atomic_fetch_sub(&elements_of(value->data)->num_holders, 1) == 1)
        graph_block_free(value->data);
    value->data = NULL;
}

int graph_share_constant(struct graph *graph, const char *name,
                         const struct graph_value *from, struct error *err)
{
    struct graph_value copy = *from; /* adding one moves values */
    int number = graph_add_value(graph, name, from->type, err);

    assert(copy.data && copy.has_shape);
    if (number == GRAPH_NONE)
        return GRAPH_NONE;
    atomic_fetch_add(&elements_of(copy.data)->num_holders, 1);
    graph->values[number].shape = copy.shape;
    graph->values[number].has_shape = true;
    graph->values[number].element = copy.element;
    graph->values[number].data = copy.data;
    return number;
}

void graph_adopt_constant(struct graph_value *value,
                          const struct graph_value *from)
{
    atomic_fetch_add(&elements_of(from->data)->num_holders, 1);
    graph_drop_constant(value);
    value->data = from->data;
}

int graph_add_constant(struct graph *graph, const char *name,
                       enum graph_type type, const struct graph_shape *shape,
                       struct error *err)
{
    int number = graph_add_value(graph, name, type, err);

    if (number == GRAPH_NONE)
        return GRAPH_NONE;
    graph->values[number].shape = *shape;
    graph->values[number].has_shape = true;
    if (!graph_make_constant(&graph->values[number], err))
        return GRAPH_NONE;
    memset(graph->values[number].data, 0,
           graph_shape_count(shape) *
               (type == GRAPH_INT ? sizeof(int64_t) : sizeof(float)));
    return number;
}

const float *graph_floats(const struct graph_value *value)
{
    assert(value->data && value->type == GRAPH_FLOAT);
    return value->data;
}

const int64_t *graph_ints(const struct graph_value *value)
{
    assert(value->data && value->type == GRAPH_INT);
    return value->data;
}

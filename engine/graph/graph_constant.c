/* The elements of constants, which several values may share. */
#include <assert.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>

#include "engine/base/hugepages.h"
#include "engine/graph/graph.h"

/* The header before a constant's elements. */
struct elements {
    _Alignas(max_align_t) atomic_size_t num_holders;
};

static struct elements *elements_of(const struct graph_value *value)
{
    return (struct elements *)value->data - 1;
}

bool graph_make_constant(struct graph_value *value, struct error *err)
{
    size_t size = value->type == GRAPH_INT ? sizeof(int64_t) : sizeof(float);
    struct elements *elements;
    size_t count;

    assert(value->has_shape && !value->data);
    if (!graph_shape_check(&value->shape, err))
        return false;
    /* XNNPACK reads up to 128 bytes past the end of its inputs. */
    count = graph_shape_count(&value->shape) + 128 / size;
    elements = calloc(1, sizeof *elements + count * size);
    if (!elements)
        return fail(err, ERROR_MEMORY,
                    "not enough memory for a constant of %zu elements", count);
    hugepages_advise(elements, sizeof *elements + count * size);
    atomic_init(&elements->num_holders, 1);
    value->data = elements + 1;
    return true;
}

void graph_drop_constant(struct graph_value *value)
{
    if (value->data &&
        atomic_fetch_sub(&elements_of(value)->num_holders, 1) == 1)
        free(elements_of(value));
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
    atomic_fetch_add(&elements_of(&copy)->num_holders, 1);
    graph->values[number].shape = copy.shape;
    graph->values[number].has_shape = true;
    graph->values[number].element = copy.element;
    graph->values[number].data = copy.data;
    return number;
}

void graph_adopt_constant(struct graph_value *value,
                          const struct graph_value *from)
{
    atomic_fetch_add(&elements_of(from)->num_holders, 1);
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

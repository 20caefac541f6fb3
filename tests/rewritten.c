#include "tests/rewritten.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/onnx/onnx.h"
#include "engine/onnx/onnx_write.h"
#include "tests/reference.h"

#include <cmocka.h>

/* Numbers in what is spelt out, such as sqrt(2), are floats in the file. */
#define TOLERANCE 1e-6

enum { MOST = 16, NAME_SIZE = 48 };

/* The graph with names for all inputs; only these are changed. */
static void name_inputs(struct graph *named, char names[MOST][NAME_SIZE])
{
    struct graph_value *values = calloc(named->num_values, sizeof *values);

    assert_non_null(values);
    assert_true(named->num_inputs <= MOST);
    memcpy(values, named->values, named->num_values * sizeof *values);
    named->values = values;
    for (size_t i = 0; i < named->num_inputs; i++) {
        struct graph_value *value = &values[named->inputs[i]];

        snprintf(names[i], NAME_SIZE, "rewritten_input%zu", i);
        value->name = names[i];
    }
}

static bool write_file(struct buf *file, const struct graph *graph,
                       const char *name)
{
    struct graph named = *graph;
    char inputs[MOST][NAME_SIZE], outputs[MOST][NAME_SIZE];
    const char *output_names[MOST];
    const struct onnx_write_options options = {.output_names = output_names,
                                               .doc = name};
    struct error err = {0};
    bool ok;

    name_inputs(&named, inputs);
    assert_true(graph->num_outputs <= MOST);
    for (size_t i = 0; i < graph->num_outputs; i++) {
        snprintf(outputs[i], NAME_SIZE, "rewritten_output%zu", i);
        output_names[i] = outputs[i];
    }
    ok = onnx_write(file, &named, &options, &err);
    free(named.values);
    if (!ok && err.kind != ERROR_UNSUPPORTED)
        fail_msg("%s: %s", name, err.text);
    return ok;
}

static void read_file(struct graph *back, const struct buf *file,
                      const struct graph *graph, const char *name)
{
    struct onnx_binding bindings[MOST] = {0};
    struct error err = {0};

    for (size_t i = 0; i < graph->num_inputs; i++)
        bindings[i].shape = graph->values[graph->inputs[i]].shape;
    if (!onnx_read_tensors(back, file->data, file->len, bindings,
                           graph->num_inputs, NULL, &err) ||
        !graph_infer(back, &err))
        fail_msg("%s, read again: %s", name, err.text);
}

static void compare(const struct graph *graph, const struct graph *back,
                    const double *const *inputs, const char *name)
{
    struct reference here = {0}, there = {0};
    struct error err = {0};

    if (!reference_run_on(&here, graph, inputs, &err) ||
        !reference_run_on(&there, back, inputs, &err))
        fail_msg("%s: %s", name, err.text);
    assert_int_equal(back->num_outputs, graph->num_outputs);
    for (size_t i = 0; i < graph->num_outputs; i++) {
        const struct graph_value *value = &graph->values[graph->outputs[i]];
        const struct graph_value *other = &back->values[back->outputs[i]];
        double distance;

        assert_true(graph_shape_equal(&value->shape, &other->shape));
        distance = reference_distance(here.values[graph->outputs[i]],
                                      there.values[back->outputs[i]],
                                      graph_shape_count(&value->shape));
        if (!(distance <= TOLERANCE))
            fail_msg("%s: output %zu is off by %g in the file", name, i,
                     distance);
    }
    reference_release(&here);
    reference_release(&there);
}

bool expect_rewritten(const struct graph *graph, const double *const *inputs,
                      const char *name)
{
    struct buf file = {0};
    struct graph back = {0};
    bool ok = write_file(&file, graph, name);

    if (ok) {
        read_file(&back, &file, graph, name);
        compare(graph, &back, inputs, name);
    }
    graph_release(&back);
    buf_release(&file);
    return ok;
}

#include "engine/passes/head.h"

#include <stdlib.h>

#include "engine/passes/graph_picture.h"
#include "engine/passes/head_features.h"
#include "engine/passes/head_output.h"

const char *head_scores_name(enum head_scores scores)
{
    static const char *const names[] = {
#define X(scores, name) [scores] = name,
        HEAD_SCORES(X)
#undef X
    };

    return names[scores] ? names[scores] : "open";
}

bool head_is_row(const struct graph_shape *shape)
{
    uint32_t wide = 0;

    for (uint32_t i = 0; i < shape->rank; i++)
        wide += shape->dim[i] != 1;
    return wide <= 1 && graph_shape_count(shape) > 0;
}

static bool is_row_of_floats(const struct graph *graph, int value)
{
    return graph->values[value].type == GRAPH_FLOAT &&
           head_is_row(&graph->values[value].shape);
}

/* Finds the layers before the logits. */
static bool read_head(struct head *head, const struct graph *graph,
                      struct error *err)
{
    struct graph_picture *pictures =
        calloc(graph->num_values + 1, sizeof *pictures);

    if (!pictures)
        return fail(err, ERROR_MEMORY,
                    "not enough memory for a list of values");
    graph_picture_find(pictures, graph);
    head->refusal = head_features_find(head, graph, pictures);
    if (head->refusal)
        head->bias = GRAPH_NONE;
    free(pictures);
    return true;
}

bool head_find_at(struct head *head, const struct graph *graph, int output,
                  const struct head_wish *wish, struct error *err)
{
    static const struct head_wish nothing = {0};
    char text[GRAPH_SHAPE_TEXT];

    *head = (struct head){
        .name = "none",
        .features = GRAPH_NONE,
        .weights = GRAPH_NONE,
        .bias = GRAPH_NONE,
        .norm_scale = GRAPH_NONE,
        .norm_shift = GRAPH_NONE,
    };
    if (!is_row_of_floats(graph, output))
        return fail(err, ERROR_UNSUPPORTED,
                    "the network's output has shape %s; a classifier's output "
                    "is one row with a number for each class",
                    graph_shape_text(text, &graph->values[output].shape));
    return head_output_read(head, graph, output, wish ? wish : &nothing, err) &&
           read_head(head, graph, err);
}

bool head_find(struct head *head, const struct graph *graph, struct error *err)
{
    int found = graph->outputs[0];
    size_t most = 0;

    for (size_t i = 0; i < graph->num_outputs && most < 2; i++) {
        int output = graph->outputs[i];
        size_t count = is_row_of_floats(graph, output)
                           ? graph_value_count(graph, output)
                           : 0;

        if (count > most) {
            most = count;
            found = output;
        }
    }
    return head_find_at(head, graph, found, NULL, err);
}

bool head_is_closed(const struct head *head, int value)
{
    return value != GRAPH_NONE && value == head->features && !head->refusal &&
           !head->is_max && !head->is_normalized;
}

size_t head_row(bool *is_negated, const struct head *head, size_t k)
{
    *is_negated = head->is_negated != (head->is_pair && k == 0);
    return head->is_pair ? 0 : k;
}

float head_logit(const struct head *head, const float *logits, size_t k)
{
    bool is_negated;
    size_t row = head_row(&is_negated, head, k);

    return is_negated ? 0 - logits[row] : logits[row];
}

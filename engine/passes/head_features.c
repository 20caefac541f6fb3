#include "engine/passes/head_features.h"

#include "engine/passes/head_layer.h"
#include "engine/passes/head_refusal.h"

/* Whether a value of rank 4 is an image stored as (1, H, W, C), and not another
 * value reshaped to rank 4. */
static bool is_picture(const struct graph_picture *picture)
{
    return picture->height > 0 && picture->rows == 1 && picture->columns == 2;
}

/* If the value is a sum with one constant per class, makes the constant the
 * head's bias and returns the other addend; else returns the value itself.
 * Quantized networks add the bias after rounding the product. */
static int behind_bias(struct head *head, const struct graph *graph, int value)
{
    const struct graph_node *sum = graph_producer(graph, value), *before;

    for (uint32_t i = 0; sum && sum->op == GRAPH_ADD && i < 2; i++) {
        const struct graph_value *bias = graph_input(graph, sum, i);
        int other = head_layer_behind_reshapes(graph, sum->inputs[1 - i]);

        before = graph_producer(graph, other);
        if (bias->data && before && !graph_is_clamped(sum) &&
            graph_shape_count(&bias->shape) == head->num_logits &&
            graph_value_count(graph, other) == head->num_logits &&
            (before->num_inputs < 3 || before->inputs[2] == GRAPH_NONE)) {
            head->bias = sum->inputs[i];
            return other;
        }
    }
    return value;
}

/* Sets the features, if they have more than one cell. */
static const char *set_features(struct head *head, const struct graph *graph,
                                const struct graph_picture *pictures,
                                const struct graph_node *pool)
{
    const struct graph_shape *x = &graph_input(graph, pool, 0)->shape;

    if (x->dim[1] * x->dim[2] < 2)
        return head_refusal_of_cell(head, graph, pictures, pool->inputs[0]);
    if (!is_picture(&pictures[pool->inputs[0]]))
        return head_refusal_no_places;
    if (graph_is_clamped(pool))
        return "the result of global pooling is clamped, so a class's map does "
               "not add up to its logit";
    head->features = pool->inputs[0];
    head->is_max = pool->op != GRAPH_MEAN;
    return NULL;
}

/* The input of the last layer is the pooled features, possibly normalized. */
static const char *read_linear(struct head *head, const struct graph *graph,
                               const struct graph_picture *pictures,
                               const struct graph_node *last)
{
    int value = head_layer_behind_reshapes(graph, last->inputs[0]);
    const struct graph_node *pool = graph_producer(graph, value), *norm = NULL;
    const char *refusal;

    if (pool && head_layer_is_row_norm(graph, pool)) {
        norm = pool;
        pool = graph_producer(
            graph, head_layer_behind_reshapes(graph, norm->inputs[0]));
    }
    if (!pool || !head_layer_is_global_pool(graph, pool) ||
        (norm && pool->op != GRAPH_MEAN))
        return head_refusal_of_row(head, graph, pictures, value);
    refusal = set_features(head, graph, pictures, pool);
    if (refusal)
        return refusal;
    head->name = norm           ? "gap-norm-linear"
                 : head->is_max ? "gmp-linear"
                                : "gap-linear";
    head->is_normalized = norm != NULL;
    head->about_zero = norm && norm->norm.about_zero;
    head->epsilon = norm ? (double)norm->norm.epsilon : 0;
    head->norm_scale = head_layer_norm_operand(norm, 1);
    head->norm_shift = head_layer_norm_operand(norm, 2);
    head->weights = last->inputs[1];
    if (head->bias == GRAPH_NONE && last->num_inputs > 2)
        head->bias = last->inputs[2];
    return NULL;
}

const char *head_features_find(struct head *head, const struct graph *graph,
                               const struct graph_picture *pictures)
{
    int value = behind_bias(head, graph,
                            head_layer_behind_reshapes(graph, head->logits));
    const struct graph_node *last = graph_producer(graph, value);
    const char *refusal;

    if (last && head_layer_is_global_pool(graph, last)) {
        refusal = set_features(head, graph, pictures, last);
        if (!refusal)
            head->name = head->is_max ? "conv-gmp" : "conv-gap";
        return refusal;
    }
    if (!last || !head_layer_is_linear(graph, last) || graph_is_clamped(last))
        return head_refusal_of_logits(graph, last);
    return read_linear(head, graph, pictures, last);
}

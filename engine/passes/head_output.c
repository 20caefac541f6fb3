#include "engine/passes/head_output.h"

#include <math.h>

#include "engine/passes/head_chain.h"

enum { MAX_DEPTH = 8 };

/* ---- softmax and sigmoid ---- */

static size_t softmax_length(const struct graph *graph,
                             const struct graph_node *softmax)
{
    const struct graph_shape *x = &graph_input(graph, softmax, 0)->shape;
    size_t axis = (size_t)softmax->axis, length = x->dim[axis];

    for (size_t i = axis + 1; softmax->to_matrix && i < x->rank; i++)
        length *= x->dim[i];
    return length;
}

static const char *name_of_link(const struct graph_node *link)
{
    return head_chain_is_softmax(link) ? "softmax" : "sigmoid";
}

/* Computes the effect on the scores of the tail's softmax or sigmoid. */
static void follow_link(struct head_effect *effect, const struct graph *graph,
                        const struct head_chain *chain)
{
    const struct graph_node *link = chain->link;

    if (link->op == GRAPH_LOG_SOFTMAX)
        head_chain_effect(effect, graph, chain, -INFINITY, 0);
    else
        head_chain_effect(effect, graph, chain, 0, 1);
    if (!head_chain_is_softmax(link)) {
        if (effect->is_selected)
            head_chain_object(effect, "one of the two is dropped");
        return;
    }
    if (softmax_length(graph, link) == 1 &&
        graph_value_count(graph, link->inputs[0]) > 1)
        head_chain_object(effect,
                          "it is over an axis of length 1, so each score is 1");
    else if (softmax_length(graph, link) !=
             graph_value_count(graph, link->inputs[0]))
        head_chain_object(effect, "it is not over all classes");
    else if (effect->is_flipped && !effect->is_selected)
        head_chain_object(effect, "their order is reversed");
}

/* Whether a row of two numbers is sigmoid(z) and 1 - sigmoid(z), in either
 * order; *chain and *effect then describe the second one. */
static bool is_pair(struct head_chain *chain, struct head_effect *effect,
                    const struct graph *graph, const struct graph_node *concat)
{
    struct head_chain first;
    struct head_effect other;
    bool differ; /* in their signs */

    if (concat->op != GRAPH_CONCAT || concat->num_inputs != 2 ||
        graph_value_count(graph, concat->inputs[0]) != 1 ||
        graph_value_count(graph, concat->inputs[1]) != 1)
        return false;
    head_chain_walk(&first, graph, concat->inputs[0]);
    head_chain_walk(chain, graph, concat->inputs[1]);
    if (!head_chain_is_function(first.link, GRAPH_SIGMOID) ||
        !head_chain_is_function(chain->link, GRAPH_SIGMOID))
        return false;
    follow_link(&other, graph, &first);
    follow_link(effect, graph, chain);
    differ = other.is_flipped != effect->is_flipped;
    return graph_behind_reshapes(
               graph, head_chain_behind_signs(&differ, graph,
                                              first.link->inputs[0])) ==
               graph_behind_reshapes(
                   graph, head_chain_behind_signs(&differ, graph,
                                                  chain->link->inputs[0])) &&
           differ && !other.why[0] && !effect->why[0] && other.is_affine &&
           effect->is_affine;
}

/* Whether the value is computed from softmaxes and sigmoids without any weights
 * in between. */
static bool is_made_of_scores(const struct graph *graph, int value, int depth)
{
    const struct graph_node *node = graph_producer(graph, value);
    uint32_t count = 0;

    if (!node || depth == MAX_DEPTH)
        return false;
    if (head_chain_is_softmax(node) ||
        head_chain_is_function(node, GRAPH_SIGMOID))
        return true;
    if (graph_op_has(node->op, GRAPH_WEIGHS))
        return false;
    for (uint32_t i = 0; i < node->num_inputs; i++) {
        if (node->inputs[i] == GRAPH_NONE || graph_input(graph, node, i)->data)
            continue;
        if (!is_made_of_scores(graph, node->inputs[i], depth + 1))
            return false;
        count++;
    }
    return count > 0;
}

/* ---- the head ---- */

static const char *wish_text(const struct head_wish *wish)
{
    return wish->by_options ? "--scores" : "\"scores\" in model.json";
}

/* Negations before the logits apply to the classes. */
static void set_logits(struct head *head, const struct graph *graph, int value,
                       bool is_flipped)
{
    head->logits = head_chain_behind_signs(&is_flipped, graph, value);
    head->num_logits = head->num_classes =
        graph_value_count(graph, head->logits);
    head->is_negated = is_flipped;
}

/* Handles a network that computes its scores itself. */
static bool use_link(struct head *head, const struct graph *graph,
                     const struct head_chain *chain,
                     const struct head_effect *effect,
                     const struct head_wish *wish, struct error *err)
{
    const char *name = name_of_link(chain->link);
    bool is_sigmoid = !head_chain_is_softmax(chain->link);

    if (effect->why[0] && wish->scores == HEAD_OPEN)
        return fail(err, ERROR_UNSUPPORTED,
                    "the network makes its scores with a %s, but %s; set %s to "
                    "say how to make them from its input",
                    name, effect->why, wish_text(wish));
    if (!effect->why[0] && wish->scores != HEAD_OPEN &&
        is_sigmoid != (wish->scores == HEAD_SIGMOID))
        return fail(err, ERROR_INPUT,
                    "the network ends in a %s, but %s says %s", name,
                    wish_text(wish), head_scores_name(wish->scores));
    head->makes_scores = true;
    head->scores = is_sigmoid ? HEAD_SIGMOID : HEAD_SOFTMAX;
    if (effect->why[0])
        head->scores = wish->scores;
    set_logits(head, graph, chain->link->inputs[0],
               is_sigmoid && effect->is_flipped);
    return true;
}

/* Whether the output of this node cannot be logits: it is a decision, or is
 * normalized by the numbers themselves. */
static bool is_no_end_of_logits(const struct graph *graph,
                                const struct graph_node *node)
{
    if (node->op == GRAPH_DIV || node->op == GRAPH_POW)
        return !graph_input(graph, node, 0)->data &&
               !graph_input(graph, node, 1)->data;
    return graph_op_has(node->op, GRAPH_DECIDES);
}

/* Takes the output as the logits, unless it cannot be. */
static bool use_output(struct head *head, const struct graph *graph, int output,
                       const struct head_chain *chain,
                       const struct head_wish *wish, struct error *err)
{
    const struct graph_node *start = graph_producer(graph, chain->start);
    const struct graph_node *last = chain->length > 0 ? chain->nodes[0] : start;
    struct head_effect effect;

    head_chain_effect(&effect, graph, chain,
                      start ? (double)start->min : -INFINITY,
                      start ? (double)start->max : INFINITY);
    if (wish->scores == HEAD_OPEN && last &&
        (effect.has_function || (start && is_no_end_of_logits(graph, start))))
        return fail(
            err, ERROR_UNSUPPORTED,
            "the network ends in %s, which is neither softmax nor sigmoid; set "
            "%s to say which of them makes scores from the output",
            last->onnx_op, wish_text(wish));
    if (wish->scores == HEAD_OPEN && effect.low >= -1 && effect.high <= 1)
        return fail(err, ERROR_UNSUPPORTED,
                    "the network's output is clamped to %g to %g, as by a hard "
                    "sigmoid, which is neither softmax nor sigmoid; set %s to "
                    "say which of them makes scores from it",
                    effect.low, effect.high, wish_text(wish));
    if (wish->scores == HEAD_OPEN && is_made_of_scores(graph, output, 0))
        return fail(err, ERROR_UNSUPPORTED,
                    "the network's output is combined from several softmaxes "
                    "or sigmoids and is no longer either; set %s to say how to "
                    "make scores from it",
                    wish_text(wish));
    set_logits(head, graph, output, false);
    head->scores = wish->scores != HEAD_OPEN ? wish->scores
                   : head->num_logits == 1   ? HEAD_SIGMOID
                                             : HEAD_SOFTMAX;
    return true;
}

bool head_output_read(struct head *head, const struct graph *graph, int output,
                      const struct head_wish *wish, struct error *err)
{
    const struct graph_node *start;
    struct head_effect effect;
    struct head_chain chain;
    bool ok;

    head_chain_walk(&chain, graph, output);
    start = graph_producer(graph, chain.start);
    if (chain.link) {
        follow_link(&effect, graph, &chain);
        ok = use_link(head, graph, &chain, &effect, wish, err);
    } else if (start && chain.length == 0 &&
               is_pair(&chain, &effect, graph, start)) {
        head->is_pair = true;
        ok = use_link(head, graph, &chain, &effect, wish, err);
    } else {
        head_chain_walk(&chain, graph, output);
        ok = use_output(head, graph, output, &chain, wish, err);
    }
    if (!ok)
        return false;
    if (head->scores == HEAD_SOFTMAX && head->num_logits == 1 &&
        !head->makes_scores)
        return fail(err, ERROR_INPUT,
                    "a softmax over one number is always 1; set %s to sigmoid",
                    wish_text(wish));
    if (head->scores == HEAD_SIGMOID && head->num_logits == 1 &&
        wish->num_names == 2)
        head->is_pair = true;
    if (head->is_pair)
        head->num_classes = 2;
    return true;
}

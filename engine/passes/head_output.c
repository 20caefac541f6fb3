#include "engine/passes/head_output.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { MAX_CHAIN = 32, MAX_DEPTH = 8, TEXT_SIZE = 200 };

/* The way back from an output. */
struct tail {
    const struct graph_node *chain[MAX_CHAIN]; /* last first; reshapes are not
                                                  in it */
    size_t length;
    int start;                     /* the value that the chain begins at */
    const struct graph_node *link; /* the softmax or sigmoid that makes it, or
                                      NULL */
};

/* What the chain makes of the numbers at its start. */
struct effect {
    double low, high;    /* the result is between these */
    bool is_affine;      /* so far, apart from clamps */
    bool is_flipped;     /* the result falls where the number rises */
    bool is_selected;    /* it is one of two scores that add up to 1 */
    bool has_function;   /* something that logits do not go through */
    char why[TEXT_SIZE]; /* why the order is not kept, or "" */
};

static size_t count_of(const struct graph *graph, int value)
{
    return graph_shape_count(&graph->values[value].shape);
}

static bool is_function(const struct graph_node *node,
                        enum graph_function function)
{
    return node && node->op == GRAPH_UNARY && node->unary.function == function;
}

static bool is_softmax(const struct graph_node *node)
{
    return node->op == GRAPH_SOFTMAX || node->op == GRAPH_LOG_SOFTMAX;
}

/* ---- the way back ---- */

/* Whether a constant is one number, maybe repeated. */
static bool is_uniform(const struct graph_value *constant)
{
    size_t count = graph_shape_count(&constant->shape);

    if (!constant->data || constant->type != GRAPH_FLOAT || count == 0)
        return false;
    for (size_t i = 1; i < count; i++)
        if (graph_floats(constant)[i] != graph_floats(constant)[0])
            return false;
    return true;
}

/* Which operand of a node of two is the one number, or 2. */
static uint32_t number_at(const struct graph *graph,
                          const struct graph_node *node)
{
    for (uint32_t i = 0; i < 2; i++)
        if (is_uniform(graph_input(graph, node, i)) &&
            !graph_input(graph, node, 1 - i)->data)
            return i;
    return 2;
}

/* What a node makes its result of, number by number or by choosing some of
 * them; GRAPH_NONE of others. */
static int subject_of(const struct graph *graph, const struct graph_node *node)
{
    size_t out = count_of(graph, node->outputs[0]);
    uint32_t number;

    switch (node->op) {
    case GRAPH_RESHAPE:
    case GRAPH_TRANSPOSE: /* of one row */
    case GRAPH_IDENTITY:
    case GRAPH_CAST:
    case GRAPH_UNARY:
    case GRAPH_CLAMP:
    case GRAPH_HARDMAX:
    case GRAPH_QUANTIZE:
    case GRAPH_DEQUANTIZE:
        return node->inputs[0];
    case GRAPH_GATHER:
    case GRAPH_SLICE:
        return head_is_row(&graph_input(graph, node, 0)->shape) &&
                       out <= count_of(graph, node->inputs[0])
                   ? node->inputs[0]
                   : GRAPH_NONE;
    case GRAPH_ADD:
    case GRAPH_SUB:
    case GRAPH_MUL:
    case GRAPH_DIV:
    case GRAPH_POW:
    case GRAPH_MIN:
    case GRAPH_MAX:
    case GRAPH_LESS:
    case GRAPH_LESS_EQUAL:
        number = number_at(graph, node);
        if (number == 2 || count_of(graph, node->inputs[1 - number]) != out)
            return GRAPH_NONE;
        return node->inputs[1 - number];
    default:
        return GRAPH_NONE;
    }
}

static bool is_same_row(const struct graph_node *node)
{
    return node->op == GRAPH_RESHAPE || node->op == GRAPH_TRANSPOSE ||
           node->op == GRAPH_IDENTITY || node->op == GRAPH_CAST;
}

static void walk_back(struct tail *tail, const struct graph *graph, int value)
{
    const struct graph_node *node;

    *tail = (struct tail){.start = value};
    while ((node = graph_producer(graph, value))) {
        int subject = subject_of(graph, node);

        if (is_softmax(node) || is_function(node, GRAPH_SIGMOID)) {
            tail->link = node;
            break;
        }
        if (subject == GRAPH_NONE || tail->length == MAX_CHAIN)
            break;
        if (!is_same_row(node))
            tail->chain[tail->length++] = node;
        value = subject;
    }
    tail->start = value;
}

/* ---- what the chain does ---- */

__attribute__((format(printf, 2, 3))) static void object(struct effect *effect,
                                                         const char *fmt, ...)
{
    va_list args;

    if (effect->why[0])
        return;
    va_start(args, fmt);
    vsnprintf(effect->why, sizeof effect->why, fmt, args);
    va_end(args);
}

/* What an increasing function makes of the bounds; false: it is not one. */
static bool raise_bounds(double *low, double *high,
                         const struct graph_node *node)
{
#define BOTH(f)                       \
    *low = f(*low), *high = f(*high); \
    return true
    switch (node->unary.function) {
    case GRAPH_FLOOR:
        BOTH(floor);
    case GRAPH_CEIL:
        BOTH(ceil);
    case GRAPH_ROUND:
        BOTH(rint);
    case GRAPH_EXP:
        BOTH(exp);
    case GRAPH_TANH:
        BOTH(tanh);
    case GRAPH_ERF:
        BOTH(erf);
    case GRAPH_ATAN:
        BOTH(atan);
    case GRAPH_ASINH:
        BOTH(asinh);
    case GRAPH_SINH:
        BOTH(sinh);
    default:
        break;
    }
    if (node->unary.function == GRAPH_SOFTSIGN) {
        *low = isinf(*low) ? -1 : *low / (1 + fabs(*low));
        *high = isinf(*high) ? 1 : *high / (1 + fabs(*high));
        return true;
    }
    if (*low < 0)
        return false;
    /* These rise where there is nothing below 0. */
    switch (node->unary.function) {
    case GRAPH_ABS:
        return true;
    case GRAPH_SQRT:
        BOTH(sqrt);
    case GRAPH_LOG:
        BOTH(log);
    case GRAPH_SQUARE:
        *low *= *low;
        *high *= *high;
        return true;
    case GRAPH_POWER:
        if (!(node->unary.alpha > 0))
            return false;
        *low = pow(*low, (double)node->unary.alpha);
        *high = pow(*high, (double)node->unary.alpha);
        return true;
    default:
        return false;
    }
#undef BOTH
}

/* scale x + shift */
static void apply_affine(struct effect *effect, const struct graph_node *node,
                         double scale, double shift)
{
    double low = scale * effect->low + shift;
    double high = scale * effect->high + shift;

    if (!isfinite(scale) || !isfinite(shift) || !(fabs(scale) > 0)) {
        object(effect, "%s discards them", node->onnx_op);
        return;
    }
    if (scale < 0 && !effect->is_affine)
        object(effect, "%s reverses their order", node->onnx_op);
    effect->is_flipped ^= scale < 0;
    effect->low = fmin(low, high);
    effect->high = fmax(low, high);
}

/* A node of x and a number. */
static void apply_number(struct effect *effect, const struct graph *graph,
                         const struct graph_node *node)
{
    uint32_t at = number_at(graph, node);
    double c = (double)graph_floats(graph_input(graph, node, at))[0];

    switch (node->op) {
    case GRAPH_ADD:
        apply_affine(effect, node, 1, c);
        break;
    case GRAPH_SUB:
        apply_affine(effect, node, at == 0 ? -1 : 1, at == 0 ? c : -c);
        break;
    case GRAPH_MUL:
        apply_affine(effect, node, c, 0);
        break;
    case GRAPH_MIN:
        effect->low = fmin(effect->low, c);
        effect->high = fmin(effect->high, c);
        break;
    case GRAPH_MAX:
        effect->low = fmax(effect->low, c);
        effect->high = fmax(effect->high, c);
        break;
    case GRAPH_DIV:
        if (at == 1) {
            apply_affine(effect, node, 1 / c, 0);
            break;
        }
        object(effect, "they are used as divisors");
        break;
    case GRAPH_LESS: /* x > c, or x < c */
    case GRAPH_LESS_EQUAL:
        apply_affine(effect, node, at == 0 ? 1 : -1, 0);
        effect->is_affine = false;
        effect->low = 0;
        effect->high = 1;
        break;
    default:
        if (at == 1 && c > 0 && effect->low >= 0) {
            effect->low = pow(effect->low, c);
            effect->high = pow(effect->high, c);
            effect->is_affine = false;
        } else {
            object(effect, "%s does not preserve their order", node->onnx_op);
        }
        break;
    }
}

/* A choice of some numbers of the row. */
static void apply_choice(struct effect *effect, const struct graph *graph,
                         const struct graph_node *node)
{
    const struct graph_shape *x = &graph_input(graph, node, 0)->shape;
    size_t in = graph_shape_count(x), out = count_of(graph, node->outputs[0]);
    bool in_order = true;

    if (out < in) {
        effect->is_selected = in == 2;
        if (in != 2)
            object(effect, "%zu of the %zu are dropped", in - out, in);
        return;
    }
    if (node->op == GRAPH_GATHER && x->dim[node->axis] == in) {
        const int64_t *indices = graph_ints(graph_input(graph, node, 1));

        for (size_t i = 0; i < in; i++)
            in_order &= indices[i] == (int64_t)i ||
                        indices[i] == (int64_t)i - (int64_t)in;
    }
    for (uint32_t i = 0; node->op == GRAPH_SLICE && i < x->rank; i++)
        in_order &= x->dim[i] == 1 || node->slice.step[i] == 1;
    if (!in_order)
        object(effect, "%s rearranges them", node->onnx_op);
}

static void apply(struct effect *effect, const struct graph *graph,
                  const struct graph_node *node)
{
    switch (node->op) {
    case GRAPH_GATHER:
    case GRAPH_SLICE:
        apply_choice(effect, graph, node);
        break;
    case GRAPH_UNARY:
        if (node->unary.function == GRAPH_NEGATE) {
            apply_affine(effect, node, -1, 0);
            break;
        }
        effect->has_function = true;
        effect->is_affine = false;
        if (!raise_bounds(&effect->low, &effect->high, node))
            object(effect, "%s does not preserve their order", node->onnx_op);
        break;
    case GRAPH_HARDMAX:
        effect->has_function = true;
        effect->is_affine = false;
        effect->low = 0;
        effect->high = 1;
        break;
    case GRAPH_CLAMP:
    case GRAPH_QUANTIZE: /* with its counterpart it rounds */
    case GRAPH_DEQUANTIZE:
        break;
    default:
        apply_number(effect, graph, node);
        break;
    }
    effect->has_function |=
        node->op == GRAPH_LESS || node->op == GRAPH_LESS_EQUAL;
    effect->low = fmin(fmax(effect->low, (double)node->min), (double)node->max);
    effect->high =
        fmin(fmax(effect->high, (double)node->min), (double)node->max);
}

static void find_effect(struct effect *effect, const struct graph *graph,
                        const struct tail *tail, double low, double high)
{
    *effect = (struct effect){.low = low, .high = high, .is_affine = true};
    for (size_t i = tail->length; i-- > 0;)
        apply(effect, graph, tail->chain[i]);
    if (!(effect->low < effect->high))
        object(effect, "they all become %g", effect->low);
}

/* Whether a node passes a row on as it is: a reshape, or a choice of all. */
static bool passes_all(const struct graph *graph, const struct graph_node *node)
{
    struct effect effect = {0};

    if (node->op == GRAPH_RESHAPE)
        return true;
    if ((node->op != GRAPH_GATHER && node->op != GRAPH_SLICE) ||
        subject_of(graph, node) == GRAPH_NONE ||
        count_of(graph, node->outputs[0]) != count_of(graph, node->inputs[0]))
        return false;
    apply_choice(&effect, graph, node);
    return !effect.why[0];
}

/* What stands behind signs and such nodes; signs turn *is_flipped. */
static int behind_signs(bool *is_flipped, const struct graph *graph, int value)
{
    const struct graph_node *node;
    int at = value;

    while ((node = graph_producer(graph, at))) {
        bool is_sign =
            is_function(node, GRAPH_NEGATE) && !graph_is_clamped(node);

        if (!is_sign && !passes_all(graph, node))
            break;
        at = node->inputs[0];
        *is_flipped ^= is_sign;
        if (is_sign || node->op != GRAPH_RESHAPE)
            value = at;
    }
    return value;
}

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
    return is_softmax(link) ? "softmax" : "sigmoid";
}

/* What becomes of the scores of the tail's softmax or sigmoid. */
static void follow_link(struct effect *effect, const struct graph *graph,
                        const struct tail *tail)
{
    const struct graph_node *link = tail->link;

    if (link->op == GRAPH_LOG_SOFTMAX)
        find_effect(effect, graph, tail, -INFINITY, 0);
    else
        find_effect(effect, graph, tail, 0, 1);
    if (!is_softmax(link)) {
        if (effect->is_selected)
            object(effect, "one of the two is dropped");
        return;
    }
    if (softmax_length(graph, link) == 1 &&
        count_of(graph, link->inputs[0]) > 1)
        object(effect, "it is over an axis of length 1, so each score is 1");
    else if (softmax_length(graph, link) != count_of(graph, link->inputs[0]))
        object(effect, "it is not over all classes");
    else if (effect->is_flipped && !effect->is_selected)
        object(effect, "their order is reversed");
}

/* Whether two numbers in a row are sigmoid(z) and 1 - sigmoid(z), in either
 * order; *tail and *effect are of the second one then. */
static bool is_pair(struct tail *tail, struct effect *effect,
                    const struct graph *graph, const struct graph_node *concat)
{
    struct tail first;
    struct effect other;
    bool differ; /* in their signs */

    if (concat->op != GRAPH_CONCAT || concat->num_inputs != 2 ||
        count_of(graph, concat->inputs[0]) != 1 ||
        count_of(graph, concat->inputs[1]) != 1)
        return false;
    walk_back(&first, graph, concat->inputs[0]);
    walk_back(tail, graph, concat->inputs[1]);
    if (!is_function(first.link, GRAPH_SIGMOID) ||
        !is_function(tail->link, GRAPH_SIGMOID))
        return false;
    follow_link(&other, graph, &first);
    follow_link(effect, graph, tail);
    differ = other.is_flipped != effect->is_flipped;
    return graph_behind_reshapes(
               graph, behind_signs(&differ, graph, first.link->inputs[0])) ==
               graph_behind_reshapes(
                   graph,
                   behind_signs(&differ, graph, tail->link->inputs[0])) &&
           differ && !other.why[0] && !effect->why[0] && other.is_affine &&
           effect->is_affine;
}

/* Whether the value is a mixture of what softmaxes and sigmoids make: between
 * it and them there is nothing that computes with weights. */
static bool is_made_of_scores(const struct graph *graph, int value, int depth)
{
    const struct graph_node *node = graph_producer(graph, value);
    uint32_t count = 0;

    if (!node || depth == MAX_DEPTH)
        return false;
    if (is_softmax(node) || is_function(node, GRAPH_SIGMOID))
        return true;
    switch (node->op) {
    case GRAPH_CONV:
    case GRAPH_DECONV:
    case GRAPH_LINEAR:
    case GRAPH_MATMUL:
    case GRAPH_NORM:
    case GRAPH_BATCH_NORM:
    case GRAPH_LRN:
        return false;
    default:
        break;
    }
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

/* Signs before the logits are the classes'. */
static void set_logits(struct head *head, const struct graph *graph, int value,
                       bool is_flipped)
{
    head->logits = behind_signs(&is_flipped, graph, value);
    head->num_logits = head->num_classes = count_of(graph, head->logits);
    head->is_negated = is_flipped;
}

/* The network makes its scores itself. */
static bool use_link(struct head *head, const struct graph *graph,
                     const struct tail *tail, const struct effect *effect,
                     const struct head_wish *wish, struct error *err)
{
    const char *name = name_of_link(tail->link);
    bool is_sigmoid = !is_softmax(tail->link);

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
    set_logits(head, graph, tail->link->inputs[0],
               is_sigmoid && effect->is_flipped);
    return true;
}

/* Whether a network cannot put out logits with this node: it decides, or
 * divides numbers by what they are themselves. */
static bool is_no_end_of_logits(const struct graph *graph,
                                const struct graph_node *node)
{
    switch (node->op) {
    case GRAPH_EQUAL:
    case GRAPH_LESS:
    case GRAPH_LESS_EQUAL:
    case GRAPH_AND:
    case GRAPH_OR:
    case GRAPH_XOR:
    case GRAPH_WHERE:
    case GRAPH_MOD:
    case GRAPH_HARDMAX:
        return true;
    case GRAPH_DIV:
    case GRAPH_POW:
        return !graph_input(graph, node, 0)->data &&
               !graph_input(graph, node, 1)->data;
    default:
        return false;
    }
}

/* What comes out are the logits; unless it looks like something else. */
static bool use_output(struct head *head, const struct graph *graph, int output,
                       const struct tail *tail, const struct head_wish *wish,
                       struct error *err)
{
    const struct graph_node *start = graph_producer(graph, tail->start);
    const struct graph_node *last = tail->length > 0 ? tail->chain[0] : start;
    struct effect effect;

    find_effect(&effect, graph, tail, start ? (double)start->min : -INFINITY,
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
    struct effect effect;
    struct tail tail;
    bool ok;

    walk_back(&tail, graph, output);
    start = graph_producer(graph, tail.start);
    if (tail.link) {
        follow_link(&effect, graph, &tail);
        ok = use_link(head, graph, &tail, &effect, wish, err);
    } else if (start && tail.length == 0 &&
               is_pair(&tail, &effect, graph, start)) {
        head->is_pair = true;
        ok = use_link(head, graph, &tail, &effect, wish, err);
    } else {
        walk_back(&tail, graph, output);
        ok = use_output(head, graph, output, &tail, wish, err);
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

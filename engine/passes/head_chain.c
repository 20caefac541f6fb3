#include "engine/passes/head_chain.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#include "engine/passes/head.h"

bool head_chain_is_function(const struct graph_node *node,
                            enum graph_function function)
{
    return node && node->op == GRAPH_UNARY && node->unary.function == function;
}

bool head_chain_is_softmax(const struct graph_node *node)
{
    return node->op == GRAPH_SOFTMAX || node->op == GRAPH_LOG_SOFTMAX;
}

/* Whether all elements of a constant are equal. */
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

/* The index of the operand of a binary node that is one number, or 2. */
static uint32_t number_at(const struct graph *graph,
                          const struct graph_node *node)
{
    for (uint32_t i = 0; i < 2; i++)
        if (is_uniform(graph_input(graph, node, i)) &&
            !graph_input(graph, node, 1 - i)->data)
            return i;
    return 2;
}

/* The operand of a node that works on each number separately or selects some;
 * GRAPH_NONE for other nodes. */
static int subject_of(const struct graph *graph, const struct graph_node *node)
{
    size_t out = graph_value_count(graph, node->outputs[0]);
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
                       out <= graph_value_count(graph, node->inputs[0])
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
        if (number == 2 ||
            graph_value_count(graph, node->inputs[1 - number]) != out)
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

void head_chain_walk(struct head_chain *chain, const struct graph *graph,
                     int value)
{
    const struct graph_node *node;

    *chain = (struct head_chain){.start = value};
    while ((node = graph_producer(graph, value))) {
        int subject = subject_of(graph, node);

        if (head_chain_is_softmax(node) ||
            head_chain_is_function(node, GRAPH_SIGMOID)) {
            chain->link = node;
            break;
        }
        if (subject == GRAPH_NONE || chain->length == HEAD_CHAIN_MAX)
            break;
        if (!is_same_row(node))
            chain->nodes[chain->length++] = node;
        value = subject;
    }
    chain->start = value;
}

/* ---- the effect ---- */

void head_chain_object(struct head_effect *effect, const char *fmt, ...)
{
    va_list args;

    if (effect->why[0])
        return;
    va_start(args, fmt);
    vsnprintf(effect->why, sizeof effect->why, fmt, args);
    va_end(args);
}

/* Applies an increasing function to the bounds; returns false for other
 * functions. */
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
    /* These increase if no number is negative. */
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
static void apply_affine(struct head_effect *effect,
                         const struct graph_node *node, double scale,
                         double shift)
{
    double low = scale * effect->low + shift;
    double high = scale * effect->high + shift;

    if (!isfinite(scale) || !isfinite(shift) || !(fabs(scale) > 0)) {
        head_chain_object(effect, "%s discards them", node->onnx_op);
        return;
    }
    if (scale < 0 && !effect->is_affine)
        head_chain_object(effect, "%s reverses their order", node->onnx_op);
    effect->is_flipped ^= scale < 0;
    effect->low = fmin(low, high);
    effect->high = fmax(low, high);
}

/* A node of x and a number. */
static void apply_number(struct head_effect *effect, const struct graph *graph,
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
        head_chain_object(effect, "they are used as divisors");
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
            head_chain_object(effect, "%s does not preserve their order",
                              node->onnx_op);
        }
        break;
    }
}

/* A selection of some numbers of the row. */
static void apply_choice(struct head_effect *effect, const struct graph *graph,
                         const struct graph_node *node)
{
    const struct graph_shape *x = &graph_input(graph, node, 0)->shape;
    size_t in = graph_shape_count(x),
           out = graph_value_count(graph, node->outputs[0]);
    bool in_order = true;

    if (out < in) {
        effect->is_selected = in == 2;
        if (in != 2)
            head_chain_object(effect, "%zu of the %zu are dropped", in - out,
                              in);
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
        head_chain_object(effect, "%s rearranges them", node->onnx_op);
}

static void apply(struct head_effect *effect, const struct graph *graph,
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
            head_chain_object(effect, "%s does not preserve their order",
                              node->onnx_op);
        break;
    case GRAPH_HARDMAX:
        effect->has_function = true;
        effect->is_affine = false;
        effect->low = 0;
        effect->high = 1;
        break;
    case GRAPH_CLAMP:
    case GRAPH_QUANTIZE: /* together with its counterpart it only rounds */
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

void head_chain_effect(struct head_effect *effect, const struct graph *graph,
                       const struct head_chain *chain, double low, double high)
{
    *effect = (struct head_effect){.low = low, .high = high, .is_affine = true};
    for (size_t i = chain->length; i-- > 0;)
        apply(effect, graph, chain->nodes[i]);
    if (!(effect->low < effect->high))
        head_chain_object(effect, "they all become %g", effect->low);
}

/* Whether a node does not change a row: a reshape, or a selection of all
 * elements. */
static bool passes_all(const struct graph *graph, const struct graph_node *node)
{
    struct head_effect effect = {0};

    if (node->op == GRAPH_RESHAPE)
        return true;
    if ((node->op != GRAPH_GATHER && node->op != GRAPH_SLICE) ||
        subject_of(graph, node) == GRAPH_NONE ||
        graph_value_count(graph, node->outputs[0]) !=
            graph_value_count(graph, node->inputs[0]))
        return false;
    apply_choice(&effect, graph, node);
    return !effect.why[0];
}

int head_chain_behind_signs(bool *is_flipped, const struct graph *graph,
                            int value)
{
    const struct graph_node *node;
    int at = value;

    while ((node = graph_producer(graph, at))) {
        bool is_sign = head_chain_is_function(node, GRAPH_NEGATE) &&
                       !graph_is_clamped(node);

        if (!is_sign && !passes_all(graph, node))
            break;
        at = node->inputs[0];
        *is_flipped ^= is_sign;
        if (is_sign || node->op != GRAPH_RESHAPE)
            value = at;
    }
    return value;
}

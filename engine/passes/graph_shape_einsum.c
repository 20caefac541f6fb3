/* Einsum: converts the equation to one loop for each letter. */

#include "engine/passes/infer.h"

#include <ctype.h>
#include <string.h>

/* One letter for each axis in a term of the equation. The axes of "..." are
 * digits; 0 is the last of them. */
static bool read_term(struct infer *infer, char letters[GRAPH_MAX_RANK + 1],
                      const char *term, size_t len, size_t rank)
{
    const char *dots = memmem(term, len, "...", 3);
    size_t named = dots ? len - 3 : len, rest = rank - named, at = 0;

    if (named > rank || rank > GRAPH_MAX_RANK || (!dots && rest > 0))
        return fail(infer->err, ERROR_INPUT,
                    "\"%.*s\" in its equation does not fit %zu dimensions",
                    (int)len, term, rank);
    for (size_t i = 0; i < len; i++) {
        if (term + i == dots) {
            while (rest > 0)
                letters[at++] = (char)('0' + --rest);
            i += 2;
        } else if (!isalpha((unsigned char)term[i])) {
            return fail(infer->err, ERROR_INPUT, "its equation has a \"%c\"",
                        term[i]);
        } else {
            letters[at++] = term[i];
        }
    }
    letters[at] = '\0';
    return true;
}

/* The implicit output: "..." and every letter that occurs once, in alphabetical
 * order. */
static size_t imply_output(char term[64], char (*letters)[GRAPH_MAX_RANK + 1],
                           uint32_t count)
{
    size_t len = 3;

    memcpy(term, "...", len);
    for (char c = 'A'; c <= 'z'; c++) {
        uint32_t found = 0;

        for (uint32_t i = 0; i < count; i++)
            for (const char *at = letters[i]; *at; at++)
                found += *at == c;
        if (isalpha((unsigned char)c) && found == 1)
            term[len++] = c;
    }
    return len;
}

/* The letters of the output. `widest`: axes of the longest "...". */
static bool read_output(struct infer *infer, char letters[GRAPH_MAX_RANK + 1],
                        char (*operands)[GRAPH_MAX_RANK + 1], size_t widest)
{
    const char *arrow = strstr(infer->node->einsum.equation, "->");
    const char *term = arrow ? arrow + 2 : NULL;
    size_t len = arrow ? strlen(term) : 0;
    char implied[64];

    if (!arrow) {
        len = imply_output(implied, operands, infer->node->num_inputs);
        term = implied;
    }
    return read_term(infer, letters, term, len,
                     memmem(term, len, "...", 3) ? len - 3 + widest : len);
}

/* Assigns loops to the axes of an operand, and lengths to the loops. */
static bool add_loops(struct infer *infer, char names[2 * GRAPH_MAX_RANK + 1],
                      const char *letters, uint32_t operand)
{
    struct graph_node *node = infer->node;
    const struct graph_shape *shape = infer_shape(infer, operand);

    for (uint32_t i = 0; i < shape->rank; i++) {
        size_t *length, loop = strcspn(names, (char[]){letters[i], '\0'});

        if (loop == 2 * GRAPH_MAX_RANK)
            return fail(infer->err, ERROR_UNSUPPORTED,
                        "its equation has more than %d letters",
                        2 * GRAPH_MAX_RANK);
        names[loop] = letters[i];
        node->einsum.loop[operand][i] = (uint8_t)loop;
        length = &node->einsum.length[loop];
        if (*length > 1 && shape->dim[i] > 1 && *length != shape->dim[i])
            return fail(infer->err, ERROR_INPUT,
                        "its \"%c\" is both %zu and %zu long", letters[i],
                        *length, shape->dim[i]);
        *length = *length > 1 ? *length : shape->dim[i];
    }
    return true;
}

/* Loops over the output's axes, then over what is summed. */
bool graph_shape_einsum(struct infer *infer)
{
    struct graph_node *node = infer->node;
    char letters[GRAPH_EINSUM_OPERANDS][GRAPH_MAX_RANK + 1];
    char names[2 * GRAPH_MAX_RANK + 1] = "";
    const char *term = node->einsum.equation;
    size_t rank, widest = 0;

    for (uint32_t i = 0; i < node->num_inputs; i++) {
        size_t len = strcspn(term, ",-"), dots = infer_shape(infer, i)->rank;

        if (i + 1 < node->num_inputs
                ? term[len] != ','
                : term[len] && strncmp(term + len, "->", 2) != 0)
            return fail(infer->err, ERROR_INPUT,
                        "its equation is not one for %u inputs",
                        node->num_inputs);
        if (!read_term(infer, letters[i], term, len, dots))
            return false;
        dots = strspn(letters[i] + strcspn(letters[i], "012345"), "012345");
        widest = widest > dots ? widest : dots;
        term += len + 1;
    }
    if (!read_output(infer, names, letters, widest))
        return false;
    rank = strlen(names);
    memset(node->einsum.length, 0, sizeof node->einsum.length);
    for (uint32_t i = 0; i < node->num_inputs; i++)
        if (!add_loops(infer, names, letters[i], i))
            return false;
    node->einsum.num_loops = (uint32_t)strlen(names);
    infer->shape.rank = (uint32_t)rank;
    for (size_t i = 0; i < rank; i++) {
        if (node->einsum.length[i] == 0 || strchr(names + i + 1, names[i]))
            return fail(infer->err, ERROR_INPUT,
                        "the output in its equation has a \"%c\" too many",
                        names[i]);
        infer->shape.dim[i] = node->einsum.length[i];
    }
    if (strlen(names) - rank > GRAPH_MAX_RANK)
        return fail(infer->err, ERROR_UNSUPPORTED,
                    "it sums over more than %d letters", GRAPH_MAX_RANK);
    return true;
}

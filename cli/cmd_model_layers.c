/* wherefore model layers: lists the feature maps of a network. */

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cli/cmd_model.h"
#include "cli/cmd_model_json.h"
#include "cli/complain.h"
#include "engine/network/inspect.h"

static const struct option rows[] = {CMD_MODEL_LOOK_ROWS};

enum { NUM_ROWS = sizeof rows / sizeof rows[0], CELL = 48 };

static const char help_head[] =
    "usage: wherefore model layers FILE.onnx [OPTION...]\n"
    "\n"
    "Lists the feature maps of a network in the order of computation, each\n"
    "with its size, the pixels of the input that one of its cells sees, and\n"
    "the pixels from one cell to the next. An asterisk marks the layer that\n"
    "is used if none is named. FILE may also be a model folder.\n"
    "\n";

static const char help_tail[] =
    "\n"
    "Exit status: 0 the network can be used, 1 it cannot, 2 the command line\n"
    "is wrong.\n";

/* ---- the table ---- */

enum column { INDEX, MAP, FIELD, STRIDE, OPERATION, NAME, MODULE, NUM_COLUMNS };

/* Writes a pair such as "7" or "7 x 3" (width x height) to `cell`. */
static void print_pair(char cell[CELL], double x, double y, bool is_defined)
{
    if (!is_defined)
        snprintf(cell, CELL, "-");
    else if (isinf(x) && isinf(y))
        snprintf(cell, CELL, "all");
    else if (fabs(x - y) > 0)
        snprintf(cell, CELL, "%.6g x %.6g", x, y);
    else
        snprintf(cell, CELL, "%.6g", x);
}

/* Returns one cell's text, in `cell` or in the layer. */
static const char *cell_text(char cell[CELL], const struct layers *layers,
                             size_t i, enum column column)
{
    const struct layer *layer = &layers->list[i];

    switch (column) {
    case INDEX:
        snprintf(cell, CELL, "%s-%zu", i == layers->chosen ? "* " : "",
                 layers->count - i);
        return cell;
    case MAP:
        snprintf(cell, CELL, "%zu x %zu x %zu", layer->width, layer->height,
                 layer->channels);
        return cell;
    case FIELD:
        print_pair(cell, layer->field_x, layer->field_y, true);
        return cell;
    case STRIDE:
        print_pair(cell, layer->stride_x, layer->stride_y,
                   layer->stride_x > 0 && layer->stride_y > 0);
        return cell;
    case OPERATION:
        return layer->op;
    case NAME:
        return layer->name;
    default:
        return layer->module;
    }
}

static const char *const titles[NUM_COLUMNS] = {
    "layer", "map", "field", "stride", "operation", "name", "module",
};

/* Prints a text and, unless it ends the line, what is left of its width. */
static void print_cell(const char *cell, size_t width, bool is_last)
{
    complain_print(stdout, cell);
    if (!is_last)
        printf("%*s", (int)(width - strlen(cell)) + 2, "");
}

static void print_layers(const struct layers *layers)
{
    size_t width[NUM_COLUMNS], num = MODULE;
    char cell[CELL];

    for (int c = 0; c < NUM_COLUMNS; c++) {
        width[c] = strlen(titles[c]);
        for (size_t i = 0; i < layers->count; i++) {
            size_t len = strlen(cell_text(cell, layers, i, (enum column)c));

            if (len > width[c])
                width[c] = len;
            if (c == MODULE && len > 0)
                num = NUM_COLUMNS;
        }
    }
    for (size_t c = 0; c < num; c++)
        print_cell(titles[c], width[c], c + 1 == num);
    putchar('\n');
    for (size_t i = 0; i < layers->count; i++) {
        for (size_t c = 0; c < num; c++) {
            const char *found = cell_text(cell, layers, i, (enum column)c);

            if (c == INDEX)
                printf("%*s", (int)(width[c] - strlen(found)), "");
            print_cell(found, c == INDEX ? strlen(found) : width[c],
                       c + 1 == num);
        }
        putchar('\n');
    }
}

/* ---- the command ---- */

/* Why the network has no layers, if it cannot be run. */
static bool refuse(const struct inspection *inspection, struct error *err)
{
    const struct graph_problem *first = inspection->problems.first;

    if (!first)
        return fail(err, inspection->failure.kind, "%s",
                    inspection->failure.text);
    *err = first->why;
    return error_prefix(err, "%s \"%.100s\"",
                        *first->onnx_op ? "node" : "input", first->node);
}

int cmd_model_layers(int argc, char **argv)
{
    struct inspection inspection = {0};
    struct cmd_model_look look = {0};
    struct error err = {0};
    bool ok;

    if (!cmd_model_parse(&look.call, rows, NUM_ROWS, argc, argv, &err))
        return cmd_model_complain(argv[0], NULL, &err);
    if (look.call.help) {
        options_print_manual(stdout, help_head, rows, NUM_ROWS, &look,
                             help_tail);
        return CMD_MODEL_OK;
    }
    ok = inspect_open(&inspection, look.call.file, &look.options, &err) &&
         (inspect_can_run(&inspection) || refuse(&inspection, &err));
    if (ok && look.json)
        ok = cmd_model_json_layers(look.call.file, &inspection, &err);
    else if (ok && inspection.network.layers.count == 0)
        printf("the network has no feature maps\n");
    else if (ok)
        print_layers(&inspection.network.layers);
    inspect_release(&inspection);
    return ok ? CMD_MODEL_OK
              : cmd_model_complain(argv[0], look.call.file, &err);
}

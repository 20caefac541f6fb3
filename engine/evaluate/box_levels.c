/* One pass over all levels: cells join components in the order of their values,
 * by union and find, so that each level costs what changes there.
 *
 * Downwards, cells above the level join the foreground; upwards, the other
 * cells join the background, whose components that do not reach the border are
 * holes. */
#include "engine/evaluate/box_levels.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SIDE = LEVEL_MAP_SIDE, CELLS = LEVEL_MAP_CELLS, VALUES = 256 };
static const uint16_t NOWHERE = UINT16_MAX;

/* A component, in the place of its root. */
struct component {
    uint8_t left, right, top, bottom; /* inclusive */
    uint16_t first;                   /* cell, in reading order */
    uint16_t place;                   /* among the components alive */
    bool is_changed;                  /* iou and area are out of date */
    double iou, area;
};

struct box_levels_cells {
    uint16_t order[CELLS]; /* by value, ascending */
    size_t starts[VALUES + 1];
    uint16_t parents[CELLS]; /* NOWHERE: not in any component */
    struct component components[CELLS];
    uint16_t alive[CELLS]; /* (num_alive) roots */
    size_t num_alive;
};

struct walk {
    struct box_levels_cells *cells;
    const uint8_t *levels;
    const struct iou_box *truth; /* (num_truth) on the grid, to the last cell */
    size_t num_truth;
    bool is_hole;
    unsigned level;
};

/* ---- the order of the cells ---- */

static void sort(struct box_levels_cells *cells, const uint8_t *levels)
{
    size_t at[VALUES];

    memset(cells->starts, 0, sizeof cells->starts);
    for (size_t i = 0; i < CELLS; i++)
        cells->starts[levels[i] + 1]++;
    for (size_t value = 0; value < VALUES; value++) {
        at[value] = cells->starts[value];
        cells->starts[value + 1] += cells->starts[value];
    }
    for (size_t i = 0; i < CELLS; i++)
        cells->order[at[levels[i]]++] = (uint16_t)i;
}

/* ---- components ---- */

static uint16_t root_of(uint16_t *parents, uint16_t at)
{
    while (parents[at] != at) {
        parents[at] = parents[parents[at]];
        at = parents[at];
    }
    return at;
}

/* Adds what a component encloses to another. */
static void absorb(struct component *into, const struct component *from)
{
    into->left = from->left < into->left ? from->left : into->left;
    into->right = from->right > into->right ? from->right : into->right;
    into->top = from->top < into->top ? from->top : into->top;
    into->bottom = from->bottom > into->bottom ? from->bottom : into->bottom;
    into->first = from->first < into->first ? from->first : into->first;
    into->is_changed = true;
}

/* Merges two components, given by their roots. */
static void merge(struct box_levels_cells *cells, uint16_t a, uint16_t b)
{
    const struct component *from = &cells->components[b];
    uint16_t last = cells->alive[--cells->num_alive];

    absorb(&cells->components[a], from);
    cells->parents[b] = a;
    cells->alive[from->place] = last;
    cells->components[last].place = from->place;
}

static void begin_component(struct box_levels_cells *cells, uint16_t cell,
                            const struct component *component)
{
    cells->parents[cell] = cell;
    cells->components[cell] = *component;
    cells->components[cell].place = (uint16_t)cells->num_alive;
    cells->alive[cells->num_alive++] = cell;
}

/* Adds a cell to the component of a neighbour, of which corners count for the
 * foreground alone, and merges those of all neighbours; most cells have one. */
static void add(const struct walk *walk, uint16_t cell)
{
    struct box_levels_cells *cells = walk->cells;
    const uint8_t x = (uint8_t)(cell % SIDE), y = (uint8_t)(cell / SIDE);
    const struct component alone = {x, x, y, y, cell, 0, true, 0, 0};
    const int left = x > 0 ? -1 : 0, right = x < SIDE - 1 ? 1 : 0;
    const int top = y > 0 ? -1 : 0, bottom = y < SIDE - 1 ? 1 : 0;
    uint16_t root = NOWHERE;

    for (int dy = top; dy <= bottom; dy++)
        for (int dx = left; dx <= right; dx++) {
            uint16_t other = (uint16_t)(cell + dy * SIDE + dx);

            if (cells->parents[other] == NOWHERE || other == cell ||
                (walk->is_hole && dx != 0 && dy != 0) ||
                cells->parents[other] == root)
                continue;
            other = root_of(cells->parents, other);
            if (root == NOWHERE) {
                root = cells->parents[cell] = other;
                absorb(&cells->components[root], &alone);
            } else if (other != root) {
                merge(cells, root, other);
            }
        }
    if (root == NOWHERE)
        begin_component(cells, cell, &alone);
}

/* ---- boxes ---- */

static bool is_open(const struct component *component)
{
    return component->left == 0 || component->top == 0 ||
           component->right == SIDE - 1 || component->bottom == SIDE - 1;
}

/* The overlap of the box of a contour with the truth; the contour of a hole is
 * one cell around it. */
static double find_iou(const struct walk *walk,
                       const struct component *component)
{
    int around = walk->is_hole ? 1 : 0;
    const struct iou_box box = {
        component->left - around,
        component->top - around,
        /* the end is counted as well */
        fmin(component->right + around + 1, SIDE - 1) + 1,
        fmin(component->bottom + around + 1, SIDE - 1) + 1,
    };

    if (walk->is_hole && is_open(component))
        return 0;
    return iou_best(&box, walk->truth, walk->num_truth);
}

/* ---- the area of an outer contour ---- */

/* The directions to a neighbour, clockwise on the screen from the right. */
static const int DX[8] = {1, 1, 0, -1, -1, -1, 0, 1};
static const int DY[8] = {0, 1, 1, 1, 0, -1, -1, -1};

static bool is_foreground(const struct walk *walk, int x, int y)
{
    return x >= 0 && x < SIDE && y >= 0 && y < SIDE &&
           walk->levels[y * SIDE + x] > walk->level;
}

/* The direction of the next cell of the border, clockwise, when the last step
 * was in direction `from`; 8 if the cell is alone. */
static int next_direction(const struct walk *walk, int x, int y, int from)
{
    for (int turn = 0; turn < 8; turn++) {
        int direction = (from + 5 + turn) % 8;

        if (is_foreground(walk, x + DX[direction], y + DY[direction]))
            return direction;
    }
    return 8;
}

/* The area of the polygon through the centres of the border's cells, which is
 * followed from the first cell in reading order: nothing is above or left of
 * it. */
static double contour_area(const struct walk *walk, uint16_t first)
{
    const int x0 = first % SIDE, y0 = first / SIDE;
    int x = x0, y = y0;
    int direction = next_direction(walk, x, y, 0);
    const int begin = direction;
    long twice = 0;

    if (begin == 8)
        return 0;
    do {
        int next_x = x + DX[direction], next_y = y + DY[direction];

        twice += (long)x * next_y - (long)next_x * y;
        x = next_x;
        y = next_y;
        direction = next_direction(walk, x, y, direction);
    } while (x != x0 || y != y0 || direction != begin);
    return fabs((double)twice) / 2;
}

/* No contour in a component's box is larger. */
static double most_area(const struct component *component)
{
    return (double)(component->right - component->left) *
           (component->bottom - component->top);
}

/* ---- levels ---- */

static void update(const struct walk *walk, struct component *component)
{
    if (!component->is_changed)
        return;
    component->iou = find_iou(walk, component);
    component->area = -1; /* unknown */
    component->is_changed = false;
}

/* The best overlap of the components alive; *largest is that of the one with
 * the largest contour, of equal ones the one that begins last. */
static double best_of(const struct walk *walk, double *largest)
{
    struct box_levels_cells *cells = walk->cells;
    const struct component *widest = NULL;
    double best = 0;

    for (size_t i = 0; i < cells->num_alive; i++) {
        struct component *component = &cells->components[cells->alive[i]];

        update(walk, component);
        best = fmax(best, component->iou);
        if (!largest || (widest && most_area(component) < widest->area))
            continue;
        if (component->area < 0)
            component->area = contour_area(walk, component->first);
        if (!widest || component->area > widest->area ||
            (component->area == widest->area &&
             component->first > widest->first))
            widest = component;
    }
    if (largest)
        *largest = widest ? widest->iou : 0;
    return best;
}

static void begin(struct walk *walk, bool is_hole)
{
    walk->is_hole = is_hole;
    walk->cells->num_alive = 0;
    memset(walk->cells->parents, 0xff, sizeof walk->cells->parents);
}

/* Adds the cells of a value; returns whether there are any. */
static bool add_value(const struct walk *walk, unsigned value)
{
    const struct box_levels_cells *cells = walk->cells;

    for (size_t i = cells->starts[value]; i < cells->starts[value + 1]; i++)
        add(walk, cells->order[i]);
    return cells->starts[value] < cells->starts[value + 1];
}

static void find_foreground(struct box_levels *out, struct walk *walk)
{
    begin(walk, false);
    for (unsigned level = BOX_LEVELS; level-- > 0;) {
        walk->level = level;
        if (add_value(walk, level + 1)) {
            out->any[level] = best_of(walk, &out->largest[level]);
        } else if (level + 1 < BOX_LEVELS) {
            out->any[level] = out->any[level + 1];
            out->largest[level] = out->largest[level + 1];
        }
    }
}

static void find_holes(struct box_levels *out, struct walk *walk)
{
    double best = 0;

    begin(walk, true);
    for (unsigned level = 0; level < BOX_LEVELS; level++) {
        if (add_value(walk, level))
            best = best_of(walk, NULL);
        out->any[level] = fmax(out->any[level], best);
    }
}

/* A true box on the grid, as the published code has it: its first and last
 * pixels are rounded down, and the last counts. */
static struct iou_box on_grid(const struct iou_box *box, double width,
                              double height)
{
    return (struct iou_box){floor(box->x0 * SIDE / width),
                            floor(box->y0 * SIDE / height),
                            floor((box->x1 - 1) * SIDE / width) + 1,
                            floor((box->y1 - 1) * SIDE / height) + 1};
}

bool box_levels_find(struct box_levels *out, struct box_levels_scratch *scratch,
                     const uint8_t levels[LEVEL_MAP_CELLS],
                     const struct box_levels_truth *truth, struct error *err)
{
    static const struct iou_box corner = {0, 0, 1, 1};
    struct iou_box *boxes = calloc(truth->num_boxes + 1, sizeof *boxes);
    struct walk walk = {
        .levels = levels, .truth = boxes, .num_truth = truth->num_boxes};
    double none;

    if (!scratch->cells)
        scratch->cells = malloc(sizeof *scratch->cells);
    walk.cells = scratch->cells;
    if (!boxes || !walk.cells) {
        free(boxes);
        return fail(err, ERROR_MEMORY, "not enough memory for boxes");
    }
    for (size_t i = 0; i < truth->num_boxes; i++)
        boxes[i] = on_grid(&truth->boxes[i], truth->width, truth->height);
    sort(walk.cells, levels);
    /* Without foreground there is a box of the first cell. */
    none = iou_best(&corner, boxes, walk.num_truth);
    for (size_t level = 0; level < BOX_LEVELS; level++)
        out->any[level] = out->largest[level] = none;
    if (walk.cells->starts[1] < CELLS) {
        find_foreground(out, &walk);
        find_holes(out, &walk);
    }
    free(boxes);
    return true;
}

void box_levels_release(struct box_levels_scratch *scratch)
{
    free(scratch->cells);
    *scratch = (struct box_levels_scratch){0};
}

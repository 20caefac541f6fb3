/* An explanation as callers see it. */
#include <stdlib.h>

#include "engine/base/scratch.h"
#include "lib/wherefore_internal.h"
#include "server/api/cam_json.h"

size_t wherefore_find_peak(const struct explain_map *map)
{
    const size_t count = map->width * map->height;
    size_t peak = 0;

    for (size_t i = 1; i < count; i++)
        if (map->values[i] > map->values[peak])
            peak = i;
    return peak;
}

void wherefore_place_cell(double *x, double *y, const struct explain_map *map,
                          size_t cell)
{
    const struct preprocess_region *region = &map->region;
    const double column = (double)(cell % map->width),
                 row = (double)(cell / map->width);

    *x = region->x + (column + 0.5) * region->width / (double)map->width;
    *y = region->y + (row + 0.5) * region->height / (double)map->height;
}

static struct wherefore_box box_of(const struct box *box)
{
    return (struct wherefore_box){.x = box->x,
                                  .y = box->y,
                                  .width = box->width,
                                  .height = box->height,
                                  .threshold = box->threshold,
                                  .share = box->share};
}

static struct wherefore_map map_of(const struct explained_class *class)
{
    const struct explain_map *map = class->map;
    size_t peak = wherefore_find_peak(map);
    double x, y;

    wherefore_place_cell(&x, &y, map, peak);
    return (struct wherefore_map){
        .width = map->width,
        .height = map->height,
        .values = map->values,
        .min = map->min,
        .max = map->max,
        .region_x = map->region.x,
        .region_y = map->region.y,
        .region_width = map->region.width,
        .region_height = map->region.height,
        .peak = peak,
        .peak_x = (float)x,
        .peak_y = (float)y,
        .is_refined = class->is_refined,
    };
}

static void fill_entry(struct wherefore_entry *entry,
                       const struct engine *engine,
                       const struct explained_class *from)
{
    *entry = (struct wherefore_entry){
        .class = {
            .index = from->class.index,
            .id = engine_class_id(engine, from->class.index),
            .label = engine_class_label(engine, from->class.index),
            .logit = from->class.logit,
            .score = from->class.score,
            .is_asked = from->is_asked,
        }};
    if (from->map) {
        entry->map = map_of(from);
        entry->class.map = &entry->map;
    }
    if (from->has_box) {
        entry->box = box_of(&from->box);
        entry->class.box = &entry->box;
    }
    for (size_t i = 0; i < from->num_boxes && i < BOX_MAX; i++)
        entry->boxes[entry->class.num_boxes++] = box_of(&from->boxes[i]);
}

bool wherefore_explanation_fill(struct wherefore_explanation *explanation,
                                struct error *err)
{
    const struct explanation *found = &explanation->found;
    const struct engine *engine = explanation->model->served.engine;
    const struct image *image = found->image;

    explanation->entries =
        scratch_reserve(explanation->entries, &explanation->entries_cap,
                        found->num_classes, sizeof *explanation->entries, err);
    if (!explanation->entries)
        return false;
    explanation->summary = (struct wherefore_summary){
        .image_width = image->width,
        .image_height = image->height,
        .image_format = image_format_name(image->format),
        .method = found->method ? explain_method_name(found->method) : NULL,
        .layer = found->layer ? found->layer->name : NULL,
        .refusal = found->refusal,
        .passes = found->passes,
        .num_classes = found->num_classes,
        .first = (size_t)(found->first - found->classes),
    };
    for (size_t i = 0; i < found->num_classes; i++)
        fill_entry(&explanation->entries[i], engine, &found->classes[i]);
    return true;
}

void wherefore_explanation_release(struct wherefore_explanation *explanation)
{
    free(explanation->entries);
    *explanation = (struct wherefore_explanation){0};
}

/* ---- accessors ---- */

const struct wherefore_summary *
wherefore_explanation_summary(const wherefore_explanation *explanation)
{
    return explanation ? &explanation->summary : NULL;
}

const struct wherefore_class *
wherefore_explanation_class(const wherefore_explanation *explanation, size_t i)
{
    if (!explanation || i >= explanation->summary.num_classes)
        return NULL;
    return &explanation->entries[i].class;
}

const struct wherefore_box *
wherefore_explanation_box(const wherefore_explanation *explanation, size_t i,
                          size_t j)
{
    const struct wherefore_class *class =
        wherefore_explanation_class(explanation, i);

    if (!class || j >= class->num_boxes)
        return NULL;
    return &explanation->entries[i].boxes[j];
}

bool wherefore_explanation_heatmap(const wherefore_explanation *explanation,
                                   const void **png, size_t *len)
{
    const struct buf *heatmap = explanation ? explanation->found.heatmap : NULL;
    bool has = heatmap && heatmap->len > 0;

    if (png)
        *png = has ? heatmap->data : NULL;
    if (len)
        *len = has ? heatmap->len : 0;
    return has;
}

char *wherefore_explanation_json(const wherefore_explanation *explanation,
                                 struct wherefore_error *err)
{
    const struct cam_json_source source = {0};
    struct response response = {0};
    struct error why = {0};
    char *text = NULL;

    if (!explanation)
        fail(&why, ERROR_INPUT, "the explanation is NULL");
    else if (cam_json_write(&response, explanation->model->served.engine,
                            &explanation->found, &explanation->request, &source,
                            &why)) {
        text = (char *)response.body.data;
        text[response.body.len - 1] = '\0'; /* instead of the line feed */
        return text;
    }
    wherefore_report(err, &why);
    response_release(&response);
    return NULL;
}

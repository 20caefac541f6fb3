#ifndef TESTS_FUZZ_DATASET_H
#define TESTS_FUZZ_DATASET_H

/* What must hold for every data set that was read. */

#include <stdlib.h>
#include <string.h>

#include "engine/evaluate/dataset.h"

/* Reads the data set, if it is one. A failure must have a reason; every box
 * must have an area, and be in the photo if its size is known. */
static void fuzz_dataset_open(const char *path, enum dataset_format format)
{
    const struct dataset_options options = {.format = format};
    struct error err = {0};
    struct dataset *dataset = dataset_open(path, &options, &err);
    struct dataset_item item;

    if (!dataset != (err.kind != ERROR_NONE))
        abort();
    for (size_t i = 0; dataset && i < dataset_num_items(dataset); i++) {
        dataset_item(dataset, &item, i);
        if (*item.name == '\0' || strlen(item.file) < strlen(item.name) ||
            dataset_num_photos(dataset) > dataset_num_items(dataset))
            abort();
        for (size_t c = 0; c < item.num_classes; c++)
            if (*item.classes[c] == '\0')
                abort();
        for (size_t b = 0; b < item.num_boxes; b++) {
            const struct dataset_box *box = &item.boxes[b];

            if (!(box->x0 >= 0 && box->x0 < box->x1 && box->y0 >= 0 &&
                  box->y0 < box->y1) ||
                (item.width > 0 && box->x1 > item.width))
                abort();
        }
    }
    dataset_free(dataset);
}

#endif

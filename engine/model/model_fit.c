#include "engine/model/model_fit.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

void *model_fit_describe(const struct model_fit *fit)
{
    return json_pack(
        "{s:{s:s, s:s, s:s}, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:b, s:f, "
        "s:f, s:{s:I, s:f, s:f}}",
        "base", "name", fit->base, "sha256", fit->base_sha256, "layer",
        fit->layer, "head", fit->pool, "date", fit->date, "photos",
        (json_int_t)fit->photos, "validation",
        (json_int_t)fit->validation_photos, "left_out",
        (json_int_t)fit->left_out, "seed", (json_int_t)fit->seed, "folds",
        (json_int_t)fit->folds, "balanced", (int)fit->is_balanced, "strength",
        fit->c, "temperature", fit->temperature, "measured", "photos",
        (json_int_t)fit->measured_photos, "accuracy", fit->accuracy, "macro_f1",
        fit->macro_f1);
}

bool model_fit_is_in(const char *folder)
{
    char *path = NULL;
    json_t *root;
    bool is_in;

    if (asprintf(&path, "%s/model.json", folder) < 0)
        return false;
    root = json_load_file(path, JSON_REJECT_DUPLICATES, NULL);
    is_in = json_is_object(json_object_get(root, "fit"));
    json_decref(root);
    free(path);
    return is_in;
}

#include "engine/network/inspect_place.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "engine/model/model_dir.h"

/* The folder of a file, like dirname(1). */
static char *folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');

    if (!slash)
        return strdup(".");
    return slash == path ? strdup("/") : strndup(path, (size_t)(slash - path));
}

bool inspect_place_find(struct inspect_place *place, const char *path,
                        const struct inspect_options *options,
                        struct error *err)
{
    struct model_dir model_dir = {0};
    struct labels labels = {0};
    const char *output;
    size_t num_names;
    struct stat info;
    bool is_folder = stat(path, &info) == 0 && S_ISDIR(info.st_mode);

    if (is_folder && !model_dir_open(&model_dir, path, err))
        return false;
    place->path = strdup(is_folder ? model_dir.onnx_path : path);
    place->folder = place->path ? folder_of(place->path) : NULL;
    if (options->labels && !labels_read(&labels, options->labels, err)) {
        model_dir_release(&model_dir);
        return error_prefix(err, "%.200s", options->labels);
    }
    num_names = options->labels ? labels.count : model_dir.labels.count;
    labels_release(&labels);
    output = options->output ? options->output : model_dir.output;
    place->output = output ? strdup(output) : NULL;
    place->options = (struct network_options){
        .input =
            {
                .width =
                    options->width ? options->width : model_dir.input.width,
                .height =
                    options->height ? options->height : model_dir.input.height,
                .override = options->override,
                .folder = place->folder,
                .output = place->output,
                .by_options = true,
            },
        .wish =
            {
                .scores = options->scores ? options->scores : model_dir.scores,
                .num_names = num_names,
                .by_options = true,
            },
    };
    model_dir_release(&model_dir);
    return (place->folder && (place->output || !output)) ||
           fail(err, ERROR_MEMORY, "not enough memory for a path");
}

void inspect_place_release(struct inspect_place *place)
{
    free(place->path);
    free(place->folder);
    free(place->output);
    *place = (struct inspect_place){0};
}

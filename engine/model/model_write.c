#include "engine/model/model_write.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/digest.h"
#include "engine/onnx/onnx.h"

enum { MAX_JSON_BYTES = 1 << 20 };

static const char *const files[] = {"model.onnx", "labels.txt", "model.json"};

static bool write_file(const char *folder, const char *name, const void *bytes,
                       size_t len, struct error *err)
{
    char *path = NULL;
    FILE *file = NULL;
    bool ok = false;

    if (asprintf(&path, "%s/%s", folder, name) < 0)
        return fail(err, ERROR_MEMORY, "not enough memory for a path");
    file = fopen(path, "wbx");
    if (file)
        ok = fwrite(bytes, 1, len, file) == len;
    if (file && fclose(file) != 0)
        ok = false;
    free(path);
    return ok ||
           fail(err, ERROR_IO, "cannot write %s: %s", name, strerror(errno));
}

/* One number for each of the channels. */
static json_t *numbers_of(const char *channels, const double numbers[3])
{
    if (strlen(channels) == 1)
        return json_pack("[f]", numbers[0]);
    return json_pack("[f, f, f]", numbers[0], numbers[1], numbers[2]);
}

static json_t *describe(const struct model_dir_recipe *recipe)
{
    char sha256[DIGEST_TEXT];
    json_t *input = json_pack("{s:I, s:I, s:s, s:s, s:s, s:o, s:o}", "width",
                              (json_int_t)recipe->width, "height",
                              (json_int_t)recipe->height, "channels",
                              recipe->channels, "resize", recipe->resize,
                              "interpolation", recipe->interpolation, "mean",
                              numbers_of(recipe->channels, recipe->mean), "std",
                              numbers_of(recipe->channels, recipe->std));
    json_t *root;

    if (input && recipe->crop_fraction > 0)
        json_object_set_new(input, "crop_fraction",
                            json_real(recipe->crop_fraction));
    if (input && recipe->pad)
        json_object_set_new(input, "pad",
                            json_pack("[i, i, i]", recipe->pad[0],
                                      recipe->pad[1], recipe->pad[2]));
    digest_sha256(sha256, recipe->onnx->data, recipe->onnx->len);
    root = json_pack("{s:s, s:o, s:{s:s, s:s}, s:s*, s:s*, s:s*, s:s*}", "name",
                     recipe->name, "input", input, "onnx", "file", files[0],
                     "sha256", sha256, "output", recipe->output, "scores",
                     recipe->scores, "source", recipe->source, "license",
                     recipe->license);
    if (root && recipe->fit &&
        json_object_set_new(root, "fit", model_fit_describe(recipe->fit)) !=
            0) {
        json_decref(root);
        return NULL;
    }
    return root;
}

bool model_write(const char *folder, const struct model_dir_recipe *recipe,
                 struct error *err)
{
    json_t *root = NULL;
    char *text = NULL;
    struct buf json = {0};
    bool ok;

    if (recipe->onnx_folder &&
        !onnx_embed(recipe->onnx, recipe->onnx_folder, err))
        return false;
    root = describe(recipe);
    if (root)
        text = json_dumps(root, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
    ok = text || fail(err, ERROR_INPUT,
                      "the name, source or license is not valid UTF-8");
    ok = ok && buf_append(&json, text, strlen(text), err) &&
         buf_append(&json, "\n", 1, err) &&
         write_file(folder, files[0], recipe->onnx->data, recipe->onnx->len,
                    err) &&
         (!recipe->labels || write_file(folder, files[1], recipe->labels->data,
                                        recipe->labels->len, err)) &&
         write_file(folder, files[2], json.data, json.len, err);
    buf_release(&json);
    free(text);
    json_decref(root);
    return ok;
}

/* Replaces the file at once by the text and a line end, and keeps its mode. */
static bool replace_file(const char *path, const char *text, struct error *err)
{
    struct stat info;
    char *made = NULL;
    FILE *file = NULL;
    int fd = -1;
    bool ok = false;

    if (asprintf(&made, "%s.XXXXXX", path) < 0)
        return fail(err, ERROR_MEMORY, "not enough memory for a path");
    if (stat(path, &info) == 0)
        fd = mkstemp(made);
    if (fd >= 0)
        file = fdopen(fd, "wb");
    if (file)
        ok = fprintf(file, "%s\n", text) > 0 &&
             fchmod(fd, info.st_mode & 0777) == 0 && fflush(file) == 0 &&
             fsync(fd) == 0;
    if (file ? fclose(file) != 0 : fd >= 0 && close(fd) != 0)
        ok = false;
    ok = (ok && rename(made, path) == 0) ||
         fail(err, ERROR_IO, "cannot write model.json: %s", strerror(errno));
    if (!ok && fd >= 0)
        unlink(made);
    free(made);
    return ok;
}

bool model_write_box(const char *folder, const struct model_box *box,
                     struct error *err)
{
    struct buf file = {0};
    json_t *root = NULL;
    char *path = NULL, *text = NULL;
    bool ok;

    if (asprintf(&path, "%s/%s", folder, files[2]) < 0)
        return fail(err, ERROR_MEMORY, "not enough memory for a path");
    ok = buf_append_file(&file, path, MAX_JSON_BYTES, err) ||
         error_prefix(err, "model.json");
    if (ok) {
        root = json_loadb((const char *)file.data, file.len,
                          JSON_REJECT_DUPLICATES, NULL);
        ok = json_is_object(root) ||
             fail(err, ERROR_INPUT, "model.json is not a JSON object");
    }
    ok =
        ok && (json_object_set_new(root, "box", model_box_describe(box)) == 0 ||
               fail(err, ERROR_INPUT,
                    "the name of the data or method is not valid UTF-8"));
    if (ok) /* 15 digits: a decimal number is written as it was read */
        text = json_dumps(root, JSON_INDENT(2) | JSON_REAL_PRECISION(15));
    ok =
        ok &&
        (text || fail(err, ERROR_MEMORY, "not enough memory for model.json")) &&
        replace_file(path, text, err);
    free(text);
    free(path);
    json_decref(root);
    buf_release(&file);
    return ok;
}

void model_write_undo(const char *folder)
{
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        char *path = NULL;

        if (asprintf(&path, "%s/%s", folder, files[i]) < 0)
            return;
        unlink(path);
        free(path);
    }
    rmdir(folder);
}

#include "engine/model/model_write.h"

#include <errno.h>
#include <jansson.h>
#include <nettle/sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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

static void hash(char text[2 * SHA256_DIGEST_SIZE + 1], const struct buf *file)
{
    struct sha256_ctx context;
    uint8_t digest[SHA256_DIGEST_SIZE];

    sha256_init(&context);
    sha256_update(&context, file->len, file->data);
    sha256_digest(&context, sizeof digest, digest);
    for (size_t i = 0; i < sizeof digest; i++)
        snprintf(text + 2 * i, 3, "%02x", digest[i]);
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
    char sha256[2 * SHA256_DIGEST_SIZE + 1];
    json_t *input = json_pack("{s:I, s:I, s:s, s:s, s:s, s:o, s:o}", "width",
                              (json_int_t)recipe->width, "height",
                              (json_int_t)recipe->height, "channels",
                              recipe->channels, "resize", recipe->resize,
                              "interpolation", recipe->interpolation, "mean",
                              numbers_of(recipe->channels, recipe->mean), "std",
                              numbers_of(recipe->channels, recipe->std));

    if (input && recipe->crop_fraction > 0)
        json_object_set_new(input, "crop_fraction",
                            json_real(recipe->crop_fraction));
    hash(sha256, recipe->onnx);
    return json_pack("{s:s, s:o, s:{s:s, s:s}, s:s*, s:s*, s:s*, s:s*}", "name",
                     recipe->name, "input", input, "onnx", "file", files[0],
                     "sha256", sha256, "output", recipe->output, "scores",
                     recipe->scores, "source", recipe->source, "license",
                     recipe->license);
}

/* Appends the object as the text of a file. */
static bool dump(struct buf *to, const json_t *root, int precision,
                 struct error *err)
{
    char *text = json_dumps(root, JSON_INDENT(2) |
                                      JSON_REAL_PRECISION((unsigned)precision));
    bool ok = text || fail(err, ERROR_INPUT, "a text is not valid UTF-8");

    ok = ok && buf_append(to, text, strlen(text), err) &&
         buf_append(to, "\n", 1, err);
    free(text);
    return ok;
}

bool model_write(const char *folder, const struct model_dir_recipe *recipe,
                 struct error *err)
{
    json_t *root = NULL;
    struct buf json = {0};
    bool ok;

    if (recipe->onnx_folder &&
        !onnx_embed(recipe->onnx, recipe->onnx_folder, err))
        return false;
    root = describe(recipe);
    ok = (root || fail(err, ERROR_INPUT,
                       "the name, source or license is not valid UTF-8")) &&
         dump(&json, root, 9, err) &&
         write_file(folder, files[0], recipe->onnx->data, recipe->onnx->len,
                    err) &&
         (!recipe->labels || write_file(folder, files[1], recipe->labels->data,
                                        recipe->labels->len, err)) &&
         write_file(folder, files[2], json.data, json.len, err);
    buf_release(&json);
    json_decref(root);
    return ok;
}

/* ---- changing model.json ---- */

/* Writes a new file with this text and the old one's permissions. */
static bool write_part(int fd, const char *old, const struct buf *text)
{
    struct stat info;

    return stat(old, &info) == 0 && fchmod(fd, info.st_mode & 07777) == 0 &&
           write(fd, text->data, text->len) == (ssize_t)text->len &&
           fsync(fd) == 0;
}

/* Writes a file beside the old one, and puts it in its place. */
static bool replace(const char *path, const struct buf *text, struct error *err)
{
    char *part = NULL;
    int fd;
    bool ok;

    if (asprintf(&part, "%s.XXXXXX", path) < 0)
        return fail(err, ERROR_MEMORY, "not enough memory for a path");
    fd = mkstemp(part);
    ok = fd >= 0 && write_part(fd, path, text);
    if (fd >= 0)
        ok = close(fd) == 0 && ok;
    ok = ok && rename(part, path) == 0;
    if (!ok)
        fail(err, ERROR_IO, "cannot write model.json: %s", strerror(errno));
    if (!ok && fd >= 0)
        unlink(part);
    free(part);
    return ok;
}

static json_t *load(const char *path, struct error *err)
{
    struct buf text = {0};
    json_error_t why = {0};
    json_t *root = NULL;

    if (!buf_append_file(&text, path, MAX_JSON_BYTES, err)) {
        error_prefix(err, "model.json");
    } else {
        root = json_loadb((const char *)text.data, text.len,
                          JSON_REJECT_DUPLICATES, &why);
        if (!json_is_object(root)) {
            fail(err, ERROR_INPUT, "model.json: %s",
                 root ? "it is not an object" : why.text);
            json_decref(root);
            root = NULL;
        }
    }
    buf_release(&text);
    return root;
}

bool model_write_box(const char *folder, const struct model_box *box,
                     struct error *err)
{
    struct buf text = {0};
    char *path = NULL;
    json_t *root, *member;
    bool ok;

    if (asprintf(&path, "%s/%s", folder, files[2]) < 0)
        return fail(err, ERROR_MEMORY, "not enough memory for a path");
    root = load(path, err);
    member = root ? model_box_describe(box) : NULL;
    ok = root &&
         (member || fail(err, ERROR_INPUT,
                         "a text of the calibration is not valid UTF-8")) &&
         (json_object_set_new(root, "box", member) == 0 ||
          fail(err, ERROR_MEMORY, "not enough memory for model.json")) &&
         dump(&text, root, 15, err) && replace(path, &text, err);
    json_decref(root);
    buf_release(&text);
    free(path);
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

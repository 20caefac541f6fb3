#include "engine/model/model_dir.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/buf.h"
#include "engine/model/model_members.h"

enum {
    MAX_JSON_BYTES = 1 << 20,
    MAX_SIDE = PREPROCESS_MAX_SIDE,
    MAX_NAME_BYTES = 128,
};

/* The default for a folder without model.json; see model_dir.h. */
static const struct preprocess_spec default_input = {
    .resize = PREPROCESS_STRETCH,
    .filter = RESIZE_BICUBIC,
    .crop_fraction = 0.875,
    .pad = {114, 114, 114},
    .mean = {123.675f, 116.28f, 103.53f},
    .std = {58.395f, 57.12f, 57.375f},
};

/* In the functions below, `object` is searched for `key`; a missing member is
 * NULL and fails its check. */

static bool copy_text(char **copy, const char *text, struct error *err)
{
    *copy = strdup(text);
    if (!*copy)
        return fail(err, ERROR_MEMORY, "not enough memory for %zu bytes",
                    strlen(text));
    return true;
}

/* The member's string, or NULL unless it has 1 to max_bytes bytes and no
 * control characters. Jansson has checked that it is UTF-8. */
static const char *plain_text(const json_t *member, size_t max_bytes)
{
    const char *text = json_string_value(member);

    if (!text || *text == '\0' || strlen(text) > max_bytes)
        return NULL;
    for (const char *at = text; *at; at++)
        if ((unsigned char)*at < 0x20 || *at == 0x7f)
            return NULL;
    return text;
}

/* Copies an optional string. */
static bool read_optional_text(char **copy, const json_t *object,
                               const char *key, struct error *err)
{
    const json_t *member = json_object_get(object, key);
    const char *text = json_string_value(member);

    if (!member || json_is_null(member))
        return true;
    if (!text)
        return fail(err, ERROR_INPUT, "%s must be a string", key);
    return copy_text(copy, text, err);
}

static bool read_side(uint32_t *side, const json_t *input, const char *key,
                      struct error *err)
{
    const json_t *member = json_object_get(input, key);
    json_int_t value = json_integer_value(member); /* 0 for other types */

    if (value < 1 || value > MAX_SIDE)
        return fail(err, ERROR_INPUT,
                    "input.%s must be an integer from 1 to %d", key, MAX_SIDE);
    *side = (uint32_t)value;
    return true;
}

/* An array with a number for each channel. */
static bool read_numbers(float *numbers, size_t count, const json_t *input,
                         const char *key, struct error *err)
{
    const json_t *member = json_object_get(input, key);

    for (size_t i = 0; i < count; i++) {
        const json_t *number = json_array_get(member, i);

        numbers[i] = (float)json_number_value(number);
        if (json_array_size(member) != count || !json_is_number(number) ||
            !isfinite(numbers[i]))
            return fail(err, ERROR_INPUT, "input.%s must be %s", key,
                        count == 1 ? "an array of one number"
                                   : "an array of three numbers");
    }
    return true;
}

static bool read_std(float *std, size_t count, const json_t *input,
                     struct error *err)
{
    if (!read_numbers(std, count, input, "std", err))
        return false;
    for (size_t i = 0; i < count; i++)
        if (!(std[i] > 0))
            return fail(err, ERROR_INPUT, "input.std must be above 0");
    return true;
}

static bool read_channels(struct preprocess_spec *spec, const json_t *input,
                          struct error *err)
{
    const char *text = json_string_value(json_object_get(input, "channels"));

    if (!text || (strcmp(text, "RGB") != 0 && strcmp(text, "BGR") != 0 &&
                  strcmp(text, "L") != 0))
        return fail(err, ERROR_INPUT,
                    "input.channels must be \"RGB\", \"BGR\" or \"L\"");
    spec->bgr = text[0] == 'B';
    spec->grey = text[0] == 'L';
    return true;
}

/* Reads a member that is one of several names; *choice is its index. */
static bool read_choice(size_t *choice, const json_t *input, const char *key,
                        const char *const *names, size_t num_names,
                        struct error *err)
{
    const char *text = json_string_value(json_object_get(input, key));
    char list[128] = "";
    size_t len = 0;

    if (!text)
        return fail(err, ERROR_INPUT, "input.%s must be a string", key);
    for (size_t i = 0; i < num_names; i++) {
        if (strcmp(text, names[i]) == 0) {
            *choice = i;
            return true;
        }
        len += (size_t)snprintf(list + len, sizeof list - len, "%s\"%s\"",
                                i > 0 ? " or " : "", names[i]);
    }
    return fail(err, ERROR_UNSUPPORTED,
                "input.%s must be %s; others are not supported", key, list);
}

static bool read_resize(struct preprocess_spec *spec, const json_t *input,
                        struct error *err)
{
#define X(choice, name) name,
    static const char *const resizes[] = {PREPROCESS_RESIZES(X)};
    static const char *const filters[] = {RESIZE_FILTERS(X)};
#undef X
    size_t resize = 0, filter = 0;

    if (!read_choice(&resize, input, "resize", resizes,
                     sizeof resizes / sizeof resizes[0], err) ||
        !read_choice(&filter, input, "interpolation", filters,
                     sizeof filters / sizeof filters[0], err))
        return false;
    spec->resize = (enum preprocess_resize)resize;
    spec->filter = (enum resize_filter)filter;
    return true;
}

/* Reads how much "crop" keeps, given in one of two ways. */
static bool read_crop(struct preprocess_spec *spec, const json_t *input,
                      struct error *err)
{
    const json_t *fraction = json_object_get(input, "crop_fraction");
    const json_t *side = json_object_get(input, "resize_to");
    uint32_t shorter = spec->width < spec->height ? spec->width : spec->height;
    uint32_t before = 0;

    if (fraction && side)
        return fail(
            err, ERROR_INPUT,
            "input.crop_fraction and input.resize_to cannot be combined");
    if (fraction) {
        spec->crop_fraction = json_number_value(fraction);
        if (!(spec->crop_fraction >= 0.01 && spec->crop_fraction <= 1))
            return fail(err, ERROR_INPUT,
                        "input.crop_fraction must be a number from 0.01 to 1");
    }
    if (!side)
        return true;
    if (!read_side(&before, input, "resize_to", err))
        return false;
    if (before < shorter)
        return fail(err, ERROR_INPUT,
                    "input.resize_to must be at least %u, the input's shorter "
                    "side",
                    shorter);
    spec->crop_fraction = (double)shorter / before;
    return true;
}

/* One level for all three channels, or one for each. */
static bool read_pad(struct preprocess_spec *spec, const json_t *input,
                     struct error *err)
{
    const json_t *pad = json_object_get(input, "pad");

    for (size_t i = 0; pad && i < 3; i++) {
        const json_t *level = json_is_array(pad) ? json_array_get(pad, i) : pad;
        json_int_t value = json_integer_value(level);

        if (!json_is_integer(level) || value < 0 || value > 255 ||
            (json_is_array(pad) && json_array_size(pad) != 3))
            return fail(err, ERROR_INPUT,
                        "input.pad must be an integer from 0 to 255, or an "
                        "array of three");
        spec->pad[i] = (uint8_t)value;
    }
    return true;
}

static bool check_input_keys(json_t *input, struct error *err)
{
    static const char *const known[] = {
        "width", "height", "channels",      "resize",    "interpolation",
        "mean",  "std",    "crop_fraction", "resize_to", "pad"};

    return model_members_check(input, "input", known,
                               sizeof known / sizeof known[0], err);
}

static bool read_input(struct preprocess_spec *spec, const json_t *root,
                       struct error *err)
{
    json_t *input = json_object_get(root, "input");

    if (!json_is_object(input))
        return fail(err, ERROR_INPUT, "input must be an object");
    return check_input_keys(input, err) &&
           read_side(&spec->width, input, "width", err) &&
           read_side(&spec->height, input, "height", err) &&
           read_channels(spec, input, err) && read_resize(spec, input, err) &&
           read_crop(spec, input, err) && read_pad(spec, input, err) &&
           read_numbers(spec->mean, spec->grey ? 1 : 3, input, "mean", err) &&
           read_std(spec->std, spec->grey ? 1 : 3, input, err);
}

static bool join_path(char **path, const char *folder, const char *file,
                      struct error *err)
{
    if (asprintf(path, "%s/%s", folder, file) < 0) {
        *path = NULL;
        return fail(err, ERROR_MEMORY, "not enough memory for a path");
    }
    return true;
}

/* We do not compare it with the file: it is for whoever downloads the model. */
static bool check_sha256(const json_t *onnx, struct error *err)
{
    const json_t *member = json_object_get(onnx, "sha256");
    const char *text = json_string_value(member);

    if (!member)
        return true;
    if (!text || strlen(text) != 64 ||
        strspn(text, "0123456789abcdefABCDEF") != 64)
        return fail(err, ERROR_INPUT, "onnx.sha256 must be 64 hex digits");
    return true;
}

static bool read_onnx(struct model_dir *model_dir, const char *folder,
                      const json_t *root, struct error *err)
{
    const json_t *onnx = json_object_get(root, "onnx");
    const char *file =
        plain_text(json_object_get(onnx, "file"), MAX_NAME_BYTES);

    if (!json_is_object(onnx))
        return fail(err, ERROR_INPUT, "onnx must be an object");
    if (!file || strchr(file, '/') || strcmp(file, ".") == 0 ||
        strcmp(file, "..") == 0)
        return fail(err, ERROR_INPUT,
                    "onnx.file must be the name of a file in the folder");
    return join_path(&model_dir->onnx_path, folder, file, err) &&
           check_sha256(onnx, err);
}

static bool read_name(struct model_dir *model_dir, const json_t *root,
                      struct error *err)
{
    const char *name =
        plain_text(json_object_get(root, "name"), MAX_NAME_BYTES);

    if (!name)
        return fail(
            err, ERROR_INPUT,
            "name must be a string of 1 to %d bytes without control characters",
            MAX_NAME_BYTES);
    return copy_text(&model_dir->name, name, err);
}

static bool read_scores(struct model_dir *model_dir, const json_t *root,
                        struct error *err)
{
    static const char *const names[] = {
#define X(scores, name) name,
        HEAD_SCORES(X)
#undef X
    };
    const json_t *member = json_object_get(root, "scores");
    const char *text = json_string_value(member);

    if (!member || json_is_null(member))
        return true;
    for (size_t i = 0; text && i < sizeof names / sizeof names[0]; i++)
        if (strcmp(text, names[i]) == 0) {
            model_dir->scores = (enum head_scores)(HEAD_OPEN + 1 + i);
            return true;
        }
    return fail(err, ERROR_INPUT, "scores must be \"softmax\" or \"sigmoid\"");
}

static bool read_members(struct model_dir *model_dir, const char *folder,
                         const json_t *root, struct error *err)
{
    if (!json_is_object(root))
        return fail(err, ERROR_INPUT, "must be an object");
    return read_name(model_dir, root, err) &&
           read_input(&model_dir->input, root, err) &&
           read_onnx(model_dir, folder, root, err) &&
           read_optional_text(&model_dir->output, root, "output", err) &&
           read_scores(model_dir, root, err) &&
           model_box_read(&model_dir->box, root, err) &&
           read_optional_text(&model_dir->source, root, "source", err) &&
           read_optional_text(&model_dir->license, root, "license", err);
}

static bool parse_json(json_t **root, const struct buf *file, struct error *err)
{
    json_error_t why = {0}; /* Jansson leaves it empty when memory runs out */

    *root = NULL;
    if (file->len == 0)
        return fail(err, ERROR_INPUT, "is empty");
    *root = json_loadb((const char *)file->data, file->len,
                       JSON_REJECT_DUPLICATES, &why);
    if (*root)
        return true;
    if (json_error_code(&why) == json_error_out_of_memory || !why.text[0])
        return fail(err, ERROR_MEMORY, "not enough memory for its members");
    return fail(err, ERROR_INPUT, "line %d, column %d: %s", why.line,
                why.column, why.text);
}

static bool is_missing(const char *path)
{
    return access(path, F_OK) != 0 && errno == ENOENT;
}

/* Names the model after the last part of the folder's path, with links
 * resolved. */
static bool name_after_folder(struct model_dir *model_dir, const char *folder,
                              struct error *err)
{
    char *path = realpath(folder, NULL);
    const char *name;
    bool ok;

    if (!path)
        return fail(err, errno == ENOMEM ? ERROR_MEMORY : ERROR_IO,
                    "the folder does not exist");
    name = strrchr(path, '/') + 1;
    ok = copy_text(&model_dir->name,
                   *name && strlen(name) <= MAX_NAME_BYTES &&
                           labels_is_text(name)
                       ? name
                       : "model",
                   err);
    free(path);
    return ok;
}

/* For a folder that has model.onnx but no model.json. */
static bool use_defaults(struct model_dir *model_dir, const char *folder,
                         struct error *err)
{
    model_dir->is_assumed = true;
    return join_path(&model_dir->onnx_path, folder, "model.onnx", err) &&
           name_after_folder(model_dir, folder, err);
}

static bool check_folder(const char *folder, struct error *err)
{
    struct stat info;

    if (stat(folder, &info) != 0)
        return fail(err, ERROR_IO, "cannot be opened: %s", strerror(errno));
    if (!S_ISDIR(info.st_mode))
        return fail(err, ERROR_IO, "is a file; give the folder that it is in");
    return true;
}

/* Whether there is a model.onnx but no model.json. */
static bool is_bare(bool *bare, const char *folder, struct error *err)
{
    char *json = NULL, *onnx = NULL;
    bool ok = check_folder(folder, err) &&
              join_path(&json, folder, "model.json", err) &&
              join_path(&onnx, folder, "model.onnx", err);

    *bare = ok && is_missing(json);
    if (*bare && is_missing(onnx))
        ok = fail(err, ERROR_IO, "contains neither model.json nor model.onnx");
    free(json);
    free(onnx);
    return ok;
}

static bool read_json(struct model_dir *model_dir, const char *folder,
                      struct error *err)
{
    struct buf file = {0};
    char *path = NULL;
    json_t *root = NULL;
    bool ok = join_path(&path, folder, "model.json", err) &&
              buf_append_file(&file, path, MAX_JSON_BYTES, err) &&
              parse_json(&root, &file, err) &&
              read_members(model_dir, folder, root, err);

    json_decref(root);
    free(path);
    buf_release(&file);
    return ok || error_prefix(err, "model.json");
}

/* labels.txt is optional; without it the labels are empty. */
static bool read_labels(struct model_dir *model_dir, const char *folder,
                        struct error *err)
{
    char *path = NULL;
    bool ok = join_path(&path, folder, "labels.txt", err) &&
              (is_missing(path) || labels_read(&model_dir->labels, path, err));

    free(path);
    return ok || error_prefix(err, "labels.txt");
}

bool model_dir_open(struct model_dir *model_dir, const char *folder,
                    struct error *err)
{
    bool bare;

    *model_dir = (struct model_dir){.input = default_input};
    if (!is_bare(&bare, folder, err) ||
        !(bare ? use_defaults(model_dir, folder, err)
               : read_json(model_dir, folder, err)) ||
        !read_labels(model_dir, folder, err)) {
        model_dir_release(model_dir);
        return false;
    }
    return true;
}

void model_dir_release(struct model_dir *model_dir)
{
    model_box_release(&model_dir->box);
    free(model_dir->name);
    free(model_dir->onnx_path);
    free(model_dir->source);
    free(model_dir->license);
    free(model_dir->output);
    labels_release(&model_dir->labels);
    *model_dir = (struct model_dir){0};
}

/* Many pictures in one call, on all cores: a column of files in, a column of
 * results out, by Arrow's C data interface and without any library of Arrow's.
 * A file that is broken costs its own row.
 *
 *     cc batch.c -o batch $(pkg-config --cflags --libs wherefore)
 *     ./batch models/efficientnet-lite0 *.jpg */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <wherefore.h>

/* ---- the files as a column of large_binary ---- */

struct files {
    unsigned char *bytes; /* all files, one after another */
    int64_t *offsets;     /* (count + 1) where each begins and the last ends */
};

/* What the library is lent is ours to free, but a release function is what
 * tells it that the array is alive. */
static void keep_array(struct ArrowArray *array)
{
    array->release = NULL;
}

static void keep_schema(struct ArrowSchema *schema)
{
    schema->release = NULL;
}

/* Appends a file; one that cannot be read is empty. */
static bool append(struct files *files, size_t i, const char *path)
{
    FILE *file = fopen(path, "rb");
    int64_t len = files->offsets[i];
    size_t got = 0;

    do {
        unsigned char *grown = realloc(files->bytes, (size_t)len + (1 << 20));

        if (!grown)
            break;
        files->bytes = grown;
        got = file ? fread(grown + len, 1, 1 << 20, file) : 0;
        len += (int64_t)got;
    } while (got > 0);
    files->offsets[i + 1] = len;
    if (file)
        fclose(file);
    return files->bytes != NULL;
}

/* ---- the results ---- */

static bool is_valid(const struct ArrowArray *array, size_t i)
{
    const unsigned char *bits = array->buffers[0];

    return !bits || bits[i / 8] >> i % 8 & 1;
}

static void print_text(const struct ArrowArray *array, size_t i)
{
    const int32_t *offsets = array->buffers[1];
    const char *text = array->buffers[2];

    printf("%.*s", (int)(offsets[i + 1] - offsets[i]), text + offsets[i]);
}

/* The field with a name: as the schema's children, so the array's. */
static const struct ArrowArray *field(const struct ArrowSchema *schema,
                                      const struct ArrowArray *array,
                                      const char *name)
{
    for (int64_t i = 0; i < schema->n_children; i++)
        if (strcmp(schema->children[i]->name, name) == 0)
            return array->children[i];
    abort();
}

static void print_row(const struct ArrowSchema *schema,
                      const struct ArrowArray *array, size_t i)
{
    const struct ArrowArray *error = field(schema, array, "error");
    const struct ArrowArray *box = field(schema, array, "box");
    const float *score = field(schema, array, "score")->buffers[1];

    if (is_valid(error, i)) {
        print_text(error->children[1], i); /* detail */
        printf("\n");
        return;
    }
    printf("%.9g  ", (double)score[i]);
    print_text(field(schema, array, "label"), i);
    for (int64_t side = 0; is_valid(box, i) && side < box->n_children; side++)
        printf(" %d", ((const int32_t *)box->children[side]->buffers[1])[i]);
    printf("\n");
}

static bool explain(const wherefore_model *model, char **paths, size_t count,
                    struct wherefore_error *err)
{
    struct files files = {.offsets = calloc(count + 1, sizeof(int64_t))};
    struct ArrowSchema schema = {.format = "Z", .release = keep_schema};
    struct ArrowArray images = {
        .length = (int64_t)count, .n_buffers = 3, .release = keep_array};
    struct ArrowSchema out_schema;
    struct ArrowArray out;
    bool ok = files.offsets != NULL;

    for (size_t i = 0; ok && i < count; i++)
        ok = append(&files, i, paths[i]);
    images.buffers =
        (const void *[]){NULL /* no row is null */, files.offsets, files.bytes};
    ok = ok && wherefore_explain_arrow(model, 0, &schema, &images, NULL, 0,
                                       NULL, NULL, &out_schema, &out, err);
    free(files.bytes);
    free(files.offsets);
    if (!ok)
        return false;
    for (size_t i = 0; i < count; i++) {
        printf("%s: ", paths[i]);
        print_row(&out_schema, &out, i);
    }
    out.release(&out);
    out_schema.release(&out_schema);
    return true;
}

int main(int argc, char **argv)
{
    struct wherefore_error err = WHEREFORE_ERROR_INIT;
    wherefore_model *model;
    bool ok;

    if (argc < 3) {
        fprintf(stderr, "usage: batch MODEL IMAGE...\n");
        return 2;
    }
    model = wherefore_model_open(argv[1], NULL, 0, &err);
    ok = model && explain(model, argv + 2, (size_t)argc - 2, &err);
    if (!ok)
        fprintf(stderr, "batch: %s\n", err.kind ? err.text : "out of memory");
    wherefore_model_free(model);
    return ok ? 0 : 1;
}

/* What is in a picture, and where the evidence is.
 *
 *     cc explain.c -o explain $(pkg-config --cflags --libs wherefore)
 *     ./explain models/efficientnet-lite0 cat.jpg cat-heatmap.png */

#include <stdio.h>
#include <stdlib.h>

#include <wherefore.h>

enum { MAX_BYTES = 16 << 20 };

static size_t read_file(unsigned char *bytes, const char *path)
{
    FILE *file = fopen(path, "rb");
    size_t len = file ? fread(bytes, 1, MAX_BYTES, file) : 0;

    if (file)
        fclose(file);
    return len;
}

static bool write_file(const char *path, const void *bytes, size_t len)
{
    FILE *file = fopen(path, "wb");
    bool ok = file && fwrite(bytes, 1, len, file) == len;

    if (file && fclose(file) != 0)
        ok = false;
    return ok;
}

static void print(const wherefore_explanation *found)
{
    const struct wherefore_summary *summary =
        wherefore_explanation_summary(found);
    const struct wherefore_class *class;
    const struct wherefore_box *box;

    printf("%u x %u pixels, explained by %s\n", (unsigned)summary->image_width,
           (unsigned)summary->image_height,
           summary->method ? summary->method : "no method");
    for (size_t i = 0; (class = wherefore_explanation_class(found, i)); i++)
        printf("%4zu  %.9g  %s\n", class->index, (double)class->score,
               class->label ? class->label : "");
    class = wherefore_explanation_class(found, summary->first);
    box = class->box;
    if (box)
        printf("box   %u %u %u %u\n", (unsigned)box->x, (unsigned)box->y,
               (unsigned)box->width, (unsigned)box->height);
}

static bool explain(wherefore_session *session, const char *image,
                    const char *heatmap, struct wherefore_error *err)
{
    const struct wherefore_option options[] = {{"heatmap", "overlay"},
                                               {"top", "3"}};
    unsigned char *bytes = malloc(MAX_BYTES);
    const wherefore_explanation *found = NULL;
    const void *png;
    size_t len;
    bool ok = false;

    if (bytes)
        found = wherefore_explain(session, bytes, read_file(bytes, image),
                                  options, 2, err);
    free(bytes); /* the explanation does not need them */
    if (found) {
        print(found);
        ok = !wherefore_explanation_heatmap(found, &png, &len) ||
             write_file(heatmap, png, len);
    }
    return ok;
}

int main(int argc, char **argv)
{
    struct wherefore_error err = WHEREFORE_ERROR_INIT;
    wherefore_model *model;
    wherefore_session *session = NULL;
    bool ok = false;

    if (argc != 4) {
        fprintf(stderr, "usage: explain MODEL IMAGE HEATMAP\n");
        return 2;
    }
    model = wherefore_model_open(argv[1], NULL, 0, &err);
    if (model)
        session = wherefore_session_new(model, 0, &err);
    if (session)
        ok = explain(session, argv[2], argv[3], &err);
    if (!ok)
        fprintf(stderr, "explain: %s\n",
                err.kind ? err.text : "a file cannot be read or written");
    wherefore_session_free(session);
    wherefore_model_free(model);
    return ok ? 0 : 1;
}

/* A file whose constants stay in it, against the same file in memory: what
 * PyTorch exports, files that mean harm, each beginning of one, and fields that
 * only a hand would write. */

#include "engine/onnx/onnx_file.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "engine/onnx/onnx.h"

#include <cmocka.h>

#define FORMS "tests/data/forms"
#define INVALID "tests/cases/invalid-onnx"

enum { PATH_SIZE = 512, MAX_BYTES = 1 << 26 };

static const struct onnx_input picture = {.width = 48, .height = 32};

static int file_of(const uint8_t *bytes, size_t len)
{
    int fd = (int)memfd_create("model.onnx", MFD_CLOEXEC);

    assert_true(fd >= 0);
    assert_true(write(fd, bytes, len) == (ssize_t)len);
    return fd;
}

static void expect_same(const struct graph *found, const struct graph *expected,
                        const char *what)
{
    if (found->num_values != expected->num_values ||
        found->num_nodes != expected->num_nodes)
        fail_msg("%s: another graph", what);
    for (size_t v = 0; v < expected->num_values; v++) {
        const struct graph_value *value = &expected->values[v];
        size_t size =
            value->type == GRAPH_FLOAT ? sizeof(float) : sizeof(int64_t);

        assert_string_equal(found->values[v].name, value->name);
        assert_int_equal(!found->values[v].data, !value->data);
        if (value->data)
            assert_memory_equal(found->values[v].data, value->data,
                                graph_shape_count(&value->shape) * size);
    }
}

/* Reads both ways; returns how many constants were left in the file. */
static size_t compare(const uint8_t *bytes, size_t len, size_t least,
                      const char *what)
{
    struct graph found = {0}, expected = {0};
    struct onnx_input input = picture;
    struct onnx_file file = {0};
    struct error err = {0}, why = {0};
    int fd = file_of(bytes, len);
    size_t num_cuts;
    bool ok = onnx_read(&expected, bytes, len, &picture, &why);

    input.file = &file;
    if (!onnx_file_open(&file, fd, MAX_BYTES, least, &err))
        fail_msg("%s: %s", what, err.text);
    num_cuts = file.num_cuts;
    if (onnx_read(&found, file.message.data, file.message.len, &input, &err) !=
        ok)
        fail_msg("%s: %s", what, ok ? err.text : "it is read");
    if (!ok) {
        assert_int_equal(err.kind, why.kind);
        assert_string_equal(err.text, why.text);
    }
    expect_same(&found, &expected, what);
    graph_release(&found);
    graph_release(&expected);
    onnx_file_release(&file);
    close(fd);
    return num_cuts;
}

/* Of the file `name` of each entry of a folder; "": of each entry whose name
 * ends with .onnx. */
static size_t compare_all(const char *folder, const char *name)
{
    DIR *files = opendir(folder);
    struct dirent *entry;
    size_t num_cuts = 0;

    assert_non_null(files);
    while ((entry = readdir(files))) {
        struct buf bytes = {0};
        struct error err = {0};
        char path[PATH_SIZE];

        if (entry->d_name[0] == '.' ||
            (!*name && !strstr(entry->d_name, ".onnx")))
            continue;
        snprintf(path, sizeof path, "%s/%s%s", folder, entry->d_name, name);
        if (!buf_append_file(&bytes, path, MAX_BYTES, &err))
            fail_msg("%s: %s", path, err.text);
        num_cuts += compare(bytes.data, bytes.len, 1, path);
        num_cuts += compare(bytes.data, bytes.len, 300, path);
        buf_release(&bytes);
    }
    closedir(files);
    return num_cuts;
}

static void what_pytorch_exports_is_read_alike(void **state)
{
    (void)state;
    assert_true(compare_all(FORMS, "") > 100);
}

static void files_that_mean_harm_are_refused_alike(void **state)
{
    (void)state;
    compare_all(INVALID, "/model.onnx");
}

/* ---- files by hand ---- */

/* What a hand writes: fields, each with a length of some bytes. */
static void put(struct buf *buf, unsigned number, const void *bytes, size_t len,
                size_t width)
{
    struct error err = {0};
    uint8_t tag = (uint8_t)(number << 3 | 2), size[10];

    for (size_t i = 0; i < width; i++)
        size[i] = (uint8_t)((len >> 7 * i & 0x7f) | (i + 1 < width ? 0x80 : 0));
    assert_true(buf_append(buf, &tag, 1, &err) &&
                buf_append(buf, size, width, &err) &&
                buf_append(buf, bytes, len, &err));
}

static void put_number(struct buf *buf, unsigned number, uint8_t value)
{
    const uint8_t bytes[2] = {(uint8_t)(number << 3), value};
    struct error err = {0};

    assert_true(buf_append(buf, bytes, sizeof bytes, &err));
}

static const float numbers[12] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};

/* The constant `name` of 12 numbers, with so many fields of raw data. */
static void put_constant(struct buf *graph, const char *name, size_t width,
                         size_t num_raw)
{
    struct buf tensor = {0};

    put_number(&tensor, 1, 12);
    put_number(&tensor, 2, 1);
    for (size_t i = 0; i < num_raw; i++)
        put(&tensor, 9, numbers, sizeof numbers, width);
    put(&tensor, 8, name, strlen(name), 1);
    put(graph, 5, tensor.data, tensor.len, width);
    buf_release(&tensor);
}

/* y = Add(x, "b"), and a constant "a" before it that nobody takes. */
static void make_model(struct buf *model, size_t width, size_t num_raw,
                       size_t num_graphs)
{
    /* an image of 3 x 4 x 3 pixels: TypeProto of floats */
    static const uint8_t type[] = {10, 20, 8, 1,  18, 16, 10, 2,  8, 1, 10,
                                   2,  8,  3, 10, 2,  8,  3,  10, 2, 8, 4};
    struct buf graph = {0}, node = {0}, x = {0}, y = {0}, opset = {0};

    put(&node, 1, "x", 1, 1);
    put(&node, 1, "c", 1, 1);
    put(&node, 2, "y", 1, 1);
    put(&node, 4, "Add", 3, 1);
    put(&x, 1, "x", 1, 1);
    put(&x, 2, type, sizeof type, 1);
    put(&y, 1, "y", 1, 1);
    put_constant(&graph, "a", width, num_raw);
    put(&graph, 1, node.data, node.len, width);
    put_constant(&graph, "b", width, 1);
    put_constant(&graph, "c", width, num_raw);
    put(&graph, 11, x.data, x.len, 1);
    put(&graph, 12, y.data, y.len, 1);
    put_number(&opset, 2, 17);
    put_number(model, 1, 8);
    for (size_t i = 0; i < num_graphs; i++)
        put(model, 7, graph.data, graph.len, width);
    put(model, 8, opset.data, opset.len, 1);
    buf_release(&graph);
    buf_release(&node);
    buf_release(&x);
    buf_release(&y);
    buf_release(&opset);
}

static void lengths_may_have_leading_zeros(void **state)
{
    (void)state;
    for (size_t width = 2; width <= 5; width++) {
        const struct onnx_input input = {.folder = NULL};
        struct buf model = {0};
        struct graph graph = {0};
        struct error err = {0};

        make_model(&model, width, 1, 1);
        if (!onnx_read(&graph, model.data, model.len, &input, &err))
            fail_msg("%s", err.text);
        graph_release(&graph);
        assert_int_equal(compare(model.data, model.len, 1, "by hand"), 3);
        assert_int_equal(
            compare(model.data, model.len, sizeof numbers + 1, "by hand"), 0);
        buf_release(&model);
    }
}

/* The parser joins them, or takes the last one. */
static void what_is_there_twice_is_not_looked_into(void **state)
{
    struct buf model = {0};

    (void)state;
    make_model(&model, 2, 2, 1);
    assert_int_equal(compare(model.data, model.len, 1, "two of raw data"), 0);
    buf_release(&model);
    make_model(&model, 2, 1, 2);
    assert_int_equal(compare(model.data, model.len, 1, "two graphs"), 0);
    buf_release(&model);
}

static void each_beginning_of_a_file_is_refused_alike(void **state)
{
    struct buf model = {0};

    (void)state;
    make_model(&model, 3, 1, 1);
    for (size_t len = 0; len < model.len; len++)
        compare(model.data, len, 1, "a beginning");
    buf_release(&model);
}

static void each_changed_byte_is_read_alike(void **state)
{
    struct buf model = {0};

    (void)state;
    make_model(&model, 2, 1, 1);
    for (size_t i = 0; i < model.len; i++)
        for (unsigned bit = 0; bit < 8; bit++) {
            model.data[i] ^= (uint8_t)(1u << bit);
            compare(model.data, model.len, 1, "a changed byte");
            model.data[i] ^= (uint8_t)(1u << bit);
        }
    buf_release(&model);
}

static void a_file_that_shrinks_is_an_error(void **state)
{
    struct onnx_input input = picture;
    struct onnx_file file = {0};
    struct graph graph = {0};
    struct buf model = {0};
    struct error err = {0};
    int fd;

    (void)state;
    make_model(&model, 2, 1, 1);
    fd = file_of(model.data, model.len);
    assert_true(onnx_file_open(&file, fd, MAX_BYTES, 1, &err));
    input.file = &file;
    assert_int_equal(ftruncate(fd, 10), 0);
    assert_false(
        onnx_read(&graph, file.message.data, file.message.len, &input, &err));
    assert_int_equal(err.kind, ERROR_IO);
    assert_string_equal(err.text,
                        "the constant \"c\": cannot be read: it shrank "
                        "while it was read");
    graph_release(&graph);
    onnx_file_release(&file);
    buf_release(&model);
    close(fd);
}

static void a_file_that_is_too_long_is_not_read(void **state)
{
    static const uint8_t bytes[100] = {0};
    struct onnx_file file = {0};
    struct error err = {0};
    int fd = file_of(bytes, sizeof bytes);

    (void)state;
    assert_false(onnx_file_open(&file, fd, 99, 1, &err));
    assert_int_equal(err.kind, ERROR_LIMIT);
    assert_null(file.message.data);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_pytorch_exports_is_read_alike),
        cmocka_unit_test(files_that_mean_harm_are_refused_alike),
        cmocka_unit_test(lengths_may_have_leading_zeros),
        cmocka_unit_test(what_is_there_twice_is_not_looked_into),
        cmocka_unit_test(each_beginning_of_a_file_is_refused_alike),
        cmocka_unit_test(each_changed_byte_is_read_alike),
        cmocka_unit_test(a_file_that_shrinks_is_an_error),
        cmocka_unit_test(a_file_that_is_too_long_is_not_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

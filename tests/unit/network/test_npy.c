/* .npy files: what NumPy writes is read, what it would not write is refused. */

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/buf.h"
#include "engine/network/npy.h"

#include "tests/unit/alloc_sweep.h"

#define FORMS "tests/data/forms"

/* Appends a file of version 1 with this header and these bytes. */
static void write_npy(struct buf *file, const char *header, const void *bytes,
                      size_t len)
{
    size_t header_len = strlen(header);
    uint8_t start[10] = "\x93NUMPY\x01";

    start[8] = (uint8_t)(header_len & 255);
    start[9] = (uint8_t)(header_len >> 8);
    buf_clear(file);
    assert_true(buf_append(file, start, sizeof start, NULL));
    assert_true(buf_append(file, header, header_len, NULL));
    assert_true(buf_append(file, bytes, len, NULL));
}

static void expect_refusal(const struct buf *file, enum error_kind kind,
                           const char *text)
{
    struct npy npy = {0};
    struct error err = {0};

    assert_false(npy_read(&npy, file->data, file->len, &err));
    assert_int_equal(err.kind, kind);
    if (!strstr(err.text, text))
        fail_msg("\"%s\" does not say \"%s\"", err.text, text);
    assert_null(npy.data);
}

static void what_is_written_is_read_back(void **state)
{
    static const struct graph_shape shapes[] = {
        {0},
        {.rank = 1, .dim = {5}},
        {.rank = 2, .dim = {0, 3}},
        {.rank = 6, .dim = {1, 2, 3, 1, 2, 1}},
    };
    const float values[12] = {1,    -2.5f,       3e-38f, INFINITY, 0,    -0.0f,
                              1e9f, (float)M_PI, 7,      8,        9.5f, 10};

    (void)state;
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        struct buf file = {0};
        struct npy npy = {0};

        assert_true(npy_append(&file, &shapes[i], values, NULL));
        assert_int_equal(
            (file.len - graph_shape_count(&shapes[i]) * sizeof(float)) % 64, 0);
        assert_true(npy_read(&npy, file.data, file.len, NULL));
        assert_int_equal(npy.type, GRAPH_FLOAT);
        assert_true(graph_shape_equal(&npy.shape, &shapes[i]));
        assert_memory_equal(npy.data, values,
                            graph_shape_count(&shapes[i]) * sizeof(float));
        npy_release(&npy);
        buf_release(&file);
    }
}

static void what_numpy_writes_is_written_byte_for_byte(void **state)
{
    struct buf file = {0}, again = {0};
    struct npy npy = {0};

    (void)state;
    assert_true(buf_append_file(&file, FORMS "/input.npy", 1 << 20, NULL));
    assert_true(npy_read(&npy, file.data, file.len, NULL));
    assert_true(npy_append(&again, &npy.shape, npy.data, NULL));
    assert_int_equal(again.len, file.len);
    assert_memory_equal(again.data, file.data, file.len);
    npy_release(&npy);
    buf_release(&again);
    buf_release(&file);
}

static void every_type_becomes_floats_or_integers(void **state)
{
    static const struct {
        const char *descr;
        const uint8_t bytes[8];
        size_t size;
        enum graph_type type;
        double value;
    } cases[] = {
        {"<f4", {0, 0, 0xc0, 0x3f}, 4, GRAPH_FLOAT, 1.5},
        {"<f8", {0, 0, 0, 0, 0, 0, 0xf8, 0xbf}, 8, GRAPH_FLOAT, -1.5},
        {"|b1", {1}, 1, GRAPH_INT, 1},
        {"|u1", {200}, 1, GRAPH_INT, 200},
        {"|i1", {200}, 1, GRAPH_INT, -56},
        {"<u2", {0xff, 0xff}, 2, GRAPH_INT, 65535},
        {"<i2", {0xfe, 0xff}, 2, GRAPH_INT, -2},
        {"<u4", {0xff, 0xff, 0xff, 0xff}, 4, GRAPH_INT, 4294967295},
        {"<i4", {0xff, 0xff, 0xff, 0xff}, 4, GRAPH_INT, -1},
        {"<i8", {0, 0, 0, 0, 1}, 8, GRAPH_INT, 4294967296},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct buf file = {0};
        struct npy npy = {0};
        char header[100];
        double found;

        snprintf(header, sizeof header,
                 "{'descr': '%s', 'fortran_order': False, 'shape': (1,), }\n",
                 cases[i].descr);
        write_npy(&file, header, cases[i].bytes, cases[i].size);
        assert_true(npy_read(&npy, file.data, file.len, NULL));
        assert_int_equal(npy.type, cases[i].type);
        found = npy.type == GRAPH_INT ? (double)*(int64_t *)npy.data
                                      : (double)*(float *)npy.data;
        assert_true(found == cases[i].value);
        npy_release(&npy);
        buf_release(&file);
    }
}

static void headers_may_be_in_any_order_and_of_version_2(void **state)
{
    const char header[] =
        "{'shape':(2),'fortran_order':False,'descr':'<f4'}      ";
    uint8_t start[12] = "\x93NUMPY\x02\0\0\0\0";
    const float values[2] = {1, 2};
    struct buf file = {0};
    struct npy npy = {0};

    (void)state;
    start[8] = sizeof header - 1;
    assert_true(buf_append(&file, start, sizeof start, NULL));
    assert_true(buf_append(&file, header, sizeof header - 1, NULL));
    assert_true(buf_append(&file, values, sizeof values, NULL));
    assert_true(npy_read(&npy, file.data, file.len, NULL));
    assert_int_equal(npy.shape.rank, 1);
    assert_memory_equal(npy.data, values, sizeof values);
    npy_release(&npy);
    buf_release(&file);
}

static void what_is_no_array_of_ours_is_refused(void **state)
{
    static const struct {
        const char *header;
        enum error_kind kind;
        const char *text;
    } cases[] = {
        {"", ERROR_INPUT, "header is malformed"},
        {"{}", ERROR_INPUT, "header is malformed"},
        {"{'descr': '<f4', 'fortran_order': False, }", ERROR_INPUT, "header"},
        {"{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, "
         "'shape': (2,), }",
         ERROR_INPUT, "header"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2,), } more",
         ERROR_INPUT, "header"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2,)", ERROR_INPUT,
         "header"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (-2,), }",
         ERROR_INPUT, "header"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2 2), }",
         ERROR_INPUT, "header"},
        {"{'descr': '<f4", ERROR_INPUT, "header"},
        {"{'descr': '>f4', 'fortran_order': False, 'shape': (2,), }",
         ERROR_UNSUPPORTED, "big-endian"},
        {"{'descr': '<c8', 'fortran_order': False, 'shape': (1,), }",
         ERROR_UNSUPPORTED, "\"<c8\" is not supported"},
        {"{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,), }",
         ERROR_UNSUPPORTED, "structured"},
        {"{'descr': '<f4', 'fortran_order': True, 'shape': (2,), }",
         ERROR_UNSUPPORTED, "Fortran"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (1, 1, 1, 1, 1, 1, "
         "2), }",
         ERROR_UNSUPPORTED, "more than 6 dimensions"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': "
         "(99999999999999999999,), }",
         ERROR_LIMIT, "a dimension is larger"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (100000, 100000), "
         "}",
         ERROR_LIMIT, ""},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }",
         ERROR_INPUT, "8 bytes for 3 elements"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }",
         ERROR_INPUT, "8 bytes for 1 elements"},
    };
    const float values[2] = {1, 2};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct buf file = {0};

        write_npy(&file, cases[i].header, values, sizeof values);
        expect_refusal(&file, cases[i].kind, cases[i].text);
        buf_release(&file);
    }
}

static void a_file_cut_short_anywhere_is_refused(void **state)
{
    struct buf file = {0};

    (void)state;
    assert_true(buf_append_file(&file, FORMS "/logits.npy", 1 << 20, NULL));
    for (size_t len = 0; len < file.len; len++) {
        struct npy npy = {0};
        struct error err = {0};
        uint8_t *part = malloc(len + 1); /* its end is watched */

        assert_non_null(part);
        memcpy(part, file.data, len);
        assert_false(npy_read(&npy, part, len, &err));
        assert_int_equal(err.kind, ERROR_INPUT);
        free(part);
    }
    buf_release(&file);
}

static bool read_and_write(void *arg, struct error *err)
{
    const struct buf *file = arg;
    struct buf again = {0};
    struct npy npy = {0};
    bool ok = npy_read(&npy, file->data, file->len, err) &&
              npy_append(&again, &npy.shape, npy.data, err);

    npy_release(&npy);
    buf_release(&again);
    return ok;
}

static void a_failed_allocation_is_an_error(void **state)
{
    struct buf file = {0};

    (void)state;
    assert_true(buf_append_file(&file, FORMS "/logits.npy", 1 << 20, NULL));
    alloc_sweep(read_and_write, &file);
    buf_release(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read_back),
        cmocka_unit_test(what_numpy_writes_is_written_byte_for_byte),
        cmocka_unit_test(every_type_becomes_floats_or_integers),
        cmocka_unit_test(headers_may_be_in_any_order_and_of_version_2),
        cmocka_unit_test(what_is_no_array_of_ours_is_refused),
        cmocka_unit_test(a_file_cut_short_anywhere_is_refused),
        cmocka_unit_test(a_failed_allocation_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Bodies of KServe's protocols, and JSON bodies in general. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "server/api/json_body.h"
#include "server/api/kserve_outputs.h"
#include "server/api/kserve_v1.h"
#include "server/api/kserve_v2.h"
#include "server/http/request.h"
#include "server/work/model.h"

#include <cmocka.h>

/* What is read from a body. */
struct reading {
    struct request request;
    struct batch batch;
    struct kserve_outputs *outputs;
    bool ok;
};

static void release(struct reading *reading)
{
    batch_job_release(&reading->batch);
    kserve_outputs_free(reading->outputs);
    request_release(&reading->request);
}

static void begin(struct reading *reading, const char *body, size_t len)
{
    *reading = (struct reading){.request.max_fields = 8};
    assert_true(buf_append(&reading->request.image, body, len, NULL));
}

static void read_v1(struct reading *reading, const char *text)
{
    json_t *body;

    begin(reading, text, strlen(text));
    body = json_body_read(&reading->request, reading->request.image.data,
                          reading->request.image.len);
    reading->ok =
        body && kserve_v1_read(&reading->batch, &reading->request, body);
    json_decref(body);
}

/* `header_len` may be NULL. */
static void read_v2(struct reading *reading, const char *body, size_t len,
                    const char *header_len)
{
    struct model model = {.info = {.num_classes = 10,
                                   .input_width = 2,
                                   .input_height = 1,
                                   .input_channels = 3}};

    begin(reading, body, len);
    reading->request.header_len = header_len;
    reading->request.content_type =
        header_len ? "application/octet-stream" : "application/json";
    reading->ok = kserve_v2_read(&reading->batch, &reading->outputs,
                                 &reading->request, &model);
}

static void assert_image(const struct reading *reading, size_t i,
                         const char *bytes)
{
    const struct buf *file = &reading->batch.images[i].bytes;

    assert_true(i < reading->batch.count);
    assert_int_equal(file->len, strlen(bytes));
    assert_memory_equal(file->data, bytes, file->len);
}

static void assert_refused(struct reading *reading, enum problem problem,
                           const char *part)
{
    assert_false(reading->ok);
    assert_int_equal(reading->request.problem, problem);
    assert_non_null(strstr(reading->request.err.text, part));
    release(reading);
}

static void instances_may_be_written_in_many_ways(void **state)
{
    struct reading reading;

    (void)state;
    read_v1(&reading,
            "{\"instances\":[{\"image\":{\"b64\":\"b25l\"}},{\"b64\":\"dHdv\"},"
            "{\"image_bytes\":{\"b64\":\"dGhyZWU=\"}},\"Zm91cg==\","
            "\"data:image/png;base64,Zml2ZQ==\"],"
            "\"parameters\":{\"top\":3,\"box\":\"paper\",\"alpha\":0.5,"
            "\"calibrate\":true}}");
    assert_true(reading.ok);
    assert_int_equal(reading.batch.count, 5);
    assert_image(&reading, 0, "one");
    assert_image(&reading, 1, "two");
    assert_image(&reading, 2, "three");
    assert_image(&reading, 3, "four");
    assert_image(&reading, 4, "five");
    assert_string_equal(params_find(&reading.request.params, "top"), "3");
    assert_string_equal(params_find(&reading.request.params, "box"), "paper");
    assert_string_equal(params_find(&reading.request.params, "alpha"), "0.5");
    assert_string_equal(params_find(&reading.request.params, "calibrate"), "1");
    release(&reading);
}

static void an_instance_that_is_no_image_fails_alone(void **state)
{
    struct reading reading;

    (void)state;
    read_v1(&reading, "{\"instances\":[{\"b64\":\"b25l\"},7,\"!\",{}]}");
    assert_true(reading.ok);
    assert_int_equal(reading.batch.images[0].why.kind, ERROR_NONE);
    for (size_t i = 1; i < 4; i++)
        assert_int_equal(reading.batch.images[i].why.kind, ERROR_INPUT);
    release(&reading);
}

static void bodies_that_are_not_understood_are_refused(void **state)
{
    static const struct {
        const char *body, *part;
    } rows[] = {
        {"", "is empty"},
        {"[1]", "not a JSON object"},
        {"{\"a\":1,\"a\":2}", "not JSON: duplicate"},
        {"{\"instances\":", "in line 1"},
        {"{\"instances\":{}}", "must be an array"},
        {"{\"instances\":[]}", "no image"},
        {"{\"instances\":[\"\"],\"parameters\":[]}", "must be an object"},
        {"{\"instances\":[\"\"],\"parameters\":{\"a\":{}}}", "option \"a\""},
    };
    struct reading reading;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        read_v1(&reading, rows[i].body);
        assert_refused(&reading, PROBLEM_INPUT, rows[i].part);
    }
}

static void the_number_of_values_is_bounded(void **state)
{
    enum { COUNT = JSON_BODY_MAX_VALUES + 2 };
    char *body = malloc(2 * COUNT + 1);
    struct reading reading;

    (void)state;
    assert_non_null(body);
    for (size_t i = 0; i < COUNT; i++)
        memcpy(body + 2 * i, "1,", 2);
    body[2 * COUNT] = '\0';
    read_v1(&reading, body);
    assert_refused(&reading, PROBLEM_LIMIT, "65536 values");
    /* A text may have as many commas as it likes. */
    body[0] = body[2 * COUNT - 1] = '"';
    read_v1(&reading, body);
    assert_refused(&reading, PROBLEM_INPUT, "not JSON");
    free(body);
}

static void a_tensor_is_read_from_json(void **state)
{
    static const char body[] =
        "{\"id\":\"a\",\"inputs\":[{\"name\":\"x\",\"datatype\":\"BYTES\","
        "\"shape\":[2,1],\"data\":[[\"b25l\"],\"dHdv\"]}],"
        "\"parameters\":{\"method\":\"cam\",\"binary_data_output\":true}}";
    struct reading reading;

    (void)state;
    read_v2(&reading, body, sizeof body - 1, NULL);
    assert_true(reading.ok);
    assert_image(&reading, 0, "one");
    assert_image(&reading, 1, "two");
    assert_string_equal(params_find(&reading.request.params, "method"), "cam");
    assert_null(params_find(&reading.request.params, "binary_data_output"));
    release(&reading);
}

#define BINARY(shape, size)                                                    \
    "{\"inputs\":[{\"name\":\"image\",\"datatype\":\"BYTES\",\"shape\":" shape \
    ",\"parameters\":{\"binary_data_size\":" size "}}]}"

/* JSON of `head` and then the bytes; the length is that of the head. */
static void read_binary(struct reading *reading, const char *head,
                        const char *bytes, size_t len)
{
    static char header_len[24];
    char body[512];
    size_t head_len = strlen(head);

    memcpy(body, head, head_len);
    memcpy(body + head_len, bytes, len);
    snprintf(header_len, sizeof header_len, "%zu", head_len);
    read_v2(reading, body, head_len + len, header_len);
}

static void a_tensor_is_read_from_bytes(void **state)
{
    static const char bytes[] = "\3\0\0\0one\3\0\0\0two";
    struct reading reading;

    (void)state;
    read_binary(&reading, BINARY("[2]", "14"), bytes, 14);
    assert_true(reading.ok);
    assert_image(&reading, 0, "one");
    assert_image(&reading, 1, "two");
    release(&reading);
    read_v2(&reading, "whole", 5, "0");
    assert_true(reading.ok);
    assert_image(&reading, 0, "whole");
    release(&reading);
}

static void framing_that_does_not_fit_is_refused(void **state)
{
    static const struct {
        const char *head, *bytes;
        size_t len;
        const char *part;
    } rows[] = {
        {BINARY("[1]", "3"), "\3\0\0", 3, "ends before image 1"},
        {BINARY("[2]", "7"), "\3\0\0\0one", 7, "ends before image 2"},
        {BINARY("[1]", "6"), "\3\0\0\0on", 6, "has 3 bytes, of which 2"},
        {BINARY("[1]", "8"), "\377\377\377\377one!", 8, "4294967295 bytes"},
        {BINARY("[1]", "8"), "\3\0\0\0one!", 8, "1 bytes follow"},
        {BINARY("[1]", "9"), "\3\0\0\0one", 7, "is not the 7 bytes"},
        {BINARY("[0]", "0"), "", 0, "no image"},
        {BINARY("[-1]", "0"), "", 0, "one tensor"},
        {BINARY("[]", "0"), "", 0, "one tensor"},
        {BINARY("[1,1,1,1,1]", "0"), "", 0, "one tensor"},
        {BINARY("[1,2]", "0"), "", 0, "must be [N] or [N, 1]"},
        {BINARY("[1,1,1]", "0"), "", 0, "must be [N] or [N, 1]"},
        {BINARY("\"1\"", "0"), "", 0, "one tensor"},
        {"{\"inputs\":[]}", "", 0, "one tensor"},
    };
    static const char *const lens[] = {
        "-1", "6", "x", "", "1x", " 1", "99999999999999999999"};
    struct reading reading;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        read_binary(&reading, rows[i].head, rows[i].bytes, rows[i].len);
        assert_refused(&reading, PROBLEM_INPUT, rows[i].part);
    }
    for (size_t i = 0; i < sizeof lens / sizeof lens[0]; i++) {
        read_v2(&reading, "12345", 5, lens[i]);
        assert_refused(&reading, PROBLEM_INPUT, "is not a length");
    }
}

/* ---- tensors of numbers ---- */

#define TENSOR(type, shape, rest)                       \
    "{\"inputs\":[{\"name\":\"x\",\"datatype\":\"" type \
    "\",\"shape\":" shape rest "}]}"
#define TEXT(type, shape, data) TENSOR(type, shape, ",\"data\":" data)
#define BYTES(type, shape) TENSOR(type, shape, "")

static void read_text(struct reading *reading, const char *body)
{
    read_v2(reading, body, strlen(body), NULL);
}

static void pixels_are_read_from_json(void **state)
{
    static const char *const bodies[] = {
        TEXT("UINT8", "[2,1,2,1]", "[1,2,255,0]"),
        TEXT("UINT8", "[2,1,2,1]", "[[[[1],[2]]],[[[255],[0]]]]"),
        TEXT("UINT8", "[2,1,2,1]", " [ [ 1,\n2] , [2.55e2 ,-0.0] ] "),
    };
    struct reading reading;

    (void)state;
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        read_text(&reading, bodies[i]);
        assert_true(reading.ok);
        assert_int_equal(reading.batch.kind, BATCH_PIXELS);
        assert_int_equal(reading.batch.count, 2);
        assert_int_equal(reading.batch.width, 2);
        assert_int_equal(reading.batch.height, 1);
        assert_int_equal(reading.batch.channels, 1);
        assert_int_equal(reading.batch.images[0].bytes.len, 2);
        assert_memory_equal(reading.batch.images[0].bytes.data, "\1\2", 2);
        assert_memory_equal(reading.batch.images[1].bytes.data, "\377\0", 2);
        release(&reading);
    }
    read_text(&reading, TEXT("UINT8", "[1,2,3]", "[1,2,3,4,5,6]"));
    assert_true(reading.ok);
    assert_int_equal(reading.batch.count, 1);
    assert_int_equal(reading.batch.width, 2);
    assert_int_equal(reading.batch.channels, 3);
    release(&reading);
}

static void a_row_with_a_sample_that_is_none_fails_alone(void **state)
{
    struct reading reading;

    (void)state;
    read_text(&reading, TEXT("UINT8", "[4,1,1,1]", "[256, 7, 0.5, -1]"));
    assert_true(reading.ok);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(reading.batch.images[i].why.kind,
                         i == 1 ? ERROR_NONE : ERROR_INPUT);
    assert_string_equal(
        reading.batch.images[0].why.text,
        "256 is not a sample of a pixel, an integer from 0 to 255");
    release(&reading);
}

/* As strtod() rounds them, whose result is then a float. */
static void inputs_are_the_floats_that_the_json_says(void **state)
{
    static const char *const numbers[] = {
        "0.1",
        "-2.1179039478302",
        "1.17549435e-38",
        "0.017429193481802940",
        "123456789012345678901234567890",
        "1e39",
    };
    struct reading reading;
    float values[6];

    (void)state;
    read_text(&reading,
              TEXT("FP32", "[1,3,1,2]",
                   "[0.1,-2.1179039478302,1.17549435e-38,0.017429193481802940,"
                   "123456789012345678901234567890,1e39]"));
    assert_true(reading.ok);
    assert_int_equal(reading.batch.kind, BATCH_INPUTS);
    assert_true(reading.batch.is_planar);
    assert_int_equal(reading.batch.images[0].bytes.len, sizeof values);
    memcpy(values, reading.batch.images[0].bytes.data, sizeof values);
    for (size_t i = 0; i < 6; i++)
        assert_true(values[i] == strtof(numbers[i], NULL));
    release(&reading);
    read_text(&reading, TEXT("FP32", "[1,1,2,3]", "[1,2,3,4,5,6]"));
    assert_true(reading.ok);
    assert_false(reading.batch.is_planar);
    release(&reading);
}

static void tensors_of_numbers_are_read_from_bytes(void **state)
{
    const float values[12] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
    struct reading reading;

    (void)state;
    read_binary(&reading, BYTES("FP32", "[2,1,2,3]"), (const char *)values,
                sizeof values);
    assert_true(reading.ok);
    assert_int_equal(reading.batch.images[1].bytes.len, 24);
    assert_memory_equal(reading.batch.images[1].bytes.data, values + 6, 24);
    release(&reading);
    read_binary(&reading, BYTES("UINT8", "[2,1,1,3]"), "abcdef", 6);
    assert_true(reading.ok);
    assert_image(&reading, 0, "abc");
    assert_image(&reading, 1, "def");
    release(&reading);
    /* The header is there, and nothing behind the JSON. */
    read_binary(&reading, TEXT("UINT8", "[1,1,1]", "[7]"), "", 0);
    assert_true(reading.ok);
    release(&reading);
}

static void shapes_that_do_not_fit_are_refused(void **state)
{
    static const struct {
        const char *body, *part;
    } rows[] = {
        {TEXT("UINT8", "[4]", "[1,2,3,4]"), "must be [N, height, width"},
        {TEXT("UINT8", "[1,2,2]", "[1,2,3,4]"), "1, 3 or 4 channels"},
        {TEXT("UINT8", "[1,0,1,1]", "[]"), "must be [N, height, width"},
        {TEXT("UINT8", "[0,1,1,1]", "[]"), "no image"},
        {TEXT("UINT8", "[1,1,4294967296,1]", "[1]"), "must be [N, height"},
        {TEXT("UINT8", "[1,2,2,1]", "[1,2,3]"), "has 3 numbers"},
        {TEXT("UINT8", "[1,2,2,1]", "[1,2,3,4,5]"), "has 5 numbers"},
        {TEXT("UINT8", "[1,2,2,1]", "[]"), "has 0 numbers"},
        {TEXT("UINT8", "[1,1,1,1]", "[\"a\"]"), "has 0 numbers"},
        {TEXT("UINT8", "[1,1,1,1]", "7"), "has 0 numbers"},
        {BYTES("UINT8", "[1,1,1,1]"), "has 0 numbers"},
        {TEXT("UINT8", "[2,4294967295,4294967295,4]", "[1]"), "has 1 numbers"},
        {TEXT("FP32", "[1,3,2,1]", "[1]"),
         "must be [N, 3, 1, 2] or [N, 1, 2, 3]"},
        {TEXT("FP32", "[3,1,2]", "[1,2,3,4,5,6]"), "must be [N, 3, 1, 2]"},
        {TEXT("FP16", "[1]", "[1]"), "one tensor"},
        {TEXT("BYTES", "[2]", "[1,2]"), "must be a string"},
        {TEXT("BYTES", "[1]", "[]"), "has 0 elements"},
        {TEXT("UINT8", "[1,1,1]", "[1,]"), "not JSON"},
        {TEXT("UINT8", "[1,1,1]", "[01]"), "not JSON"},
        {TEXT("UINT8", "[1,1,1]", "[NaN]"), "not JSON"},
        {TEXT("UINT8", "[1,1,1]", "[1]]"), "in line 1, column 69"},
    };
    struct reading reading;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        read_text(&reading, rows[i].body);
        assert_refused(&reading, PROBLEM_INPUT, rows[i].part);
    }
    read_binary(&reading, BYTES("FP32", "[1,1,2,3]"), "12345678901234567890123",
                23);
    assert_refused(&reading, PROBLEM_INPUT, "has 23 bytes");
    read_binary(&reading, BYTES("FP32", "[1,1,2,3]"),
                "1234567890123456789012345", 25);
    assert_refused(&reading, PROBLEM_INPUT, "has 25 bytes");
}

/* Only the data of an input are numbers that cost nothing. */
static void other_lists_of_numbers_are_values(void **state)
{
    static const struct {
        const char *before, *after;
    } bodies[] = {
        {"{\"outputs\":[{\"data\":[", "]}]}"},
        {"{\"inputs\":[[{\"data\":[", "]}]]}"},
        {"{\"inputs\":{\"data\":[", "]}}"},
        {"{\"data\":[", "]}"},
    };
    enum { COUNT = JSON_BODY_MAX_VALUES + 2 };
    char *numbers = malloc(2 * COUNT), *body = malloc(2 * COUNT + 100);
    struct reading reading;

    (void)state;
    assert_true(numbers && body);
    for (size_t i = 0; i < COUNT; i++)
        memcpy(numbers + 2 * i, i + 1 < COUNT ? "1," : "1", 2);
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        snprintf(body, 2 * COUNT + 100, "%s%s%s", bodies[i].before, numbers,
                 bodies[i].after);
        read_text(&reading, body);
        assert_refused(&reading, PROBLEM_LIMIT, "65536 values");
    }
    snprintf(body, 2 * COUNT + 100, TEXT("UINT8", "[65538,1,1]", "[%s]"),
             numbers);
    read_text(&reading, body);
    assert_true(reading.ok);
    assert_int_equal(reading.batch.images[0].bytes.len, COUNT);
    release(&reading);
    free(numbers);
    free(body);
}

static void more_images_than_allowed_are_refused(void **state)
{
    struct reading reading;

    (void)state;
    read_binary(&reading, BINARY("[257]", "4"), "\0\0\0\0", 4);
    assert_refused(&reading, PROBLEM_LIMIT, "at most 256");
    read_binary(&reading, BINARY("[1000000000000]", "4"), "\0\0\0\0", 4);
    assert_refused(&reading, PROBLEM_LIMIT, "at most 256");
}

#define OUTPUTS(outputs)                                           \
    "{\"inputs\":[{\"datatype\":\"BYTES\",\"shape\":[1],\"data\":" \
    "[\"b25l\"]}],\"outputs\":" outputs "}"

static void outputs_that_there_are_not_are_refused(void **state)
{
    static const struct {
        const char *body, *part;
    } rows[] = {
        {OUTPUTS("{}"), "must be an array"},
        {OUTPUTS("[{}]"), "no output"},
        {OUTPUTS("[{\"name\":\"logits\"}]"), "no output \"logits\""},
        {OUTPUTS("[{\"name\":\"box\"},{\"name\":\"box\"}]"), "twice"},
        {OUTPUTS("[{\"name\":\"box\",\"parameters\":{\"classification\":1}}]"),
         "of the output \"scores\""},
        {OUTPUTS(
             "[{\"name\":\"scores\",\"parameters\":{\"classification\":0}}]"),
         "from 1 on"},
    };
    struct reading reading;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        read_v2(&reading, rows[i].body, strlen(rows[i].body), NULL);
        assert_refused(&reading, PROBLEM_INPUT, rows[i].part);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(instances_may_be_written_in_many_ways),
        cmocka_unit_test(an_instance_that_is_no_image_fails_alone),
        cmocka_unit_test(bodies_that_are_not_understood_are_refused),
        cmocka_unit_test(the_number_of_values_is_bounded),
        cmocka_unit_test(a_tensor_is_read_from_json),
        cmocka_unit_test(a_tensor_is_read_from_bytes),
        cmocka_unit_test(framing_that_does_not_fit_is_refused),
        cmocka_unit_test(pixels_are_read_from_json),
        cmocka_unit_test(a_row_with_a_sample_that_is_none_fails_alone),
        cmocka_unit_test(inputs_are_the_floats_that_the_json_says),
        cmocka_unit_test(tensors_of_numbers_are_read_from_bytes),
        cmocka_unit_test(shapes_that_do_not_fit_are_refused),
        cmocka_unit_test(other_lists_of_numbers_are_values),
        cmocka_unit_test(more_images_than_allowed_are_refused),
        cmocka_unit_test(outputs_that_there_are_not_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

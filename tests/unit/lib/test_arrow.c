/* Columns of images: what is asked of Arrow's C data interface, rows that fail,
 * and arrays that are malformed in every way that their structs can say. Real
 * ones of Arrow's own library are in tests/cli/test_library.py. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/engine.h"
#include "lib/columns.h"
#include "lib/wherefore.h"

#include "tests/unit/alloc_sweep.h" /* and cmocka, whose fail is not ours */

#define MODEL "examples/lane-change/model"
#define PICTURE "tests/cases/images/jpeg-444.jpg" /* 37 x 27 */

enum { CLASS, ID, LABEL, SCORE, LOGIT, BOX, PEAK, MAP, ERROR, NUM_FIELDS };

static struct buf picture;
static wherefore_model *model;
static const char *seen, *unseen; /* the labels of its first and last class */

/* What the picture is taken for by itself; the network may be trained anew. */
static void look(void)
{
    struct wherefore_error err = WHEREFORE_ERROR_INIT;
    wherefore_session *session = wherefore_session_new(model, 1, &err);
    const wherefore_explanation *found =
        wherefore_explain(session, picture.data, picture.len, NULL, 0, &err);

    if (!found)
        fail_msg("%s", err.text);
    seen = wherefore_explanation_class(found, 0)->label;
    unseen = wherefore_explanation_class(found, 2)->label;
    wherefore_session_free(session);
}

static int open_all(void **state)
{
    struct wherefore_error err = WHEREFORE_ERROR_INIT;
    struct error why = {0};

    (void)state;
    assert_true(buf_append_file(&picture, PICTURE, 1 << 20, &why));
    model = wherefore_model_open(MODEL, NULL, 0, &err);
    if (!model)
        fail_msg("%s", err.text);
    look();
    return 0;
}

static int close_all(void **state)
{
    (void)state;
    wherefore_model_free(model);
    buf_release(&picture);
    return 0;
}

static void keep_array(struct ArrowArray *array)
{
    array->release = NULL;
}

static void keep_schema(struct ArrowSchema *schema)
{
    schema->release = NULL;
}

/* A column of the picture, "broken", null, an empty file and the picture, in
 * buffers of exactly their size, so that ASan sees a step beyond. */
struct column {
    struct ArrowSchema schema;
    struct ArrowArray array;
    const void *buffers[4];
    uint8_t *validity, *data;
    int32_t *offsets;
};

static void make_column(struct column *column)
{
    const size_t len = picture.len;
    const int32_t offsets[] = {0,
                               (int32_t)len,
                               (int32_t)len + 6,
                               (int32_t)len + 6,
                               (int32_t)len + 6,
                               2 * (int32_t)len + 6};

    column->validity = malloc(1);
    column->offsets = malloc(sizeof offsets);
    column->data = malloc(2 * len + 6);
    assert_true(column->validity && column->offsets && column->data);
    column->validity[0] = 0x1b;
    memcpy(column->offsets, offsets, sizeof offsets);
    memcpy(column->data, picture.data, len);
    memcpy(column->data + len, "broken", 6);
    memcpy(column->data + len + 6, picture.data, len);
    column->buffers[0] = column->validity;
    column->buffers[1] = column->offsets;
    column->buffers[2] = column->data;
    column->buffers[3] = NULL;
    column->schema =
        (struct ArrowSchema){.format = "z", .release = keep_schema};
    column->array = (struct ArrowArray){.length = 5,
                                        .null_count = 1,
                                        .n_buffers = 3,
                                        .buffers = column->buffers,
                                        .release = keep_array};
}

static void free_column(const struct column *column)
{
    free(column->validity);
    free(column->offsets);
    free(column->data);
}

struct result {
    struct ArrowSchema schema;
    struct ArrowArray array;
};

static bool explain(struct result *result, const struct column *column,
                    unsigned threads, const struct wherefore_option *option,
                    struct wherefore_error *err)
{
    return wherefore_explain_arrow(model, threads, &column->schema,
                                   &column->array, option, option ? 1 : 0, NULL,
                                   NULL, &result->schema, &result->array, err);
}

static void release(struct result *result)
{
    result->schema.release(&result->schema);
    result->array.release(&result->array);
    assert_null(result->schema.release);
    assert_null(result->array.release);
}

static bool is_valid(const struct ArrowArray *array, size_t i)
{
    const uint8_t *bits = array->buffers[0];

    return !bits || (bits[i / 8] >> i % 8 & 1);
}

static bool text_is(const struct ArrowArray *array, size_t i, const char *text)
{
    const int32_t *offsets = array->buffers[1];
    const char *data = array->buffers[2];
    const size_t len = (size_t)(offsets[i + 1] - offsets[i]);

    return strlen(text) == len && memcmp(data + offsets[i], text, len) == 0;
}

/* ---- what is made ---- */

static void rows_are_in_order_and_fail_alone(void **state)
{
    struct wherefore_error err = WHEREFORE_ERROR_INIT;
    struct ArrowArray **field;
    struct column column;
    struct result result;
    const float *score;

    (void)state;
    make_column(&column);
    for (unsigned threads = 1; threads <= 7; threads += 3) {
        if (!explain(&result, &column, threads, NULL, &err))
            fail_msg("%s", err.text);
        assert_int_equal(result.array.length, 5);
        assert_int_equal(result.array.n_children, NUM_FIELDS);
        field = result.array.children;
        for (size_t i = 0; i < 5; i++) {
            assert_true(is_valid(field[ERROR], i) == (i > 0 && i < 4));
            assert_true(is_valid(field[LABEL], i) == (i == 0 || i == 4));
            assert_true(is_valid(field[MAP], i) == (i == 0 || i == 4));
            assert_false(is_valid(field[ID], i)); /* the model has none */
        }
        assert_int_equal(field[ERROR]->null_count, 2);
        assert_int_equal(field[ID]->null_count, 5);
        assert_int_equal(field[MAP]->children[0]->length, 5 * 200);
        assert_true(text_is(field[LABEL], 0, seen));
        score = field[SCORE]->buffers[1];
        assert_true(score[0] > 0 && score[0] == score[4]);
        assert_true(text_is(field[ERROR]->children[0], 1, "unsupported"));
        assert_true(text_is(field[ERROR]->children[1], 1,
                            "the file is not a JPEG, PNG or WebP image"));
        assert_true(text_is(field[ERROR]->children[1], 2, "the row is null"));
        assert_true(text_is(field[ERROR]->children[0], 3, "bad-input"));
        release(&result);
    }
    free_column(&column);
}

static void schema_is_as_promised(void **state)
{
    static const struct {
        const char *name, *format;
        int64_t num_children;
    } fields[NUM_FIELDS] = {
        {"class", "i", 0}, {"id", "u", 0},       {"label", "u", 0},
        {"score", "f", 0}, {"logit", "f", 0},    {"box", "+s", 4},
        {"peak", "+s", 3}, {"map", "+w:200", 1}, {"error", "+s", 2},
    };
    /* two pairs, width 20 and height 10 */
    static const char metadata[] = {2,   0,   0,   0,   5, 0,   0,   0,   'w',
                                    'i', 'd', 't', 'h', 2, 0,   0,   0,   '2',
                                    '0', 6,   0,   0,   0, 'h', 'e', 'i', 'g',
                                    'h', 't', 2,   0,   0, 0,   '1', '0'};
    struct wherefore_error err = WHEREFORE_ERROR_INIT;
    struct column column;
    struct result result;

    (void)state;
    make_column(&column);
    assert_true(explain(&result, &column, 1, NULL, &err));
    assert_string_equal(result.schema.format, "+s");
    for (size_t i = 0; i < NUM_FIELDS; i++) {
        const struct ArrowSchema *field = result.schema.children[i];

        assert_string_equal(field->name, fields[i].name);
        assert_string_equal(field->format, fields[i].format);
        assert_int_equal(field->n_children, fields[i].num_children);
        assert_int_equal(field->flags, ARROW_FLAG_NULLABLE);
    }
    assert_memory_equal(result.schema.children[MAP]->metadata, metadata,
                        sizeof metadata);
    release(&result);
    free_column(&column);
}

static void children_may_be_moved_out(void **state)
{
    struct wherefore_error err = WHEREFORE_ERROR_INIT;
    struct ArrowArray moved;
    struct column column;
    struct result result;

    (void)state;
    make_column(&column);
    assert_true(explain(&result, &column, 1, NULL, &err));
    moved = *result.array.children[BOX];
    result.array.children[BOX]->release = NULL;
    release(&result);
    assert_true(((const int32_t *)moved.children[2]->buffers[1])[0] > 0);
    moved.release(&moved);
    free_column(&column);
}

static void a_slice_is_its_rows(void **state)
{
    struct wherefore_error err = WHEREFORE_ERROR_INIT;
    struct column column;
    struct result result;

    (void)state;
    make_column(&column);
    column.array.offset = 2;
    column.array.length = 3;
    column.array.null_count = -1;
    assert_true(explain(&result, &column, 2, NULL, &err));
    assert_int_equal(result.array.length, 3);
    assert_true(text_is(result.array.children[ERROR]->children[1], 0,
                        "the row is null"));
    assert_true(is_valid(result.array.children[BOX], 2));
    release(&result);
    column.array.length = 0;
    column.buffers[0] = column.buffers[1] = column.buffers[2] = NULL;
    assert_true(explain(&result, &column, 2, NULL, &err));
    assert_int_equal(result.array.length, 0);
    release(&result);
    free_column(&column);
}

static void a_class_may_be_asked_for(void **state)
{
    const struct wherefore_option other = {"class", unseen};
    struct wherefore_error err = WHEREFORE_ERROR_INIT;
    struct column column;
    struct result result;
    size_t index;

    (void)state;
    make_column(&column);
    assert_true(wherefore_model_find_class(model, unseen, &index));
    assert_true(explain(&result, &column, 1, &other, &err));
    assert_true(text_is(result.array.children[LABEL], 0, unseen));
    assert_int_equal(
        ((const int32_t *)result.array.children[CLASS]->buffers[1])[0], index);
    release(&result);
    free_column(&column);
}

/* ---- what is refused ---- */

static void expect_refusal(const struct column *column,
                           const struct wherefore_option *option, int kind,
                           const char *part)
{
    struct wherefore_error err = WHEREFORE_ERROR_INIT;
    struct result result;

    assert_false(explain(&result, column, 1, option, &err));
    assert_null(result.array.release);
    assert_null(result.schema.release);
    if (err.kind != kind || !strstr(err.text, part))
        fail_msg("kind %d: %s", err.kind, err.text);
}

static void other_types_are_refused(void **state)
{
    static const struct {
        const char *format;
        int kind;
        const char *part;
    } cases[] = {
        {"u", WHEREFORE_UNSUPPORTED, "utf8, which is text"},
        {"U", WHEREFORE_UNSUPPORTED, "large_utf8"},
        {"vu", WHEREFORE_UNSUPPORTED, "utf8_view"},
        {"+s", WHEREFORE_UNSUPPORTED, "\"+s\""},
        {"w:4", WHEREFORE_UNSUPPORTED, "\"w:4\""},
        {"", WHEREFORE_UNSUPPORTED, "\"\""},
        {NULL, WHEREFORE_INPUT, "format"},
    };
    struct ArrowSchema other = {0};
    struct column column;

    (void)state;
    make_column(&column);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        column.schema.format = cases[i].format;
        expect_refusal(&column, NULL, cases[i].kind, cases[i].part);
    }
    column.schema.format = "z";
    column.schema.dictionary = &other;
    expect_refusal(&column, NULL, WHEREFORE_UNSUPPORTED, "dictionary");
    column.schema.release = NULL;
    expect_refusal(&column, NULL, WHEREFORE_INPUT, "released");
    free_column(&column);
}

static void options_that_no_column_has_are_refused(void **state)
{
    static const struct wherefore_option object = {"map", "object"},
                                         unknown = {"method", "camel"},
                                         layer = {"layer", "nowhere"};
    struct column column;

    (void)state;
    make_column(&column);
    expect_refusal(&column, &object, WHEREFORE_UNSUPPORTED, "map");
    expect_refusal(&column, &unknown, WHEREFORE_INPUT, "camel");
    expect_refusal(&column, &layer, WHEREFORE_INPUT, "layer");
    free_column(&column);
}

static void counts_that_cannot_be_are_refused(void **state)
{
    static const struct {
        int64_t length, offset, null_count, n_buffers, n_children;
        int kind;
        const char *part;
    } cases[] = {
        {-1, 0, 0, 3, 0, WHEREFORE_INPUT, "length"},
        {INT64_MIN, 0, 0, 3, 0, WHEREFORE_INPUT, "length"},
        {INT64_MAX, 0, 0, 3, 0, WHEREFORE_LIMIT, "rows"},
        {WHEREFORE_MAX_ROWS + 1, 0, 0, 3, 0, WHEREFORE_LIMIT, "rows"},
        {5, -1, 0, 3, 0, WHEREFORE_INPUT, "offset"},
        {5, INT64_MAX, 0, 3, 0, WHEREFORE_INPUT, "offset"},
        {5, INT64_MAX / 4, 0, 3, 0, WHEREFORE_INPUT, "offset"},
        {5, 0, -2, 3, 0, WHEREFORE_INPUT, "nulls"},
        {5, 0, 6, 3, 0, WHEREFORE_INPUT, "nulls"},
        {5, 0, 0, 2, 0, WHEREFORE_INPUT, "buffers"},
        {5, 0, 0, 4, 0, WHEREFORE_INPUT, "buffers"},
        {5, 0, 0, -3, 0, WHEREFORE_INPUT, "buffers"},
        {5, 0, 0, 3, 1, WHEREFORE_INPUT, "children"},
    };
    struct column column;

    (void)state;
    make_column(&column);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        column.array.length = cases[i].length;
        column.array.offset = cases[i].offset;
        column.array.null_count = cases[i].null_count;
        column.array.n_buffers = cases[i].n_buffers;
        column.array.n_children = cases[i].n_children;
        expect_refusal(&column, NULL, cases[i].kind, cases[i].part);
    }
    free_column(&column);
}

static void buffers_that_are_missing_are_refused(void **state)
{
    struct column column;

    (void)state;
    make_column(&column);
    column.buffers[0] = NULL;
    expect_refusal(&column, NULL, WHEREFORE_INPUT, "no validity bitmap");
    column.buffers[0] = column.validity;
    column.buffers[1] = NULL;
    expect_refusal(&column, NULL, WHEREFORE_INPUT, "a buffer is NULL");
    column.buffers[1] = column.offsets;
    column.buffers[2] = NULL;
    expect_refusal(&column, NULL, WHEREFORE_INPUT, "no data");
    column.array.buffers = NULL;
    expect_refusal(&column, NULL, WHEREFORE_INPUT, "buffers are NULL");
    column.array.release = NULL;
    expect_refusal(&column, NULL, WHEREFORE_INPUT, "released");
    free_column(&column);
}

static void offsets_that_decrease_are_refused(void **state)
{
    struct column column;

    (void)state;
    make_column(&column);
    column.offsets[2] = column.offsets[1] - 1;
    expect_refusal(&column, NULL, WHEREFORE_INPUT, "decrease at row 1");
    column.offsets[2] = INT32_MIN;
    expect_refusal(&column, NULL, WHEREFORE_INPUT, "decrease at row 1");
    column.offsets[0] = -1;
    expect_refusal(&column, NULL, WHEREFORE_INPUT, "first offset is -1");
    free_column(&column);
}

static void large_offsets_are_checked_like_small_ones(void **state)
{
    const size_t len = picture.len;
    int64_t offsets[] = {
        1, (int64_t)len, (int64_t)len, (int64_t)len, (int64_t)len, INT64_MIN};
    struct wherefore_error err = WHEREFORE_ERROR_INIT;
    struct column column;
    struct result result;

    (void)state;
    make_column(&column);
    column.schema.format = "Z";
    column.buffers[1] = offsets;
    expect_refusal(&column, NULL, WHEREFORE_INPUT, "decrease at row 4");
    offsets[0] = 0;
    offsets[5] = INT64_MAX; /* longer than any limit, so nothing is read */
    assert_true(explain(&result, &column, 1, NULL, &err));
    assert_true(is_valid(result.array.children[BOX], 0));
    assert_true(
        text_is(result.array.children[ERROR]->children[0], 4, "over-limit"));
    release(&result);
    free_column(&column);
}

/* ---- views ---- */

static void set_view(uint8_t *view, int32_t len, const char *prefix,
                     int32_t buffer, int32_t at)
{
    memcpy(view, &len, 4);
    memset(view + 4, 0, 12);
    memcpy(view + 4, prefix, strlen(prefix) < 12 ? strlen(prefix) : 12);
    if (len > 12 || len < 0) {
        memcpy(view + 8, &buffer, 4);
        memcpy(view + 12, &at, 4);
    }
}

static void views_are_read_and_checked(void **state)
{
    const int32_t len = (int32_t)picture.len;
    const struct {
        int32_t len, buffer, at;
        const char *part;
    } cases[] = {
        {len, 1, 1, "reaches beyond the end of buffer 1"},
        {len, 2, 0, "of 2 buffers"},
        {len, -1, 0, "of 2 buffers"},
        {len, 1, -1, "of 2 buffers"},
        {len, 0, 0, "reaches beyond the end of buffer 0"}, /* it is NULL */
        {INT32_MAX, 1, INT32_MAX, "reaches beyond"},
        {-1, 1, 0, "has the length -1"},
        {INT32_MIN, 1, 0, "has the length"},
    };
    int64_t sizes[] = {1 << 20, len};
    const void *buffers[5] = {NULL, NULL, NULL, picture.data, sizes};
    uint8_t *views = malloc(3 * 16);
    struct wherefore_error err = WHEREFORE_ERROR_INIT;
    struct result result;
    struct column column = {.schema = {.format = "vz", .release = keep_schema},
                            .array = {.length = 3,
                                      .n_buffers = 5,
                                      .buffers = buffers,
                                      .release = keep_array}};

    (void)state;
    buffers[1] = views;
    set_view(views, 6, "broken", 0, 0);
    set_view(views + 16, len, "", 1, 0);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        set_view(views + 32, cases[i].len, "", cases[i].buffer, cases[i].at);
        expect_refusal(&column, NULL, WHEREFORE_INPUT, cases[i].part);
    }
    set_view(views + 32, 12, "twelve bytes", 0, 0);
    assert_true(explain(&result, &column, 1, NULL, &err));
    assert_int_equal(result.array.children[ERROR]->null_count, 1);
    assert_true(text_is(result.array.children[LABEL], 1, seen));
    release(&result);
    buffers[4] = NULL;
    expect_refusal(&column, NULL, WHEREFORE_INPUT, "a buffer is NULL");
    column.array.n_buffers = INT64_MAX;
    expect_refusal(&column, NULL, WHEREFORE_INPUT, "buffers");
    free(views);
}

/* A null row's view may be anything. */
static void views_of_null_rows_are_not_looked_at(void **state)
{
    const uint8_t validity = 0;
    const void *buffers[3] = {&validity, NULL, NULL};
    uint8_t view[16];
    struct wherefore_error err = WHEREFORE_ERROR_INIT;
    struct result result;
    struct column column = {.schema = {.format = "vz", .release = keep_schema},
                            .array = {.length = 1,
                                      .null_count = -1,
                                      .n_buffers = 3,
                                      .buffers = buffers,
                                      .release = keep_array}};

    (void)state;
    memset(view, 0xff, sizeof view);
    buffers[1] = view;
    assert_true(explain(&result, &column, 1, NULL, &err));
    assert_true(text_is(result.array.children[ERROR]->children[1], 0,
                        "the row is null"));
    release(&result);
}

/* ---- cancelling, and want of memory ---- */

struct progress {
    size_t calls, stop;
};

static bool note(void *user, size_t done, size_t total)
{
    struct progress *progress = user;

    assert_int_equal(total, 5);
    assert_int_equal(done, ++progress->calls);
    return done < progress->stop;
}

static void progress_counts_rows_and_can_end_it(void **state)
{
    struct progress progress = {.stop = 6};
    struct wherefore_error err = WHEREFORE_ERROR_INIT;
    struct column column;
    struct result result;

    (void)state;
    make_column(&column);
    assert_true(wherefore_explain_arrow(model, 2, &column.schema, &column.array,
                                        NULL, 0, note, &progress,
                                        &result.schema, &result.array, &err));
    assert_int_equal(progress.calls, 5);
    release(&result);
    progress = (struct progress){.stop = 2};
    assert_false(wherefore_explain_arrow(
        model, 2, &column.schema, &column.array, NULL, 0, note, &progress,
        &result.schema, &result.array, &err));
    assert_int_equal(err.kind, WHEREFORE_BUSY);
    assert_int_equal(progress.calls, 2);
    assert_null(result.array.release);
    free_column(&column);
}

struct made {
    const struct engine *engine;
    const struct explanation *explanation;
};

static bool make(void *arg, struct error *err)
{
    static const struct error broken = {.kind = ERROR_INPUT,
                                        .text = "broken \xff"};
    const struct made *made = arg;
    struct columns columns = {0};
    struct result result = {0};
    bool ok = columns_init(&columns, made->engine, 2, 20, 10, err) &&
              columns_set(&columns, 0, made->explanation, err);

    if (ok) {
        columns_fail(&columns, 1, &broken);
        ok = columns_finish(&columns, &result.schema, &result.array, err);
    }
    if (ok)
        release(&result);
    assert_true(!result.schema.release && !result.array.release);
    columns_release(&columns);
    return ok;
}

static void columns_are_made_or_there_is_no_room(void **state)
{
    static const struct image_limits no_limits = {0};
    struct explain_request request = EXPLAIN_REQUEST_DEFAULT;
    struct error err = {0};
    struct engine *engine = engine_open(MODEL, NULL, &err);
    struct engine_session *session = engine_session_new(engine, NULL, &err);
    struct explanation explanation;
    struct made made = {engine, &explanation};

    (void)state;
    request.top = 3;
    if (!engine_session_sample(session, picture.data, picture.len, &no_limits,
                               NULL, &err) ||
        !engine_session_explain(session, &explanation, &request, NULL, &err))
        fail_msg("%s", err.text);
    alloc_sweep(make, &made);
    engine_session_free(session);
    engine_free(engine);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_in_order_and_fail_alone),
        cmocka_unit_test(schema_is_as_promised),
        cmocka_unit_test(children_may_be_moved_out),
        cmocka_unit_test(a_slice_is_its_rows),
        cmocka_unit_test(a_class_may_be_asked_for),
        cmocka_unit_test(other_types_are_refused),
        cmocka_unit_test(options_that_no_column_has_are_refused),
        cmocka_unit_test(counts_that_cannot_be_are_refused),
        cmocka_unit_test(buffers_that_are_missing_are_refused),
        cmocka_unit_test(offsets_that_decrease_are_refused),
        cmocka_unit_test(large_offsets_are_checked_like_small_ones),
        cmocka_unit_test(views_are_read_and_checked),
        cmocka_unit_test(views_of_null_rows_are_not_looked_at),
        cmocka_unit_test(progress_counts_rows_and_can_end_it),
        cmocka_unit_test(columns_are_made_or_there_is_no_room),
    };

    return cmocka_run_group_tests(tests, open_all, close_all);
}

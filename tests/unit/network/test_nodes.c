/* The ONNX project's own tests of single operators: a model.onnx with inputs
 * and outputs each, made by its reference implementation. Those of float32
 * and of known shape run through the same code as any network.
 *
 *     build/tests/unit/network/test_nodes [FOLDER...]
 *
 * FOLDER has a folder for each case; without one: Debian's libonnx-testdata,
 * and what `make node-tests` fetches. An operator is claimed where the reader
 * has a row for it. Every case whose operators are all claimed must pass, or
 * stand in tests/cases/nodes.txt with the reason. It passes if the file that
 * onnx_write makes of its graph does so too. The report goes to
 * build/nodes.txt. */

#include <dirent.h>
#include <fnmatch.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/buf.h"
#include "engine/network/network.h"
#include "engine/network/npy.h"
#include "engine/network/tensors.h"
#include "engine/onnx/onnx_reader.h"
#include "engine/onnx/onnx_write.h"

#include <cmocka.h>

#define EXCUSES "tests/cases/nodes.txt"
#define REPORT "build/nodes.txt"

/* The reference computes in float32 too, in another order. */
#define TOLERANCE 1e-4

enum {
    PATH_SIZE = 1024,
    MAX_TENSORS = 16,
    MAX_ROWS = 512,
    MAX_EXCUSES = 512,
    MAX_FOLDERS = 8,
    OLDEST_OPSET = 7,
};

static const char *folders[MAX_FOLDERS] = {
    "/usr/share/libonnx-testdata/data/node",
    "build/onnx-node-tests/onnx/backend/test/data/node",
};
static size_t num_folders = 2;

/* ---- what is counted ---- */

enum outcome { PASSED, IN_PART, EXCUSED, FAILED, NOT_CLAIMED, NUM_OUTCOMES };

static const char *const outcome_names[NUM_OUTCOMES] = {
    "passed", "in part", "excused", "failed", "not claimed"};

/* One operator, or one outcome of all of them. */
struct row {
    char op[64];
    int count[NUM_OUTCOMES];
};

static struct row rows[MAX_ROWS];
static size_t num_rows;
static int
    num_other; /* cases of another type, open shape, or too many dimensions */
static int num_written; /* cases whose graphs were written anew */
static int num_stale;   /* excuses for cases that pass */
static struct buf notes;

static void note(const char *kind, const char *name, const char *op,
                 const char *why)
{
    char line[1024];

    snprintf(line, sizeof line, "%-11s %s (%s): %s\n", kind, name, op, why);
    assert_true(buf_append(&notes, line, strlen(line), NULL));
}

static struct row *row_of(const char *op)
{
    size_t i = 0;

    while (i < num_rows && strcmp(rows[i].op, op) != 0)
        i++;
    if (i == num_rows) {
        assert_true(num_rows < MAX_ROWS);
        snprintf(rows[num_rows++].op, sizeof rows[0].op, "%s", op);
    }
    return &rows[i];
}

static int compare_rows(const void *a, const void *b)
{
    const struct row *first = a, *second = b;

    return strcmp(first->op, second->op);
}

/* ---- excuses: lines of "pattern: reason" ---- */

/* With one of these before its reason, a case must pass in part: but for its
 * other outputs, or with all of its inputs known when it is planned. */
#define FIRST_OUTPUT "only the first output: "
#define OF_CONSTANTS "only of constants: "

static struct excuse {
    char *pattern, *reason;
} excuses[MAX_EXCUSES];
static size_t num_excuses;
static struct buf excuse_text;

static void read_excuses(void)
{
    char *line;

    assert_true(buf_append_file(&excuse_text, EXCUSES, 1 << 20, NULL));
    assert_true(buf_append(&excuse_text, "", 1, NULL));
    for (line = (char *)excuse_text.data; *line;) {
        char *end = line + strcspn(line, "\n");
        char *colon = strstr(line, ": ");
        bool is_last = *end == '\0';

        *end = '\0';
        if (*line && *line != '#') {
            assert_true(colon && colon < end);
            assert_true(num_excuses < MAX_EXCUSES);
            *colon = '\0';
            excuses[num_excuses++] = (struct excuse){line, colon + 2};
        }
        if (is_last)
            break;
        line = end + 1;
    }
}

static const char *excuse_for(const char *name)
{
    for (size_t i = 0; i < num_excuses; i++)
        if (fnmatch(excuses[i].pattern, name, 0) == 0)
            return excuses[i].reason;
    return NULL;
}

/* ---- one case ---- */

struct test {
    const char *name;
    char op[64]; /* the operator, or the first that is not claimed */
    bool is_claimed;
    struct buf file;
    onnx_model_proto *model;
    struct npy in[MAX_TENSORS], out[MAX_TENSORS];
    size_t num_in, num_out;
    bool is_ours; /* float32 and known shapes */
};

static bool is_static(const onnx_value_info_proto *info, bool may_be_int)
{
    const Onnx__TypeProto__Tensor *type =
        info->type ? info->type->tensor_type : NULL;
    const struct onnx_element *element =
        type ? onnx_element_of(type->elem_type) : NULL;

    if (!element || !type->shape || type->shape->n_dim > GRAPH_MAX_RANK ||
        !(type->elem_type == ONNX_FLOAT ||
          (may_be_int && element->type == GRAPH_INT)))
        return false;
    for (size_t i = 0; i < type->shape->n_dim; i++)
        if (!type->shape->dim[i]->has_dim_value)
            return false;
    return true;
}

/* Looks at the model alone. */
static void classify(struct test *test)
{
    const onnx_graph_proto *graph = test->model->graph;

    test->is_claimed = true;
    test->is_ours = graph->n_input <= MAX_TENSORS &&
                    graph->n_output <= MAX_TENSORS && graph->n_node > 0;
    for (size_t i = 0; i < graph->n_input && test->is_ours; i++)
        test->is_ours = is_static(graph->input[i], true);
    for (size_t i = 0; i < graph->n_output && test->is_ours; i++)
        test->is_ours = is_static(graph->output[i], false);
    snprintf(test->op, sizeof test->op, "%s",
             graph->n_node > 1 ? "(several)" : "");
    for (size_t i = 0; i < graph->n_node && test->is_claimed; i++) {
        const char *op = graph->node[i]->op_type;
        const char *domain = graph->node[i]->domain;

        test->is_claimed = (onnx_ops_find(op) || strcmp(op, "Constant") == 0) &&
                           (!domain || !*domain);
        if (graph->n_node == 1)
            snprintf(test->op, sizeof test->op, "%s", op);
        else if (!test->is_claimed)
            snprintf(test->op, sizeof test->op, "%.40s (within)", op);
    }
}

/* Reads input_I.pb or output_I.pb; false: there is none. */
static bool read_array(struct npy *npy, const char *folder, const char *what,
                       size_t i)
{
    ProtobufCAllocator allocator = onnx_allocator(); /* the constant takes it */
    struct graph_value value = {0};
    const struct onnx_element *element;
    struct buf file = {0};
    char path[PATH_SIZE];
    onnx_tensor_proto *tensor;
    size_t size;

    snprintf(path, sizeof path, "%s/test_data_set_0/%s_%zu.pb", folder, what,
             i);
    if (!buf_append_file(&file, path, 1 << 28, NULL))
        return false;
    tensor = onnx__tensor_proto__unpack(&allocator, file.len, file.data);
    assert_non_null(tensor);
    element = onnx_element_of(tensor->data_type);
    assert_non_null(element);
    assert_true(tensor->n_dims <= GRAPH_MAX_RANK);
    value.type = element->type;
    value.has_shape = true;
    value.shape.rank = (uint32_t)tensor->n_dims;
    for (size_t d = 0; d < tensor->n_dims; d++)
        value.shape.dim[d] = (size_t)tensor->dims[d];
    /* That an element is not a number is no failure here. */
    (void)!onnx_fill_constant(&value, tensor, NULL);
    assert_non_null(value.data);
    size = graph_shape_count(&value.shape) *
           (value.type == GRAPH_INT ? sizeof(int64_t) : sizeof(float));
    *npy = (struct npy){value.type, value.shape, malloc(size + 1)};
    assert_non_null(npy->data);
    memcpy(npy->data, value.data, size);
    graph_drop_constant(&value);
    onnx__tensor_proto__free_unpacked(tensor, &allocator);
    buf_release(&file);
    return true;
}

static bool same(float got, float expected)
{
    if (isnan(expected) || isinf(expected))
        return isnan(expected) ? isnan(got) : got == expected;
    return fabsf(got - expected) <= (float)TOLERANCE * (1 + fabsf(expected));
}

/* (fail) is error.h's function, not cmocka's macro. */
static bool check_output(const struct tensors_output *got,
                         const struct npy *expected, struct error *err)
{
    char text[2][GRAPH_SHAPE_TEXT];
    size_t count = graph_shape_count(&expected->shape);
    const float *floats = expected->data;

    if (!graph_shape_equal(&got->shape, &expected->shape))
        return (fail)(err, ERROR_INTERNAL, "its output is %s, not %s",
                      graph_shape_text(text[0], &got->shape),
                      graph_shape_text(text[1], &expected->shape));
    for (size_t i = 0; i < count; i++)
        if (!same(got->values[i], floats[i]))
            return (fail)(err, ERROR_INTERNAL, "element %zu is %g, not %g", i,
                          (double)got->values[i], (double)floats[i]);
    return true;
}

/* Which inputs are given as constants, as weights are. */
enum constants { NO_FLOATS, ALL_BUT_ONE, ALL_FLOATS };

static bool run_file(const struct test *test, const struct buf *file,
                     const struct tensors_input *inputs, size_t num_inputs,
                     struct error *err)
{
    struct tensors_network *tensors =
        tensors_new(file->data, file->len, inputs, num_inputs, NULL, 1, err);
    bool ok = false;

    if (!tensors || !tensors_run(tensors, err))
        goto out;
    ok = tensors_num_outputs(tensors) == test->num_out ||
         (fail)(err, ERROR_INTERNAL, "it has %zu outputs",
                tensors_num_outputs(tensors));
    for (size_t i = 0; ok && i < test->num_out; i++) {
        struct tensors_output output;

        tensors_output(tensors, i, &output);
        ok = check_output(&output, &test->out[i], err);
    }
out:
    tensors_free(tensors);
    return ok;
}

/* Writes the graph of the test's file to another one, which then has the inputs
 * that are no constants. */
static bool run_written(const struct test *test,
                        const struct tensors_input *inputs, struct error *err)
{
    struct onnx_binding bindings[MAX_TENSORS] = {0};
    struct tensors_input left[MAX_TENSORS];
    struct onnx_write_options options = {0};
    struct graph graph = {0};
    struct buf file = {0};
    size_t num_left = 0;
    bool ok = false;

    for (size_t i = 0; i < test->num_in; i++) {
        const struct npy *array = inputs[i].array;
        bool is_constant = inputs[i].is_constant || array->type == GRAPH_INT;

        bindings[i] = (struct onnx_binding){
            .type = array->type,
            .shape = array->shape,
            .data = is_constant ? array->data : NULL,
        };
        if (!is_constant)
            left[num_left++] = inputs[i];
    }
    if (!onnx_read_tensors(&graph, test->file.data, test->file.len, bindings,
                           test->num_in, NULL, err) ||
        !network_prepare(&graph, NETWORK_INFER, err))
        goto out;
    options.output_names = graph.output_names;
    ok = onnx_write(&file, &graph, &options, err)
             ? run_file(test, &file, left, num_left, err)
             : err->kind == ERROR_UNSUPPORTED && strstr(err->text, "opset 17");
    num_written += file.len > 0;
out:
    buf_release(&file);
    graph_release(&graph);
    return ok || error_prefix(err, "written anew");
}

static bool run(const struct test *test, enum constants constants,
                struct error *err)
{
    struct tensors_input inputs[MAX_TENSORS] = {0};
    bool has_input = false;

    for (size_t i = 0; i < test->num_in; i++) {
        inputs[i] = (struct tensors_input){
            .array = &test->in[i],
            .is_constant = constants == ALL_FLOATS ||
                           (constants == ALL_BUT_ONE && has_input),
        };
        has_input |= test->in[i].type == GRAPH_FLOAT;
    }
    return run_file(test, &test->file, inputs, test->num_in, err) &&
           run_written(test, inputs, err);
}

/* Makes the file what the model is now. */
static void pack(struct test *test)
{
    buf_clear(&test->file);
    assert_true(buf_reserve(
        &test->file, onnx__model_proto__get_packed_size(test->model), NULL));
    test->file.len = onnx__model_proto__pack(test->model, test->file.data);
}

/* Writes the model again, its first output and its node's alone. */
static void keep_first_output(struct test *test)
{
    onnx_graph_proto *graph = test->model->graph;
    onnx_node_proto *node = graph->node[0];
    size_t of_graph = graph->n_output, of_node = node->n_output;

    assert_int_equal(graph->n_node, 1);
    graph->n_output = node->n_output = 1;
    pack(test);
    graph->n_output = of_graph;
    node->n_output = of_node;
    test->num_out = 1;
}

/* Runs a case; weights and the like must be constant. */
static bool run_either_way(const struct test *test, struct error *err)
{
    struct error first = {0};

    if (run(test, NO_FLOATS, &first))
        return true;
    if (first.kind == ERROR_UNSUPPORTED || first.kind == ERROR_INPUT)
        return run(test, ALL_BUT_ONE, err);
    *err = first;
    return false;
}

static bool begins_with(const char *text, const char *prefix)
{
    return text && strncmp(text, prefix, strlen(prefix)) == 0;
}

static void judge(struct test *test)
{
    const char *excuse = excuse_for(test->name);
    struct error err = {0};
    bool ok = run_either_way(test, &err);
    enum outcome outcome = ok ? PASSED : excuse ? EXCUSED : FAILED;

    if (ok && excuse) {
        num_stale++;
        note("stale", test->name, test->op, "it passes: take it off " EXCUSES);
    } else if (!ok && begins_with(excuse, FIRST_OUTPUT)) {
        err = (struct error){0};
        keep_first_output(test);
        outcome = run_either_way(test, &err) ? IN_PART : FAILED;
    } else if (!ok && begins_with(excuse, OF_CONSTANTS)) {
        err = (struct error){0};
        outcome = run(test, ALL_FLOATS, &err) ? IN_PART : FAILED;
    }
    if (outcome != PASSED)
        note(outcome_names[outcome], test->name, test->op,
             outcome == FAILED ? err.text : excuse);
    row_of(test->op)->count[outcome]++;
}

/* A case has the opset that its operator was last changed in, which may be
 * older than those of networks (onnx.c): there it means the same. */
static void raise_opset(struct test *test)
{
    Onnx__OperatorSetIdProto *opset = test->model->opset_import[0];

    if (test->model->n_opset_import != 1 || opset->version >= OLDEST_OPSET)
        return;
    opset->version = OLDEST_OPSET;
    pack(test);
}

static void run_case(const char *folder, const char *name)
{
    struct test test = {.name = name};
    char path[PATH_SIZE];

    snprintf(path, sizeof path, "%s/%s/model.onnx", folder, name);
    if (!buf_append_file(&test.file, path, 1 << 28, NULL))
        return;
    test.model = onnx__model_proto__unpack(NULL, test.file.len, test.file.data);
    assert_non_null(test.model);
    classify(&test);
    snprintf(path, sizeof path, "%s/%s", folder, name);
    if (!test.is_ours) {
        num_other++;
    } else if (!test.is_claimed) {
        row_of(test.op)->count[NOT_CLAIMED]++;
    } else {
        raise_opset(&test);
        while (test.num_in < MAX_TENSORS &&
               read_array(&test.in[test.num_in], path, "input", test.num_in))
            test.num_in++;
        while (
            test.num_out < MAX_TENSORS &&
            read_array(&test.out[test.num_out], path, "output", test.num_out))
            test.num_out++;
        assert_true(test.num_out > 0);
        judge(&test);
    }
    for (size_t i = 0; i < MAX_TENSORS; i++) {
        npy_release(&test.in[i]);
        npy_release(&test.out[i]);
    }
    onnx__model_proto__free_unpacked(test.model, NULL);
    buf_release(&test.file);
}

/* ---- all of them ---- */

static int is_case(const struct dirent *entry)
{
    return strncmp(entry->d_name, "test_", 5) == 0;
}

static void run_folder(const char *folder)
{
    struct dirent **entries = NULL;
    int count = scandir(folder, &entries, is_case, alphasort);

    if (count <= 0)
        fail_msg("%s has no cases", folder);
    for (int i = 0; i < count; i++) {
        run_case(folder, entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
}

/* Writes the report and leaves the totals in `sum`. */
static void report(int sum[NUM_OUTCOMES], int num_collections)
{
    FILE *file = fopen(REPORT, "w");
    int all = 0;

    assert_non_null(file);
    qsort(rows, num_rows, sizeof rows[0], compare_rows);
    fprintf(file, "%-32s", "operator");
    for (int o = 0; o < NUM_OUTCOMES; o++)
        fprintf(file, " %11s", outcome_names[o]);
    for (size_t i = 0; i < num_rows; i++) {
        fprintf(file, "\n%-32s", rows[i].op);
        for (int o = 0; o < NUM_OUTCOMES; o++) {
            sum[o] += rows[i].count[o];
            fprintf(file, " %11d", rows[i].count[o]);
        }
    }
    putc('\n', file);
    for (int o = 0; o < NUM_OUTCOMES; o++)
        all += sum[o];
    fprintf(file, "\n%.*s\n", (int)notes.len,
            notes.data ? (const char *)notes.data : "");
    fprintf(
        file,
        "node tests: %d cases of float32 and known shape in %d collections; "
        "%d claimed: %d "
        "passed, %d in part, %d excused, %d failed; %d not claimed (%d of "
        "other types, "
        "open shape or more than 6 dimensions); %d runs of graphs written "
        "anew\n",
        all, num_collections, all - sum[NOT_CLAIMED], sum[PASSED], sum[IN_PART],
        sum[EXCUSED], sum[FAILED], sum[NOT_CLAIMED], num_other, num_written);
    assert_int_equal(fclose(file), 0);
}

static void every_case_of_a_claimed_operator_passes(void **state)
{
    int sum[NUM_OUTCOMES] = {0}, found = 0;

    (void)state;
    read_excuses();
    for (size_t f = 0; f < num_folders; f++)
        if (access(folders[f], R_OK) == 0) {
            run_folder(folders[f]);
            found++;
        }
    if (!found)
        fail_msg("%s is not there: install libonnx-testdata (make deps-test)",
                 folders[0]);
    report(sum, found);
    if (sum[FAILED] > 0 || num_stale > 0)
        fail_msg("%d cases fail, %d excuses are stale; %s names them",
                 sum[FAILED], num_stale, REPORT);
    assert_true(sum[PASSED] > 0);
    buf_release(&notes);
    buf_release(&excuse_text);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_case_of_a_claimed_operator_passes),
    };

    for (int i = 1; i < argc && i <= MAX_FOLDERS; i++) {
        folders[i - 1] = argv[i];
        num_folders = (size_t)i;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}

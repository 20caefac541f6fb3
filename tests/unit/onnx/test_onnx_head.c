/* Another head on a file: what is left of it, and what cannot be done.
 * tests/cli/test_fit.py runs such files with ONNX Runtime. */

#include <string.h>

#include "engine/network/network.h"
#include "engine/onnx/onnx_head.h"
#include "engine/onnx/onnx_summary.h"

#include "tests/unit/alloc_sweep.h"

#define FILE_NAME "tests/data/networks/tokens-legacy13.onnx"

enum { CLASSES = 3, FEATURES = 32 };

static const float weights[CLASSES * FEATURES] = {1, 2, 3};
static const float bias[CLASSES] = {4, 5, 6};

static const struct onnx_head head = {
    .features = "/second/Add_2_output_0",
    .layout = ONNX_HEAD_TOKENS,
    .num_features = FEATURES,
    .num_classes = CLASSES,
    .weights = weights,
    .bias = bias,
};

static struct buf read_file(void)
{
    struct buf file = {0};
    struct error err = {0};

    assert_true(buf_append_file(&file, FILE_NAME, NETWORK_MAX_BYTES, &err));
    return file;
}

static void a_new_head_has_its_classes_and_numbers(void **state)
{
    struct buf file = read_file();
    const struct network_options options = {0};
    struct network network = {0};
    struct error err = {0};
    const struct graph *graph = &network.graph;

    (void)state;
    assert_true(onnx_head_replace(&file, &head, &err));
    assert_true(network_read(&network, file.data, file.len, &options, &err));
    assert_string_equal(network.head.name, "gap-linear");
    assert_string_equal(network.head.output, "logits");
    assert_int_equal(network.head.num_classes, CLASSES);
    assert_memory_equal(graph->values[network.head.weights].data, weights,
                        sizeof weights);
    assert_memory_equal(graph->values[network.head.bias].data, bias,
                        sizeof bias);
    network_release(&network);
    buf_release(&file);
}

static void a_head_can_be_replaced_once_more(void **state)
{
    struct buf file = read_file();
    struct onnx_summary first = {0}, second = {0};
    struct error err = {0};

    (void)state;
    assert_true(onnx_head_replace(&file, &head, &err));
    assert_true(onnx_summary_read(&first, file.data, file.len, &err));
    assert_true(onnx_head_replace(&file, &head, &err));
    assert_true(onnx_summary_read(&second, file.data, file.len, &err));
    assert_int_equal(first.num_nodes, second.num_nodes);
    onnx_summary_release(&first);
    onnx_summary_release(&second);
    buf_release(&file);
}

static void a_value_that_no_node_makes_is_refused(void **state)
{
    struct buf file = read_file();
    const size_t len = file.len;
    struct onnx_head other = head;
    struct error err = {0};

    (void)state;
    other.features = "no such value";
    assert_false(onnx_head_replace(&file, &other, &err));
    assert_int_equal(err.kind, ERROR_UNSUPPORTED);
    assert_non_null(strstr(err.text, "no such value"));
    assert_int_equal(file.len, len);
    buf_release(&file);
}

static void what_is_no_network_is_refused(void **state)
{
    struct buf file = {0};
    struct error err = {0};

    (void)state;
    assert_true(buf_append(&file, "\x0f\xff", 2, &err));
    assert_false(onnx_head_replace(&file, &head, &err));
    assert_int_equal(err.kind, ERROR_INPUT);
    buf_release(&file);
}

static bool replace_once(void *user, struct error *err)
{
    const struct buf *whole = user;
    struct buf file = {0};
    bool ok = buf_append(&file, whole->data, whole->len, err) &&
              onnx_head_replace(&file, &head, err);

    buf_release(&file);
    return ok;
}

static void a_failed_allocation_is_reported_and_leaves_nothing(void **state)
{
    struct buf file = read_file();

    (void)state;
    alloc_sweep_or(replace_once, &file, ERROR_INPUT);
    buf_release(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_head_has_its_classes_and_numbers),
        cmocka_unit_test(a_head_can_be_replaced_once_more),
        cmocka_unit_test(a_value_that_no_node_makes_is_refused),
        cmocka_unit_test(what_is_no_network_is_refused),
        cmocka_unit_test(a_failed_allocation_is_reported_and_leaves_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Networks on any tensors. Operators are test_nodes.c's, the command line is
 * tests/cli/test_model.py's; here is what only the caller of tensors.h sees.
 * (No allocation is made to fail: XNNPACK of 2022 does not survive that.) */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/buf.h"
#include "engine/network/tensors.h"
#include "tests/array.h"

#include <cmocka.h>

#define FORMS "tests/data/forms"

/* Some tens of layers in floats. */
#define TOLERANCE 1e-4

static void expect_near(const struct tensors_output *got,
                        const struct array *expected, const char *what)
{
    size_t count = graph_shape_count(&expected->shape);

    assert_int_equal(graph_shape_count(&got->shape), count);
    for (size_t i = 0; i < count; i++)
        if (!(got->values[i] - expected->data[i] < TOLERANCE &&
              expected->data[i] - got->values[i] < TOLERANCE))
            fail_msg("%s: element %zu is %g, not %g", what, i,
                     (double)got->values[i], (double)expected->data[i]);
}

static void
every_form_of_export_gives_pytorchs_logits_and_features(void **state)
{
    struct array input = {0}, logits = {0}, scores = {0}, features = {0};
    FILE *list = fopen(FORMS "/forms.txt", "r");
    char name[128], kind[32], path[512];
    int num = 0;

    (void)state;
    assert_non_null(list);
    array_open(&input, FORMS "/input.npy");
    array_open(&logits, FORMS "/logits.npy");
    array_open(&scores, FORMS "/scores.npy");
    array_open(&features, FORMS "/features.npy");
    for (; fscanf(list, "%127s %31s", name, kind) == 2; num++) {
        struct npy npy = {GRAPH_FLOAT, input.shape, input.data};
        struct tensors_input given = {.array = &npy};
        struct tensors_output output;
        struct buf file = {0};
        struct error err = {0};
        struct tensors_network *tensors;
        struct tensors_head head;

        snprintf(path, sizeof path, FORMS "/%s.onnx", name);
        if (!buf_append_file(&file, path, 1 << 26, &err))
            fail_msg("%s: %s", path, err.text);
        tensors = tensors_new(file.data, file.len, &given, 1, NULL, 1, &err);
        if (!tensors || !tensors_run(tensors, &err))
            fail_msg("%s: %s", path, err.text);
        assert_int_equal(tensors_num_outputs(tensors), 1);
        tensors_output(tensors, 0, &output);
        expect_near(&output, strcmp(kind, "scores") == 0 ? &scores : &logits,
                    name);
        assert_true(tensors_features(tensors, &output));
        assert_int_equal(output.shape.rank, 4);
        expect_near(&output, &features, name);
        tensors_head(tensors, &head);
        assert_string_equal(head.name, "gap-linear");
        assert_null(head.refusal);
        assert_int_equal(head.num_classes, 7);
        tensors_free(tensors);
        buf_release(&file);
    }
    assert_true(num >= 10);
    fclose(list);
    array_release(&input);
    array_release(&logits);
    array_release(&scores);
    array_release(&features);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            every_form_of_export_gives_pytorchs_logits_and_features),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Variants of every network in tests/data/networks: the two parts at a layer
 * are the whole, and the gradient behind the layer is that of its closed form
 * or of differences. */

#include <malloc.h>
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/hugepages.h"
#include "engine/network/variants.h"
#include "tests/network_file.h"
#include "tests/slopes.h"

#include <cmocka.h>

#define NETWORKS "tests/data/networks"

/* A network as the engine opens it, and a session that has run. */
struct opened {
    struct network network;
    struct variants *variants;
    struct plan_session *session;
    float *image; /* borrowed */
    size_t num_image, num_logits;
};

static bool open_at(struct opened *opened, const char *folder, const char *file,
                    uint32_t side, struct error *err)
{
    const struct network_options options = {.input = {.folder = folder,
                                                      .width = side,
                                                      .height = side,
                                                      .override = side > 0}};
    struct network *network = &opened->network;
    struct buf bytes = {0};
    char path[512];
    int fd;

    *opened = (struct opened){0};
    snprintf(path, sizeof path, "%s/%s.onnx", folder, file);
    fd = buf_open_file(path, err);
    assert_true(fd >= 0);
    if (!buf_append_open_file(&bytes, fd, NETWORK_MAX_BYTES, err) ||
        !network_read(network, bytes.data, bytes.len, &options, err)) {
        buf_release(&bytes);
        network_release(network);
        close(fd);
        return false;
    }
    buf_release(&bytes);
    opened->variants = variants_new(fd, &options, network, err);
    if (!opened->variants || !network_plan(network, PRECISION_FP32, err))
        fail_msg("%s: %s", file, err->text);
    opened->session = plan_session_new(network->plan, NULL, err);
    assert_non_null(opened->session);
    opened->image =
        plan_session_data(opened->session, network->graph.inputs[0]);
    opened->num_image =
        graph_value_count(&network->graph, network->graph.inputs[0]);
    opened->num_logits = network->head.num_logits;
    slopes_fill_picture(opened->image, opened->num_image);
    assert_true(plan_session_run(opened->session, err));
    return true;
}

static bool open_network(struct opened *opened, const char *file,
                         struct error *err)
{
    return open_at(opened, NETWORKS, file, 0, err);
}

static void close_network(struct opened *opened)
{
    plan_session_free(opened->session);
    variants_free(opened->variants);
    network_release(&opened->network);
}

/* A variant and a session of it. */
struct part {
    const struct variant *variant;
    struct plan_session *session;
};

static bool take(struct part *part, const struct opened *opened,
                 enum variant_kind kind, size_t layer, struct error *err)
{
    const struct variant_key key = {.kind = kind, .layer = layer};

    part->variant = variants_take(opened->variants, &key, NULL, err);
    if (!part->variant)
        return false;
    part->session = plan_session_new(part->variant->plan, NULL, err);
    assert_non_null(part->session);
    if (part->variant->image != GRAPH_NONE)
        memcpy(plan_session_data(part->session, part->variant->image),
               opened->image, opened->num_image * sizeof(float));
    return true;
}

static void give(struct part *part, const struct opened *opened)
{
    plan_session_free(part->session);
    variants_give(opened->variants, part->variant);
}

/* The largest difference as a share of the largest value. */
static double distance(const float *a, const float *b, size_t count)
{
    double most = 0, apart = 0;

    for (size_t i = 0; i < count; i++) {
        most = fmax(most, fabs((double)a[i]));
        apart = fmax(apart, fabs((double)a[i] - (double)b[i]));
    }
    return most > 0 ? apart / most : apart;
}

/* The two parts at a layer compute the logits of the whole. */
static void check_parts(const struct opened *opened, size_t layer,
                        const char *file)
{
    const struct network *network = &opened->network;
    const struct layer *at = &network->layers.list[layer];
    size_t count = at->channels * at->height * at->width;
    struct part lower, upper;
    struct error err = {0};
    float *features;
    double apart;

    if (!take(&lower, opened, VARIANT_LOWER, layer, &err) ||
        !take(&upper, opened, VARIANT_UPPER, layer, &err))
        fail_msg("%s, %s: %s", file, at->name, err.text);
    assert_true(plan_session_run(lower.session, &err));
    features = plan_session_data(lower.session, lower.variant->features);
    if (layer == network->layers.chosen && network->layer_value != GRAPH_NONE)
        assert_true(
            distance(plan_session_data(opened->session, network->layer_value),
                     features, count) < 1e-5);
    memcpy(plan_session_data(upper.session, upper.variant->features), features,
           count * sizeof *features);
    assert_true(plan_session_run(upper.session, &err));
    apart = distance(plan_session_data(opened->session, network->head.logits),
                     plan_session_data(upper.session, upper.variant->logits),
                     opened->num_logits);
    if (!(apart < 1e-4))
        fail_msg("%s, %s: logits are off by %g", file, at->name, apart);
    give(&lower, opened);
    give(&upper, opened);
}

/* Adds a little noise: a max-pool of equal numbers, such as a ReLU's zeros, has
 * no slope. */
static void part_ties(float *features, size_t count)
{
    float most = 0;

    for (size_t i = 0; i < count; i++)
        most = fmaxf(most, fabsf(features[i]));
    for (size_t i = 0; i < count; i++)
        features[i] +=
            most * 1e-2f * ((float)((uint32_t)i * 2654435761u >> 8) / 16777216);
}

/* The gradient of the logits, weighted by the seed, along a direction of the
 * layer's features. */
static void check_gradient(const struct opened *opened, size_t layer,
                           const char *file)
{
    const struct network *network = &opened->network;
    const struct layer *at = &network->layers.list[layer];
    size_t count = at->channels * at->height * at->width;
    struct part lower, back, upper;
    struct error err = {0};
    float *features, *seed, *taken;
    const float *gradient;
    double slope = 0, found = 0, norm = 0;

    if (!take(&back, opened, VARIANT_UPPER_GRADIENT, layer, &err)) {
        print_message("%s: %s\n", file, err.text);
        return;
    }
    assert_true(take(&lower, opened, VARIANT_LOWER, layer, &err));
    assert_true(take(&upper, opened, VARIANT_UPPER, layer, &err));
    assert_true(plan_session_run(lower.session, &err));
    features = plan_session_data(lower.session, lower.variant->features);
    part_ties(features, count);
    seed = plan_session_data(back.session, back.variant->seed);
    for (size_t j = 0; j < opened->num_logits; j++)
        seed[j] = (float)(j % 3) - 1 + 0.25f * (float)(j % 5);
    taken = plan_session_data(back.session, back.variant->features);
    if (taken)
        memcpy(taken, features, count * sizeof *features);
    assert_true(plan_session_run(back.session, &err));
    gradient = plan_session_data(back.session, back.variant->gradient);
    /* Along the gradient itself the slope is the square of its length. */
    for (size_t i = 0; i < count; i++)
        norm += (double)gradient[i] * (double)gradient[i];
    for (int side = -1; side <= 1; side += 2) {
        float *in = plan_session_data(upper.session, upper.variant->features);
        const float *logits =
            plan_session_data(upper.session, upper.variant->logits);
        double step = 2e-3 / sqrt(norm), sum = 0;

        for (size_t i = 0; i < count; i++)
            in[i] = (float)((double)features[i] +
                            side * step * (double)gradient[i]);
        assert_true(plan_session_run(upper.session, &err));
        for (size_t j = 0; j < opened->num_logits; j++)
            sum += (double)seed[j] * (double)logits[j];
        found += side * sum / 2 / step;
    }
    slope = norm;
    if (norm > 1e-12 && fabs(found - slope) > 0.05 * slope)
        fail_msg("%s, %s: the slope is %g, and differences say %g", file,
                 at->name, slope, found);
    give(&back, opened);
    give(&lower, opened);
    give(&upper, opened);
}

/* The seed times the network's logits for a changed image. */
static double weigh(const struct opened *opened, const float *image,
                    const float *seed)
{
    const struct network *network = &opened->network;
    struct error err = {0};
    const float *logits;
    double sum = 0;

    memcpy(opened->image, image, opened->num_image * sizeof *image);
    assert_true(plan_session_run(opened->session, &err));
    logits = plan_session_data(opened->session, network->head.logits);
    for (size_t j = 0; j < opened->num_logits; j++)
        sum += (double)seed[j] * (double)logits[j];
    return sum;
}

/* The gradient of the image along itself: (height, width, channels), also where
 * the channels come last in the file (vggcam-keras-tensorflow). */
static void check_image(const struct opened *opened, const char *file)
{
    struct part back;
    struct error err = {0};
    size_t count = opened->num_image;
    float *own = malloc(count * sizeof *own),
          *moved = malloc(count * sizeof *own);
    const float *gradient;
    float *seed;
    double norm = 0, found = 0;

    assert_true(own && moved);
    if (!take(&back, opened, VARIANT_GRADIENT, 0, &err)) {
        print_message("%s: %s\n", file, err.text);
        free(own);
        free(moved);
        return;
    }
    memcpy(own, opened->image, count * sizeof *own);
    seed = plan_session_data(back.session, back.variant->seed);
    for (size_t j = 0; j < opened->num_logits; j++)
        seed[j] = (float)(j % 3) - 1 + 0.25f * (float)(j % 5);
    assert_true(plan_session_run(back.session, &err));
    gradient = plan_session_data(back.session, back.variant->gradient);
    for (size_t i = 0; i < count; i++)
        norm += (double)gradient[i] * (double)gradient[i];
    for (int side = -1; side <= 1; side += 2) {
        double step = side * 2e-3 / sqrt(norm);

        for (size_t i = 0; i < count; i++)
            moved[i] = (float)((double)own[i] + step * (double)gradient[i]);
        found += side * weigh(opened, moved, seed) / 2 / fabs(step);
    }
    if (norm > 1e-12 && fabs(found - norm) > 0.1 * norm)
        fail_msg("%s: the slope is %g, and differences say %g", file, norm,
                 found);
    memcpy(opened->image, own, count * sizeof *own);
    give(&back, opened);
    free(own);
    free(moved);
}

static void check_network(const char *file)
{
    struct opened opened;
    struct error err = {0};
    size_t count;

    if (!open_network(&opened, file, &err))
        return;
    count = opened.network.layers.count;
    assert_true(count > 0);
    check_parts(&opened, opened.network.layers.chosen, file);
    for (size_t i = count % 5; i < count; i += 5)
        check_parts(&opened, i, file);
    check_gradient(&opened, opened.network.layers.chosen, file);
    check_gradient(&opened, count / 2, file);
    check_image(&opened, file);
    close_network(&opened);
}

static void the_parts_of_every_network_are_the_whole(void **state)
{
    (void)state;
    assert_true(network_file_each(check_network, 1) >= 20);
}

static void few_are_kept_when_nobody_uses_them(void **state)
{
    struct opened opened;
    struct error err = {0};
    const struct variant *first, *again;
    struct variant_key key = {.kind = VARIANT_UPPER};

    (void)state;
    assert_true(open_network(&opened, "resnet18-legacy13", &err));
    key.layer = opened.network.layers.count - 1;
    first = variants_take(opened.variants, &key, NULL, &err);
    again = variants_take(opened.variants, &key, NULL, &err);
    assert_non_null(first);
    assert_ptr_equal(first, again);
    variants_give(opened.variants, again);
    for (key.layer = 0; key.layer < 2 * VARIANTS_MAX_KEPT; key.layer++) {
        const struct variant *other =
            variants_take(opened.variants, &key, NULL, &err);

        assert_non_null(other);
        variants_give(opened.variants, other);
    }
    /* The one in use is still there. */
    key.layer = opened.network.layers.count - 1;
    assert_ptr_equal(variants_take(opened.variants, &key, NULL, &err), first);
    variants_give(opened.variants, first);
    variants_give(opened.variants, first);
    close_network(&opened);
}

/* ---- one is made at a time ---- */

/* What happens while the upper part at `layer` is made. */
struct making {
    struct opened *opened;
    size_t layer;
    pthread_t waiting; /* takes the same part */
    const struct variant *waited;
    size_t num_checks, cancel_at;
};

static bool is_cancelled(void *user)
{
    (void)user;
    return true;
}

static const struct variant *take_upper(const struct opened *opened,
                                        size_t layer, struct error *err)
{
    const struct variant_key key = {.kind = VARIANT_UPPER, .layer = layer};

    return variants_take(opened->variants, &key, NULL, err);
}

static void *wait_for_it(void *user)
{
    struct making *making = user;
    struct error err = {0};

    making->waited = take_upper(making->opened, making->layer, &err);
    return NULL;
}

/* Called by the thread that makes a part, between two steps. */
static bool meanwhile(void *user)
{
    static const struct cancel cancelled = {.is_cancelled = is_cancelled};
    struct making *making = user;
    const struct variant_key other = {.kind = VARIANT_LOWER,
                                      .layer = making->layer};
    struct error err = {0};
    const struct variant *there;

    if (making->num_checks++ == 0) {
        there = take_upper(making->opened, 0, &err);
        assert_non_null(there);
        variants_give(making->opened->variants, there);
        assert_null(
            variants_take(making->opened->variants, &other, &cancelled, &err));
        assert_int_equal(err.kind, ERROR_BUSY);
        pthread_create(&making->waiting, NULL, wait_for_it, making);
    }
    return making->num_checks == making->cancel_at;
}

/* What is there is given while another one is made; what is not waits, unless
 * it is cancelled. */
static void one_is_made_while_others_are_given(void **state)
{
    struct opened opened;
    struct error err = {0};
    struct making making = {.opened = &opened};
    const struct cancel cancel = {.is_cancelled = meanwhile, .user = &making};
    struct variant_key key = {.kind = VARIANT_UPPER};
    const struct variant *first, *made;

    (void)state;
    assert_true(open_network(&opened, "resnet18-legacy13", &err));
    first = take_upper(&opened, 0, &err);
    assert_non_null(first);
    making.layer = key.layer = opened.network.layers.chosen;
    made = variants_take(opened.variants, &key, &cancel, &err);
    assert_non_null(made);
    assert_true(making.num_checks > 1);
    pthread_join(making.waiting, NULL);
    assert_ptr_equal(making.waited, made);
    variants_give(opened.variants, made);
    variants_give(opened.variants, made);
    variants_give(opened.variants, first);
    close_network(&opened);
}

/* And who waited for it makes it. */
static void the_making_can_be_cancelled(void **state)
{
    struct opened opened;
    struct error err = {0};
    struct making making = {.opened = &opened, .cancel_at = 2};
    const struct cancel cancel = {.is_cancelled = meanwhile, .user = &making};
    struct variant_key key = {.kind = VARIANT_UPPER};
    const struct variant *first;

    (void)state;
    assert_true(open_network(&opened, "resnet18-legacy13", &err));
    first = take_upper(&opened, 0, &err);
    assert_non_null(first);
    making.layer = key.layer = opened.network.layers.chosen;
    assert_null(variants_take(opened.variants, &key, &cancel, &err));
    assert_int_equal(err.kind, ERROR_BUSY);
    pthread_join(making.waiting, NULL);
    assert_non_null(making.waited);
    variants_give(opened.variants, making.waited);
    variants_give(opened.variants, first);
    close_network(&opened);
}

static bool never(void *user)
{
    (void)user;
    return false;
}

/* Else a request that is late would leave nothing behind, and so would the next
 * one. */
static void what_others_want_is_made_for_who_has_left(void **state)
{
    struct opened opened;
    struct error err = {0};
    const struct cancel left = {.is_cancelled = is_cancelled,
                                .is_abandoned = never},
                        abandoned = {.is_cancelled = is_cancelled,
                                     .is_abandoned = is_cancelled};
    struct variant_key key = {.kind = VARIANT_UPPER};
    const struct variant *made;

    (void)state;
    assert_true(open_network(&opened, "resnet18-legacy13", &err));
    assert_null(variants_take(opened.variants, &key, &abandoned, &err));
    assert_int_equal(err.kind, ERROR_BUSY);
    err = (struct error){0};
    made = variants_take(opened.variants, &key, &left, &err);
    assert_non_null(made);
    assert_ptr_equal(take_upper(&opened, 0, &err), made);
    variants_give(opened.variants, made);
    variants_give(opened.variants, made);
    close_network(&opened);
}

/* ---- files that change ---- */

static void copy_file(const char *folder, const char *name)
{
    char path[512];
    struct buf bytes = {0};
    struct error err = {0};
    FILE *file;

    snprintf(path, sizeof path, NETWORKS "/%s", name);
    assert_true(buf_append_file(&bytes, path, NETWORK_MAX_BYTES, &err));
    snprintf(path, sizeof path, "%s/%s", folder, name);
    file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes.data, 1, bytes.len, file), bytes.len);
    assert_int_equal(fclose(file), 0);
    buf_release(&bytes);
}

#define EXTERNAL "googlenet-gap-dynamo18-external"
static const char *const external[] = {EXTERNAL ".onnx.data", EXTERNAL ".onnx"};

/* A file that is written to, or another one with the same bytes. */
static void weights_of_other_files_may_not_change(void **state)
{
    char folder[] = "/tmp/wherefore-variants-XXXXXX", path[512];
    struct opened opened;
    struct error err = {0};
    const struct variant *there;

    (void)state;
    assert_non_null(mkdtemp(folder));
    for (size_t i = 0; i < 2; i++)
        copy_file(folder, external[i]);
    assert_true(open_at(&opened, folder, EXTERNAL, 0, &err));
    assert_true(opened.network.graph.weight_files != 0);
    there = take_upper(&opened, 0, &err);
    assert_non_null(there);
    snprintf(path, sizeof path, "%s/%s", folder, external[0]);
    assert_int_equal(unlink(path), 0);
    copy_file(folder, external[0]);
    assert_null(take_upper(&opened, 1, &err));
    assert_int_equal(err.kind, ERROR_IO);
    assert_non_null(strstr(err.text, "a file with weights has been changed"));
    assert_ptr_equal(take_upper(&opened, 0, &err), there);
    variants_give(opened.variants, there);
    variants_give(opened.variants, there);
    close_network(&opened);
    for (size_t i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, external[i]);
        unlink(path);
    }
    rmdir(folder);
}

/* Bytes that are taken. */
static size_t used(void)
{
    struct mallinfo2 info = mallinfo2();

    return info.uordblks + info.hblkhd + hugepages_in_use();
}

/* These are small networks, so with large images: feature maps are most of it.
 * Where XNNPACK runs convolutions of several pixels, it also keeps tables of
 * addresses, which are not estimated. */
static void a_session_takes_about_what_is_estimated(void **state)
{
    static const char *const files[] = {"resnet18-legacy13",
                                        "mobilenet-v3-legacy13"};
    struct opened opened;
    struct error err = {0};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        size_t before, taken, estimate;
        struct plan_session *session;

        assert_true(open_at(&opened, NETWORKS, files[i], 1024, &err));
        before = used();
        session = plan_session_new(opened.network.plan, NULL, &err);
        assert_non_null(session);
        taken = used() - before;
        estimate = plan_session_len(opened.network.plan);
        print_message("%s: %zu bytes, estimated %zu\n", files[i], taken,
                      estimate);
        assert_true(estimate > 1 << 20);
        assert_true(taken < estimate + estimate / 3);
#ifndef __SANITIZE_ADDRESS__ /* whose malloc tells nothing */
        assert_true(estimate < taken + taken / 2);
#endif
        plan_session_free(session);
        close_network(&opened);
    }
}

/* The two have the same weights for the way there, packed once. */
static void packed_weights_are_shared_and_trimmed_when_unused(void **state)
{
    struct variant_key key = {.kind = VARIANT_GRADIENT};
    const struct variant *plain, *guided;
    struct plan_session *session;
    struct opened opened;
    struct error err = {0};
    size_t own, first, both;

    (void)state;
    assert_true(open_network(&opened, "resnet18-legacy13", &err));
    own = hugepages_in_use();
    plain = variants_take(opened.variants, &key, NULL, &err);
    assert_non_null(plain);
    first = hugepages_in_use() - own;
    key.rule = GRADIENT_GUIDED;
    guided = variants_take(opened.variants, &key, NULL, &err);
    assert_non_null(guided);
    both = hugepages_in_use() - own;
    if (first > 0 && plan_packed_len(plain->plan) > 0)
        assert_true(first < plan_packed_len(plain->plan));
    assert_true(both - first <= first / 2);

    variants_trim(opened.variants); /* both are in use */
    assert_int_equal(hugepages_in_use() - own, both);
    variants_give(opened.variants, plain);
    variants_trim(opened.variants);
    session = plan_session_new(guided->plan, NULL, &err);
    assert_non_null(session);
    assert_true(plan_session_run(session, &err));
    plan_session_free(session);
    variants_give(opened.variants, guided);
    variants_trim(opened.variants);
    assert_int_equal(hugepages_in_use(), own);
    close_network(&opened);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_parts_of_every_network_are_the_whole),
        cmocka_unit_test(few_are_kept_when_nobody_uses_them),
        cmocka_unit_test(a_session_takes_about_what_is_estimated),
        cmocka_unit_test(packed_weights_are_shared_and_trimmed_when_unused),
        cmocka_unit_test(one_is_made_while_others_are_given),
        cmocka_unit_test(the_making_can_be_cancelled),
        cmocka_unit_test(what_others_want_is_made_for_who_has_left),
        cmocka_unit_test(weights_of_other_files_may_not_change),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

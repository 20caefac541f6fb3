/* Models in folders, opened as they are and at other sizes, and asked about a
 * picture: what the parts' own tests do not see. The networks are those of
 * tests/data/networks, small and with random weights. */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/engine.h"

#include "tests/unit/alloc_sweep.h"

#define NETWORKS "tests/data/networks"
#define PICTURE "tests/cases/images/jpeg-444.jpg" /* 37 x 27 */

enum { PATH_SIZE = 512 };

static const struct image_limits limits = {
    .max_width = 1000, .max_height = 1000, .max_pixels = 1000000};

/* A folder of a network and, unless that is NULL, a model.json. */
struct folder {
    char path[64];
};

static void make_folder(struct folder *folder, const char *network,
                        const char *json)
{
    char path[PATH_SIZE], *cwd = getcwd(NULL, 0), target[2 * PATH_SIZE];

    assert_non_null(cwd);
    snprintf(folder->path, sizeof folder->path, "/tmp/test_engine_XXXXXX");
    assert_non_null(mkdtemp(folder->path));
    snprintf(target, sizeof target, "%s/" NETWORKS "/%s.onnx", cwd, network);
    snprintf(path, sizeof path, "%s/model.onnx", folder->path);
    assert_int_equal(symlink(target, path), 0);
    free(cwd);
    if (json) {
        FILE *file;

        snprintf(path, sizeof path, "%s/model.json", folder->path);
        file = fopen(path, "w");
        assert_non_null(file);
        assert_true(fputs(json, file) >= 0);
        fclose(file);
    }
}

static void remove_folder(const struct folder *folder)
{
    char path[PATH_SIZE];

    snprintf(path, sizeof path, "%s/model.onnx", folder->path);
    unlink(path);
    snprintf(path, sizeof path, "%s/model.json", folder->path);
    unlink(path);
    assert_int_equal(rmdir(folder->path), 0);
}

static struct engine *open_network(const char *network, const char *json,
                                   const struct engine_options *options,
                                   struct error *err)
{
    struct folder folder;
    struct engine *engine;

    make_folder(&folder, network, json);
    engine = engine_open(folder.path, options, err);
    remove_folder(&folder);
    return engine;
}

/* A session that has the picture. */
static struct engine_session *show_picture(const struct engine *engine)
{
    struct engine_session *session;
    struct error err = {0};
    struct buf file = {0};

    session = engine_session_new(engine, NULL, &err);
    if (!session || !buf_append_file(&file, PICTURE, 1 << 20, &err) ||
        !engine_session_sample(session, file.data, file.len, &limits, NULL,
                               &err))
        fail_msg("%s", err.text);
    buf_release(&file);
    return session;
}

/* What explains the first `num` classes; each has an entry. */
static struct explanation explain(struct engine_session *session, size_t num)
{
    struct explain_request request = EXPLAIN_REQUEST_DEFAULT;
    struct explanation explanation;
    struct error err = {0};

    assert_true(num <= EXPLAIN_MAX_CLASSES);
    request.top = 1;
    request.box.threshold = 0;
    request.num_classes = num;
    for (size_t k = 0; k < num; k++)
        request.classes[k] = k;
    if (!engine_session_explain(session, &explanation, &request, NULL, &err))
        fail_msg("%s", err.text);
    assert_true(explanation.num_classes >= num);
    assert_int_equal(explanation.first->class.index, 0);
    return explanation;
}

static void expect_finite_classes(struct engine_session *session, size_t count)
{
    struct explain_request request = EXPLAIN_REQUEST_DEFAULT;
    struct explanation explanation;
    struct error err = {0};
    float sum = 0;

    request.top = count;
    if (!engine_session_explain(session, &explanation, &request, NULL, &err))
        fail_msg("%s", err.text);
    assert_int_equal(explanation.num_classes, count);
    for (size_t k = 0; k < count; k++) {
        assert_true(isfinite(explanation.classes[k].class.logit));
        sum += explanation.classes[k].class.score;
    }
    assert_float_equal(sum, 1, 1e-4);
}

/* The map's one check is the class's logit. */
static void expect_sum(const struct explained_class *explained)
{
    double logit = (double)explained->class.logit;

    assert_non_null(explained->map);
    assert_int_equal(explained->map->class_index, explained->class.index);
    assert_int_equal(explained->map->num_checks, 1);
    assert_string_equal(explained->map->checks[0].name, "mean_plus_bias");
    assert_float_equal(explained->map->checks[0].found, logit,
                       1e-4 * fmax(1, fabs(logit)));
}

/* ---- sizes ---- */

static void a_network_alone_takes_pictures_of_the_size_in_its_file(void **state)
{
    struct error err = {0};
    struct engine *engine =
        open_network("lane-change-legacy13", NULL, NULL, &err);
    struct engine_info info;
    struct engine_session *session;

    (void)state;
    if (!engine)
        fail_msg("%s", err.text);
    engine_info(engine, &info);
    assert_int_equal(info.input_width, 160);
    assert_int_equal(info.input_height, 80);
    assert_int_equal(info.num_classes, 3);
    assert_true(info.map_width > info.map_height);
    assert_true(strncmp(info.name, "test_engine_", 12) == 0);
    session = show_picture(engine);
    expect_finite_classes(session, 3);
    engine_session_free(session);
    engine_free(engine);
}

static void a_larger_input_gives_a_larger_map(void **state)
{
    struct error err = {0};
    struct engine_options options = {0};
    struct engine *engine = open_network("resnet18-legacy13", NULL, NULL, &err);
    struct engine_info own, other;
    struct engine_session *session;
    struct explanation explanation;

    (void)state;
    assert_non_null(engine);
    engine_info(engine, &own);
    engine_free(engine);
    options.input_width = (uint32_t)own.input_width * 3;
    options.input_height = (uint32_t)own.input_height * 2;
    engine = open_network("resnet18-legacy13", NULL, &options, &err);
    if (!engine)
        fail_msg("%s", err.text);
    engine_info(engine, &other);
    assert_int_equal(other.input_width, 3 * own.input_width);
    assert_int_equal(other.input_height, 2 * own.input_height);
    assert_true(other.map_width > 2 * own.map_width);
    assert_true(other.map_height > own.map_height);
    session = show_picture(engine);
    explanation = explain(session, other.num_classes);
    for (size_t k = 0; k < other.num_classes; k++) {
        expect_sum(&explanation.classes[k]);
        assert_int_equal(explanation.classes[k].map->width, other.map_width);
    }
    engine_session_free(session);
    engine_free(engine);
}

static void a_network_of_fixed_size_refuses_another(void **state)
{
    const char *const networks[] = {"vggnet-gap-legacy13", "vgg16-legacy13",
                                    "vggcam-keras-tensorflow"};

    (void)state;
    for (size_t i = 0; i < sizeof networks / sizeof networks[0]; i++) {
        const struct engine_options twice = {.input_width = 256,
                                             .input_height = 256};
        struct error err = {0};

        assert_null(open_network(networks[i], NULL, &twice, &err));
        if (!strstr(err.text, "with an input of 256 x 256 pixels"))
            fail_msg("%s: %s", networks[i], err.text);
    }
}

static void sizes_are_read_from_text(void **state)
{
    const char *const wrong[] = {"",    "x",    "8x",      "x8",  "0",
                                 "8x0", "4097", "8x8x8",   "-8",  "8 ",
                                 " 8",  "8X8",  "99999x1", "8.5", "Own"};
    struct engine_options options = {0};
    struct error err = {0};

    (void)state;
    assert_true(engine_options_parse_size(&options, "448", &err));
    assert_int_equal(options.input_width, 448);
    assert_int_equal(options.input_height, 448);
    assert_true(engine_options_parse_size(&options, "4096x1", &err));
    assert_int_equal(options.input_width, 4096);
    assert_int_equal(options.input_height, 1);
    assert_true(engine_options_parse_size(&options, "own", &err));
    assert_int_equal(options.input_width, 0);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        err = (struct error){0};
        if (engine_options_parse_size(&options, wrong[i], &err))
            fail_msg("\"%s\" is taken", wrong[i]);
        assert_int_equal(err.kind, ERROR_INPUT);
    }
}

/* ---- heads ---- */

static void where_means_are_pooled_the_map_adds_up_to_the_logit(void **state)
{
    const char *const networks[] = {"nin-legacy13", "squeezenet-dynamo18",
                                    "vggcam-keras-tensorflow",
                                    "densenet121-dynamo18"};

    (void)state;
    for (size_t i = 0; i < sizeof networks / sizeof networks[0]; i++) {
        struct error err = {0};
        struct engine *engine = open_network(networks[i], NULL, NULL, &err);
        struct engine_info info;
        struct engine_session *session;
        struct explanation explanation;

        if (!engine)
            fail_msg("%s: %s", networks[i], err.text);
        engine_info(engine, &info);
        assert_null(info.refusal);
        session = show_picture(engine);
        explanation = explain(session, info.num_classes);
        for (size_t k = 0; k < info.num_classes; k++)
            expect_sum(&explanation.classes[k]);
        engine_session_free(session);
        engine_free(engine);
    }
}

static void a_normalized_head_s_map_adds_up_and_tells_its_scale(void **state)
{
    struct error err = {0};
    struct engine *engine = open_network("convnext-legacy17", NULL, NULL, &err);
    struct engine_session *session;
    struct engine_info info;
    struct explanation explanation;

    (void)state;
    assert_non_null(engine);
    engine_info(engine, &info);
    assert_string_equal(info.head, "gap-norm-linear");
    session = show_picture(engine);
    explanation = explain(session, info.num_classes);
    for (size_t k = 0; k < info.num_classes; k++) {
        const struct explain_map *map = explanation.classes[k].map;

        expect_sum(&explanation.classes[k]);
        assert_true(map->is_normalized);
        assert_true(map->norm_deviation > 0 && map->norm_deviation != 1);
    }
    engine_session_free(session);
    engine_free(engine);
}

static void where_maxima_are_pooled_that_is_told(void **state)
{
    struct error err = {0};
    struct engine *engine =
        open_network("googlenet-gmp-legacy13", NULL, NULL, &err);
    struct engine_info info;

    (void)state;
    assert_non_null(engine);
    engine_info(engine, &info);
    assert_string_equal(info.head, "gmp-linear");
    engine_free(engine);
}

static void a_network_without_a_head_is_explained_by_gradcam(void **state)
{
    struct error err = {0};
    struct engine *engine =
        open_network("mobilenet-v3-legacy13", NULL, NULL, &err);
    struct engine_info info;
    struct engine_session *session;
    struct explanation explanation;

    (void)state;
    assert_non_null(engine);
    engine_info(engine, &info);
    assert_string_equal(info.head, "none");
    assert_string_equal(info.method, "gradcam");
    assert_non_null(info.refusal);
    assert_true(info.map_width > 1);
    session = show_picture(engine);
    expect_finite_classes(session, info.num_classes);
    explanation = explain(session, 1);
    assert_string_equal(explain_method_name(explanation.method), "gradcam");
    assert_string_equal(explanation.reason, info.refusal);
    assert_null(explanation.refusal);
    assert_ptr_equal(
        explanation.layer,
        &engine_layers(engine)->list[engine_layers(engine)->chosen]);
    assert_int_equal(explanation.first->map->width, info.map_width);
    assert_int_equal(explanation.first->map->height, info.map_height);
    /* The plan that classifies outputs the layer, so only the way back is a
     * pass of its own. */
    assert_int_equal(explanation.passes, 2);
    engine_session_free(session);
    engine_free(engine);
}

/* Remembers the map and the box of an explanation. */
struct remembered {
    float values[1024];
    size_t count;
    struct box box;
};

static void remember(struct remembered *to, const struct explanation *from)
{
    const struct explain_map *map = from->first->map;

    to->count = map->width * map->height;
    assert_in_range(to->count, 1, sizeof to->values / sizeof to->values[0]);
    memcpy(to->values, map->values, to->count * sizeof *to->values);
    to->box = from->first->box;
}

static void expect_same(const struct remembered *expected,
                        const struct explanation *found)
{
    const struct explain_map *map = found->first->map;

    assert_int_equal(map->width * map->height, expected->count);
    assert_memory_equal(map->values, expected->values,
                        expected->count * sizeof *expected->values);
    assert_int_equal(found->first->box.x, expected->box.x);
    assert_int_equal(found->first->box.y, expected->box.y);
    assert_int_equal(found->first->box.width, expected->box.width);
    assert_int_equal(found->first->box.height, expected->box.height);
}

static void
explanations_of_one_image_share_what_they_have_in_common(void **state)
{
    struct error err = {0};
    struct engine *engine =
        open_network("mobilenet-v3-legacy13", NULL, NULL, &err);
    struct explain_request request = EXPLAIN_REQUEST_DEFAULT;
    struct engine_session *session;
    struct explanation found;
    struct remembered alone;
    uint64_t runs;

    (void)state;
    assert_non_null(engine);
    session = show_picture(engine);
    request.top = 1;
    request.style.kind = RENDER_NONE;
    request.box.threshold = .5f;
    request.method = explain_method_named("layercam");
    assert_true(engine_session_explain(session, &found, &request, NULL, &err));
    remember(&alone, &found);

    request.method = explain_method_named("gradcam");
    request.box.threshold = .1f;
    assert_true(engine_session_explain(session, &found, &request, NULL, &err));
    runs = engine_session_num_runs(session);
    request.method = explain_method_named("layercam");
    assert_true(
        engine_session_explain_again(session, &found, &request, NULL, &err));
    /* the features and the gradient are there, and the classes */
    assert_int_equal(engine_session_num_runs(session), runs);
    request.box.threshold = .5f;
    assert_true(engine_session_box_again(session, &found, &request.box, &err));
    expect_same(&alone, &found);

    /* another run forgets them */
    assert_true(engine_session_explain(session, &found, &request, NULL, &err));
    assert_int_equal(engine_session_num_runs(session), runs + 2);
    expect_same(&alone, &found);
    engine_session_free(session);
    engine_free(engine);
}

/* A method of many passes is not run again for another picture or box, but is
 * for other parameters, another class and another image. */
static void other_pictures_and_boxes_need_no_other_maps(void **state)
{
    struct error err = {0};
    struct engine *engine = open_network("resnet50-legacy13", NULL, NULL, &err);
    struct explain_request request = EXPLAIN_REQUEST_DEFAULT;
    struct engine_session *session = show_picture(engine);
    struct explanation found;
    struct remembered once;
    uint64_t runs;
    size_t passes;

    (void)state;
    request.style.kind = RENDER_NONE;
    request.method = explain_method_named("scorecam");
    request.parameters.channels = 8;
    assert_true(engine_session_explain(session, &found, &request, NULL, &err));
    remember(&once, &found);
    passes = found.passes;
    runs = engine_session_num_runs(session);
    request.style.kind = RENDER_OVERLAY;
    assert_true(
        engine_session_explain_again(session, &found, &request, NULL, &err));
    expect_same(&once, &found);
    assert_int_equal(found.passes, passes);
    assert_true(found.heatmap->len > 0);
    request.box.rule = BOX_OTSU;
    assert_true(
        engine_session_explain_again(session, &found, &request, NULL, &err));
    assert_int_equal(engine_session_num_runs(session), runs);

    request.parameters.channels = 9;
    assert_true(
        engine_session_explain_again(session, &found, &request, NULL, &err));
    assert_true(engine_session_num_runs(session) > runs);
    runs = engine_session_num_runs(session);
    request.num_classes = 1;
    request.classes[0] = 3;
    assert_true(
        engine_session_explain_again(session, &found, &request, NULL, &err));
    assert_true(engine_session_num_runs(session) > runs);
    runs = engine_session_num_runs(session);
    assert_true(engine_session_explain(session, &found, &request, NULL, &err));
    assert_true(engine_session_num_runs(session) > runs + 1);
    engine_session_free(session);
    engine_free(engine);
}

/* ---- quality fine ---- */

static bool stop_after(void *user)
{
    return --*(int *)user < 0;
}

/* Explains the first class whose object does not fill the image; weights are
 * random. */
static void look_closely(struct engine_session *session,
                         struct explanation *found,
                         struct explain_request *request)
{
    struct error err = {0};

    request->num_classes = 1;
    for (request->classes[0] = 0; request->classes[0] < 50;
         request->classes[0]++) {
        if (!engine_session_explain_again(session, found, request, NULL, &err))
            fail_msg("%s", err.text);
        if (found->passes == 2)
            return;
        assert_int_equal(found->passes, 1);
        assert_non_null(found->first->coarse ? found->first->coarse
                                             : found->first->fallback);
    }
    fail_msg("all objects fill the image");
}

/* The second pass is counted and known before, and its box lies in the part
 * that it saw; what was found in the first one stays. */
static void a_second_pass_looks_at_a_part_of_the_image(void **state)
{
    struct error err = {0};
    struct engine *engine = open_network("resnet50-legacy13", NULL, NULL, &err);
    struct explain_request request = EXPLAIN_REQUEST_DEFAULT;
    struct engine_session *session = show_picture(engine);
    const struct preprocess_region *part;
    struct explanation found;
    struct remembered fast;
    uint64_t runs;
    size_t passes;

    (void)state;
    request.style.kind = RENDER_NONE;
    request.map = EXPLAIN_MAP_OBJECT;
    request.box.quality = BOX_QUALITY_FINE;
    assert_true(engine_passes(engine, &passes, &request, &err));
    assert_int_equal(passes, 2);
    assert_true(engine_session_run(session, &err));
    runs = engine_session_num_runs(session);
    look_closely(session, &found, &request);
    assert_int_equal(engine_session_num_runs(session), runs + 1);
    assert_int_equal(found.first->rule, BOX_OBJECT);
    assert_int_equal(found.first->quality, BOX_QUALITY_FINE);
    assert_null(found.first->coarse);
    part = &found.first->map->region;
    assert_true(part->x >= 0 && part->y >= 0);
    assert_true(part->x + part->width <= found.image->width + 1e-6);
    assert_true(part->y + part->height <= found.image->height + 1e-6);
    assert_true(found.first->box.x + 1 > part->x);
    assert_true(found.first->box.x + found.first->box.width <
                part->x + part->width + 1);

    request.box.quality = BOX_QUALITY_FAST;
    assert_true(
        engine_session_explain_again(session, &found, &request, NULL, &err));
    assert_int_equal(found.passes, 1);
    assert_int_equal(engine_session_num_runs(session), runs + 1);
    remember(&fast, &found);
    assert_true(engine_session_explain(session, &found, &request, NULL, &err));
    expect_same(&fast, &found);
    engine_session_free(session);
    engine_free(engine);
}

static void a_second_pass_is_not_made_for_nobody(void **state)
{
    struct error err = {0};
    struct engine *engine = open_network("resnet50-legacy13", NULL, NULL, &err);
    struct explain_request request = EXPLAIN_REQUEST_DEFAULT;
    struct engine_session *session = show_picture(engine);
    int patience = 1;
    const struct cancel cancel = {.is_cancelled = stop_after,
                                  .user = &patience};
    const struct explain_watch watch = {.cancel = &cancel};
    struct explanation found;

    (void)state;
    request.style.kind = RENDER_NONE;
    request.box.quality = BOX_QUALITY_FINE;
    assert_false(
        engine_session_explain(session, &found, &request, &watch, &err));
    assert_int_equal(err.kind, ERROR_BUSY);
    assert_int_equal(engine_session_num_runs(session), 1);
    engine_session_free(session);
    engine_free(engine);
}

/* Nothing is refined of a method that explains pixels, so nothing is run. */
static void a_second_pass_is_not_made_where_nothing_is_refined(void **state)
{
    struct error err = {0};
    struct engine *engine = open_network("resnet50-legacy13", NULL, NULL, &err);
    struct explain_request request = EXPLAIN_REQUEST_DEFAULT;
    struct engine_session *session = show_picture(engine);
    struct explanation found;
    size_t passes;

    (void)state;
    request.style.kind = RENDER_NONE;
    request.box.quality = BOX_QUALITY_FINE;
    request.method = explain_method_named("saliency");
    assert_true(engine_passes(engine, &passes, &request, &err));
    assert_true(engine_session_explain(session, &found, &request, NULL, &err));
    assert_int_equal(passes, 2); /* that of the gradient */
    assert_int_equal(found.passes, 2);
    assert_int_equal(found.first->rule, BOX_PAPER);
    assert_non_null(found.first->fallback);
    engine_session_free(session);
    engine_free(engine);
}

static void a_trimmed_session_explains_the_next_image_as_before(void **state)
{
    struct error err = {0};
    struct engine *engine =
        open_network("mobilenet-v3-legacy13", NULL, NULL, &err);
    struct explain_request request = EXPLAIN_REQUEST_DEFAULT;
    struct engine_session *session;
    struct explanation found;
    struct remembered before;
    struct buf file = {0};

    (void)state;
    assert_non_null(engine);
    session = show_picture(engine);
    request.top = 1;
    request.method = explain_method_named("layercam");
    assert_true(engine_session_explain(session, &found, &request, NULL, &err));
    remember(&before, &found);

    engine_session_trim(session);
    engine_trim(engine);
    assert_null(engine_session_image(session)->pixels);
    engine_session_trim(session); /* there is nothing left to free */
    engine_trim(engine);

    assert_true(buf_append_file(&file, PICTURE, 1 << 20, &err));
    assert_true(engine_session_sample(session, file.data, file.len, &limits,
                                      NULL, &err));
    assert_true(engine_session_explain(session, &found, &request, NULL, &err));
    expect_same(&before, &found);
    buf_release(&file);
    engine_session_free(session);
    engine_free(engine);
}

/* ---- pixels ---- */

/* The network's input, copied; the caller frees it. */
static float *input_of(struct engine_session *session, size_t count)
{
    float *copy = malloc(count * sizeof *copy);

    assert_non_null(copy);
    memcpy(copy, engine_session_input(session), count * sizeof *copy);
    return copy;
}

/* Shows the picture's pixels in another layout: rows have some bytes more. */
static bool show_pixels(struct engine_session *session,
                        const struct image *image, unsigned channels,
                        struct error *err)
{
    const size_t stride = (size_t)image->width * channels + 5;
    uint8_t *rows = calloc(image->height, stride);
    struct image_pixels pixels = {rows, image->width, image->height, channels,
                                  stride};
    bool ok;

    assert_non_null(rows);
    for (size_t y = 0; y < image->height; y++)
        for (size_t x = 0; x < image->width; x++) {
            const uint8_t *from = image->pixels + (y * image->width + x) * 3;
            uint8_t *to = rows + y * stride + x * channels;

            memcpy(to, from, channels < 3 ? channels : 3);
            if (channels == 4)
                to[3] = 255;
        }
    ok = engine_session_sample_pixels(session, &pixels, &limits, err);
    free(rows);
    return ok;
}

static void pixels_are_what_their_file_is(void **state)
{
    struct error err = {0};
    struct engine *engine =
        open_network("lane-change-legacy13", NULL, NULL, &err);
    struct engine_session *session;
    struct engine_info info;
    struct image image = {0};
    struct buf file = {0};
    size_t count;
    float *expected;

    (void)state;
    assert_non_null(engine);
    session = show_picture(engine);
    engine_info(engine, &info);
    count = info.input_width * info.input_height * info.input_channels;
    expected = input_of(session, count);
    assert_true(buf_append_file(&file, PICTURE, 1 << 20, &err));
    assert_true(image_decode(&image, file.data, file.len, &limits, &err));
    for (unsigned channels = 3; channels <= 4; channels++) {
        memset(engine_session_input(session), 0, count * sizeof(float));
        assert_true(show_pixels(session, &image, channels, &err));
        assert_memory_equal(engine_session_input(session), expected,
                            count * sizeof(float));
        assert_int_equal(engine_session_image(session)->width, image.width);
    }
    /* Grey is the same three times. */
    for (size_t i = 0; i < (size_t)image.width * image.height; i++)
        image.pixels[3 * i + 1] = image.pixels[3 * i + 2] = image.pixels[3 * i];
    assert_true(show_pixels(session, &image, 3, &err));
    free(expected);
    expected = input_of(session, count);
    assert_true(show_pixels(session, &image, 1, &err));
    assert_memory_equal(engine_session_input(session), expected,
                        count * sizeof(float));
    free(expected);
    image_release(&image);
    buf_release(&file);
    engine_session_free(session);
    engine_free(engine);
}

static void pixels_are_checked_before_they_are_read(void **state)
{
    static const struct {
        struct image_pixels pixels;
        enum error_kind kind;
        const char *text;
    } cases[] = {
        {{NULL, 0, 10, 3, 0}, ERROR_INPUT, "no pixels"},
        {{NULL, 10, 0, 3, 30}, ERROR_INPUT, "no pixels"},
        {{NULL, 10, 10, 2, 20}, ERROR_INPUT, "1, 3 or 4 channels, not 2"},
        {{NULL, 10, 10, 3, 29}, ERROR_INPUT, "cannot be 29 bytes apart"},
        {{NULL, 1001, 1, 3, 3003}, ERROR_LIMIT, "at most 1000 are allowed"},
        {{NULL, 1, 1001, 1, 1}, ERROR_LIMIT, "at most 1000 are allowed"},
    };
    struct error err = {0};
    struct engine *engine =
        open_network("lane-change-legacy13", NULL, NULL, &err);
    struct engine_session *session;

    (void)state;
    assert_non_null(engine);
    session = show_picture(engine);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        err = (struct error){0};
        assert_false(engine_session_sample_pixels(session, &cases[i].pixels,
                                                  &limits, &err));
        assert_int_equal(err.kind, cases[i].kind);
        assert_non_null(strstr(err.text, cases[i].text));
    }
    engine_session_free(session);
    engine_free(engine);
}

/* ---- the network's input ---- */

/* The picture's input, given as it is, has the picture's map. */
static void an_input_that_is_given_is_explained(void **state)
{
    struct error err = {0};
    struct engine *engine =
        open_network("lane-change-legacy13", NULL, NULL, &err);
    struct explain_request request = EXPLAIN_REQUEST_DEFAULT;
    struct engine_session *session;
    struct engine_info info;
    struct explanation found;
    struct remembered before;
    size_t count;
    float *input;

    (void)state;
    assert_non_null(engine);
    session = show_picture(engine);
    engine_info(engine, &info);
    count = info.input_width * info.input_height * info.input_channels;
    input = input_of(session, count);
    request.top = 1;
    request.box.rule = BOX_PAPER;
    request.style.kind = RENDER_NONE;
    assert_true(engine_session_explain(session, &found, &request, NULL, &err));
    remember(&before, &found);

    memset(engine_session_input(session), 0, count * sizeof *input);
    assert_true(
        engine_session_sample_input(session, input, false, &limits, &err));
    assert_memory_equal(engine_session_input(session), input,
                        count * sizeof *input);
    assert_int_equal(engine_session_image(session)->width, info.input_width);
    assert_int_equal(engine_session_image(session)->height, info.input_height);
    assert_true(engine_session_explain(session, &found, &request, NULL, &err));
    assert_memory_equal(found.first->map->values, before.values,
                        before.count * sizeof *before.values);
    assert_true(found.first->map->region.width == (double)info.input_width);

    input[7] = NAN;
    assert_false(
        engine_session_sample_input(session, input, false, &limits, &err));
    assert_int_equal(err.kind, ERROR_INPUT);
    free(input);
    engine_session_free(session);
    engine_free(engine);
}

static void an_input_is_judged_by_the_limits_of_images(void **state)
{
    const struct image_limits small = {.max_width = 20};
    struct error err = {0};
    struct engine *engine =
        open_network("lane-change-legacy13", NULL, NULL, &err);
    struct engine_session *session;
    struct engine_info info;
    float *input;

    (void)state;
    assert_non_null(engine);
    session = show_picture(engine);
    engine_info(engine, &info);
    input = calloc(info.input_width * info.input_height * info.input_channels,
                   sizeof *input);
    assert_non_null(input);
    assert_false(
        engine_session_sample_input(session, input, true, &small, &err));
    assert_int_equal(err.kind, ERROR_LIMIT);
    free(input);
    engine_session_free(session);
    engine_free(engine);
}

/* ---- what is asked ---- */

static bool count_down(void *user)
{
    return --*(int *)user < 0;
}

static void a_cancelled_request_runs_no_network(void **state)
{
    struct error err = {0};
    struct engine *engine =
        open_network("lane-change-legacy13", NULL, NULL, &err);
    const struct explain_request request = {.top = 1};
    int patience = 0;
    const struct cancel cancel = {.is_cancelled = count_down,
                                  .user = &patience};
    const struct explain_watch watch = {.cancel = &cancel};
    struct explanation explanation;
    struct engine_session *session;

    (void)state;
    assert_non_null(engine);
    session = show_picture(engine);
    assert_false(
        engine_session_explain(session, &explanation, &request, &watch, &err));
    assert_int_equal(err.kind, ERROR_BUSY);
    assert_int_equal(engine_session_num_runs(session), 0);
    engine_session_free(session);
    engine_free(engine);
}

static void classes_are_listed_and_explained_once(void **state)
{
    struct error err = {0};
    struct engine *engine =
        open_network("lane-change-legacy13", NULL, NULL, &err);
    struct explain_request request = EXPLAIN_REQUEST_DEFAULT;
    struct explanation e;
    struct engine_session *session;
    size_t best, worst;

    (void)state;
    assert_non_null(engine);
    session = show_picture(engine);
    request.top = 3;
    assert_true(engine_session_explain(session, &e, &request, NULL, &err));
    best = e.classes[0].class.index;
    worst = e.classes[2].class.index;
    assert_true(e.first == &e.classes[0] && e.first->map);
    assert_null(e.classes[1].map);

    request.top = 1;
    request.classes[0] = worst;
    request.classes[1] = best;
    request.classes[2] = EXPLAIN_TOP;
    request.num_classes = 3;
    assert_true(engine_session_explain(session, &e, &request, NULL, &err));
    assert_int_equal(e.num_classes, 2);
    assert_int_equal(e.classes[0].class.index, best);
    assert_int_equal(e.first->class.index, worst);
    assert_true(e.classes[0].map && e.classes[1].map);
    assert_true(e.classes[0].map != e.classes[1].map);
    assert_true(e.classes[0].is_asked && e.classes[1].is_asked);

    request.only_heatmap = true;
    assert_true(engine_session_explain(session, &e, &request, NULL, &err));
    assert_int_equal(e.first->class.index, worst);
    assert_null(e.classes[0].map);
    assert_false(e.first->has_box);
    assert_true(e.heatmap->len > 0);
    engine_session_free(session);
    engine_free(engine);
}

/* ---- the part of the picture that is shown ---- */

#define JSON(resize)                                                     \
    "{\"name\": \"n\", \"onnx\": {\"file\": \"model.onnx\"},"            \
    "\"input\": {\"width\": 160, \"height\": 80, \"channels\": \"BGR\"," \
    "\"interpolation\": \"bilinear\", \"resize\": \"" resize "\","       \
    "\"mean\": [0, 0, 0], \"std\": [255, 255, 255]}}"

static void boxes_stay_within_what_the_network_was_shown(void **state)
{
    const char *const jsons[] = {JSON("stretch"), JSON("crop"),
                                 JSON("letterbox")};
    /* A crop of 160 x 80 from 182 x 91, which 37 x 27 is made to cover. */
    const uint32_t top[] = {0, 5, 0}, bottom[] = {27, 22, 27};
    const uint32_t left[] = {0, 2, 0}, right[] = {37, 35, 37};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct error err = {0};
        struct engine *engine =
            open_network("lane-change-legacy13", jsons[i], NULL, &err);
        struct engine_session *session;
        struct explanation explanation;

        if (!engine)
            fail_msg("%s", err.text);
        session = show_picture(engine);
        explanation = explain(session, 3);
        for (size_t k = 0; k < 3; k++) {
            const struct box box = explanation.classes[k].box;

            if (!explanation.classes[k].has_box)
                continue;
            assert_true(box.x >= left[i] && box.y >= top[i]);
            assert_true(box.x + box.width <= right[i]);
            assert_true(box.y + box.height <= bottom[i]);
        }
        engine_session_free(session);
        engine_free(engine);
    }
}

/* ---- memory ---- */

enum { MANY = 1000 };

/* Allocations from here to the end of the count. */
static void begin_count(void)
{
    alloc_sweep_state.countdown = MANY;
    alloc_sweep_state.on = true;
}

static size_t end_count(void)
{
    alloc_sweep_state.on = false;
    return MANY - alloc_sweep_state.countdown;
}

/* All that POST /cam asks a session for once the picture is in it. */
static bool answer(struct engine_session *session, struct error *err)
{
    struct explain_request request = EXPLAIN_REQUEST_DEFAULT;
    struct explanation explanation;

    request.top = 3;
    request.classes[0] = EXPLAIN_TOP;
    request.num_classes = 1;
    return engine_session_explain(session, &explanation, &request, NULL, err) &&
           explanation.heatmap->len > 0;
}

static void
from_the_second_picture_on_only_its_decoder_takes_memory(void **state)
{
    struct error err = {0};
    struct engine *engine =
        open_network("lane-change-legacy13", NULL, NULL, &err);
    struct engine_session *session;
    struct image image = {0};
    struct buf file = {0};
    size_t of_decoder, of_sample, of_answer;
    bool ok;

    (void)state;
    assert_non_null(engine);
    session = show_picture(engine);
    assert_true(buf_append_file(&file, PICTURE, 1 << 20, &err));
    assert_true(image_decode(&image, file.data, file.len, &limits, &err));
    assert_true(answer(session, &err));

    begin_count();
    ok = image_decode(&image, file.data, file.len, &limits, &err);
    of_decoder = end_count();
    assert_true(ok);
    begin_count();
    ok = engine_session_sample(session, file.data, file.len, &limits, NULL,
                               &err);
    of_sample = end_count();
    assert_true(ok);
    begin_count();
    ok = answer(session, &err);
    of_answer = end_count();
    assert_true(ok);

    assert_int_equal(of_sample, of_decoder);
    assert_int_equal(of_answer, 0);

    image_release(&image);
    buf_release(&file);
    engine_session_free(session);
    engine_free(engine);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            a_network_alone_takes_pictures_of_the_size_in_its_file),
        cmocka_unit_test(a_larger_input_gives_a_larger_map),
        cmocka_unit_test(a_network_of_fixed_size_refuses_another),
        cmocka_unit_test(sizes_are_read_from_text),
        cmocka_unit_test(where_means_are_pooled_the_map_adds_up_to_the_logit),
        cmocka_unit_test(a_normalized_head_s_map_adds_up_and_tells_its_scale),
        cmocka_unit_test(where_maxima_are_pooled_that_is_told),
        cmocka_unit_test(a_network_without_a_head_is_explained_by_gradcam),
        cmocka_unit_test(
            explanations_of_one_image_share_what_they_have_in_common),
        cmocka_unit_test(other_pictures_and_boxes_need_no_other_maps),
        cmocka_unit_test(a_second_pass_looks_at_a_part_of_the_image),
        cmocka_unit_test(a_second_pass_is_not_made_for_nobody),
        cmocka_unit_test(a_second_pass_is_not_made_where_nothing_is_refined),

        cmocka_unit_test(a_trimmed_session_explains_the_next_image_as_before),
        cmocka_unit_test(pixels_are_what_their_file_is),
        cmocka_unit_test(pixels_are_checked_before_they_are_read),
        cmocka_unit_test(an_input_that_is_given_is_explained),
        cmocka_unit_test(an_input_is_judged_by_the_limits_of_images),
        cmocka_unit_test(a_cancelled_request_runs_no_network),
        cmocka_unit_test(classes_are_listed_and_explained_once),
        cmocka_unit_test(boxes_stay_within_what_the_network_was_shown),
        cmocka_unit_test(
            from_the_second_picture_on_only_its_decoder_takes_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

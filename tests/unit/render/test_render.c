/* Boxes and heatmaps of maps that cover another part of the picture than all
 * of it: the way back from a crop or a letterbox. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "engine/render/render.h"

#include <cmocka.h>

enum { CELLS = 4 };

static const struct box_options half = {.threshold = 0.5f};

/* A map of ones over a part of a grey picture. */
struct scene {
    float values[CELLS * CELLS];
    struct image image;
    struct render_map map;
};

static void set_scene(struct scene *scene, uint32_t width, uint32_t height,
                      struct preprocess_region region)
{
    *scene = (struct scene){.image = {.width = width, .height = height}};
    scene->image.pixels = calloc((size_t)width * height, 3);
    assert_non_null(scene->image.pixels);
    for (int i = 0; i < CELLS * CELLS; i++)
        scene->values[i] = 1;
    scene->map = (struct render_map){
        .values = scene->values,
        .width = CELLS,
        .height = CELLS,
        .scale = 1,
        .region = region,
        .image = &scene->image,
    };
}

static void expect_box(struct scene *scene, struct box expected)
{
    struct render render = {0};
    struct error err = {0};
    struct box_found found;

    assert_true(render_boxes(&render, &found, &scene->map, &half, &err));
    assert_int_equal(found.count, 1);
    for (int i = 0; i < 2; i++) {
        const struct box *box = i > 0 ? &found.list[0] : &found.box;

        assert_int_equal(box->x, expected.x);
        assert_int_equal(box->y, expected.y);
        assert_int_equal(box->width, expected.width);
        assert_int_equal(box->height, expected.height);
        assert_true(box->threshold == expected.threshold);
    }
    render_release(&render);
    free(scene->image.pixels);
}

static void a_box_keeps_within_a_crop(void **state)
{
    struct scene scene;

    (void)state;
    set_scene(&scene, 200, 100, (struct preprocess_region){75, 25, 50, 50});
    expect_box(&scene, (struct box){75, 25, 50, 50, 0.5f, 0});
}

static void a_box_keeps_within_the_picture_in_a_letterbox(void **state)
{
    struct scene scene;

    (void)state;
    set_scene(&scene, 200, 100, (struct preprocess_region){0, -50, 200, 200});
    expect_box(&scene, (struct box){0, 0, 200, 100, 0.5f, 0});
}

static void a_box_is_where_the_cells_are_through_a_letterbox(void **state)
{
    struct scene scene;

    (void)state;
    set_scene(&scene, 200, 100, (struct preprocess_region){0, -50, 200, 200});
    for (int i = 0; i < CELLS * CELLS; i++)
        scene.values[i] = i % CELLS == 3 && i / CELLS >= 2;
    /* Cells are 50 x 50 pixels, of which the lower two of the right column are
     * 1; between the centres of two cells it is half way where they meet. */
    expect_box(&scene, (struct box){150, 50, 50, 50, 0.5f, 0});
}

static void a_box_is_where_the_cells_are_through_a_crop(void **state)
{
    struct scene scene;

    (void)state;
    set_scene(&scene, 300, 200, (struct preprocess_region){60, 10, 160, 160});
    for (int i = 0; i < CELLS * CELLS; i++)
        scene.values[i] = i % CELLS == 0 && i / CELLS == 0;
    expect_box(&scene, (struct box){60, 10, 40, 40, 0.5f, 0});
}

static void a_box_of_a_large_picture_keeps_within_a_crop(void **state)
{
    struct scene scene;

    (void)state;
    /* Twice the grid that boxes are found on. */
    set_scene(&scene, 2048, 1024,
              (struct preprocess_region){512, 0, 1024, 1024});
    expect_box(&scene, (struct box){512, 0, 1024, 1024, 0.5f, 0});
}

static void a_box_of_cells_that_the_picture_does_not_show_is_none(void **state)
{
    struct scene scene;
    struct render render = {0};
    struct error err = {0};
    struct box_found found = {.count = 1};

    (void)state;
    set_scene(&scene, 200, 50, (struct preprocess_region){0, -75, 200, 200});
    for (int i = 0; i < CELLS * CELLS; i++)
        scene.values[i] = i / CELLS == 0; /* padding alone */
    assert_true(render_boxes(&render, &found, &scene.map, &half, &err));
    assert_int_equal(found.count, 0);
    render_release(&render);
    free(scene.image.pixels);
}

static void a_calibration_is_in_cells_of_the_map(void **state)
{
    const struct model_box by = {
        .threshold = 0.5f, .scale = 0.5f, .shift_x = 0.5f, .shift_y = -1};
    const struct box_options options = {
        .rule = BOX_CALIBRATED, .most = 2, .calibrated = &by};
    struct scene scene;
    struct render render = {0};
    struct box_found found;
    struct error err = {0};

    (void)state;
    /* Twice the grid, and cells of 256 pixels; the box is 512, 0 to 1536, 1024,
     * its centre moves to 1152, 256, and half of it remains. */
    set_scene(&scene, 2048, 1024,
              (struct preprocess_region){512, 0, 1024, 1024});
    assert_true(render_boxes(&render, &found, &scene.map, &options, &err));
    assert_int_equal(found.count, 1);
    assert_int_equal(found.box.x, 896);
    assert_int_equal(found.box.y, 0);
    assert_int_equal(found.box.width, 512);
    assert_int_equal(found.box.height, 512);
    assert_memory_equal(&found.list[0], &found.box, sizeof found.box);
    assert_true(found.box.share == 1);
    render_release(&render);
    free(scene.image.pixels);
}

/* ---- colours ---- */

/* Decodes what render_heatmap makes of a scene's colours. */
static void draw_colours(struct image *drawn, struct scene *scene)
{
    const struct render_options options = {.kind = RENDER_COLOURS};
    const struct image_limits limits = {0};
    struct render render = {0};
    struct buf png = {0};
    struct error err = {0};

    assert_true(render_heatmap(&render, &png, &scene->map, &options, &err));
    assert_true(image_decode(drawn, png.data, png.len, &limits, &err));
    assert_int_equal(drawn->width, scene->image.width);
    assert_int_equal(drawn->height, scene->image.height);
    buf_release(&png);
    render_release(&render);
}

static void colours_are_grey_where_they_are_0_or_not_covered(void **state)
{
    float colours[CELLS * CELLS * 3] = {0};
    struct scene scene;

    (void)state;
    /* A pixel for each cell, in the middle of the picture. */
    set_scene(&scene, 8, 8, (struct preprocess_region){2, 2, CELLS, CELLS});
    scene.map.scale = 2;
    colours[0] = 2, colours[1] = -2, colours[2] = 9; /* limited to the scale */
    colours[3 * 5 + 1] = 1;
    for (size_t num = 1; num <= 3; num += 2)
        for (int is_bgr = 0; is_bgr < 2; is_bgr++) {
            struct image drawn = {0};

            scene.map.colours = colours;
            scene.map.num_colours = num;
            scene.map.is_bgr = is_bgr;
            draw_colours(&drawn, &scene);
            for (size_t i = 0; i < 3 * 8 * 8; i++) {
                size_t x = i / 3 % 8 - 2, y = i / 24 - 2, c = i % 3;
                bool is_in = x < CELLS && y < CELLS;
                size_t at = num < 3 ? 0 : is_bgr ? 2 - c : c;
                float value =
                    is_in ? colours[(y * CELLS + x) * num + at] / 2 : 0;

                value = value > 1 ? 1 : value;
                assert_int_equal(drawn.pixels[i], (int)(127 * value + 128.5f));
            }
            image_release(&drawn);
        }
    free(scene.image.pixels);
}

/* ---- frames ---- */

enum { WIDE = 12, HIGH = 9, GREY = 90 };

/* Draws a box of an image three times as large. */
static void draw(uint8_t pixels[3 * WIDE * HIGH], const struct box *box)
{
    const struct frame_picture picture = {.pixels = pixels,
                                          .width = WIDE,
                                          .height = HIGH,
                                          .full_width = 3 * WIDE,
                                          .full_height = 3 * HIGH};

    memset(pixels, GREY, 3 * WIDE * HIGH);
    assert_int_equal(frame_line(&picture), 1);
    frame_draw(&picture, box);
}

static void a_frame_is_white_within_black_within_its_box(void **state)
{
    static const char *const wanted[HIGH] = {
        "............", ".########...", ".#oooooo#...",
        ".#o....o#...", ".#o....o#...", ".#oooooo#...",
        ".########...", "............", "............"};
    const struct box box = {3, 4, 23, 16, 0, 0}; /* to 26, 20 */
    uint8_t pixels[3 * WIDE * HIGH];

    (void)state;
    draw(pixels, &box);
    for (int i = 0; i < 3 * WIDE * HIGH; i++) {
        char drawn = wanted[i / 3 / WIDE][i / 3 % WIDE];

        assert_int_equal(pixels[i], drawn == '#'   ? 0
                                    : drawn == 'o' ? 255
                                                   : GREY);
    }
}

static void a_small_frame_is_not_larger_than_its_box(void **state)
{
    uint8_t pixels[3 * WIDE * HIGH];

    (void)state;
    for (uint32_t width = 1; width <= 6; width++)
        for (uint32_t height = 1; height <= 6; height++) {
            /* at the corner, where a pixel more would be out of bounds */
            const struct box box = {3 * (WIDE - width),
                                    3 * (HIGH - height),
                                    3 * width,
                                    3 * height,
                                    0,
                                    0};

            draw(pixels, &box);
            for (uint32_t i = 0; i < WIDE * HIGH; i++) {
                uint32_t x = i % WIDE, y = i / WIDE;
                bool is_in = x >= WIDE - width && y >= HIGH - height;
                bool is_edge = is_in && (x == WIDE - width || x == WIDE - 1 ||
                                         y == HIGH - height || y == HIGH - 1);

                assert_int_equal(pixels[3 * i] == 0, is_edge);
                if (!is_in)
                    assert_int_equal(pixels[3 * i], GREY);
            }
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_box_keeps_within_a_crop),
        cmocka_unit_test(a_box_keeps_within_the_picture_in_a_letterbox),
        cmocka_unit_test(a_box_is_where_the_cells_are_through_a_letterbox),
        cmocka_unit_test(a_box_is_where_the_cells_are_through_a_crop),
        cmocka_unit_test(a_box_of_a_large_picture_keeps_within_a_crop),
        cmocka_unit_test(a_box_of_cells_that_the_picture_does_not_show_is_none),
        cmocka_unit_test(a_calibration_is_in_cells_of_the_map),
        cmocka_unit_test(colours_are_grey_where_they_are_0_or_not_covered),
        cmocka_unit_test(a_frame_is_white_within_black_within_its_box),
        cmocka_unit_test(a_small_frame_is_not_larger_than_its_box),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

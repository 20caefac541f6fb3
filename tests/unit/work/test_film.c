/* A folder of frames, which may have anything in it. The answers are tested
 * over a socket (tests/http/test_film.py). */

#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "server/work/film.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define JPEG "\xff\xd8\xff\xe0"
#define WEBP "RIFF\x01\x01\x01\x01WEBP"

/* A new folder; the caller removes what is in it. */
static void make_folder(char folder[PATH_MAX])
{
    snprintf(folder, PATH_MAX, "/tmp/film-XXXXXX");
    assert_non_null(mkdtemp(folder));
}

/* Writes a file that begins with `text` and has `len` bytes. */
static void add(const char *folder, const char *name, const char *text,
                size_t len)
{
    char path[PATH_MAX + 64];
    FILE *file;

    snprintf(path, sizeof path, "%s/%s", folder, name);
    file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    assert_int_equal(fclose(file), 0);
    if (len > strlen(text))
        assert_int_equal(truncate(path, (off_t)len), 0);
}

static void drop(const char *folder, const char *name)
{
    char path[PATH_MAX + 64];

    snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_int_equal(unlink(path), 0);
}

static void frames_are_in_the_order_of_their_numbers(void **state)
{
    static const char *const names[] = {"2.jpg", "10.PNG", "11.webp"};
    static const char *const types[] = {"image/jpeg", "image/jpeg",
                                        "image/webp"};
    char folder[PATH_MAX];
    struct film film;
    struct error err = {0};

    (void)state;
    make_folder(folder);
    add(folder, "10.PNG", JPEG, 0); /* a type is that of the bytes */
    add(folder, "11.webp", WEBP, 0);
    add(folder, "2.jpg", JPEG "2", 0);
    add(folder, ".3.jpg", JPEG, 0);
    add(folder, "readme.txt", "no frame", 0);
    assert_true(film_open(&film, folder, &err));
    assert_int_equal(film.count, 3);
    for (size_t i = 0; i < film.count; i++) {
        assert_string_equal(film.frames[i].name, names[i]);
        assert_string_equal(film.frames[i].content_type, types[i]);
        drop(folder, names[i]);
    }
    assert_int_equal(film.frames[0].bytes.len, sizeof JPEG "2" - 1);
    film_close(&film);
    assert_int_equal(film.count, 0);
    drop(folder, ".3.jpg");
    drop(folder, "readme.txt");
    rmdir(folder);
}

static void no_name_is_no_film(void **state)
{
    struct film film;
    struct error err = {0};

    (void)state;
    assert_true(film_open(&film, "", &err));
    assert_int_equal(film.count, 0);
    film_close(&film);
}

static void fails(const char *folder, enum error_kind kind, const char *text)
{
    struct film film;
    struct error err = {0};

    assert_false(film_open(&film, folder, &err));
    assert_int_equal(err.kind, kind);
    assert_non_null(strstr(err.text, text));
    assert_null(film.frames);
}

static void a_folder_that_is_no_film_is_refused(void **state)
{
    char folder[PATH_MAX];

    (void)state;
    make_folder(folder);
    fails("/tmp/there/is/none", ERROR_IO, "cannot be read");
    fails(folder, ERROR_INPUT, "there is no file .jpg");
    add(folder, "a.jpg", "GIF89a", 0);
    fails(folder, ERROR_INPUT, "a.jpg is no JPEG, PNG or WebP");
    add(folder, "a.jpg", "RIFF", 0);
    fails(folder, ERROR_INPUT, "a.jpg is no JPEG");
    drop(folder, "a.jpg");
    rmdir(folder);
}

static void a_film_has_limits(void **state)
{
    char folder[PATH_MAX], name[32];

    (void)state;
    make_folder(folder);
    add(folder, "a.jpg", JPEG, 0);
    add(folder, "b.jpg", JPEG, FILM_MAX_BYTES);
    fails(folder, ERROR_LIMIT, "more than 67108864 bytes together");
    drop(folder, "a.jpg");
    drop(folder, "b.jpg");
    for (int i = 0; i <= FILM_MAX_FRAMES; i++) {
        snprintf(name, sizeof name, "%d.jpg", i);
        add(folder, name, JPEG, 0);
    }
    fails(folder, ERROR_LIMIT, "there are 1001 frames, and at most 1000");
    for (int i = 0; i <= FILM_MAX_FRAMES; i++) {
        snprintf(name, sizeof name, "%d.jpg", i);
        drop(folder, name);
    }
    rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_are_in_the_order_of_their_numbers),
        cmocka_unit_test(no_name_is_no_film),
        cmocka_unit_test(a_folder_that_is_no_film_is_refused),
        cmocka_unit_test(a_film_has_limits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

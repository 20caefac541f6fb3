/* The readers of data sets. */

#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/evaluate/dataset.h"

#include "tests/unit/alloc_sweep.h"

#define DATA "tests/data/datasets/"

static const struct {
    const char *path;
    enum dataset_format format;
} samples[] = {
    {DATA "csv/truth.csv", DATASET_CSV},
    {DATA "coco/annotations/instances_val2017.json", DATASET_COCO},
    {DATA "voc", DATASET_VOC},
    {DATA "wsol", DATASET_WSOL},
};

enum { NUM_SAMPLES = sizeof samples / sizeof samples[0], MAX_PATH = 256 };

/* ---- files of our own ---- */

static char folder[MAX_PATH]; /* of one test */

static int set_up(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/test_dataset_XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static void remove_folder(const char *path)
{
    struct dirent **entries;
    int num = scandir(path, &entries, NULL, NULL);

    for (int i = 0; i < num; i++) {
        char below[2 * MAX_PATH];

        snprintf(below, sizeof below, "%s/%s", path, entries[i]->d_name);
        if (strcmp(entries[i]->d_name, ".") != 0 &&
            strcmp(entries[i]->d_name, "..") != 0 && unlink(below) != 0)
            remove_folder(below);
        free(entries[i]);
    }
    if (num >= 0)
        free(entries);
    rmdir(path);
}

static int tear_down(void **state)
{
    (void)state;
    remove_folder(folder);
    return 0;
}

/* The path of a file in the folder. */
static const char *at(const char *name)
{
    static char path[2 * MAX_PATH];

    snprintf(path, sizeof path, "%s%s%s", folder, *name ? "/" : "", name);
    return path;
}

static void put(const char *name, const char *text)
{
    char path[2 * MAX_PATH];
    FILE *file;

    strcpy(path, at(name));
    for (char *slash = path + strlen(folder) + 1; (slash = strchr(slash, '/'));
         *slash++ = '/') {
        *slash = '\0';
        mkdir(path, 0700);
    }
    file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    assert_int_equal(fclose(file), 0);
}

static struct dataset *open_good(const char *path, const char *root)
{
    const struct dataset_options options = {.root = root};
    struct error err = {0};
    struct dataset *dataset = dataset_open(path, &options, &err);

    if (!dataset)
        fail_msg("%s: %s", path, err.text);
    return dataset;
}

static void check_refused(const char *path, enum dataset_format format,
                          enum error_kind kind, const char *why)
{
    const struct dataset_options options = {.format = format};
    struct error err = {0};

    assert_null(dataset_open(path, &options, &err));
    if (!strstr(err.text, why))
        fail_msg("\"%s\" does not say \"%s\"", err.text, why);
    assert_int_equal(err.kind, kind);
}

/* ---- what is read ---- */

/* The line of an item as tools/reference/datasets.py writes it. */
static void print_item(FILE *to, const char *format,
                       const struct dataset_item *item)
{
    fprintf(to, "%s\t%s\t", format, item->name);
    for (size_t i = 0; i < item->num_classes; i++)
        fprintf(to, "%s%s", i > 0 ? "|" : "", item->classes[i]);
    fprintf(to, "\t");
    for (size_t i = 0; i < item->num_boxes; i++)
        fprintf(to, "%s%g %g %g %g", i > 0 ? "|" : "", item->boxes[i].x0,
                item->boxes[i].y0, item->boxes[i].x1, item->boxes[i].y1);
    fprintf(to, "\t%u x %u\n", item->width, item->height);
}

static void each_format_has_what_was_written(void **state)
{
    char *text = NULL, expected[4096] = "";
    size_t len = 0;
    FILE *to = open_memstream(&text, &len);
    FILE *from = fopen(DATA "expected.txt", "rb");

    (void)state;
    for (size_t i = 0; i < NUM_SAMPLES; i++) {
        struct dataset *dataset = open_good(samples[i].path, NULL);
        struct dataset_item item;

        assert_int_equal(dataset_format(dataset), samples[i].format);
        for (size_t j = 0; j < dataset_num_items(dataset); j++) {
            dataset_item(dataset, &item, j);
            print_item(to, dataset_format_name(samples[i].format), &item);
        }
        dataset_free(dataset);
    }
    fclose(to);
    assert_non_null(from);
    assert_true(fread(expected, 1, sizeof expected - 1, from) > 0);
    fclose(from);
    assert_string_equal(text, expected);
    free(text);
}

static void items_of_one_photo_are_consecutive_and_share_its_path(void **state)
{
    struct dataset_item first, second, third;
    struct dataset *dataset = open_good(samples[0].path, NULL);

    (void)state;
    assert_int_equal(dataset_num_items(dataset), 4);
    assert_int_equal(dataset_num_photos(dataset), 3);
    dataset_item(dataset, &first, 0);
    dataset_item(dataset, &second, 1);
    dataset_item(dataset, &third, 2);
    assert_ptr_equal(first.file, second.file);
    assert_ptr_not_equal(second.file, third.file);
    dataset_free(dataset);
}

static void folders_are_classes_of_their_photos(void **state)
{
    static const char *const expected[][2] = {{"281/a.JPG", "281"},
                                              {"281/b.webp", "281"},
                                              {"tabby cat/c.png", "tabby cat"}};
    struct dataset_item item;
    struct dataset *dataset;

    (void)state;
    put("tabby cat/c.png", "");
    put("281/b.webp", "");
    put("281/a.JPG", "");
    put("281/notes.txt", "");
    put("281/.hidden.jpg", "");
    put("a.jpg", "");
    dataset = open_good(folder, NULL);
    assert_int_equal(dataset_format(dataset), DATASET_FOLDERS);
    assert_int_equal(dataset_num_items(dataset), 3);
    for (size_t i = 0; i < 3; i++) {
        dataset_item(dataset, &item, i);
        assert_string_equal(item.name, expected[i][0]);
        assert_int_equal(item.num_classes, 1);
        assert_string_equal(item.classes[0], expected[i][1]);
        assert_string_equal(item.file, at(expected[i][0]));
    }
    dataset_free(dataset);
}

/* ---- where photos are ---- */

static void check_file(const char *path, const char *root, const char *expected)
{
    struct dataset *dataset = open_good(path, root);
    struct dataset_item item;

    dataset_item(dataset, &item, 0);
    assert_string_equal(item.file, expected);
    dataset_free(dataset);
}

static void
photos_are_beside_a_csv_file_or_in_images_or_where_told(void **state)
{
    char path[2 * MAX_PATH], expected[3 * MAX_PATH];

    (void)state;
    put("truth.csv", "file,class\na.jpg,1\n");
    strcpy(path, at("truth.csv"));
    check_file(path, NULL, at("a.jpg")); /* there is none */
    put("images/a.jpg", "");
    check_file(path, NULL, at("images/a.jpg"));
    put("a.jpg", "");
    check_file(path, NULL, at("a.jpg"));
    check_file(path, "elsewhere", "elsewhere/a.jpg");
    check_file(path, "elsewhere/", "elsewhere/a.jpg");
    snprintf(expected, sizeof expected, "file,class\n%s,1\n", at("b.jpg"));
    put("truth.csv", expected);
    check_file(path, "elsewhere", at("b.jpg")); /* an absolute path */
}

static void photos_are_where_coco_and_voc_have_them(void **state)
{
    char path[2 * MAX_PATH], expected[2 * MAX_PATH];

    (void)state;
    put("annotations/instances_val2017.json",
        "{\"images\": [{\"id\": 1, \"file_name\": \"a.jpg\"}],"
        " \"categories\": [{\"id\": 2, \"name\": \"dog\"}],"
        " \"annotations\": [{\"image_id\": 1, \"category_id\": 2,"
        "                    \"bbox\": [0, 0, 1, 1]}]}");
    strcpy(path, at("annotations/instances_val2017.json"));
    put("images/val2017/a.jpg", "");
    strcpy(expected, at("annotations/../images/val2017/a.jpg"));
    check_file(path, NULL, expected);
    put("val2017/a.jpg", "");
    strcpy(expected, at("annotations/../val2017/a.jpg"));
    check_file(path, NULL, expected);

    put("voc/Annotations/n1.xml",
        "<annotation><filename>n1</filename><object><name>dog</name><bndbox>"
        "<xmin>1</xmin><ymin>1</ymin><xmax>2</xmax><ymax>2</ymax></bndbox>"
        "</object></annotation>");
    put("voc/JPEGImages/n1.JPEG", "");
    strcpy(path, at("voc"));
    strcpy(expected, at("voc/JPEGImages/n1.JPEG"));
    check_file(path, NULL, expected);
}

/* ---- what is refused ---- */

static void malformed_csv_files_are_refused_by_line(void **state)
{
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"", "the file is empty"},
        {"\n\n", "the file is empty"},
        {"name,class\na.jpg,1\n", "no column \"file\""},
        {"file,size\na.jpg,1\n", "neither a column \"class\""},
        {"file,x0,y0,x1\na.jpg,1,2,3\n", "1 columns x0, but 0 y1"},
        {"file,class\n", "no photos"},
        {"file,class\na.jpg\n", "line 2: it has 1 fields"},
        {"file,class\r\na.jpg,1,2\r\n", "line 2: it has 3 fields"},
        {"file,class\n\n\n,1\n", "line 4: the photo has no name"},
        {"file,class\n\"a\nb\",1\n", "line 2: the photo's name"},
        {"file,class\na.jpg,\"1\n\n", "line 2: a quote is not closed"},
        {"file,class\na.jpg,\"1\"2\n", "line 2: text follows"},
        {"file,class\na.jpg,1\"\n", "line 2: a quote is in the middle"},
        {"file,class\na.jpg,caf\xe9\n", "line 2: the class is not valid UTF-8"},
        {"file,x0,y0,x1,y1\na,1,2,x,4\n", "line 2: x1 is \"x\", not a number"},
        {"file,x0,y0,x1,y1\na,1,2,,4\n", "line 2: x1 is \"\", not a number"},
        {"file,x0,y0,x1,y1\na,1,2,0x9,4\n", "line 2: x1 is"},
        {"file,x0,y0,x1,y1\na,1,2,1e999,4\n", "line 2: x1 is"},
        {"file,x0,y0,x1,y1\na,1,2,nan,4\n", "line 2: x1 is"},
        {"file,x0,y0,x1,y1\na,3,2,3,4\n", "line 2: the box from (3, 2)"},
        {"file,x0,y0,x1,y1\na,-9,2,-3,4\n", "line 2: the box from (-9, 2)"},
        {"file,x0,y0,x1,y1,width,height\na,9,0,10,1,9,9\n", "line 2: the box"},
        {"file,class,width,height\na,1,2.5,1\n", "line 2: 2.5 x 1 is not"},
        {"file,class,width,height\na,1,0,1\n", "line 2: 0 x 1 is not"},
        {"file,class,width,height\na,1,4,5\na,1,5,4\n", "line 3: the photo"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        put("truth.csv", cases[i].text);
        check_refused(at("truth.csv"), DATASET_AUTO, ERROR_INPUT, cases[i].why);
    }
    put("truth.csv", "file,class\na.jpg,1\n");
    assert_int_equal(truncate(at("truth.csv"), 30), 0);
    check_refused(at("truth.csv"), DATASET_CSV, ERROR_INPUT, "a NUL byte");
}

#define COCO(image, category, annotation)                        \
    "{\"images\": [" image "], \"categories\": [" category "], " \
    "\"annotations\": [" annotation "]}"
#define IMAGE "{\"id\": 1, \"file_name\": \"a.jpg\"}"
#define DOG "{\"id\": 2, \"name\": \"dog\"}"
#define BOXED(bbox) "{\"image_id\": 1, \"category_id\": 2, \"bbox\": " bbox "}"

static void malformed_coco_files_are_refused_by_line_or_object(void **state)
{
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"", "line"},
        {"{\n\"images\": [,]}", "line 2: "},
        {"[]", "no array \"images\""},
        {"{\"images\": {}}", "no array \"images\""},
        {"{\"images\": [], \"categories\": []}", "no array \"annotations\""},
        {COCO(IMAGE, DOG, ""), "no photos"},
        {COCO("{}", DOG, ""), "images[0] has no \"id\""},
        {COCO(IMAGE, "3", ""), "categories[0] has no \"id\""},
        {COCO(IMAGE, DOG, "1"), "annotations[0]: its \"bbox\""},
        {COCO(IMAGE, DOG, BOXED("[1, 2, 3]")), "is not [x, y, w, h]"},
        {COCO(IMAGE, DOG, BOXED("[1, 2, 3, \"4\"]")), "is not numbers"},
        {COCO(IMAGE, DOG, BOXED("[-5, 2, 3, 4]")), "the box from (-5, 2)"},
        {COCO("", DOG, BOXED("[1, 2, 3, 4]")), "\"image_id\" is missing or"},
        {COCO(IMAGE, "", BOXED("[1, 2, 3, 4]")), "\"category_id\" is missing"},
        {COCO("{\"id\": 1}", DOG, BOXED("[1, 2, 3, 4]")), "no \"file_name\""},
        {COCO(IMAGE, "{\"id\": 2}", BOXED("[1, 2, 3, 4]")), "no \"name\""},
        {COCO("{\"id\": 1, \"file_name\": \"a\", \"width\": 9}", DOG,
              BOXED("[1, 2, 3, 4]")),
         "9 x 0 is not a size"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        put("x.json", cases[i].text);
        check_refused(at("x.json"), DATASET_AUTO, ERROR_INPUT, cases[i].why);
    }
}

#define OBJECT(inside) "<annotation><object>" inside "</object></annotation>"
#define SIDES(y1)                                                 \
    "<bndbox><xmin>1</xmin><ymin>1</ymin><xmax>9</xmax><ymax>" y1 \
    "</ymax></bndbox>"

static void malformed_voc_files_are_refused_by_file_and_line(void **state)
{
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"", "a.xml: line 1: no element found"},
        {"<annotation>\n</wrong>", "a.xml: line 2: mismatched tag"},
        {"<annotation/>", "no photos"},
        {OBJECT(""), "a.xml: line 1: the object has no name"},
        {OBJECT("<name>dog</name>"), "not all of xmin"},
        {OBJECT("\n<name>dog</name>" SIDES("x")), "line 2: ymax is not a"},
        {OBJECT("<name>dog</name>" SIDES("0")), "a.xml: object 1: the box"},
        {OBJECT("<name>d\xe9g</name>" SIDES("9")), "a.xml: line 1: not well"},
        {"<!DOCTYPE a [<!ENTITY a \"aaaa\">]>\n<annotation>&a;</annotation>",
         "line 1: a document type is not allowed"},
        {"<!DOCTYPE a SYSTEM \"file:///etc/passwd\"><a/>",
         "line 1: a document type is not allowed"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        put("a.xml", cases[i].text);
        check_refused(folder, DATASET_AUTO, ERROR_INPUT, cases[i].why);
    }
}

static void malformed_wsol_files_are_refused_by_file_and_line(void **state)
{
    static const struct {
        const char *labels, *boxes, *sizes, *why;
        enum error_kind kind;
    } cases[] = {
        {NULL, "", "", "class_labels.txt: cannot be opened", ERROR_IO},
        {"a,1\n", "", "", "class_labels.txt: it has no label of b",
         ERROR_INPUT},
        {"a,1\nb\n", "", "", "class_labels.txt: line 2: it has 1 fields",
         ERROR_INPUT},
        {"a,1\nb,1\na,2\n", "", "",
         "class_labels.txt: line 3: the photo has another label", ERROR_INPUT},
        {"a,1\nb,1\n", "a,masks/a.png,\n", "",
         "localization.txt: line 1: it has 3 fields", ERROR_INPUT},
        {"a,1\nb,1\n", "b,1,2,3,x\n", "",
         "localization.txt: line 1: \"x\" is not a number", ERROR_INPUT},
        {"a,1\nb,1\n", "b,5,5,3,3\n", "",
         "localization.txt: line 1: the box from (5, 5)", ERROR_INPUT},
        {"a,1\nb,1\n", "", "b,0,1\n", "image_sizes.txt: line 1: 0 x 1 is not",
         ERROR_INPUT},
    };

    (void)state;
    put("image_ids.txt", "a\nb\n");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (cases[i].labels)
            put("class_labels.txt", cases[i].labels);
        put("localization.txt", cases[i].boxes);
        put("image_sizes.txt", cases[i].sizes);
        check_refused(folder, DATASET_AUTO, cases[i].kind, cases[i].why);
    }
}

/* `before`, then `prefix`, a number and `suffix` many times, and `after`. */
static void put_many(const char *name, const char *before, const char *prefix,
                     const char *suffix, size_t count, const char *after)
{
    char path[2 * MAX_PATH];
    FILE *file;

    strcpy(path, at(name));
    file = fopen(path, "wb");
    assert_non_null(file);
    fputs(before, file);
    for (size_t i = 0; i < count; i++)
        fprintf(file, "%s%zu%s", prefix, i, suffix);
    fputs(after, file);
    assert_int_equal(fclose(file), 0);
}

static void what_is_too_large_is_refused(void **state)
{
    (void)state;
    put("large.csv", "");
    assert_int_equal(truncate(at("large.csv"), (64 << 20) + 1), 0);
    check_refused(at("large.csv"), DATASET_CSV, ERROR_LIMIT, "67108864");
    put("large.json", "");
    assert_int_equal(truncate(at("large.json"), (128 << 20) + 1), 0);
    check_refused(at("large.json"), DATASET_COCO, ERROR_LIMIT, "134217728");
    put_many("wide.csv", "file", ",c", "", 1024, "\n");
    check_refused(at("wide.csv"), DATASET_CSV, ERROR_LIMIT, "1024 columns");
    put_many("labels.csv", "file,class\n", "a.jpg,", "\n", 257, "");
    check_refused(at("labels.csv"), DATASET_CSV, ERROR_LIMIT,
                  "line 258: a photo may have at most 256 classes");
    put_many("any.csv", "file,class\na.jpg,", "", ";", 257, "\n");
    check_refused(at("any.csv"), DATASET_CSV, ERROR_LIMIT,
                  "line 2: at most 256 alternative classes");
    put_many("deep.xml", "", "<a>", "", 17, "");
    check_refused(folder, DATASET_VOC, ERROR_LIMIT, "nested too deeply");
    put_many("deep.xml", "<annotation><filename>", "", "", 200,
             "</filename></annotation>");
    check_refused(folder, DATASET_VOC, ERROR_LIMIT, "longer than 255 bytes");
}

static void what_is_not_there_is_an_io_error(void **state)
{
    (void)state;
    check_refused("/nowhere/truth.csv", DATASET_AUTO, ERROR_IO, "No such file");
    check_refused("/nowhere/x.json", DATASET_AUTO, ERROR_IO, "No such file");
    check_refused("/nowhere", DATASET_VOC, ERROR_IO, "No such file");
    check_refused("/nowhere", DATASET_FOLDERS, ERROR_IO, "No such file");
    check_refused(folder, DATASET_FOLDERS, ERROR_INPUT, "no photos");
}

/* ---- memory ---- */

static bool open_once(void *path, struct error *err)
{
    struct dataset *dataset = dataset_open(path, NULL, err);
    bool ok = dataset;

    dataset_free(dataset);
    return ok;
}

static void a_failed_allocation_is_reported_and_leaves_nothing(void **state)
{
    char path[MAX_PATH];

    (void)state;
    for (size_t i = 0; i < NUM_SAMPLES; i++) {
        strcpy(path, samples[i].path);
        /* Jansson reports some of its failed allocations as bad JSON */
        alloc_sweep_or(open_once, path,
                       samples[i].format == DATASET_COCO ? ERROR_INPUT
                                                         : ERROR_MEMORY);
    }
    put("281/a.jpg", "");
    alloc_sweep(open_once, folder);
}

#define WITH_FOLDER(test) \
    cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_format_has_what_was_written),
        cmocka_unit_test(items_of_one_photo_are_consecutive_and_share_its_path),
        WITH_FOLDER(folders_are_classes_of_their_photos),
        WITH_FOLDER(photos_are_beside_a_csv_file_or_in_images_or_where_told),
        WITH_FOLDER(photos_are_where_coco_and_voc_have_them),
        WITH_FOLDER(malformed_csv_files_are_refused_by_line),
        WITH_FOLDER(malformed_coco_files_are_refused_by_line_or_object),
        WITH_FOLDER(malformed_voc_files_are_refused_by_file_and_line),
        WITH_FOLDER(malformed_wsol_files_are_refused_by_file_and_line),
        WITH_FOLDER(what_is_too_large_is_refused),
        WITH_FOLDER(what_is_not_there_is_an_io_error),
        WITH_FOLDER(a_failed_allocation_is_reported_and_leaves_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

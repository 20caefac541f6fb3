#ifndef ENGINE_EVALUATE_DATASET_INTERNAL_H
#define ENGINE_EVALUATE_DATASET_INTERNAL_H

/* The interface between dataset.c and the readers of formats
 * (dataset_csv.c, …); no other file includes this. A reader calls the functions
 * below in any order; dataset.c sorts what they added. One thread at a time. */

#include "engine/evaluate/dataset.h"

#include "engine/base/arena.h"

/* Each text once, numbered from 0 in the order of addition. */
struct dataset_texts {
    const char **list; /* (count) owned; the texts are in the arena */
    uint32_t *slots;   /* (num_slots) a number plus 1, or 0; owned */
    size_t count, cap, num_slots;
};

struct dataset_photo {
    uint32_t name_at; /* where in its path its name begins */
    uint32_t width, height;
    uint32_t newest; /* its item that was added last, or DATASET_NONE */
    uint32_t num_items;
};

/* Alternatives of one text: a part of dataset->classes. */
struct dataset_set {
    uint32_t first, count;
};

struct dataset_entry {
    uint32_t photo, set;
    uint32_t older; /* the photo's item before this one, or DATASET_NONE */
    uint32_t first_box, num_boxes;
};

struct dataset_placed {
    struct dataset_box box;
    uint32_t entry;
};

#define DATASET_NONE UINT32_MAX

struct dataset {
    enum dataset_format format;
    struct arena arena;
    struct dataset_texts paths;   /* of photos */
    struct dataset_photo *photos; /* (paths.count) owned */
    size_t photos_cap;
    struct dataset_texts class_texts;
    struct dataset_set *sets; /* (class_texts.count) owned */
    size_t sets_cap;
    const char **classes; /* (num_classes) owned; texts are in the arena */
    size_t num_classes, classes_cap;
    struct dataset_entry *entries; /* (num_entries) owned */
    size_t num_entries, entries_cap;
    struct dataset_placed *placed; /* (num_placed) owned; NULL once sorted */
    size_t num_placed, placed_cap;
    struct dataset_box *boxes; /* (num_placed) by entry; owned */
};

/* Folders in which photos are looked for, in this order. */
enum { DATASET_MAX_PLACES = 6 };
struct dataset_places {
    const char *folders[DATASET_MAX_PLACES]; /* (count) in the arena */
    size_t count;
    bool without_extension; /* the extension of a photo's name may be missing */
};

/* Adds a folder: `folder`, or `below` in it unless that is NULL. ERROR_MEMORY,
 * ERROR_LIMIT (a path is too long). */
bool dataset_add_place(struct dataset *dataset, struct dataset_places *places,
                       const char *folder, const char *below, struct error *err)
    __attribute__((warn_unused_result));

/* The folder of a file, "." if its path has none. ERROR_MEMORY: NULL. */
const char *dataset_folder_of(struct dataset *dataset, const char *path,
                              struct error *err)
    __attribute__((warn_unused_result));

/* Adds the photo of this name, or finds it again: in the first place that has
 * it, or in the first place if none has. ERROR_INPUT: the name is empty, is not
 * UTF-8 or has control characters. ERROR_LIMIT, ERROR_MEMORY. */
bool dataset_add_photo(struct dataset *dataset, uint32_t *photo,
                       const struct dataset_places *places, const char *name,
                       struct error *err) __attribute__((warn_unused_result));

/* Finds a photo that was added by this name; false if there is none. */
bool dataset_find_photo(const struct dataset *dataset, uint32_t *photo,
                        const struct dataset_places *places, const char *name)
    __attribute__((warn_unused_result));

/* Sets the size that the photo's boxes refer to. ERROR_INPUT: it has another
 * one, or a side is not a whole number from 1 to a million. */
bool dataset_set_size(struct dataset *dataset, uint32_t photo, double width,
                      double height, struct error *err)
    __attribute__((warn_unused_result));

/* Adds the photo's item of these classes, or finds it again. `classes` is one
 * class, or alternatives with semicolons between them; "" if unknown.
 * ERROR_INPUT: it is not UTF-8, or has control characters. ERROR_LIMIT,
 * ERROR_MEMORY. */
bool dataset_add_item(struct dataset *dataset, uint32_t *item, uint32_t photo,
                      const char *classes, struct error *err)
    __attribute__((warn_unused_result));

/* Adds a box, cut to the photo's size if that is known and to coordinates from
 * 0 on. ERROR_INPUT: nothing is left of it, or a coordinate is not finite.
 * ERROR_LIMIT, ERROR_MEMORY. */
bool dataset_add_box(struct dataset *dataset, uint32_t item,
                     struct dataset_box box, struct error *err)
    __attribute__((warn_unused_result));

/* Reads a decimal number and nothing else; it is finite. */
bool dataset_number(double *number, const char *text)
    __attribute__((warn_unused_result));

/* The readers, dataset_NAME_read for each format. `root` is the folder of the
 * photos, or NULL. They fail like dataset_open. */
typedef bool dataset_read_fn(struct dataset *dataset, const char *path,
                             const char *root, struct error *err);
dataset_read_fn dataset_csv_read, dataset_coco_read, dataset_voc_read,
    dataset_wsol_read, dataset_folders_read;

#endif

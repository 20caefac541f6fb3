#ifndef LIB_WHEREFORE_H
#define LIB_WHEREFORE_H

/* libwherefore: what is in a picture, and where the evidence is.
 *
 *     struct wherefore_error err = WHEREFORE_ERROR_INIT;
 *     wherefore_model *model =
 *         wherefore_model_open("models/efficientnet-lite0", NULL, 0, &err);
 *     wherefore_session *session = wherefore_session_new(model, 1, &err);
 *     const struct wherefore_option options[] = {{"method", "gradcam"}};
 *     const wherefore_explanation *found =
 *         wherefore_explain(session, bytes, len, options, 1, &err);
 *
 *     if (!found)
 *         fprintf(stderr, "%s\n", err.text);
 *     ...
 *     wherefore_session_free(session);
 *     wherefore_model_free(model);
 *
 * Link with -lwherefore (`pkg-config --cflags --libs wherefore`). See
 * docs/library.md and examples/c/.
 *
 * OPTIONS are names and values as in a request to POST /cam (docs/api.md,
 * docs/methods.md, docs/boxes.md), so a new one needs no new function. They are
 * NUL-terminated and borrowed for the call; a name may come once, but for
 * `class`. Two things differ from the service: there is no option `model`, and
 * `heatmap` is `none` unless it is asked for.
 *
 * ERRORS. What can fail takes a `struct wherefore_error *` last, which may be
 * NULL, and returns NULL or false. Then *err says what was wrong, whatever it
 * held before; after a success it is unchanged. Programs decide on the kind,
 * never on the text. The library prints nothing, and never exits or aborts
 * because of what it is given. A NULL where a pointer is needed is a
 * WHEREFORE_INPUT, but for the functions that say nothing of errors: those
 * return NULL, 0 or false, and the free functions ignore it.
 *
 * THREADS. A model is immutable once open: any number of threads may use it at
 * the same time, while none frees it. A session, and what it has returned,
 * belongs to one thread at a time; only wherefore_session_cancel is for others.
 * Sessions of one model share its weights. There is no global state to set up
 * or to tear down, and no signal is handled or blocked. Once loaded, the
 * library stays loaded (dlclose has no effect), since XNNPACK has its
 * addresses.
 *
 * FORK. The threads of sessions do not exist in a child. It may use and free
 * the models of its parent, unless another thread was inside the library at the
 * fork, but makes sessions of its own: it neither uses nor frees those of its
 * parent.
 *
 * VERSIONS. What is declared here stays, with its meaning, as long as the
 * library is libwherefore.so.1: functions, fields and the numbers of kinds are
 * added, never taken away or moved. Structs that are only returned by pointer
 * may grow at their end, so they are neither copied whole nor measured. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The number in libwherefore.so.1, and in the symbols' version, WHEREFORE_1. */
#define WHEREFORE_ABI_VERSION 1

#if defined __GNUC__
#define WHEREFORE_API __attribute__((visibility("default")))
#else
#define WHEREFORE_API
#endif

/* ---- errors and options ---- */

/* The numbers are promised. */
enum wherefore_kind {
    WHEREFORE_NONE = 0,        /* no error */
    WHEREFORE_INPUT = 1,       /* the bytes or options are malformed */
    WHEREFORE_UNSUPPORTED = 2, /* well formed, but not supported */
    WHEREFORE_LIMIT = 3,       /* larger than a limit */
    WHEREFORE_BUSY = 4,        /* cancelled */
    WHEREFORE_MEMORY = 5,      /* an allocation failed */
    WHEREFORE_IO = 6,          /* a file cannot be read */
    WHEREFORE_INTERNAL = 7,    /* a bug in wherefore */
};

/* Owned by the caller. */
struct wherefore_error {
    int kind;       /* enum wherefore_kind; a later version may have more */
    char text[500]; /* one sentence for a person, UTF-8, NUL-terminated */
};

#define WHEREFORE_ERROR_INIT \
    {                        \
        0,                   \
        {                    \
            0                \
        }                    \
    }

/* "bad-input", "unsupported", "over-limit", "busy", "no-memory", "io" or
 * "internal"; "none" for WHEREFORE_NONE. Never NULL; static. Any thread. */
WHEREFORE_API const char *wherefore_kind_name(int kind);

struct wherefore_option {
    const char *name, *value;
};

/* The library's version, such as "1.2.3"; static. Any thread. */
WHEREFORE_API const char *wherefore_version(void);

/* Is told of the passes or rows that are done, and of all there will be. Return
 * false to cancel: the call that works then fails with WHEREFORE_BUSY. */
typedef bool wherefore_progress_fn(void *user, size_t done, size_t total);

/* Frees a text that the library has returned as `char *`. NULL is ignored. Any
 * thread. */
WHEREFORE_API void wherefore_free(char *text);

/* ---- a model ---- */

typedef struct wherefore_model wherefore_model;

/* Opens the model in a folder (docs/models.md), which takes some tens of
 * milliseconds. The options, all of which have defaults:
 *
 *     precision   "fp32" (the default), "int8", or "auto", whichever a check
 *                 prefers
 *     size        the size of the network's input in pixels, such as "448" or
 *                 "160x80" (width x height), or "own" (the default)
 *     max_bytes   longest file of an image, in bytes ("16777216")
 *     max_width   widest image, in pixels ("16384")
 *     max_height  tallest image, in pixels ("16384")
 *     max_pixels  largest image, width x height ("50000000")
 *
 * The limits are those of `wherefore cam`; they hold for all images of the
 * model's sessions and batches, and are checked before memory is allocated for
 * pixels. Returns NULL and
 *
 *     WHEREFORE_INPUT        an option or a file is malformed, or the files do
 *                            not fit together
 *     WHEREFORE_UNSUPPORTED  the network has an unsupported node, or does not
 *                            take the size or the precision
 *     WHEREFORE_IO           a file cannot be read
 *     WHEREFORE_MEMORY, WHEREFORE_INTERNAL
 *
 * Free it with wherefore_model_free. Any thread. */
WHEREFORE_API wherefore_model *
wherefore_model_open(const char *folder, const struct wherefore_option *options,
                     size_t num_options, struct wherefore_error *err);

/* All sessions of the model must have been freed. NULL is ignored. */
WHEREFORE_API void wherefore_model_free(wherefore_model *model);

/* The model as JSON, like the reply of GET /model, but without what is the
 * service's: `default`, `generation`, `loaded`, `workers` and `limits`. It
 * lists the options of wherefore_explain, with what each accepts. Free it with
 * wherefore_free. WHEREFORE_MEMORY. Any thread. */
WHEREFORE_API char *wherefore_model_json(const wherefore_model *model,
                                         struct wherefore_error *err);

/* The methods of explanation as JSON, as the reply of GET /methods: for each,
 * its parameters, what it costs, and why it is not defined for this model where
 * it is not. Free it with wherefore_free. WHEREFORE_MEMORY. Any thread. */
WHEREFORE_API char *wherefore_model_methods_json(const wherefore_model *model,
                                                 struct wherefore_error *err);

/* The name in model.json. Valid as long as the model, like all texts of it. Any
 * thread, as for the functions below. */
WHEREFORE_API const char *wherefore_model_name(const wherefore_model *model);

/* The sides of the network's input, in pixels. */
WHEREFORE_API size_t wherefore_model_input_width(const wherefore_model *model);
WHEREFORE_API size_t wherefore_model_input_height(const wherefore_model *model);

/* The sides of the maps of the default layer, in cells; 0 if there is none. */
WHEREFORE_API size_t wherefore_model_map_width(const wherefore_model *model);
WHEREFORE_API size_t wherefore_model_map_height(const wherefore_model *model);

WHEREFORE_API size_t wherefore_model_num_classes(const wherefore_model *model);

/* The id (such as "n02124075") and the label of a class, UTF-8. NULL: it has
 * none, or there is no such class. */
WHEREFORE_API const char *wherefore_model_class_id(const wherefore_model *model,
                                                   size_t index);
WHEREFORE_API const char *
wherefore_model_class_label(const wherefore_model *model, size_t index);

/* Finds a class by its index in decimal, its id or its label, as the option
 * `class` does. false: there is none, and *index is unchanged. */
WHEREFORE_API bool wherefore_model_find_class(const wherefore_model *model,
                                              const char *text, size_t *index);

/* ---- a session ---- */

typedef struct wherefore_session wherefore_session;
typedef struct wherefore_explanation wherefore_explanation;

/* Makes a session: the memory to explain one image at a time with. It computes
 * on the calling thread and on `threads` - 1 of its own, which sleep meanwhile;
 * 0 is one for each core that the process may use, and more than 64 count as
 * 64. To explain many images at once, one session a core with one thread each
 * does more than one session with all cores. The model must outlive it. Returns
 * NULL and WHEREFORE_MEMORY, or WHEREFORE_INTERNAL. */
WHEREFORE_API wherefore_session *
wherefore_session_new(const wherefore_model *model, unsigned threads,
                      struct wherefore_error *err);

/* NULL is ignored. */
WHEREFORE_API void wherefore_session_free(wherefore_session *session);

/* Ends what the session is computing, before its next pass of the network: that
 * call fails with WHEREFORE_BUSY, and the session may be used again. Without a
 * call there is no effect, and none on a call that begins afterwards. Any
 * thread, while none frees the session. */
WHEREFORE_API void wherefore_session_cancel(wherefore_session *session);

/* From now on `progress` is called between passes of the network, on the thread
 * that explains, with the number of passes; NULL: no longer. It must not use
 * the session. */
WHEREFORE_API void
wherefore_session_set_progress(wherefore_session *session,
                               wherefore_progress_fn *progress, void *user);

/* ---- an explanation ----
 *
 * All three return what is borrowed from the session: it, and everything that
 * its accessors return by pointer, is valid until the session's next call of
 * one of the three, whether that succeeds or not, or its end. */

/* Explains an image: a JPEG, PNG or WebP file of `len` bytes. It is brought
 * upright (EXIF) and into sRGB. Returns NULL and
 *
 *     WHEREFORE_INPUT        the image is broken or cut short; or an option is
 *                            unknown, malformed, given twice or contradicts
 *                            another: the text names it
 *     WHEREFORE_UNSUPPORTED  neither of the three formats, or an unsupported
 *                            variant; or the method, target or box rule that is
 *                            asked for is not defined for the model
 *     WHEREFORE_LIMIT        the image is larger than the model's limits, or
 *                            the maps would be too large
 *     WHEREFORE_BUSY         cancelled
 *     WHEREFORE_IO           the model's files have changed since it was opened
 *     WHEREFORE_MEMORY, WHEREFORE_INTERNAL
 *
 * That no method is named and none is defined for the model is no failure: the
 * classes then have no maps, and the summary says why (`refusal`). */
WHEREFORE_API const wherefore_explanation *
wherefore_explain(wherefore_session *session, const void *bytes, size_t len,
                  const struct wherefore_option *options, size_t num_options,
                  struct wherefore_error *err);

/* The same for pixels that the caller has decoded: upright, in sRGB, 8 bits.
 *
 *     pixels    (height, width, channels)
 *     channels  1: grey; 3: red, green, blue; 4: and alpha, not premultiplied
 *     stride    bytes from one row to the next; 0: width x channels
 *
 * WHEREFORE_INPUT as well: a side is 0, there is another number of channels, or
 * rows overlap. */
WHEREFORE_API const wherefore_explanation *
wherefore_explain_pixels(wherefore_session *session, const uint8_t *pixels,
                         uint32_t width, uint32_t height, unsigned channels,
                         size_t stride, const struct wherefore_option *options,
                         size_t num_options, struct wherefore_error *err);

/* Explains the session's image once more, by other options, without decoding
 * and classifying it again. WHEREFORE_INPUT as well: the session has no image,
 * since none has been explained, or the last one failed. After a failure of
 * this function the image is still there. */
WHEREFORE_API const wherefore_explanation *
wherefore_explain_again(wherefore_session *session,
                        const struct wherefore_option *options,
                        size_t num_options, struct wherefore_error *err);

/* In whole pixels of the upright image: columns x to x + width - 1, and rows
 * likewise. */
struct wherefore_box {
    uint32_t x, y, width, height;
    float
        threshold; /* where the map was cut, as a share of its maximum, 0..1 */
    float share;   /* 0..1: of the map's positive evidence, if several boxes are
                      asked for (`boxes`); else 0 */
};

struct wherefore_map {
    size_t width, height; /* cells, or pixels of the network's input */
    const float *values;  /* (height, width) unscaled, of any sign */
    float min, max;
    double region_x, region_y, region_width,
        region_height;    /* the part of the upright image that it covers, in
                             pixels; it may reach beyond the image */
    size_t peak;          /* the place of the largest value in `values`; the
                             first of equal ones */
    float peak_x, peak_y; /* the centre of that cell, in pixels of the upright
                             image */
    bool is_refined; /* to the object (`map=object`), else the method's own */
};

struct wherefore_class {
    size_t index;           /* of the model's classes */
    const char *id, *label; /* or NULL; valid as long as the model */
    float logit, score;     /* the score is 0..1 */
    bool is_asked;          /* it is explained; else it is only listed */
    const struct wherefore_map *map; /* NULL: not explained, or not defined */
    const struct wherefore_box *box; /* NULL: none was found */
    size_t num_boxes; /* of wherefore_explanation_box; 0 or 1 unless the option
                         `boxes` asks for more */
};

struct wherefore_summary {
    uint32_t image_width, image_height; /* upright, in pixels */
    const char *image_format; /* "jpeg", "png", "webp", or "unknown": pixels */
    const char *method;       /* such as "cam"; NULL: there are no maps */
    const char *layer;        /* that is explained, or NULL */
    const char *refusal;      /* why there are no maps, or NULL */
    size_t passes;            /* of the network */
    size_t num_classes;       /* listed: the best ones, best first, then those
                                 that were asked for and are not among them */
    size_t first; /* the place in this list of the first class that is
                     explained: the heatmap shows it */
};

/* Never NULL for an explanation. */
WHEREFORE_API const struct wherefore_summary *
wherefore_explanation_summary(const wherefore_explanation *explanation);

/* Number i of the list, and its box number j; the first is the class's `box`,
 * unless several are asked for: then they are in the order of their evidence.
 * NULL: i or j is not below their number. */
WHEREFORE_API const struct wherefore_class *
wherefore_explanation_class(const wherefore_explanation *explanation, size_t i);
WHEREFORE_API const struct wherefore_box *
wherefore_explanation_box(const wherefore_explanation *explanation, size_t i,
                          size_t j);

/* The heatmap that the option `heatmap` has asked for: a PNG file. false: there
 * is none, and *png is NULL. */
WHEREFORE_API bool
wherefore_explanation_heatmap(const wherefore_explanation *explanation,
                              const void **png, size_t *len);

/* The reply of POST /cam, the heatmap included. Free it with wherefore_free. It
 * remains when the explanation is gone. WHEREFORE_MEMORY. */
WHEREFORE_API char *
wherefore_explanation_json(const wherefore_explanation *explanation,
                           struct wherefore_error *err);

/* ---- many images: Arrow's C data interface ----
 *
 * https://arrow.apache.org/docs/format/CDataInterface.html */

#ifndef ARROW_C_DATA_INTERFACE
#define ARROW_C_DATA_INTERFACE

#define ARROW_FLAG_DICTIONARY_ORDERED 1
#define ARROW_FLAG_NULLABLE 2
#define ARROW_FLAG_MAP_KEYS_SORTED 4

struct ArrowSchema {
    const char *format;
    const char *name;
    const char *metadata;
    int64_t flags;
    int64_t n_children;
    struct ArrowSchema **children;
    struct ArrowSchema *dictionary;
    void (*release)(struct ArrowSchema *);
    void *private_data;
};

struct ArrowArray {
    int64_t length;
    int64_t null_count;
    int64_t offset;
    int64_t n_buffers;
    int64_t n_children;
    const void **buffers;
    struct ArrowArray **children;
    struct ArrowArray *dictionary;
    void (*release)(struct ArrowArray *);
    void *private_data;
};
#endif

/* The most rows of one call. */
#define WHEREFORE_MAX_ROWS (1 << 22)

/* Explains a column of image files, on `threads` threads (0: one for each core,
 * as for a session; at most 64), each with a session of its own. Which thread
 * gets a row makes no difference to its result.
 *
 *     schema, images  in   the column: binary ("z"), large_binary ("Z") or
 *                          binary_view ("vz"); both remain the caller's, and
 *                          unchanged
 *     out_schema, out out  a struct column with as many rows, in their order;
 *                          the caller releases both, as Arrow says
 *
 * The fields, each of which may be null:
 *
 *     class  int32    the explained class: the best one, or the first one that
 *                     the option `class` names
 *     id     utf8     of the class; null if it has none
 *     label  utf8     likewise
 *     score  float32  0..1
 *     logit  float32
 *     box    struct<x, y, width, height: int32>  as struct wherefore_box; null
 *                     if none was found
 *     peak   struct<x, y: int32, value: float32>  where the map is largest: the
 *                     pixel of the upright image that the centre of that cell
 *                     lies in, or is nearest to
 *     map    fixed_size_list<float32>[height x width]  of the class, by rows;
 *                     the field's metadata has "width" and "height"
 *     error  struct<kind, detail: utf8>  null unless the row has failed
 *
 * A row that fails costs itself: it has its `error`, with the kind's name as
 * wherefore_kind_name has it, and all else is null. So does a null row
 * ("bad-input"). Without a method that is defined for the model, rows have no
 * box, peak and map, and no error; maps have 0 values then.
 *
 * The options are those of wherefore_explain. Those that say what a reply lists
 * (`top`, `boxes`, `channels`, `values`, and those of the heatmap) have no
 * effect, and of several classes the first one counts.
 *
 * `progress`, which may be NULL, is called after each row, on any of the
 * threads, but on one at a time. After it has returned false, no further row
 * begins.
 *
 * Memory: the columns, that is about 100 bytes and 4 for each of the map's
 * values a row, and `threads` sessions. Returns false, with both outputs
 * released (`release` is NULL), and
 *
 *     WHEREFORE_INPUT        the array or the schema is malformed or released:
 *                            lengths, offsets, nulls, numbers of buffers and
 *                            children are checked as far as they contradict
 *                            each other (how long an offset-based array's
 *                            buffers are, the interface does not say); or an
 *                            option is, as in wherefore_explain
 *     WHEREFORE_UNSUPPORTED  the column has another type, such as utf8; the
 *                            method is not defined for the model; or
 *                            `map=object`, whose maps differ in size
 *     WHEREFORE_LIMIT        more than WHEREFORE_MAX_ROWS rows, or too long
 *                            labels for so many
 *     WHEREFORE_BUSY         cancelled
 *     WHEREFORE_MEMORY, WHEREFORE_INTERNAL
 *
 * Any thread; it may also be called by several at the same time. */
WHEREFORE_API bool wherefore_explain_arrow(
    const wherefore_model *model, unsigned threads,
    const struct ArrowSchema *schema, const struct ArrowArray *images,
    const struct wherefore_option *options, size_t num_options,
    wherefore_progress_fn *progress, void *user, struct ArrowSchema *out_schema,
    struct ArrowArray *out, struct wherefore_error *err);

#ifdef __cplusplus
}
#endif

#endif

/* The report as a page. Its script draws what its data say, so that no name
 * becomes markup; its policy lets nothing else run, and nothing be asked for.
 */
#include "cli/fit_report.h"

#include <nettle/sha2.h>
#include <string.h>

#include "server/api/encode64.h"
#include "server/http/json.h"

/* The files of static/report/, as in server/api/asset.c. */
#define PAGE_FILES(X)                    \
    X(body, "static/report/report.html") \
    X(style, "static/report/report.css") \
    X(script, "static/report/report.js")

#define X(symbol, file)                              \
    __asm__(".section .rodata\n"                     \
            "fit_report_page_" #symbol ":\n"         \
            ".incbin \"" file "\"\n"                 \
            "fit_report_page_end_" #symbol ":\n"     \
            ".byte 0\n"                              \
            ".previous\n");                          \
    extern const uint8_t fit_report_page_##symbol[]; \
    extern const uint8_t fit_report_page_end_##symbol[];
PAGE_FILES(X)
#undef X

struct page_file {
    const uint8_t *bytes;
    size_t len;
};

enum page_files {
#define X(symbol, file) page_##symbol,
    PAGE_FILES(X)
#undef X
};

static struct page_file page_file(enum page_files which)
{
    static const uint8_t *const bounds[][2] = {
#define X(symbol, file) \
    {fit_report_page_##symbol, fit_report_page_end_##symbol},
        PAGE_FILES(X)
#undef X
    };

    return (struct page_file){bounds[which][0],
                              (size_t)(bounds[which][1] - bounds[which][0])};
}

static bool append_base64(struct buf *out, const uint8_t *bytes, size_t len,
                          struct error *err)
{
    size_t encoded = encode64_len(len);

    if (!buf_reserve(out, encoded, err))
        return false;
    encode64_write((char *)out->data + out->len, bytes, len);
    out->len += encoded;
    return true;
}

static bool append_text(struct buf *out, const char *words, struct error *err)
{
    return buf_append(out, words, strlen(words), err);
}

/* Appends the source 'sha256-…' of a Content-Security-Policy. */
static bool append_hash(struct buf *out, struct page_file file,
                        struct error *err)
{
    uint8_t digest[SHA256_DIGEST_SIZE];
    struct sha256_ctx context;

    sha256_init(&context);
    sha256_update(&context, file.len, file.bytes);
    sha256_digest(&context, sizeof digest, digest);
    return append_text(out, "'sha256-", err) &&
           append_base64(out, digest, sizeof digest, err) &&
           append_text(out, "'", err);
}

/* Up to the body. */
static bool append_head(struct buf *out, struct error *err)
{
    const struct page_file style = page_file(page_style);

    return append_text(
               out,
               "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n"
               "<meta charset=\"utf-8\">\n"
               "<meta http-equiv=\"Content-Security-Policy\" content=\"",
               err) &&
           append_text(out, "default-src 'none'; img-src data:; style-src ",
                       err) &&
           append_hash(out, style, err) &&
           append_text(out, "; script-src ", err) &&
           append_hash(out, page_file(page_script), err) &&
           append_text(out,
                       "; base-uri 'none'; form-action 'none'\">\n"
                       "<meta name=\"viewport\" "
                       "content=\"width=device-width, initial-scale=1\">\n"
                       "<title>Report</title>\n<style>",
                       err) &&
           buf_append(out, style.bytes, style.len, err) &&
           append_text(out, "</style>\n</head>\n", err);
}

/* ---- the data ---- */

/* Appends the two maps of a picture. */
static bool append_maps(struct buf *out, const struct picture *picture,
                        const struct fit *fit, struct error *err)
{
    const size_t cells = fit->map_height * fit->map_width;

    return append_text(out, ",\"maps\":[\"", err) &&
           append_base64(out, picture->levels, cells, err) &&
           append_text(out, "\",\"", err) &&
           append_base64(out, picture->levels + cells, cells, err) &&
           append_text(out, "\"]", err);
}

static json_t *describe(const struct fit *fit, size_t index)
{
    const struct fit_photo *photo = &fit->photos[index];
    const struct preprocess_region *region = &photo->region;
    json_t *shares =
        json_pack("[ffff]", region->x / photo->width, region->y / photo->height,
                  region->width / photo->width, region->height / photo->height);
    json_t *object = json_object();
    bool ok =
        put(object, "region", shares) &&
        put(object, "photo", json_integer((json_int_t)index)) &&
        put(object, "file", text(photo->name)) &&
        put(object, "class", json_integer((json_int_t)photo->class)) &&
        put(object, "predicted", json_integer((json_int_t)photo->predicted)) &&
        put(object, "certainty", real((double)photo->certainty)) &&
        put(object, "probability",
            real((double)photo->probabilities[photo->class])) &&
        put(object, "counts", json_boolean(assess_counts(fit, photo)));

    if (ok)
        return object;
    json_decref(object);
    return NULL;
}

static bool append_picture(struct buf *out, const struct fit_report *report,
                           size_t i, struct error *err)
{
    const struct picture *picture = &report->pictures[i];
    json_t *object = describe(report->fit, report->photos[i]);
    bool ok =
        object && json_dump_callback(object, append, out, DUMP_FLAGS) == 0;

    json_decref(object);
    if (!ok)
        return fail(err, ERROR_MEMORY, "not enough memory for the report");
    out->len--; /* the brace */
    if (picture->levels && !append_maps(out, picture, report->fit, err))
        return false;
    if (picture->webp.len > 0 &&
        (!append_text(out, ",\"webp\":\"", err) ||
         !append_base64(out, picture->webp.data, picture->webp.len, err) ||
         !append_text(out, "\"", err)))
        return false;
    return append_text(out, "}", err);
}

static bool append_data(struct buf *out, const struct fit_report *report,
                        struct error *err)
{
    if (!fit_report_json_begin(out, report, err) ||
        !append_text(out, ",\n\"palette\":\"", err) ||
        !append_base64(out, picture_palette(), 256 * 3, err) ||
        !append_text(out, "\",\n\"pictures\":[", err))
        return false;
    for (size_t i = 0; i < report->num_pictures; i++)
        if (!append_text(out, i > 0 ? ",\n" : "\n", err) ||
            !append_picture(out, report, i, err))
            return false;
    return append_text(out, "\n]}", err);
}

/* Appends JSON that may be in a page: a `<` is only ever within its strings,
 * and would end the script there in `</script>`. */
static bool append_escaped(struct buf *out, const struct buf *json,
                           struct error *err)
{
    const char *from = (const char *)json->data, *end = from + json->len;

    while (from < end) {
        const char *sign = memchr(from, '<', (size_t)(end - from));
        const char *until = sign ? sign : end;

        if (!buf_append(out, from, (size_t)(until - from), err) ||
            (sign && !append_text(out, "\\u003c", err)))
            return false;
        from = until + (sign != NULL);
    }
    return true;
}

bool fit_report_page(struct buf *out, const struct fit_report *report,
                     struct error *err)
{
    const struct page_file body = page_file(page_body);
    const struct page_file script = page_file(page_script);
    struct buf data = {0};
    bool ok = append_data(&data, report, err) && append_head(out, err) &&
              buf_append(out, body.bytes, body.len, err) &&
              append_text(out, "<script type=\"application/json\" id=\"data\">",
                          err) &&
              append_escaped(out, &data, err) &&
              append_text(out, "</script>\n<script>", err) &&
              buf_append(out, script.bytes, script.len, err) &&
              append_text(out, "</script>\n</body>\n</html>\n", err);

    buf_release(&data);
    return ok;
}

#include "server/api/cam_json.h"

#include <nettle/base64.h>
#include <stdlib.h>
#include <string.h>

#include "server/http/json.h"

/* Everything about one request that the helpers below need. */
struct context {
    struct engine_session *session;
    const struct engine *engine;
    const struct ask *ask;
    struct engine_info info;
    struct engine_class *top;          /* (ask->top) */
    size_t asked[2 * ASK_MAX_CLASSES]; /* (num_asked) class indices */
    size_t num_asked;                  /* at least 1 */
    bool each;                         /* every asked class has a map */
};

static void ask_for(struct context *c, size_t index)
{
    for (size_t i = 0; i < c->num_asked; i++)
        if (c->asked[i] == index)
            return;
    c->asked[c->num_asked++] = index;
}

/* Turns "top" into the best classes, and nothing into the best one. Fits:
 * ask_parse allows at most ASK_MAX_CLASSES after this. */
static void expand(struct context *c)
{
    const struct ask *ask = c->ask;

    for (size_t i = 0; i < ask->num_classes; i++) {
        if (ask->classes[i] != ASK_TOP) {
            ask_for(c, ask->classes[i]);
            continue;
        }
        c->each = true;
        for (size_t k = 0; k < ask->top; k++)
            ask_for(c, c->top[k].index);
    }
    if (c->num_asked == 0)
        ask_for(c, c->top[0].index);
    if (c->num_asked > 1)
        c->each = true;
}

static json_t *map_row(const float *values, size_t width)
{
    json_t *row = json_array();

    for (size_t x = 0; x < width; x++)
        if (json_array_append_new(row, real((double)values[x])) != 0) {
            json_decref(row);
            return NULL;
        }
    return row;
}

static json_t *map_values(const struct engine_map *map)
{
    json_t *rows = json_array();

    for (size_t y = 0; y < map->height; y++)
        if (json_array_append_new(
                rows, map_row(map->values + y * map->width, map->width)) != 0) {
            json_decref(rows);
            return NULL;
        }
    return rows;
}

/* Puts "map" and "box" of a class into `object`; both null without a head. */
static bool put_evidence(json_t *object, struct context *c, size_t index,
                         struct error *err)
{
    struct engine_map map;
    struct box box;
    bool found, ok;
    json_t *value;

    if (c->info.refusal) {
        ok = put(object, "map", json_null()) && put(object, "box", json_null());
        return ok || fail(err, ERROR_MEMORY, "no room for the answer");
    }
    if (!engine_session_map(c->session, &map, index, err))
        return false;
    value = json_object();
    ok = put(value, "width", json_integer((json_int_t)map.width)) &&
         put(value, "height", json_integer((json_int_t)map.height)) &&
         put(value, "min", real((double)map.min)) &&
         put(value, "max", real((double)map.max)) &&
         put(value, "mean_plus_bias", real(map.mean_plus_bias)) &&
         (!c->info.is_normalized ||
          put(value, "normalized_by",
              json_pack("{so so}", "mean", real(map.norm_mean), "deviation",
                        real(map.norm_deviation)))) &&
         put(value, "region",
             json_pack("{sf sf sf sf}", "x", map.region.x, "y", map.region.y,
                       "width", map.region.width, "height",
                       map.region.height)) &&
         (!c->ask->values || put(value, "values", map_values(&map)));
    if (!ok)
        json_decref(value);
    if (!ok || !put(object, "map", value))
        return fail(err, ERROR_MEMORY, "no room for the answer");

    if (!engine_session_box(c->session, &box, &found, index, c->ask->threshold,
                            err))
        return false;
    value =
        found
            ? json_pack("{sI sI sI sI ss so}", "x", (json_int_t)box.x, "y",
                        (json_int_t)box.y, "width", (json_int_t)box.width,
                        "height", (json_int_t)box.height, "rule", "paper",
                        "threshold",
                        json_real(round((double)c->ask->threshold * 1e6) / 1e6))
            : json_null();
    if (!put(object, "box", value))
        return fail(err, ERROR_MEMORY, "no room for the answer");
    return true;
}

static json_t *class_entry(const struct context *c,
                           const struct engine_class *class)
{
    json_t *entry = json_object();

    if (put(entry, "index", json_integer((json_int_t) class->index)) &&
        put(entry, "id", text(engine_class_id(c->engine, class->index))) &&
        put(entry, "label",
            text(engine_class_label(c->engine, class->index))) &&
        put(entry, "score", real((double)class->score)) &&
        put(entry, "logit", real((double)class->logit)))
        return entry;
    json_decref(entry);
    return NULL;
}

static bool is_asked(const struct context *c, size_t index)
{
    for (size_t i = 0; i < c->num_asked; i++)
        if (c->asked[i] == index)
            return true;
    return false;
}

static bool append_class(json_t *classes, struct context *c,
                         const struct engine_class *class, struct error *err)
{
    json_t *entry = class_entry(c, class);

    if (!entry || json_array_append_new(classes, entry) != 0)
        return fail(err, ERROR_MEMORY, "no room for the answer");
    if (c->each && is_asked(c, class->index))
        return put_evidence(entry, c, class->index, err);
    return true;
}

/* The best classes, then those asked for that are not among them. */
static bool put_classes(json_t *root, struct context *c, struct error *err)
{
    json_t *classes = json_array();

    if (!put(root, "classes", classes))
        return fail(err, ERROR_MEMORY, "no room for the answer");
    for (size_t k = 0; k < c->ask->top; k++)
        if (!append_class(classes, c, &c->top[k], err))
            return false;
    for (size_t i = 0; i < c->num_asked; i++) {
        struct engine_class class;
        bool listed = false;

        for (size_t k = 0; k < c->ask->top; k++)
            listed = listed || c->top[k].index == c->asked[i];
        if (listed)
            continue;
        engine_session_class(c->session, &class, c->asked[i]);
        if (!append_class(classes, c, &class, err))
            return false;
    }
    return true;
}

static bool put_picture(json_t *root, struct context *c, struct error *err)
{
    const struct image *image = engine_session_image(c->session);
    json_t *value = json_pack("{sI sI ss}", "width", (json_int_t)image->width,
                              "height", (json_int_t)image->height, "format",
                              image_format_name(image->format));

    if (!put(root, "image", value))
        return fail(err, ERROR_MEMORY, "no room for the answer");
    return true;
}

/* To the thousandth: what follows is noise. */
static json_t *milliseconds(double value)
{
    return real(round(value * 1000) / 1000);
}

static bool put_timing(json_t *root, struct context *c,
                       const struct cam_json_source *source, struct error *err)
{
    struct engine_timing t;
    json_t *value = json_object();
    bool ok;

    engine_session_timing(c->session, &t);
    ok = put(value, "queue", milliseconds(source->queue_ms)) &&
         put(value, "decode", milliseconds(t.decode)) &&
         put(value, "preprocess", milliseconds(t.preprocess)) &&
         put(value, "infer", milliseconds(t.infer)) &&
         put(value, "render", milliseconds(t.render));
    if (!ok)
        json_decref(value);
    if (!ok || !put(root, "timing_ms", value))
        return fail(err, ERROR_MEMORY, "no room for the answer");
    return true;
}

/* Puts the heatmap in front of the object's closing brace. Base64 goes into
 * the body directly: through a JSON string it would be copied three times and
 * searched for characters to escape. */
static bool splice_heatmap(struct buf *body, const struct buf *png,
                           struct error *err)
{
    static const char head[] = ",\"heatmap\":\"";
    size_t len = BASE64_ENCODE_RAW_LENGTH(png->len);

    if (!buf_reserve(body, len + sizeof head + 2, err))
        return false;
    memcpy(body->data + body->len - 1, head, sizeof head - 1);
    body->len += sizeof head - 2;
    base64_encode_raw((char *)body->data + body->len, png->len, png->data);
    body->len += len;
    memcpy(body->data + body->len, "\"}", 2);
    body->len += 2;
    return true;
}

static bool write_json(struct response *response, struct context *c,
                       json_t *root, const struct buf *png,
                       const struct cam_json_source *source, struct error *err)
{
    if ((source->file && !put(root, "file", text(source->file))) ||
        !put(root, "model", text(c->info.name)) ||
        !put(root, "method",
             c->info.refusal ? json_null() : json_string("cam")) ||
        !put(root, "scores", json_string(c->info.scores)) ||
        !put(root, "exclusive", json_boolean(c->info.is_exclusive)))
        return fail(err, ERROR_MEMORY, "no room for the answer");
    if (!put_picture(root, c, err) || !put_classes(root, c, err))
        return false;
    if (!put(root, "class", json_integer((json_int_t)c->asked[0])) ||
        (c->info.refusal && !put(root, "refusal", text(c->info.refusal))))
        return fail(err, ERROR_MEMORY, "no room for the answer");
    if (!put_evidence(root, c, c->asked[0], err) ||
        !put_timing(root, c, source, err))
        return false;
    if (png->len == 0 && !put(root, "heatmap", json_null()))
        return fail(err, ERROR_MEMORY, "no room for the answer");
    /* A guess that is nearly always right: the rest is under 4 KB. */
    if (!buf_reserve(&response->body, BASE64_ENCODE_RAW_LENGTH(png->len) + 4096,
                     err) ||
        !dump(response, root, err))
        return false;
    if (png->len > 0 && !splice_heatmap(&response->body, png, err))
        return false;
    return buf_append(&response->body, "\n", 1, err);
}

static bool context_init(struct context *c, struct engine_session *session,
                         const struct engine *engine, const struct ask *ask,
                         struct error *err)
{
    *c = (struct context){.session = session, .engine = engine, .ask = ask};
    engine_info(engine, &c->info);
    c->top = calloc(ask->top, sizeof *c->top);
    if (!c->top)
        return fail(err, ERROR_MEMORY, "no room for %zu classes", ask->top);
    engine_session_top(session, c->top, ask->top);
    expand(c);
    return true;
}

bool cam_json_write(struct response *response, struct engine_session *session,
                    const struct engine *engine, const struct ask *ask,
                    const struct cam_json_source *source, struct error *err)
{
    struct context c = {0};
    struct buf *png = engine_session_scratch(session);
    json_t *root = NULL;
    bool ok = false;

    if (!context_init(&c, session, engine, ask, err))
        goto out;
    root = json_object();
    if (!root) {
        fail(err, ERROR_MEMORY, "no room for the answer");
        goto out;
    }
    if (ask->heatmap != ASK_NONE && !c.info.refusal &&
        !engine_session_heatmap(session, png, c.asked[0], &ask->style, err))
        goto out;
    ok = write_json(response, &c, root, png, source, err);
out:
    json_decref(root);
    free(c.top);
    return ok;
}

#include "server/api/cam_json.h"

#include <string.h>

#include "server/api/channels_json.h"
#include "server/api/explain_options.h"
#include "server/api/parts_json.h"
#include "server/http/json.h"

static json_t *check_list(const struct explain_map *map)
{
    json_t *list = json_array();

    for (size_t i = 0; i < map->num_checks; i++) {
        const struct explain_check *check = &map->checks[i];

        if (json_array_append_new(
                list, json_pack("{ss so so so}", "name", check->name,
                                "expected", real(check->expected), "found",
                                real(check->found), "difference",
                                real(check->found - check->expected))) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

/* The check of class activation maps is a member of the map, too. */
static bool put_sum(json_t *object, const struct explain_map *map)
{
    for (size_t i = 0; i < map->num_checks; i++)
        if (strcmp(map->checks[i].name, "mean_plus_bias") == 0)
            return put(object, "mean_plus_bias", real(map->checks[i].found));
    return true;
}

/* null where there is no map. */
static json_t *map_object(const struct explained_class *class,
                          const struct explain_request *request)
{
    static const char *const kinds[] = {
#define X(kind, name) [kind] = name,
        EXPLAIN_MAP_KINDS(X)
#undef X
    };
    const struct explain_map *map = class->map;
    json_t *object = map ? json_object() : json_null();

    if (!map ||
        (put(object, "kind",
             json_string(kinds[class->is_refined ? EXPLAIN_MAP_OBJECT
                                                 : EXPLAIN_MAP_EVIDENCE])) &&
         put(object, "width", json_integer((json_int_t)map->width)) &&
         put(object, "height", json_integer((json_int_t)map->height)) &&
         put(object, "min", real((double)map->min)) &&
         put(object, "max", real((double)map->max)) && put_sum(object, map) &&
         put(object, "checks", check_list(map)) &&
         (!map->is_normalized ||
          put(object, "normalized_by",
              json_pack("{so so}", "mean", real(map->norm_mean), "deviation",
                        real(map->norm_deviation)))) &&
         put(object, "region", parts_json_region(&map->region)) &&
         parts_json_put_values(object, map->values, map->height, map->width,
                               request->values)))
        return object;
    json_decref(object);
    return NULL;
}

/* Rounded: further digits are those of the float. */
static json_t *share(float value)
{
    return json_real(round((double)value * 1e6) / 1e6);
}

/* How the box rule `object` came to its box, or why to that of another rule. */
static bool put_object_rule(json_t *object, const struct explained_class *class,
                            const struct explanation *explanation)
{
    static const char *const qualities[] = {
#define X(quality, name) [quality] = name,
        BOX_QUALITIES(X)
#undef X
    };
    const char *why =
        class->rule == BOX_OBJECT ? class->coarse : class->fallback;

    if (why && !put(object, "fallback", text(why)))
        return false;
    if (class->rule != BOX_OBJECT)
        return true;
    return put(object, "quality", json_string(qualities[class->quality])) &&
           put(object, "seed",
               json_string(object_seed_name(explanation->seed))) &&
           put(object, "layer", text(explanation->stage->name));
}

static json_t *box_object(const struct explained_class *class,
                          const struct explanation *explanation)
{
    const struct box *box = &class->box;
    json_t *object;

    if (!class->has_box)
        return json_null();
    object = json_pack(
        "{sI sI sI sI ss so}", "x", (json_int_t)box->x, "y", (json_int_t)box->y,
        "width", (json_int_t)box->width, "height", (json_int_t)box->height,
        "rule", box_rule_name(class->rule), "threshold", share(box->threshold));
    if (object && put_object_rule(object, class, explanation))
        return object;
    json_decref(object);
    return NULL;
}

/* null where there is no map. */
static json_t *box_list(const struct explained_class *class)
{
    json_t *list = class->map ? json_array() : json_null();

    for (size_t i = 0; i < class->num_boxes; i++) {
        const struct box *box = &class->boxes[i];

        if (json_array_append_new(
                list,
                json_pack("{sI sI sI sI so}", "x", (json_int_t)box->x, "y",
                          (json_int_t)box->y, "width", (json_int_t)box->width,
                          "height", (json_int_t)box->height, "share",
                          share(box->share))) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

/* Puts "map" and "box" of a class into `object`, and "boxes" and "channels" if
 * they are asked for. */
static bool put_evidence(json_t *object, const struct explained_class *class,
                         const struct explanation *explanation,
                         const struct explain_request *request)
{
    return put(object, "map", map_object(class, request)) &&
           put(object, "box", box_object(class, explanation)) &&
           (request->box.most < 2 || put(object, "boxes", box_list(class))) &&
           (!class->channels ||
            put(object, "channels",
                channels_json(class->channels, request->values)));
}

/* Whether each explained class has its map and box in the list. */
static bool lists_evidence(const struct explain_request *request)
{
    return request->num_classes > 1 ||
           (request->num_classes == 1 && request->classes[0] == EXPLAIN_TOP);
}

static json_t *class_entry(const struct engine *engine,
                           const struct explained_class *explained,
                           const struct explanation *explanation,
                           const struct explain_request *request)
{
    const struct engine_class *class = &explained->class;
    json_t *entry = json_object();

    if (put(entry, "index", json_integer((json_int_t) class->index)) &&
        put(entry, "id", text(engine_class_id(engine, class->index))) &&
        put(entry, "label", text(engine_class_label(engine, class->index))) &&
        put(entry, "score", real((double)class->score)) &&
        put(entry, "logit", real((double)class->logit)) &&
        (!explained->is_asked || !lists_evidence(request) ||
         put_evidence(entry, explained, explanation, request)))
        return entry;
    json_decref(entry);
    return NULL;
}

json_t *cam_json_classes(const struct engine *engine,
                         const struct explanation *explanation,
                         const struct explain_request *request)
{
    json_t *classes = json_array();

    for (size_t i = 0; i < explanation->num_classes; i++)
        if (json_array_append_new(classes,
                                  class_entry(engine, &explanation->classes[i],
                                              explanation, request)) != 0) {
            json_decref(classes);
            return NULL;
        }
    return classes;
}

/* ---- what was done ---- */

static json_t *number_of(const void *field, size_t size, bool is_share)
{
    uint32_t number;
    float share;

    if (is_share) {
        memcpy(&share, field, size);
        return real((double)share);
    }
    memcpy(&number, field, size);
    return json_integer((json_int_t)number);
}

/* The parameters that the method has. */
static json_t *parameter_object(const struct explain_method *method,
                                const struct explain_request *request)
{
    enum { NUMBER, SHARE };
    json_t *object = json_object();
    bool ok = true;
    char name[32];

#define X(parameter, field, kind, flag, ...)                 \
    request_options_name(name, flag);                        \
    if (ok && (method->parameters & EXPLAIN_HAS(parameter))) \
        ok = put(object, name,                               \
                 number_of(&request->parameters.field,       \
                           sizeof request->parameters.field, kind == SHARE));
    EXPLAIN_PARAMETERS(X)
#undef X
    if (ok)
        return object;
    json_decref(object);
    return NULL;
}

/* All that is needed to make the map again; null without a map. */
static json_t *explanation_object(const struct explanation *explanation,
                                  const struct explain_request *request)
{
    const struct explain_method *method = explanation->method;
    const struct explain_map *map = explanation->first->map;
    json_t *object = method && map ? json_object() : json_null();

    if (!method || !map ||
        (put(object, "title", json_string(method->title)) &&
         put(object, "layer", parts_json_layer(explanation->layer)) &&
         put(object, "target", json_string(target_name(request->target))) &&
         put(object, "against",
             request->target == TARGET_MARGIN
                 ? json_integer((json_int_t)request->against)
                 : json_null()) &&
         put(object, "parameters", parameter_object(method, request)) &&
         put(object, "passes", json_integer((json_int_t)explanation->passes)) &&
         put(object, "reason", text(explanation->reason)) &&
         put(object, "checks", check_list(map))))
        return object;
    json_decref(object);
    return NULL;
}

/* Everything except the heatmap, if there is one. */
static json_t *describe(const struct engine *engine,
                        const struct explanation *explanation,
                        const struct explain_request *request,
                        const struct cam_json_source *source)
{
    const struct explained_class *first = explanation->first;
    struct engine_info info;
    json_t *root = json_object();

    engine_info(engine, &info);
    if ((!source->file || put(root, "file", text(source->file))) &&
        (!source->id || put(root, "id", json_deep_copy(source->id))) &&
        put(root, "model", text(info.name)) &&
        put(root, "method",
            text(explanation->method ? explain_method_name(explanation->method)
                                     : NULL)) &&
        put(root, "explanation", explanation_object(explanation, request)) &&
        put(root, "scores", text(info.scores)) &&
        put(root, "exclusive", json_boolean(info.is_exclusive)) &&
        put(root, "image", parts_json_image(explanation->image)) &&
        put(root, "classes", cam_json_classes(engine, explanation, request)) &&
        put(root, "class", json_integer((json_int_t)first->class.index)) &&
        (!explanation->refusal ||
         put(root, "refusal", text(explanation->refusal))) &&
        put_evidence(root, first, explanation, request) &&
        put(root, "timing_ms",
            parts_json_timing(&explanation->timing, source->queue_ms)) &&
        (explanation->heatmap->len > 0 || put(root, "heatmap", json_null())))
        return root;
    json_decref(root);
    return NULL;
}

json_t *cam_json_object(const struct engine *engine,
                        const struct explanation *explanation,
                        const struct explain_request *request,
                        const struct cam_json_source *source)
{
    json_t *root = describe(engine, explanation, request, source);

    if (root && (explanation->heatmap->len == 0 ||
                 put(root, "heatmap", parts_json_base64(explanation->heatmap))))
        return root;
    json_decref(root);
    return NULL;
}

bool cam_json_write(struct response *response, const struct engine *engine,
                    const struct explanation *explanation,
                    const struct explain_request *request,
                    const struct cam_json_source *source, struct error *err)
{
    const struct buf *png = explanation->heatmap;
    json_t *root = describe(engine, explanation, request, source);
    bool ok =
        root || fail(err, ERROR_MEMORY, "not enough memory for the response");

    /* Nearly always enough: the rest is under 4 KB. */
    ok = ok && buf_reserve(&response->body, png->len * 4 / 3 + 4096, err) &&
         dump(response, root, err) &&
         (png->len == 0 ||
          parts_json_splice(&response->body, "heatmap", "", png, err)) &&
         buf_append(&response->body, "\n", 1, err);
    json_decref(root);
    return ok;
}

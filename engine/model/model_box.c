#include "engine/model/model_box.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/model/labels.h"
#include "engine/model/model_members.h"

enum { MAX_TEXT_BYTES = 256 };

static bool read_number(float *number, const json_t *member, const char *name,
                        double min, double max, struct error *err)
{
    double value = json_number_value(member);

    *number = (float)value;
    return (json_is_number(member) && value >= min && value <= max) ||
           fail(err, ERROR_INPUT, "box.%s must be a number from %g to %g", name,
                min, max);
}

static bool read_text(char **copy, const json_t *found_on, const char *key,
                      struct error *err)
{
    const char *text = json_string_value(json_object_get(found_on, key));

    if (!text || !*text || strlen(text) > MAX_TEXT_BYTES ||
        !labels_is_text(text))
        return fail(err, ERROR_INPUT,
                    "box.found_on.%s must be a string of 1 to %d bytes without "
                    "control characters",
                    key, MAX_TEXT_BYTES);
    *copy = strdup(text);
    return *copy || fail(err, ERROR_MEMORY, "not enough memory for %zu bytes",
                         strlen(text));
}

static bool read_found_on(struct model_box *box, const json_t *found_on,
                          struct error *err)
{
    json_int_t photos = json_integer_value(json_object_get(found_on, "photos"));

    if (!json_is_object(found_on))
        return fail(err, ERROR_INPUT, "box.found_on must be an object");
    if (photos < 1)
        return fail(err, ERROR_INPUT,
                    "box.found_on.photos must be an integer of at least 1");
    box->photos = (uint64_t)photos;
    return read_text(&box->data, found_on, "data", err) &&
           read_text(&box->method, found_on, "method", err) &&
           read_number(&box->correct, json_object_get(found_on, "correct"),
                       "found_on.correct", 0, 1, err) &&
           read_number(&box->paper, json_object_get(found_on, "paper"),
                       "found_on.paper", 0, 1, err);
}

static bool read_shift(struct model_box *box, const json_t *shift,
                       struct error *err)
{
    if (json_array_size(shift) != 2)
        return fail(err, ERROR_INPUT,
                    "box.shift must be an array of two numbers");
    return read_number(&box->shift_x, json_array_get(shift, 0), "shift",
                       -MODEL_BOX_MAX_SHIFT, MODEL_BOX_MAX_SHIFT, err) &&
           read_number(&box->shift_y, json_array_get(shift, 1), "shift",
                       -MODEL_BOX_MAX_SHIFT, MODEL_BOX_MAX_SHIFT, err);
}

static bool check_keys(json_t *member, struct error *err)
{
    static const char *const known[] = {"threshold", "scale", "shift",
                                        "found_on"};

    return model_members_check(member, "box", known,
                               sizeof known / sizeof known[0], err);
}

bool model_box_read(struct model_box *box, const void *root, struct error *err)
{
    json_t *member = json_object_get(root, "box");

    *box = (struct model_box){0};
    if (!member || json_is_null(member))
        return true;
    if (!json_is_object(member))
        return fail(err, ERROR_INPUT, "box must be an object");
    box->is_given = true;
    return check_keys(member, err) &&
           read_number(&box->threshold, json_object_get(member, "threshold"),
                       "threshold", 0, MODEL_BOX_MAX_THRESHOLD, err) &&
           read_number(&box->scale, json_object_get(member, "scale"), "scale",
                       MODEL_BOX_MIN_SCALE, MODEL_BOX_MAX_SCALE, err) &&
           read_shift(box, json_object_get(member, "shift"), err) &&
           read_found_on(box, json_object_get(member, "found_on"), err);
}

/* Six digits: further ones are those of the float. */
static json_t *number(float value)
{
    return json_real(round((double)value * 1e6) / 1e6);
}

void *model_box_describe(const struct model_box *box)
{
    return json_pack("{so so s[oo] s{ss sI ss so so}}", "threshold",
                     number(box->threshold), "scale", number(box->scale),
                     "shift", number(box->shift_x), number(box->shift_y),
                     "found_on", "data", box->data, "photos",
                     (json_int_t)box->photos, "method", box->method, "correct",
                     number(box->correct), "paper", number(box->paper));
}

void model_box_release(struct model_box *box)
{
    free(box->data);
    free(box->method);
    *box = (struct model_box){0};
}

#include <stdio.h>
#include <string.h>

#include "engine/base/digits.h"
#include "engine/network/layers.h"

enum { MAX_NAMED = 4, LIST_TEXT = 200 };

/* The layers that a text means by one rule. */
struct choice {
    const struct layers *layers;
    const char *text;
    size_t len;
    size_t found[MAX_NAMED]; /* the first of them */
    size_t count;
};

static void add(struct choice *choice, size_t layer)
{
    for (size_t i = 0; i < choice->count && i < MAX_NAMED; i++)
        if (choice->found[i] == layer)
            return;
    if (choice->count < MAX_NAMED)
        choice->found[choice->count] = layer;
    choice->count++;
}

/* ---- names ---- */

/* Whether the text is the end of the first `len` bytes of a name; if it must
 * be components, only if one begins there. */
static bool is_end(const struct choice *choice, const char *name, size_t len,
                   bool components)
{
    const char *at;

    if (choice->len == 0 || choice->len > len)
        return false;
    at = name + len - choice->len;
    return memcmp(at, choice->text, choice->len) == 0 &&
           (!components || at == name || strchr("/.", at[-1]));
}

static void find_name(struct choice *choice)
{
    const struct layers *layers = choice->layers;

    for (size_t i = 0; i < layers->count; i++)
        if (strcmp(layers->list[i].name, choice->text) == 0)
            add(choice, i);
    for (size_t i = 0; i < layers->num_aliases; i++)
        if (strcmp(layers->aliases[i].name, choice->text) == 0)
            add(choice, layers->aliases[i].layer);
}

static void find_end_of_name(struct choice *choice, bool components)
{
    const struct layers *layers = choice->layers;

    for (size_t i = 0; i < layers->count; i++)
        if (is_end(choice, layers->list[i].name, strlen(layers->list[i].name),
                   components))
            add(choice, i);
    for (size_t i = 0; i < layers->num_aliases; i++)
        if (is_end(choice, layers->aliases[i].name,
                   strlen(layers->aliases[i].name), components))
            add(choice, layers->aliases[i].layer);
}

/* ---- modules ---- */

/* The length of the next longer path: `len` is 0, or that of a module that
 * contains the layer's or is it. Returns 0 after the layer's own. */
static size_t next_path(const char *module, size_t len)
{
    if (module[len] == '\0')
        return 0;
    len += len > 0;
    return len + strcspn(module + len, ".");
}

/* Whether the layer is made in the module with the first `len` bytes of
 * `path` as its path. */
static bool is_within(const struct layer *layer, const char *path, size_t len)
{
    return strncmp(layer->module, path, len) == 0 &&
           (layer->module[len] == '\0' || layer->module[len] == '.');
}

static size_t last_within(const struct layers *layers, const char *path,
                          size_t len)
{
    size_t i = layers->count;

    while (i > 0 && !is_within(&layers->list[i - 1], path, len))
        i--;
    return i - 1;
}

static void find_module(struct choice *choice)
{
    const struct layers *layers = choice->layers;

    for (size_t i = layers->count; i > 0 && choice->len > 0; i--)
        if (is_within(&layers->list[i - 1], choice->text, choice->len)) {
            add(choice, i - 1);
            return;
        }
}

static void find_end_of_module(struct choice *choice, bool components)
{
    const struct layers *layers = choice->layers;

    for (size_t i = 0; i < layers->count; i++) {
        const char *module = layers->list[i].module;
        size_t len = 0;

        while ((len = next_path(module, len)) > 0)
            if (is_end(choice, module, len, components))
                add(choice, last_within(layers, module, len));
    }
}

/* ---- the rules ---- */

static void by_name(struct choice *choice)
{
    find_name(choice);
}

static void by_module(struct choice *choice)
{
    find_module(choice);
}

static void by_components(struct choice *choice)
{
    find_end_of_name(choice, true);
    find_end_of_module(choice, true);
}

static void by_end(struct choice *choice)
{
    find_end_of_name(choice, false);
    find_end_of_module(choice, false);
}

/* Writes names such as "a", "b" and "c" to `text`. */
static const char *list_names(char text[LIST_TEXT], const struct layers *layers,
                              const size_t *which, size_t count)
{
    size_t len = 0;

    text[0] = '\0';
    for (size_t i = 0; i < count && len < LIST_TEXT; i++)
        len += (size_t)snprintf(text + len, LIST_TEXT - len, "%s\"%.60s\"",
                                i == 0          ? ""
                                : i + 1 < count ? ", "
                                                : " and ",
                                layers->list[which[i]].name);
    return text;
}

static bool refuse_unknown(const struct choice *choice, struct error *err)
{
    const struct layers *layers = choice->layers;
    size_t last[MAX_NAMED - 1], count = 0;
    char names[LIST_TEXT];

    for (size_t i = 0; i < layers->count; i++)
        if (is_end(choice, layers->list[i].begins,
                   strlen(layers->list[i].begins), true))
            return fail(err, ERROR_INPUT,
                        "\"%.60s\" is not a layer of its own: it is folded "
                        "into \"%.100s\"",
                        choice->text, layers->list[i].name);
    for (size_t i = layers->count; i > 0 && count < MAX_NAMED - 1; i--)
        last[count++] = i - 1;
    return fail(err, ERROR_INPUT,
                "no layer's name ends in \"%.60s\"; the last layers are %s",
                choice->text, list_names(names, layers, last, count));
}

bool layers_choose(size_t *index, const struct layers *layers, const char *text,
                   struct error *err)
{
    static void (*const rules[])(struct choice *) = {by_name, by_module,
                                                     by_components, by_end};
    struct choice choice = {
        .layers = layers, .text = text, .len = strlen(text)};
    char names[LIST_TEXT];
    uint64_t back;

    if (layers->count == 0)
        return fail(err, ERROR_INPUT, "the network has no feature maps");
    if (text[0] == '-' && digits_parse(&back, text + 1)) {
        if (back == 0 || back > layers->count)
            return fail(err, ERROR_INPUT,
                        "there is no layer %.20s; the first of the %zu layers "
                        "is -%zu, and the last is -1",
                        text, layers->count, layers->count);
        *index = layers->count - (size_t)back;
        return true;
    }
    for (size_t r = 0; r < sizeof rules / sizeof *rules; r++) {
        if (choice.count == 0)
            rules[r](&choice);
    }
    if (choice.count == 0)
        return refuse_unknown(&choice, err);
    if (choice.count > 1)
        return fail(
            err, ERROR_INPUT,
            "%zu layers have a name that ends in \"%.60s\", such as %s",
            choice.count, text,
            list_names(names, layers, choice.found,
                       choice.count < MAX_NAMED ? choice.count : MAX_NAMED));
    *index = choice.found[0];
    return true;
}

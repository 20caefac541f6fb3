/* The options of a request, "name=value&name=value": from a query, each value
 * at once, or from a form, in pieces. Both ways they must come to the same. The
 * same text is read by the tables of all routes. */

#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "server/api/activations_options.h"
#include "server/api/ascend_options.h"
#include "server/api/exemplars_options.h"
#include "server/api/explain_options.h"
#include "server/api/filters_options.h"
#include "tests/unit/fake_engine.h"

enum { PIECE = 3 };

static bool add(struct params *params, const uint8_t *name, size_t name_len,
                const uint8_t *value, size_t value_len, size_t piece,
                struct error *err)
{
    if (!params_begin(params, (const char *)name, name_len, err))
        return false;
    while (value_len > 0) {
        size_t len = value_len < piece ? value_len : piece;

        if (!params_extend(params, (const char *)value, len, err))
            return false;
        value += len;
        value_len -= len;
    }
    return true;
}

static bool split(struct params *params, const uint8_t *bytes, size_t len,
                  size_t piece, struct error *err)
{
    const uint8_t *end = bytes + len;

    while (bytes < end) {
        const uint8_t *stop = memchr(bytes, '&', (size_t)(end - bytes));
        const uint8_t *equals;

        if (!stop)
            stop = end;
        equals = memchr(bytes, '=', (size_t)(stop - bytes));
        if (!add(params, bytes, (size_t)((equals ? equals : stop) - bytes),
                 equals ? equals + 1 : stop,
                 equals ? (size_t)(stop - equals - 1) : 0, piece, err))
            return false;
        bytes = stop < end ? stop + 1 : end;
    }
    return true;
}

static void expect(bool truth)
{
    if (!truth)
        __builtin_trap();
}

static void check(const struct explain_request *asked)
{
    expect(asked->top >= 1 && asked->top <= FAKE_CLASSES);
    expect(asked->num_classes <= EXPLAIN_MAX_CLASSES);
    for (size_t i = 0; i < asked->num_classes; i++)
        expect(asked->classes[i] < FAKE_CLASSES ||
               asked->classes[i] == EXPLAIN_TOP);
    expect(asked->box.threshold >= 0 && asked->box.threshold <= 1);
    expect(asked->style.alpha >= 0 && asked->style.alpha <= 1);
    expect(asked->style.max_side <= EXPLAIN_OPTIONS_MAX_SIDE);
}

static void check_activations(const struct params *params,
                              const struct engine *engine)
{
    struct engine_activations_request asked;
    struct error err = {0};
    bool ok =
        activations_options_parse(&asked, params, engine, true, true, &err);

    expect(ok == (err.kind == ERROR_NONE));
    if (!ok)
        return;
    expect(asked.choice.num_channels <= ACTIVATIONS_MAX);
    expect(asked.choice.top >= 1 && asked.choice.top <= ACTIVATIONS_MAX);
    expect(asked.style.size >= ACTIVATIONS_MIN_SIZE &&
           asked.style.size <= ACTIVATIONS_MAX_SIZE);
    expect(asked.style.alpha >= 0 && asked.style.alpha <= 1);
}

static void check_filters(const struct params *params,
                          const struct engine *engine)
{
    struct engine_filters_request asked;
    struct error err = {0};
    bool ok = filters_options_parse(&asked, params, engine, true, &err);

    expect(ok == (err.kind == ERROR_NONE));
    if (!ok)
        return;
    expect(asked.style.top >= 1 && asked.style.top <= FILTERS_MAX_SHOWN);
    expect(asked.style.inputs >= 1 && asked.style.inputs <= FILTERS_MAX_INPUTS);
    expect(asked.style.size >= FILTERS_MIN_SIZE &&
           asked.style.size <= FILTERS_MAX_SIZE);
}

static void check_ascend(const struct params *params,
                         const struct engine *engine)
{
    struct engine_ascend_request asked;
    struct error err = {0};
    bool ok = ascend_options_parse(&asked, params, engine, true, &err);

    expect(ok == (err.kind == ERROR_NONE));
    if (!ok)
        return;
    expect(asked.method < PAINTING_NUM_METHODS);
    expect(!asked.target.is_class || asked.target.class_index < FAKE_CLASSES);
    expect(asked.steps >= 1 && asked.steps <= ASCEND_MAX_STEPS);
    expect(asked.every >= 1 && asked.every <= ASCEND_MAX_STEPS);
    expect(asked.size == 0 ||
           (asked.size >= ASCEND_MIN_SIZE && asked.size <= ASCEND_MAX_SIZE));
    expect(asked.shift <= ENGINE_ASCEND_MAX_SHIFT);
    expect(asked.turn <= ENGINE_ASCEND_MAX_TURN);
    expect(asked.scale >= 0 && asked.scale <= 1);
    expect(asked.rate >= 0 && asked.rate <= 1);
    expect(asked.near >= 0 && asked.near <= 1);
}

static void check_exemplars(const struct params *params,
                            const struct engine *engine)
{
    struct exemplars_request asked;
    struct error err = {0};
    bool ok = exemplars_options_parse(&asked, params, engine, &err);

    expect(ok == (err.kind == ERROR_NONE));
    if (!ok || !asked.is_one)
        return;
    expect(asked.layer < engine_layers(engine)->count);
    expect(asked.channel < engine_layers(engine)->list[asked.layer].channels);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static const size_t pieces[] = {SIZE_MAX, PIECE};
    static const struct engine engine = {0};
    bool ok[2];
    struct explain_request asked[2];
    struct params params[2] = {{{0}}};

    memset(asked, 0, sizeof asked);
    for (int i = 0; i < 2; i++) {
        struct error err = {0};

        ok[i] =
            split(&params[i], bytes, len, pieces[i], &err) &&
            explain_options_parse(&asked[i], &params[i], NULL, true, &err) &&
            explain_options_parse(&asked[i], &params[i], &engine, true, &err);
        expect(ok[i] == (err.kind == ERROR_NONE));
        if (ok[i])
            check(&asked[i]);
    }
    expect(ok[0] == ok[1] && asked[0].top == asked[1].top &&
           asked[0].num_classes == asked[1].num_classes);
    for (int i = 0; i < 2; i++) {
        check_activations(&params[i], &engine);
        check_ascend(&params[i], &engine);
        check_filters(&params[i], &engine);
        check_exemplars(&params[i], &engine);
        params_release(&params[i]);
    }
    return 0;
}

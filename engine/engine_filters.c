#include "engine/engine_filters.h"

#include "engine/engine_internal.h"

static bool find(struct filters *filters, const struct engine *engine,
                 const struct engine_filters_request *request,
                 struct error *err)
{
    struct network folded = {0}, unfolded = {0};
    bool ok =
        variants_read(engine->variants, &folded, NETWORK_FOLD, err) &&
        (request->is_folded ||
         variants_read(engine->variants, &unfolded, NETWORK_INFER, err)) &&
        filters_find(filters, &folded, request->is_folded ? NULL : &unfolded,
                     request->layer, err);

    network_release(&folded);
    network_release(&unfolded);
    return ok;
}

bool engine_filters_find(struct engine_filters *found,
                         const struct engine *engine,
                         const struct engine_filters_request *request,
                         struct error *err)
{
    const struct layers *layers = &engine->network.layers;
    struct filters_style style = request->style;
    bool ok = find(&found->filters, engine, request, err);

    style.is_bgr = engine->model_dir.input.bgr;
    if (ok && found->filters.layer != FILTERS_FIRST)
        found->layer = &layers->list[found->filters.layer];
    if (ok)
        found->is_coloured = filters_is_coloured(&found->filters, &style);
    ok = ok && (!request->has_sheet ||
                filters_draw(&found->filters, &found->sheet, &style, err));
    if (!ok)
        engine_filters_release(found);
    return ok;
}

void engine_filters_release(struct engine_filters *found)
{
    filters_release(&found->filters);
    buf_release(&found->sheet);
    *found = (struct engine_filters){0};
}

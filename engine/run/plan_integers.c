/* Which layers of a plan compute with integers, and what is left to them. */

#include <stdlib.h>

#include "engine/run/plan_internal.h"

bool plan_computes_integers(const struct plan_integers *integers,
                            const struct graph *graph,
                            const struct graph_node *node)
{
    return integers->everywhere ? plan_suits_int8(graph, node, integers->exact)
                                : dense_int8_supports(graph, node) &&
                                      dense_int8_is_exact(graph, node);
}

/* The roundings of a quantized network that only such layers take. */
bool plan_find_idle(struct plan *plan, const uint32_t *readers,
                    struct error *err)
{
    const struct graph *graph = plan->graph;
    uint32_t *rounded = calloc(graph->num_nodes + 1, sizeof *rounded);

    plan->idle = calloc(graph->num_nodes + 1, sizeof *plan->idle);
    if (!rounded || !plan->idle) {
        free(rounded);
        return fail(err, ERROR_MEMORY, "not enough memory for a plan");
    }
    for (size_t s = 0; s < plan->num_steps; s++) {
        const struct plan_step *step = &plan->steps[s];
        const struct graph_node *grid =
            step->runner == PLAN_DENSE_INT8
                ? dense_int8_grid(graph, &graph->nodes[step->first])
                : NULL;
        size_t n = grid ? (size_t)(grid - graph->nodes) : 0;

        if (grid)
            plan->idle[n] = ++rounded[n] == readers[grid->outputs[0]];
    }
    free(rounded);
    return true;
}

/* wherefore model info and wherefore model check: print an inspection. */

#include <stdio.h>

#include "cli/cmd_model.h"
#include "cli/cmd_model_json.h"
#include "cli/complain.h"
#include "engine/network/inspect.h"

enum {
    DEFAULT_RUNS = 10,
    MAX_RUNS = 10000,
    MAX_LINES =
        20, /* of plain kernels; only the number of the others is printed */
};

struct look {
    struct cmd_model_look common;
    uint32_t num_runs;
};

static const char help_tail[] =
    "\n"
    "Exit status: 0 the network can be used, 1 it cannot, 2 the command line\n"
    "is wrong.\n";

static const struct option rows[] = {
    {OPTION_NUMBER, "runs", "N", "number of runs to measure", .min = 1,
     .max = MAX_RUNS, OPTION_FIELD(struct look, num_runs)}, /* for `info` */
    CMD_MODEL_LOOK_ROWS,
};

enum { NUM_ROWS = sizeof rows / sizeof rows[0] };

/* ---- text ---- */

static void print_problems(const struct inspection *inspection)
{
    size_t num_nodes = 0;

    for (const struct graph_problem *p = inspection->problems.first; p;
         p = p->next) {
        bool is_node = *p->onnx_op;

        fputs(is_node ? "node \"" : "input \"", stdout);
        complain_print(stdout, p->node);
        fputs(is_node ? "\" (" : "\"", stdout);
        complain_print(stdout, p->onnx_op);
        fputs(is_node ? "): " : ": ", stdout);
        complain_print(stdout, p->why.text);
        putchar('\n');
        num_nodes += is_node;
    }
    if (inspection->failure.kind != ERROR_NONE) {
        complain_print(stdout, inspection->failure.text);
        putchar('\n');
    }
    if (num_nodes > 0)
        printf("%zu of %zu nodes are not supported", num_nodes,
               inspection->file.num_nodes);
    if (inspection->problems.num_blocked > 0)
        printf("%s%zu %s depend on these and were not checked",
               num_nodes > 0 ? "; " : "", inspection->problems.num_blocked,
               num_nodes > 0 ? "more" : "nodes");
    if (inspection->problems.count > 0)
        putchar('\n');
}

static void print_supported(const struct inspection *inspection)
{
    size_t count = inspection->file.num_nodes - inspection->num_left_out;

    if (inspection->num_left_out == 0) {
        printf("all %zu nodes are supported\n", count);
        return;
    }
    printf("all %zu nodes that the output \"", count);
    complain_print(stdout, inspection->output);
    printf("\" needs are supported; %zu more %s not needed\n",
           inspection->num_left_out,
           inspection->num_left_out == 1 ? "is" : "are");
}

static void print_file(const struct onnx_summary *file)
{
    printf("producer   ");
    complain_print(stdout, *file->producer ? file->producer : "(unknown)");
    printf(", opset %lld\n", (long long)file->opset);
    cmd_model_print_values("input", file->inputs, file->num_inputs);
    cmd_model_print_values("output", file->outputs, file->num_outputs);
    printf("nodes      %zu:", file->num_nodes);
    for (size_t i = 0; i < file->num_ops; i++) {
        printf("%s %zu ", i > 0 ? "," : "", file->ops[i].count);
        complain_print(stdout, file->ops[i].name);
    }
    printf("\nweights    %.2f million, %.1f MB\n",
           (double)file->num_weights / 1e6, (double)file->weight_bytes / 1e6);
}

static void print_kernels(const struct inspection *inspection)
{
    double total = 0;
    size_t num_printed = 0;

    for (size_t s = 0; s < inspection->num_steps; s++)
        total += inspection->steps[s].ms;
    for (size_t s = 0; s < inspection->num_steps; s++) {
        const struct inspect_step *step = &inspection->steps[s];

        if (step->runner != PLAN_KERNEL || num_printed++ >= MAX_LINES)
            continue;
        printf("  %8.3f ms %5.1f %%  ", step->ms,
               total > 0 ? 100 * step->ms / total : 0);
        complain_print(stdout, step->node);
        printf(" (%s)\n", step->onnx_op);
    }
    if (num_printed > MAX_LINES)
        printf("  and %zu more\n", num_printed - MAX_LINES);
}

static void print_count(size_t count, const char *what)
{
    printf("%zu %s%s", count, what, count == 1 ? "" : "s");
}

/* Prints which output is served, unless that is the whole file. */
static void print_served(const struct inspection *inspection)
{
    if (inspection->file.num_outputs == 1 && inspection->num_left_out == 0)
        return;
    printf("served     ");
    complain_print(stdout, inspection->output);
    printf("; it does not need ");
    print_count(inspection->num_left_out, "node");
    putchar('\n');
}

static void print_costs(const struct inspection *inspection)
{
    print_served(inspection);
    printf("head       %s, %zu %s, scores by %s\n", inspection->head,
           inspection->num_classes,
           inspection->num_classes == 1 ? "class" : "classes",
           inspection->scores);
    if (inspection->refusal)
        printf("maps       none: %s\n", inspection->refusal);
    else
        printf("maps       %zu x %zu cells of %zu features (width x height)\n",
               inspection->map_width, inspection->map_height,
               inspection->num_features);
    if (inspection->is_normalized)
        printf("           scaled differently for each image: the pooled "
               "features are normalized\n");
    printf("work       %.3f billion multiply-adds per image of %zu x %zu\n",
           (double)inspection->macs / 1e9, inspection->input_width,
           inspection->input_height);
    printf("time       %.2f ms per run on one thread; loaded in %.0f ms\n",
           inspection->run_ms, inspection->load_ms);
    printf("precision  fp32; int8 is possible for %zu of %zu nodes\n",
           inspection->num_int8, inspection->num_nodes);
    if (inspection->session_bytes > 0)
        printf("memory     %.1f MB per session\n",
               (double)inspection->session_bytes / 1e6);
    printf("steps      ");
    print_count(inspection->num_run_by[PLAN_XNNPACK], "XNNPACK runtime");
    printf(" (of %s), ", inspection->runtime);
    print_count(inspection->num_run_by[PLAN_DEPTHWISE], "depthwise kernel");
    printf(", ");
    if (inspection->num_run_by[PLAN_DENSE] > 0) {
        print_count(inspection->num_run_by[PLAN_DENSE], "dense kernel");
        printf(", ");
    }
    if (inspection->num_run_by[PLAN_DENSE_INT8] > 0) {
        print_count(inspection->num_run_by[PLAN_DENSE_INT8], "int8 kernel");
        printf(", ");
    }
    print_count(inspection->num_run_by[PLAN_KERNEL], "plain kernel");
    if (inspection->num_run_by[PLAN_KERNEL] > 0)
        printf(" with %.1f %% of the time:", 100 * inspection->kernel_share);
    putchar('\n');
    print_kernels(inspection);
}

/* ---- the commands ---- */

/* Opens the inspection; or returns false with *status set. */
static bool begin(struct inspection *inspection, struct look *look, int *status,
                  int argc, char **argv, bool is_info, const char *help_head)
{
    const struct option *first = is_info ? rows : rows + 1;
    size_t count = is_info ? NUM_ROWS : NUM_ROWS - 1;
    struct error err = {0};

    if (!cmd_model_parse(&look->common.call, first, count, argc, argv, &err)) {
        *status = cmd_model_complain(argv[0], NULL, &err);
        return false;
    }
    if (look->common.call.help) {
        options_print_manual(stdout, help_head, first, count, look, help_tail);
        *status = CMD_MODEL_OK;
        return false;
    }
    if (!inspect_open(inspection, look->common.call.file, &look->common.options,
                      &err)) {
        *status = cmd_model_complain(argv[0], look->common.call.file, &err);
        return false;
    }
    *status = inspect_can_run(inspection) ? CMD_MODEL_OK : CMD_MODEL_FAILED;
    return true;
}

static int finish(struct inspection *inspection, int status, const char *name,
                  const char *file, const struct error *err)
{
    inspect_release(inspection);
    if (err->kind == ERROR_NONE)
        return status;
    return cmd_model_complain(name, file, err);
}

int cmd_model_check(int argc, char **argv)
{
    struct inspection inspection = {0};
    struct look look = {0};
    struct error err = {0};
    int status;

    if (!begin(
            &inspection, &look, &status, argc, argv, false,
            "usage: wherefore model check FILE.onnx [OPTION...]\n"
            "\n"
            "Lists every node of a network that is not supported, and why,\n"
            "and anything else that keeps it from being used. FILE may also\n"
            "be a model folder.\n"
            "\n"))
        return status;
    if (look.common.json) {
        (void)!cmd_model_json_print(look.common.call.file, &inspection, false,
                                    &err);
    } else {
        print_problems(&inspection);
        if (inspect_can_run(&inspection))
            print_supported(&inspection);
    }
    return finish(&inspection, status, argv[0], look.common.call.file, &err);
}

int cmd_model_info(int argc, char **argv)
{
    struct inspection inspection = {0};
    struct look look = {.num_runs = DEFAULT_RUNS};
    struct error err = {0};
    int status;

    if (!begin(&inspection, &look, &status, argc, argv, true,
               "usage: wherefore model info FILE.onnx [OPTION...]\n"
               "\n"
               "Shows what a network is made of, whether it has class\n"
               "activation maps, and what a run of it costs. FILE may also be\n"
               "a model folder.\n"
               "\n"))
        return status;
    if (inspect_can_run(&inspection) &&
        !inspect_measure(&inspection, look.num_runs, &err))
        return finish(&inspection, status, argv[0], look.common.call.file,
                      &err);
    if (look.common.json) {
        (void)!cmd_model_json_print(look.common.call.file, &inspection, true,
                                    &err);
    } else {
        print_file(&inspection.file);
        if (inspect_can_run(&inspection))
            print_costs(&inspection);
        else
            print_problems(&inspection);
    }
    return finish(&inspection, status, argv[0], look.common.call.file, &err);
}

#define _POSIX_C_SOURCE 200809L
#include "driver/dump.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

double dump_clock(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void print_time(const Compilation *c, const char *stage, double seconds,
                       const char *remark) {
    if (c->options->time_passes) fprintf(stderr, "%10.3f ms  %s%s\n", 1e3 * seconds, stage, remark);
}

void dump_time(const Compilation *c, const char *stage, double start) {
    print_time(c, stage, dump_clock() - start, "");
}

static void write_dump(Dumper *dumper, const char *moment, const Pass *pass, const Graph *graph) {
    Compilation *c = dumper->compilation;
    if (dumper->pass && strcmp(dumper->pass, pass->name) != 0) return;
    StrBuf text = {0};
    graph_print(graph, &text);
    if (!c->options->dump_dir) {
        fprintf(stderr, "# %s %s\n%s", moment, pass->name, str_text(&text));
    } else {
        const char *path = arena_printf(c->arena, "%s/%02d-%s-%s.nnir", c->options->dump_dir,
                                        dumper->number++, moment, pass->name);
        OutputFile file = output_file(path, text.data, text.len, 0644);
        files_write(&file, 1, c->diag);
    }
    str_free(&text);
}

static void before_pass(void *data, const Pass *pass, const Graph *graph, int number) {
    Dumper *dumper = data;
    (void)number;
    if (dumper->any && dumper->before) write_dump(dumper, "before", pass, graph);
}

static void after_pass(void *data, const Pass *pass, const Graph *graph, int number, bool changed,
                       double seconds) {
    Dumper *dumper = data;
    (void)number;
    if (dumper->any && dumper->after) write_dump(dumper, "after", pass, graph);
    print_time(dumper->compilation, pass->name, seconds, changed ? "" : " (no change)");
}

void dump_defect(Compilation *c) {
    StrBuf text = {0};
    const char *name = path_base(path_with_extension(c->arena, c->options->file, ".defect.nnir"));
    const char *dir = c->options->dump_dir;
    const char *path = dir ? arena_printf(c->arena, "%s/%s", dir, name) : name;
    graph_print(c->graph, &text);
    OutputFile file = output_file(path, text.data, text.len, 0644);
    fprintf(stderr, "nnc: internal error: this is a defect in nnc, not in your input. ");
    if (files_write(&file, 1, c->diag))
        fprintf(stderr, "The graph was saved as '%s': please report it with the command line.\n",
                path);
    str_free(&text);
}

/* null: all passes, after; before:PASS, after:PASS, or PASS alone (after). */
static bool parse_dump(Compilation *c, Dumper *dumper) {
    const char *text = c->options->dump_ir;
    dumper->any = text || c->options->dump_all;
    dumper->after = true;
    if (!text) return true;
    if (strncmp(text, "before:", 7) == 0) {
        dumper->before = true;
        dumper->after = false;
        text += 7;
    } else if (strncmp(text, "after:", 6) == 0) {
        text += 6;
    }
    if (!pass_find(text)) {
        fprintf(stderr, "nnc: -dump-ir: no pass is called '%s'; -print-passes lists them\n", text);
        return fail(c, EXIT_USAGE);
    }
    dumper->pass = text;
    return true;
}

bool dump_inspector(Compilation *c, Dumper *dumper, PassInspector *inspector) {
    *dumper = (Dumper){.compilation = c};
    *inspector = (PassInspector){before_pass, after_pass, dumper, c->options->verify};
#ifndef NDEBUG
    inspector->verify = true;
#endif
    return parse_dump(c, dumper);
}

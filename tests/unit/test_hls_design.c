/* The tasks and channels of a design, and that the verifier refuses broken ones. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "codegen/hls/bounds.h"
#include "codegen/hls/design.h"
#include "codegen/lower/lower.h"
#include "frontend/dataio.h"
#include "frontend/frontend.h"
#include "passes/pass.h"

typedef struct Fixture {
    Arena *arena;
    Diag *diag;
    LProgram *program;
    HlsDesign *design;
} Fixture;

static const char residual[] =
    "network net(a: f32[1, 4, 6, 6], spare: i8[3]) -> (y: f32[1, 4, 6, 6], z: f32[1, 4, 6, 6]) {\n"
    "  b = conv2d(a, 4, kernel=3, pad=1)\n"
    "  y = relu(b + a)\n"
    "  z = conv2d(y, 4, kernel=3, pad=1)\n"
    "}\n";

static Fixture make(const char *text) {
    Fixture f = {.arena = arena_create()};
    const Pass *passes[64];
    FrontendOptions frontend = {0};
    TargetOptions options = {.prefix = "net"};
    TargetDesc desc;
    f.diag = diag_create(f.arena, NULL);
    Module *module = frontend_load_text("net.nn", text, strlen(text), &frontend, f.arena, f.diag);
    cr_assert(module, "%s", diag_text(f.diag));
    params_random(module->graph, 1);
    cr_assert(target_hls.describe(&options, &desc, f.arena, f.diag));
    Graph *graph = graph_clone(module->graph, NULL);
    PassContext context = {.module = module, .target = &desc, .diag = f.diag};
    cr_assert(passes_run(&context, graph, passes, passes_default(2, passes), NULL));
    f.program = lower_graph(graph, &desc, f.diag);
    cr_assert(f.program && plan_memory(f.program, f.diag), "%s", diag_text(f.diag));
    f.design = hls_design(f.program, &options, f.arena, f.diag);
    cr_assert(f.design, "%s", diag_text(f.diag));
    return f;
}

static HlsTask *task_of(const Fixture *f, const char *name) {
    for (size_t i = 0; i < f->design->tasks.len; i++) {
        if (strcmp(f->design->tasks.data[i].name, name) == 0) return &f->design->tasks.data[i];
    }
    cr_assert_fail("no task '%s'", name);
    return NULL;
}

static HlsChannel *channel_of(const Fixture *f, const char *name) {
    for (size_t i = 0; i < f->design->channels.len; i++) {
        HlsChannel *c = &f->design->channels.data[i];
        if (strcmp(c->name, name) == 0) return c;
    }
    cr_assert_fail("no channel '%s'", name);
    return NULL;
}

static void refused(Fixture *f, const char *why) {
    cr_expect(!hls_verify(f->design, f->diag), "not refused: %s", why);
    cr_expect(strstr(diag_text(f->diag), why), "no '%s' in: %s", why, diag_text(f->diag));
    arena_destroy(f->arena);
}

static LStmt *first_loop(const LBlock *block) {
    for (size_t i = 0; i < block->stmts.len; i++) {
        if (block->stmts.data[i]->kind == LS_FOR) return block->stmts.data[i];
    }
    cr_assert_fail("no loop");
    return NULL;
}

/* ---- what a design consists of ---------------------------------------------------------------- */

Test(hls_design, forks_stand_where_a_tensor_has_several_readers) {
    Fixture f = make(residual);
    HlsDesign *d = f.design;
    task_of(&f, "fork_a");
    cr_expect(channel_of(&f, "a")->input == 0 && channel_of(&f, "a")->elements == 144);
    cr_expect(channel_of(&f, "y")->output == 0 && channel_of(&f, "z")->output == 1);
    cr_expect(channel_of(&f, "y")->writer >= 0);
    HlsTask *writer = &d->tasks.data[channel_of(&f, "y")->writer];
    cr_expect(strncmp(writer->name, "fork_", 5) == 0, "%s", writer->name);
    cr_expect(d->inputs[0] >= 0 && d->inputs[1] == -1, "nobody reads 'spare'");
    cr_expect(hls_find_depths(d, f.diag), "%s", diag_text(f.diag));
    /* On the short way round the convolution a delay holds what that has to see first: here all.
     * Channels that are not a delay's need not be longer than any. */
    int delays = 0;
    for (size_t i = 0; i < d->channels.len; i++) {
        const HlsChannel *c = &d->channels.data[i];
        bool ends = false;
        for (int end = 0; end < 2; end++) {
            int task = end ? c->reader : c->writer;
            ends = ends || (task >= 0 && strncmp(d->tasks.data[task].name, "delay_", 6) == 0);
        }
        if (!ends) cr_expect_eq(c->depth, 2, "%s: %lld", c->name, (long long)c->depth);
    }
    for (size_t i = 0; i < d->tasks.len; i++) {
        const HlsTask *task = &d->tasks.data[i];
        if (strncmp(task->name, "delay_", 6) != 0) continue;
        delays++;
        const LBuffer *ring = task->kernel->buffers.data[task->kernel->buffers.len - 1];
        /* The images lie channel by channel: the convolution has to see all of its own. */
        cr_expect(dim_is(ring->dims[0], 144) && ring->fold[0] == 0, "%lld of them",
                  (long long)ring->fold[0]);
        cr_expect(hls_verify(d, f.diag), "%s", diag_text(f.diag));
    }
    cr_expect_eq(delays, 1);
    arena_destroy(f.arena);
}

Test(hls_design, names_keep_clear_of_each_other_and_of_c) {
    Fixture f = make("network net(double: f32[4]) -> (frame: f32[4], main: f32[4]) {\n"
                     "  frame = exp(double)\n"
                     "  main = dense(frame, 4)\n"
                     "}\n");
    for (size_t i = 0; i < f.design->channels.len; i++) {
        for (const char *const *word = hls_words; *word; word++) {
            cr_expect(strcmp(f.design->channels.data[i].name, *word) != 0, "%s", *word);
        }
    }
    cr_expect(hls_verify(f.design, f.diag));
    arena_destroy(f.arena);
}

Test(hls_design, loops_get_constant_bounds) {
    Fixture f = make("network net(a: f32[1, 2, 7, 9]) -> (y: f32[1, 2, 4, 5]) {\n"
                     "  y = max_pool2d(a, 3, stride=2, pad=1)\n"
                     "}\n");
    cr_expect(hls_verify(f.design, f.diag), "%s", diag_text(f.diag));
    arena_destroy(f.arena);
}

/* ---- what the verifier refuses ---------------------------------------------------------------- */

Test(hls_verify, two_readers) {
    Fixture f = make(residual);
    HlsTask *fork = task_of(&f, "fork_a");
    fork->channels[1] = fork->channels[2];
    refused(&f, "has 0 writers and 1 readers");
}

Test(hls_verify, unconnected_parameter) {
    Fixture f = make(residual);
    task_of(&f, "fork_a")->channels[0] = -1;
    refused(&f, "a parameter is not connected");
}

Test(hls_verify, memory_that_is_shared) {
    Fixture f = make(residual);
    task_of(&f, "fork_a")->kernel->params[0]->space = SPACE_GLOBAL;
    refused(&f, "'a' lies in shared memory");
}

Test(hls_verify, vectors) {
    Fixture f = make(residual);
    task_of(&f, "fork_a")->kernel->params[0]->elem.lanes = 4;
    refused(&f, "it has vectors or tiles");
}

Test(hls_verify, loops_of_other_machines) {
    Fixture f = make(residual);
    first_loop(&task_of(&f, "fork_a")->kernel->body)->loop = LOOP_GRID;
    refused(&f, "a loop is for another kind of machine");
}

Test(hls_verify, intervals) {
    Fixture f = make(residual);
    LStmt *loop = first_loop(&task_of(&f, "fork_a")->kernel->body);
    loop->loop = LOOP_PIPELINE;
    loop->interval = 0;
    refused(&f, "a loop's interval is below 1");
}

/* One sum of floats takes five cycles a step; the loop that says otherwise is not believed. */
Test(hls_verify, intervals_that_promise_too_much) {
    Fixture f = make("network net(a: f32[1, 99]) -> (y: f32[1]) {\n"
                     "  y = reduce_sum(a * a, axes=[1])\n"
                     "}\n");
    LStmt *loop = first_loop(&task_of(&f, "y_reduce")->kernel->body);
    cr_expect(loop->loop == LOOP_PIPELINE && loop->interval == 5, "%d", loop->interval);
    loop->interval = 4;
    refused(&f, "a loop's interval is shorter than its sums, memories and channels allow");
}

Test(hls_verify, sizes_that_symbols_decide) {
    Fixture f = make(residual);
    LBuffer *buffer = task_of(&f, "fork_a")->kernel->params[0];
    buffer->rank = 1;
    buffer->dims[0] = dim_symbol(f.program->module->dims, "N");
    refused(&f, "the size of 'a' is not constant");
}

Test(hls_verify, barriers) {
    Fixture f = make(residual);
    first_loop(&task_of(&f, "fork_a")->kernel->body)->body.stmts.data[0]->kind = LS_BARRIER;
    refused(&f, "a statement is for another kind of machine");
}

Test(hls_verify, equal_names) {
    Fixture f = make(residual);
    channel_of(&f, "z")->name = "fork_a";
    refused(&f, "two parts of the design are called 'fork_a'");
}

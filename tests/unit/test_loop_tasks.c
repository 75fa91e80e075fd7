/* Whole networks as tasks: every call of a lowered program becomes a task, tensors become channels,
 * and the outputs are those of the program. */
#include "ir/loop/stream.h"
#include "tests/unit/lower_fixture.h"

enum { MOST_TASKS = 256 };

typedef struct Design {
    Fixture *f;
    LProgram *program;
    LKernel *tasks[MOST_TASKS];
    LMemory *params[MOST_TASKS];
    size_t count;
    int *readers, *passed; /* by tensor: tasks that read it; those that have a channel already */
    int windows, directs;
} Design;

static void add_task(Design *d, LKernel *k, LMemory *params) {
    cr_assert(d->count < MOST_TASKS);
    cr_assert(lkernel_verify(k, d->program->module->dims, d->f->diag), "%s", diag_text(d->f->diag));
    d->tasks[d->count] = k;
    d->params[d->count++] = params;
}

static int64_t elements_of(const LTensor *t) {
    int64_t n;
    cr_assert(dim_is_int(t->elements, &n));
    return n;
}

static const char *channel(Design *d, const LTensor *t, int reader) {
    return d->readers[t->id] == 1 ? arena_printf(d->f->arena, "c%d", t->id)
                                  : arena_printf(d->f->arena, "c%d_%d", t->id, reader);
}

/* A tensor that several tasks read is copied; one that none reads is not written either. */
static void fork_tensor(Design *d, const LTensor *t) {
    const char *out[64];
    if (d->readers[t->id] < 2) return;
    for (int i = 0; i < d->readers[t->id]; i++) out[i] = channel(d, t, i);
    LKernel *k = lkernel_fork(d->program, "fork", t->dtype, elements_of(t),
                              arena_printf(d->f->arena, "c%d", t->id), out, d->readers[t->id]);
    add_task(d, k, arena_array(d->f->arena, LMemory, (size_t)k->nparams));
}

/* Between memory and a channel. */
static void move_tensor(Design *d, const LTensor *t, const char *name, void *data, bool in) {
    LBuilder b;
    LKernel *k = lkernel_create(d->program, in ? "source" : "sink", "", &b);
    LBuffer *memory =
        lb_param(&b, "m", SPACE_GLOBAL, t->dtype, 1, &t->elements, in ? ACCESS_READ : ACCESS_WRITE);
    LBuffer *fifo = lb_param(&b, name, SPACE_FIFO, t->dtype, 0, 0, in ? ACCESS_WRITE : ACCESS_READ);
    LStmt *loop = lb_for(&b, LOOP_SERIAL, "i", lx_int(&b, 0), lx_dim(&b, t->elements));
    LX i = lb_loop_var(&b, loop);
    if (in)
        lb_fifo_write(&b, fifo, lx_load(&b, memory, &i));
    else
        lb_store(&b, memory, &i, lb_let(&b, "v", lx_fifo_read(&b, fifo)), 0);
    lb_end(&b, loop);
    LMemory *params = arena_array(d->f->arena, LMemory, 2);
    params[0] = (LMemory){data, 0, elements_of(t)};
    add_task(d, k, params);
}

static void add_call(Design *d, const LCall *call) {
    const LKernel *k = call->kernel;
    const char **names = arena_array(d->f->arena, const char *, (size_t)k->nparams + 1);
    LMemory *params = arena_array(d->f->arena, LMemory, (size_t)k->nparams + 1);
    LStreamReport *report = arena_array(d->f->arena, LStreamReport, (size_t)k->nparams + 1);
    for (int i = 0; i < k->nparams; i++) {
        const LTensor *t = call->args[i];
        if (k->params[i]->space == SPACE_CONSTANT)
            params[i] = (LMemory){t->data->data, 0, elements_of(t)};
        else if (k->params[i]->access & ACCESS_WRITE)
            names[i] = arena_printf(d->f->arena, "c%d", t->id);
        else
            names[i] = channel(d, t, d->passed[t->id]++);
    }
    LExpandOptions expand = {.unroll = true};
    LKernel *s = lkernel_stream(d->program, k, "task", names, report);
    for (int i = 0; i < k->nparams; i++) {
        d->windows += report[i].mode == STREAM_WINDOW;
        d->directs += report[i].mode == STREAM_DIRECT;
    }
    s = lkernel_expand(d->program, s, &expand);
    add_task(d, s, params);
    for (int i = 0; i < k->nparams; i++)
        if (k->params[i]->access & ACCESS_WRITE) fork_tensor(d, call->args[i]);
}

static void count_readers(Design *d) {
    size_t n = d->program->tensors.len + 1;
    d->readers = arena_array(d->f->arena, int, n);
    d->passed = arena_array(d->f->arena, int, n);
    for (size_t i = 0; i < d->program->tensors.len; i++)
        d->readers[i] = d->program->tensors.data[i]->role == TENSOR_OUTPUT;
    for (size_t i = 0; i < d->program->calls.len; i++) {
        const LCall *call = &d->program->calls.data[i];
        for (int p = 0; p < call->kernel->nparams; p++)
            d->readers[call->args[p]->id] += call->kernel->params[p]->access == ACCESS_READ;
    }
}

static void make_design(Design *d, const Tensor *inputs, Tensor *outputs) {
    count_readers(d);
    for (size_t i = 0; i < d->program->tensors.len; i++) {
        const LTensor *t = d->program->tensors.data[i];
        if (t->role != TENSOR_INPUT || d->readers[t->id] == 0) continue;
        move_tensor(d, t, arena_printf(d->f->arena, "c%d", t->id), inputs[t->io].data, true);
        fork_tensor(d, t);
    }
    for (size_t i = 0; i < d->program->calls.len; i++) add_call(d, &d->program->calls.data[i]);
    for (size_t i = 0; i < d->program->tensors.len; i++) {
        const LTensor *t = d->program->tensors.data[i];
        if (t->role != TENSOR_OUTPUT) continue;
        move_tensor(d, t, channel(d, t, d->passed[t->id]++), outputs[t->io].data, false);
    }
}

static Tensor empty_like(Fixture *f, const TensorType *type) {
    int64_t dims[MAX_RANK];
    cr_assert(type_static_dims(type, dims));
    return tensor_new(f->arena, type->dtype, type->rank, dims);
}

/* Takes the network through tasks, with depths found for them. */
static void check_network(Fixture *f, Value *y, int windows, int directs) {
    Tensor inputs[4], expected[1], got[1];
    fixture_output(f, y);
    const Graph *g = f->module->graph;
    for (int i = 0; i < g->ninputs; i++) {
        inputs[i] = empty_like(f, &g->inputs[i]->type);
        fill_noise(&inputs[i], (uint64_t)i + 1);
    }
    got[0] = empty_like(f, &g->outputs[0]->type);
    Design d = {.f = f, .program = lower_graph(g, &test_targets[0], f->diag)};
    cr_assert(d.program, "%s", diag_text(f->diag));
    cr_assert_eq(lprogram_eval(d.program, inputs, expected, f->arena, 0, f->diag), LFAULT_NONE);
    make_design(&d, inputs, got);
    LDepths depths;
    cr_assert(ltasks_depths(d.tasks, d.count, d.program, 2, 3, f->arena, &depths, f->diag), "%s",
              diag_text(f->diag));
    for (size_t i = 0; i < depths.channels.len; i++) {
        LKernel *writer = d.tasks[depths.channels.data[i].writer];
        for (int p = 0; p < writer->nparams; p++)
            if (strcmp(writer->params[p]->name, depths.channels.data[i].name) == 0)
                writer->params[p]->depth = depths.channels.data[i].depth;
    }
    LFault fault = ltasks_eval(d.tasks, d.count, d.program->module->dims, d.params, 0, f->diag);
    cr_assert_eq(fault, LFAULT_NONE, "%s", diag_text(f->diag));
    cr_assert_eq(memcmp(expected[0].data, got[0].data, got[0].bytes), 0);
    cr_assert_geq(d.windows, windows, "%d windows", d.windows);
    cr_assert_geq(d.directs, directs, "%d direct", d.directs);
    arena_destroy(f->arena);
}

static Value *conv(Fixture *f, Value *x, const char *weight, int64_t stride, int64_t pad) {
    Value *operands[] = {x, fixture_weight(f, weight)};
    Attr attrs[] = {attr_ints("stride", 2, (int64_t[]){stride, stride}),
                    attr_ints("pad", 4, (int64_t[]){pad, pad, pad, pad})};
    return build_value(&f->b, OP_conv2d, 2, operands, 2, attrs);
}

Test(loop_tasks, residual_block) {
    Fixture f = fixture_create();
    Value *x = build1(&f.b, OP_relu, fixture_input(&f, "x", "f32[1, 4, 9, 7]"));
    Value *y = conv(&f, conv(&f, x, "f32[4, 4, 3, 3]", 1, 1), "f32[4, 4, 3, 3]", 1, 1);
    check_network(&f, build2(&f.b, OP_add, x, y), 0, 4);
}

Test(loop_tasks, strides) {
    Fixture f = fixture_create();
    Value *x = fixture_input(&f, "x", "f32[2, 3, 11, 9]");
    Value *y = conv(&f, conv(&f, x, "f32[5, 3, 3, 3]", 2, 1), "f32[4, 5, 1, 1]", 2, 0);
    check_network(&f, build1(&f.b, OP_tanh, y), 0, 2);
}

Test(loop_tasks, attention) {
    Fixture f = fixture_create();
    Value *x = fixture_input(&f, "x", "f32[6, 8]");
    Value *s = build2(&f.b, OP_matmul, x,
                      build1(&f.b, OP_transpose, x, attr_ints("perm", 2, (int64_t[]){1, 0})));
    check_network(&f, build2(&f.b, OP_matmul, build1(&f.b, OP_softmax, s, attr_int("axis", 1)), x),
                  1, 2);
}

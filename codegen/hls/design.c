/* The design: one task for each call of the program, one channel for each pair of writer and
 * reader; a tensor with several readers passes through a fork. */
#include <string.h>

#include "codegen/hls/bounds.h"
#include "codegen/hls/design.h"

/* Who writes and reads a tensor. */
typedef struct Reader {
    int task, param; /* task -1: the network's output */
} Reader;

typedef struct Traffic {
    int writer; /* task; -1: the network's input or nobody */
    int writer_param;
    VEC(Reader) readers;
} Traffic;

typedef struct Maker {
    HlsDesign *design;
    LProgram *program;
    Arena *arena;
    Diag *diag;
    Traffic *traffic; /* by tensor */
    int *task_of;     /* by call; -1: nobody wants what it writes */
    VEC(const char *) taken;
} Maker;

/* ---- names ----------------------------------------------------------------------------------- */

static bool is_taken(const Maker *b, const char *name) {
    for (size_t i = 0; i < b->taken.len; i++) {
        if (strcmp(b->taken.data[i], name) == 0) return true;
    }
    return false;
}

/* Of the file: functions, arrays, parameters of the top function. */
static const char *file_name(Maker *b, const char *wanted) {
    const char *base = abi_identifier(b->arena, wanted), *name = base;
    bool ours = strncmp(base, "nn_", 3) == 0 || strncmp(base, "NN_", 3) == 0;
    if (ours) name = base = arena_printf(b->arena, "t_%s", base);
    for (int n = 2; is_taken(b, name); n++) name = arena_printf(b->arena, "%s_%d", base, n);
    vec_push(b->arena, &b->taken, name);
    return name;
}

static void take_foreign_names(Maker *b) {
    for (const char *const *word = hls_words; *word; word++) vec_push(b->arena, &b->taken, *word);
    vec_push(b->arena, &b->taken, b->design->top);
}

/* Those that a design has already. */
static void take_names_of(Maker *b) {
    take_foreign_names(b);
    for (size_t i = 0; i < b->design->tasks.len; i++) {
        const HlsTask *task = &b->design->tasks.data[i];
        vec_push(b->arena, &b->taken, task->name);
        for (int p = 0; p < task->kernel->nparams; p++)
            if (task->names[p]) vec_push(b->arena, &b->taken, task->names[p]);
    }
}

/* ---- who reads what -------------------------------------------------------------------------- */

static bool writes(const LCall *call, int p) {
    return call->args[p]->role != TENSOR_WEIGHT &&
           (call->kernel->params[p]->access & ACCESS_WRITE) != 0;
}

static bool reads(const LCall *call, int p) {
    return call->args[p]->role != TENSOR_WEIGHT &&
           (call->kernel->params[p]->access & ACCESS_READ) != 0;
}

/* Numbers the calls that an output depends on; where sizes are 0 there are others. */
static void number_calls(Maker *b) {
    const LProgram *program = b->program;
    bool *wanted = arena_array(b->arena, bool, program->tensors.len + 1);
    b->task_of = arena_array(b->arena, int, program->calls.len + 1);
    for (size_t i = 0; i < program->tensors.len; i++) {
        wanted[i] = program->tensors.data[i]->role == TENSOR_OUTPUT;
    }
    for (size_t c = program->calls.len; c-- > 0;) {
        const LCall *call = &program->calls.data[c];
        bool live = false;
        for (int p = 0; p < call->kernel->nparams; p++) {
            const LTensor *tensor = call->args[p];
            live = live || (writes(call, p) && wanted[tensor->id] && !dim_is(tensor->elements, 0));
        }
        for (int p = 0; live && p < call->kernel->nparams; p++) {
            if (reads(call, p)) wanted[call->args[p]->id] = true;
        }
        b->task_of[c] = live ? 0 : -1;
    }
    int count = 0;
    for (size_t c = 0; c < program->calls.len; c++) {
        if (b->task_of[c] == 0) b->task_of[c] = count++;
    }
}

static void note_call(Maker *b, const LCall *call, int task) {
    for (int p = 0; p < call->kernel->nparams; p++) {
        LTensor *tensor = call->args[p];
        Traffic *traffic = &b->traffic[tensor->id];
        if (writes(call, p)) {
            if (traffic->writer >= 0 || tensor->role == TENSOR_INPUT) {
                die("'%s' is written by two kernels", tensor->name);
            }
            traffic->writer = task;
            traffic->writer_param = p;
        }
        if (reads(call, p)) {
            if (traffic->writer == task) die("'%s' is read where it is written", tensor->name);
            vec_push(b->arena, &traffic->readers, (Reader){task, p});
        }
    }
}

static void find_traffic(Maker *b) {
    const LProgram *program = b->program;
    b->traffic = arena_array(b->arena, Traffic, program->tensors.len + 1);
    for (size_t i = 0; i < program->tensors.len; i++) b->traffic[i].writer = -1;
    for (size_t c = 0; c < program->calls.len; c++) {
        if (b->task_of[c] >= 0) note_call(b, &program->calls.data[c], b->task_of[c]);
    }
    for (size_t i = 0; i < program->tensors.len; i++) {
        if (program->tensors.data[i]->role != TENSOR_OUTPUT) continue;
        vec_push(b->arena, &b->traffic[i].readers, (Reader){-1, 0});
    }
}

/* ---- channels and tasks ---------------------------------------------------------------------- */

static int add_channel(Maker *b, const char *name, const LTensor *tensor) {
    HlsChannel channel = {.name = name,
                          .dtype = tensor->dtype,
                          .depth = 2,
                          .input = -1,
                          .output = -1,
                          .writer = -1,
                          .reader = -1};
    require(dim_is_int(tensor->elements, &channel.elements));
    vec_push(b->arena, &b->design->channels, channel);
    return (int)b->design->channels.len - 1;
}

static HlsTask *add_task(Maker *b, const char *name, const char *path, int nparams) {
    size_t n = (size_t)nparams + 1;
    HlsTask task = {.name = file_name(b, name),
                    .path = path,
                    .channels = arena_array(b->arena, int, n),
                    .weights = arena_array(b->arena, LTensor *, n),
                    .names = arena_array(b->arena, const char *, n),
                    .partitions = arena_array(b->arena, LPartition, n),
                    .streams = arena_array(b->arena, LStreamReport, n)};
    for (int i = 0; i < nparams; i++) task.channels[i] = -1;
    vec_push(b->arena, &b->design->tasks, task);
    return &b->design->tasks.data[b->design->tasks.len - 1];
}

/* The channel's two ends in the tasks that are there already; -1 is outside. */
static void connect(Maker *b, int channel, int writer, int writer_param, int reader,
                    int reader_param) {
    HlsDesign *d = b->design;
    HlsChannel *c = &d->channels.data[channel];
    c->writer = writer;
    c->reader = reader;
    if (writer >= 0) {
        d->tasks.data[writer].channels[writer_param] = channel;
        d->tasks.data[writer].names[writer_param] = c->name;
    }
    if (reader >= 0) {
        d->tasks.data[reader].channels[reader_param] = channel;
        d->tasks.data[reader].names[reader_param] = c->name;
    }
}

static void mark_input(Maker *b, int channel, const LTensor *tensor) {
    b->design->channels.data[channel].input = tensor->io;
    b->design->inputs[tensor->io] = channel;
}

static void mark_output(Maker *b, int channel, const LTensor *tensor) {
    b->design->channels.data[channel].output = tensor->io;
    b->design->outputs[tensor->io] = channel;
}

static const char *reader_name(const Maker *b, Reader reader) {
    return reader.task < 0 ? "result" : b->design->tasks.data[reader.task].name;
}

/* In front of the fork: the input, or what the writer makes. */
static const char *tensor_source(Maker *b, const LTensor *tensor, const Traffic *traffic) {
    if (tensor->role == TENSOR_INPUT) return b->design->input_names[tensor->io];
    return file_name(b,
                     arena_printf(b->arena, "%s_out", b->design->tasks.data[traffic->writer].name));
}

static void add_fork(Maker *b, const LTensor *tensor, const Traffic *traffic) {
    const char *source = tensor_source(b, tensor, traffic);
    int count = (int)traffic->readers.len, in = add_channel(b, source, tensor);
    HlsTask *task = add_task(b, arena_printf(b->arena, "fork_%s", source), "", count + 1);
    const char *name = task->name;
    const char **names = arena_array(b->arena, const char *, (size_t)count + 1);
    int fork = (int)b->design->tasks.len - 1;
    if (tensor->role == TENSOR_INPUT) mark_input(b, in, tensor);
    connect(b, in, traffic->writer, traffic->writer_param, fork, 0);
    for (int i = 0; i < count; i++) {
        Reader reader = traffic->readers.data[i];
        bool is_output = reader.task < 0;
        names[i] =
            is_output
                ? b->design->output_names[tensor->io]
                : file_name(b, arena_printf(b->arena, "%s_to_%s", source, reader_name(b, reader)));
        int out = add_channel(b, names[i], tensor);
        if (is_output) mark_output(b, out, tensor);
        connect(b, out, fork, i + 1, reader.task, reader.param);
    }
    b->design->tasks.data[fork].kernel =
        lkernel_fork(b->program, name, tensor->dtype, b->design->channels.data[in].elements, source,
                     names, count);
}

static void add_single(Maker *b, const LTensor *tensor, const Traffic *traffic) {
    Reader reader = traffic->readers.data[0];
    bool is_output = reader.task < 0;
    const char *name =
        is_output ? b->design->output_names[tensor->io] : tensor_source(b, tensor, traffic);
    int channel = add_channel(b, name, tensor);
    if (tensor->role == TENSOR_INPUT) mark_input(b, channel, tensor);
    if (is_output) mark_output(b, channel, tensor);
    connect(b, channel, traffic->writer, traffic->writer_param, reader.task, reader.param);
}

static void add_channels(Maker *b) {
    for (size_t i = 0; i < b->program->tensors.len; i++) {
        const LTensor *tensor = b->program->tensors.data[i];
        const Traffic *traffic = &b->traffic[i];
        bool is_used = traffic->writer >= 0 || tensor->role == TENSOR_INPUT;
        /* Nobody writes an output without elements. */
        if (!is_used || (tensor->role == TENSOR_INPUT && traffic->readers.len == 0)) continue;
        if (traffic->readers.len != 1) {
            add_fork(b, tensor, traffic);
        } else {
            add_single(b, tensor, traffic);
        }
    }
}

/* The layer's; where a port of the network has that, with what the kernel does. */
static const char *task_name(Maker *b, const LCall *call, const char *path) {
    const char *kind = call->kernel->name;
    if (!is_taken(b, abi_identifier(b->arena, path))) return path;
    return arena_printf(b->arena, "%s_%.*s", path, (int)strcspn(kind, "_"), kind);
}

static void add_calls(Maker *b) {
    for (size_t c = 0; c < b->program->calls.len; c++) {
        const LCall *call = &b->program->calls.data[c];
        if (b->task_of[c] < 0) continue;
        const char *path = call->path && *call->path ? call->path : call->kernel->name;
        HlsTask *task = add_task(b, task_name(b, call, path), path, call->kernel->nparams);
        task->source = call->kernel;
        for (int p = 0; p < call->kernel->nparams; p++) {
            if (call->args[p]->role != TENSOR_WEIGHT) continue;
            task->weights[p] = call->args[p];
            task->names[p] = file_name(
                b, arena_printf(b->arena, "%s_%s", task->name, call->kernel->params[p]->name));
        }
    }
}

static void name_ports(Maker *b) {
    const Graph *graph = b->program->graph;
    HlsDesign *d = b->design;
    d->inputs = arena_array(b->arena, int, (size_t)graph->ninputs + 1);
    d->outputs = arena_array(b->arena, int, (size_t)graph->noutputs + 1);
    d->input_names = arena_array(b->arena, const char *, (size_t)graph->ninputs + 1);
    d->output_names = arena_array(b->arena, const char *, (size_t)graph->noutputs + 1);
    for (int i = 0; i < graph->ninputs; i++) {
        d->inputs[i] = -1;
        d->input_names[i] = file_name(b, graph->input_names[i]);
    }
    for (int i = 0; i < graph->noutputs; i++) {
        d->outputs[i] = -1;
        d->output_names[i] = file_name(b, graph->output_names[i]);
    }
}

/* ---- kernels --------------------------------------------------------------------------------- */

static void make_kernels(Maker *b) {
    LExpandOptions expand = {.vectors = true, .unroll = true};
    for (size_t i = 0; i < b->design->tasks.len; i++) {
        HlsTask *task = &b->design->tasks.data[i];
        if (!task->source) continue;
        LKernel *streamed =
            lkernel_stream(b->program, task->source, task->name, task->names, task->streams);
        LKernel *flat = lkernel_expand(b->program, streamed, &expand);
        LKernel *split = lkernel_partition(b->program, flat, task->partitions);
        /* Later steps move uses of channels into loops that have none: long to go through. */
        task->flow = flat;
        hls_bound_loops(b->program, split);
        hls_sink(b->program, split);
        task->kernel = split;
    }
    for (size_t i = 0; i < b->design->tasks.len; i++) {
        HlsTask *task = &b->design->tasks.data[i];
        if (!task->flow) task->flow = task->kernel;
        hls_pipeline(b->program->module->dims, (LKernel *)(uintptr_t)task->kernel);
        task->estimate = hls_estimate(task->kernel);
    }
}

HlsDesign *hls_design(const LProgram *program, const TargetOptions *options, Arena *arena,
                      Diag *diag) {
    HlsDesign *design = arena_new(arena, HlsDesign);
    design->program = program;
    design->arena = arena;
    design->name = options->prefix;
    design->top = arena_printf(arena, "%s_top", options->prefix);
    /* Kernels of the design are made in the program, whose own stay as they are. */
    Maker b = {
        .design = design, .program = (LProgram *)(uintptr_t)program, .arena = arena, .diag = diag};
    take_foreign_names(&b);
    name_ports(&b);
    number_calls(&b);
    find_traffic(&b);
    add_calls(&b);
    add_channels(&b);
    make_kernels(&b);
    return hls_verify(design, diag) ? design : NULL;
}

/* ---- depths ---------------------------------------------------------------------------------- */

enum { LEAST_DEPTH = 2 };

static bool find_depths(HlsDesign *d, Diag *diag) {
    enum { FRAMES = 3 };
    LKernel **kernels = arena_array(d->arena, LKernel *, d->tasks.len + 1);
    LDepths depths;
    for (size_t i = 0; i < d->tasks.len; i++) {
        kernels[i] = (LKernel *)(uintptr_t)d->tasks.data[i].flow;
    }
    /* Variables of the analysis are numbered in the program. */
    LProgram *program = (LProgram *)(uintptr_t)d->program;
    if (!ltasks_depths(kernels, d->tasks.len, program, LEAST_DEPTH, FRAMES, d->arena, &depths,
                       diag)) {
        return false;
    }
    for (size_t i = 0; i < depths.channels.len; i++) {
        for (size_t k = 0; k < d->channels.len; k++) {
            if (strcmp(d->channels.data[k].name, depths.channels.data[i].name) != 0) continue;
            d->channels.data[k].depth = depths.channels.data[i].depth;
        }
    }
    return true;
}

/* Between the channel and its reader will stand a task with an array. */
static void add_delay(Maker *b, int channel) {
    HlsDesign *d = b->design;
    HlsChannel after = d->channels.data[channel];
    after.name = file_name(b, arena_printf(b->arena, "%s_delayed", after.name));
    HlsTask *task =
        add_task(b, arena_printf(b->arena, "delay_%s", d->channels.data[channel].name), "", 2);
    int delay = (int)d->tasks.len - 1, reader = after.reader, param = 0;
    task->channels[0] = channel;
    task->names[0] = d->channels.data[channel].name;
    vec_push(b->arena, &d->channels, after);
    while (d->tasks.data[reader].channels[param] != channel) param++;
    d->channels.data[channel].reader = delay;
    d->tasks.data[reader].kernel->params[param]->name = after.name;
    d->tasks.data[reader].flow->params[param]->name = after.name;
    connect(b, (int)d->channels.len - 1, delay, 1, reader, param);
}

static void fill_delay(Maker *b, int at, int64_t depth) {
    HlsTask *task = &b->design->tasks.data[at];
    const HlsChannel *in = &b->design->channels.data[task->channels[0]];
    task->kernel = lkernel_delay(b->program, task->name, in->dtype, in->elements, depth,
                                 task->names[0], task->names[1]);
    task->flow = task->kernel;
    hls_pipeline(b->program->module->dims, (LKernel *)(uintptr_t)task->kernel);
    task->estimate = hls_estimate(task->kernel);
}

/* Whether some channel that is no delay's holds more than every channel can. */
static bool others_wait(const HlsDesign *d, int first) {
    for (size_t i = 0; i < d->channels.len; i++) {
        const HlsChannel *c = &d->channels.data[i];
        if (c->reader < first && c->writer < first && c->depth > LEAST_DEPTH) return true;
    }
    return false;
}

/* A delay that is too far behind makes others wait: each is as much shorter than what its channel
 * held as it takes for that to end. What comes in bursts is left to the delays' own channels. */
static bool search_delays(Maker *b, int first, const int64_t *held, Diag *diag) {
    HlsDesign *d = b->design;
    int64_t least = 0, most = 0;
    for (size_t i = (size_t)first; i < d->tasks.len; i++)
        if (held[i] / 2 > most) most = held[i] / 2;
    for (int64_t less = 0;; less = least + (most - least) / 2) {
        for (size_t i = (size_t)first; i < d->tasks.len; i++)
            fill_delay(b, (int)i, held[i] > less ? held[i] - less : 1);
        if (!find_depths(d, diag)) return false;
        if (less == most) return true;
        *(others_wait(d, first) ? &least : &most) = others_wait(d, first) ? less + 1 : less;
        if (most - least <= most / 16) least = most; /* near enough */
    }
}

/* Tools make long channels badly: an array in a task of its own holds what one task is ahead of
 * another. The two ends of its channels hold the rest. */
bool hls_find_depths(HlsDesign *d, Diag *diag) {
    Maker b = {.design = d, .program = (LProgram *)(uintptr_t)d->program, .arena = d->arena};
    int first = (int)d->tasks.len;
    size_t count = d->channels.len;
    int64_t *held = arena_array(d->arena, int64_t, d->tasks.len + count + 1);
    if (!find_depths(d, diag)) return false;
    take_names_of(&b);
    for (size_t i = 0; i < count; i++) {
        int64_t depth = d->channels.data[i].depth;
        if (depth < 2 * LEAST_DEPTH) continue;
        held[d->tasks.len] = depth;
        add_delay(&b, (int)i);
    }
    return (int)d->tasks.len == first || search_delays(&b, first, held, diag);
}

/* From loop IR to source and launch plan: buffers, launches in order, what the network says of
 * itself. */
#include "codegen/opencl/opencl.h"

#include <string.h>

typedef struct Build {
    const LProgram *program;
    Arena *arena;
    AbiSymbols symbols;
    DimContext *dims;
    int64_t alignment;
    const CSource *source;
} Build;

enum { MOST_ITEMS = 64, GROUP_COST = 4096 };

/* ---- expressions ----------------------------------------------------------------------------- */

static nn_expr finish(const AbiCode *code) {
    return (nn_expr){code->code.len, code->code.data};
}

static nn_expr dim_expr(const Build *b, Dim dim) {
    AbiCode code = {0};
    if (dim) abi_code_dim(b->arena, &code, &b->symbols, dim);
    return finish(&code);
}

static nn_expr int_expr(const Build *b, int64_t value) {
    AbiCode code = {0};
    abi_code_op(b->arena, &code, NN_EXPR_CONST, value);
    return finish(&code);
}

static nn_expr bytes_expr(const Build *b, const LTensor *tensor) {
    AbiCode code = {0};
    abi_code_dim(b->arena, &code, &b->symbols, tensor->elements);
    abi_code_op(b->arena, &code, NN_EXPR_CONST, (int64_t)dtype_bytes(tensor->dtype));
    abi_code_op(b->arena, &code, NN_EXPR_MUL, 0);
    return finish(&code);
}

/* Regions in front of the tensor's, then its place in that. */
static nn_expr temp_offset(const Build *b, const LTensor *tensor) {
    AbiCode code = abi_regions_code(b->program, &b->symbols, (size_t)tensor->region, b->arena);
    const LRegion *region = &b->program->regions.data[tensor->region];
    abi_code_op(b->arena, &code, NN_EXPR_CONST, tensor->offset);
    abi_code_dim(b->arena, &code, &b->symbols, region->unit);
    abi_code_op(b->arena, &code, NN_EXPR_MUL, 0);
    abi_code_op(b->arena, &code, NN_EXPR_ADD, 0);
    return finish(&code);
}

/* ---- buffers and launches -------------------------------------------------------------------- */

static nn_plan_buffer plan_buffer(const Build *b, const LTensor *tensor) {
    static const nn_plan_role roles[] = {[TENSOR_INPUT] = NN_PLAN_INPUT,
                                         [TENSOR_OUTPUT] = NN_PLAN_OUTPUT,
                                         [TENSOR_WEIGHT] = NN_PLAN_WEIGHT,
                                         [TENSOR_TEMP] = NN_PLAN_TEMP};
    nn_plan_buffer buffer = {.name = tensor->name, .role = roles[tensor->role]};
    buffer.bytes = bytes_expr(b, tensor);
    switch (tensor->role) {
    case TENSOR_INPUT:
    case TENSOR_OUTPUT:
        buffer.index = (uint32_t)tensor->io;
        buffer.offset = int_expr(b, 0);
        break;
    case TENSOR_WEIGHT: buffer.offset = int_expr(b, tensor->weight_offset); break;
    case TENSOR_TEMP: buffer.offset = temp_offset(b, tensor); break;
    }
    return buffer;
}

static nn_plan_launch plan_launch(const Build *b, const LCall *call, const CPart *part) {
    uint32_t *buffers = arena_array(b->arena, uint32_t, (size_t)part->nbuffers + 1);
    uint32_t *symbols = arena_array(b->arena, uint32_t, (size_t)part->nsymbols + 1);
    require(part->nbuffers + part->nsymbols <= NN_PLAN_MAX_ARGS);
    for (int i = 0; i < part->nbuffers; i++) {
        buffers[i] = (uint32_t)call->args[part->buffers[i]]->id;
    }
    for (int i = 0; i < part->nsymbols; i++) {
        require(b->symbols.position[part->symbols[i]] >= 0);
        symbols[i] = (uint32_t)b->symbols.position[part->symbols[i]];
    }
    nn_plan_launch launch = {.kernel = part->name,
                             .path = call->path ? call->path : "",
                             .buffer_count = (uint32_t)part->nbuffers,
                             .symbol_count = (uint32_t)part->nsymbols,
                             .buffers = buffers,
                             .symbols = symbols,
                             .dimensions = (uint32_t)part->axes};
    for (int i = 0; i < 3; i++) {
        launch.groups[i] = dim_expr(b, i < part->axes ? part->groups[i] : dim_int(b->dims, 1));
        launch.items[i] = (uint32_t)part->items[i];
    }
    return launch;
}

static void add_launches(const Build *b, nn_plan *plan, const size_t **launch_calls) {
    VEC(nn_plan_launch) launches = {0};
    VEC(size_t) calls = {0};
    for (size_t c = 0; c < b->program->calls.len; c++) {
        const LCall *call = &b->program->calls.data[c];
        for (size_t i = 0; i < b->source->parts.len; i++) {
            const CPart *part = &b->source->parts.data[i];
            if (part->kernel != call->kernel) continue;
            vec_push(b->arena, &launches, plan_launch(b, call, part));
            vec_push(b->arena, &calls, c);
        }
    }
    plan->launches = launches.data;
    plan->launch_count = (uint32_t)launches.len;
    *launch_calls = calls.data;
}

static void add_buffers(const Build *b, nn_plan *plan) {
    size_t count = b->program->tensors.len;
    nn_plan_buffer *buffers = arena_array(b->arena, nn_plan_buffer, count + 1);
    for (size_t i = 0; i < count; i++) {
        require(b->program->tensors.data[i]->id == (int)i);
        buffers[i] = plan_buffer(b, b->program->tensors.data[i]);
    }
    plan->buffers = buffers;
    plan->buffer_count = (uint32_t)count;
}

/* ---- needs ----------------------------------------------------------------------------------- */

typedef VEC(nn_plan_need) Needs;

static void add_need(const Build *b, Needs *needs, const char *path, Dim extent, Dim elements) {
    nn_plan_need need = {.path = path ? path : "",
                         .text = dim_text(b->dims, b->arena, extent),
                         .extent = dim_expr(b, extent),
                         .elements = dim_expr(b, elements)};
    vec_push(b->arena, needs, need);
}

/* Sizes of the kernels' buffers that symbols may make negative; each once. The plan's own sizes are
 * products, in which two negative ones would not show. */
static void add_dimensions(const Build *b, Needs *needs) {
    VEC(Dim) done = {0};
    for (size_t i = 0; i < b->program->kernels.len; i++) {
        const LKernel *kernel = b->program->kernels.data[i];
        for (int p = 0; p < kernel->nparams; p++) {
            const LBuffer *buffer = kernel->params[p];
            for (int k = 0; k < buffer->rank; k++) {
                int64_t least, most;
                dim_range(buffer->dims[k], &least, &most);
                bool is_done = least >= 0;
                for (size_t d = 0; d < done.len; d++) {
                    is_done |= done.data[d] == buffer->dims[k];
                }
                if (is_done) continue;
                vec_push(b->arena, &done, buffer->dims[k]);
                add_need(b, needs, kernel->path, buffer->dims[k], dim_int(b->dims, 0));
            }
        }
    }
}

static void add_needs(const Build *b, nn_plan *plan) {
    Needs needs = {0};
    add_dimensions(b, &needs);
    for (size_t i = 0; i < b->program->needs.len; i++) {
        const LNeed *need = &b->program->needs.data[i];
        add_need(b, &needs, need->path, need->extent, need->elements);
    }
    plan->needs = needs.data;
    plan->need_count = (uint32_t)needs.len;
}

static void fill_plan(const Build *b, nn_plan *plan, const size_t **launch_calls) {
    *plan = (nn_plan){.version = NN_PLAN_VERSION,
                      .struct_bytes = sizeof *plan,
                      .language = "opencl-c",
                      .options = "-cl-std=CL1.2 -cl-fp32-correctly-rounded-divide-sqrt",
                      .source = b->source->text,
                      .source_bytes = strlen(b->source->text),
                      .alignment = (uint32_t)b->alignment,
                      .weights_bytes = (size_t)b->program->weight_bytes};
    plan->source_hash = nn_plan_source_hash(plan->source, plan->source_bytes, plan->options);
    AbiCode arena = abi_arena_code(b->program, &b->symbols, b->arena);
    plan->arena_bytes = finish(&arena);
    for (size_t i = 0; i < b->source->parts.len; i++) {
        uint64_t bytes = (uint64_t)b->source->parts.data[i].local_bytes;
        if (bytes > plan->local_bytes) plan->local_bytes = bytes;
    }
    add_buffers(b, plan);
    add_launches(b, plan, launch_calls);
    add_needs(b, plan);
    plan->plan_hash = nn_plan_hash(plan);
}

/* ---- the network ----------------------------------------------------------------------------- */

static nn_tensor *tensors(const Build *b, int count, const char *const *names,
                          Value *const *values) {
    nn_tensor *list = arena_array(b->arena, nn_tensor, (size_t)count + 1);
    for (int i = 0; i < count; i++) {
        const TensorType *type = &values[i]->type;
        list[i] = (nn_tensor){names[i], abi_type(type->dtype), type->rank, {{0}}};
        for (int k = 0; k < type->rank; k++) list[i].dims[k] = dim_expr(b, type->dims[k]);
    }
    return list;
}

static void fill_network(const Build *b, const TargetDesc *desc, const TargetOptions *options,
                         const nn_plan *plan, nn_network *network) {
    const Graph *graph = b->program->graph;
    Dim operations = dim_int(b->dims, 0);
    for (size_t i = 0; i < b->program->calls.len && operations; i++) {
        operations = dim_add(b->dims, operations, b->program->calls.data[i].kernel->flops);
    }
    *network = (nn_network){.abi_version = NN_ABI_VERSION,
                            .struct_bytes = sizeof *network,
                            .interface_hash = abi_interface_hash(b->program, options->prefix),
                            .source_hash = options->source_hash,
                            .name = graph->name,
                            .target = desc->name,
                            .precision = abi_precision(b->program),
                            .symbol_count = (uint32_t)b->symbols.count,
                            .input_count = (uint32_t)graph->ninputs,
                            .output_count = (uint32_t)graph->noutputs,
                            .kernel_count = (uint32_t)b->source->parts.len,
                            .symbols = b->symbols.names,
                            .operations = dim_expr(b, operations),
                            .arena_bytes = plan->arena_bytes,
                            .weights_bytes = plan->weights_bytes};
    memcpy(network->magic, "nn-net\0\1", sizeof network->magic);
    network->inputs = tensors(b, graph->ninputs, graph->input_names, graph->inputs);
    network->outputs = tensors(b, graph->noutputs, graph->output_names, graph->outputs);
}

void opencl_build(const LProgram *program, const TargetDesc *desc, const TargetOptions *options,
                  Arena *arena, OpenclNetwork *network) {
    CPrintOptions print = {.dialect = &opencl_dialect,
                           .launch = {.most_items = MOST_ITEMS, .group_cost = GROUP_COST},
                           .title =
                               arena_printf(arena, "%s: a neural network compiled by nnc for %s.",
                                            program->graph->name, desc->name),
                           .fused = desc->fma,
                           .fp_fast = options->fp_fast};
    c_print_program(program, &print, arena, &network->source);
    Build b = {.program = program,
               .arena = arena,
               .symbols = abi_symbols(program, arena),
               .dims = program->module->dims,
               .alignment = lprogram_alignment(program),
               .source = &network->source};
    fill_plan(&b, &network->plan, &network->launch_calls);
    fill_network(&b, desc, options, &network->plan, &network->network);
}

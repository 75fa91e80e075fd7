/* NAME_tb.c and golden.bin: the design against the reference, on samples. */
#include <string.h>

#include "codegen/hls/design.h"

typedef struct Bench {
    const HlsDesign *d;
    const Graph *graph;
    StrBuf arrays, fill, check;
    int64_t at; /* bytes of a sample so far */
} Bench;

static const char *finish(Arena *arena, StrBuf *s) {
    const char *text = arena_strdup(arena, str_text(s));
    str_free(s);
    return text;
}

static const char *kind_name(DType dtype) {
    switch (dtype) {
    case DT_f32: return "KIND_F32";
    case DT_f16: return "KIND_F16";
    case DT_bf16: return "KIND_BF16";
    case DT_f64: return "KIND_F64";
    default: return "KIND_EXACT";
    }
}

static void add_array(Bench *b, const char *name, const Tensor *tensor, int64_t elements) {
    str_printf(&b->arrays, "static %s %s[NN_FRAMES * %lld];\n", abi_c_type(tensor->dtype), name,
               (long long)(elements > 0 ? elements : 1));
}

static void add_input(Bench *b, const char *name, const Tensor *tensor) {
    int64_t elements = tensor_elements(tensor);
    add_array(b, name, tensor, elements);
    str_printf(&b->fill, "        memcpy(%s + frame * %lld, at + %lld, %lld);\n", name,
               (long long)elements, (long long)b->at, (long long)tensor->bytes);
    b->at += (int64_t)tensor->bytes;
}

static void add_output(Bench *b, const char *name, const Tensor *tensor, int64_t input_bytes) {
    int64_t elements = tensor_elements(tensor);
    bool half = tensor->dtype == DT_f16 || tensor->dtype == DT_bf16;
    add_array(b, name, tensor, elements);
    StrBuf quoted = {0};
    abi_add_literal(&quoted, name, strlen(name));
    str_printf(&b->check,
               "        good = agrees(%s, sample, %s, %s + frame * %lld,\n"
               "                      at + %lld, %lld, %lld, %s) && good;\n",
               str_text(&quoted), kind_name(tensor->dtype), name, (long long)elements,
               (long long)(b->at - input_bytes), (long long)elements, (long long)tensor->bytes,
               half ? "1e-2" : "1e-4");
    str_free(&quoted);
    b->at += (int64_t)tensor->bytes;
}

static uint64_t fnv1a(const uint8_t *data, size_t bytes) {
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t i = 0; i < bytes; i++) hash = (hash ^ data[i]) * 0x100000001b3u;
    return hash;
}

/* The hash, least byte first, then sample after sample. */
static const uint8_t *golden_file(const HlsDesign *d, const Samples *samples, int64_t sample_bytes,
                                  size_t *bytes, uint64_t *hash) {
    enum { HASH_BYTES = 8 };
    const Graph *graph = d->program->graph;
    *bytes = HASH_BYTES + samples->count * (size_t)sample_bytes;
    uint8_t *file = arena_alloc(d->arena, *bytes), *at = file + HASH_BYTES;
    for (size_t s = 0; s < samples->count; s++) {
        for (int i = 0; i < graph->ninputs + graph->noutputs; i++) {
            const Tensor *tensor = i < graph->ninputs ? &samples->inputs[s][i]
                                                      : &samples->outputs[s][i - graph->ninputs];
            if (tensor->bytes) memcpy(at, tensor->data, tensor->bytes);
            at += tensor->bytes;
        }
    }
    *hash = fnv1a(file + HASH_BYTES, *bytes - HASH_BYTES);
    for (int i = 0; i < HASH_BYTES; i++) file[i] = (uint8_t)(*hash >> (8 * i));
    return file;
}

static const char *arguments(const HlsDesign *d) {
    const Graph *graph = d->program->graph;
    StrBuf s = {0};
    for (int i = 0; i < graph->ninputs; i++) {
        str_printf(&s, "%sdata_%s", i ? ", " : "", d->input_names[i]);
    }
    for (int i = 0; i < graph->noutputs; i++) {
        str_printf(&s, "%sdata_%s", i + graph->ninputs ? ", " : "", d->output_names[i]);
    }
    return finish(d->arena, &s);
}

void hls_print_testbench(const HlsDesign *d, const Samples *samples, StrBuf *out,
                         const uint8_t **golden, size_t *bytes) {
    const Graph *graph = d->program->graph;
    Arena *arena = d->arena;
    Bench b = {.d = d, .graph = graph};
    require(samples && samples->count > 0);
    for (int i = 0; i < graph->ninputs; i++) {
        add_input(&b, arena_printf(arena, "data_%s", d->input_names[i]), &samples->inputs[0][i]);
    }
    int64_t input_bytes = b.at;
    for (int i = 0; i < graph->noutputs; i++) {
        add_output(&b, arena_printf(arena, "data_%s", d->output_names[i]), &samples->outputs[0][i],
                   input_bytes);
    }
    uint64_t hash;
    *golden = golden_file(d, samples, b.at, bytes, &hash);
    const HlsValue values[] = {
        {"name", d->name},
        {"top", d->top},
        {"prototype", hls_prototype(d)},
        {"samples", arena_printf(arena, "%zu", samples->count)},
        {"sample_bytes", arena_printf(arena, "%lld", (long long)b.at)},
        {"input_bytes", arena_printf(arena, "%lld", (long long)input_bytes)},
        {"golden_hash", arena_printf(arena, "%016llx", (unsigned long long)hash)},
        {"arrays", finish(arena, &b.arrays)},
        {"fill", finish(arena, &b.fill)},
        {"check", finish(arena, &b.check)},
        {"array_arguments", arguments(d)},
    };
    hls_expand(hls_testbench_c, values, COUNT_OF(values), out);
}

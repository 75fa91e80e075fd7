/* Export to ONNX: that no operator was forgotten, what only passes and dumps can make, and the
 * files that are written. Whether models are valid and right, tests/onnx shows. */
#define _GNU_SOURCE
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "frontend/dataio.h"
#include "frontend/onnx/onnx.h"

Test(onnx_export, every_operator_has_a_row) {
    for (int op = 0; op < OP_COUNT; op++) {
        cr_expect(onnx_has_row((OpKind)op),
                  "operator '%s' of ir/ops.def has no row in frontend/onnx/rows.c: add one, "
                  "`PLAIN(types)` where ONNX's operator means the same, else with a function in "
                  "frontend/onnx/export_*.c, and a line in docs/onnx.md; tests/onnx/compare.py "
                  "checks it against onnxruntime",
                  op_info((OpKind)op)->name);
    }
}

typedef struct Exported {
    Arena *arena;
    Diag *diag;
    Module *module;
    OnnxFiles files;
    bool ok;
} Exported;

static Exported export_text(const char *text, const OnnxExportOptions *options) {
    Exported e = {.arena = arena_create()};
    e.diag = diag_create(e.arena, NULL);
    e.module =
        graph_parse(diag_add_source(e.diag, "net.nnir", text, strlen(text)), e.arena, e.diag, NULL);
    cr_assert(e.module, "%s", diag_text(e.diag));
    params_random(e.module->graph, 1);
    e.ok = onnx_export(e.module->graph, options, e.arena, &e.files, e.diag);
    return e;
}

/* All bytes of a file. */
static const char *bytes_of(Exported *e, const OnnxFile *file) {
    char *bytes = arena_alloc(e->arena, file->size + 1);
    size_t at = 0;
    for (size_t i = 0; i < file->pieces.len; i++) {
        memcpy(bytes + at, file->pieces.data[i].data, file->pieces.data[i].size);
        at += file->pieces.data[i].size;
    }
    cr_assert_eq(at, file->size);
    return bytes;
}

static bool holds(Exported *e, const char *text) {
    return memmem(bytes_of(e, &e->files.model), e->files.model.size, text, strlen(text));
}

static const OnnxExportOptions plain = {.version = "1", .external_name = "net.onnx.data"};

static const char layers[] = "symbols N\n"
                             "graph net(\n"
                             "    %0 x: f32[N, 100]\n"
                             ") -> (y) {\n"
                             "  %2 = param \"fc.weight\" : f32[30, 100]\n"
                             "  %3 = param \"fc.bias\" : f32[30]\n"
                             "  %4 = param \"last\" : f32[30, 50]\n"
                             "  %5 = dense(%0, %2, %3) : f32[N, 30]\n"
                             "  %6 = matmul(%5, %4) : f32[N, 50]\n"
                             "  return %6\n"
                             "}\n";

/* The parameter's own bytes, wherever its source keeps them. */
static Tensor value_of(const Exported *e, const char *path) {
    Tensor tensor;
    cr_assert(e->module->params.find(e->module->params.self, path, &tensor));
    return tensor;
}

static bool has_piece(const OnnxFile *file, const Tensor *tensor) {
    for (size_t i = 0; i < file->pieces.len; i++) {
        const OutputPiece *piece = &file->pieces.data[i];
        if (piece->data == tensor->data && piece->size == tensor->bytes) return true;
    }
    return false;
}

Test(onnx_export, parameters_are_not_copied) {
    Exported e = export_text(layers, &plain);
    Tensor weight = value_of(&e, "fc.weight"), last = value_of(&e, "last");
    cr_expect(e.ok && e.files.external.size == 0);
    cr_expect(has_piece(&e.files.model, &weight) && has_piece(&e.files.model, &last));
    arena_destroy(e.arena);
}

Test(onnx_export, tensors_beside_the_model) {
    OnnxExportOptions options = plain;
    options.external = true;
    Exported e = export_text(layers, &options);
    Tensor weight = value_of(&e, "fc.weight"), last = value_of(&e, "last");
    cr_assert(e.ok);
    /* 12,000 bytes, then the next page; the bias is small enough to stay. */
    cr_expect_eq(e.files.external.size, 3 * 4096 + last.bytes);
    const char *data = bytes_of(&e, &e.files.external);
    cr_expect_arr_eq(data, weight.data, weight.bytes);
    cr_expect_arr_eq(data + 3 * 4096, last.data, last.bytes);
    cr_expect(holds(&e, "net.onnx.data") && holds(&e, "12288") && holds(&e, "6000"));
    cr_expect_lt(e.files.model.size, 1500);
    arena_destroy(e.arena);
}

/* Above the limit tensors move out by themselves; without a place for them it is an error. */
Test(onnx_export, limit) {
    OnnxExportOptions options = plain;
    options.limit = export_text(layers, &plain).files.model.size;
    Exported fits = export_text(layers, &options);
    cr_expect(fits.ok && fits.files.external.size == 0);
    options.limit--;
    Exported moved = export_text(layers, &options);
    cr_expect(moved.ok && moved.files.external.size > 0);
    options.external_name = NULL;
    Exported failed = export_text(layers, &options);
    cr_expect(!failed.ok && strstr(diag_text(failed.diag), "protobuf's limit"), "%s",
              diag_text(failed.diag));
    arena_destroy(fits.arena);
    arena_destroy(moved.arena);
    arena_destroy(failed.arena);
}

/* Integer products with weights are what quantization makes; the language has none. */
Test(onnx_export, integer_products) {
    Exported e = export_text("graph net(\n"
                             "    %0 x: u8[2, 4],\n"
                             "    %1 w: i8[3, 4],\n"
                             "    %2 b: i32[3],\n"
                             "    %3 image: i8[1, 2, 5, 5],\n"
                             "    %4 k: i8[3, 2, 3, 3]\n"
                             ") -> (y, z) {\n"
                             "  %5 = dense(%0, %1, %2) : i32[2, 3]\n"
                             "  %6 = conv2d(%3, %4, %2) : i32[1, 3, 3, 3]\n"
                             "  return %5, %6\n"
                             "}\n",
                             &plain);
    cr_assert(e.ok, "%s", diag_text(e.diag));
    cr_expect(holds(&e, "MatMulInteger") && holds(&e, "Transpose") && holds(&e, "ConvInteger"));
    arena_destroy(e.arena);
}

static void refuses(const char *text, const char *message) {
    Exported e = export_text(text, &plain);
    cr_expect(!e.ok && strstr(diag_text(e.diag), message), "%s", diag_text(e.diag));
    arena_destroy(e.arena);
}

Test(onnx_export, refusals_name_the_operator) {
    refuses("graph net(\n"
            "    %0 image: i16[1, 2, 5, 5],\n"
            "    %1 k: i16[3, 2, 3, 3]\n"
            ") -> (y) {\n"
            "  %2 = conv2d(%0, %1) : i32[1, 3, 3, 3]\n"
            "  return %2\n"
            "}\n",
            "cannot say 'conv2d' here");
    refuses("graph net(\n"
            "    %0 x: f32[4]\n"
            ") -> (y) {\n"
            "  %1 = cast(%0) {to = i4} : i4[4]\n"
            "  return %1\n"
            "}\n",
            "no element type i4, which 'cast' yields here");
}

/* Every network of the examples and of the operator cases computes the same after the pipeline of
 * each level, and what comes out can be lowered: no composite, no parameter, no operator on
 * constants only. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "ir/base/file.h"
#include "tests/unit/passes_fixture.h"

enum { MAX_FILES = 1024 };

static int by_name(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int list_networks(Arena *arena, const char *folder, char **paths) {
    DIR *dir = opendir(folder);
    int count = 0;
    cr_assert_not_null(dir, "%s", folder);
    for (struct dirent *entry; (entry = readdir(dir));) {
        size_t length = strlen(entry->d_name);
        if (length < 3 || strcmp(entry->d_name + length - 3, ".nn") != 0) continue;
        cr_assert_lt(count, MAX_FILES);
        paths[count++] = arena_printf(arena, "%s/%s", folder, entry->d_name);
    }
    closedir(dir);
    qsort(paths, (size_t)count, sizeof *paths, by_name);
    return count;
}

static const char *read_text(Arena *arena, Diag *diag, const char *path) {
    FileBytes bytes;
    cr_assert(file_read(arena, path, 1 << 20, &bytes, diag, (Span){0}), "%s", path);
    return (const char *)bytes.data;
}

/* -O0 too must leave nothing that lowering does not know. */
static void expect_lowerable(const Net *net) {
    graph_each(net->graph, node) {
        OpFamily family = op_info(node->op)->family;
        cr_assert_neq(family, FAMILY_COMPOSITE, "%s", op_info(node->op)->name);
        cr_assert_neq(node->op, OP_param);
        cr_assert_neq(node->op, OP_split);
        if (node->op == OP_const) cr_assert_not_null(node->data);
        bool computes = node->noperands > 0 && node->op != OP_dequantize;
        for (int i = 0; computes && i < node->noperands; i++)
            computes = value_is_op(node->operands[i], OP_const);
        cr_assert_not(computes, "%s works on constants only", op_info(node->op)->name);
        if (node->op == OP_conv2d) {
            const int64_t *pad = node_attr(node, "pad")->ints;
            cr_assert(!pad[0] && !pad[1] && !pad[2] && !pad[3]);
        }
    }
    for (int i = 0; i < net->graph->ninputs; i++)
        cr_assert_null(net->graph->inputs[i]->type.layout);
    for (int i = 0; i < net->graph->noutputs; i++)
        cr_assert_null(net->graph->outputs[i]->type.layout);
}

static void check_network(const char *path, int level, int vector_bits) {
    Arena *arena = arena_create();
    Diag *diag = diag_create(arena, NULL);
    Net net = net_load_named(path, read_text(arena, diag, path));
    net.target.vector_bits = vector_bits;
    net_level(&net, level);
    expect_lowerable(&net);
    DType type = net.source->outputs[0]->type.dtype;
    net_expect_same(&net, type == DT_f16 || type == DT_bf16 ? 1e-2 : 1e-4);
    net_free(&net);
    arena_destroy(arena);
}

static void check_folder(const char *folder, int level, int vector_bits) {
    Arena *arena = arena_create();
    char **paths = arena_array(arena, char *, MAX_FILES);
    int count = list_networks(arena, folder, paths);
    cr_assert_gt(count, 0);
    for (int i = 0; i < count; i++) check_network(paths[i], level, vector_bits);
    arena_destroy(arena);
}

Test(passes_networks, operators_O0) {
    check_folder("tests/torch", 0, 512);
}
Test(passes_networks, operators_O1) {
    check_folder("tests/torch", 1, 512);
}
Test(passes_networks, operators_O2) {
    check_folder("tests/torch", 2, 512);
}
/* Small vectors: more layers have whole blocks of channels. */
Test(passes_networks, operators_two_lanes) {
    check_folder("tests/torch", 2, 64);
}
Test(passes_networks, digits) {
    for (int level = 0; level <= 3; level++) check_folder("examples/digits", level, 64);
}

/* nnc opt: run passes on a saved dump of graph IR. */
#include <stdio.h>

#include "driver/commands.h"
#include "driver/dump.h"
#include "driver/setup.h"

enum { DUMP_LIMIT = 256 << 20 };

static bool find_constant(void *self, const char *key, Tensor *tensor) {
    const Tensor *found = tensor_file_find(self, key);
    if (found) *tensor = *found;
    return found != NULL;
}

/* Constants that are too large for the text lie beside it. */
static bool side_file(Compilation *c, ParamSource *source) {
    const char *path = arena_printf(c->arena, "%s.safetensors", c->options->file);
    TensorFile *file = arena_new(c->arena, TensorFile);
    if (!file_exists(path)) return true;
    if (!tensor_file_read(c->arena, path, file, c->diag)) return false;
    *source = (ParamSource){find_constant, file};
    return true;
}

static bool load_dump(Compilation *c) {
    FileBytes bytes;
    ParamSource constants = {0};
    if (!file_read(c->arena, c->options->file, DUMP_LIMIT, &bytes, c->diag, (Span){0}) ||
        !side_file(c, &constants)) {
        return fail(c, EXIT_INPUT);
    }
    const Source *source =
        diag_add_source(c->diag, c->options->file, (const char *)bytes.data, bytes.size);
    c->module = graph_parse(source, c->arena, c->diag, constants.find ? &constants : NULL);
    if (!c->module) return fail(c, EXIT_INPUT);
    c->source = c->graph = c->module->graph;
    return true;
}

static bool bind_symbols(Compilation *c) {
    for (size_t i = 0; i < c->options->binds.len; i++) {
        const NamedText *bind = &c->options->binds.data[i];
        int64_t value;
        if (!setup_integer(bind->text, "-bind", &value)) return fail(c, EXIT_USAGE);
        int symbol = dim_symbol_find(c->module->dims, bind->name);
        if (symbol < 0) {
            diag_error(c->diag, (Span){0}, "-bind: the graph has no symbol '%s'", bind->name);
            return fail(c, EXIT_INPUT);
        }
        if (!graph_bind(c->graph, symbol, value, c->diag)) return fail(c, EXIT_INPUT);
    }
    return true;
}

int command_opt(const Options *options, Arena *arena) {
    Compilation *c = compilation_create(options, arena);
    if (setup_target(c) && load_dump(c) && bind_symbols(c) &&
        (!options->weights || setup_weights(c)) && compilation_optimize(c)) {
        StrBuf text = {0};
        graph_print(c->graph, &text);
        OutputFile file = output_file(options->output_path ? options->output_path : "-",
                                      str_text(&text), text.len, 0644);
        if (!files_write(&file, 1, c->diag)) fail(c, EXIT_INPUT);
        str_free(&text);
    }
    compilation_destroy(c);
    return c->status;
}

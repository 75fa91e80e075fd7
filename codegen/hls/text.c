/* Pieces of text that several files of a design share. */
#include <string.h>

#include "codegen/hls/design.h"

static const char *find_value(const HlsValue *values, size_t count, const char *key,
                              size_t length) {
    for (size_t i = 0; i < count; i++) {
        if (strlen(values[i].key) == length && memcmp(values[i].key, key, length) == 0) {
            return values[i].text;
        }
    }
    die("no value for '%.*s'", (int)length, key);
}

void hls_expand(const char *text, const HlsValue *values, size_t count, StrBuf *out) {
    for (const char *at = strstr(text, "@{"); at; at = strstr(text, "@{")) {
        size_t length = strcspn(at + 2, "}");
        str_append_n(out, text, (size_t)(at - text));
        str_append(out, find_value(values, count, at + 2, length));
        text = at + 2 + length + 1;
    }
    str_append(out, text);
}

const char *hls_prototype(const HlsDesign *d) {
    const Graph *graph = d->program->graph;
    StrBuf s = {0};
    str_printf(&s, "void %s(", d->top);
    for (int i = 0; i < graph->ninputs; i++) {
        str_printf(&s, "%sconst %s *%s", i ? ", " : "", abi_c_type(graph->inputs[i]->type.dtype),
                   d->input_names[i]);
    }
    for (int i = 0; i < graph->noutputs; i++) {
        str_printf(&s, "%s%s *%s", i + graph->ninputs ? ", " : "",
                   abi_c_type(graph->outputs[i]->type.dtype), d->output_names[i]);
    }
    str_append(&s, graph->ninputs + graph->noutputs ? ")" : "void)");
    const char *text = arena_strdup(d->arena, str_text(&s));
    str_free(&s);
    return text;
}

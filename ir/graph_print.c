/* Graph IR as text. graph_parse.c reads it back: print(parse(print(g))) is print(g) to the byte. */
/* clang-format off */
/*
 *   dump       = [ "symbols" NAME { "," NAME } ] graph
 *   graph      = "graph" function
 *   function   = name signature "{" { node } "return" VALUE { "," VALUE } "}"
 *   signature  = "(" [ inputs ] ")" "->" "(" name { "," name } ")"
 *   inputs     = input { "," [ provenance ] input } [ provenance ]
 *   input      = VALUE name ":" type               its provenance follows the comma
 *   node       = VALUE { "," VALUE } "=" operation { annotation } ":" type { "," type }
 *                [ provenance ] [ "body" function ]          a body only after `fused`
 *   operation  = "param" STRING [ "h" 16 hex digits ]        hash of its value, if known
 *              | "const" "[" [ element { "," element } ] "]" up to 64 elements
 *              | "const" "c" 16 hex digits                   key in the side file
 *              | OPERATOR "(" [ VALUE { "," VALUE } ] ")" [ "{" attribute { "," attribute } "}" ]
 *   attribute  = NAME "=" attribute value                    by the operator's table:
 *                INTEGER | FLOAT | "true" | "false" | STRING | element type | "{" [ layout ] "}"
 *                | "[" [ INTEGER { "," INTEGER } ] "]" | "[" [ dimension { "," dimension } ] "]"
 *   annotation = "@" name [ "(" FLOAT { "," FLOAT } ")" ]
 *   type       = element type "[" [ dimension { "," dimension } ] "]" [ "{" layout "}" ]
 *   provenance = "#" place { "/" place } end of line
 *   place      = [ path ] [ file ":" line ":" column "-" line ":" column ]
 *   VALUE      = "%" digits
 *
 * - name, path and file are bare words where they can be, else STRINGs with C's escapes.
 * - Values are numbered densely in the order of the text, bodies included, so equal graphs have
 *   equal dumps.
 * - Symbols stand in the order of the dimension context, which is that of their values at run time.
 * - Attributes that have their default are left out. Elements of constants are decimal integers,
 *   hexadecimal floats, inf, -inf and nan:0xBITS.
 * - The place of an input is left out where its path is its name and no span is known; a node whose
 *   results have other places than the node itself lists those after its own.
 * - Parsed spans show as line and column of a source of that name whose text is unknown (blank).
 * - "//" begins a comment that ends with the line; it is not kept. */
/* clang-format on */
#include <inttypes.h>
#include <string.h>

#include "ir/graph_internal.h"
#include "ir/graph_text.h"

typedef struct Printer {
    StrBuf *out;
    const DimContext *dims;
    uint32_t *numbers; /* by value id: printed number + 1; 0: not printed yet */
    uint32_t count, limit;
    int indent;
} Printer;

static void print_graph(Printer *p, const char *keyword, const Graph *graph);

/* ---- small pieces ---------------------------------------------------------------------------- */

static void print_name(Printer *p, const char *name) {
    if (text_is_name(name))
        str_append(p->out, name);
    else
        text_quote(p->out, name);
}

static void define_value(Printer *p, const Value *value) {
    if (value && value->id < p->limit && !p->numbers[value->id]) {
        p->numbers[value->id] = ++p->count;
    }
}

/* A broken graph must be printable too: it is what a defect report shows. */
static void print_value(Printer *p, const Value *value) {
    if (value && value->id < p->limit && p->numbers[value->id]) {
        str_printf(p->out, "%%%" PRIu32, p->numbers[value->id] - 1);
    } else if (value) {
        str_printf(p->out, "%%undefined%" PRIu32, value->id);
    } else {
        str_append(p->out, "%missing");
    }
}

static void print_values(Printer *p, int count, Value *const *values) {
    for (int i = 0; i < count; i++) {
        if (i) str_append(p->out, ", ");
        print_value(p, values[i]);
    }
}

static void start_line(Printer *p) {
    for (int i = 0; i < p->indent; i++) str_append(p->out, "  ");
}

/* ---- provenance ------------------------------------------------------------------------------ */

static void print_path(StrBuf *out, const char *path) {
    if (text_is_path(path))
        str_append(out, path);
    else
        text_quote(out, path);
}

static void print_place(StrBuf *out, const char *path, Span span, const char *default_path) {
    if (strcmp(path, default_path) != 0) {
        str_putc(out, ' ');
        print_path(out, path);
    }
    if (!span.source) return;
    Span end = {span.source, span.end, span.end};
    str_putc(out, ' ');
    print_path(out, source_name(span.source));
    str_printf(out, ":%d:%d-%d:%d", span_line(span), span_column(span), span_line(end),
               span_column(end));
}

static bool same_place(const Node *node, const Value *value) {
    return !strcmp(node->path, value->path) && node->span.source == value->span.source &&
           node->span.begin == value->span.begin && node->span.end == value->span.end;
}

static void print_provenance(Printer *p, const Node *node) {
    StrBuf text = {0};
    print_place(&text, node->path, node->span, "");
    bool differ = false;
    for (int i = 0; i < node->nresults; i++) differ = differ || !same_place(node, node->results[i]);
    for (int i = 0; differ && i < node->nresults; i++) {
        str_append(&text, " /");
        print_place(&text, node->results[i]->path, node->results[i]->span, "");
    }
    if (text.len) str_printf(p->out, "  #%s", str_text(&text));
    str_free(&text);
}

/* ---- attributes ------------------------------------------------------------------------------ */

static bool attr_is_default(const Attr *attr, const AttrSpec *spec) {
    const Attr *initial = &spec->initial;
    if (spec->required) return false;
    switch (attr->kind) {
    case ATTR_INT:
    case ATTR_BOOL: return attr->i == initial->i;
    case ATTR_FLOAT: return memcmp(&attr->f, &initial->f, sizeof attr->f) == 0;
    case ATTR_STRING: return !strcmp(attr->s, initial->s);
    case ATTR_DTYPE: return attr->dtype == initial->dtype;
    case ATTR_INTS:
        return attr->count == initial->count &&
               (attr->count == 0 ||
                !memcmp(attr->ints, initial->ints, (size_t)attr->count * sizeof *attr->ints));
    default: return false;
    }
}

static void print_attr(Printer *p, const Node *node, const Attr *attr) {
    str_printf(p->out, "%s = ", attr->name);
    switch (attr->kind) {
    case ATTR_NONE: unreachable();
    case ATTR_INT: str_printf(p->out, "%" PRId64, attr->i); break;
    case ATTR_FLOAT: str_append_double(p->out, attr->f, false); break;
    case ATTR_BOOL: str_append(p->out, attr->i ? "true" : "false"); break;
    case ATTR_STRING: text_quote(p->out, attr->s); break;
    case ATTR_DTYPE: str_append(p->out, dtype_name(attr->dtype)); break;
    case ATTR_INTS:
        str_putc(p->out, '[');
        for (int i = 0; i < attr->count; i++) {
            str_printf(p->out, "%s%" PRId64, i ? ", " : "", attr->ints[i]);
        }
        str_putc(p->out, ']');
        break;
    case ATTR_DIM: dim_print(p->dims, attr->dims[0], p->out); break;
    case ATTR_DIMS:
        str_putc(p->out, '[');
        for (int i = 0; i < attr->count; i++) {
            if (i) str_append(p->out, ", ");
            dim_print(p->dims, attr->dims[i], p->out);
        }
        str_putc(p->out, ']');
        break;
    case ATTR_LAYOUT:
        str_putc(p->out, '{');
        if (attr->layout) layout_print(attr->layout, node->operands[0]->type.rank, p->out);
        str_putc(p->out, '}');
        break;
    }
}

static void print_attrs(Printer *p, const Node *node) {
    bool any = false;
    for (int i = 0; i < node->nattrs; i++) {
        if (attr_is_default(&node->attrs[i], &op_info(node->op)->attrs[i])) continue;
        str_append(p->out, any ? ", " : " {");
        print_attr(p, node, &node->attrs[i]);
        any = true;
    }
    if (any) str_putc(p->out, '}');
}

static void print_annotations(Printer *p, const Node *node) {
    for (int i = 0; i < node->nannotations; i++) {
        const Annotation *a = &node->annotations[i];
        str_append(p->out, " @");
        print_name(p, a->name);
        for (int k = 0; k < a->count; k++) {
            str_append(p->out, k ? ", " : "(");
            str_append_double(p->out, a->args[k], false);
        }
        if (a->count) str_putc(p->out, ')');
    }
}

/* ---- nodes ----------------------------------------------------------------------------------- */

bool const_is_inline(const Node *node) {
    return node->data && tensor_elements(node->data) <= INLINE_ELEMENTS;
}

void const_key(uint64_t hash, char key[CONST_KEY_SIZE]) {
    static const char digits[] = "0123456789abcdef";
    key[0] = 'c';
    for (int i = 0; i < 16; i++) key[1 + i] = digits[hash >> (60 - 4 * i) & 15];
    key[17] = '\0';
}

static void print_const(Printer *p, const Node *node) {
    char key[CONST_KEY_SIZE];
    if (!const_is_inline(node)) {
        const_key(node->hash, key);
        str_printf(p->out, "const %s", key);
        return;
    }
    int64_t elements = tensor_elements(node->data);
    str_append(p->out, "const [");
    for (int64_t i = 0; i < elements; i++) {
        if (i) str_append(p->out, ", ");
        element_print(node->data, i, p->out);
    }
    str_putc(p->out, ']');
}

static void print_operation(Printer *p, const Node *node) {
    switch (node->op) {
    case OP_const: print_const(p, node); break;
    case OP_param:
        str_append(p->out, "param ");
        text_quote(p->out, node_attr(node, "name")->s);
        if (node->hash) str_printf(p->out, " h%016" PRIx64, node->hash);
        break;
    default:
        str_printf(p->out, "%s(", op_info(node->op)->name);
        print_values(p, node->noperands, node->operands);
        str_putc(p->out, ')');
        print_attrs(p, node);
    }
}

static void print_node(Printer *p, const Node *node) {
    for (int i = 0; i < node->nresults; i++) define_value(p, node->results[i]);
    start_line(p);
    print_values(p, node->nresults, node->results);
    str_append(p->out, " = ");
    print_operation(p, node);
    print_annotations(p, node);
    for (int i = 0; i < node->nresults; i++) {
        str_append(p->out, i ? ", " : " : ");
        type_print(p->dims, &node->results[i]->type, p->out);
    }
    print_provenance(p, node);
    str_putc(p->out, '\n');
    if (!node->body) return;
    p->indent++;
    print_graph(p, "body", node->body);
    p->indent--;
}

/* ---- graphs ---------------------------------------------------------------------------------- */

/* Inputs share the first line unless one has a place, which ends its line. */
static void print_inputs(Printer *p, const Graph *graph) {
    Arena *scratch = arena_create();
    StrBuf *places = arena_array(scratch, StrBuf, (size_t)graph->ninputs);
    bool lines = false;
    for (int i = 0; i < graph->ninputs; i++) {
        const Value *input = graph->inputs[i];
        print_place(&places[i], input->path, input->span, graph->input_names[i]);
        lines = lines || places[i].len;
    }
    p->indent += 2;
    for (int i = 0; i < graph->ninputs; i++) {
        bool last = i + 1 == graph->ninputs;
        if (lines) str_putc(p->out, '\n'), start_line(p);
        define_value(p, graph->inputs[i]);
        print_value(p, graph->inputs[i]);
        str_putc(p->out, ' ');
        print_name(p, graph->input_names[i]);
        str_append(p->out, ": ");
        type_print(p->dims, &graph->inputs[i]->type, p->out);
        if (!last) str_append(p->out, lines ? "," : ", ");
        if (places[i].len) str_printf(p->out, "  #%s", str_text(&places[i]));
        str_free(&places[i]);
    }
    p->indent -= 2;
    if (lines) str_putc(p->out, '\n'), start_line(p);
    arena_destroy(scratch);
}

static void print_graph(Printer *p, const char *keyword, const Graph *graph) {
    start_line(p);
    str_printf(p->out, "%s ", keyword);
    print_name(p, graph->name);
    str_putc(p->out, '(');
    print_inputs(p, graph);
    str_append(p->out, ") -> (");
    for (int i = 0; i < graph->noutputs; i++) {
        if (i) str_append(p->out, ", ");
        print_name(p, graph->output_names[i]);
    }
    str_append(p->out, ") {\n");
    p->indent++;
    graph_each(graph, node) print_node(p, node);
    start_line(p);
    str_append(p->out, "return ");
    print_values(p, graph->noutputs, graph->outputs);
    p->indent--;
    str_putc(p->out, '\n');
    start_line(p);
    str_append(p->out, "}\n");
}

void graph_print(const Graph *graph, StrBuf *out) {
    Arena *scratch = arena_create();
    const Module *module = graph->module;
    Printer p = {.out = out, .dims = module->dims, .limit = module->value_count};
    p.numbers = arena_array(scratch, uint32_t, module->value_count);
    for (int i = 0; i < dim_symbol_count(module->dims); i++) {
        str_printf(out, "%s%s", i ? ", " : "symbols ", dim_symbol_name(module->dims, i));
    }
    if (dim_symbol_count(module->dims)) str_putc(out, '\n');
    print_graph(&p, "graph", graph);
    arena_destroy(scratch);
}

/* ---- the side file --------------------------------------------------------------------------- */

typedef VEC(const Node *) NodeList;

static void gather_large(const Graph *graph, Arena *arena, NodeList *found) {
    graph_each(graph, node) {
        if (node->body) gather_large(node->body, arena, found);
        if (node->op != OP_const || !node->data || const_is_inline(node)) continue;
        bool seen = false;
        for (size_t i = 0; i < found->len && !seen; i++) seen = found->data[i]->hash == node->hash;
        if (!seen) vec_push(arena, found, node);
    }
}

size_t graph_large_constants(const Graph *graph, Arena *arena, const Node ***nodes) {
    NodeList found = {0};
    gather_large(graph, arena, &found);
    *nodes = found.data;
    return found.len;
}

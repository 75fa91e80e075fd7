/* Parses graph dumps. The grammar stands at the top of graph_print.c.
 *
 * A dump is hostile input: every count is bounded, every node goes through the operator table's
 * checks as if the front end had made it, written types must be those that the rules infer, and the
 * whole is verified at the end. */
#include <inttypes.h>
#include <string.h>

#include "ir/graph_internal.h"
#include "ir/graph_scan.h"
#include "ir/graph_text.h"

/* What a number stands for. */
typedef struct Named {
    Value *value; /* null: nothing yet */
    const Graph *graph;
} Named;

typedef struct Parser {
    Scanner s;
    const ParamSource *constants;
    VEC(Named) values; /* by number */
} Parser;

/* One node's line, before the node is made. */
typedef struct Line {
    const char *at;
    OpKind op;
    int nresults, noperands, nattrs, nannotations, nplaces;
    uint32_t numbers[MAX_RESULTS];
    TensorType types[MAX_RESULTS];
    Value *operands[MAX_OPERANDS];
    const char *operands_at[MAX_OPERANDS];
    Attr attrs[MAX_ATTRS];
    const char *attrs_at[MAX_ATTRS];
    Annotation *annotations;
    Place place;
    Place *result_places;
    uint64_t hash; /* param, const */
    int nelements; /* const: -1 where only its key is given */
    const char *elements[INLINE_ELEMENTS], *elements_at[INLINE_ELEMENTS];
} Line;

static bool parse_graph(Parser *p, Graph *graph, int depth);

/* ---- values by number ------------------------------------------------------------------------ */

static bool name_value(Parser *p, const char *at, uint32_t number, Value *value,
                       const Graph *graph) {
    while (p->values.len <= number) vec_push(p->s.arena, &p->values, (Named){0});
    if (p->values.data[number].value) {
        return scan_fail(&p->s, at, "%%%" PRIu32 " is defined twice", number);
    }
    p->values.data[number] = (Named){value, graph};
    return true;
}

static Value *parse_use(Parser *p, const Graph *graph) {
    uint32_t number;
    scan_blanks(&p->s);
    const char *at = p->s.p;
    if (!scan_value_number(&p->s, &number)) return NULL;
    Named named = number < p->values.len ? p->values.data[number] : (Named){0};
    if (!named.value)
        scan_fail(&p->s, at, "%%%" PRIu32 " is not defined before", number);
    else if (named.graph != graph)
        scan_fail(&p->s, at, "%%%" PRIu32 " is of another graph", number);
    else
        return named.value;
    return NULL;
}

static bool has_room(Parser *p, int more) {
    if (p->s.module->value_count + (uint32_t)more <= MAX_VALUES) return true;
    return scan_fail(&p->s, p->s.p, "a network has at most %d values", MAX_VALUES);
}

/* ---- parts of a node's line ------------------------------------------------------------------ */

static bool parse_results(Parser *p, Line *line) {
    do {
        if (line->nresults == MAX_RESULTS) {
            return scan_fail(&p->s, p->s.p, "a node has at most %d results", MAX_RESULTS);
        }
        if (!scan_value_number(&p->s, &line->numbers[line->nresults++])) return false;
    } while (scan_take(&p->s, ','));
    return scan_expect(&p->s, '=', "after a node's results");
}

static bool parse_operands(Parser *p, const Graph *graph, Line *line) {
    if (!scan_expect(&p->s, '(', "before operands")) return false;
    while (!scan_take(&p->s, ')')) {
        if (line->noperands && !scan_expect(&p->s, ',', "between operands")) return false;
        if (line->noperands == MAX_OPERANDS) {
            return scan_fail(&p->s, p->s.p, "a node has at most %d operands", MAX_OPERANDS);
        }
        scan_blanks(&p->s);
        line->operands_at[line->noperands] = p->s.p;
        Value *value = parse_use(p, graph);
        if (!value) return false;
        line->operands[line->noperands++] = value;
    }
    return true;
}

static bool fail_attr_name(Parser *p, const char *at, OpKind op, const char *name) {
    const char *names[MAX_ATTRS];
    int count = op_attr_count(op);
    for (int i = 0; i < count; i++) names[i] = op_info(op)->attrs[i].initial.name;
    const char *near = diag_suggest(name, names, (size_t)count);
    return scan_fail(&p->s, at, "'%s' has no attribute '%s'%s%s%s", op_info(op)->name, name,
                     near ? " (did you mean '" : "", near ? near : "", near ? "'?)" : "");
}

static bool parse_attrs(Parser *p, Line *line) {
    if (!scan_take(&p->s, '{')) return true;
    do {
        scan_blanks(&p->s);
        const char *at = p->s.p, *name = scan_bare_name(&p->s, "an attribute's name");
        if (!name || !scan_expect(&p->s, '=', "after an attribute's name")) return false;
        int index = op_attr_index(line->op, name);
        if (index < 0) return fail_attr_name(p, at, line->op, name);
        if (line->nattrs == MAX_ATTRS) return scan_fail(&p->s, at, "too many attributes");
        int rank = line->noperands ? line->operands[0]->type.rank : -1;
        line->attrs_at[line->nattrs] = at;
        if (!scan_attr_value(&p->s, &op_info(line->op)->attrs[index].initial, rank,
                             &line->attrs[line->nattrs++])) {
            return false;
        }
    } while (scan_take(&p->s, ','));
    return scan_expect(&p->s, '}', "after attributes");
}

static bool parse_annotations(Parser *p, Line *line) {
    VEC(Annotation) list = {0};
    while (scan_take(&p->s, '@')) {
        Annotation a = {.name = scan_name(&p->s, "an annotation's name")};
        if (!a.name) return false;
        bool more = scan_take(&p->s, '(');
        while (more) {
            if (a.count == 4)
                return scan_fail(&p->s, p->s.p, "an annotation has at most 4 numbers");
            if (!scan_float(&p->s, &a.args[a.count++])) return false;
            more = scan_take(&p->s, ',');
            if (!more && !scan_expect(&p->s, ')', "after an annotation's numbers")) return false;
        }
        vec_push(p->s.arena, &list, a);
    }
    line->annotations = list.data;
    line->nannotations = (int)list.len;
    return true;
}

static bool parse_types(Parser *p, Line *line) {
    for (int i = 0; i < line->nresults; i++) {
        if (!scan_expect(&p->s, i ? ',' : ':', "before a result's type")) return false;
        if (!scan_type(&p->s, &line->types[i], false)) return false;
    }
    return true;
}

static bool parse_provenance(Parser *p, Line *line) {
    line->place = (Place){.file = -1};
    line->result_places = arena_array(p->s.arena, Place, (size_t)line->nresults);
    if (!scan_at_place(&p->s)) return true;
    const char *at = p->s.p;
    if (!scan_places(&p->s, &line->place, line->nresults, line->result_places, &line->nplaces)) {
        return false;
    }
    return line->nplaces == 0 || line->nplaces == line->nresults ||
           scan_fail(&p->s, at, "%d places for %d results", line->nplaces, line->nresults);
}

/* Elements are kept as text until the type, which follows, is known. */
static bool parse_elements(Parser *p, Line *line) {
    while (!scan_take(&p->s, ']')) {
        char text[64];
        if (line->nelements && !scan_expect(&p->s, ',', "between elements")) return false;
        if (line->nelements == INLINE_ELEMENTS) {
            return scan_fail(&p->s, p->s.p, "more than %d elements stand in a side file",
                             INLINE_ELEMENTS);
        }
        scan_blanks(&p->s);
        line->elements_at[line->nelements] = p->s.p;
        if (!scan_number_text(&p->s, text)) return false;
        line->elements[line->nelements++] = arena_strdup(p->s.arena, text);
    }
    return true;
}

static bool parse_operation(Parser *p, const Graph *graph, Line *line) {
    scan_blanks(&p->s);
    const char *at = p->s.p, *name = scan_bare_name(&p->s, "an operator");
    if (!name) return false;
    if (!op_from_name(name, &line->op)) return scan_fail(&p->s, at, "unknown operator '%s'", name);
    switch (line->op) {
    case OP_const:
        if (scan_take(&p->s, '[')) return parse_elements(p, line);
        line->nelements = -1;
        return scan_hash(&p->s, 'c', &line->hash);
    case OP_param:
        line->attrs[0] = attr_string("name", scan_string(&p->s, "a parameter's name"));
        line->attrs_at[0] = at;
        if (!line->attrs[0].s) return false;
        return !scan_is_hash(&p->s, 'h') || scan_hash(&p->s, 'h', &line->hash);
    default: return parse_operands(p, graph, line) && parse_attrs(p, line);
    }
}

/* ---- making nodes ---------------------------------------------------------------------------- */

static const char *text_of(Parser *p, const TensorType *type) {
    return type_text(p->s.module->dims, p->s.arena, type);
}

static Node *make_operator(Parser *p, Builder *b, Line *line) {
    TypeQuery fault;
    Node *node =
        build_node(b, line->op, line->noperands, line->operands, line->nattrs, line->attrs, &fault);
    if (node) return node;
    const char *at = line->at;
    if (fault.blamed_operand >= 0 && fault.blamed_operand < line->noperands) {
        at = line->operands_at[fault.blamed_operand];
    }
    for (int i = 0; fault.blamed_attr >= 0 && i < line->nattrs; i++) {
        if (op_attr_index(line->op, line->attrs[i].name) == fault.blamed_attr) {
            at = line->attrs_at[i];
        }
    }
    scan_fail(&p->s, at, "%s", fault.error);
    return NULL;
}

static Node *make_param(Parser *p, Builder *b, Line *line) {
    const TensorType *type = &line->types[0];
    line->attrs[1] = attr_dtype("dtype", type->dtype);
    line->attrs[2] = attr_dims("shape", type->rank, type->dims);
    line->attrs_at[1] = line->attrs_at[2] = line->at;
    line->nattrs = 3;
    Node *node = make_operator(p, b, line);
    if (node) node->hash = line->hash;
    return node;
}

static bool is_tensor_of(const Tensor *tensor, DType dtype, int rank, const int64_t *dims) {
    bool same = tensor->dtype == dtype && tensor->rank == rank;
    for (int i = 0; same && i < rank; i++) same = tensor->dims[i] == dims[i];
    return same;
}

/* The constant that the side file has under the key. */
static Value *find_const(Parser *p, Builder *b, Line *line, const int64_t *dims) {
    const TensorType *type = &line->types[0];
    char key[CONST_KEY_SIZE];
    Tensor tensor;
    const_key(line->hash, key);
    bool known = p->constants && p->constants->find;
    if (!known || !p->constants->find(p->constants->self, key, &tensor)) {
        return build_const_absent(b, type, line->hash);
    }
    if (!is_tensor_of(&tensor, type->dtype, type->rank, dims) ||
        tensor_hash(&tensor) != line->hash) {
        scan_fail(&p->s, line->at, "the constant '%s' of the side file is not the one of this dump",
                  key);
        return NULL;
    }
    return build_const(b, &tensor, false);
}

static Value *inline_const(Parser *p, Builder *b, Line *line, const int64_t *dims) {
    const TensorType *type = &line->types[0];
    int64_t elements;
    Dim count = type_elements(p->s.module->dims, type);
    require(dim_is_int(count, &elements));
    if (elements != line->nelements) {
        scan_fail(&p->s, line->at, "%d elements for a constant of type %s", line->nelements,
                  text_of(p, type));
        return NULL;
    }
    Tensor tensor = tensor_new(p->s.module->arena, type->dtype, type->rank, dims);
    for (int i = 0; i < line->nelements; i++) {
        if (element_parse(&tensor, i, line->elements[i])) continue;
        scan_fail(&p->s, line->elements_at[i], "'%s' is no element of type %s", line->elements[i],
                  dtype_name(type->dtype));
        return NULL;
    }
    return build_const(b, &tensor, false);
}

static Node *make_const(Parser *p, Builder *b, Line *line) {
    int64_t dims[MAX_RANK];
    if (!type_static_dims(&line->types[0], dims)) {
        scan_fail(&p->s, line->at, "a constant cannot have the type %s",
                  text_of(p, &line->types[0]));
        return NULL;
    }
    if (line->nresults != 1 || !has_room(p, 1)) {
        scan_fail(&p->s, line->at, "'const' has one result");
        return NULL;
    }
    Value *value =
        line->nelements < 0 ? find_const(p, b, line, dims) : inline_const(p, b, line, dims);
    if (!value) return NULL;
    value->type.layout = line->types[0].layout;
    return value->def;
}

/* The body follows the node's line. */
static Node *make_fused(Parser *p, Builder *b, Line *line, int depth) {
    if (depth == MAX_BODY_DEPTH) {
        scan_fail(&p->s, line->at, "bodies are nested too deeply");
        return NULL;
    }
    if (!scan_expect_word(&p->s, "body")) return NULL;
    const char *name = scan_name(&p->s, "the body's name");
    if (!name) return NULL;
    Graph *body = graph_create(p->s.module, name);
    if (!parse_graph(p, body, depth + 1) || !has_room(p, line->nresults)) return NULL;
    bool fits = body->ninputs == line->noperands;
    for (int i = 0; fits && i < body->ninputs; i++) {
        fits = type_equal(&body->inputs[i]->type, &line->operands[i]->type);
    }
    if (!fits || body->noutputs > MAX_RESULTS) {
        scan_fail(&p->s, line->at, "the operands of 'fused' are not those that its body expects");
        return NULL;
    }
    return build_fused(b, line->noperands, line->operands, body);
}

static Node *make_node(Parser *p, Builder *b, Line *line, int depth) {
    switch (line->op) {
    case OP_param: return make_param(p, b, line);
    case OP_const: return make_const(p, b, line);
    case OP_fused: return make_fused(p, b, line, depth);
    default: return make_operator(p, b, line);
    }
}

static bool check_types(Parser *p, const Line *line, const Node *node) {
    if (node->nresults != line->nresults) {
        return scan_fail(&p->s, line->at, "'%s' has %d results here, found %d",
                         op_info(line->op)->name, node->nresults, line->nresults);
    }
    for (int i = 0; i < node->nresults; i++) {
        if (type_equal(&node->results[i]->type, &line->types[i])) continue;
        return scan_fail(&p->s, line->at, "'%s' yields %s, found %s", op_info(line->op)->name,
                         text_of(p, &node->results[i]->type), text_of(p, &line->types[i]));
    }
    return true;
}

static void set_places(Parser *p, const Line *line, Node *node) {
    place_record(&p->s, &line->place, &node->span);
    for (int i = 0; i < node->nresults; i++) {
        Value *value = node->results[i];
        const Place *place = line->nplaces ? &line->result_places[i] : &line->place;
        value->path = place->path ? place->path : intern(p->s.module->names, "");
        place_record(&p->s, place, &value->span);
    }
}

static bool parse_node(Parser *p, Graph *graph, int depth) {
    Line on_stack = {0}, *line = &on_stack; /* 10 KiB; nesting is bounded */
    scan_blanks(&p->s);
    line->at = p->s.p;
    if (!parse_results(p, line) || !parse_operation(p, graph, line) ||
        !parse_annotations(p, line) || !parse_types(p, line) || !parse_provenance(p, line)) {
        return false;
    }
    Builder b = {.graph = graph, .path = line->place.path};
    Node *node = make_node(p, &b, line, depth);
    if (!node || !check_types(p, line, node)) return false;
    for (int i = 0; i < node->nresults; i++) {
        if (!name_value(p, line->at, line->numbers[i], node->results[i], graph)) return false;
    }
    if (line->nannotations) node_annotate(node, line->nannotations, line->annotations);
    set_places(p, line, node);
    return true;
}

/* ---- graphs ---------------------------------------------------------------------------------- */

static bool parse_input_place(Parser *p, Value *input) {
    Place place;
    int count;
    if (!input || !scan_at_place(&p->s)) return true;
    if (!scan_places(&p->s, &place, 0, NULL, &count)) return false;
    if (place.path) input->path = place.path;
    place_record(&p->s, &place, &input->span);
    return true;
}

static bool parse_inputs(Parser *p, Graph *graph, int depth) {
    Value *input = NULL;
    if (!scan_expect(&p->s, '(', "before a graph's inputs")) return false;
    for (;;) {
        uint32_t number;
        TensorType type;
        bool more = !input || scan_take(&p->s, ',');
        if (!parse_input_place(p, input)) return false;
        if (!more || (!input && scan_take(&p->s, ')'))) break;
        scan_blanks(&p->s);
        const char *at = p->s.p;
        if (!has_room(p, 1) || !scan_value_number(&p->s, &number)) return false;
        const char *name = scan_name(&p->s, "an input's name");
        if (!name || !scan_expect(&p->s, ':', "before an input's type")) return false;
        if (!scan_type(&p->s, &type, depth == 0)) return false;
        input = graph_add_input(graph, name, &type, (Span){0});
        if (!name_value(p, at, number, input, graph)) return false;
    }
    return !input || scan_expect(&p->s, ')', "after a graph's inputs");
}

typedef VEC(const char *) NameList;

static bool parse_output_names(Parser *p, NameList *names) {
    if (!scan_expect(&p->s, '-', "in '->'") || !scan_expect(&p->s, '>', "in '->'") ||
        !scan_expect(&p->s, '(', "before a graph's outputs")) {
        return false;
    }
    do {
        const char *name = scan_name(&p->s, "an output's name");
        if (!name) return false;
        vec_push(p->s.arena, names, name);
    } while (scan_take(&p->s, ','));
    return scan_expect(&p->s, ')', "after a graph's outputs");
}

static bool parse_return(Parser *p, Graph *graph, const NameList *names) {
    const char *at = p->s.p;
    VEC(Value *) outputs = {0};
    do {
        Value *value = parse_use(p, graph);
        if (!value) return false;
        vec_push(p->s.arena, &outputs, value);
    } while (scan_take(&p->s, ','));
    if (outputs.len != names->len) {
        return scan_fail(&p->s, at, "%zu values returned, and the graph has %zu outputs",
                         outputs.len, names->len);
    }
    graph_set_outputs(graph, (int)outputs.len, outputs.data, names->data);
    return scan_expect(&p->s, '}', "after a graph's outputs");
}

/* All but the keyword and the name. */
static bool parse_graph(Parser *p, Graph *graph, int depth) {
    NameList names = {0};
    if (!parse_inputs(p, graph, depth) || !parse_output_names(p, &names) ||
        !scan_expect(&p->s, '{', "before a graph's nodes")) {
        return false;
    }
    while (!scan_take_word(&p->s, "return")) {
        if (!parse_node(p, graph, depth)) return false;
    }
    return parse_return(p, graph, &names);
}

static bool parse_symbols(Parser *p) {
    if (!scan_take_word(&p->s, "symbols")) return true;
    do {
        const char *at = p->s.p, *name = scan_bare_name(&p->s, "a symbol");
        if (!name) return false;
        if (dim_symbol_find(p->s.module->dims, name) >= 0) {
            return scan_fail(&p->s, at, "symbol '%s' stands here twice", name);
        }
        dim_symbol(p->s.module->dims, name);
    } while (scan_take(&p->s, ','));
    return true;
}

static bool parse_dump(Parser *p) {
    if (!parse_symbols(p) || !scan_expect_word(&p->s, "graph")) return false;
    const char *name = scan_name(&p->s, "the graph's name");
    if (!name) return false;
    Module *module = p->s.module;
    module->graph = graph_create(module, name);
    if (!parse_graph(p, module->graph, 0)) return false;
    if (!scan_at_end(&p->s)) return scan_fail(&p->s, p->s.p, "unexpected text after the graph");
    return places_resolve(&p->s) && graph_verify(module->graph, p->s.diag, NULL);
}

Module *graph_parse(const Source *source, Arena *arena, Diag *diag, const ParamSource *constants) {
    size_t length;
    const char *text = source_text(source, &length);
    Arena *scratch = arena_create();
    Parser p = {.s = {.source = source,
                      .arena = scratch,
                      .diag = diag,
                      .module = module_create(arena, diag)},
                .constants = constants};
    p.s.begin = p.s.p =
        arena_strndup(scratch, text, length); /* terminated, whatever the source is */
    const char *zero = memchr(p.s.begin, '\0', length);
    bool sound =
        zero ? scan_fail(&p.s, zero, "a dump is text, and this byte is zero") : parse_dump(&p);
    arena_destroy(scratch);
    return sound ? p.s.module : NULL;
}

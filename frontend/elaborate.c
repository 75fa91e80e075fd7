/* The network: its inputs and their symbols, its body, its results; and what is said about names
 * that nobody reads. */
#include "frontend/elaborate.h"

#include <inttypes.h>
#include <string.h>

/* ---- small services ---- */

bool elab_charge(Elab *e, Span span, int64_t steps) {
    if (e->gave_up) return false;
    e->steps += steps;
    if (e->steps <= MAX_STEPS) return true;
    diag_error(e->diag, span, "the network is too large: elaboration took more than %d steps",
               MAX_STEPS);
    e->gave_up = true;
    return false;
}

bool elab_enter(Elab *e, Span span) {
    if (e->gave_up) return false;
    if (e->recursion < MAX_RECURSION) {
        e->recursion++;
        return true;
    }
    diag_error(e->diag, span, "expressions, bodies and calls are nested more than %d deep",
               MAX_RECURSION);
    e->gave_up = true;
    return false;
}

const char *elab_printf(Elab *e, const char *format, ...) {
    StrBuf text = {0};
    va_list args;
    va_start(args, format);
    str_vprintf(&text, format, args);
    va_end(args);
    const char *result = intern(e->names, str_text(&text));
    str_free(&text);
    return result;
}

const char *elab_suggestion(Elab *e, const char *name, const char *const *candidates,
                            size_t count) {
    const char *near = count > 0 ? diag_suggest(name, candidates, count) : NULL;
    return near ? elab_printf(e, "; did you mean '%s'?", near) : "";
}

const char *elab_type_text(Elab *e, const TensorType *type) {
    return type_text(e->module->dims, e->arena, type);
}

const char *elab_describe(Elab *e, Val v) {
    static const char *const kinds[] = {
        [VAL_ERROR] = "nothing", [VAL_INT] = "the integer ", [VAL_FLOAT] = "the number ",
        [VAL_BOOL] = "",         [VAL_STRING] = "the text ", [VAL_DTYPE] = "the element type ",
        [VAL_DIM] = "the size ",
    };
    if (v.kind == VAL_TENSOR) return elab_type_text(e, &v.tensor->type);
    if (v.kind == VAL_LIST) return elab_printf(e, "a list of %zu", v.list->count);
    if (v.kind == VAL_RANGE)
        return elab_printf(e, "the range %" PRId64 "..%" PRId64, v.range.begin, v.range.end);
    StrBuf text = {0};
    const char *quote = v.kind == VAL_STRING ? "\"" : "";
    str_printf(&text, "%s%s", kinds[v.kind], quote);
    val_text(e->module->dims, v, &text);
    str_append(&text, quote);
    const char *result = arena_strdup(e->arena, str_text(&text));
    str_free(&text);
    return result;
}

/* The first symbol that occurs in the polynomial; -1: none. */
static int first_symbol(Dim dim) {
    for (int t = 0; t < dim->nterms; t++) {
        for (int f = 0; f < dim->terms[t].nfactors; f++) {
            const DimFactor *factor = &dim->terms[t].factors[f];
            if (factor->atom == ATOM_SYMBOL) return factor->symbol;
            int inner = first_symbol(factor->a);
            if (inner < 0) inner = first_symbol(factor->b);
            if (inner >= 0) return inner;
        }
    }
    return -1;
}

const char *elab_bind_hint(Elab *e, Dim dim) {
    int symbol = first_symbol(dim);
    return symbol < 0 ? ""
                      : elab_printf(e, "; -bind %s=... gives it a value",
                                    dim_symbol_name(e->module->dims, symbol));
}

/* ---- symbols ---- */

static bool symbol_known(const Elab *e, const char *name) {
    for (size_t i = 0; i < e->symbol_names.len; i++)
        if (e->symbol_names.data[i] == name) return true;
    return false;
}

/* The value that -bind gives to a symbol; null: none. */
static Val *given_value(Elab *e, const Name *name) {
    for (int i = 0; i < e->options->nbinds; i++) {
        int64_t number = e->options->bind_values[i];
        if (intern(e->names, e->options->bind_names[i]) != name->text) continue;
        Val *value = arena_new(e->arena, Val);
        *value = number < 0 ? val_error() : val_int(number);
        if (number < 0)
            diag_error(e->diag, name->span, "-bind %s=%" PRId64 ": a size cannot be negative",
                       name->text, number);
        return value;
    }
    return NULL;
}

/* A name that stands alone as a dimension of an input is a symbol from there on. */
static void introduce_symbol(Elab *e, const Expr *x) {
    DType dtype;
    if (e->gave_up || x->kind != EXPR_NAME || symbol_known(e, x->name.text) ||
        dtype_from_name(x->name.text, &dtype))
        return;
    vec_push(e->arena, &e->symbol_names, x->name.text);
    Val *value = given_value(e, &x->name);
    if (!value && dim_symbol_count(e->module->dims) == MAX_SYMBOLS) {
        value = arena_new(e->arena, Val); /* VAL_ERROR */
        diag_error(e->diag, x->span, "a network has at most %d symbols", MAX_SYMBOLS);
        e->gave_up = true;
    }
    if (value)
        name_map_put(e->arena, &e->bound_symbols, x->name.text, value);
    else
        dim_symbol(e->module->dims, x->name.text);
}

static void check_binds(Elab *e, const NetworkDecl *network) {
    for (int i = 0; i < e->options->nbinds; i++) {
        const char *name = e->options->bind_names[i];
        if (symbol_known(e, intern(e->names, name))) continue;
        diag_error(e->diag, network->name.span,
                   "-bind %s=%" PRId64 ": network '%s' has no symbol '%s'%s", name,
                   e->options->bind_values[i], network->name.text, name,
                   elab_suggestion(e, name, e->symbol_names.data, e->symbol_names.len));
    }
}

/* ---- inputs and results ---- */

static bool check_port_names(Elab *e, const PortList *ports, const char *what) {
    NameMap seen = {0};
    bool sound = true;
    for (size_t i = 0; ports && i < ports->len; i++) {
        PortDecl *port = &ports->data[i];
        const PortDecl *first = name_map_get(&seen, port->name.text);
        if (!first) {
            name_map_put(e->arena, &seen, port->name.text, port);
            continue;
        }
        diag_error(e->diag, port->name.span, "two %ss are named '%s'", what, first->name.text);
        diag_note(e->diag, first->name.span, "the first is here");
        sound = false;
    }
    return sound;
}

/* What tells whether an input was read. */
static Target *input_target(Elab *e, const PortDecl *port) {
    Target *target = arena_new(e->arena, Target);
    *target = (Target){.name = port->name, .bound = true};
    return target;
}

static void add_inputs(Elab *e, const PortList *ports, Target **targets) {
    for (size_t i = 0; ports && i < ports->len; i++) {
        const ExprList *dims = ports->data[i].type.dims;
        for (size_t k = 0; dims && k < dims->len; k++) introduce_symbol(e, dims->data[k]);
    }
    TensorType *types = arena_array(e->arena, TensorType, ports ? ports->len : 0);
    bool *sound = arena_array(e->arena, bool, ports ? ports->len : 0);
    for (size_t i = 0; ports && i < ports->len; i++)
        sound[i] = elab_type(e, &ports->data[i].type, &types[i]);
    for (size_t i = 0; ports && i < ports->len; i++) {
        const PortDecl *port = &ports->data[i];
        Val value = val_error();
        if (symbol_known(e, port->name.text))
            diag_error(e->diag, port->name.span, "'%s' is both an input and a symbol",
                       port->name.text);
        else if (sound[i])
            value = val_tensor(graph_add_input(e->graph, port->name.text, &types[i], port->span));
        targets[i] = input_target(e, port);
        scope_define(e, e->frame->scope, port->name.text, port->name.span, value, targets[i]);
    }
}

static const char *suggest_bound(Elab *e, const char *name) {
    VEC(const char *) names = {0};
    for (size_t i = 0; i < e->frame->scope->order.len; i++)
        vec_push(e->arena, &names, e->frame->scope->order.data[i]->name);
    return elab_suggestion(e, name, names.data, names.len);
}

/* The value of a result; null after a message. */
static Value *result_value(Elab *e, const PortDecl *port) {
    TensorType declared;
    Binding *binding = scope_find(e->frame->scope, port->name.text);
    bool sound = elab_type(e, &port->type, &declared);
    if (!binding) {
        diag_error(e->diag, port->name.span, "the result '%s' is never bound%s", port->name.text,
                   suggest_bound(e, port->name.text));
        elab_note_ended(e, port->name.text);
        return NULL;
    }
    if (binding->target) binding->target->used = true;
    if (!sound || binding->value.kind == VAL_ERROR) return NULL;
    if (binding->value.kind == VAL_TENSOR && type_equal(&binding->value.tensor->type, &declared))
        return binding->value.tensor;
    diag_error(e->diag, port->type.span, "the result '%s' is declared %s, but its value is %s",
               port->name.text, elab_type_text(e, &declared), elab_describe(e, binding->value));
    diag_note(e->diag, binding->span, "it is bound here");
    return NULL;
}

static void add_outputs(Elab *e, const PortList *ports) {
    size_t count = ports ? ports->len : 0;
    Value **values = arena_array(e->arena, Value *, count);
    const char **names = arena_array(e->arena, const char *, count);
    bool sound = true;
    for (size_t i = 0; i < count; i++) {
        values[i] = result_value(e, &ports->data[i]);
        names[i] = ports->data[i].name.text;
        if (!values[i]) sound = false;
    }
    if (sound) graph_set_outputs(e->graph, (int)count, values, names);
}

/* ---- names that nobody reads ---- */

static void warn_unused(Elab *e, const Target *target, const char *what) {
    if (target->bound && !target->used && target->name.text[0] != '_')
        diag_warning(e->diag, target->name.span, "%s '%s' is never used", what, target->name.text);
}

static void warn_unused_in(Elab *e, const StmtList *body) {
    for (size_t i = 0; body && i < body->len; i++) {
        const Stmt *stmt = body->data[i];
        for (size_t k = 0; stmt->targets && k < stmt->targets->len; k++)
            warn_unused(e, &stmt->targets->data[k], "the value of");
        warn_unused_in(e, stmt->body);
        for (size_t k = 0; stmt->arms && k < stmt->arms->len; k++)
            warn_unused_in(e, stmt->arms->data[k].body);
    }
}

static void warn_all_unused(Elab *e, const FileSet *files, const NetworkDecl *network,
                            Target **inputs) {
    for (size_t i = 0; i < files->files.len; i++) {
        const FileAst *ast = files->files.data[i]->ast;
        for (size_t k = 0; k < ast->blocks.len; k++) warn_unused_in(e, ast->blocks.data[k]->body);
    }
    for (size_t i = 0; network->inputs && i < network->inputs->len; i++)
        warn_unused(e, inputs[i], "the input");
    warn_unused_in(e, network->body);
}

/* ---- which network ---- */

static const char *network_list(const FileSet *files, const FileAst *ast) {
    StrBuf text = {0};
    for (size_t i = 0; i < ast->networks.len; i++)
        str_printf(&text, "%s%s", i > 0 ? ", " : "", ast->networks.data[i]->name.text);
    const char *result = arena_strdup(files->arena, str_text(&text));
    str_free(&text);
    return result;
}

static const NetworkDecl *unknown_network(const FileSet *files, const FileAst *ast,
                                          const char *name) {
    const char **names = arena_array(files->arena, const char *, ast->networks.len);
    for (size_t i = 0; i < ast->networks.len; i++) names[i] = ast->networks.data[i]->name.text;
    const char *near = diag_suggest(name, names, ast->networks.len);
    Span start = {ast->source, 0, 0};
    if (near)
        diag_error(files->diag, start, "no network '%s'; did you mean '%s'?", name, near);
    else
        diag_error(files->diag, start, "no network '%s'; there are: %s", name,
                   network_list(files, ast));
    return NULL;
}

static const NetworkDecl *choose_network(const FileSet *files, const char *name) {
    const FileAst *ast = files->files.data[0]->ast;
    Span start = {ast->source, 0, 0};
    if (ast->networks.len == 0) {
        diag_error(files->diag, start, "the file has no network");
        return NULL;
    }
    for (size_t i = 0; name && i < ast->networks.len; i++)
        if (strcmp(ast->networks.data[i]->name.text, name) == 0) return ast->networks.data[i];
    if (name) return unknown_network(files, ast, name);
    if (ast->networks.len == 1) return ast->networks.data[0];
    diag_error(files->diag, start, "the file has several networks; choose with -network=: %s",
               network_list(files, ast));
    return NULL;
}

/* ---- the whole ---- */

static void run_network(Elab *e, const NetworkDecl *network, Target **inputs) {
    bool sound = check_port_names(e, network->inputs, "input");
    sound = check_port_names(e, network->outputs, "result") && sound;
    add_inputs(e, network->inputs, inputs);
    check_binds(e, network);
    if (!network->outputs) {
        diag_error(e->diag, network->head, "a network needs a result");
        sound = false;
    }
    if (!sound) return;
    Flow flow = elab_body(e, network->body);
    if (flow == FLOW_NEXT && !e->gave_up && !diag_full(e->diag)) add_outputs(e, network->outputs);
}

Module *elaborate(const FileSet *files, const FrontendOptions *options) {
    const NetworkDecl *network = choose_network(files, options->network);
    if (!network) return NULL;
    Module *module = module_create(files->arena, files->diag);
    Graph *graph = graph_create(module, network->name.text);
    module->graph = graph;
    StmtContext no_statement = {0};
    Frame frame = {
        .file = files->files.data[0], .body = network->body, .path = "", .stmt = &no_statement};
    Elab e = {.module = module,
              .arena = files->arena,
              .diag = files->diag,
              .names = files->names,
              .options = options,
              .graph = graph,
              .frame = &frame};
    frame.scope = scope_create(&e, NULL);
    Target **inputs =
        arena_array(files->arena, Target *, network->inputs ? network->inputs->len : 0);
    int errors = diag_error_count(files->diag);
    diag_set_context(files->diag, elab_note_calls, &e);
    run_network(&e, network, inputs);
    diag_set_context(files->diag, NULL, NULL);
    if (diag_error_count(files->diag) > errors) return NULL;
    warn_all_unused(&e, files, network, inputs);
    return module;
}

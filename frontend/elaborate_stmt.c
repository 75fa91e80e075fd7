/* Statements. */
#include "frontend/elaborate.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* ---- annotations ---- */

/* What the optimizer understands. An argument lies in (above, upto]. */
static const struct AnnotationSpec {
    const char *name;
    int count;
    double above, upto;
    const char *range;
} annotation_specs[] = {
    {"keep_float", 0, 0, 0, ""},
    {"prune", 1, 0, 1, "a number above 0 and at most 1"},
    {"delta", 1, 0, INFINITY, "a number above 0"},
};

static const struct AnnotationSpec *annotation_spec(Elab *e, Name name) {
    const char *names[COUNT_OF(annotation_specs)];
    for (size_t i = 0; i < COUNT_OF(annotation_specs); i++) {
        names[i] = annotation_specs[i].name;
        if (strcmp(names[i], name.text) == 0) return &annotation_specs[i];
    }
    const char *near = elab_suggestion(e, name.text, names, COUNT_OF(names));
    diag_error(e->diag, name.span, "unknown annotation '@%s'%s", name.text,
               near[0] ? near : "; known are keep_float, prune and delta");
    return NULL;
}

/* Once a network, not for each use of a block. */
static void warn_of_prune(Elab *e, const AnnotationExpr *x) {
    if (e->warned_of_prune || strcmp(x->name.text, "prune") != 0) return;
    e->warned_of_prune = true;
    diag_warning(e->diag, x->span, "'@prune' has no effect: this version prunes no weights");
}

static bool eval_annotation(Elab *e, const AnnotationExpr *x, Annotation *out) {
    const struct AnnotationSpec *spec = annotation_spec(e, x->name);
    if (!spec) return false;
    int count = x->args ? (int)x->args->len : 0;
    *out = (Annotation){.name = spec->name, .count = spec->count};
    if (count != spec->count) {
        diag_error(e->diag, x->span, "'@%s' takes %s, found %d", spec->name,
                   spec->count ? "one number" : "no arguments", count);
        return false;
    }
    for (int i = 0; i < count; i++) {
        const Arg *arg = &x->args->data[i];
        Val value = elab_expr(e, arg->value);
        if (value.kind == VAL_ERROR) return false;
        double number = val_is_number(value) ? val_number(value) : NAN;
        if (arg->name.text || !(number > spec->above && number <= spec->upto)) {
            diag_error(e->diag, arg->span, "'@%s' takes %s, found %s", spec->name, spec->range,
                       arg->name.text ? "a named argument" : elab_describe(e, value));
            return false;
        }
        out->args[i] = number;
    }
    warn_of_prune(e, x);
    return true;
}

static int annotation_index(const Annotation *list, int count, const char *name) {
    for (int i = 0; i < count; i++)
        if (strcmp(list[i].name, name) == 0) return i;
    return -1;
}

/* Those of the statement, and those of outer ones that it does not give anew. */
static void enter_annotations(Elab *e, const AnnotationList *list) {
    int count = 0;
    Annotation *merged = arena_array(e->arena, Annotation, list->len + (size_t)e->nannotations);
    for (size_t i = 0; i < list->len; i++) {
        bool good = eval_annotation(e, &list->data[i], &merged[count]);
        if (good && annotation_index(merged, count, merged[count].name) >= 0) {
            diag_error(e->diag, list->data[i].span, "'@%s' is given twice", merged[count].name);
            good = false;
        }
        if (good) count++;
    }
    int own = count;
    for (int i = 0; i < e->nannotations; i++)
        if (annotation_index(merged, own, e->annotations[i].name) < 0)
            merged[count++] = e->annotations[i];
    e->annotations = merged;
    e->nannotations = count;
}

/* ---- bindings ---- */

static void poison(Elab *e, const TargetList *targets) {
    for (size_t i = 0; targets && i < targets->len; i++)
        scope_assign(e, &targets->data[i], val_error());
}

static void assign(Elab *e, const Stmt *stmt) {
    TargetList *targets = stmt->targets;
    Val value = elab_expr(e, stmt->value);
    int64_t length = val_length(value);
    if (targets->len == 1) {
        scope_assign(e, &targets->data[0], value);
    } else if (value.kind != VAL_ERROR && length == (int64_t)targets->len) {
        for (size_t i = 0; i < targets->len; i++)
            scope_assign(e, &targets->data[i], val_item(value, (int64_t)i));
    } else {
        Span span =
            span_join(targets->data[0].name.span, targets->data[targets->len - 1].name.span);
        if (value.kind != VAL_ERROR)
            diag_error(e->diag, span, "%zu names for %s", targets->len, elab_describe(e, value));
        poison(e, targets);
    }
}

static void declare_const(Elab *e, const Stmt *stmt) {
    TensorType type;
    bool sound = elab_type(e, &stmt->type, &type);
    Val items = elab_expr(e, stmt->value);
    Val value = sound ? add_constant(e, items, &type, stmt->value) : val_error();
    scope_assign(e, &stmt->targets->data[0], value);
}

static void declare_param(Elab *e, const Stmt *stmt) {
    static const Formal formals[] = {{"name", "\"...\"", true}, {"share", "false", true}};
    Name name = stmt->targets->data[0].name;
    size_t count = stmt->args ? stmt->args->len : 0;
    Given *given = arena_array(e->arena, Given, count);
    Actual actuals[2];
    bool share;
    for (size_t i = 0; i < count; i++)
        given[i] = (Given){&stmt->args->data[i], elab_expr(e, stmt->args->data[i].value)};
    CallSite call = {NULL, "param", name.span, stmt->span, (int)count, given};
    TensorType type;
    Value *value = NULL;
    bool sound = elab_type(e, &stmt->type, &type);
    sound = match_arguments(e, &call, formals, 2, actuals) && sound;
    if (sound && elab_share(e, &actuals[1], &share)) {
        const char *path = owner_path(e, name.text, &actuals[0], name.span);
        value = path ? add_parameter(e, path, &type, share, name.span) : NULL;
    }
    scope_assign(e, &stmt->targets->data[0], value ? val_tensor(value) : val_error());
}

static Flow give_back(Elab *e, const Stmt *stmt) {
    const ExprList *values = stmt->values;
    if (!e->frame->block) {
        diag_error(e->diag, stmt->span, "a network has no return: bind its results by their names");
        return FLOW_RETURN;
    }
    if (!values) {
        diag_error(e->diag, stmt->span, "a return needs a value");
        return FLOW_RETURN;
    }
    Val *items = arena_array(e->arena, Val, values->len);
    bool sound = true;
    for (size_t i = 0; i < values->len; i++) {
        items[i] = elab_expr(e, values->data[i]);
        if (items[i].kind == VAL_ERROR) sound = false;
    }
    e->frame->result = !sound             ? val_error()
                       : values->len == 1 ? items[0]
                                          : val_list(e->arena, values->len, items);
    return FLOW_RETURN;
}

/* ---- choices and repetition ---- */

static Flow inner_body(Elab *e, const StmtList *body, const Target *variable, Val value) {
    Scope *outer = e->frame->scope;
    e->frame->scope = scope_create(e, outer);
    if (variable)
        scope_define(e, e->frame->scope, variable->name.text, variable->name.span, value, NULL);
    Flow flow = elab_body(e, body);
    e->frame->scope = outer;
    return flow;
}

static Flow choose(Elab *e, const Stmt *stmt) {
    for (size_t i = 0; i < stmt->arms->len; i++) {
        const IfArm *arm = &stmt->arms->data[i];
        bool holds = true;
        if (arm->condition && !elab_condition(e, arm->condition, &holds)) {
            for (size_t k = i; k < stmt->arms->len; k++) scope_poison(e, stmt->arms->data[k].body);
            return FLOW_NEXT;
        }
        if (holds) return inner_body(e, arm->body, NULL, val_error());
    }
    return FLOW_NEXT;
}

static Flow repeat(Elab *e, const Stmt *stmt) {
    Val items = elab_expr(e, stmt->value);
    int64_t count = val_length(items);
    if (count < 0) {
        if (items.kind != VAL_ERROR)
            diag_error(e->diag, stmt->value->span, "repeat needs a range a..b or a list, found %s",
                       elab_describe(e, items));
        scope_poison(e, stmt->body);
        return FLOW_NEXT;
    }
    int errors = diag_error_count(e->diag);
    for (int64_t i = 0; i < count; i++) {
        if (!elab_charge(e, stmt->value->span, 1)) break;
        Flow flow = inner_body(e, stmt->body, &stmt->targets->data[0], val_item(items, i));
        if (flow == FLOW_RETURN) return flow;
        if (diag_error_count(e->diag) > errors) break; /* the next rounds would say the same */
    }
    return FLOW_NEXT;
}

/* ---- any statement ---- */

static Flow run(Elab *e, const Stmt *stmt) {
    switch (stmt->kind) {
    case STMT_ERROR: break;
    case STMT_ASSIGN: assign(e, stmt); break;
    case STMT_RETURN: return give_back(e, stmt);
    case STMT_CONST: declare_const(e, stmt); break;
    case STMT_PARAM: declare_param(e, stmt); break;
    case STMT_EXPR:
        diag_error(e->diag, stmt->span, "this value is bound to no name: write name = ...");
        break;
    case STMT_IF: return choose(e, stmt);
    case STMT_REPEAT: return repeat(e, stmt);
    }
    return FLOW_NEXT;
}

static Flow run_in_context(Elab *e, const Stmt *stmt) {
    StmtContext *outer = e->frame->stmt;
    size_t count = stmt->targets && stmt->kind != STMT_REPEAT ? stmt->targets->len : 0;
    StmtContext context = {.name = count == 1 ? stmt->targets->data[0].name.text : NULL,
                           .binds_several = count > 1};
    const Annotation *annotations = e->annotations;
    int nannotations = e->nannotations;
    e->frame->stmt = &context;
    if (stmt->annotations) enter_annotations(e, stmt->annotations);
    Flow flow = run(e, stmt);
    e->annotations = annotations;
    e->nannotations = nannotations;
    e->frame->stmt = outer;
    return flow;
}

Flow elab_body(Elab *e, const StmtList *body) {
    Flow flow = FLOW_NEXT;
    if (!body || !elab_enter(e, body->data[0]->span)) return flow;
    for (size_t i = 0; i < body->len && flow == FLOW_NEXT; i++) {
        if (diag_full(e->diag) || !elab_charge(e, body->data[i]->span, 1)) break;
        flow = run_in_context(e, body->data[i]);
    }
    elab_leave(e);
    return flow;
}

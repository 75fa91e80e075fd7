/* Calls: evaluating arguments and finding out who is called. */
#include "frontend/elaborate.h"

#include <string.h>

static Val unknown_callee(Elab *e, const CallSite *call) {
    VEC(const char *) names = {0};
    const SourceFile *file = e->frame->file;
    const char *functions[16];
    for (size_t i = 0; i < file->block_names.len; i++)
        vec_push(e->arena, &names, file->block_names.data[i]);
    for (size_t i = 0; layer_name(i); i++) vec_push(e->arena, &names, layer_name(i));
    for (int op = 0; op < OP_COUNT; op++)
        if (operator_callable((OpKind)op)) vec_push(e->arena, &names, op_info((OpKind)op)->name);
    size_t count = compile_time_names(functions, COUNT_OF(functions));
    for (size_t i = 0; i < count; i++) vec_push(e->arena, &names, functions[i]);
    OpKind op;
    if (scope_find(e->frame->scope, call->callee))
        diag_error(e->diag, call->name_span, "'%s' is a value and cannot be called", call->callee);
    else if (op_from_name(call->callee, &op) || strcmp(call->callee, "param") == 0)
        diag_error(e->diag, call->name_span, "'%s' cannot be called in a source", call->callee);
    else
        diag_error(e->diag, call->name_span, "unknown operator, layer or block '%s'%s",
                   call->callee, elab_suggestion(e, call->callee, names.data, names.len));
    return val_error();
}

static Val dispatch(Elab *e, const CallSite *call) {
    const VisibleBlock *block = name_map_get(&e->frame->file->blocks, call->callee);
    if (block) return call_block(e, call, block);
    CompileTimeFunction *function = compile_time_function(call);
    if (function) return function(e, call);
    OpKind op;
    bool is_operator = op_from_name(call->callee, &op) && operator_callable(op);
    const Layer *layer = layer_find(call->callee);
    if (layer && !(is_operator && layer_brings_tensors(layer, call)))
        return call_layer(e, call, layer);
    return is_operator ? call_operator(e, call, op) : unknown_callee(e, call);
}

Val elab_call(Elab *e, const Expr *x) {
    int count = (int)x->args->len;
    Given *given = arena_array(e->arena, Given, (size_t)count);
    bool sound = true;
    for (int i = 0; i < count; i++) {
        const Arg *arg = &x->args->data[i];
        given[i] = (Given){arg, elab_expr(e, arg->value)};
        if (given[i].value.kind == VAL_ERROR) sound = false;
    }
    CallSite call = {x, x->name.text, x->name.span, x->span, count, given};
    return sound ? dispatch(e, &call) : val_error();
}

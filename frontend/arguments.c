/* Matching the arguments of a call to what the callee takes: positions first, then names. */
#include "frontend/elaborate.h"

/* `conv2d(x, filters, kernel, stride=[1, 1], ...)` */
static const char *signature_text(Elab *e, const char *callee, const Formal *formals, int count) {
    StrBuf text = {0};
    str_printf(&text, "%s(", callee);
    for (int i = 0; i < count; i++) {
        str_printf(&text, "%s%s", i > 0 ? ", " : "", formals[i].name);
        if (formals[i].initial) str_printf(&text, "=%s", formals[i].initial);
    }
    str_putc(&text, ')');
    const char *result = arena_strdup(e->arena, str_text(&text));
    str_free(&text);
    return result;
}

static void note_signature(Elab *e, const CallSite *call, const Formal *formals, int count) {
    Span nowhere = {0};
    diag_note(e->diag, nowhere, "it is %s", signature_text(e, call->callee, formals, count));
}

static int formal_index(const Formal *formals, int count, const char *name, Interner *names) {
    for (int i = 0; i < count; i++)
        if (intern(names, formals[i].name) == name) return i;
    return -1;
}

static void unknown_argument(Elab *e, const CallSite *call, const Arg *arg, const Formal *formals,
                             int count) {
    const char **names = arena_array(e->arena, const char *, (size_t)count);
    for (int i = 0; i < count; i++) names[i] = formals[i].name;
    diag_error(e->diag, arg->name.span, "'%s' has no argument '%s'%s", call->callee, arg->name.text,
               elab_suggestion(e, arg->name.text, names, (size_t)count));
    note_signature(e, call, formals, count);
}

/* Which formal an argument is for; -1 after a message. */
static int place_argument(Elab *e, const CallSite *call, const Arg *arg, int position,
                          const Formal *formals, int count) {
    if (arg->name.text) {
        int index = formal_index(formals, count, arg->name.text, e->names);
        if (index < 0) unknown_argument(e, call, arg, formals, count);
        return index;
    }
    if (position >= 0 && position < count && !formals[position].keyword_only) return position;
    if (position < 0)
        diag_error(e->diag, arg->span,
                   "an argument without a name cannot stand behind one with a name");
    else
        diag_error(e->diag, arg->span, "'%s' takes at most %d arguments without a name",
                   call->callee, position);
    note_signature(e, call, formals, count);
    return -1;
}

bool match_arguments(Elab *e, const CallSite *call, const Formal *formals, int count,
                     Actual *actuals) {
    bool sound = true;
    int position = 0;
    for (int i = 0; i < count; i++) actuals[i] = (Actual){.span = call->name_span};
    for (int i = 0; i < call->count && sound; i++) {
        const Arg *arg = call->given[i].arg;
        if (arg->name.text) position = -1;
        int index = place_argument(e, call, arg, position, formals, count);
        if (position >= 0) position++;
        if (index < 0) return false;
        if (actuals[index].arg) {
            diag_error(e->diag, arg->span, "the argument '%s' of '%s' is given twice",
                       formals[index].name, call->callee);
            diag_note(e->diag, actuals[index].arg->span, "the first is here");
            return false;
        }
        actuals[index] = (Actual){arg, call->given[i].value, arg->value->span};
    }
    for (int i = 0; i < count; i++) {
        if (actuals[i].arg || formals[i].initial) continue;
        diag_error(e->diag, call->name_span, "'%s' needs the argument '%s'", call->callee,
                   formals[i].name);
        note_signature(e, call, formals, count);
        return false;
    }
    return sound;
}

/* ---- operators and layers ---- */

/* One number where all are equal: that is how they are written. */
static void append_ints(StrBuf *text, const Attr *attr) {
    bool alike = attr->count > 1;
    for (int i = 1; i < attr->count; i++) alike = alike && attr->ints[i] == attr->ints[0];
    if (alike) {
        str_printf(text, "%lld", (long long)attr->ints[0]);
        return;
    }
    str_putc(text, '[');
    for (int i = 0; i < attr->count; i++)
        str_printf(text, "%s%lld", i > 0 ? ", " : "", (long long)attr->ints[i]);
    str_putc(text, ']');
}

static const char *default_text(Elab *e, const Attr *attr) {
    StrBuf text = {0};
    switch (attr->kind) {
    case ATTR_INT: str_printf(&text, "%lld", (long long)attr->i); break;
    case ATTR_FLOAT: str_append_double(&text, attr->f, false); break;
    case ATTR_BOOL: str_append(&text, attr->i ? "true" : "false"); break;
    case ATTR_STRING: str_printf(&text, "\"%s\"", attr->s); break;
    case ATTR_DTYPE: str_append(&text, dtype_name(attr->dtype)); break;
    default: append_ints(&text, attr); break;
    }
    const char *result = arena_strdup(e->arena, str_text(&text));
    str_free(&text);
    return result;
}

int signature_formals(Elab *e, const Signature *signature, Formal formals[MAX_FORMALS]) {
    int count = 0;
    require(signature->noperands + signature->nattrs + 2 <= MAX_FORMALS);
    for (int i = 0; i < signature->noperands; i++)
        formals[count++] =
            (Formal){signature->operands[i], i < signature->nrequired ? NULL : "none", false};
    for (int i = 0; i < signature->nattrs; i++) {
        const AttrSpec *spec = &signature->attrs[i];
        formals[count++] = (Formal){spec->initial.name,
                                    spec->required ? NULL : default_text(e, &spec->initial), false};
    }
    return count;
}

/* Calls of blocks, and the paths of what their layers own.
 *
 * A layer's path is name=, else the name that its statement binds. A block without name= takes its
 * statement's name in the same way, but only once something inside it owns parameters: blocks that
 * own none may stand anywhere. */
#include "frontend/elaborate.h"

#include <string.h>

/* ---- paths ---- */

static bool claim_statement(Elab *e, Frame *frame, const char *what, Span span);

/* Tells the callers' statements that the frame owns parameters. */
static bool claim_callers(Elab *e, Frame *frame) {
    for (; frame->caller && !frame->claimed; frame = frame->caller) {
        frame->claimed = true;
        if (!frame->named)
            return claim_statement(e, frame->caller, frame->block->name.text, frame->call);
    }
    return true;
}

/* Reports an owner that cannot take the name of the frame's statement; e->frame is that frame
 * meanwhile, so that the notes about calls lead to it. */
static void report_owner(Elab *e, Frame *frame, const char *what, Span span) {
    const StmtContext *stmt = frame->stmt;
    Frame *inner = e->frame;
    e->frame = frame;
    if (!stmt->name) {
        diag_error(e->diag, span,
                   "'%s' owns parameters and needs name=\"...\": its statement binds %s", what,
                   stmt->binds_several ? "several names" : "no name");
    } else {
        diag_error(e->diag, span,
                   "two owners of parameters in one statement: '%s' needs name=\"...\"", what);
        diag_note(e->diag, stmt->owner, "this one is '%s'", stmt->name);
    }
    e->frame = inner;
}

static bool claim_statement(Elab *e, Frame *frame, const char *what, Span span) {
    StmtContext *stmt = frame->stmt;
    if (!stmt->name || stmt->owned) {
        report_owner(e, frame, what, span);
        return false;
    }
    stmt->owned = true;
    stmt->owner = span;
    return claim_callers(e, frame);
}

/* The text of name=; null after a message. */
static const char *given_name(Elab *e, const Actual *name) {
    if (name->value.kind != VAL_STRING) {
        diag_error(e->diag, name->span, "name= must be a text, found %s",
                   elab_describe(e, name->value));
        return NULL;
    }
    const char *text = name->value.s;
    size_t length = strlen(text);
    bool sound = length > 0 && text[0] != '.' && text[length - 1] != '.' && !strstr(text, "..");
    for (size_t i = 0; i < length; i++)
        sound = sound && (unsigned char)text[i] > ' ' && text[i] != 0x7f;
    if (sound) return text;
    diag_error(e->diag, name->span,
               "name= must be a path: words apart by single dots, found \"%s\"", text);
    return NULL;
}

const char *owner_path(Elab *e, const char *what, const Actual *name, Span span) {
    const char *own = name->arg ? given_name(e, name) : NULL;
    if (name->arg && !own) return NULL;
    if (!(own ? claim_callers(e, e->frame) : claim_statement(e, e->frame, what, span))) return NULL;
    return path_join(e, e->frame->path, own ? own : e->frame->stmt->name);
}

/* ---- frames ---- */

enum { MAX_SHOWN_CALLS = 8 };

static void note_calls(Elab *e, const Frame *frame) {
    for (int shown = 0; frame->caller; frame = frame->caller, shown++) {
        if (shown == MAX_SHOWN_CALLS) {
            diag_note(e->diag, (Span){0}, "and so on");
            return;
        }
        const char *as = frame->path[0] ? elab_printf(e, " as '%s'", frame->path) : "";
        diag_note(e->diag, frame->call, "in block '%s', called here%s", frame->block->name.text,
                  as);
    }
}

void elab_note_calls(Diag *diag, void *elab) {
    Elab *e = elab;
    (void)diag;
    if (e->frame) note_calls(e, e->frame);
}

/* Reports the cycle that a call of block would close. */
static bool is_recursive(Elab *e, const BlockDecl *block, Span span) {
    const Frame *found = NULL;
    int depth = 0;
    for (const Frame *frame = e->frame; frame; frame = frame->caller, depth++)
        if (frame->block == block) found = frame;
    if (!found && depth < MAX_CALL_DEPTH) return false;
    if (!found) {
        diag_error(e->diag, span, "blocks call each other more than %d deep", MAX_CALL_DEPTH);
        return true;
    }
    const char *cycle = block->name.text;
    for (const Frame *frame = e->frame; frame != found; frame = frame->caller)
        cycle = elab_printf(e, "%s -> %s", frame->block->name.text, cycle);
    diag_error(e->diag, span, "block '%s' calls itself: %s -> %s", block->name.text,
               block->name.text, cycle);
    return true;
}

/* ---- arguments ---- */

static const char *source_of(Elab *e, Span span) {
    size_t length;
    const char *text = source_text(span.source, &length);
    return arena_strndup(e->arena, text + span.begin, span.end - span.begin);
}

/* The block's own parameters, then name= and share=. */
static Formal *block_formals(Elab *e, const BlockDecl *block, int *count) {
    int n = block->params ? (int)block->params->len : 0;
    Formal *formals = arena_array(e->arena, Formal, (size_t)n + 2);
    for (int i = 0; i < n; i++) {
        const ParamDecl *param = &block->params->data[i];
        formals[i] = (Formal){param->name.text,
                              param->initial ? source_of(e, param->initial->span) : NULL, false};
    }
    formals[n] = (Formal){"name", "\"...\"", true};
    formals[n + 1] = (Formal){"share", "false", true};
    *count = n;
    return formals;
}

bool elab_share(Elab *e, const Actual *share, bool *result) {
    *result = e->frame->share;
    if (!share->arg) return true;
    if (share->value.kind != VAL_BOOL) {
        diag_error(e->diag, share->span, "share= must be true or false, found %s",
                   elab_describe(e, share->value));
        return false;
    }
    *result = *result || share->value.i;
    return true;
}

/* Binds the parameters in the new frame; defaults see those before them. */
static bool bind_parameters(Elab *e, const BlockDecl *block, const Actual *actuals) {
    bool sound = true;
    for (size_t i = 0; block->params && i < block->params->len; i++) {
        const ParamDecl *param = &block->params->data[i];
        Val value = actuals[i].arg ? actuals[i].value : elab_expr(e, param->initial);
        if (value.kind == VAL_ERROR) sound = false;
        scope_define(e, e->frame->scope, param->name.text, param->name.span, value, NULL);
    }
    return sound;
}

static Val run_block(Elab *e, const CallSite *call, const BlockDecl *block, const Actual *actuals,
                     Frame *frame) {
    StmtContext no_statement = {0};
    frame->stmt = &no_statement;
    frame->scope = scope_create(e, NULL);
    e->frame = frame;
    int errors = diag_error_count(e->diag);
    Flow flow = FLOW_NEXT;
    if (bind_parameters(e, block, actuals)) flow = elab_body(e, block->body);
    e->frame = frame->caller;
    if (flow == FLOW_RETURN) return frame->result;
    if (errors == diag_error_count(e->diag) && !e->gave_up)
        diag_error(e->diag, call->name_span, "block '%s' gave no value: it ended without a return",
                   call->callee);
    return val_error();
}

Val call_block(Elab *e, const CallSite *call, const VisibleBlock *visible) {
    const BlockDecl *block = visible->decl;
    int count;
    Formal *formals = block_formals(e, block, &count);
    Actual *actuals = arena_array(e->arena, Actual, (size_t)count + 2);
    if (is_recursive(e, block, call->name_span)) return val_error();
    if (!match_arguments(e, call, formals, count + 2, actuals)) return val_error();
    const Actual *name = &actuals[count];
    const char *own = name->arg ? given_name(e, name) : e->frame->stmt->name;
    bool share;
    if ((name->arg && !own) || !elab_share(e, &actuals[count + 1], &share)) return val_error();
    Frame frame = {.caller = e->frame,
                   .block = block,
                   .file = visible->file,
                   .body = block->body,
                   .path = path_join(e, e->frame->path, own ? own : ""),
                   .named = name->arg != NULL,
                   .share = share,
                   .call = call->span};
    return run_block(e, call, block, actuals, &frame);
}

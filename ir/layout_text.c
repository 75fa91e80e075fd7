/* Layouts as text, both ways: a list of steps, or the usual name of an image layout. */
#include "ir/layout.h"

#include <inttypes.h>
#include <string.h>

/* ---- image layouts by name: axes N, C and one to three spatial ones -------------------------- */

/* The names of the axes of images by rank, channels second. */
static const char *const image_axes[MAX_RANK + 1] = {[3] = "NCW", [4] = "NCHW", [5] = "NCDHW"};

/* Channels last: one permutation. */
static Layout channels_last(int rank) {
    Layout layout;
    memset(&layout, 0, sizeof(layout));
    layout.nsteps = 1;
    LayoutStep *step = &layout.steps[0];
    step->kind = LAYOUT_PERMUTE;
    for (int i = 0; i < rank; i++)
        if (i != 1) step->order[step->count++] = i;
    step->order[step->count++] = 1;
    return layout;
}

static bool same_step(const LayoutStep *a, const LayoutStep *b) {
    if (a->kind != b->kind) return false;
    switch (a->kind) {
    case LAYOUT_PAD: return a->axis == b->axis && a->lo == b->lo && a->hi == b->hi;
    case LAYOUT_SPLIT: return a->axis == b->axis && a->factor == b->factor;
    case LAYOUT_PERMUTE:
        return a->count == b->count &&
               memcmp(a->order, b->order, (size_t)a->count * sizeof(a->order[0])) == 0;
    }
    unreachable();
}

static bool same_layout(const Layout *a, const Layout *b) {
    if (a->nsteps != b->nsteps) return false;
    for (int i = 0; i < a->nsteps; i++)
        if (!same_step(&a->steps[i], &b->steps[i])) return false;
    return true;
}

static bool print_image_name(LayoutRef layout, int rank, StrBuf *out) {
    const char *axes = rank >= 0 && rank <= MAX_RANK ? image_axes[rank] : NULL;
    if (!axes) return false;
    Layout last = channels_last(rank);
    if (same_layout(layout, &last)) {
        str_printf(out, "N%sC", axes + 2);
        return true;
    }
    if (layout->nsteps == 0 || layout->steps[0].kind != LAYOUT_SPLIT) return false;
    int64_t factor = layout->steps[0].factor;
    if (factor <= 0) return false;
    Layout blocked = layout_blocked(rank, 1, factor);
    if (!same_layout(layout, &blocked)) return false;
    str_printf(out, "%s%" PRId64 "c", axes, factor);
    return true;
}

/* ---- printing ---- */

static void print_step(const LayoutStep *step, StrBuf *out) {
    switch (step->kind) {
    case LAYOUT_PAD:
        str_printf(out, "pad(%d,%" PRId64 ",%" PRId64 ")", step->axis, step->lo, step->hi);
        return;
    case LAYOUT_SPLIT: str_printf(out, "split(%d,%" PRId64 ")", step->axis, step->factor); return;
    case LAYOUT_PERMUTE:
        str_append(out, "permute(");
        for (int i = 0; i < step->count; i++) str_printf(out, "%s%d", i ? "," : "", step->order[i]);
        str_putc(out, ')');
        return;
    }
    unreachable();
}

void layout_print(LayoutRef layout, int rank, StrBuf *out) {
    if (!layout || print_image_name(layout, rank, out)) return;
    for (int i = 0; i < layout->nsteps; i++) {
        if (i) str_putc(out, ' ');
        print_step(&layout->steps[i], out);
    }
}

/* ---- parsing ---- */

static const char *skip_blanks(const char *p) {
    while (*p == ' ' || *p == '\t') p++;
    return p;
}

static bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static bool parse_number(const char **text, int64_t *value) {
    const char *p = skip_blanks(*text);
    if (!is_digit(*p)) return false;
    for (*value = 0; is_digit(*p); p++)
        if (!checked_mul(*value, 10, value) || !checked_add(*value, *p - '0', value)) return false;
    *text = p;
    return true;
}

static bool take(const char **text, char c) {
    const char *p = skip_blanks(*text);
    if (*p != c) return false;
    *text = p + 1;
    return true;
}

/* "(" number {"," number} ")"; returns how many, or -1. */
static int parse_arguments(const char **text, int64_t *values, int most) {
    if (!take(text, '(')) return -1;
    int count = 0;
    do {
        if (count == most || !parse_number(text, &values[count++])) return -1;
    } while (take(text, ','));
    return take(text, ')') ? count : -1;
}

static bool take_word(const char **text, const char *word) {
    size_t length = strlen(word);
    if (strncmp(*text, word, length) != 0 || is_letter((*text)[length])) return false;
    *text += length;
    return true;
}

/* Axes are small numbers; others would be cut off by the conversion to int. */
static bool small(int64_t value) {
    return value < MAX_AXES;
}

static bool parse_step(const char **text, LayoutStep *step) {
    static const char *const words[] = {
        [LAYOUT_PAD] = "pad", [LAYOUT_SPLIT] = "split", [LAYOUT_PERMUTE] = "permute"};
    size_t kind = 0;
    while (kind < COUNT_OF(words) && !take_word(text, words[kind])) kind++;
    if (kind == COUNT_OF(words)) return false;
    step->kind = (LayoutStepKind)kind;
    int64_t values[MAX_AXES];
    int count = parse_arguments(text, values, MAX_AXES);
    if (count < 0 || !small(values[0])) return false;
    switch (step->kind) {
    case LAYOUT_PAD:
        step->axis = (int)values[0];
        step->lo = count == 3 ? values[1] : 0;
        step->hi = count == 3 ? values[2] : 0;
        return count == 3;
    case LAYOUT_SPLIT:
        step->axis = (int)values[0];
        step->factor = count == 2 ? values[1] : 0;
        return count == 2;
    case LAYOUT_PERMUTE:
        step->count = count;
        for (int i = 0; i < count; i++) {
            if (!small(values[i])) return false;
            step->order[i] = (int)values[i];
        }
        return true;
    }
    unreachable();
}

/* "NHWC" or "NCHW16c". */
static bool parse_image_name(const char **text, int rank, Layout *layout) {
    const char *axes = image_axes[rank], *p = *text;
    if (!axes) return false;
    size_t spatial = strlen(axes + 2);
    if (p[0] == 'N' && strncmp(p + 1, axes + 2, spatial) == 0 && p[spatial + 1] == 'C' &&
        !is_letter(p[spatial + 2]) && !is_digit(p[spatial + 2])) {
        *text = p + spatial + 2;
        *layout = channels_last(rank);
        return true;
    }
    int64_t factor;
    if (strncmp(p, axes, (size_t)rank) != 0) return false;
    p += rank;
    if (!is_digit(*p) || !parse_number(&p, &factor) || factor == 0 || *p != 'c') return false;
    if (is_letter(p[1]) || is_digit(p[1])) return false;
    *text = p + 1;
    *layout = layout_blocked(rank, 1, factor);
    return true;
}

bool layout_parse(const char **text, int rank, Layout *layout) {
    memset(layout, 0, sizeof(*layout));
    if (rank < 0 || rank > MAX_RANK) return false;
    *text = skip_blanks(*text);
    if (parse_image_name(text, rank, layout)) return true;
    for (const char *p = *text; is_letter(*p); p = skip_blanks(*text)) {
        if ((size_t)layout->nsteps == COUNT_OF(layout->steps)) return false;
        *text = p;
        if (!parse_step(text, &layout->steps[layout->nsteps++])) return false;
    }
    return layout->nsteps > 0 && layout_valid(layout, rank);
}

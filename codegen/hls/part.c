#include "codegen/hls/part.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- parts ----------------------------------------------------------------------------------- */

static const HlsPart parts[] = {
    {"xc7z020", "xc7z020clg400-1", 10, 220, 280},
    {"xc7a35t", "xc7a35tcpg236-1", 10, 90, 100},
    {"xc7a100t", "xc7a100tcsg324-1", 10, 240, 270},
    {"xc7z045", "xc7z045ffg900-2", 10, 900, 1090},
    {"xczu3eg", "xczu3eg-sbva484-1-e", 5, 360, 432},
    {"xczu9eg", "xczu9eg-ffvb1156-2-e", 5, 2520, 1824},
    {"xcku115", "xcku115-flvb2104-2-e", 5, 5520, 4320},
    {"xcu250", "xcu250-figd2104-2L-e", 4, 12288, 5376},
};

static char *trim(char *text) {
    while (*text == ' ' || *text == '\t') text++;
    size_t length = strcspn(text, "#\r");
    while (length > 0 && (text[length - 1] == ' ' || text[length - 1] == '\t')) length--;
    text[length] = '\0';
    return text;
}

/* A whole number in range; false where the text is another. */
static bool read_number(const char *text, double least, double most, double *value) {
    char *end;
    *value = strtod(text, &end);
    return end != text && *end == '\0' && *value >= least && *value <= most;
}

/* Names go into scripts. */
static bool is_part_name(const char *text) {
    return *text && strlen(text) < 64 &&
           strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") ==
               strlen(text);
}

static bool read_line(HlsPart *part, char *key, char *text, Arena *arena) {
    double number;
    if (strcmp(key, "part") == 0) {
        part->vitis = arena_strdup(arena, text);
        return is_part_name(text);
    }
    if (strcmp(key, "clock") == 0) return read_number(text, 0.5, 1000, &part->clock);
    bool dsps = strcmp(key, "dsps") == 0;
    if (!dsps && strcmp(key, "brams") != 0) return false;
    if (!read_number(text, 0, 1e6, &number) || number != (double)(int64_t)number) return false;
    *(dsps ? &part->dsps : &part->brams) = (int64_t)number;
    return true;
}

static const HlsPart *read_part(const char *path, Arena *arena, Diag *diag) {
    enum { MOST_BYTES = 64 << 10 };
    FileBytes file;
    if (!file_read(arena, path, MOST_BYTES, &file, diag, (Span){0})) return NULL;
    HlsPart *part = arena_new(arena, HlsPart);
    *part = (HlsPart){.name = path, .clock = 10, .dsps = -1, .brams = -1};
    char *text = arena_strndup(arena, (const char *)file.data, file.size);
    for (int line = 1; text && *text; line++) {
        char *end = strchr(text, '\n');
        if (end) *end = '\0';
        char *key = trim(text), *equals = strchr(key, '=');
        bool ok = *key == '\0';
        if (!ok && equals && key < equals) {
            *equals = '\0';
            ok = read_line(part, trim(key), trim(equals + 1), arena);
        }
        if (!ok) {
            diag_error(diag, (Span){0}, "-device: line %d of '%s' describes no part", line, path);
            diag_note(diag, (Span){0},
                      "lines are part = NAME, clock = NANOSECONDS, dsps = N, brams = N");
            return NULL;
        }
        text = end ? end + 1 : NULL;
    }
    if (part->vitis && part->dsps >= 0 && part->brams >= 0) return part;
    diag_error(diag, (Span){0}, "-device: '%s' lacks %s", path,
               !part->vitis     ? "part"
               : part->dsps < 0 ? "dsps"
                                : "brams");
    return NULL;
}

const HlsPart *hls_part(const TargetOptions *options, Arena *arena, Diag *diag) {
    const char *name = options->device ? options->device : parts[0].name;
    StrBuf known = {0};
    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        if (strcmp(parts[i].name, name) == 0) return &parts[i];
        str_printf(&known, "%s%s", i ? ", " : "", parts[i].name);
    }
    if (strpbrk(name, "/.")) {
        str_free(&known);
        return read_part(name, arena, diag);
    }
    diag_error(diag, (Span){0},
               "-device: no FPGA part is described by '%s'; there are: %s, or a file", name,
               str_text(&known));
    str_free(&known);
    return NULL;
}

/* ---- operations ------------------------------------------------------------------------------ */

static HlsCost binary_cost(LBinary op, DType type) {
    bool is_float = dtype_is_float(type), is_double = type == DT_f64;
    switch (op) {
    case LB_ADD:
    case LB_SUB:
        if (is_double) return (HlsCost){7, 3};
        return is_float ? (HlsCost){HLS_FLOAT_ADD_LATENCY, 2} : (HlsCost){1, 0};
    case LB_MUL:
        if (is_double) return (HlsCost){7, 11};
        if (is_float) return (HlsCost){4, 3};
        return dtype_bits(type) <= 16 ? (HlsCost){2, 1}
               : type == DT_i64       ? (HlsCost){5, 10}
                                      : (HlsCost){3, 3};
    case LB_DIV:
        if (is_double) return (HlsCost){30, 0};
        return is_float ? (HlsCost){16, 0} : (HlsCost){dtype_bits(type) + 4, 0};
    case LB_FLOORDIV:
    case LB_MOD: return (HlsCost){4, 0};
    case LB_MIN:
    case LB_MAX: return (HlsCost){is_float ? 2 : 1, 0};
    default: return (HlsCost){is_float ? 2 : 1, 0};
    }
}

HlsCost hls_cost(LX x) {
    switch (x->kind) {
    case LX_BINARY: return binary_cost(x->binary, x->args[0]->type.dtype);
    case LX_FMA: return (HlsCost){9, 5};
    case LX_UNARY:
        if (x->unary == LU_SQRT) return (HlsCost){x->type.dtype == DT_f64 ? 30 : 16, 0};
        return (HlsCost){1, 0};
    case LX_CAST:
        return dtype_is_float(x->type.dtype) != dtype_is_float(x->args[0]->type.dtype)
                   ? (HlsCost){5, 0}
                   : (HlsCost){1, 0};
    case LX_LOAD: return (HlsCost){2, 0};
    case LX_FIFO_READ:
    case LX_SELECT: return (HlsCost){1, 0};
    default: return (HlsCost){0, 0};
    }
}

/* NumPy's .npy files: magic, version, a Python dictionary as text, then the elements
 * (numpy.lib.format). */
#include <ctype.h>
#include <string.h>

#include "frontend/dataio_private.h"

/* NumPy's names for the element types that both sides have. */
static const struct {
    const char *descr; /* after the byte order */
    DType dtype;
} names[] = {
    {"f4", DT_f32}, {"f2", DT_f16}, {"f8", DT_f64}, {"i1", DT_i8},   {"u1", DT_u8},
    {"i2", DT_i16}, {"i4", DT_i32}, {"i8", DT_i64}, {"b1", DT_bool},
};

/* ---- reading --------------------------------------------------------------------------------- */

/* What is left of the header's dictionary. */
typedef struct Cursor {
    const char *at, *end;
} Cursor;

typedef struct Header {
    DType dtype;
    bool fortran_order;
    int rank;
    int64_t dims[MAX_RANK];
    bool has_descr, has_order, has_shape;
} Header;

static void skip_blanks(Cursor *c) {
    while (c->at < c->end && isspace((unsigned char)*c->at)) c->at++;
}

static bool accept(Cursor *c, char wanted) {
    skip_blanks(c);
    if (c->at == c->end || *c->at != wanted) return false;
    c->at++;
    return true;
}

/* A quoted string without escapes, copied; false if there is none or it is too long. */
static bool accept_string(Cursor *c, char *text, size_t capacity) {
    char quote = accept(c, '\'') ? '\'' : accept(c, '"') ? '"' : 0;
    size_t length = 0;
    if (!quote) return false;
    while (c->at < c->end && *c->at != quote) {
        if (length + 1 >= capacity || *c->at == '\\') return false;
        text[length++] = *c->at++;
    }
    text[length] = '\0';
    return accept(c, quote);
}

static bool accept_word(Cursor *c, const char *word) {
    size_t length = strlen(word);
    skip_blanks(c);
    if ((size_t)(c->end - c->at) < length || memcmp(c->at, word, length) != 0) return false;
    c->at += length;
    return true;
}

static const char *parse_descr(Cursor *c, Header *header) {
    char text[32];
    if (!accept_string(c, text, sizeof text))
        return "has elements that are records, which nnc cannot read";
    if (text[0] == '>') return "is big-endian; save it in little-endian order";
    const char *kind = strchr("<=|", text[0]) && text[0] ? text + 1 : text;
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if (strcmp(kind, names[i].descr) != 0) continue;
        header->dtype = names[i].dtype;
        header->has_descr = true;
        return 0;
    }
    return "has elements of a type that nnc does not know";
}

static const char *parse_shape(Cursor *c, Header *header) {
    if (!accept(c, '(')) return "has no shape in its header";
    while (!accept(c, ')')) {
        int64_t size = 0;
        int digits = 0;
        if (header->rank == MAX_RANK) return "has more dimensions than nnc knows (8)";
        skip_blanks(c);
        for (; c->at < c->end && isdigit((unsigned char)*c->at); c->at++, digits++)
            if (!checked_mul(size, 10, &size) || !checked_add(size, *c->at - '0', &size))
                return "has a dimension that overflows";
        accept(c, 'L'); /* Python 2 wrote long integers so */
        if (digits == 0) return "has a malformed shape";
        header->dims[header->rank++] = size;
        if (!accept(c, ',') && (c->at == c->end || *c->at != ')')) return "has a malformed shape";
    }
    header->has_shape = true;
    return 0;
}

static const char *parse_entry(Cursor *c, Header *header) {
    char key[32];
    if (!accept_string(c, key, sizeof key) || !accept(c, ':')) return "has a malformed header";
    if (strcmp(key, "descr") == 0 && !header->has_descr) return parse_descr(c, header);
    if (strcmp(key, "shape") == 0 && !header->has_shape) return parse_shape(c, header);
    if (strcmp(key, "fortran_order") == 0 && !header->has_order) {
        header->fortran_order = accept_word(c, "True");
        header->has_order = header->fortran_order || accept_word(c, "False");
        return header->has_order ? 0 : "has a malformed header";
    }
    return "has an unknown or repeated key in its header";
}

/* Null, or what is wrong with the dictionary. */
static const char *parse_header(Cursor c, Header *header) {
    if (!accept(&c, '{')) return "has a malformed header";
    while (!accept(&c, '}')) {
        const char *fault = parse_entry(&c, header);
        if (fault) return fault;
        if (!accept(&c, ',') && (c.at == c.end || *c.at != '}')) return "has a malformed header";
    }
    skip_blanks(&c);
    if (c.at != c.end || !header->has_descr || !header->has_shape || !header->has_order)
        return "has a malformed header";
    return 0;
}

/* Where the elements begin, or 0 where the file's beginning is not that of a .npy file. */
static size_t find_header(const uint8_t *bytes, size_t size, Cursor *header) {
    if (size < 12 || memcmp(bytes, "\x93NUMPY", 6) != 0 || bytes[6] < 1 || bytes[6] > 3) return 0;
    size_t begin = bytes[6] == 1 ? 10 : 12, length = bytes[8] | (size_t)bytes[9] << 8;
    if (bytes[6] > 1) length |= (size_t)bytes[10] << 16 | (size_t)bytes[11] << 24;
    if (length > size - begin) return 0;
    header->at = (const char *)bytes + begin;
    header->end = header->at + length;
    return begin + length;
}

/* Copies elements whose first index runs fastest. */
static void copy_fortran(Tensor *tensor, const uint8_t *from) {
    size_t bytes = dtype_bytes(tensor->dtype);
    int64_t count = tensor_elements(tensor), index[MAX_RANK] = {0};
    char *to = tensor->data;
    for (int64_t i = 0; i < count; i++) {
        int64_t at = 0;
        for (int k = tensor->rank - 1; k >= 0; k--) at = at * tensor->dims[k] + index[k];
        memcpy(to + (size_t)i * bytes, from + (size_t)at * bytes, bytes);
        for (int k = tensor->rank - 1; k >= 0 && ++index[k] == tensor->dims[k]; k--) index[k] = 0;
    }
}

bool npy_parse(Arena *arena, const uint8_t *bytes, size_t size, const char *name, Tensor *tensor,
               Diag *diag) {
    Cursor text;
    Header header = {0};
    size_t begin = find_header(bytes, size, &text);
    const char *fault = begin == 0 ? "is not a .npy file, or its beginning is cut off"
                                   : parse_header(text, &header);
    if (!fault && !tensor_shape(tensor, header.dtype, header.rank, header.dims, 0))
        fault = "has a shape whose size overflows";
    if (fault) {
        diag_error(diag, (Span){0}, "'%s' %s", name, fault);
        return false;
    }
    if (tensor->bytes != size - begin) {
        diag_error(diag, (Span){0}, "'%s' should hold %zu bytes of elements for %s, found %zu",
                   name, tensor->bytes, tensor_type_text(arena, tensor), size - begin);
        return false;
    }
    tensor->data = arena_alloc(arena, tensor->bytes);
    if (header.fortran_order)
        copy_fortran(tensor, bytes + begin);
    else if (tensor->bytes > 0)
        memcpy(tensor->data, bytes + begin, tensor->bytes);
    return tensor_contents_valid(tensor, name, 0, diag);
}

bool npy_read(Arena *arena, const char *path, Tensor *tensor, Diag *diag) {
    FileBytes file;
    *tensor = (Tensor){0};
    return file_map(arena, path, &file, diag, (Span){0}) &&
           npy_parse(arena, file.data, file.size, path, tensor, diag);
}

/* ---- writing --------------------------------------------------------------------------------- */

/* Types without a NumPy name are widened to one that holds all their values. */
static DType written_dtype(DType dtype) {
    return dtype == DT_bf16 ? DT_f32 : dtype == DT_i4 ? DT_i8 : dtype == DT_u4 ? DT_u8 : dtype;
}

static const char *descr_of(DType dtype) {
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (names[i].dtype == dtype) return names[i].descr;
    unreachable();
}

void npy_format(const Tensor *tensor, StrBuf *out) {
    DType dtype = written_dtype(tensor->dtype);
    StrBuf header = {0};
    str_printf(&header, "{'descr': '%c%s', 'fortran_order': False, 'shape': (",
               dtype_bytes(dtype) == 1 ? '|' : '<', descr_of(dtype));
    for (int i = 0; i < tensor->rank; i++)
        str_printf(&header, "%s%lld%s", i > 0 ? ", " : "", (long long)tensor->dims[i],
                   tensor->rank == 1 ? "," : "");
    str_append(&header, "), }");
    while ((10 + header.len + 1) % 64 != 0) str_putc(&header, ' ');
    str_putc(&header, '\n');
    str_append_n(out, "\x93NUMPY\x01\x00", 8);
    str_putc(out, (char)(header.len & 0xff));
    str_putc(out, (char)(header.len >> 8));
    str_append_n(out, header.data, header.len);
    str_free(&header);
    if (tensor->dtype == dtype || dtype_bytes(tensor->dtype) == dtype_bytes(dtype)) {
        str_append_n(out, tensor->data, tensor->bytes);
        return;
    }
    for (int64_t i = 0; i < tensor_elements(tensor); i++) {
        float value = (float)tensor_get(tensor, i);
        str_append_n(out, (const char *)&value, sizeof value);
    }
}

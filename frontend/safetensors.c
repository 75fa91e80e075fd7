/* .safetensors: 8 bytes of header length, a JSON header, then the elements
 * (https://github.com/huggingface/safetensors, "Format"). All numbers are little-endian.
 *
 * The header names for each tensor its element type, shape and range of bytes. Nothing of it is
 * believed before it was checked against the file. i4 and u4, one element a byte, are nnc's own
 * addition for side files. */
#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "frontend/dataio_private.h"

static const struct {
    const char *name;
    DType dtype;
} names[] = {
    {"F32", DT_f32}, {"F16", DT_f16},   {"BF16", DT_bf16}, {"F64", DT_f64},
    {"I8", DT_i8},   {"U8", DT_u8},     {"I16", DT_i16},   {"I32", DT_i32},
    {"I64", DT_i64}, {"BOOL", DT_bool}, {"I4", DT_i4},     {"U4", DT_u4},
};

/* The format's own limit for the header. */
static const uint64_t max_header = 100000000;
/* A parsed value takes some 64 bytes: bounds what a header of brackets and commas can cost. */
static const size_t max_values = 4 << 20;

typedef struct Reader {
    Arena *arena;
    const char *path;
    Diag *diag;
    const uint8_t *data; /* the elements */
    size_t size;
} Reader;

/* Where a tensor's elements lie among all. */
typedef struct Range {
    uint64_t begin, end;
    const char *name;
    Tensor *tensor;
} Range;

static bool file_error(const Reader *r, const char *what) {
    diag_error(r->diag, (Span){0}, "'%s' %s", r->path, what);
    return false;
}

static bool entry_error(const Reader *r, const char *name, const char *what) {
    diag_error(r->diag, (Span){0}, "'%s': the tensor '%s' %s", r->path, name, what);
    return false;
}

/* ---- one entry of the header ----------------------------------------------------------------- */

/* A JSON number as a whole one that doubles hold exactly. */
static bool whole_number(const cJSON *item, int64_t *value) {
    if (!cJSON_IsNumber(item) || !(item->valuedouble >= 0) || item->valuedouble > 0x1p53)
        return false;
    *value = (int64_t)item->valuedouble;
    return (double)*value == item->valuedouble;
}

static bool read_dtype(const cJSON *item, DType *dtype) {
    for (size_t i = 0; cJSON_IsString(item) && i < COUNT_OF(names); i++) {
        if (strcmp(item->valuestring, names[i].name) != 0) continue;
        *dtype = names[i].dtype;
        return true;
    }
    return false;
}

/* Dimensions; -1 unless it is a list of at most MAX_RANK whole numbers. */
static int read_shape(const cJSON *item, int64_t dims[MAX_RANK]) {
    int rank = 0;
    if (!cJSON_IsArray(item)) return -1;
    for (const cJSON *d = item->child; d; d = d->next)
        if (rank == MAX_RANK || !whole_number(d, &dims[rank++])) return -1;
    return rank;
}

static bool read_range(const cJSON *item, size_t size, Range *range) {
    int64_t begin, end;
    if (!cJSON_IsArray(item) || cJSON_GetArraySize(item) != 2) return false;
    if (!whole_number(item->child, &begin) || !whole_number(item->child->next, &end)) return false;
    range->begin = (uint64_t)begin;
    range->end = (uint64_t)end;
    return range->begin <= range->end && range->end <= size;
}

/* The elements where they lie in the file, or a copy where they are not aligned there. */
static void *elements_at(const Reader *r, const Tensor *tensor, uint64_t begin) {
    const uint8_t *at = r->data + begin;
    if ((uintptr_t)at % dtype_bytes(tensor->dtype) == 0) return (void *)(uintptr_t)at;
    void *copy = arena_alloc(r->arena, tensor->bytes);
    memcpy(copy, at, tensor->bytes);
    return copy;
}

/* Everything but the elements. */
static bool read_entry(const Reader *r, const cJSON *entry, Tensor *tensor, Range *range) {
    const char *name = entry->string;
    DType dtype;
    int64_t dims[MAX_RANK];
    if (!cJSON_IsObject(entry) || cJSON_GetArraySize(entry) != 3)
        return entry_error(r, name, "has a malformed entry in the header");
    if (!read_dtype(cJSON_GetObjectItemCaseSensitive(entry, "dtype"), &dtype))
        return entry_error(r, name, "has an element type that nnc does not know");
    int rank = read_shape(cJSON_GetObjectItemCaseSensitive(entry, "shape"), dims);
    if (rank < 0) return entry_error(r, name, "has a malformed shape, or more than 8 dimensions");
    if (!tensor_shape(tensor, dtype, rank, dims, 0))
        return entry_error(r, name, "has a shape whose size overflows");
    if (!read_range(cJSON_GetObjectItemCaseSensitive(entry, "data_offsets"), r->size, range))
        return entry_error(r, name, "lies outside the file: it is cut off, or its header lies");
    if (range->end - range->begin != tensor->bytes)
        return entry_error(r, name, "has a shape that does not fit its bytes");
    range->name = name;
    range->tensor = tensor;
    return true;
}

/* ---- the file -------------------------------------------------------------------------------- */

static int by_begin(const void *a, const void *b) {
    const Range *x = a, *y = b;
    return x->begin != y->begin ? (x->begin < y->begin ? -1 : 1)
                                : (x->end > y->end) - (x->end < y->end);
}

static bool ranges_disjoint(const Reader *r, Range *ranges, size_t count) {
    if (count > 0) qsort(ranges, count, sizeof *ranges, by_begin);
    uint64_t end = 0;
    for (size_t i = 0; i < count; i++) {
        if (ranges[i].begin == ranges[i].end) continue;
        if (ranges[i].begin < end)
            return entry_error(r, ranges[i].name, "overlaps another in the file");
        end = ranges[i].end;
    }
    return true;
}

/* Comes after the ranges were found disjoint: copies are then no larger than the file. */
static bool take_elements(const Reader *r, const Range *ranges, size_t count) {
    for (size_t i = 0; i < count; i++) {
        Tensor *tensor = ranges[i].tensor;
        tensor->data = elements_at(r, tensor, ranges[i].begin);
        if (!tensor_contents_valid(tensor, r->path, ranges[i].name, r->diag)) return false;
    }
    return true;
}

static bool read_entries(const Reader *r, const cJSON *header, TensorFile *file) {
    size_t room = (size_t)cJSON_GetArraySize(header), count = 0;
    const char **entry_names = arena_array(r->arena, const char *, room);
    Tensor *tensors = arena_array(r->arena, Tensor, room);
    Range *ranges = arena_array(r->arena, Range, room);
    for (const cJSON *entry = header->child; entry; entry = entry->next) {
        if (strcmp(entry->string, "__metadata__") == 0) continue;
        if (!read_entry(r, entry, &tensors[count], &ranges[count])) return false;
        entry_names[count] = arena_strdup(r->arena, entry->string);
        count++;
    }
    *file = (TensorFile){count, entry_names, tensors};
    return ranges_disjoint(r, ranges, count) && take_elements(r, ranges, count) &&
           tensor_file_sort(r->arena, file, r->path, r->diag);
}

/* safetensors' save_model writes a tensor that a model has under several names once, and each other
 * name into the metadata, as a key whose value is the name that was kept. */
static bool add_second_names(const Reader *r, const cJSON *metadata, TensorFile *file) {
    if (!cJSON_IsObject(metadata)) return true;
    size_t count = file->count, room = count + (size_t)cJSON_GetArraySize(metadata);
    const char **all_names = arena_array(r->arena, const char *, room);
    Tensor *tensors = arena_array(r->arena, Tensor, room);
    for (size_t i = 0; i < count; i++) {
        all_names[i] = file->names[i];
        tensors[i] = file->tensors[i];
    }
    for (const cJSON *entry = metadata->child; entry; entry = entry->next) {
        const Tensor *kept =
            cJSON_IsString(entry) ? tensor_file_find(file, entry->valuestring) : NULL;
        if (!kept || tensor_file_find(file, entry->string)) continue;
        all_names[count] = arena_strdup(r->arena, entry->string);
        tensors[count++] = *kept;
    }
    if (count == file->count) return true;
    *file = (TensorFile){count, all_names, tensors};
    return tensor_file_sort(r->arena, file, r->path, r->diag);
}

static bool too_many_values(const char *text, size_t length) {
    size_t values = 0;
    for (size_t i = 0; i < length; i++)
        values += text[i] == ',' || text[i] == '[' || text[i] == '{';
    return values > max_values;
}

bool safetensors_read(Arena *arena, const char *path, TensorFile *file, Diag *diag) {
    Reader r = {.arena = arena, .path = path, .diag = diag};
    FileBytes bytes;
    uint64_t length = 0;
    if (!file_map(arena, path, &bytes, diag, (Span){0})) return false;
    for (int i = 0; i < 8 && bytes.size >= 8; i++) length |= (uint64_t)bytes.data[i] << (8 * i);
    if (bytes.size < 8 || length > bytes.size - 8 || length > max_header)
        return file_error(&r, "is not a .safetensors file, or its beginning is cut off");
    const char *text = (const char *)bytes.data + 8, *end = text;
    r.data = bytes.data + 8 + length;
    r.size = bytes.size - 8 - length;
    if (too_many_values(text, length)) return file_error(&r, "has a header of too many values");
    cJSON *header = cJSON_ParseWithLengthOpts(text, length, &end, 0);
    while (header && end < text + length &&
           (*end == ' ' || *end == '\n' || *end == '\t' || *end == '\r'))
        end++;
    bool ok = header && cJSON_IsObject(header) && end == text + length;
    if (!ok) file_error(&r, "has a header that is not a JSON object");
    ok = ok && read_entries(&r, header, file) &&
         add_second_names(&r, cJSON_GetObjectItemCaseSensitive(header, "__metadata__"), file);
    cJSON_Delete(header);
    return ok;
}

/* ---- writing --------------------------------------------------------------------------------- */

/* One tensor to be written, and where its data begins. */
typedef struct Item {
    const char *name;
    const Tensor *tensor;
} Item;

/* Wider elements first, so that all are aligned without gaps; then by name. */
static int by_alignment(const void *a, const void *b) {
    const Item *x = a, *y = b;
    size_t size_x = dtype_bytes(x->tensor->dtype), size_y = dtype_bytes(y->tensor->dtype);
    return size_x != size_y ? (size_x > size_y ? -1 : 1) : strcmp(x->name, y->name);
}

static void append_json_string(StrBuf *out, const char *text) {
    str_putc(out, '"');
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\')
            str_printf(out, "\\%c", c);
        else if (c < 0x20)
            str_printf(out, "\\u%04x", c);
        else
            str_putc(out, (char)c);
    }
    str_putc(out, '"');
}

static const char *written_name(DType dtype) {
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (names[i].dtype == dtype) return names[i].name;
    unreachable();
}

static void append_entry(StrBuf *out, const Item *item, size_t begin) {
    const Tensor *t = item->tensor;
    append_json_string(out, item->name);
    str_printf(out, ":{\"dtype\":\"%s\",\"shape\":[", written_name(t->dtype));
    for (int i = 0; i < t->rank; i++)
        str_printf(out, "%s%lld", i > 0 ? "," : "", (long long)t->dims[i]);
    str_printf(out, "],\"data_offsets\":[%zu,%zu]}", begin, begin + t->bytes);
}

void safetensors_format(size_t count, const char *const *tensor_names, const Tensor *tensors,
                        StrBuf *out) {
    Arena *scratch = arena_create();
    Item *items = arena_array(scratch, Item, count);
    for (size_t i = 0; i < count; i++) items[i] = (Item){tensor_names[i], &tensors[i]};
    if (count > 0) qsort(items, count, sizeof *items, by_alignment);
    StrBuf header = {0};
    size_t at = 0;
    str_putc(&header, '{');
    for (size_t i = 0; i < count; i++) {
        if (i > 0) str_putc(&header, ',');
        append_entry(&header, &items[i], at);
        at += items[i].tensor->bytes;
    }
    str_putc(&header, '}');
    while (header.len % 8 != 0) str_putc(&header, ' ');
    for (int i = 0; i < 8; i++) str_putc(out, (char)((uint64_t)header.len >> (8 * i) & 0xff));
    str_append_n(out, header.data, header.len);
    for (size_t i = 0; i < count; i++)
        str_append_n(out, items[i].tensor->data, items[i].tensor->bytes);
    str_free(&header);
    arena_destroy(scratch);
}

/* Tensor files: what is written reads back, and nothing hostile is believed. */
#define _GNU_SOURCE
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zip.h>

#include "frontend/dataio.h"

static Arena *arena;
static Diag *diag;
static char folder[] = "/tmp/nnc-dataio-XXXXXX";

static void setup(void) {
    arena = arena_create();
    diag = diag_create(arena, NULL);
    cr_assert_not_null(mkdtemp(folder));
}

static void teardown(void) {
    char *command = arena_printf(arena, "rm -r '%s'", folder);
    cr_assert_eq(system(command), 0);
    arena_destroy(arena);
}

TestSuite(dataio, .init = setup, .fini = teardown);

static const char *write_file(const char *name, const void *data, size_t size) {
    const char *path = arena_printf(arena, "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    cr_assert_not_null(file);
    cr_assert_eq(fwrite(data, 1, size, file), size);
    fclose(file);
    return path;
}

static bool said(const char *text) {
    return strstr(diag_text(diag), text) != NULL;
}

static Tensor sample(DType dtype, int rank, const int64_t *dims) {
    Tensor t = tensor_new(arena, dtype, rank, dims);
    tensor_random(&t, 1, dtype_name(dtype));
    return t;
}

static void expect_same(const Tensor *a, const Tensor *b) {
    cr_assert_str_eq(tensor_type_text(arena, a), tensor_type_text(arena, b));
    cr_expect_eq(memcmp(a->data, b->data, a->bytes), 0);
    cr_expect_eq((uintptr_t)a->data % dtype_bytes(a->dtype), 0);
}

/* ---- .npy
 * ------------------------------------------------------------------------------------------ */

static bool read_npy(const void *bytes, size_t size, Tensor *t) {
    return npy_read(arena, write_file("x.npy", bytes, size), t, diag);
}

Test(dataio, npy_round_trip_of_every_type) {
    for (int dtype = 0; dtype < DTYPE_COUNT; dtype++) {
        const int64_t shapes[][2] = {{3, 5}, {0, 5}, {1, 1}};
        for (int rank = 0; rank <= 2; rank++) {
            Tensor t = sample((DType)dtype, rank, shapes[rank == 2 ? 0 : rank]), back;
            StrBuf out = {0};
            npy_format(&t, &out);
            cr_assert(read_npy(out.data, out.len, &back), "%s", diag_text(diag));
            cr_expect_eq((size_t)(out.len - back.bytes) % 64, 0);
            str_free(&out);
            bool widened = dtype == DT_bf16 || dtype == DT_i4 || dtype == DT_u4;
            if (!widened) expect_same(&t, &back);
            for (int64_t i = 0; i < tensor_elements(&t); i++)
                cr_expect_eq(tensor_get(&t, i), tensor_get(&back, i));
        }
    }
}

/* A version 1 file with that dictionary and data. */
static bool read_with_header(const char *header, const void *data, size_t size, Tensor *t) {
    StrBuf out = {0};
    str_append_n(&out, "\x93NUMPY\x01\x00", 8);
    str_putc(&out, (char)(strlen(header) & 0xff));
    str_putc(&out, (char)(strlen(header) >> 8));
    str_append(&out, header);
    str_append_n(&out, data, size);
    bool ok = read_npy(out.data, out.len, t);
    str_free(&out);
    return ok;
}

Test(dataio, npy_fortran_order) {
    Tensor t;
    cr_assert(read_with_header("{'descr': '|i1', 'fortran_order': True, 'shape': (2, 3)}\n",
                               "\1\2\3\4\5\6", 6, &t));
    const int64_t want[] = {1, 3, 5, 2, 4, 6};
    for (int64_t i = 0; i < 6; i++) cr_expect_eq(tensor_int(&t, i), want[i]);
}

Test(dataio, npy_other_spellings) {
    Tensor t;
    cr_expect(read_with_header("{\"shape\":(),\"descr\":\"<i2\",\"fortran_order\":False,}", "\1\2",
                               2, &t));
    cr_expect_eq(tensor_int(&t, 0), 0x201);
    cr_expect(read_with_header("{'descr': '=u1', 'fortran_order': False, 'shape': (2L,), }  \n",
                               "\1\2", 2, &t));
    StrBuf two = {0};
    str_append_n(&two, "\x93NUMPY\x02\x00\x3a\x00\x00\x00", 12);
    str_append(&two, "{'descr': '<i2', 'fortran_order': False, 'shape': (1,), }\n");
    str_append_n(&two, "\5\0", 2);
    cr_expect(read_npy(two.data, two.len, &t), "%s", diag_text(diag));
    cr_expect_eq(tensor_int(&t, 0), 5);
    str_free(&two);
}

Test(dataio, npy_headers_that_are_refused) {
    static const struct {
        const char *header, *reason;
    } cases[] = {
        {"{'descr': '>f4', 'fortran_order': False, 'shape': (1,)}", "big-endian"},
        {"{'descr': '<c8', 'fortran_order': False, 'shape': (1,)}", "type that nnc does not know"},
        {"{'descr': '', 'fortran_order': False, 'shape': (1,)}", "type that nnc does not know"},
        {"{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}", "records"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2,)}", "should hold 8 bytes"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': ()}x", "malformed header"},
        {"{'descr': '<f4', 'fortran_order': Maybe, 'shape': ()}", "malformed header"},
        {"{'descr': '<f4', 'fortran_order': False}", "malformed header"},
        {"{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': ()}", "repeated key"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (1, -1)}", "malformed shape"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (1 1)}", "malformed shape"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,)}", "overflows"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296)}",
         "overflows"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (0, 4294967296, 4294967296)}",
         "overflows"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000,)}", "should hold"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1)}",
         "more dimensions"},
        {"{'descr': '|b1', 'fortran_order': False, 'shape': (4,)}",
         "the byte 7 where a bool is expected"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        Tensor t;
        Diag *all = diag;
        diag = diag_create(arena, NULL);
        cr_expect_not(read_with_header(cases[i].header, "\0\0\0\7", 4, &t), "%s", cases[i].header);
        cr_expect(said(cases[i].reason), "%s gives: %s", cases[i].header, diag_text(diag));
        cr_expect_eq(diag_error_count(diag), 1);
        diag = all;
    }
}

Test(dataio, npy_cut_off_anywhere) {
    Tensor t = sample(DT_f32, 2, (int64_t[]){2, 2}), back;
    StrBuf out = {0};
    npy_format(&t, &out);
    for (size_t length = 0; length < out.len; length++)
        cr_assert_not(read_npy(out.data, length, &back), "%zu", length);
    str_putc(&out, 0);
    cr_expect_not(read_npy(out.data, out.len, &back), "a byte too many");
    str_free(&out);
}

/* ---- .npz
 * ------------------------------------------------------------------------------------------ */

typedef struct Member {
    const char *name;
    const char *data;
    size_t size;
} Member;

static const char *write_zip(const char *name, size_t count, const Member *members) {
    const char *path = arena_printf(arena, "%s/%s", folder, name);
    zip_t *archive = zip_open(path, ZIP_CREATE | ZIP_TRUNCATE, NULL);
    cr_assert_not_null(archive);
    for (size_t i = 0; i < count; i++) {
        zip_source_t *source = zip_source_buffer(archive, members[i].data, members[i].size, 0);
        cr_assert_geq(zip_file_add(archive, members[i].name, source, ZIP_FL_ENC_UTF_8), 0);
    }
    cr_assert_eq(zip_close(archive), 0);
    return path;
}

static Member npy_member(const char *name, const Tensor *t) {
    StrBuf out = {0};
    npy_format(t, &out);
    Member m = {name, arena_strndup(arena, out.data, out.len), out.len};
    str_free(&out);
    return m;
}

Test(dataio, npz_round_trip) {
    Tensor b = sample(DT_f32, 2, (int64_t[]){30, 50}), a = sample(DT_i64, 1, (int64_t[]){7});
    TensorFile file;
    const char *path =
        write_zip("x.npz", 2, (Member[]){npy_member("b.npy", &b), npy_member("a.weight.npy", &a)});
    cr_assert(tensor_file_read(arena, path, &file, diag), "%s", diag_text(diag));
    cr_assert_eq(file.count, 2);
    cr_expect_str_eq(file.names[0], "a.weight");
    expect_same(&b, tensor_file_find(&file, "b"));
    expect_same(&a, tensor_file_find(&file, "a.weight"));
    cr_expect_null(tensor_file_find(&file, "a"));
}

Test(dataio, npz_that_is_refused) {
    TensorFile file;
    cr_expect_not(tensor_file_read(arena, write_file("a.npz", "PK\3\4 no zip", 11), &file, diag));
    cr_expect(said("not a .npz file"));
    cr_expect_not(
        tensor_file_read(arena, write_zip("b.npz", 1, &(Member){"x.txt", "abc", 3}), &file, diag));
    cr_expect(said("'x.txt' is not a .npy file"));
    cr_expect_not(
        tensor_file_read(arena, write_zip("c.npz", 1, &(Member){"x.npy", "abc", 3}), &file, diag));
    cr_expect(said("(x.npy)' is not a .npy file"), "%s", diag_text(diag));
    cr_expect_not(tensor_file_read(arena, "/nonexistent.npz", &file, diag));
    cr_expect_not(tensor_file_read(arena, "weights.pt", &file, diag));
    cr_expect(said("expected .safetensors or .npz"));
}

Test(dataio, npz_damaged_anywhere) {
    Tensor t = sample(DT_u8, 1, (int64_t[]){40});
    const char *path = write_zip("x.npz", 1, (Member[]){npy_member("t.npy", &t)});
    FileBytes bytes;
    TensorFile file;
    cr_assert(file_map(arena, path, &bytes, diag, (Span){0}));
    for (size_t length = 0; length < bytes.size; length++)
        cr_assert_not(
            tensor_file_read(arena, write_file("y.npz", bytes.data, length), &file, diag));
    /* One byte wrong: either it does not matter or it is noticed. */
    uint8_t *copy = arena_alloc(arena, bytes.size);
    for (size_t i = 0; i < bytes.size; i++) {
        memcpy(copy, bytes.data, bytes.size);
        copy[i] ^= 0xff;
        bool ok = tensor_file_read(arena, write_file("y.npz", copy, bytes.size), &file, diag);
        const Tensor *read = ok ? tensor_file_find(&file, "t") : NULL;
        if (read && read->bytes == t.bytes)
            cr_expect_eq(memcmp(read->data, t.data, t.bytes), 0, "byte %zu", i);
    }
}

/* ---- .safetensors
 * ------------------------------------------------------------------------------------ */

static bool read_safetensors(const void *bytes, size_t size, TensorFile *file) {
    return tensor_file_read(arena, write_file("x.safetensors", bytes, size), file, diag);
}

Test(dataio, safetensors_round_trip_of_every_type) {
    const char *names[DTYPE_COUNT + 2];
    Tensor tensors[DTYPE_COUNT + 2];
    for (int i = 0; i < DTYPE_COUNT; i++) {
        names[i] = arena_printf(arena, "t%d.%s", 99 - i, dtype_name((DType)i));
        tensors[i] = sample((DType)i, 2, (int64_t[]){3, i % 3});
    }
    names[DTYPE_COUNT] = "a \"quoted\"\n\\ name";
    tensors[DTYPE_COUNT] = sample(DT_f64, 0, NULL);
    StrBuf out = {0}, again = {0};
    size_t count = DTYPE_COUNT + 1;
    safetensors_format(count, names, tensors, &out);
    TensorFile file;
    cr_assert(read_safetensors(out.data, out.len, &file), "%s", diag_text(diag));
    cr_assert_eq(file.count, count);
    for (size_t i = 0; i < count; i++) {
        const Tensor *t = tensor_file_find(&file, names[i]);
        cr_assert_not_null(t, "%s", names[i]);
        expect_same(&tensors[i], t);
    }
    for (size_t i = 1; i < count; i++) cr_expect_lt(strcmp(file.names[i - 1], file.names[i]), 0);
    safetensors_format(file.count, file.names, file.tensors, &again);
    cr_expect_eq(again.len, out.len);
    cr_expect_eq(memcmp(again.data, out.data, out.len), 0, "the order given does not matter");
    str_free(&out);
    str_free(&again);
}

/* A file with that header, padded to shift bytes, and eight bytes of data. */
static bool read_header_text(const char *header, size_t claimed, TensorFile *file) {
    StrBuf out = {0};
    for (int i = 0; i < 8; i++) str_putc(&out, (char)(claimed >> (8 * i) & 0xff));
    str_append(&out, header);
    str_append_n(&out, "\1\2\3\4\5\6\7\10", 8);
    bool ok = read_safetensors(out.data, out.len, file);
    str_free(&out);
    return ok;
}

Test(dataio, safetensors_data_may_be_misaligned) {
    TensorFile file;
    const char *header = "{\"a\":{\"dtype\":\"I16\",\"shape\":[2],\"data_offsets\":[1,5]},"
                         "\"__metadata__\":{\"format\":\"pt\"}}";
    for (size_t blanks = 0; blanks < 8; blanks++) {
        const char *padded = arena_printf(arena, "%s%.*s", header, (int)blanks, "        ");
        cr_assert(read_header_text(padded, strlen(padded), &file), "%s", diag_text(diag));
        cr_assert_eq(file.count, 1);
        cr_expect_eq(tensor_int(&file.tensors[0], 0), 0x302);
        cr_expect_eq(tensor_int(&file.tensors[0], 1), 0x504);
        cr_expect_eq((uintptr_t)file.tensors[0].data % 2, 0);
    }
}

#define ENTRY(name, dtype, shape, offsets)                                                         \
    "\"" name "\":{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":" offsets "}"

Test(dataio, safetensors_headers_that_are_refused) {
    static const struct {
        const char *header, *reason;
    } cases[] = {
        {"", "not a JSON object"},
        {"[]", "not a JSON object"},
        {"{", "not a JSON object"},
        {"{} x", "not a JSON object"},
        {"{\"a\":1}", "malformed entry"},
        {"{\"a\":{}}", "malformed entry"},
        {"{" ENTRY("a", "F8", "[8]", "[0,8]") "}", "element type"},
        {"{" ENTRY("a", "U8", "8", "[0,8]") "}", "malformed shape"},
        {"{" ENTRY("a", "U8", "[-8]", "[0,8]") "}", "malformed shape"},
        {"{" ENTRY("a", "U8", "[1.5]", "[0,8]") "}", "malformed shape"},
        {"{" ENTRY("a", "U8", "[1e300]", "[0,8]") "}", "malformed shape"},
        {"{" ENTRY("a", "U8", "[\"8\"]", "[0,8]") "}", "malformed shape"},
        {"{" ENTRY("a", "U8", "[1,1,1,1,1,1,1,1,8]", "[0,8]") "}", "more than 8 dimensions"},
        {"{" ENTRY("a", "F64", "[9007199254740992,9007199254740992]", "[0,8]") "}", "overflows"},
        {"{" ENTRY("a", "F64", "[0,9007199254740992,9007199254740992]", "[0,0]") "}", "overflows"},
        {"{" ENTRY("a", "U8", "[8]", "[0,9]") "}", "outside the file"},
        {"{" ENTRY("a", "U8", "[8]", "[8,0]") "}", "outside the file"},
        {"{" ENTRY("a", "U8", "[8]", "[-8,0]") "}", "outside the file"},
        {"{" ENTRY("a", "U8", "[8]", "[0,8,8]") "}", "outside the file"},
        {"{" ENTRY("a", "U8", "[8]", "[0,1e18]") "}", "outside the file"},
        {"{" ENTRY("a", "U8", "[7]", "[0,8]") "}", "does not fit its bytes"},
        {"{" ENTRY("a", "U16", "[4]", "[0,8]") "}", "element type"},
        {"{" ENTRY("a", "BOOL", "[1]", "[3,4]") "}", "the byte 4 where a bool"},
        {"{" ENTRY("a", "U8", "[4]", "[0,4]") "," ENTRY("a", "U8", "[4]", "[4,8]") "}",
         "two tensors called 'a'"},
        {"{" ENTRY("a", "U8", "[5]", "[0,5]") "," ENTRY("b", "U8", "[4]", "[4,8]") "}",
         "'b' overlaps"},
        {"{\"__metadata__\":{\"b\":\"a\",\"b\":\"a\"}," ENTRY("a", "U8", "[8]", "[0,8]") "}",
         "two tensors called 'b'"},
        {"{\"a\":{\"dtype\":\"U8\",\"dtype\":\"U8\",\"shape\":[8]}}", "outside the file"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        TensorFile file;
        diag = diag_create(arena, NULL);
        cr_expect_not(read_header_text(cases[i].header, strlen(cases[i].header), &file), "%s",
                      cases[i].header);
        cr_expect(said(cases[i].reason), "%s gives: %s", cases[i].header, diag_text(diag));
        cr_expect_eq(diag_error_count(diag), 1);
    }
}

/* As safetensors' save_model writes tensors that a model shares. */
Test(dataio, safetensors_second_names_are_metadata) {
    TensorFile file;
    const char *header =
        "{\"__metadata__\":{\"format\":\"pt\",\"wte\":\"head\",\"list\":[\"head\"],"
        "\"other\":\"head\",\"none\":\"nothing\",\"far\":\"wte\"}," ENTRY(
            "head", "U8", "[4]", "[0,4]") "," ENTRY("other", "U8", "[4]", "[4,8]") "}";
    cr_assert(read_header_text(header, strlen(header), &file), "%s", diag_text(diag));
    cr_expect_eq(file.count, 3);
    const Tensor *wte = tensor_file_find(&file, "wte");
    cr_assert(wte);
    cr_expect_eq(wte->data, tensor_file_find(&file, "head")->data);
    cr_expect_eq(tensor_int(tensor_file_find(&file, "other"), 0), 5, "what is stored counts");
    header = "{\"__metadata__\":\"b\"," ENTRY("a", "U8", "[8]", "[0,8]") "}";
    cr_expect(read_header_text(header, strlen(header), &file), "%s", diag_text(diag));
    cr_expect_eq(file.count, 1);
}

Test(dataio, safetensors_of_nothing) {
    TensorFile file;
    cr_expect(read_header_text("{}", 2, &file));
    cr_expect_eq(file.count, 0);
    const char *header =
        "{" ENTRY("a", "U8", "[0]", "[4,4]") "," ENTRY("b", "U8", "[8]", "[0,8]") "}";
    cr_expect(read_header_text(header, strlen(header), &file), "%s", diag_text(diag));
}

Test(dataio, safetensors_lengths_that_lie) {
    TensorFile file;
    cr_expect_not(read_header_text("{}", 11, &file));
    cr_expect_not(read_header_text("{}", SIZE_MAX, &file));
    cr_expect_not(read_header_text("{}", SIZE_MAX - 7, &file));
    cr_expect_not(read_header_text("{}", 1, &file));
}

Test(dataio, safetensors_cut_off_anywhere) {
    Tensor t = sample(DT_f32, 2, (int64_t[]){2, 2});
    StrBuf out = {0};
    TensorFile file;
    safetensors_format(1, (const char *[]){"t"}, &t, &out);
    for (size_t length = 0; length < out.len; length++)
        cr_assert_not(read_safetensors(out.data, length, &file), "%zu", length);
    str_free(&out);
}

/* Any byte replaced by any of these: the file is refused, or every tensor in it can be read whole.
 */
Test(dataio, safetensors_damaged_anywhere) {
    static const char instead[] = "09-[{\"\\,\0\xff";
    Tensor tensors[] = {sample(DT_f32, 2, (int64_t[]){2, 2}), sample(DT_i64, 1, (int64_t[]){3})};
    StrBuf out = {0};
    safetensors_format(2, (const char *[]){"t", "u"}, tensors, &out);
    for (size_t i = 0; i < out.len - 40; i++) {
        char kept = out.data[i];
        for (size_t k = 0; k < sizeof instead; k++) {
            TensorFile file;
            diag = diag_create(arena, NULL);
            out.data[i] = instead[k];
            bool ok = read_safetensors(out.data, out.len, &file);
            cr_expect_eq(ok, diag_error_count(diag) == 0);
            for (size_t t = 0; ok && t < file.count; t++) tensor_hash(&file.tensors[t]);
        }
        out.data[i] = kept;
    }
    str_free(&out);
}

Test(dataio, safetensors_bombs) {
    StrBuf text = {0};
    TensorFile file;
    for (int i = 0; i < 200000; i++) str_append(&text, "{\"a\":");
    cr_expect_not(read_header_text(str_text(&text), text.len, &file), "deep nesting");
    text.len = 0;
    str_append(&text, "{\"a\":[0");
    for (int i = 0; i < 5000000; i++) str_append(&text, ",0");
    str_append(&text, "]}");
    cr_expect_not(read_header_text(str_text(&text), text.len, &file));
    cr_expect(said("too many values"));
    str_free(&text);
}

/* Elements that are not aligned in the file are copied; many names for the same bytes must not make
 * a small file take much memory. */
Test(dataio, safetensors_overlaps_are_refused_before_they_are_copied) {
    enum { ENTRIES = 64, ELEMENTS = 1 << 17 };
    StrBuf header = {0}, out = {0};
    for (int i = 0; i < ENTRIES; i++)
        str_printf(&header, "%s\"t%d\":{\"dtype\":\"F16\",\"shape\":[%d],\"data_offsets\":[1,%d]}",
                   i ? "," : "{", i, ELEMENTS, 1 + 2 * ELEMENTS);
    str_putc(&header, '}');
    while (header.len % 8 != 0) str_putc(&header, ' ');
    for (int i = 0; i < 8; i++) str_putc(&out, (char)(header.len >> (8 * i) & 0xff));
    str_append_n(&out, header.data, header.len);
    for (int i = 0; i < 2 * ELEMENTS + 1; i++) str_putc(&out, 0);
    TensorFile file;
    size_t before = arena_bytes(arena);
    cr_expect_not(read_safetensors(out.data, out.len, &file));
    cr_expect(said("overlaps"), "%s", diag_text(diag));
    cr_expect_lt(arena_bytes(arena) - before, 2 * ELEMENTS);
    str_free(&header);
    str_free(&out);
}

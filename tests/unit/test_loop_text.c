/* Text of the loop IR: what is printed is read back to the same text, and no text disturbs the
 * parser. */
#include "loop_fixture.h"

static char *text_of(Fixture *f, const LProgram *p) {
    StrBuf out = {0};
    lprogram_print(p, &out);
    char *text = arena_strdup(f->arena, str_text(&out));
    str_free(&out);
    return text;
}

/* Into a module of its own, so that nothing is carried over but the text. */
static LProgram *parsed(Fixture *f, const char *text, Diag **diag) {
    *diag = diag_create(f->arena, 0);
    Module *module = module_create(f->arena, *diag);
    const Source *source = diag_add_source(*diag, "k.loops", text, strlen(text));
    return lprogram_parse(source, module, *diag);
}

static void check_round_trip(Fixture *f, const LProgram *program) {
    const char *text = text_of(f, program);
    Diag *diag;
    LProgram *again = parsed(f, text, &diag);
    cr_assert(again, "%s%s", diag_text(diag), text);
    cr_assert_str_eq(text_of(f, again), text);
}

static void add(Fixture *f) {
    vec_push(f->arena, &f->program->kernels, f->kernel);
}

Test(loop_text, a_kernel_reads_as_documented) {
    Fixture f = start();
    DimContext *dims = f.module->dims;
    Dim shape[2] = {dim_symbol(dims, "N"), dim_int(dims, 64)};
    f.kernel->plan = "pointwise width=16";
    LBuffer *x = lb_param(&f.b, "x", SPACE_GLOBAL, DT_f32, 2, shape, ACCESS_READ);
    LBuffer *y = lb_param(&f.b, "y", SPACE_GLOBAL, DT_f32, 2, shape, ACCESS_WRITE);
    LStmt *n = lb_for(&f.b, LOOP_PARALLEL, "n", num(&f, 0), lx_dim(&f.b, shape[0]));
    n->cost = 64;
    LStmt *i = loop(&f, LOOP_VECTOR, "i", 64);
    i->width = 16;
    i->tail = TAIL_MASK;
    LX value = at2(&f, x, lb_loop_var(&f.b, n), lb_loop_var(&f.b, i));
    put2(&f, y, lb_loop_var(&f.b, n), lb_loop_var(&f.b, i),
         lx_binary(&f.b, LB_MAX, value, f32(&f, 0)));
    lb_end(&f.b, i);
    lb_end(&f.b, n);
    add(&f);
    cr_assert_str_eq(text_of(&f, f.program), "symbols N\n"
                                             "\n"
                                             "kernel k(x: global f32[N, 64] read, y: global f32[N, "
                                             "64] write) plan \"pointwise width=16\" {\n"
                                             "  parallel n in 0..N cost 64 {\n"
                                             "    vector i in 0..64 width 16 tail mask {\n"
                                             "      y[n, i] = max(x[n, i], 0.0)\n"
                                             "    }\n"
                                             "  }\n"
                                             "}\n");
    check_round_trip(&f, f.program);
    finish(&f);
}

/* Every statement, loop, space and expression, in a kernel that the verifier accepts. */
static const char everything[] =
    "symbols N, H\n"
    "region 1 bytes 4096\n"
    "region N bytes 64\n"
    "tensor \"image\" input 0 f32[16*N]\n"
    "tensor \"a \\\"b\\\" \\x01\" weight i8[4096] at 64\n"
    "tensor \"t\" temp bf16[16*N] offset 128 region 1\n"
    "tensor \"y\" output 0 f32[16*N]\n"
    "\n"
    "kernel arith(x: global f32[N, 16] read align 64 noalias, w: constant i8[4096] read, y: global "
    "f32[N, 16] write) "
    "path \"layer1.0\" plan \"m=4\" flops 32*N bytes 128*N + 4096 {\n"
    "  parallel n in 0..N cost 99 {\n"
    "    let q = i32(5)\n"
    "    let a = x[n, 0] * -1.5 + (x[n, 1] - (x[n, 2] - x[n, 3])) / 3.0\n"
    "    let a.2 = fma(a, select(a < 0.0, neg(a), a), 1e-45)\n"
    "    let b = (cast<i64>(w[n * n + 7]) - 3) * n - dim(H + 2*N) + N\n"
    "    let m = (a < 1.0) & not((n > 5) | is_nan(a))\n"
    "    let v = x[n, ramp(0, 1, 16); ramp(0, 1, 16) < i64x16(5), f32x16(-0.0)]\n"
    "    let s = shuffle(v, v, [0, 17, -1, 3])\n"
    "    let u = shuffle(v, [1, 0])\n"
    "    let r = reduce(+, v) + reduce(max, s) + extract(v, 3) + extract(u, 1)\n"
    "    let d = dot(i32x4(0), broadcast(w[0], 16), w[ramp(n, 2, 16)])\n"
    "    let c = cast_sat<i8>(a) + cast_round<i8>(v[ramp(0, 1, 16)])\n"
    "    let z = cast<f64>(a) * f64(0.1) + f64(inf) + f64(nan) + f64(-inf)\n"
    "    let h = (bitcast<i32>(a) >> i32(3)) ^ (bitcast<i32>(a) << i32(1))\n";

static const char statements[] =
    "kernel all(x: global f32[N, 16] read, y: global f32[N, 16] readwrite, w: constant i8[64, 64] "
    "read, "
    "c: fifo f32[] read depth 4, o: fifo f32[] write) {\n"
    "  declare line: private f32[3, 16] fold(2, 0)\n"
    "  declare acc: private f32x8[2] align 64\n"
    "  declare tiles: private tile<16x16,i32>[1]\n"
    "  acc[1] = f32x8(0.0)\n"
    "  acc[0; boolx8(true)] = broadcast(x[0, 0], 8)\n"
    "  tiles[0] = tile_dot(tile_zero(tile<16x16,i32>), tile_load(tile<16x64,i8>, w[0, 0], 64), "
    "tile_load(tile<16x64,i8>, w[16, 0], 64))\n"
    "  serial i in 1 +: N - 1 {\n"
    "    prefetch x[i + 1, 0]\n"
    "    copy line[0, 0] = x[i, 0] count 16\n"
    "    wait\n"
    "    if (i < 3) & true {\n"
    "      y[i, ramp(0, 1, 8); boolx8(false)] = acc[0]\n"
    "    } else {\n"
    "      pipeline k in 0..16 interval 2 {\n"
    "        let v = fifo_read(c)\n"
    "        fifo_write o = v + line[0, k]\n"
    "      }\n"
    "    }\n"
    "  }\n"
    "  unroll i in 0..4 {\n"
    "    vector i.2 in 0..16 width 8 tail none {\n"
    "      y[i, i.2] = add_sat(cast<f32>(i), 1.0)\n"
    "    }\n"
    "  }\n"
    "  grid(0) g in 0..N {\n"
    "    item(1) l in 0..8 {\n"
    "      item(0) m in 0..8 {\n"
    "        declare t: local f32[64]\n"
    "        t[8 * l + m] = x[g, m]\n"
    "        barrier\n"
    "        y[g, m] = t[8 * m + l]\n"
    "      }\n"
    "    }\n"
    "  }\n"
    "}\n";

static void check_text(const char *text) {
    Fixture f = start();
    Diag *diag;
    LProgram *p = parsed(&f, text, &diag);
    cr_assert(p, "%s", diag_text(diag));
    cr_assert_str_eq(text_of(&f, p), text);
    finish(&f);
}

static char *arith_text(Arena *arena) {
    char *text = arena_printf(arena,
                              "%s    y[n, 0] = r\n  }\n}\n\ncall arith(\"image\", \"a \\\"b\\\" "
                              "\\x01\", \"y\") path \"layer1.0\"\n",
                              everything);
    char *odd = strstr(text, "    let c = ");
    /* This line is of no use here: it would not verify. */
    memmove(odd, strchr(odd, '\n') + 1, strlen(strchr(odd, '\n') + 1) + 1);
    return text;
}

static char *statement_text(Arena *arena) {
    char *text = arena_printf(arena, "symbols N\n\n%s", statements);
    char *add_sat = strstr(text, "add_sat(cast<f32>(i), 1.0)");
    memcpy(add_sat, "max(    cast<f32>(i), 1.0)", 8);
    memmove(add_sat + 4, add_sat + 8, strlen(add_sat + 8) + 1);
    return text;
}

Test(loop_text, expressions_read_back) {
    Arena *arena = arena_create();
    check_text(arith_text(arena));
    arena_destroy(arena);
}

Test(loop_text, statements_read_back) {
    Arena *arena = arena_create();
    check_text(statement_text(arena));
    arena_destroy(arena);
}

Test(loop_text, transcendentals_read_back) {
    Fixture f = start();
    LBuffer *x = param1(&f, "x", DT_f64, ACCESS_READ, 8),
            *y = param1(&f, "y", DT_f64, ACCESS_WRITE, 8);
    LStmt *i = loop(&f, LOOP_VECTOR, "i", 8);
    i->width = 4;
    LX v = at1(&f, x, lb_loop_var(&f.b, i));
    put1(&f, y, lb_loop_var(&f.b, i),
         lm_pow(&f.b, lm_erf(&f.b, lm_exp(&f.b, v)), lm_tanh(&f.b, v)));
    lb_end(&f.b, i);
    add(&f);
    check_round_trip(&f, f.program);
    LExpandOptions options = {true, true, true};
    f.program->kernels.data[0] = lkernel_expand(f.program, f.kernel, &options);
    check_round_trip(&f, f.program);
    finish(&f);
}

/* ---- faults ---------------------------------------------------------------------------------- */

static void check_fault(const char *text, const char *message) {
    Fixture f = start();
    Diag *diag;
    cr_assert(!parsed(&f, text, &diag), "accepted: %s", text);
    cr_assert(strstr(diag_text(diag), message), "%s", diag_text(diag));
    finish(&f);
}

#define KERNEL(body) "kernel k(x: global f32[8] read, y: global f32[8] write) {\n" body "\n}\n"

Test(loop_text, faults_are_named) {
    check_fault("kernel k(", "expected a name");
    check_fault(KERNEL("y[0] = z"), "there is no variable 'z'");
    check_fault(KERNEL("z[0] = 1.0"), "there is no buffer 'z'");
    check_fault(KERNEL("y[0] = f(1)"), "there is no function 'f'");
    check_fault(KERNEL("y[0] = i8(300)"), "does not fit");
    check_fault(KERNEL("y[0] = 99999999999999999999"), "out of range");
    check_fault(KERNEL("x[0] = 1.0"), "may not be written");
    check_fault(KERNEL("y[0] = y[0]"), "may not be read");
    check_fault(KERNEL("y[0] = 1"), "another type");
    check_fault(KERNEL("y[1.0] = 1.0"), "no i64 index");
    check_fault(KERNEL("y[0] = x[0] + 1"), "one type");
    check_fault(KERNEL("barrier"), "barrier");
    check_fault(KERNEL("serial i in 0..4 { parallel j in 0..4 { y[j] = 1.0 } }"), "kernel's top");
    check_fault(KERNEL("vector i in 0..7 width 4 tail none { y[i] = 1.0 }"), "no tail");
    check_fault(KERNEL("unroll i in 0..cast<i64>(x[0] < 1.0) { y[i] = 1.0 }"), "constant extent");
    check_fault(KERNEL("if 1 { wait }"), "a condition");
    check_fault(KERNEL("serial i in 0..4 { let a = 1 } y[a] = 1.0"), "no variable 'a'");
    check_fault(KERNEL("item(0) a in 0..4 { item(0) b in 0..4 { y[b] = 1.0 } }"), "once each");
    check_fault(KERNEL("declare p: private f32[4] declare p: private f32[4]"), "two buffers");
    check_fault(KERNEL("y[0] = select(1, 1.0, 1.0)"), "bool");
    check_fault(KERNEL("let a = cast<i32>(x[0])"), "saturating");
    check_fault(KERNEL("wait") KERNEL("wait"), "there already");
    check_fault(KERNEL("wait") "call k(\"a\", \"b\") path \"\"", "there is no tensor 'a'");
    check_fault("tensor \"t\" temp f32[4]\n" KERNEL("wait") "call k(\"t\", \"t\") path \"\"",
                "fewer elements");
}

#define CHANNELS(body) "kernel k(c: fifo f32[] read, o: fifo f32[] write) {\n" body "\n}\n"

Test(loop_text, channels_are_used_in_order_only) {
    check_fault(CHANNELS("fifo_write o = fifo_read(c)"), "whole value of a let");
    check_fault(CHANNELS("let a = fifo_read(c) + 1.0"), "whole value of a let");
    check_fault(CHANNELS("let a = fifo_read(o)"), "may not be read");
    check_fault(CHANNELS("fifo_write c = 1.0"), "no channel to write to");
    check_fault(CHANNELS("let a = c[]"), "has no indices");
    check_fault(CHANNELS("parallel i in 0..4 { let a = fifo_read(c) }"), "order of a channel");
    check_fault(CHANNELS("vector i in 0..4 width 4 tail none { fifo_write o = 1.0 }"),
                "order of channel");
}

/* The builder does not see scopes; the verifier does. */
Test(loop_text, a_variable_outside_of_its_block_is_found) {
    Fixture f = start();
    LBuffer *y = param1(&f, "y", DT_f32, ACCESS_WRITE, 8);
    LStmt *i = loop(&f, LOOP_SERIAL, "i", 4);
    LX inner = lb_let(&f.b, "a", lx_cast(&f.b, CAST_VALUE, DT_f32, lb_loop_var(&f.b, i)));
    put1(&f, y, num(&f, 0), inner);
    lb_end(&f.b, i);
    cr_assert(lkernel_verify(f.kernel, f.module->dims, f.diag), "%s", diag_text(f.diag));
    LX escaped[2] = {inner, lx_cast(&f.b, CAST_VALUE, DT_f32, lb_loop_var(&f.b, i))};
    for (int k = 0; k < 2; k++) {
        put1(&f, y, num(&f, 1), escaped[k]);
        cr_assert(!lkernel_verify(f.kernel, f.module->dims, f.diag));
        cr_assert(strstr(diag_text(f.diag), "where it is not visible"), "%s", diag_text(f.diag));
        f.kernel->body.stmts.len--;
    }
    finish(&f);
}

Test(loop_text, deep_nesting_is_refused) {
    StrBuf text = {0};
    str_append(&text, "kernel k(x: global f32[8] read) { let a = ");
    for (int i = 0; i < 100000; i++) str_append(&text, "(");
    check_fault(str_text(&text), "too deeply");
    str_free(&text);
    str_append(&text, "kernel k(x: global f32[8] read) { let a = x[0]");
    for (int i = 0; i < 100000; i++) str_append(&text, " + 1.0");
    str_append(&text, " }");
    check_fault(str_text(&text), "too long");
    str_free(&text);
    str_append(&text, "kernel k(x: global f32[8] read) ");
    for (int i = 0; i < 100000; i++) str_append(&text, "{ if true ");
    check_fault(str_text(&text), "too deeply");
    str_free(&text);
}

static void try_text(const char *text) {
    Fixture f = start();
    Diag *diag;
    LProgram *p = parsed(&f, text, &diag);
    cr_assert(p || diag_error_count(diag) > 0);
    if (p) check_round_trip(&f, p);
    finish(&f);
}

static void disturb(const char *original) {
    size_t length = strlen(original);
    Arena *arena = arena_create();
    static const char bytes[] = "()[]{}<>,;:.=+-*/0189xif \"\\\n%~";
    uint64_t state = 5;
    for (size_t cut = 0; cut < length; cut += 3) try_text(arena_strndup(arena, original, cut));
    for (int round = 0; round < 4000; round++) {
        char *text = arena_strdup(arena, original);
        for (int k = 0; k < 1 + round % 3; k++) {
            state = state * 6364136223846793005u + 1442695040888963407u;
            size_t at = (size_t)(state >> 33) % length;
            if (round % 2)
                memmove(text + at, text + at + 1, strlen(text + at));
            else if (at < strlen(text))
                text[at] = bytes[(state >> 20) % (sizeof bytes - 1)];
        }
        try_text(text);
    }
    arena_destroy(arena);
}

Test(loop_text, disturbed_text_is_refused_or_read) {
    Arena *arena = arena_create();
    disturb(arith_text(arena));
    disturb(statement_text(arena));
    arena_destroy(arena);
}

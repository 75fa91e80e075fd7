#define _GNU_SOURCE
#include "tests/amx/emulator.h"

#include <immintrin.h>
#include <math.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <ucontext.h>
#include <unistd.h>

enum { TILES = 8, ROWS = 16, ROW_BYTES = 64, PALETTE = 1 };

/* What ldtilecfg reads. */
typedef struct Configuration {
    uint8_t palette, start_row, reserved[14];
    uint16_t row_bytes[TILES];
    uint8_t reserved2[16];
    uint8_t rows[TILES];
    uint8_t reserved3[8];
} Configuration;
_Static_assert(sizeof(Configuration) == 64, "one cache line");

typedef struct TileFile {
    Configuration shape;
    uint8_t data[TILES][ROWS][ROW_BYTES];
} TileFile;

static _Thread_local TileFile tiles;
static _Atomic uint64_t configurations, loads, stores, products;

static _Noreturn void refuse(const char *why) {
    static const char before[] = "AMX emulator: ";
    (void)!write(STDERR_FILENO, before, sizeof before - 1);
    (void)!write(STDERR_FILENO, why, strlen(why));
    (void)!write(STDERR_FILENO, "\n", 1);
    _exit(70);
}

/* ---- decoding -------------------------------------------------------------------------------- */

typedef enum Prefix { PREFIX_NONE, PREFIX_66, PREFIX_F3, PREFIX_F2 } Prefix;

typedef struct Instruction {
    Prefix prefix;
    uint8_t opcode;
    int reg, rm, vvvv; /* rm: of a register operand */
    bool is_register;
    const uint8_t *end;
    /* of a memory operand */
    uint8_t *base; /* all but the index */
    int64_t index; /* scaled: the stride of tiles */
    bool has_index;
} Instruction;

static int64_t general_register(const ucontext_t *u, int number) {
    static const int order[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP,
                                  REG_RSI, REG_RDI, REG_R8,  REG_R9,  REG_R10, REG_R11,
                                  REG_R12, REG_R13, REG_R14, REG_R15};
    return u->uc_mcontext.gregs[order[number]];
}

static int32_t read_i32(const uint8_t *at) {
    int32_t x;
    memcpy(&x, at, sizeof x);
    return x;
}

/* The address of mod and rm with its index apart; `at` is behind the ModRM byte. */
static void decode_memory(Instruction *in, const ucontext_t *u, const uint8_t *at, int mod, int rm,
                          int x, int b) {
    int64_t address = 0;
    bool has_base = true, relative = false;
    if (rm == 4) {
        uint8_t sib = *at++;
        int index = (sib >> 3 & 7) | x << 3, base = sib & 7;
        in->has_index = index != 4;
        if (in->has_index)
            in->index = (int64_t)((uint64_t)general_register(u, index) << (sib >> 6));
        has_base = !(base == 5 && mod == 0);
        if (has_base) address = general_register(u, base | b << 3);
    } else if (rm == 5 && mod == 0) {
        has_base = false;
        relative = true;
    } else {
        address = general_register(u, rm | b << 3);
    }
    if (mod == 1) address += (int8_t)*at++;
    if (mod == 2 || !has_base) {
        address += read_i32(at);
        at += 4;
    }
    if (relative) address += (int64_t)(uintptr_t)at;
    in->base = (uint8_t *)(uintptr_t)address; // NOLINT: the program's own address
    in->end = at;
}

/* VEX.128.0F38.W0 only: where all of AMX is. */
static bool decode(const ucontext_t *u, Instruction *in) {
    const uint8_t *at = (const uint8_t *)(uintptr_t)u->uc_mcontext.gregs[REG_RIP];
    if (at[0] != 0xc4 || (at[1] & 0x1f) != 2 || (at[2] & 0x84) != 0) return false;
    int r = !(at[1] >> 7 & 1), x = !(at[1] >> 6 & 1), b = !(at[1] >> 5 & 1);
    *in = (Instruction){.prefix = (Prefix)(at[2] & 3), .opcode = at[3]};
    in->vvvv = ~(at[2] >> 3) & 15;
    uint8_t modrm = at[4];
    in->reg = (modrm >> 3 & 7) | r << 3;
    in->is_register = modrm >> 6 == 3;
    in->rm = (modrm & 7) | b << 3;
    in->end = at + 5;
    if (!in->is_register) decode_memory(in, u, at + 5, modrm >> 6, modrm & 7, x, b);
    return true;
}

/* ---- shapes ---------------------------------------------------------------------------------- */

static int rows_of(int tile) {
    if (tile >= TILES) refuse("#UD: there are eight tiles");
    if (tiles.shape.palette == 0) refuse("#UD: tiles are not configured");
    if (tiles.shape.rows[tile] == 0) refuse("#UD: the tile is not configured");
    return tiles.shape.rows[tile];
}

static int row_bytes_of(int tile) {
    (void)rows_of(tile);
    return tiles.shape.row_bytes[tile];
}

static bool all_zero(const uint8_t *bytes, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (bytes[i]) return false;
    return true;
}

static void configure(const uint8_t *from) {
    Configuration c;
    memcpy(&c, from, sizeof c);
    memset(&tiles, 0, sizeof tiles);
    atomic_fetch_add(&configurations, 1);
    if (c.palette == 0) return;
    if (c.palette != PALETTE || c.start_row != 0) refuse("#GP: no such palette or start row");
    if (!all_zero(c.reserved, sizeof c.reserved) || !all_zero(c.reserved2, sizeof c.reserved2) ||
        !all_zero(c.reserved3, sizeof c.reserved3))
        refuse("#GP: reserved bytes of a configuration are not zero");
    for (int i = 0; i < TILES; i++) {
        if (c.rows[i] > ROWS || c.row_bytes[i] > ROW_BYTES) refuse("#GP: a tile is too large");
        if ((c.rows[i] == 0) != (c.row_bytes[i] == 0))
            refuse("#GP: a tile has no rows or no bytes");
    }
    tiles.shape = c;
}

/* ---- memory ---------------------------------------------------------------------------------- */

static void load(const Instruction *in) {
    int rows = rows_of(in->reg), bytes = row_bytes_of(in->reg);
    uint8_t(*tile)[ROW_BYTES] = tiles.data[in->reg];
    memset(tile, 0, sizeof tiles.data[0]);
    for (int i = 0; i < rows; i++) memcpy(tile[i], in->base + i * in->index, (size_t)bytes);
    atomic_fetch_add(&loads, 1);
}

static void store(const Instruction *in) {
    int rows = rows_of(in->reg), bytes = row_bytes_of(in->reg);
    for (int i = 0; i < rows; i++)
        memcpy(in->base + i * in->index, tiles.data[in->reg][i], (size_t)bytes);
    atomic_fetch_add(&stores, 1);
}

/* ---- products -------------------------------------------------------------------------------- */

/* Rows of the result and columns, and cells of 32 bits along the sum. */
typedef struct Product {
    int rows, columns, depth;
    uint8_t (*sum)[ROW_BYTES], (*a)[ROW_BYTES], (*b)[ROW_BYTES];
} Product;

static Product product_of(const Instruction *in) {
    int sum = in->reg, a = in->rm, b = in->vvvv;
    if (!in->is_register || sum == a || sum == b || a == b) refuse("#UD: tiles have to differ");
    Product p = {.rows = rows_of(sum), .columns = row_bytes_of(sum) / 4};
    p.depth = row_bytes_of(a) / 4;
    if (rows_of(a) != p.rows || rows_of(b) != p.depth || row_bytes_of(b) != row_bytes_of(sum) ||
        row_bytes_of(sum) % 4 != 0 || row_bytes_of(a) % 4 != 0)
        refuse("#UD: shapes of a product do not fit");
    p.sum = tiles.data[sum];
    p.a = tiles.data[a];
    p.b = tiles.data[b];
    atomic_fetch_add(&products, 1);
    return p;
}

static float bf16_at(const uint8_t *row, int i) {
    uint16_t half;
    memcpy(&half, row + 2 * i, sizeof half);
    uint32_t bits = (uint32_t)half << 16;
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* tdpbf16ps: sums of the first and of the second elements of the pairs, each by fma, then both
 * together onto the accumulator. Subnormal numbers are 0 on the way in and out. */
__attribute__((target("avx2,fma"))) static void multiply_bf16(const Product *p) {
    unsigned before = _mm_getcsr();
    _mm_setcsr(0x9fc0); /* all exceptions masked, to nearest even, subnormals 0 in and out */
    for (int m = 0; m < p->rows; m++) {
        float sums[2][ROW_BYTES / 4] = {{0}}, row[ROW_BYTES / 4];
        for (int k = 0; k < p->depth; k++)
            for (int n = 0; n < p->columns; n++)
                for (int j = 0; j < 2; j++)
                    sums[j][n] = __builtin_fmaf(bf16_at(p->a[m], 2 * k + j),
                                                bf16_at(p->b[k], 2 * n + j), sums[j][n]);
        memcpy(row, p->sum[m], sizeof row);
        for (int n = 0; n < p->columns; n++) row[n] += sums[0][n] + sums[1][n];
        memset(p->sum[m], 0, ROW_BYTES);
        memcpy(p->sum[m], row, (size_t)p->columns * 4);
    }
    _mm_setcsr(before);
}

static int32_t byte_at(const uint8_t *row, int i, bool is_signed) {
    return is_signed ? (int8_t)row[i] : row[i];
}

static void multiply_bytes(const Product *p, bool signed_a, bool signed_b) {
    for (int m = 0; m < p->rows; m++) {
        uint32_t row[ROW_BYTES / 4];
        memcpy(row, p->sum[m], sizeof row);
        for (int k = 0; k < p->depth; k++)
            for (int n = 0; n < p->columns; n++)
                for (int j = 0; j < 4; j++)
                    row[n] += (uint32_t)(byte_at(p->a[m], 4 * k + j, signed_a) *
                                         byte_at(p->b[k], 4 * n + j, signed_b));
        memset(p->sum[m], 0, ROW_BYTES);
        memcpy(p->sum[m], row, (size_t)p->columns * 4);
    }
}

/* ---- the handler ----------------------------------------------------------------------------- */

/* Opcode 49: the configuration, and a tile of zeros. */
static bool execute_configuration(const Instruction *in) {
    if (in->is_register && in->prefix == PREFIX_F2) {
        (void)rows_of(in->reg);
        memset(tiles.data[in->reg], 0, sizeof tiles.data[0]);
    } else if (in->is_register && in->prefix == PREFIX_NONE) {
        memset(&tiles, 0, sizeof tiles);
    } else if (!in->is_register && in->prefix == PREFIX_NONE) {
        configure(in->base + in->index);
    } else if (!in->is_register && in->prefix == PREFIX_66) {
        memcpy(in->base + in->index, &tiles.shape, sizeof tiles.shape);
    } else {
        return false;
    }
    return true;
}

static bool execute(const Instruction *in) {
    switch (in->opcode) {
    case 0x49: return execute_configuration(in);
    case 0x4b:
        if (in->is_register || in->prefix == PREFIX_NONE) return false;
        if (in->prefix == PREFIX_F3)
            store(in);
        else
            load(in);
        return true;
    case 0x5c: {
        if (in->prefix != PREFIX_F3) return false;
        Product p = product_of(in);
        multiply_bf16(&p);
        return true;
    }
    case 0x5e: {
        Product p = product_of(in);
        multiply_bytes(&p, in->prefix == PREFIX_F2 || in->prefix == PREFIX_F3,
                       in->prefix == PREFIX_F2 || in->prefix == PREFIX_66);
        return true;
    }
    default: return false;
    }
}

static void on_illegal(int number, siginfo_t *info, void *data) {
    ucontext_t *u = data;
    Instruction in;
    (void)number;
    (void)info;
    if (!decode(u, &in) || !execute(&in)) refuse("an instruction that is not of AMX");
    u->uc_mcontext.gregs[REG_RIP] = (greg_t)(uintptr_t)in.end;
}

void amx_emulate(void) {
    struct sigaction action = {.sa_sigaction = on_illegal, .sa_flags = SA_SIGINFO | SA_NODEFER};
    sigaction(SIGILL, &action, NULL);
}

/* Takes the place of the C library's: the thread pool's threads block all signals, and one that is
 * blocked when an instruction raises it ends the process. */
int pthread_sigmask(int how, const sigset_t *set, sigset_t *old) {
    sigset_t open;
    if (set && how != SIG_UNBLOCK) {
        open = *set;
        sigdelset(&open, SIGILL);
        set = &open;
    }
    return sigprocmask(how, set, old);
}

AmxCounts amx_counts(void) {
    return (AmxCounts){configurations, loads, stores, products};
}

/* The emulator itself: every instruction it knows, on tiles that are not full. */
#include <immintrin.h>
#include <string.h>

#include "tests/amx/emulator.h"
#include "tests/check.h"

#define WITH_AMX __attribute__((target("amx-tile,amx-int8,amx-bf16")))

enum { ROWS = 5, DEPTH = 3, COLUMNS = 7, CELL = 4, STRIDE = 80 };

/* tmm0 [ROWS, COLUMNS] of 32 bits, tmm1 [ROWS, DEPTH] and tmm2 [DEPTH, COLUMNS] of cells. */
static void fill_configuration(uint8_t *c) {
    static const int rows[] = {ROWS, ROWS, DEPTH}, columns[] = {COLUMNS, DEPTH, COLUMNS};
    memset(c, 0, 64);
    c[0] = 1;
    for (int i = 0; i < 3; i++) {
        c[16 + 2 * i] = (uint8_t)(columns[i] * CELL);
        c[48 + i] = (uint8_t)rows[i];
    }
}

static uint8_t a[ROWS * STRIDE], b[DEPTH * STRIDE];

WITH_AMX static void configuration(void) {
    uint8_t wanted[64], found[64];
    fill_configuration(wanted);
    _tile_loadconfig(wanted);
    _tile_storeconfig(found);
    CHECK(memcmp(wanted, found, sizeof wanted) == 0);
    _tile_release();
    _tile_storeconfig(found);
    CHECK(found[0] == 0 && found[48] == 0);
    _tile_loadconfig(wanted);
}

WITH_AMX static void moves(void) {
    uint8_t to[ROWS * STRIDE];
    memset(to, 0xcc, sizeof to);
    _tile_loadd(1, a, STRIDE);
    _tile_stored(1, to, STRIDE);
    for (int i = 0; i < ROWS; i++) {
        CHECK(memcmp(to + i * STRIDE, a + i * STRIDE, DEPTH * CELL) == 0);
        CHECK(to[i * STRIDE + DEPTH * CELL] == 0xcc);
    }
    _tile_stream_loadd(1, a + 1, STRIDE);
    _tile_stored(1, to, STRIDE);
    CHECK(memcmp(to, a + 1, DEPTH * CELL) == 0);
    _tile_zero(1);
    _tile_stored(1, to, STRIDE);
    CHECK(to[0] == 0 && to[(ROWS - 1) * STRIDE + DEPTH * CELL - 1] == 0);
}

static int byte_of(uint8_t x, int is_signed) {
    return is_signed ? (int8_t)x : x;
}

static int32_t expected(int i, int j, int signed_a, int signed_b) {
    int32_t sum = 100 * i + j;
    for (int k = 0; k < DEPTH; k++)
        for (int q = 0; q < CELL; q++)
            sum += byte_of(a[i * STRIDE + k * CELL + q], signed_a) *
                   byte_of(b[k * STRIDE + j * CELL + q], signed_b);
    return sum;
}

WITH_AMX static void bytes(void) {
    int32_t sums[ROWS][STRIDE / 4];
    for (int kind = 0; kind < 4; kind++) {
        for (int i = 0; i < ROWS; i++)
            for (int j = 0; j < COLUMNS; j++) sums[i][j] = 100 * i + j;
        _tile_loadd(0, sums, STRIDE);
        _tile_loadd(1, a, STRIDE);
        _tile_loadd(2, b, STRIDE);
        if (kind == 0) _tile_dpbuud(0, 1, 2);
        if (kind == 1) _tile_dpbusd(0, 1, 2);
        if (kind == 2) _tile_dpbsud(0, 1, 2);
        if (kind == 3) _tile_dpbssd(0, 1, 2);
        _tile_stored(0, sums, STRIDE);
        for (int i = 0; i < ROWS; i++)
            for (int j = 0; j < COLUMNS; j++)
                CHECK(sums[i][j] == expected(i, j, kind >> 1, kind & 1));
    }
}

static uint16_t bf16(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return (uint16_t)(bits >> 16);
}

/* Small integers, whose sums are exact, and a subnormal number, which counts as 0. */
WITH_AMX static void halves(void) {
    uint16_t x[ROWS][STRIDE / 2] = {{0}}, y[DEPTH][STRIDE / 2] = {{0}};
    float sums[ROWS][STRIDE / 4] = {{0}};
    for (int i = 0; i < ROWS; i++)
        for (int k = 0; k < 2 * DEPTH; k++) x[i][k] = bf16((float)(i - k));
    for (int k = 0; k < DEPTH; k++)
        for (int j = 0; j < 2 * COLUMNS; j++) y[k][j] = bf16((float)(3 * k + j));
    x[0][0] = 0x0040;
    y[0][0] = bf16(0x1p120f);
    _tile_loadd(0, sums, STRIDE);
    _tile_loadd(1, x, STRIDE);
    _tile_loadd(2, y, STRIDE);
    _tile_dpbf16ps(0, 1, 2);
    _tile_stored(0, sums, STRIDE);
    for (int i = 0; i < ROWS; i++)
        for (int j = i == 0 ? 0 : 1; j < COLUMNS; j++) {
            float sum = 0;
            for (int k = 0; k < DEPTH; k++)
                for (int q = 0; q < 2; q++) {
                    if (i + k + q == 0) continue;
                    sum += (float)(i - 2 * k - q) * (float)(3 * k + 2 * j + q);
                }
            CHECK(sums[i][j] == sum);
        }
}

int main(void) {
    for (size_t i = 0; i < sizeof a; i++) a[i] = (uint8_t)(i * 89 + 5);
    for (size_t i = 0; i < sizeof b; i++) b[i] = (uint8_t)(i * 151 + 77);
    amx_emulate();
    configuration();
    moves();
    bytes();
    halves();
    return checks_end();
}

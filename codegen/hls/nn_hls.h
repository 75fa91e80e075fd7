/* What a design is written with: the pragmas of the tool at hand, elements of channels, and
 * arithmetic that C leaves open. C99 and C++14; for Vitis HLS, Bambu and plain compilers. */
#ifndef NN_HLS_H
#define NN_HLS_H

#include <math.h>
#include <stdint.h>
#include <string.h>
#ifndef __cplusplus
#include <stdbool.h>
#endif

/* ---- the tool's pragmas ---------------------------------------------------------------------- */

#define NN_TEXT(...)   #__VA_ARGS__
#define NN_PRAGMA(...) _Pragma(NN_TEXT(__VA_ARGS__))

/* Elements that some channel must hold for the tasks to come to their end. */
#ifndef NN_DEEPEST
#define NN_DEEPEST 2
#endif

#if defined(__VITIS_HLS__) || (defined(__SYNTHESIS__) && !defined(__BAMBU__))
/* First in a loop's body: an iteration starts every `interval` cycles. */
#define NN_PIPELINE(interval) NN_PRAGMA(HLS pipeline II = interval)
/* On the line before a loop that must stay one: it is not unrolled. */
#define NN_LOOP
/* After the declaration of an array between two tasks: a queue of that depth. */
#define NN_STREAM(channel, elements) NN_PRAGMA(HLS stream variable = channel depth = elements)
/* First in the top function. */
#define NN_DATAFLOW NN_PRAGMA(HLS dataflow)
/* First in the top function: how an array of it is reached from outside. */
#define NN_INTERFACE(array) NN_PRAGMA(HLS interface ap_fifo port = array)
/* First in a task: the parameter is the end of a channel. */
#define NN_CHANNEL(parameter)
/* What such a parameter points to. */
#define NN_FIFO
#elif defined(__BAMBU__)
/* Its channels hold 3 elements, whatever is asked for: with longer ones the tasks run one after the
 * other, over arrays. Loops are never pipelined. */
#define NN_PIPELINE(interval)
#define NN_LOOP NN_PRAGMA(nounroll)
#define NN_STREAM(channel, elements)
#define NN_INTERFACE(array) NN_PRAGMA(HLS interface port = array mode = fifo)
#define NN_FIFO             volatile
#if NN_DEEPEST <= 3
#define NN_DATAFLOW           NN_PRAGMA(HLS dataflow)
#define NN_CHANNEL(parameter) NN_PRAGMA(HLS interface port = parameter mode = fifo)
#else
#define NN_DATAFLOW
#define NN_CHANNEL(parameter)
#endif
#else
#define NN_PIPELINE(interval)
#define NN_LOOP
#define NN_STREAM(channel, elements)
#define NN_DATAFLOW
#define NN_INTERFACE(array)
#define NN_CHANNEL(parameter)
#define NN_FIFO
#endif

/* ---- channels -------------------------------------------------------------------------------- */

/* Runs of the network that one call makes. */
#ifndef NN_FRAMES
#define NN_FRAMES 1
#endif

/* The next element of a channel; a task counts them in NAME_at. */
#define NN_GET(channel)        (channel[channel##_at++])
#define NN_PUT(channel, value) (channel[channel##_at++] = (value))

/* ---- constants ------------------------------------------------------------------------------- */

#define NN_INFINITY INFINITY
#define NN_NAN      NAN

/* ---- bits ------------------------------------------------------------------------------------ */

#define NN_BITS(from_name, from, to_name, to)                                                      \
    static inline to nn_bits_##from_name##_##to_name(from x) {                                     \
        to y;                                                                                      \
        memcpy(&y, &x, sizeof y);                                                                  \
        return y;                                                                                  \
    }
NN_BITS(f32, float, i32, int32_t)
NN_BITS(i32, int32_t, f32, float)
NN_BITS(f64, double, i64, int64_t)
NN_BITS(i64, int64_t, f64, double)
NN_BITS(f32, float, u32, uint32_t)
NN_BITS(u32, uint32_t, f32, float)
#undef NN_BITS

static inline int8_t nn_bits_u8_i8(uint8_t x) {
    return (int8_t)x;
}
static inline uint8_t nn_bits_i8_u8(int8_t x) {
    return (uint8_t)x;
}

/* ---- integers -------------------------------------------------------------------------------- */

/* floor_div and floor_mod: rounded down, y > 0. add_sat, sub_sat: clamped to the type. */
#define NN_INTEGER(name, type, wide, least, most)                                                  \
    static inline type nn_min_##name(type x, type y) {                                             \
        return y < x ? y : x;                                                                      \
    }                                                                                              \
    static inline type nn_max_##name(type x, type y) {                                             \
        return y > x ? y : x;                                                                      \
    }                                                                                              \
    static inline type nn_clamp_##name(type x, type lo, type hi) {                                 \
        return x < lo ? lo : x > hi ? hi : x;                                                      \
    }                                                                                              \
    static inline type nn_narrow_##name(wide x) {                                                  \
        return x < least ? least : x > most ? most : (type)x;                                      \
    }
NN_INTEGER(i8, int8_t, int32_t, INT8_MIN, INT8_MAX)
NN_INTEGER(u8, uint8_t, int32_t, 0, UINT8_MAX)
NN_INTEGER(i16, int16_t, int32_t, INT16_MIN, INT16_MAX)
NN_INTEGER(i32, int32_t, int64_t, INT32_MIN, INT32_MAX)
#undef NN_INTEGER

static inline int64_t nn_min_i64(int64_t x, int64_t y) {
    return y < x ? y : x;
}
static inline int64_t nn_max_i64(int64_t x, int64_t y) {
    return y > x ? y : x;
}

#define NN_SATURATE(name, type, wide)                                                              \
    static inline type nn_add_sat_##name(type x, type y) {                                         \
        return nn_narrow_##name((wide)((wide)x + y));                                              \
    }                                                                                              \
    static inline type nn_sub_sat_##name(type x, type y) {                                         \
        return nn_narrow_##name((wide)((wide)x - y));                                              \
    }
NN_SATURATE(i8, int8_t, int32_t)
NN_SATURATE(u8, uint8_t, int32_t)
NN_SATURATE(i16, int16_t, int32_t)
NN_SATURATE(i32, int32_t, int64_t)
#undef NN_SATURATE

static inline int64_t nn_add_sat_i64(int64_t x, int64_t y) {
    if (y >= 0) return x > INT64_MAX - y ? INT64_MAX : x + y;
    return x < INT64_MIN - y ? INT64_MIN : x + y;
}
static inline int64_t nn_sub_sat_i64(int64_t x, int64_t y) {
    if (y >= 0) return x < INT64_MIN + y ? INT64_MIN : x - y;
    return x > INT64_MAX + y ? INT64_MAX : x - y;
}

/* The absolute value of the least is itself. */
#define NN_SIGNED(name, type, bits)                                                                \
    static inline type nn_abs_##name(type x) {                                                     \
        return x < 0 ? (type)(0 - (bits)x) : x;                                                    \
    }                                                                                              \
    static inline type nn_floor_div_##name(type x, type y) {                                       \
        return (type)(x / y - (x % y < 0));                                                        \
    }                                                                                              \
    static inline type nn_floor_mod_##name(type x, type y) {                                       \
        type r = (type)(x % y);                                                                    \
        return (type)(r < 0 ? r + y : r);                                                          \
    }
NN_SIGNED(i4, int8_t, uint32_t)
NN_SIGNED(i8, int8_t, uint32_t)
NN_SIGNED(i16, int16_t, uint32_t)
NN_SIGNED(i32, int32_t, uint32_t)
NN_SIGNED(i64, int64_t, uint64_t)
#undef NN_SIGNED

/* 4 bits, held in 8. */
static inline int8_t nn_wrap_i4(int8_t x) {
    return (int8_t)(((x & 15) ^ 8) - 8);
}
static inline uint8_t nn_wrap_u4(uint8_t x) {
    return (uint8_t)(x & 15);
}

/* Clamped to the type. */
#define NN_NARROW(from_name, from, to_name, to)                                                    \
    static inline to nn_sat_##from_name##_##to_name(from x) {                                      \
        return nn_narrow_##to_name(x);                                                             \
    }
#define NN_NARROW64(to_name, to, least, most)                                                      \
    static inline to nn_sat_i64_##to_name(int64_t x) {                                             \
        return x < least ? least : x > most ? most : (to)x;                                        \
    }
NN_NARROW(u8, uint8_t, i8, int8_t)
NN_NARROW(i16, int16_t, i8, int8_t)
NN_NARROW(i32, int32_t, i8, int8_t)
NN_NARROW(i8, int8_t, u8, uint8_t)
NN_NARROW(i16, int16_t, u8, uint8_t)
NN_NARROW(i32, int32_t, u8, uint8_t)
NN_NARROW(i32, int32_t, i16, int16_t)
NN_NARROW64(i8, int8_t, INT8_MIN, INT8_MAX)
NN_NARROW64(u8, uint8_t, 0, UINT8_MAX)
NN_NARROW64(i16, int16_t, INT16_MIN, INT16_MAX)
NN_NARROW64(i32, int32_t, INT32_MIN, INT32_MAX)
#undef NN_NARROW
#undef NN_NARROW64

/* ---- floats to integers ---------------------------------------------------------------------- */

/* Clamped, NaN is 0: trunc toward 0, rint to nearest even. `above` is the least float that is too
 * large. */
#define NN_FROM_FLOAT(from_name, from, to_name, to, least, above, most, truncate, round)           \
    static inline to nn_trunc_##from_name##_##to_name(from x) {                                    \
        if (x != x) return 0;                                                                      \
        x = truncate(x);                                                                           \
        return x < (from)least ? least : x >= (from)above ? most : (to)x;                          \
    }                                                                                              \
    static inline to nn_rint_##from_name##_##to_name(from x) {                                     \
        return nn_trunc_##from_name##_##to_name(round(x));                                         \
    }
#define NN_FROM_FLOATS(to_name, to, least, above, most)                                            \
    NN_FROM_FLOAT(f32, float, to_name, to, least, above, most, truncf, rintf)                      \
    NN_FROM_FLOAT(f64, double, to_name, to, least, above, most, trunc, rint)
NN_FROM_FLOATS(i8, int8_t, INT8_MIN, 128.0, INT8_MAX)
NN_FROM_FLOATS(u8, uint8_t, 0, 256.0, UINT8_MAX)
NN_FROM_FLOATS(i16, int16_t, INT16_MIN, 32768.0, INT16_MAX)
NN_FROM_FLOATS(i32, int32_t, INT32_MIN, 2147483648.0, INT32_MAX)
NN_FROM_FLOATS(i64, int64_t, INT64_MIN, 9223372036854775808.0, INT64_MAX)
#undef NN_FROM_FLOATS
#undef NN_FROM_FLOAT

/* ---- floats of 16 bits ----------------------------------------------------------------------- */

/* Values are held as f32; memory and channels hold the 16 bits. */

static inline float nn_load_bf16(uint16_t bits) {
    return nn_bits_u32_f32((uint32_t)bits << 16);
}

/* The upper half of f32: half a unit is added, less where that ties to odd. */
static inline uint16_t nn_store_bf16(float x) {
    uint32_t b = nn_bits_f32_u32(x);
    if (x != x) return (uint16_t)((b >> 16) | 0x40u);
    return (uint16_t)((b + 0x7fffu + ((b >> 16) & 1u)) >> 16);
}

/* The exponent's bias goes from 15 to 127; subnormals are normalized by a subtraction. */
static inline float nn_load_f16(uint16_t bits) {
    uint32_t sign = (uint32_t)(bits & 0x8000u) << 16, rest = (uint32_t)(bits & 0x7fffu) << 13;
    if (rest >= 0x0f800000u) return nn_bits_u32_f32(sign | (rest + 0x70000000u));
    if (rest >= 0x00800000u) return nn_bits_u32_f32(sign | (rest + 0x38000000u));
    float small = nn_bits_u32_f32(rest + 0x38800000u) - nn_bits_u32_f32(0x38800000u);
    return nn_bits_u32_f32(sign | nn_bits_f32_u32(small));
}

/* To nearest even; what is too large becomes infinity. Subnormals come out of an addition whose
 * last place is theirs. */
static inline uint16_t nn_store_f16(float x) {
    uint32_t b = nn_bits_f32_u32(x), sign = (b >> 16) & 0x8000u, rest = b & 0x7fffffffu;
    if (rest > 0x7f800000u) return (uint16_t)(sign | 0x7e00u | ((rest >> 13) & 0x1ffu));
    if (rest >= 0x477ff000u) return (uint16_t)(sign | 0x7c00u);
    if (rest >= 0x38800000u) {
        rest += 0xfffu + ((rest >> 13) & 1u) - 0x38000000u;
        return (uint16_t)(sign | (rest >> 13));
    }
    float sum = nn_bits_u32_f32(rest) + 0.5f;
    return (uint16_t)(sign | (nn_bits_f32_u32(sum) - 0x3f000000u));
}

static inline float nn_round_f16(float x) {
    return nn_load_f16(nn_store_f16(x));
}
static inline float nn_round_bf16(float x) {
    return nn_load_bf16(nn_store_bf16(x));
}

/* Rounded toward zero with the last bit set where anything was lost ("to odd"), so that a second
 * rounding to 16 bits comes out as if it were the only one. */
static inline float nn_narrow_f64(double x) {
    float f = (float)x;
    if (x != x || ((double)f <= x && (double)f >= x)) return f;
    uint32_t b = nn_bits_f32_u32(f);
    if (fabs((double)f) > fabs(x)) b -= 1u;
    return nn_bits_u32_f32(b | 1u);
}

#endif

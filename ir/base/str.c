/* Text under construction, and numbers as text. */
#include "ir/base/base.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Makes room for extra more bytes and the terminator. */
static void str_reserve(StrBuf *s, size_t extra) {
    if (extra > SIZE_MAX / 4 || s->len > SIZE_MAX / 4) die_out_of_memory(extra);
    size_t needed = s->len + extra + 1;
    if (needed <= s->cap) return;
    size_t cap = s->cap ? s->cap * 2 : 64;
    if (cap < needed) cap = needed;
    char *data = realloc(s->data, cap);
    if (!data) die_out_of_memory(cap);
    s->data = data;
    s->cap = cap;
}

void str_append_n(StrBuf *s, const char *text, size_t length) {
    str_reserve(s, length);
    if (length) memcpy(s->data + s->len, text, length);
    s->len += length;
    s->data[s->len] = '\0';
}

void str_append(StrBuf *s, const char *text) {
    str_append_n(s, text, strlen(text));
}

void str_putc(StrBuf *s, char c) {
    str_append_n(s, &c, 1);
}

void str_vprintf(StrBuf *s, const char *format, va_list args) {
    va_list again;
    va_copy(again, args);
    int length = vsnprintf(NULL, 0, format, again);
    va_end(again);
    require(length >= 0);
    str_reserve(s, (size_t)length);
    vsnprintf(s->data + s->len, (size_t)length + 1, format, args);
    s->len += (size_t)length;
}

void str_printf(StrBuf *s, const char *format, ...) {
    va_list args;
    va_start(args, format);
    str_vprintf(s, format, args);
    va_end(args);
}

const char *str_text(const StrBuf *s) {
    return s->data ? s->data : "";
}

void str_free(StrBuf *s) {
    free(s->data);
    *s = (StrBuf){0};
}

static bool reads_back(double value, bool is_f32, int digits, char *text, size_t size) {
    snprintf(text, size, "%.*e", digits - 1, value);
    return is_f32 ? strtof(text, NULL) == (float)value : strtod(text, NULL) == value;
}

/* The least number of digits that read back as value, as "d.ddde±xx". With more digits the text is
 * no further away, so that halving finds it. Only powers of two could be exceptions, as their
 * neighbours below are nearer than those above; none is one (test_base tries all). */
static void shortest_digits(double value, bool is_f32, char *text, size_t size) {
    int least = 1, most = is_f32 ? 9 : 17;
    while (least < most) {
        int digits = least + (most - least) / 2;
        if (reads_back(value, is_f32, digits, text, size)) {
            most = digits;
        } else {
            least = digits + 1;
        }
    }
    reads_back(value, is_f32, least, text, size);
}

void str_append_double(StrBuf *s, double value, bool is_f32) {
    if (is_f32) value = (double)(float)value;
    if (isnan(value)) {
        str_append(s, "nan");
        return;
    }
    if (signbit(value)) str_putc(s, '-');
    value = fabs(value);
    if (isinf(value)) {
        str_append(s, "inf");
        return;
    }
    char text[40], digits[20];
    shortest_digits(value, is_f32, text, sizeof(text));
    int count = 0;
    const char *p = text;
    for (; *p != 'e'; p++)
        if (*p != '.') digits[count++] = *p;
    int exponent = (int)strtol(p + 1, NULL, 10);
    /* Plain decimals where a person would write them, else scientific. */
    if (exponent < -5 || exponent > 15) {
        str_append_n(s, digits, 1);
        if (count > 1) str_putc(s, '.');
        str_append_n(s, digits + 1, (size_t)(count - 1));
        str_printf(s, "e%d", exponent);
        return;
    }
    if (exponent < 0) {
        str_append(s, "0.");
        for (int i = -1; i > exponent; i--) str_putc(s, '0');
        str_append_n(s, digits, (size_t)count);
        return;
    }
    for (int i = 0; i < count || i <= exponent; i++) {
        if (i == exponent + 1) str_putc(s, '.');
        str_putc(s, i < count ? digits[i] : '0');
    }
}

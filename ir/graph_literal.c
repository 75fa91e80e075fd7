/* Names, strings and elements of tensors as text, both ways. Nothing here depends on locale or
 * libc's formatting. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ir/graph_text.h"

static bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* ---- names and strings ----------------------------------------------------------------------- */

bool text_is_name(const char *text) {
    if (!is_letter(*text)) return false;
    while (is_letter(*text) || is_digit(*text)) text++;
    return *text == '\0';
}

bool text_is_path_char(char c) {
    return is_letter(c) || is_digit(c) || (c && strchr(".-+/", c));
}

bool text_is_path(const char *text) {
    if (!is_letter(*text) && !is_digit(*text) && *text != '.') return false;
    while (text_is_path_char(*text)) text++;
    return *text == '\0';
}

void text_quote(StrBuf *out, const char *text) {
    str_putc(out, '"');
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        switch (c) {
        case '"': str_append(out, "\\\""); break;
        case '\\': str_append(out, "\\\\"); break;
        case '\n': str_append(out, "\\n"); break;
        case '\t': str_append(out, "\\t"); break;
        case '\r': str_append(out, "\\r"); break;
        default:
            if (c < 0x20 || c == 0x7f)
                str_printf(out, "\\x%02x", c);
            else
                str_putc(out, (char)c);
        }
    }
    str_putc(out, '"');
}

/* ---- printing elements ----------------------------------------------------------------------- */

/* A finite double as C's %a writes it, in the normalized form. */
static void print_hex_float(StrBuf *out, double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    uint64_t fraction = bits & ((UINT64_C(1) << 52) - 1);
    int biased = (int)(bits >> 52 & 0x7ff);
    int exponent = biased ? biased - 1023 : fraction ? -1022 : 0;
    str_printf(out, "%s0x%d", bits >> 63 ? "-" : "", biased ? 1 : 0);
    if (fraction) {
        int digits = 13;
        for (; fraction % 16 == 0; fraction /= 16) digits--;
        str_printf(out, ".%0*" PRIx64, digits, fraction);
    }
    str_printf(out, "p%+d", exponent);
}

/* The element's bytes as a number. */
static uint64_t raw_bits(const Tensor *tensor, int64_t i) {
    size_t bytes = dtype_bytes(tensor->dtype);
    const char *at = (const char *)tensor->data + (size_t)i * bytes;
    uint16_t half;
    uint32_t word;
    uint64_t bits = 0;
    switch (bytes) {
    case 2: memcpy(&half, at, sizeof half); return half;
    case 4: memcpy(&word, at, sizeof word); return word;
    default: memcpy(&bits, at, sizeof bits); return bits;
    }
}

void element_print(const Tensor *tensor, int64_t i, StrBuf *out) {
    if (!dtype_is_float(tensor->dtype)) {
        str_printf(out, "%" PRId64, tensor_int(tensor, i));
        return;
    }
    double value = tensor_get(tensor, i);
    if (isnan(value))
        str_printf(out, "nan:0x%" PRIx64, raw_bits(tensor, i));
    else if (isinf(value))
        str_append(out, value < 0 ? "-inf" : "inf");
    else
        print_hex_float(out, value);
}

/* ---- parsing elements ------------------------------------------------------------------------ */

bool integer_parse(const char *text, int64_t *value) {
    if (!is_digit(text[*text == '-'])) return false;
    char *end;
    errno = 0;
    *value = strtoll(text, &end, 10);
    return *end == '\0' && errno == 0;
}

bool float_parse(const char *text, double *value) {
    bool negative = *text == '-';
    const char *magnitude = text + negative;
    if (!strcmp(magnitude, "inf")) {
        *value = negative ? -INFINITY : INFINITY;
        return true;
    }
    if (!strcmp(text, "nan")) {
        *value = NAN;
        return true;
    }
    /* strtod also takes words, signs and blanks; only numbers are meant here. */
    if (!is_digit(*magnitude)) return false;
    char *end;
    *value = strtod(text, &end);
    return *end == '\0' && isfinite(*value);
}

/* nan:0x7fc00000 */
static bool parse_nan_bits(Tensor *tensor, int64_t i, const char *text) {
    static const char prefix[] = "nan:0x";
    if (strncmp(text, prefix, sizeof prefix - 1) != 0) return false;
    text += sizeof prefix - 1;
    size_t length = strspn(text, "0123456789abcdef"), bytes = dtype_bytes(tensor->dtype);
    if (length == 0 || length > 2 * bytes || text[length]) return false;
    uint64_t bits = strtoull(text, NULL, 16);
    uint32_t word = (uint32_t)bits;
    uint16_t half = (uint16_t)bits;
    char *at = (char *)tensor->data + (size_t)i * bytes;
    memcpy(at, bytes == 2 ? (const void *)&half : bytes == 4 ? (const void *)&word : &bits, bytes);
    return isnan(tensor_get(tensor, i));
}

bool element_parse(Tensor *tensor, int64_t i, const char *text) {
    if (!dtype_is_float(tensor->dtype)) {
        int64_t whole;
        if (!integer_parse(text, &whole)) return false;
        if (whole < dtype_min(tensor->dtype) || whole > dtype_max(tensor->dtype)) return false;
        tensor_set_int(tensor, i, whole);
        return true;
    }
    if (!strncmp(text, "nan:", 4)) return parse_nan_bits(tensor, i, text);
    double value;
    if (!float_parse(text, &value)) return false;
    if (isfinite(value) && !dtype_represents(tensor->dtype, value)) return false;
    tensor_set(tensor, i, value);
    return true;
}

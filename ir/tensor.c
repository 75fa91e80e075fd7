/* Host tensors: sizing, element access with the rounding rules of the language, hashing. */
#include "ir/tensor.h"

#include <math.h>
#include <string.h>

bool tensor_shape(Tensor *tensor, DType dtype, int rank, const int64_t *dims, size_t limit) {
    require(rank >= 0 && rank <= MAX_RANK);
    *tensor = (Tensor){.dtype = dtype, .rank = rank};
    /* An empty tensor's other sizes must multiply without overflow too: strides are
     * made of them. */
    int64_t bytes = (int64_t)dtype_bytes(dtype);
    bool empty = false;
    for (int i = 0; i < rank; i++) {
        if (dims[i] < 0) return false;
        if (dims[i] == 0)
            empty = true;
        else if (!checked_mul(bytes, dims[i], &bytes))
            return false;
        tensor->dims[i] = dims[i];
    }
    tensor->bytes = empty ? 0 : (size_t)bytes;
    return limit == 0 || tensor->bytes <= limit;
}

Tensor tensor_new(Arena *arena, DType dtype, int rank, const int64_t *dims) {
    Tensor tensor;
    require(tensor_shape(&tensor, dtype, rank, dims, 0));
    tensor.data = arena_alloc(arena, tensor.bytes);
    return tensor;
}

int64_t tensor_elements(const Tensor *tensor) {
    return (int64_t)(tensor->bytes / dtype_bytes(tensor->dtype));
}

double tensor_get(const Tensor *tensor, int64_t i) {
    switch (tensor->dtype) {
    case DT_f32: return (double)((const float *)tensor->data)[i];
    case DT_f64: return ((const double *)tensor->data)[i];
    case DT_f16: return (double)f16_to_f32(((const uint16_t *)tensor->data)[i]);
    case DT_bf16: return (double)bf16_to_f32(((const uint16_t *)tensor->data)[i]);
    default: return (double)tensor_int(tensor, i);
    }
}

/* Truncates and saturates to i64; NaN gives 0. */
static int64_t whole(double value) {
    if (value != value) return 0;
    if (value >= 0x1p63) return INT64_MAX;
    if (value < -0x1p63) return INT64_MIN;
    return (int64_t)value;
}

int64_t tensor_int(const Tensor *tensor, int64_t i) {
    switch (tensor->dtype) {
    case DT_i8:
    case DT_i4: return ((const int8_t *)tensor->data)[i];
    case DT_u8:
    case DT_u4: return ((const uint8_t *)tensor->data)[i];
    case DT_i16: return ((const int16_t *)tensor->data)[i];
    case DT_i32: return ((const int32_t *)tensor->data)[i];
    case DT_i64: return ((const int64_t *)tensor->data)[i];
    case DT_bool: return ((const uint8_t *)tensor->data)[i] != 0;
    default: return whole(tensor_get(tensor, i));
    }
}

void tensor_set(Tensor *tensor, int64_t i, double value) {
    switch (tensor->dtype) {
    case DT_f32: ((float *)tensor->data)[i] = (float)value; return;
    case DT_f64: ((double *)tensor->data)[i] = value; return;
    case DT_f16: ((uint16_t *)tensor->data)[i] = f64_to_f16(value); return;
    case DT_bf16: ((uint16_t *)tensor->data)[i] = f64_to_bf16(value); return;
    case DT_bool: ((uint8_t *)tensor->data)[i] = value != 0; return;
    default: break;
    }
    int64_t rounded = whole(rint(value));
    int64_t least = dtype_min(tensor->dtype), greatest = dtype_max(tensor->dtype);
    tensor_set_int(tensor, i, rounded < least ? least : rounded > greatest ? greatest : rounded);
}

/* A double from which one more rounding gives the same as rounding the integer itself: beyond 2^53
 * the bits that do not fit are gathered in the last one that does (round to odd). */
static double sticky_double(int64_t value) {
    uint64_t magnitude = value < 0 ? -(uint64_t)value : (uint64_t)value;
    uint64_t low = magnitude & 0x7ff;
    if (magnitude >> 53 != 0 && low != 0) magnitude = (magnitude & ~(uint64_t)0x7ff) | 0x800;
    return value < 0 ? -(double)magnitude : (double)magnitude;
}

void tensor_set_int(Tensor *tensor, int64_t i, int64_t value) {
    uint64_t bits = (uint64_t)value;
    switch (tensor->dtype) {
    case DT_i8: ((int8_t *)tensor->data)[i] = (int8_t)bits; return;
    case DT_u8: ((uint8_t *)tensor->data)[i] = (uint8_t)bits; return;
    case DT_i4: ((int8_t *)tensor->data)[i] = (int8_t)((int)((bits & 15) ^ 8) - 8); return;
    case DT_u4: ((uint8_t *)tensor->data)[i] = (uint8_t)(bits & 15); return;
    case DT_i16: ((int16_t *)tensor->data)[i] = (int16_t)bits; return;
    case DT_i32: ((int32_t *)tensor->data)[i] = (int32_t)bits; return;
    case DT_i64: ((int64_t *)tensor->data)[i] = value; return;
    case DT_bool: ((uint8_t *)tensor->data)[i] = value != 0; return;
    case DT_f32: ((float *)tensor->data)[i] = (float)value; return;
    case DT_f64: ((double *)tensor->data)[i] = (double)value; return;
    default: tensor_set(tensor, i, sticky_double(value)); return;
    }
}

uint64_t tensor_hash(const Tensor *tensor) {
    const char *type = dtype_name(tensor->dtype);
    uint64_t hash = hash_bytes(type, strlen(type), 0);
    hash = hash_bytes(tensor->dims, (size_t)tensor->rank * sizeof(tensor->dims[0]), hash);
    return hash_bytes(tensor->data, tensor->bytes, hash);
}

const char *tensor_type_text(Arena *arena, const Tensor *tensor) {
    StrBuf text = {0};
    str_append(&text, dtype_name(tensor->dtype));
    str_putc(&text, '[');
    for (int i = 0; i < tensor->rank; i++)
        str_printf(&text, "%s%lld", i > 0 ? ", " : "", (long long)tensor->dims[i]);
    str_putc(&text, ']');
    char *result = arena_strdup(arena, str_text(&text));
    str_free(&text);
    return result;
}

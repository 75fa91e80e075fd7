#include "frontend/onnx/model.h"

#include <string.h>

int onnx_dtype(DType dtype) {
    static const int types[DTYPE_COUNT] = {
        [DT_f32] = ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT,
        [DT_f16] = ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT16,
        [DT_bf16] = ONNX__TENSOR_PROTO__DATA_TYPE__BFLOAT16,
        [DT_f64] = ONNX__TENSOR_PROTO__DATA_TYPE__DOUBLE,
        [DT_i8] = ONNX__TENSOR_PROTO__DATA_TYPE__INT8,
        [DT_u8] = ONNX__TENSOR_PROTO__DATA_TYPE__UINT8,
        [DT_i16] = ONNX__TENSOR_PROTO__DATA_TYPE__INT16,
        [DT_i32] = ONNX__TENSOR_PROTO__DATA_TYPE__INT32,
        [DT_i64] = ONNX__TENSOR_PROTO__DATA_TYPE__INT64,
        [DT_bool] = ONNX__TENSOR_PROTO__DATA_TYPE__BOOL,
    };
    return types[dtype];
}

/* ---- names ----------------------------------------------------------------------------------- */

static NameSlot *find_slot(const NameSet *set, const char *name) {
    size_t i = hash_bytes(name, strlen(name), 0) & (set->size - 1);
    while (set->slots[i].name && strcmp(set->slots[i].name, name) != 0)
        i = (i + 1) & (set->size - 1);
    return &set->slots[i];
}

static void grow(NameSet *set, Arena *arena) {
    NameSet old = *set;
    set->size = old.size ? 2 * old.size : 256;
    set->slots = arena_array(arena, NameSlot, set->size);
    for (size_t i = 0; i < old.size; i++) {
        if (old.slots[i].name) *find_slot(set, old.slots[i].name) = old.slots[i];
    }
}

bool name_taken(const NameSet *set, const char *name) {
    return set->size > 0 && find_slot(set, name)->name;
}

const char *name_unique(NameSet *set, Arena *arena, const char *name) {
    const char *candidate = name;
    if (2 * set->count >= set->size) grow(set, arena);
    NameSlot *first = find_slot(set, name);
    while (find_slot(set, candidate)->name)
        candidate = arena_printf(arena, "%s.%u", name, ++first->next);
    *find_slot(set, candidate) = (NameSlot){arena_strdup(arena, candidate), 1};
    set->count++;
    return candidate;
}

/* ---- messages -------------------------------------------------------------------------------- */

static OnnxAttr *make_attr(Arena *arena, const char *name,
                           Onnx__AttributeProto__AttributeType type) {
    OnnxAttr *attr = arena_new(arena, OnnxAttr);
    onnx__attribute_proto__init(attr);
    attr->name = arena_strdup(arena, name);
    attr->has_type = true;
    attr->type = type;
    return attr;
}

OnnxAttr *onnx_attr_int(Arena *arena, const char *name, int64_t value) {
    OnnxAttr *attr = make_attr(arena, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT);
    attr->has_i = true;
    attr->i = value;
    return attr;
}

OnnxAttr *onnx_attr_float(Arena *arena, const char *name, double value) {
    OnnxAttr *attr = make_attr(arena, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT);
    attr->has_f = true;
    attr->f = (float)value;
    return attr;
}

OnnxAttr *onnx_attr_string(Arena *arena, const char *name, const char *value) {
    OnnxAttr *attr = make_attr(arena, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRING);
    attr->has_s = true;
    attr->s.len = strlen(value);
    attr->s.data = (uint8_t *)arena_strdup(arena, value);
    return attr;
}

OnnxAttr *onnx_attr_ints(Arena *arena, const char *name, int count, const int64_t *values) {
    OnnxAttr *attr = make_attr(arena, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS);
    attr->n_ints = (size_t)count;
    attr->ints = arena_array(arena, int64_t, (size_t)count + 1);
    for (int i = 0; i < count; i++) attr->ints[i] = values[i];
    return attr;
}

Onnx__TensorProto *onnx_tensor(Arena *arena, const char *name, const Tensor *tensor) {
    Onnx__TensorProto *proto = arena_new(arena, Onnx__TensorProto);
    onnx__tensor_proto__init(proto);
    proto->name = arena_strdup(arena, name);
    proto->has_data_type = true;
    proto->data_type = onnx_dtype(tensor->dtype);
    proto->n_dims = (size_t)tensor->rank;
    proto->dims = arena_array(arena, int64_t, (size_t)tensor->rank + 1);
    for (int i = 0; i < tensor->rank; i++) proto->dims[i] = tensor->dims[i];
    proto->has_raw_data = true;
    proto->raw_data.len = tensor->bytes;
    proto->raw_data.data = tensor->data;
    return proto;
}

static Onnx__TensorShapeProto *shape_of(Arena *arena, DimContext *dims, const TensorType *type) {
    typedef Onnx__TensorShapeProto__Dimension Dimension;
    Onnx__TensorShapeProto *shape = arena_new(arena, Onnx__TensorShapeProto);
    onnx__tensor_shape_proto__init(shape);
    shape->n_dim = (size_t)type->rank;
    shape->dim = arena_array(arena, Dimension *, (size_t)type->rank + 1);
    for (int i = 0; i < type->rank; i++) {
        Dimension *dim = shape->dim[i] = arena_new(arena, Dimension);
        onnx__tensor_shape_proto__dimension__init(dim);
        if (dim_is_int(type->dims[i], &dim->dim_value)) {
            dim->value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
        } else {
            dim->value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM;
            dim->dim_param = arena_strdup(arena, dim_text(dims, arena, type->dims[i]));
        }
    }
    return shape;
}

Onnx__ValueInfoProto *onnx_value_info(Arena *arena, DimContext *dims, const char *name,
                                      const TensorType *type) {
    Onnx__ValueInfoProto *info = arena_new(arena, Onnx__ValueInfoProto);
    Onnx__TypeProto *proto = arena_new(arena, Onnx__TypeProto);
    Onnx__TypeProto__Tensor *tensor = arena_new(arena, Onnx__TypeProto__Tensor);
    onnx__value_info_proto__init(info);
    onnx__type_proto__init(proto);
    onnx__type_proto__tensor__init(tensor);
    tensor->has_elem_type = true;
    tensor->elem_type = onnx_dtype(type->dtype);
    tensor->shape = shape_of(arena, dims, type);
    proto->value_case = ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE;
    proto->tensor_type = tensor;
    info->name = arena_strdup(arena, name);
    info->type = proto;
    return info;
}

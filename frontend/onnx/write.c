/* The bytes of a model, and of the file for tensors outside it.
 *
 * Parameters are most of a model: they are never copied, the files are lists of pieces of which
 * the large ones point to the parameters themselves. */
#include <string.h>

#include "frontend/onnx/model.h"

enum {
    /* ONNX asks for offsets that a page may begin at, so that the tensors can be mapped. */
    EXTERNAL_ALIGNMENT = 4096,
    /* Smaller tensors, such as the shapes that nodes want, stay in the model. */
    EXTERNAL_LEAST = 1024,
};

static const size_t protobuf_limit = INT32_MAX;

static void add_piece(OnnxFile *file, Arena *arena, const void *data, size_t size) {
    if (size == 0) return;
    vec_push(arena, &file->pieces, (OutputPiece){data, size});
    file->size += size;
}

/* ---- the model ------------------------------------------------------------------------------- */

/* Receives what protobuf-c packs. */
typedef struct Sink {
    ProtobufCBuffer base; /* first: protobuf-c knows only this */
    Arena *arena;
    OnnxFile *file;
    StrBuf pending; /* small appends in a row, one piece */
    const Onnx__GraphProto *graph;
    size_t next; /* initializer whose data comes next */
} Sink;

static void flush(Sink *sink) {
    if (sink->pending.len == 0) return;
    char *copy = arena_alloc(sink->arena, sink->pending.len);
    memcpy(copy, sink->pending.data, sink->pending.len);
    add_piece(sink->file, sink->arena, copy, sink->pending.len);
    str_free(&sink->pending);
}

/* The data of an initializer stays where it is; everything else may be protobuf-c's scratch. */
static bool is_tensor_data(Sink *sink, size_t size, const uint8_t *data) {
    for (size_t i = sink->next; i < sink->graph->n_initializer; i++) {
        const ProtobufCBinaryData *raw = &sink->graph->initializer[i]->raw_data;
        if (raw->data != data || raw->len != size) continue;
        sink->next = i + 1;
        return true;
    }
    return false;
}

static void append(ProtobufCBuffer *base, size_t size, const uint8_t *data) {
    Sink *sink = (Sink *)base;
    if (size >= EXTERNAL_LEAST && is_tensor_data(sink, size, data)) {
        flush(sink);
        add_piece(sink->file, sink->arena, data, size);
    } else if (size > 0) {
        str_append_n(&sink->pending, (const char *)data, size);
    }
}

static void pack(const Onnx__ModelProto *model, Arena *arena, OnnxFile *file) {
    Sink sink = {.base = {append}, .arena = arena, .file = file, .graph = model->graph};
    onnx__model_proto__pack_to_buffer(model, &sink.base);
    flush(&sink);
}

/* ---- tensors outside the model --------------------------------------------------------------- */

static void add_entry(Onnx__TensorProto *tensor, Arena *arena, const char *key, char *value) {
    Onnx__StringStringEntryProto *entry = arena_new(arena, Onnx__StringStringEntryProto);
    onnx__string_string_entry_proto__init(entry);
    entry->key = arena_strdup(arena, key);
    entry->value = value;
    tensor->external_data[tensor->n_external_data++] = entry;
}

static void move_outside(Onnx__TensorProto *tensor, const char *location, Arena *arena,
                         OnnxFile *file) {
    size_t size = tensor->raw_data.len;
    size_t gap = (EXTERNAL_ALIGNMENT - file->size % EXTERNAL_ALIGNMENT) % EXTERNAL_ALIGNMENT;
    if (gap > 0) add_piece(file, arena, arena_alloc(arena, gap), gap);
    tensor->external_data = arena_array(arena, Onnx__StringStringEntryProto *, 3);
    add_entry(tensor, arena, "location", arena_strdup(arena, location));
    add_entry(tensor, arena, "offset", arena_printf(arena, "%zu", file->size));
    add_entry(tensor, arena, "length", arena_printf(arena, "%zu", size));
    tensor->has_data_location = true;
    tensor->data_location = ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL;
    add_piece(file, arena, tensor->raw_data.data, size);
    tensor->has_raw_data = false;
    tensor->raw_data = (ProtobufCBinaryData){0};
}

static void move_tensors(Onnx__GraphProto *graph, const char *location, Arena *arena,
                         OnnxFile *file) {
    for (size_t i = 0; i < graph->n_initializer; i++) {
        if (graph->initializer[i]->raw_data.len >= EXTERNAL_LEAST)
            move_outside(graph->initializer[i], location, arena, file);
    }
}

bool onnx_write(Onnx__ModelProto *model, const OnnxExportOptions *options, Arena *arena,
                OnnxFiles *files, Diag *diag) {
    size_t limit = options->limit ? options->limit : protobuf_limit;
    bool external = options->external || onnx__model_proto__get_packed_size(model) > limit;
    *files = (OnnxFiles){0};
    if (external && options->external_name)
        move_tensors(model->graph, options->external_name, arena, &files->external);
    size_t size = onnx__model_proto__get_packed_size(model);
    if (size > limit) {
        diag_error(diag, (Span){0}, "the model has %zu bytes, and protobuf's limit is %zu%s", size,
                   limit, options->external_name ? "" : "; -o FILE puts the weights beside it");
        return false;
    }
    pack(model, arena, &files->model);
    require(files->model.size == size);
    return true;
}

/* ONNX: networks as models that other tools read.
 *
 * A graph as it was elaborated, before any pass, becomes a model of opset 17 and IR version 8.
 * Which operator becomes what is one table (rows.c); docs/onnx.md says it in words. */
#ifndef NNC_FRONTEND_ONNX_ONNX_H
#define NNC_FRONTEND_ONNX_ONNX_H

#include "ir/base/file.h"
#include "ir/graph.h"

enum { ONNX_OPSET = 17, ONNX_IR_VERSION = 8 };

typedef struct OnnxExportOptions {
    const char *version; /* of nnc, for the metadata */
    /* Name of the file for tensors outside the model, as it stands beside it; null: there is none
     * and a model above the limit is an error. */
    const char *external_name;
    bool external; /* put tensors there even where they would fit into the model */
    size_t limit;  /* greatest size of a model in bytes; 0: what protobuf allows, 2 GiB - 1 */
} OnnxExportOptions;

/* The bytes of a file, piece after piece. Pieces that hold parameters point to where those lie. */
typedef struct OnnxFile {
    VEC(OutputPiece) pieces;
    size_t size;
} OnnxFile;

typedef struct OnnxFiles {
    OnnxFile model;
    OnnxFile external; /* size 0: no tensor lies outside */
} OnnxFiles;

/* Exports the graph; parameters get the values that module->params gives. What ONNX cannot say is
 * an error that names operator and place. The files' memory is the arena's and the parameters'
 * source's. */
bool onnx_export(const Graph *graph, const OnnxExportOptions *options, Arena *arena,
                 OnnxFiles *files, Diag *diag);

/* Whether the operator has a row in the table of operators: a unit test asks it of all. */
bool onnx_has_row(OpKind op);

#endif

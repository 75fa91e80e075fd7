"""What the package onnx (Debian's 1.12 too) says of exported models: that they are valid, and that it infers the shapes
that nnc states.

  check.py MODEL.onnx...
"""
import sys

import onnx
from onnx import checker, shape_inference


def dims(value):
    """Sizes, texts of symbolic sizes, and None where nothing is known."""
    return [getattr(dim, dim.WhichOneof("value") or "", None) for dim in value.type.tensor_type.shape.dim]


def shapes(model):
    values = [*model.graph.value_info, *model.graph.output]
    return {value.name: (value.type.tensor_type.elem_type, dims(value)) for value in values}


def without_shapes(model):
    bare = onnx.ModelProto()
    bare.CopyFrom(model)
    del bare.graph.value_info[:]
    for output in bare.graph.output:
        output.type.tensor_type.ClearField("shape")
    return bare


def check_shapes(path, model):
    stated = shapes(model)
    inferred = shapes(shape_inference.infer_shapes(without_shapes(model), True, True, True))
    symbolic = any(isinstance(dim, str) for value in model.graph.input for dim in dims(value))
    for name, (kind, ours) in stated.items():
        if name not in inferred:
            sys.exit(f"{path}: {name}: no type was inferred")
        theirs = inferred[name][1]
        wrong = kind != inferred[name][0] or (theirs or not symbolic) and len(theirs) != len(ours)
        wrong = wrong or any(isinstance(b, int) and a != b for a, b in zip(ours, theirs))
        if wrong or not symbolic and None in theirs:
            sys.exit(f"{path}: {name}: nnc says {kind} {ours}, onnx infers {inferred[name]}")


def check(path):
    model = onnx.load(path)
    checker.check_model(path)  # sees to files beside the model; with full_check it would write to it
    checker.check_model(model, full_check=True)
    check_shapes(path, model)
    versions = (model.ir_version, [(entry.domain, entry.version) for entry in model.opset_import])
    if versions != (8, [("", 17)]):
        sys.exit(f"{path}: versions {versions}")


for path in sys.argv[1:]:
    check(path)

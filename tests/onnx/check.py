"""What the checker of the package onnx (Debian's 1.12 too) says of models.

  check.py MODEL.onnx...
"""
import sys

import onnx
from onnx import checker, shape_inference


def check(path):
    model = onnx.load(path)
    checker.check_model(path)  # sees to files beside the model; with full_check it would write to it
    checker.check_model(model, full_check=True)
    shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True)
    versions = (model.ir_version, [(entry.domain, entry.version) for entry in model.opset_import])
    if versions != (8, [("", 17)]):
        sys.exit(f"{path}: versions {versions}")


for path in sys.argv[1:]:
    check(path)

#!/usr/bin/env python3
"""Exported models in onnxruntime against nnc itself.

  compare.py NNC [-v] PATH.nn|FOLDER...

Every network is exported with the weights beside it, or random ones where there are none; onnxruntime and `nnc run` get
the same inputs, those stored beside the network (tests/torch/README.md) or random ones, and have to agree as the
project's numerics say. Wants the packages onnx, onnxruntime, numpy and ml_dtypes.
"""
import json
import os
import struct
import subprocess
import sys
import tempfile

import ml_dtypes  # noqa: F401 - teaches NumPy bfloat16
import numpy as np
import onnx
import onnxruntime as ort
from onnxruntime.capi.onnxruntime_pybind11_state import NotImplemented

SIZES = {"f32": np.float32, "f16": np.float16, "f64": np.float64, "bf16": ml_dtypes.bfloat16, "i8": np.int8,
         "u8": np.uint8, "i16": np.int16, "i32": np.int32, "i64": np.int64, "bool": np.bool_}
STORED = {"F32": "f32", "F16": "f16", "F64": "f64", "BF16": "bf16", "I8": "i8", "U8": "u8", "I16": "i16",
          "I32": "i32", "I64": "i64", "BOOL": "bool"}
TENSOR = onnx.TensorProto
ELEMENTS = {TENSOR.FLOAT: "f32", TENSOR.FLOAT16: "f16", TENSOR.DOUBLE: "f64", TENSOR.BFLOAT16: "bf16",
            TENSOR.INT8: "i8", TENSOR.UINT8: "u8", TENSOR.INT16: "i16", TENSOR.INT32: "i32", TENSOR.INT64: "i64",
            TENSOR.BOOL: "bool"}
# Cases in which ONNX leaves open what nnc defines (docs/onnx.md), and onnxruntime does something else.
OPEN = {"reduce_max_special.nn": "a NaN loses", "reduce_min_special.nn": "a NaN loses"}
SYMBOL = 2  # size of a symbol in networks without stored inputs


def read_stored(path):
    """The tensors of a .safetensors file by name."""
    if not os.path.exists(path):
        return {}
    with open(path, "rb") as file:
        data = file.read()
    (length,) = struct.unpack("<Q", data[:8])
    tensors = {}
    for name, entry in json.loads(data[8:8 + length]).items():
        if name == "__metadata__":
            continue
        begin, end = (8 + length + offset for offset in entry["data_offsets"])
        dtype = SIZES[STORED[entry["dtype"]]]
        tensors[name] = np.frombuffer(data[begin:end], dtype).reshape(entry["shape"])
    return tensors


def disagreement(got, want, tolerance):
    """Why two tensors do not agree, or None (README of the design, Numerics)."""
    if got.shape != want.shape or got.dtype != want.dtype:
        return f"{got.dtype}{list(got.shape)} instead of {want.dtype}{list(want.shape)}"
    if want.dtype.kind in "iub" and want.dtype != ml_dtypes.bfloat16:
        wrong = np.count_nonzero(got != want)
        return f"{wrong} of {want.size} elements differ" if wrong else None
    got, want = got.astype(np.float64).ravel(), want.astype(np.float64).ravel()
    special = ~np.isfinite(want)
    if not np.array_equal(got[special], want[special], equal_nan=True) or not np.isfinite(got[~special]).all():
        return "NaN or infinity at other places"
    difference, want = got[~special] - want[~special], want[~special]
    if want.size == 0:
        return None
    norm, greatest = np.linalg.norm(want) or 1, np.abs(want).max() or 1
    l2, most = np.linalg.norm(difference) / norm, np.abs(difference).max() / greatest
    return None if l2 <= tolerance and most <= 100 * tolerance else f"relative error {l2:.2g}, greatest {most:.2g}"


def random_input(value, graph, generator):
    """Normal floats; integers of all sizes, or indices that are always in range."""
    shape = [dim.dim_value if dim.WhichOneof("value") == "dim_value" else SYMBOL
             for dim in value.type.tensor_type.shape.dim]
    dtype = SIZES[ELEMENTS[value.type.tensor_type.elem_type]]
    if dtype in (np.float32, np.float64, np.float16, ml_dtypes.bfloat16):
        return generator.standard_normal(shape).astype(dtype)
    if dtype is np.bool_ or any(node.op_type == "Gather" and node.input[1] == value.name for node in graph.node):
        return generator.integers(0, 2, shape).astype(dtype)
    limits = np.iinfo(dtype)
    small = generator.integers(max(-9, limits.min), 10, shape).astype(dtype)
    large = generator.integers(limits.min, limits.max, shape, dtype, endpoint=True)
    return np.choose(generator.integers(0, 6, shape), [large, limits.min, small, small, small, small]).astype(dtype)


class Case:
    def __init__(self, nnc, path, folder):
        self.nnc, self.path, self.folder = nnc, path, folder
        beside = os.path.splitext(path)[0] + ".safetensors"
        self.stored = read_stored(beside)
        self.weights = [] if self.stored else ["-weights=random"]

    def call(self, *arguments):
        """What the command prints."""
        done = subprocess.run([self.nnc, *arguments], capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"nnc {arguments[0]}: {done.stderr.strip()}")
        return done.stdout

    def inputs(self, graph):
        generator = np.random.default_rng(0)
        inputs = {}
        for value in graph.input:
            stored = self.stored.get("in." + value.name)
            inputs[value.name] = random_input(value, graph, generator) if stored is None else stored
        return inputs

    def expected(self, inputs):
        """What nnc computes: outputs by name."""
        outputs = json.loads(self.call("info", self.path, "-json", *self.weights))["outputs"]
        arguments = ["run", self.path, *self.weights]
        for name, value in inputs.items():
            np.save(f"{self.folder}/in.{name}.npy", value)
            arguments += ["-input", f"{name}={self.folder}/in.{name}.npy"]
        names = [output["name"] for output in outputs]
        for name in names:
            arguments += ["-output", f"{name}={self.folder}/out.{name}.npy"]
        self.call(*arguments)
        return {name: np.load(f"{self.folder}/out.{name}.npy") for name in names}

    def disagreements(self):
        model_path = f"{self.folder}/model.onnx"
        self.call("export", self.path, "-o", model_path, *self.weights)
        model = onnx.load(model_path)
        onnx.checker.check_model(model, full_check=True)
        inputs = self.inputs(model.graph)
        session = ort.InferenceSession(model_path, quiet(), providers=["CPUExecutionProvider"])
        got = session.run(None, inputs)
        for (name, want), have in zip(self.expected(inputs).items(), got):
            half = have.dtype.itemsize == 2 and have.dtype.kind not in "iu"
            why = disagreement(have, want, 1e-2 if half or uses_halves(model) else 1e-4)
            if why:
                yield f"{name}: {why}"


def uses_halves(model):
    halves = (TENSOR.FLOAT16, TENSOR.BFLOAT16)
    return any(node.op_type == "Cast" and node.attribute[0].i in halves for node in model.graph.node)


def quiet():
    options = ort.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 2
    return options


def networks(paths):
    for path in paths:
        if os.path.isdir(path):
            yield from sorted(os.path.join(path, name) for name in os.listdir(path) if name.endswith(".nn"))
        else:
            yield path


def main():
    arguments = [a for a in sys.argv[1:] if a != "-v"]
    if len(arguments) < 2:
        sys.exit(__doc__)
    count = failures = unrun = 0
    for path in networks(arguments[1:]):
        with tempfile.TemporaryDirectory() as folder:
            try:
                wrong = list(Case(arguments[0], path, folder).disagreements())
            except NotImplemented as error:
                print(f"{path}: not run: {error}")
                unrun += 1
                continue
            except Exception as error:  # of any of the tools: one case that failed
                wrong = [f"{type(error).__name__}: {error}"]
        if wrong and os.path.basename(path) in OPEN:
            print(f"{path}: {OPEN[os.path.basename(path)]}, which ONNX leaves open")
            continue
        count += 1
        failures += bool(wrong)
        for line in wrong:
            print(f"{path}: {line}")
        if "-v" in sys.argv and not wrong:
            print(f"{path}: agrees")
    print(f"{count} networks, {failures} disagree; {unrun} not run, onnxruntime having no kernel for a type")
    sys.exit(1 if failures or not count else 0)


main()

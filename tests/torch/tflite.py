#!/usr/bin/env python3
# Copyright nnc contributors
# SPDX-License-Identifier: Apache-2.0
"""Runs examples/resnet8.nn and ds_cnn.nn with the weights of MLPerf Tiny's published models, and compares with LiteRT.

    NNC_MODELS=FOLDER python3 tflite.py NNC

FOLDER holds ic_resnet8_f32.tflite and kws_dscnn_f32.tflite, from the benchmark's repository. Their normalizations are
folded into the convolutions, so the network's own are made to do nothing. DS-CNN's weights are stored as int8, for which
LiteRT rounds activations as well: there the results differ by what that costs. Exit status: 0 they agree, 1 they do
not, 77 (skipped) if NNC_MODELS is not set or a package is not installed.
"""

import os
import pathlib
import subprocess
import sys
import tempfile

SKIPPED = 77
EXAMPLES = pathlib.Path(__file__).resolve().parents[2] / "examples"

try:
    import numpy as np
    from ai_edge_litert.interpreter import Interpreter
    from safetensors.numpy import save_file
except ImportError as error:
    print(f"skipped: {error}")
    sys.exit(SKIPPED)

BASIC = ("conv1", "bn1"), ("conv2", "bn2")
# Layers with weights in the order in which they are run, each with its normalization; the input's range; the greatest
# difference between probabilities.
NETWORKS = {
    "resnet8": ("ic_resnet8_f32.tflite", [
        ("conv1", "bn1"), *[(f"layer1.{c}", f"layer1.{b}") for c, b in BASIC],
        *[(f"layer2.{c}", f"layer2.{b}") for c, b in BASIC], ("layer2.shortcut", None),
        *[(f"layer3.{c}", f"layer3.{b}") for c, b in BASIC], ("layer3.shortcut", None), ("fc", None)], (0, 255), 1e-5),
    "ds_cnn": ("kws_dscnn_f32.tflite", [
        ("conv", "bn"), *[(f"layer{i}.{c}", f"layer{i}.{b}") for i in range(1, 5)
                          for c, b in (("depthwise", "bn1"), ("pointwise", "bn2"))], ("fc", None)], (-50, 50), 0.05),
}
EPS = 1e-3


def constant(interpreter, index):
    """A tensor of the file as floats."""
    value = interpreter.get_tensor(index)
    if value.dtype == np.float32:
        return value
    how = interpreter._get_tensor_details(index, 0)["quantization_parameters"]
    shape = [1] * value.ndim
    shape[how["quantized_dimension"]] = -1
    value = (value - how["zero_points"].reshape(shape)) * how["scales"].reshape(shape)
    return value.astype(np.float32)


def oihw(kind, weight):
    if kind == "CONV_2D":
        return weight.transpose(0, 3, 1, 2)
    return weight.transpose(3, 0, 1, 2) if kind == "DEPTHWISE_CONV_2D" else weight


def parameters(interpreter, layers):
    found = {}
    weighted = [op for op in interpreter._get_ops_details()
                if op["op_name"] in ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")]
    assert len(weighted) == len(layers), (len(weighted), len(layers))
    for op, (layer, norm) in zip(weighted, layers):
        weight, bias = (constant(interpreter, i) for i in op["inputs"][1:3])
        found[f"{layer}.weight"] = np.ascontiguousarray(oihw(op["op_name"], weight))
        found[f"{layer}.bias"] = bias
        if norm:
            ones = np.ones_like(bias)
            found |= {f"{norm}.weight": ones, f"{norm}.bias": 0 * ones, f"{norm}.running_mean": 0 * ones,
                      f"{norm}.running_var": (1 - EPS) * ones}
    return found


def spots(rng, count, shape):
    """Coarse noise from 0 to 1: fine noise is one class to these networks."""
    height, width, channels = shape
    coarse = rng.uniform(0, 1, (count, height // 8 + 1, width // 8 + 1, channels))
    return coarse.repeat(8, 1).repeat(8, 2)[:, :height, :width].astype(np.float32)


def compare(nnc, name, models, folder):
    file, layers, (least, greatest), tolerance = NETWORKS[name]
    interpreter = Interpreter(str(models / file))
    interpreter.allocate_tensors()
    given, wanted = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    weights = folder / f"{name}.safetensors"
    save_file(parameters(interpreter, layers), str(weights))
    inputs = spots(np.random.default_rng(8), 64, given["shape"][1:]) * np.float32(greatest - least) + np.float32(least)
    np.save(folder / "x.npy", inputs)
    label = {"resnet8": "image", "ds_cnn": "mfcc"}[name]
    subprocess.run([nnc, "run", EXAMPLES / f"{name}.nn", f"-weights={weights}", "-input", f"{label}={folder}/x.npy",
                    "-output", f"probs={folder}/y.npy"], check=True)
    results, worst = np.load(folder / "y.npy"), 0
    for x, result in zip(inputs, results):
        interpreter.set_tensor(given["index"], x[None])
        interpreter.invoke()
        worst = max(worst, np.abs(interpreter.get_tensor(wanted["index"])[0] - result).max())
    print(f"{name}: probabilities differ by {worst:.2g} (at most {tolerance:g}) for {len(inputs)} inputs, of "
          f"{len(set(results.argmax(1)))} classes")
    return worst <= tolerance


def main():
    models = pathlib.Path(os.environ.get("NNC_MODELS", ""))
    if not all((models / network[0]).is_file() for network in NETWORKS.values()):
        print("skipped: NNC_MODELS names no folder with the models")
        return SKIPPED
    with tempfile.TemporaryDirectory() as scratch:
        agree = [compare(sys.argv[1], name, models, pathlib.Path(scratch)) for name in NETWORKS]
    return 0 if all(agree) else 1


if __name__ == "__main__":
    sys.exit(main())

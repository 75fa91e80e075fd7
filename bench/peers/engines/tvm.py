# Copyright nnc contributors
# SPDX-License-Identifier: Apache-2.0
"""TVM's default pipeline. What its tuner would find in hours of search is not part of this race; the settings say so."""

import onnx
import tvm
from tvm import relax
from tvm.relax.frontend.onnx import from_onnx


class Engine:
    def __init__(self, spec, inputs):
        target = tvm.target.Target({"kind": "llvm", "mcpu": spec["mcpu"], "num-cores": spec["threads"]})
        module = relax.get_pipeline("zero")(from_onnx(onnx.load(spec["onnx"])))
        self.machine = relax.VirtualMachine(relax.build(module, target), tvm.cpu())
        self.inputs = [tvm.runtime.tensor(x) for x in inputs.values()]
        self.settings = f"relax pipeline 'zero', target {target}; not tuned (that takes hours a network)"

    def run(self):
        result = self.machine["main"](*self.inputs)
        self.result = [result] if isinstance(result, tvm.runtime.Tensor) else list(result)

    def outputs(self):
        return [y.numpy() for y in self.result]

# Copyright nnc contributors
# SPDX-License-Identifier: Apache-2.0
"""Compiled by IREE's own tools, once for all thread counts; loaded and called through its runtime."""

import pathlib
import subprocess
import sys

import iree.runtime as runtime

FLAGS = ["--iree-hal-target-device=local", "--iree-hal-local-target-device-backends=llvm-cpu",
         "--iree-llvmcpu-target-cpu=host", "--iree-opt-level=O3", "--iree-opt-data-tiling=true",
         "--iree-llvmcpu-stack-allocation-limit=262144"]  # with its default, layer normalization is refused


def compile_model(onnx, module):
    tools = pathlib.Path(sys.executable).parent
    mlir = module.with_suffix(".mlir")
    partial = module.with_suffix(".partial")
    for command in ([tools / "iree-import-onnx", onnx, "-o", mlir, "--opset-version", "17"],
                    [tools / "iree-compile", mlir, "-o", partial, *FLAGS]):
        ended = subprocess.run([str(c) for c in command], check=False, capture_output=True, text=True)
        if ended.returncode:
            errors = [line for line in ended.stderr.splitlines() if "error" in line] or [f"status {ended.returncode}"]
            raise RuntimeError(f"{command[0].name}: {errors[0]}")
    mlir.unlink()
    partial.rename(module)  # whole or not at all


class Engine:
    def __init__(self, spec, inputs):
        module = pathlib.Path(spec["onnx"]).with_suffix(".vmfb")
        threads = spec["threads"]
        driver = "local-sync" if threads == 1 else "local-task"
        runtime.flags.parse_flags(f"--task_topology_group_count={threads}")
        config = runtime.Config(driver)
        compiled = runtime.VmModule.mmap(config.vm_instance, str(module))
        name = next(n for n in compiled.function_names if not n.startswith("__") and not n.endswith("$async"))
        self.function = runtime.load_vm_module(compiled, config)[name]
        self.inputs = [runtime.asdevicearray(config.device, x) for x in inputs.values()]
        self.settings = " ".join(FLAGS) + f"; {driver}, {threads} workers"

    def run(self):
        result = self.function(*self.inputs)
        self.result = result if isinstance(result, (tuple, list)) else [result]

    def outputs(self):
        return [y.to_host() for y in self.result]

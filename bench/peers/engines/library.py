# Copyright nnc contributors
# SPDX-License-Identifier: Apache-2.0
"""A product or a convolution by a library, through bench/kernels/kernel.h."""

import ctypes

import numpy as np

F32S = ctypes.POINTER(ctypes.c_float)


class Engine:
    def __init__(self, spec, inputs):
        self.lib = ctypes.CDLL(spec["library"])
        self.x = np.ascontiguousarray(inputs["x"])
        self.weight = np.load(spec["weight"])
        self.y = np.empty(spec["result"], np.float32)
        opener = self.lib.product_open if spec["kind"] == "product" else self.lib.conv_open
        opener.restype = ctypes.c_void_p
        self.lib.kernel_run.argtypes = [ctypes.c_void_p, F32S, F32S]
        self.kernel = opener(*spec["dims"], self.weight.ctypes.data_as(F32S), spec["threads"])
        if not self.kernel:
            raise RuntimeError("the library has nothing for this")
        self.pointers = self.x.ctypes.data_as(F32S), self.y.ctypes.data_as(F32S)
        self.settings = "weight packed ahead where the library can"

    def run(self):
        if self.lib.kernel_run(self.kernel, *self.pointers):
            raise RuntimeError("the run failed")

    def outputs(self):
        return [self.y]

# Copyright nnc contributors
# SPDX-License-Identifier: Apache-2.0
"""nnc's shared object, called as any program calls it: through nn.h."""

import ctypes

import numpy as np

TYPES = {0: np.float32, 3: np.float64, 4: np.int8, 5: np.uint8, 6: np.int16, 7: np.int32, 8: np.int64, 9: np.bool_}


class Engine:
    def __init__(self, spec, inputs):
        lib = self.lib = ctypes.CDLL(spec["nnc_library"])
        lib.model_open.restype = ctypes.c_void_p
        lib.model_open.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t]
        lib.model_output.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.POINTER(ctypes.c_int64), ctypes.c_char_p]
        lib.model_run.argtypes = [ctypes.c_void_p, ctypes.c_void_p]
        reason = ctypes.create_string_buffer(256)
        self.model = lib.model_open(spec["so"].encode(), spec["threads"], reason, len(reason))
        if not self.model:
            raise RuntimeError(reason.value.decode())
        self.inputs = [np.ascontiguousarray(x) for x in inputs.values()]
        self.results = []
        dims, kind = (ctypes.c_int64 * 8)(), ctypes.create_string_buffer(1)
        while (rank := lib.model_output(self.model, len(self.results), dims, kind)) >= 0:
            self.results.append(np.empty(dims[:rank], TYPES[kind.raw[0]]))
        pointers = [x.ctypes.data for x in self.inputs + self.results]
        self.io = (ctypes.c_void_p * len(pointers))(*pointers)
        self.settings = "-O2 -mcpu=native -fp=fast (single kernels: -fp=strict), all sizes bound"

    def run(self):
        if self.lib.model_run(self.model, self.io):
            raise RuntimeError("the run failed")

    def outputs(self):
        return self.results

# Copyright nnc contributors
# SPDX-License-Identifier: Apache-2.0
"""Input, weight and result of one kernel, in f64 and rounded."""

import numpy as np


def convolve(x, w, stride):
    """x [1, C, S, S] by w [F, C, K, K], padding K // 2: the result [1, F, O, O] with O = ceil(S / stride)."""
    size, window = x.shape[2], w.shape[2]
    out = (size + stride - 1) // stride
    padded = np.pad(x[0], ((0, 0), (window // 2, window), (window // 2, window)))
    y = np.zeros((w.shape[0], out, out))
    for i in range(window):
        for j in range(window):
            part = padded[:, i:i + stride * out:stride, j:j + stride * out:stride]
            y += np.tensordot(w[:, :, i, j], part, axes=(1, 0))
    return y[None]


def prepare(kernel, folder):
    random = np.random.default_rng(17)
    shape, weight_shape = kernel.shapes
    x = random.standard_normal(shape, np.float32)
    w = random.standard_normal(weight_shape, np.float32) / np.sqrt(np.prod(weight_shape[1:]), dtype=np.float32)
    wide = x.astype(np.float64), w.astype(np.float64)
    y = wide[0] @ wide[1].T if kernel.kind == "product" else convolve(*wide, kernel.dims[4])
    np.savez(folder / "inputs.npz", x=x)
    np.save(folder / "weight.npy", w)
    np.savez(folder / "weights.npz", **{"y.weight": w})
    np.savez(folder / "expected.npz", y.astype(np.float32))
    (folder / "network.nn").write_text(kernel.source())

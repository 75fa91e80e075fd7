#!/usr/bin/env python3
# Copyright nnc contributors
# SPDX-License-Identifier: Apache-2.0
"""Writes the operator tests of this folder: NAME.nn and NAME.safetensors for each case below.

    python3 generate.py [--out FOLDER] [NAME...]

Needs torch, numpy and safetensors. A case is a network text and the same computation in PyTorch. PyTorch computes in
f64, on inputs and parameters that are exact in f32, and the result is rounded to f32 once. Where ONNX means something
else than PyTorch, or PyTorch has no such operator, the formula of the ONNX specification is written out here in NumPy;
such functions say so. Every case is also computed in f32, to be sure that its tolerance can be kept by honest f32 code.
"""

import argparse
import pathlib
import zlib

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.numpy import save

TYPES = {
    np.dtype(np.float32): "f32",
    np.dtype(np.int64): "i64",
    np.dtype(np.int32): "i32",
    np.dtype(np.uint8): "u8",
    np.dtype(np.bool_): "bool",
}

CASES = {}


class Tensors(dict):
    """Inputs and parameters by name: t.x, t["y.weight"]."""

    __getattr__ = dict.__getitem__


def case(name, note, inputs, body, compute, params=None, dims=None, blocks=None):
    """Registers a case.

    inputs, params: name -> array, shape (normally distributed values) or function of a random generator
    body:           the statements of the network
    compute:        from Tensors to a dict of outputs, or to the one output y
    dims:           name -> text of the dimensions, where they are not plain numbers
    blocks:         text before the network
    """
    assert name not in CASES, name
    CASES[name] = dict(note=note, inputs=inputs, body=body, compute=compute, params=params or {}, dims=dims or {},
                       blocks=[blocks] if blocks else [])


# ---------------------------------------------------------------------------------------------------------------------
# Values


def f32(*values):
    return np.array(values, np.float32)


def uniform(low, high, *shape):
    return lambda rng: rng.uniform(low, high, shape).astype(np.float32)


def scaled(factor, *shape):
    return lambda rng: (factor * rng.standard_normal(shape)).astype(np.float32)


def integers(low, high, *shape, dtype=np.float32):
    """Whole numbers low to high - 1: equal values are frequent."""
    return lambda rng: rng.integers(low, high, shape).astype(dtype)


def coins(*shape):
    return lambda rng: rng.integers(0, 2, shape).astype(np.bool_)


def norm(path, channels):
    """Parameters of a batch_norm."""
    return {
        f"{path}.weight": uniform(0.5, 1.5, channels),
        f"{path}.bias": scaled(0.5, channels),
        f"{path}.running_mean": scaled(0.5, channels),
        f"{path}.running_var": uniform(0.25, 2.25, channels),
    }


def linear(path, outputs, inputs, bias=True):
    params = {f"{path}.weight": scaled(inputs**-0.5, outputs, inputs)}
    if bias:
        params[f"{path}.bias"] = (outputs,)
    return params


def filters(path, outputs, inputs, height, width, bias=True):
    params = {f"{path}.weight": scaled((inputs * height * width) ** -0.5, outputs, inputs, height, width)}
    if bias:
        params[f"{path}.bias"] = (outputs,)
    return params


def draw(value, rng):
    if callable(value):
        return value(rng)
    if isinstance(value, tuple):
        return rng.standard_normal(value).astype(np.float32)
    return value


# ---------------------------------------------------------------------------------------------------------------------
# Formulas of the ONNX specification


def same_pads(size, kernel, stride=(1, 1), dilation=(1, 1)):
    """pad="same" is ONNX's SAME_UPPER: ceil(size / stride) results, the odd element of padding at the end."""
    begin, end = [], []
    for n, k, s, d in zip(size, kernel, stride, dilation):
        total = max((-(-n // s) - 1) * s + (k - 1) * d + 1 - n, 0)
        begin.append(total // 2)
        end.append(total - total // 2)
    return begin + end


def pad2d(x, pads, value=0.0):
    """pads as in ONNX: top, left, bottom, right."""
    top, left, bottom, right = pads
    return F.pad(x, (left, right, top, bottom), value=value)


def nearest(x, sizes):
    """Resize, mode nearest, half_pixel, round_prefer_floor, in exact integers; no counterpart in PyTorch.

    The middle of result i stands at (i + 1/2) * in / out - 1/2 in the source; ceil(that - 1/2) rounds it to the nearest
    index, halves downwards.
    """
    for axis, out in zip((-2, -1), sizes):
        n = x.shape[axis]
        index = [min(max(-((2 * out - (2 * i + 1) * n) // (2 * out)), 0), n - 1) for i in range(out)]
        x = torch.index_select(x, axis % x.ndim, torch.tensor(index))
    return x


def onnx_slice(x, starts, ends, axes, steps):
    """Slice: negative positions count from the end, then everything is clamped to the tensor."""
    key = [slice(None)] * x.ndim
    for start, end, axis, step in zip(starts, ends, axes, steps):
        n = x.shape[axis]
        start, end = (v + n if v < 0 else v for v in (start, end))
        if step > 0:
            start, end = min(max(start, 0), n), min(max(end, 0), n)
        else:
            start, end = min(max(start, 0), n - 1), min(max(end, -1), n - 1)
        key[axis] = slice(start, None if end < 0 else end, step)
    return np.ascontiguousarray(x.numpy()[tuple(key)])


def onnx_pad(x, pads, value=0.0):
    """Pad, constant: the beginnings of all axes, then the ends of all axes."""
    rank = x.ndim
    return np.pad(x.numpy(), list(zip(pads[:rank], pads[rank:])), constant_values=value)


def first_argmax(x, axis, keepdims):
    """ArgMax with select_last_index=0: of equal values the first; PyTorch promises nothing."""
    return np.argmax(x.numpy(), axis=axis, keepdims=keepdims).astype(np.int64)


def saturate(x, dtype):
    """Float to integer: truncated towards zero, then clamped to what the type holds; undefined in PyTorch."""
    info = np.iinfo(dtype)
    return np.clip(np.trunc(x.numpy().astype(np.float64)), info.min, info.max).astype(dtype)


# ---------------------------------------------------------------------------------------------------------------------
# Products

case("dense", "dense with bias", {"x": (3, 7)}, "y = dense(x, 5)",
     lambda t: F.linear(t.x, t["y.weight"], t["y.bias"]), linear("y", 5, 7))
case("dense_no_bias", "dense without bias", {"x": (5, 11)}, "y = dense(x, 13, bias=false)",
     lambda t: F.linear(t.x, t["y.weight"]), linear("y", 13, 11, bias=False))
case("dense_row", "dense on a single row", {"x": (1, 17)}, "y = dense(x, 3)",
     lambda t: F.linear(t.x, t["y.weight"], t["y.bias"]), linear("y", 3, 17))
case("dense_1d", "dense on a vector without batch", {"x": (7,)}, "y = dense(x, 5)",
     lambda t: F.linear(t.x, t["y.weight"], t["y.bias"]), linear("y", 5, 7))
case("dense_3d", "dense works on the last axis", {"x": (2, 3, 7)}, "y = dense(x, 5)",
     lambda t: F.linear(t.x, t["y.weight"], t["y.bias"]), linear("y", 5, 7))
case("dense_one", "dense from one number to one number", {"x": (1, 1)}, "y = dense(x, 1)",
     lambda t: F.linear(t.x, t["y.weight"], t["y.bias"]), linear("y", 1, 1))
case("dense_io", "dense with a transposed weight, [in, out]", {"x": (3, 7)}, 'y = dense(x, 5, weight="io")',
     lambda t: t.x @ t["y.weight"] + t["y.bias"], {"y.weight": (7, 5), "y.bias": (5,)})
case("dense_named", "a path given by name=", {"x": (2, 5)}, 'y = dense(x, 3, name="head.out")',
     lambda t: F.linear(t.x, t["head.out.weight"], t["head.out.bias"]), linear("head.out", 3, 5))
case("dense_symbolic", "the batch is a symbol", {"x": (5, 7)}, "y = dense(x, 3)",
     lambda t: F.linear(t.x, t["y.weight"], t["y.bias"]), linear("y", 3, 7), dims={"x": "N, 7", "y": "N, 3"})
case("dense_wide", "longer rows than any vector register", {"x": (3, 131)}, "y = dense(x, 37)",
     lambda t: F.linear(t.x, t["y.weight"], t["y.bias"]), linear("y", 37, 131))
case("param", "a parameter declared by hand", {"x": (3, 5)}, "param w: f32[5, 2]\ny = matmul(x, w)",
     lambda t: t.x @ t.w, {"w": (5, 2)})


def matmul(name, note, a, b, dims=None):
    case(name, note, {"a": a, "b": b}, "y = matmul(a, b)", lambda t: torch.matmul(t.a, t.b), dims=dims)


matmul("matmul", "matrix times matrix", (3, 5), (5, 7))
matmul("matmul_column", "matrix times column", (7, 5), (5, 1))
matmul("matmul_outer", "column times row", (5, 1), (1, 7))
matmul("matmul_batch", "a product for each of three", (3, 2, 5), (3, 5, 7))
matmul("matmul_batch_one", "one right side for the whole batch", (3, 2, 5), (5, 7))
matmul("matmul_batch_left", "one left side for the whole batch", (2, 5), (3, 5, 7))
matmul("matmul_batch_broadcast", "batch dimensions broadcast both ways", (2, 1, 3, 5), (1, 4, 5, 2))
matmul("matmul_batch_rank", "batch dimensions of different rank", (2, 3, 2, 5), (3, 5, 3))
matmul("matmul_tiles", "no dimension is a multiple of a tile", (19, 37), (37, 23))
matmul("matmul_symbolic", "inner and outer sizes are symbols", (3, 5), (5, 7),
       dims={"a": "M, K", "b": "K, N", "y": "M, N"})

# ---------------------------------------------------------------------------------------------------------------------
# Convolution


def conv(name, note, x, count, kernel, text, pads=(0, 0, 0, 0), stride=(1, 1), dilation=(1, 1), groups=1, bias=True,
         dims=None):
    def compute(t):
        return F.conv2d(pad2d(t.x, pads), t["y.weight"], t.get("y.bias"), stride, 0, dilation, groups)

    case(name, note, {"x": x}, f"y = conv2d(x, {count}, {text})", compute,
         filters("y", count, x[1] // groups, *kernel, bias=bias), dims)


conv("conv2d_1x1", "kernel 1: a dense layer for each pixel", (2, 3, 5, 7), 4, (1, 1), "kernel=1")
conv("conv2d_3x3", "kernel 3, no padding", (2, 3, 7, 5), 4, (3, 3), "kernel=3")
conv("conv2d_5x5", "kernel 5", (1, 2, 11, 7), 3, (5, 5), "kernel=5")
conv("conv2d_whole", "the kernel covers the whole image", (2, 3, 5, 5), 7, (5, 5), "kernel=5")
conv("conv2d_stride", "stride 2; the last row and column are left over", (1, 3, 8, 6), 5, (3, 3), "kernel=3, stride=2",
     stride=(2, 2))
conv("conv2d_1x1_stride", "kernel 1 with stride 2", (1, 5, 7, 9), 3, (1, 1), "kernel=1, stride=2", stride=(2, 2))
conv("conv2d_asymmetric", "a kernel of 2 by 3 with stride 3 by 2", (1, 2, 11, 9), 3, (2, 3),
     "kernel=[2, 3], stride=[3, 2]", stride=(3, 2))
conv("conv2d_row", "a kernel of one row", (1, 3, 4, 9), 2, (1, 5), "kernel=[1, 5], pad=[0, 2]", pads=(0, 2, 0, 2))
conv("conv2d_column", "a kernel of one column", (1, 3, 9, 4), 2, (5, 1), "kernel=[5, 1], pad=[2, 0]", pads=(2, 0, 2, 0))
conv("conv2d_pad", "padding 1 on every side", (2, 3, 5, 7), 4, (3, 3), "kernel=3, pad=1", pads=(1, 1, 1, 1))
conv("conv2d_pad_stride", "stride 2 and padding 1, as ResNet has it", (1, 3, 9, 7), 5, (3, 3),
     "kernel=3, stride=2, pad=1", pads=(1, 1, 1, 1), stride=(2, 2))
conv("conv2d_pad_more", "more padding than half the kernel", (1, 2, 3, 3), 2, (3, 3), "kernel=3, pad=2",
     pads=(2, 2, 2, 2))
conv("conv2d_pad_two", "padding for rows and for columns", (1, 2, 5, 6), 3, (3, 5), "kernel=[3, 5], pad=[1, 2]",
     pads=(1, 2, 1, 2))
conv("conv2d_pad_four", "padding as top, left, bottom, right", (1, 2, 5, 6), 3, (3, 3), "kernel=3, pad=[0, 1, 2, 3]",
     pads=(0, 1, 2, 3))
conv("conv2d_same", 'pad="same", odd kernel', (1, 2, 5, 7), 3, (3, 3), 'kernel=3, pad="same"',
     pads=same_pads((5, 7), (3, 3)))
conv("conv2d_same_even", 'pad="same", even kernel: the odd element comes last', (1, 2, 5, 6), 3, (2, 4),
     'kernel=[2, 4], pad="same"', pads=same_pads((5, 6), (2, 4)))
conv("conv2d_same_stride", 'pad="same" with stride 2', (1, 2, 7, 6), 3, (3, 3), 'kernel=3, stride=2, pad="same"',
     pads=same_pads((7, 6), (3, 3), (2, 2)), stride=(2, 2))
conv("conv2d_same_dilation", 'pad="same" with dilation 2', (1, 2, 7, 6), 3, (3, 2),
     'kernel=[3, 2], dilation=2, pad="same"', pads=same_pads((7, 6), (3, 2), dilation=(2, 2)), dilation=(2, 2))
conv("conv2d_dilation", "dilation 2", (1, 3, 9, 7), 4, (3, 3), "kernel=3, dilation=2", dilation=(2, 2))
conv("conv2d_dilation_pad", "dilation 2 by 3, padded, stride 2", (1, 2, 11, 13), 3, (3, 3),
     "kernel=3, stride=2, pad=[2, 3], dilation=[2, 3]", pads=(2, 3, 2, 3), stride=(2, 2), dilation=(2, 3))
conv("conv2d_groups", "two groups", (2, 6, 5, 7), 4, (3, 3), "kernel=3, pad=1, groups=2", pads=(1, 1, 1, 1), groups=2)
conv("conv2d_groups_three", "three groups, kernel 1", (1, 9, 3, 5), 6, (1, 1), "kernel=1, groups=3", groups=3)
conv("conv2d_depthwise", "one filter for each channel", (2, 5, 7, 6), 5, (3, 3), "kernel=3, pad=1, groups=5",
     pads=(1, 1, 1, 1), groups=5)
conv("conv2d_depthwise_stride", "depthwise, kernel 5, stride 2", (1, 3, 11, 9), 3, (5, 5),
     "kernel=5, stride=2, pad=2, groups=3", pads=(2, 2, 2, 2), stride=(2, 2), groups=3)
conv("conv2d_depthwise_two", "two filters for each channel", (1, 3, 6, 5), 6, (3, 3), "kernel=3, groups=3", groups=3)
conv("conv2d_no_bias", "without bias", (1, 3, 5, 7), 4, (3, 3), "kernel=3, pad=1, bias=false", pads=(1, 1, 1, 1),
     bias=False)
conv("conv2d_channels", "more channels than a vector has lanes", (1, 19, 4, 5), 17, (3, 3), "kernel=3, pad=1",
     pads=(1, 1, 1, 1))
conv("conv2d_symbolic", "batch, height and width are symbols", (2, 3, 7, 5), 4, (3, 3), "kernel=3, pad=1",
     pads=(1, 1, 1, 1), dims={"x": "N, 3, H, W", "y": "N, 4, H, W"})

# ---------------------------------------------------------------------------------------------------------------------
# Running sums


def cumsum(name, note, x, axis, exclusive=False, reverse=False):
    """CumSum: PyTorch has neither exclusive nor reverse."""

    def compute(t):
        y = t.x.flip(axis) if reverse else t.x
        y = torch.cumsum(y, axis) - y if exclusive else torch.cumsum(y, axis)
        return (y.flip(axis) if reverse else y).to(t.x.dtype)

    text = ", ".join(name for name, given in (("exclusive=true", exclusive), ("reverse=true", reverse)) if given)
    case(name, note, {"x": x}, f"y = cumsum(x, {axis}{', ' if text else ''}{text})", compute)


cumsum("cumsum", "along rows", (3, 17), 1)
cumsum("cumsum_columns", "along columns, from the last one", (5, 19), 0, reverse=True)
cumsum("cumsum_exclusive", "what came before", (2, 7, 3), 1, exclusive=True)
cumsum("cumsum_both", "what comes after, a negative axis", (2, 3, 5), -1, True, True)
cumsum("cumsum_i32", "integers", integers(-9, 9, 4, 6, dtype=np.int32), 1)

# ---------------------------------------------------------------------------------------------------------------------
# Transposed convolution


def spread(name, note, x, count, kernel, text, stride=(1, 1), pad=(0, 0, 0, 0), output_pad=(0, 0), dilation=(1, 1),
           groups=1, bias=True, dims=None):
    """PyTorch knows only equal pads at both ends: without any, then cut as ONNX's pads [top, left, bottom, right] say."""

    def compute(t):
        y = F.conv_transpose2d(t.x, t["y.weight"], t.get("y.bias"), stride, 0, 0, groups, dilation)
        bottom, right = (o - p for o, p in zip(output_pad, pad[2:]))
        background = t["y.bias"] if bias else torch.zeros(count, dtype=y.dtype)
        size = (y.shape[0], count, y.shape[2] + max(bottom, 0), y.shape[3] + max(right, 0))
        whole = background.view(1, -1, 1, 1).expand(size).clone()
        whole[:, :, : y.shape[2], : y.shape[3]] = y
        return whole[:, :, pad[0] : y.shape[2] + bottom, pad[1] : y.shape[3] + right]

    params = {"y.weight": scaled((x[1] * kernel[0] * kernel[1] / groups) ** -0.5, x[1], count // groups, *kernel)}
    if bias:
        params["y.bias"] = (count,)
    case(name, note, {"x": x}, f"y = conv_transpose2d(x, {count}, {text})", compute, params, dims)


spread("conv_transpose2d", "kernel 2, stride 2: a U-Net's way up", (2, 3, 4, 5), 4, (2, 2), "kernel=2, stride=2", (2, 2))
spread("conv_transpose2d_4_2_1", "kernel 4, stride 2, padding 1: DCGAN", (1, 3, 5, 4), 6, (4, 4),
       "kernel=4, stride=2, pad=1", (2, 2), (1, 1, 1, 1))
spread("conv_transpose2d_3_2_1_1", "kernel 3, stride 2, padding 1, one more row and column", (1, 3, 5, 4), 5, (3, 3),
       "kernel=3, stride=2, pad=1, output_pad=1", (2, 2), (1, 1, 1, 1), (1, 1))
spread("conv_transpose2d_odd", "kernel 3, stride 2, padding 1", (2, 3, 4, 6), 5, (3, 3), "kernel=3, stride=2, pad=1",
       (2, 2), (1, 1, 1, 1))
spread("conv_transpose2d_stride_1", "kernel 3, stride 1", (1, 3, 6, 5), 4, (3, 3), "kernel=3, pad=1", pad=(1, 1, 1, 1))
spread("conv_transpose2d_pixel", "from one pixel to four by four, no bias", (2, 7, 1, 1), 5, (4, 4),
       "kernel=4, bias=false", bias=False)
spread("conv_transpose2d_groups", "two groups", (1, 4, 5, 3), 6, (3, 3), "kernel=3, stride=2, groups=2", (2, 2), groups=2)
spread("conv_transpose2d_depthwise", "one filter for each channel", (1, 5, 4, 4), 5, (4, 4),
       "kernel=4, stride=2, pad=1, groups=5", (2, 2), (1, 1, 1, 1), groups=5)
spread("conv_transpose2d_gaps", "a stride beyond the kernel: gaps hold the bias", (1, 3, 4, 3), 2, (2, 1),
       "kernel=[2, 1], stride=3, output_pad=[1, 2]", (3, 3), output_pad=(1, 2))
spread("conv_transpose2d_dilation", "dilation 2 by 3, stride 1 by 2", (1, 2, 6, 5), 3, (3, 2),
       "kernel=[3, 2], stride=[1, 2], dilation=[2, 3], pad=[2, 1]", (1, 2), (2, 1, 2, 1), dilation=(2, 3))
spread("conv_transpose2d_asymmetric", "padding as top, left, bottom, right", (1, 3, 4, 5), 4, (3, 5),
       "kernel=[3, 5], stride=[2, 3], pad=[0, 1, 2, 3], output_pad=[1, 0]", (2, 3), (0, 1, 2, 3), (1, 0))
spread("conv_transpose2d_same", 'pad="same": stride times the size', (1, 3, 4, 5), 4, (3, 3),
       'kernel=3, stride=2, pad="same"', (2, 2), (0, 0, 1, 1))
spread("conv_transpose2d_symbolic", "batch, height and width are symbols", (2, 3, 4, 5), 4, (4, 4),
       "kernel=4, stride=2, pad=1", (2, 2), (1, 1, 1, 1), dims={"x": "N, 3, H, W", "y": "N, 4, 2 * H, 2 * W"})

# ---------------------------------------------------------------------------------------------------------------------
# Pooling


def max_pool(name, note, x, text, kernel, stride, pads=(0, 0, 0, 0)):
    case(name, note, {"x": x}, f"y = max_pool2d(x, {text})",
         lambda t: F.max_pool2d(pad2d(t.x, pads, -np.inf), kernel, stride))


def avg_pool(name, note, x, text, kernel, stride, pads=(0, 0, 0, 0)):
    """The mean of the elements that are there: padding is not counted, ONNX's count_include_pad=0."""

    def compute(t):
        if pads[:2] == pads[2:]:
            return F.avg_pool2d(t.x, kernel, stride, pads[:2], count_include_pad=False)
        there = F.avg_pool2d(pad2d(torch.ones_like(t.x), pads), kernel, stride)
        return F.avg_pool2d(pad2d(t.x, pads), kernel, stride) / there

    case(name, note, {"x": x}, f"y = avg_pool2d(x, {text})", compute)


max_pool("max_pool2d", "kernel 2, stride 2 by default", (2, 3, 6, 8), "2", (2, 2), (2, 2))
max_pool("max_pool2d_left_over", "the last row and column are dropped", (1, 3, 7, 5), "2", (2, 2), (2, 2))
max_pool("max_pool2d_pad", "kernel 3, stride 2, padding 1, as ResNet has it", (1, 3, 9, 7), "3, stride=2, pad=1",
         (3, 3), (2, 2), (1, 1, 1, 1))
max_pool("max_pool2d_pad_negative", "all values are negative: padding must not win", uniform(-3, -1, 1, 2, 5, 5),
         "3, stride=2, pad=1", (3, 3), (2, 2), (1, 1, 1, 1))
max_pool("max_pool2d_asymmetric", "kernel 3 by 2, stride 2 by 3", (1, 2, 9, 8), "[3, 2], stride=[2, 3]", (3, 2), (2, 3))
max_pool("max_pool2d_pad_four", "padding as top, left, bottom, right", (1, 2, 6, 7),
         "3, stride=2, pad=[1, 0, 0, 1]", (3, 3), (2, 2), (1, 0, 0, 1))
max_pool("max_pool2d_overlap", "stride 1", (1, 3, 5, 6), "3, stride=1", (3, 3), (1, 1))
max_pool("max_pool2d_same", 'pad="same", stride 2', (1, 2, 5, 6), '3, stride=2, pad="same"', (3, 3), (2, 2),
         same_pads((5, 6), (3, 3), (2, 2)))
avg_pool("avg_pool2d", "kernel 2, stride 2 by default", (2, 3, 6, 8), "2", (2, 2), (2, 2))
avg_pool("avg_pool2d_left_over", "the last row and column are dropped", (1, 3, 7, 5), "2", (2, 2), (2, 2))
avg_pool("avg_pool2d_pad", "padding is not counted", (1, 3, 9, 7), "3, stride=2, pad=1", (3, 3), (2, 2), (1, 1, 1, 1))
avg_pool("avg_pool2d_asymmetric", "kernel 2 by 3, stride 3 by 1, padding 1 by 0", (1, 2, 8, 7),
         "[2, 3], stride=[3, 1], pad=[1, 0]", (2, 3), (3, 1), (1, 0, 1, 0))
avg_pool("avg_pool2d_pad_four", "padding as top, left, bottom, right, not counted", (1, 2, 6, 7),
         "3, stride=2, pad=[1, 0, 0, 1]", (3, 3), (2, 2), (1, 0, 0, 1))
case("global_avg_pool", "the mean of every channel", {"x": (2, 3, 5, 7)}, "y = global_avg_pool(x)",
     lambda t: t.x.mean((2, 3), keepdim=True))
case("global_avg_pool_pixel", "an image of one pixel", {"x": (2, 5, 1, 1)}, "y = global_avg_pool(x)",
     lambda t: t.x.mean((2, 3), keepdim=True))
case("global_avg_pool_offset", "a large mean with small variations", {"x": uniform(1000, 1001, 1, 3, 13, 11)},
     "y = global_avg_pool(x)", lambda t: t.x.mean((2, 3), keepdim=True))

# ---------------------------------------------------------------------------------------------------------------------
# Normalization, softmax


def batch_norm(name, note, x, text="", eps=1e-5):
    case(name, note, {"x": x}, f"y = batch_norm(x{text})",
         lambda t: F.batch_norm(t.x, t["y.running_mean"], t["y.running_var"], t["y.weight"], t["y.bias"], eps=eps),
         norm("y", x[1]))


batch_norm("batch_norm", "images", (2, 5, 3, 7))
batch_norm("batch_norm_rows", "rows: the channels are the last axis", (7, 3))
batch_norm("batch_norm_3d", "sequences", (2, 3, 5))
batch_norm("batch_norm_eps", "another eps", (1, 3, 4, 5), ", eps=0.125", 0.125)


def softmax(name, note, x, axis, text=""):
    case(name, note, {"x": x}, f"y = softmax(x{text})", lambda t: torch.softmax(t.x, axis))


softmax("softmax", "over the last axis", (3, 7), -1)
softmax("softmax_one", "over a single element", (5, 1), -1)
softmax("softmax_axis1", "over the channels of an image", (2, 5, 3, 2), 1, ", axis=1")
softmax("softmax_axis0", "over the first axis", (7, 3), 0, ", axis=0")
softmax("softmax_large", "numbers whose exponential overflows", scaled(300, 5, 7), -1)

case("layer_norm", "over the last axis", {"x": scaled(2, 3, 5, 19)}, "y = layer_norm(x)",
     lambda t: F.layer_norm(t.x, (19,), t["y.weight"], t["y.bias"]), {"y.weight": (19,), "y.bias": (19,)})
case("layer_norm_axes", "over the last two axes", {"x": scaled(2, 3, 5, 7)}, "y = layer_norm(x, axes=[1, 2], eps=1e-3)",
     lambda t: F.layer_norm(t.x, (5, 7), t["y.weight"], t["y.bias"], 1e-3), {"y.weight": (5, 7), "y.bias": (5, 7)})
case("embedding", "rows of a table", {"ids": lambda r: r.integers(0, 11, (3, 5))}, "y = embedding(ids, 11, 7)",
     lambda t: F.embedding(t.ids, t["y.weight"]), {"y.weight": (11, 7)})

# ---------------------------------------------------------------------------------------------------------------------
# Pointwise, one operand


def pointwise(name, note, x, function, operator=None):
    case(name, note, {"x": x}, f"y = {operator or name}(x)", lambda t: function(t.x))


HALVES = f32(-3.5, -2.5, -1.5, -1.0, -0.75, -0.5, -0.25, 0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.5, 3.5, 8388607.5, 1e10)
SPECIAL = f32(-np.inf, -200.0, -1.0, 0.0, 1.0, 200.0, np.inf, np.nan)

pointwise("relu", "max(x, 0)", (3, 5, 7), torch.relu)
pointwise("relu_special", "infinities; NaN stays NaN", SPECIAL, torch.relu, "relu")
case("leaky_relu", "x, or a tenth of it below 0", {"x": (3, 5, 7)}, "y = leaky_relu(x, 0.1)",
     lambda t: F.leaky_relu(t.x, 0.1))
pointwise("relu6", "min(max(x, 0), 6)", scaled(5, 5, 7), F.relu6)
case("clip", "held between two numbers", {"x": scaled(5, 5, 7)}, "y = clip(x, -1.5, 2)", lambda t: torch.clamp(t.x, -1.5, 2))
case("clip_special", "infinities; NaN stays NaN", {"x": SPECIAL}, "y = clip(x, low=-0.5)", lambda t: torch.clamp(t.x, min=-0.5))
case("clip_i32", "integers, from above", {"x": integers(-9, 9, 5, 7, dtype=np.int32)}, "y = clip(x, high=3)",
     lambda t: torch.clamp(t.x, max=3))
case("clip_crossed", "a low above the high: the high counts", {"x": (5, 7)}, "y = clip(x, 1, 0)",
     lambda t: torch.clamp(t.x, 1, 0))
pointwise("relu6_special", "infinities; NaN stays NaN", SPECIAL, F.relu6, "relu6")
pointwise("hardsigmoid", "x / 6 + 1/2 between 0 and 1", scaled(3, 5, 7), F.hardsigmoid)
pointwise("hardswish", "x * hardsigmoid(x)", scaled(3, 5, 7), F.hardswish)
pointwise("silu", "x * sigmoid(x)", scaled(3, 5, 7), F.silu)
pointwise("gelu", "by the error function", scaled(3, 5, 7), F.gelu)
case("gelu_tanh", "by the hyperbolic tangent", {"x": scaled(3, 5, 7)}, 'y = gelu(x, approximate="tanh")',
     lambda t: F.gelu(t.x, approximate="tanh"))
pointwise("rsqrt", "1 / sqrt(x)", uniform(0.01, 9, 5, 7), torch.rsqrt)
pointwise("sigmoid", "1 / (1 + exp(-x))", scaled(3, 5, 7), torch.sigmoid)
pointwise("sigmoid_special", "saturated ends, infinities, NaN", SPECIAL, torch.sigmoid, "sigmoid")
pointwise("tanh", "hyperbolic tangent", scaled(2, 5, 7), torch.tanh)
pointwise("tanh_small", "near zero, where tanh(x) is almost x", scaled(1e-3, 5, 7), torch.tanh, "tanh")
pointwise("tanh_special", "saturated ends, infinities, NaN", SPECIAL, torch.tanh, "tanh")
pointwise("exp", "exponential", scaled(2, 5, 7), torch.exp)
pointwise("exp_negative", "small results", uniform(-30, -20, 37), torch.exp, "exp")
pointwise("exp_special", "overflow, underflow, infinities, NaN", SPECIAL, torch.exp, "exp")
pointwise("log", "natural logarithm", uniform(0.01, 20, 5, 7), torch.log)
pointwise("log_one", "near one, where the result is near zero", uniform(0.99, 1.01, 37), torch.log, "log")
pointwise("log_special", "zero, negative numbers, infinity, NaN", SPECIAL, torch.log, "log")
pointwise("sqrt", "square root", uniform(0, 9, 5, 7), torch.sqrt)
pointwise("sqrt_special", "zero, negative numbers, infinity, NaN", SPECIAL, torch.sqrt, "sqrt")
pointwise("erf", "error function", (5, 7), torch.erf)
pointwise("erf_small", "near zero, where erf(x) is almost 1.128 x", scaled(1e-3, 5, 7), torch.erf, "erf")
pointwise("erf_special", "saturated ends, infinities, NaN", SPECIAL, torch.erf, "erf")
pointwise("abs", "absolute value", (5, 7), torch.abs)
pointwise("abs_i32", "absolute value of integers", integers(-9, 10, 3, 7, dtype=np.int32), torch.abs, "abs")
pointwise("floor", "towards minus infinity", HALVES, torch.floor)
pointwise("ceil", "towards plus infinity", HALVES, torch.ceil)
pointwise("round", "to nearest, halves to even", HALVES, torch.round)
case("neg", "both spellings", {"x": (5, 7)}, "y = neg(x)\nz = -x", lambda t: dict(y=-t.x, z=-t.x))
pointwise("exp_scalar", "a tensor without dimensions", np.array(1.25, np.float32), torch.exp, "exp")
case("relu_symbolic", "all sizes are symbols", {"x": (3, 5)}, "y = relu(x)", lambda t: torch.relu(t.x),
     dims={"x": "A, B", "y": "A, B"})
case("gelu_by_hand", "gelu written out", {"x": (3, 7)}, "y = x * 0.5 * (1 + erf(x * 0.70710678))",
     lambda t: F.gelu(t.x))

# ---------------------------------------------------------------------------------------------------------------------
# Pointwise, several operands


def arithmetic(name, note, a, b):
    """Divisors keep away from zero."""
    case(name, note, {"a": a, "b": b}, "plus = a + b\nminus = a - b\ntimes = a * b\nover = a / b",
         lambda t: dict(plus=t.a + t.b, minus=t.a - t.b, times=t.a * t.b, over=t.a / t.b))


arithmetic("arith", "operands of one shape", (3, 5), uniform(0.5, 2, 3, 5))
arithmetic("arith_row", "a row for every row", (5, 7), uniform(0.5, 2, 7))
arithmetic("arith_column", "a column for every column", (5, 7), uniform(0.5, 2, 5, 1))
arithmetic("arith_outer", "both operands are spread", (5, 1), uniform(0.5, 2, 1, 7))
arithmetic("arith_channel", "a number for every channel", (2, 3, 5, 4), uniform(0.5, 2, 3, 1, 1))
arithmetic("arith_rank", "the left operand has the lower rank", (4,), uniform(0.5, 2, 3, 1, 4))
arithmetic("arith_scalar", "a tensor without dimensions", (3, 5), np.array(1.75, np.float32))
arithmetic("arith_special", "what IEEE 754 says of zeros and infinities", f32(1, -1, 0, np.inf, np.inf, np.nan, 3),
           f32(0, 0, 0, 2, np.inf, 1, -np.inf))
case("arith_i32", "integers; division truncates towards zero",
     {"a": np.array([7, -7, 7, -7, 0, 100, 2147483647], np.int32), "b": np.array([2, 2, -2, -2, 5, 3, 1], np.int32)},
     "plus = a - b + b\ntimes = b * b\nover = a / b",
     lambda t: dict(plus=t.a, times=t.b * t.b, over=torch.div(t.a, t.b, rounding_mode="trunc")))
case("arith_i64", "integers of 64 bits",
     {"a": np.array([1 << 40, -(1 << 40), 3], np.int64), "b": np.array([1 << 20, 3, -5], np.int64)},
     "plus = a + b\ntimes = a * b\nover = a / b",
     lambda t: dict(plus=t.a + t.b, times=t.a * t.b, over=torch.div(t.a, t.b, rounding_mode="trunc")))
case("arith_literal", "a literal takes the other operand's type", {"x": (3, 5)}, "y = (2 * x + 1) / 16 - 0.25",
     lambda t: (2 * t.x + 1) / 16 - 0.25)
case("arith_precedence", "which operator binds first, and to which side",
     {"a": (3, 5), "b": uniform(1, 2, 3, 5), "c": uniform(2, 3, 3, 5)},
     "y = a + b * c - a / b / c\nz = -(a - b - c) * -b",
     lambda t: dict(y=t.a + t.b * t.c - (t.a / t.b) / t.c, z=(-((t.a - t.b) - t.c)) * (-t.b)))
case("minmax", "the smaller and the greater", {"a": (5, 7), "b": (5, 7)}, "y = minimum(a, b)\nz = maximum(a, b)",
     lambda t: dict(y=torch.minimum(t.a, t.b), z=torch.maximum(t.a, t.b)))
case("minmax_broadcast", "the smaller and the greater, spread", {"a": (2, 1, 5), "b": (3, 1)},
     "y = minimum(a, b)\nz = maximum(a, b)",
     lambda t: dict(y=torch.minimum(t.a, t.b), z=torch.maximum(t.a, t.b)))
case("minmax_special", "NaN on either side stays NaN",
     {"a": f32(np.nan, 1, np.nan, np.inf, -np.inf), "b": f32(1, np.nan, np.nan, 1, 1)},
     "y = minimum(a, b)\nz = maximum(a, b)",
     lambda t: dict(y=torch.minimum(t.a, t.b), z=torch.maximum(t.a, t.b)))
case("minmax_literal", "clamped by literals", {"x": scaled(4, 5, 7)}, "y = minimum(maximum(x, -1.5), 6)",
     lambda t: torch.clamp(t.x, -1.5, 6))
case("pow", "any exponent of a positive base", {"a": uniform(0.1, 4, 5, 7), "b": scaled(2, 5, 7)}, "y = pow(a, b)",
     lambda t: torch.pow(t.a, t.b))
case("pow_broadcast", "an exponent for every column", {"a": uniform(0.1, 4, 3, 5), "b": f32(0, 0.5, 1, 2, -1)},
     "y = pow(a, b)", lambda t: torch.pow(t.a, t.b))
case("pow_negative", "whole exponents of negative bases; another exponent gives NaN",
     {"a": f32(-2, -2, -2, -1.5, -0.5, -3, 0), "b": f32(2, 3, -1, 4, -3, 0.5, 2)}, "y = pow(a, b)",
     lambda t: torch.pow(t.a, t.b))
case("pow_literal", "the cube", {"x": (3, 5)}, "y = pow(x, 3)", lambda t: torch.pow(t.x, 3))

COMPARE = "lt = a < b\nle = a <= b\ngt = a > b\nge = a >= b\neq = a == b\nne = a != b"


def compare(name, note, a, b):
    case(name, note, {"a": a, "b": b}, COMPARE,
         lambda t: dict(lt=t.a < t.b, le=t.a <= t.b, gt=t.a > t.b, ge=t.a >= t.b, eq=t.a == t.b, ne=t.a != t.b))


compare("compare", "six comparisons, with equal values among them", integers(-2, 3, 5, 7), integers(-2, 3, 5, 7))
compare("compare_broadcast", "six comparisons, both operands spread", integers(-2, 3, 3, 1, 2), integers(-2, 3, 5, 1))
compare("compare_i32", "six comparisons of integers", integers(-2, 3, 3, 7, dtype=np.int32),
        integers(-2, 3, 3, 7, dtype=np.int32))
compare("compare_special", "NaN differs from everything, itself too", f32(np.nan, np.nan, 1, np.inf, 0.0, -np.inf),
        f32(np.nan, 1, np.nan, np.inf, -0.0, np.inf))
case("where", "one or the other", {"c": coins(5, 7), "a": (5, 7), "b": (5, 7)}, "y = where(c, a, b)",
     lambda t: torch.where(t.c, t.a, t.b))
case("where_broadcast", "all three operands are spread", {"c": coins(3, 1, 1), "a": (5, 1), "b": (1, 7)},
     "y = where(c, a, b)", lambda t: torch.where(t.c, t.a, t.b))
case("where_compare", "chosen by a comparison, a literal on one side", {"x": (5, 7)}, "y = where(x > 0.5, x, 0)",
     lambda t: torch.where(t.x > 0.5, t.x, torch.zeros_like(t.x)))
case("where_unused", "what was not chosen does not matter, not even NaN", {"c": np.array([True, False, True]),
     "a": f32(1, np.nan, 3), "b": f32(np.nan, 2, np.inf)}, "y = where(c, a, b)", lambda t: torch.where(t.c, t.a, t.b))


def cast(name, note, x, target, function):
    case(name, note, {"x": x}, f"y = cast(x, {target})", lambda t: function(t.x))


cast("cast_f32_i32", "truncated towards zero", np.append(HALVES[:-1], f32(-2.999, 2.999, -0.0, 2e9)), "i32",
     lambda x: x.to(torch.int32))
cast("cast_f32_i64", "truncated towards zero", f32(-1.5, 1.5, 3e9, -(2.0**40), 0.99), "i64",
     lambda x: x.to(torch.int64))
cast("cast_f32_u8", "truncated towards zero", f32(0, 0.5, 1.99, 127.5, 255, 255.75), "u8", lambda x: x.to(torch.uint8))
cast("cast_f32_bool", "everything but zero is true", f32(0, -0.0, 0.25, -3, 1e-30, np.inf, np.nan), "bool",
     lambda x: x != 0)
cast("cast_i32_f32", "from 2^24 on rounded, halves to even",
     np.array([0, 1, -1, 77, 16777216, 16777217, 16777219, -16777217, 2147483647, -2147483648], np.int32), "f32",
     lambda x: x.to(torch.float64))
cast("cast_i64_i32", "within range", np.array([[0, -1, 2147483647, -2147483648]], np.int64), "i32",
     lambda x: x.to(torch.int32))
cast("cast_i32_i64", "the sign is kept", np.array([[0, -1, 2147483647, -2147483648]], np.int32), "i64",
     lambda x: x.to(torch.int64))
cast("cast_u8_f32", "all 256 bytes", np.arange(256, dtype=np.uint8).reshape(16, 16), "f32",
     lambda x: x.to(torch.float64))
cast("cast_u8_i32", "bytes have no sign", np.array([0, 1, 127, 128, 255], np.uint8), "i32",
     lambda x: x.to(torch.int32))
cast("cast_bool_f32", "false is 0, true is 1", coins(3, 7), "f32", lambda x: x.to(torch.float64))
cast("cast_bool_i64", "false is 0, true is 1", coins(3, 7), "i64", lambda x: x.to(torch.int64))
cast("cast_saturate_i32", "beyond the range of the type: its nearest end", f32(3e9, -3e9, 1e30, np.inf, -np.inf, 2e9),
     "i32", lambda x: saturate(x, np.int32))
cast("cast_saturate_u8", "beyond the range of the type: its nearest end", f32(-1, -0.5, 256, 300.5, 1e10, np.inf),
     "u8", lambda x: saturate(x, np.uint8))
case("cast_f16", "to f16 and back: rounded to nearest, halves to even",
     {"x": np.append(np.random.default_rng(1).standard_normal(29).astype(np.float32),
                     f32(2049, 2051, 65504, 65519, 65520, 1 + 2.0**-11, 1 + 3 * 2.0**-11))},
     "y = cast(cast(x, f16), f32)", lambda t: t.x.to(torch.float16).to(torch.float64))
case("cast_bf16", "to bf16 and back: rounded to nearest, halves to even",
     {"x": np.append(np.random.default_rng(2).standard_normal(29).astype(np.float32),
                     f32(257, 259, 1 + 2.0**-8, 1 + 3 * 2.0**-8, 1e30))},
     "y = cast(cast(x, bf16), f32)", lambda t: t.x.to(torch.float32).to(torch.bfloat16).to(torch.float64))

# ---------------------------------------------------------------------------------------------------------------------
# Reductions


def truth(value):
    return "true" if value else "false"


REDUCE = {
    "reduce_sum": lambda x, axes, keep: torch.sum(x, axes, keep, dtype=x.dtype),
    "reduce_mean": lambda x, axes, keep: torch.mean(x, axes, keep),
    "reduce_max": lambda x, axes, keep: torch.amax(x, axes, keep),
    "reduce_min": lambda x, axes, keep: torch.amin(x, axes, keep),
}


def reduce_prod(x, axes, keep):
    for axis in axes:
        x = torch.prod(x, axis, True, dtype=x.dtype)
    return x if keep else x.squeeze(axes)


REDUCE["reduce_prod"] = reduce_prod


def reduce(suffix, note, x, axes, keep, only=None):
    for operator, function in REDUCE.items():
        if only is None or operator in only:
            case(operator + suffix, note, {"x": x}, f"y = {operator}(x, axes={list(axes)}, keepdims={truth(keep)})",
                 lambda t, function=function: function(t.x, axes, keep))


reduce("", "over the last axis", (5, 7), (1,), False)
reduce("_keep", "over the first axis, which stays as 1", (5, 3), (0,), True)
reduce("_two", "over two axes that do not touch", (3, 5, 2, 2), (0, 2), False)
reduce("_negative", "axes counted from the end", (2, 3, 5), (-1, -2), True)
reduce("_all", "over everything, to a tensor without dimensions", (3, 5), (0, 1), False)
reduce("_one", "over an axis of size 1", (3, 1, 5), (1,), False)
reduce("_i32", "integers", integers(-4, 5, 3, 5, dtype=np.int32), (1,), False,
       ("reduce_sum", "reduce_max", "reduce_min", "reduce_prod"))
reduce("_long", "many elements", (3, 1031), (1,), False, ("reduce_sum", "reduce_mean", "reduce_max", "reduce_min"))
reduce("_special", "a NaN makes the result of its row NaN",
       np.array([[1, np.nan, 2], [np.inf, 3, 4], [-np.inf, 5, 6]], np.float32), (1,), False,
       ("reduce_sum", "reduce_max", "reduce_min"))


def argmax(name, note, x, axis, keep):
    case(name, note, {"x": x}, f"y = argmax(x, axis={axis}, keepdims={truth(keep)})",
         lambda t: first_argmax(t.x, axis, keep))


argmax("argmax", "over the last axis", (5, 7), 1, False)
argmax("argmax_keep", "over the first axis, which stays as 1", (5, 3), 0, True)
argmax("argmax_negative", "an axis counted from the end", (2, 5, 3), -2, False)
argmax("argmax_ties", "of equal values the first counts", integers(0, 3, 5, 11), 1, False)

# ---------------------------------------------------------------------------------------------------------------------
# Moving data


def move(name, note, x, expression, function, dims=None):
    case(name, note, {"x": x}, f"y = {expression}", lambda t: function(t.x), dims=dims)


move("reshape", "other rows", (4, 6), "reshape(x, [3, 8])", lambda x: x.reshape(3, 8))
move("reshape_rest", "-1 stands for what is left", (2, 3, 10), "reshape(x, [5, -1])", lambda x: x.reshape(5, -1))
move("reshape_rank", "more dimensions, some of them 1", (3, 7), "reshape(x, [1, 7, -1, 1, 3])",
     lambda x: x.reshape(1, 7, 1, 1, 3))
move("reshape_symbolic", "a symbol in the shape", (5, 2, 3), "reshape(x, [N, -1])", lambda x: x.reshape(5, 6),
     {"x": "N, 2, 3", "y": "N, 6"})
move("reshape_i64", "integers", np.arange(6, dtype=np.int64).reshape(2, 3), "reshape(x, [-1])", lambda x: x.reshape(6))
move("flatten", "all but the first axis", (2, 3, 5, 2), "flatten(x)", lambda x: x.reshape(2, 30))
move("flatten_axis", "before and after axis 2", (2, 3, 5, 2), "flatten(x, axis=2)", lambda x: x.reshape(6, 10))
move("transpose", "rows become columns", (5, 7), "transpose(x, [1, 0])", lambda x: x.permute(1, 0))
move("transpose_inner", "the last two axes", (2, 3, 5), "transpose(x, [0, 2, 1])", lambda x: x.permute(0, 2, 1))
move("transpose_turn", "a rotation of three axes, not its own inverse", (2, 3, 5), "transpose(x, [2, 0, 1])",
     lambda x: x.permute(2, 0, 1))
move("transpose_channels", "channels first to channels last", (2, 3, 5, 4), "transpose(x, [0, 2, 3, 1])",
     lambda x: x.permute(0, 2, 3, 1))
move("transpose_u8", "bytes", integers(0, 256, 3, 7, dtype=np.uint8), "transpose(x, [1, 0])", lambda x: x.permute(1, 0))

case("concat", "along the channels", {"a": (2, 3, 5), "b": (2, 1, 5)}, "y = concat([a, b], axis=1)",
     lambda t: torch.cat([t.a, t.b], 1))
case("concat_three", "three along the first axis", {"a": (1, 5), "b": (3, 5), "c": (2, 5)},
     "y = concat([a, b, c], axis=0)", lambda t: torch.cat([t.a, t.b, t.c], 0))
case("concat_negative", "along the last axis", {"a": (3, 2), "b": (3, 7)}, "y = concat([a, b], axis=-1)",
     lambda t: torch.cat([t.a, t.b], -1))
case("concat_twice", "the same value twice", {"a": (2, 3)}, "y = concat([a, a], axis=1)",
     lambda t: torch.cat([t.a, t.a], 1))
case("concat_symbolic", "sizes that add up", {"a": (3, 2), "b": (5, 2)}, "y = concat([a, b], axis=0)",
     lambda t: torch.cat([t.a, t.b], 0), dims={"a": "A, 2", "b": "B, 2", "y": "A + B, 2"})


def cut(name, note, x, starts, ends, axes, steps):
    move(name, note, x, f"slice(x, starts={starts}, ends={ends}, axes={axes}, steps={steps})",
         lambda x: onnx_slice(x, starts, ends, axes, steps))


cut("slice", "some rows", (7, 3), [2], [5], [0], [1])
cut("slice_two", "rows and columns", (7, 5), [1, 2], [6, 4], [0, 1], [1, 1])
cut("slice_step", "every third", (2, 11), [1], [11], [1], [3])
cut("slice_negative", "positions and axis counted from the end", (3, 7), [-5], [-1], [-1], [1])
cut("slice_clamp", "ends beyond the tensor", (5, 3), [-100, 1], [100, 100], [0, 1], [1, 1])
cut("slice_reverse", "backwards, down to the first", (5, 3), [-1], [-1000], [0], [-1])
cut("slice_reverse_step", "backwards in steps of 2, the end left out", (2, 9), [7], [1], [1], [-2])
cut("slice_order", "axes in another order", (4, 3, 7), [1, 2], [6, 4], [2, 0], [2, 1])


def extend(name, note, x, pads, value):
    move(name, note, x, f"pad(x, {pads}, value={value})", lambda x: onnx_pad(x, pads, value))


extend("pad", "all beginnings, then all ends", (2, 3), [1, 0, 2, 3], 0)
extend("pad_value", "with another value", (3, 2, 2), [0, 1, 2, 1, 0, 1], -1.5)
extend("pad_image", "an image", (1, 2, 3, 4), [0, 0, 1, 2, 0, 0, 2, 1], 0)
extend("pad_i32", "integers", integers(-9, 10, 2, 3, dtype=np.int32), [0, 1, 1, 0], 7)


def attention(t, heads, memory=None, causal=False, mask=None, bias=True):
    """nn.MultiheadAttention; mask: true or a summand where a place may be looked at, broadcast to the scores."""
    dim = t.x.shape[-1]
    layer = torch.nn.MultiheadAttention(dim, heads, bias=bias, batch_first=True, dtype=t.x.dtype)
    layer.load_state_dict({name.removeprefix("y."): value for name, value in t.items() if name.startswith("y.")})
    memory = t.x if memory is None else memory
    shape = (len(t.x), heads, t.x.shape[1], memory.shape[1])
    added = torch.zeros(shape, dtype=t.x.dtype)
    if mask is not None:
        added = added.masked_fill(~mask, -torch.inf) if mask.dtype == torch.bool else added + mask
    if causal:
        added = added.masked_fill(torch.ones(shape[2:]).triu(1).bool(), -torch.inf)
    return layer.eval()(t.x, memory, memory, attn_mask=added.flatten(0, 1), need_weights=False)[0].detach()


def attention_params(dim, bias=True):
    params = {"y.in_proj_weight": (3 * dim, dim), "y.out_proj.weight": (dim, dim)}
    return params | ({"y.in_proj_bias": (3 * dim,), "y.out_proj.bias": (dim,)} if bias else {})


case("multi_head_attention", "each place looks at all others", {"x": (2, 5, 12)}, "y = multi_head_attention(x, 3)",
     lambda t: attention(t, 3), attention_params(12))
case("multi_head_attention_causal", "each place looks at itself and those before", {"x": (2, 7, 8)},
     "y = multi_head_attention(x, heads=2, causal=true)", lambda t: attention(t, 2, causal=True), attention_params(8))
case("multi_head_attention_memory", "looking at something else, of which a part is filling",
     {"x": (2, 3, 8), "memory": (2, 5, 8)},
     """there = const([[true, true, true, false, true], [true, true, false, false, false]], bool)
  y     = multi_head_attention(x, 4, memory=memory, mask=reshape(there, [2, 1, 1, 5]), bias=false)""",
     lambda t: attention(t, 4, t.memory, bias=False, mask=torch.tensor(
         [[1, 1, 1, 0, 1], [1, 1, 0, 0, 0]]).bool().reshape(2, 1, 1, 5)), attention_params(8, bias=False))
case("multi_head_attention_bias", "scores with a summand for each distance", {"x": (1, 4, 6), "near": (4, 4)},
     "y = multi_head_attention(x, 2, mask=near)", lambda t: attention(t, 2, mask=t.near), attention_params(6))
case("range", "numbers in order", {"x": (3, 7)}, "y = x * range(-2, 5, f32)",
     lambda t: t.x * torch.arange(-2, 5).to(t.x.dtype))
case("range_causal", "what stands at or before a place", {"x": (2, 5, 5)},
     """y = where(reshape(range(0, 5), [5, 1]) >= range(0, 5), x, -1)""",
     lambda t: torch.where(torch.ones(5, 5).tril().bool(), t.x, torch.tensor(-1, dtype=t.x.dtype)))


def gather(name, note, x, indices, axis, text=None):
    text = f", axis={axis}" if text is None else text
    case(name, note, {"x": x, "indices": np.array(indices, np.int64)}, f"y = gather(x, indices{text})",
         lambda t: np.take(t.x.numpy(), t.indices.numpy(), axis))


gather("gather", "rows, by the default axis", (7, 3), [4, 0, 4, 6], 0, "")
gather("gather_axis1", "columns", (3, 5), [1, 1, 4], 1)
gather("gather_negative", "indices counted from the end", (7, 3), [-1, 0, -7, 6], 0)
gather("gather_axis1_negative", "columns counted from the end", (2, 5, 3), [-5, 4, -2], 1)
gather("gather_table", "the shape of the indices takes the axis's place", (5, 2), [[0, -1, 3], [4, 4, 1]], 0)
gather("gather_table_axis1", "a table of indices in the middle", (2, 5, 3), [[0, -1], [4, 1]], 1)
gather("gather_scalar", "an index without dimensions removes the axis", (5, 3), 2, 0)


def resize(name, note, x, sizes, mode):
    if mode == "nearest":
        function = nearest
    else:
        def function(x, sizes):
            return F.interpolate(x, size=sizes, mode="bilinear", align_corners=False)
    move(name, note, x, f'resize(x, {list(sizes)}, mode="{mode}")', lambda x: function(x, sizes))


for mode in ("nearest", "linear"):
    resize(f"resize_{mode}_up", "up, by different factors", (1, 2, 3, 5), (7, 11), mode)
    resize(f"resize_{mode}_double", "twice the size", (1, 2, 3, 4), (6, 8), mode)
    resize(f"resize_{mode}_down", "down, by different factors", (1, 2, 11, 7), (4, 3), mode)
    resize(f"resize_{mode}_half", "half the size: centres fall between two pixels", (1, 2, 6, 8), (3, 4), mode)
    resize(f"resize_{mode}_mixed", "up one way, down the other", (2, 1, 5, 6), (9, 4), mode)
    resize(f"resize_{mode}_same", "to its own size", (1, 2, 3, 4), (3, 4), mode)
    resize(f"resize_{mode}_pixel", "from a single pixel", (2, 3, 1, 1), (2, 3), mode)
resize("resize_linear_digit", "8 by 8 to 28 by 28", (1, 1, 8, 8), (28, 28), "linear")

# ---------------------------------------------------------------------------------------------------------------------
# Small networks


def bn(t, path, x):
    return F.batch_norm(x, t[path + ".running_mean"], t[path + ".running_var"], t[path + ".weight"], t[path + ".bias"])


def fc(t, path, x):
    return F.linear(x, t[path + ".weight"], t[path + ".bias"])


def net_mlp(t):
    return torch.softmax(fc(t, "fc3", torch.tanh(fc(t, "fc2", torch.relu(fc(t, "fc1", t.x))))), -1)


case("net_mlp", "three dense layers", {"x": (5, 13)},
     "fc1 = dense(x, 17) |> relu\nfc2 = dense(fc1, 11) |> tanh\nfc3 = dense(fc2, 7)\ny = softmax(fc3)", net_mlp,
     linear("fc1", 17, 13) | linear("fc2", 11, 17) | linear("fc3", 7, 11), dims={"x": "N, 13", "y": "N, 7"})


def net_conv(t):
    x = F.conv2d(t.image, t["conv1.weight"], None, 1, 1)
    x = F.max_pool2d(torch.relu(bn(t, "bn1", x)), 3, 2, 1)
    x = F.conv2d(x, t["conv2.weight"], t["conv2.bias"], 2, 1)
    x = torch.relu(bn(t, "bn2", x)).mean((2, 3))
    return fc(t, "fc", x)


case("net_conv", "convolution, batch norm, relu and pooling", {"image": (2, 3, 13, 11)},
     """\
conv1 = conv2d(image, 8, kernel=3, pad=1, bias=false)
x = conv1 |> batch_norm(name="bn1") |> relu |> max_pool2d(3, stride=2, pad=1)
conv2 = conv2d(x, 12, kernel=3, stride=2, pad=1)
x = conv2 |> batch_norm(name="bn2") |> relu |> global_avg_pool |> flatten
fc = dense(x, 5)
y = fc""", net_conv,
     filters("conv1", 8, 3, 3, 3, bias=False) | norm("bn1", 8) | filters("conv2", 12, 8, 3, 3) | norm("bn2", 12)
     | linear("fc", 5, 12))


def net_separable(t):
    x = F.conv2d(t.x, t["depthwise.weight"], None, 2, 1, groups=5)
    x = torch.clamp(bn(t, "bn1", x), 0, 6)
    x = F.conv2d(x, t["pointwise.weight"])
    return torch.clamp(bn(t, "bn2", x), 0, 6)


case("net_separable", "a depthwise separable block in MobileNet's manner", {"x": (1, 5, 9, 7)},
     """\
depthwise = conv2d(x, 5, kernel=3, stride=2, pad=1, groups=5, bias=false)
a = depthwise |> batch_norm(name="bn1") |> maximum(0) |> minimum(6)
pointwise = conv2d(a, 7, kernel=1, bias=false)
y = pointwise |> batch_norm(name="bn2") |> maximum(0) |> minimum(6)""", net_separable,
     filters("depthwise", 5, 1, 3, 3, bias=False) | norm("bn1", 5) | filters("pointwise", 7, 5, 1, 1, bias=False)
     | norm("bn2", 7))


def net_squeeze(t):
    s = torch.relu(fc(t, "narrow", t.x.mean((2, 3))))
    return t.x * torch.sigmoid(fc(t, "widen", s)).reshape(2, 6, 1, 1)


case("net_squeeze", "channels weighed by what is in them", {"x": (2, 6, 5, 3)},
     """\
narrow = global_avg_pool(x) |> flatten |> dense(3) |> relu
widen = dense(narrow, 6) |> sigmoid
y = x * reshape(widen, [2, 6, 1, 1])""", net_squeeze, linear("narrow", 3, 6) | linear("widen", 6, 3))


def net_attention(t):
    q, k, v = (t.x @ t[p + ".weight"].T for p in ("q", "k", "v"))
    scores = torch.softmax(q @ k.transpose(1, 2) * 0.25, -1)
    return t.x + fc(t, "mix", scores @ v)


case("net_attention", "one head of attention, with the input added", {"x": (2, 5, 8)},
     """\
q = dense(x, 16, bias=false)
k = dense(x, 16, bias=false)
v = dense(x, 16, bias=false)
scores = softmax(matmul(q, transpose(k, [0, 2, 1])) * 0.25)
mix = matmul(scores, v) |> dense(8)
y = x + mix""", net_attention,
     linear("q", 16, 8, bias=False) | linear("k", 16, 8, bias=False) | linear("v", 16, 8, bias=False)
     | linear("mix", 8, 16), dims={"x": "N, T, 8", "y": "N, T, 8"})


def net_residual(t):
    x = F.conv2d(t.image, t["stem.weight"], None, 1, 1)
    for stage in range(2):
        for i in range(2):
            path = f"layer{stage + 1}.{i}"
            stride = 2 if stage > 0 and i == 0 else 1
            y = F.conv2d(x, t[path + ".conv1.weight"], None, stride, 1)
            y = torch.relu(bn(t, path + ".bn1", y))
            y = bn(t, path + ".bn2", F.conv2d(y, t[path + ".conv2.weight"], None, 1, 1))
            if path + ".downsample.0.weight" in t:
                x = F.conv2d(x, t[path + ".downsample.0.weight"], None, stride)
                x = bn(t, path + ".downsample.1", x)
            x = torch.relu(x + y)
    return fc(t, "fc", x.mean((2, 3)))


def residual_params():
    params = filters("stem", 4, 3, 3, 3, bias=False)
    for path, channels, given in (("layer1.0", 4, 4), ("layer1.1", 4, 4), ("layer2.0", 8, 4), ("layer2.1", 8, 8)):
        params |= filters(path + ".conv1", channels, given, 3, 3, bias=False) | norm(path + ".bn1", channels)
        params |= filters(path + ".conv2", channels, channels, 3, 3, bias=False) | norm(path + ".bn2", channels)
    params |= filters("layer2.0.downsample.0", 8, 4, 1, 1, bias=False) | norm("layer2.0.downsample.1", 8)
    return params | linear("fc", 5, 8)


case("net_residual", "a residual network of two stages, with a block", {"image": (1, 3, 9, 7)},
     """\
stem = conv2d(image, 4, kernel=3, pad=1, bias=false)
x = stem
repeat stage in 0..2 {
  repeat i in 0..2 {
    x = basic(x, 4 << stage, stride = 2 if stage > 0 and i == 0 else 1, name="layer{stage + 1}.{i}")
  }
}
fc = dense(global_avg_pool(x) |> flatten, 5)
y = fc""", net_residual, residual_params(), blocks="""\
block basic(x, channels, stride=1) {
  conv1 = conv2d(x, channels, kernel=3, stride=stride, pad=1, bias=false)
  y = relu(batch_norm(conv1, name="bn1"))
  conv2 = conv2d(y, channels, kernel=3, pad=1, bias=false)
  y = batch_norm(conv2, name="bn2")
  if stride != 1 or x.shape[1] != channels {
    x = conv2d(x, channels, kernel=1, stride=stride, bias=false, name="downsample.0")
        |> batch_norm(name="downsample.1")
  }
  return relu(x + y)
}
""")


# ---------------------------------------------------------------------------------------------------------------------


def write(name, case, folder):
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    inputs = {key: draw(value, rng) for key, value in case["inputs"].items()}
    params = {key: draw(value, rng) for key, value in case["params"].items()}
    given = inputs | params
    assert len(given) == len(inputs) + len(params)
    assert not any(key.startswith(("in.", "out.")) for key in params)

    def compute(dtype):
        tensors = Tensors()
        for key, value in given.items():
            tensor = torch.from_numpy(np.array(value))
            tensors[key] = tensor.to(dtype) if tensor.is_floating_point() else tensor
        result = case["compute"](tensors)
        result = result if isinstance(result, dict) else {"y": result}
        arrays = {}
        for key, value in result.items():
            value = np.array(value.numpy() if isinstance(value, torch.Tensor) else value, order="C")
            with np.errstate(over="ignore"):
                arrays[key] = value.astype(np.float32) if value.dtype.kind == "f" else value
        return arrays

    outputs = compute(torch.float64)
    tolerance = 3e-5 if name.startswith("net_") else 3e-6
    for key, value in compute(torch.float32).items():
        reference = outputs[key]
        assert value.dtype == reference.dtype and value.shape == reference.shape
        if value.dtype.kind != "f":
            assert (value == reference).all(), name
            continue
        for special in (np.isnan, np.isposinf, np.isneginf):
            assert (special(value) == special(reference)).all(), name
        finite = np.isfinite(reference)
        value, reference = (v[finite].astype(np.float64) for v in (value, reference))
        assert np.linalg.norm(value - reference) <= tolerance * np.linalg.norm(reference), name
        if not name.endswith("_special"):
            assert finite.all() or name in ("arith_special", "cast_f16", "pow_negative"), name

    def declare(tensors):
        def dims(key, value):
            return case["dims"].get(key, ", ".join(str(n) for n in value.shape))

        return ", ".join(f"{key}: {TYPES[value.dtype]}[{dims(key, value)}]" for key, value in tensors.items())

    lines = [f"  {line}" for line in case["body"].split("\n")]
    head = f"network net({declare(inputs)}) -> ({declare(outputs)}) {{"
    if len(head) > 120:
        head = f"network net({declare(inputs)}) -> (\n    {declare(outputs)}) {{"
    text = "\n".join([f"# {case['note'][0].upper()}{case['note'][1:]}.", *case["blocks"], head, *lines, "}", ""])
    data = params | {f"in.{key}": value for key, value in inputs.items()}
    data |= {f"out.{key}": value for key, value in outputs.items()}
    encoded = save({key: np.array(value, order="C") for key, value in data.items()})
    assert len(encoded) < 40000, (name, len(encoded))
    (folder / f"{name}.nn").write_text(text, encoding="utf-8")
    (folder / f"{name}.safetensors").write_bytes(encoded)
    return len(encoded)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path(__file__).resolve().parent)
    parser.add_argument("names", nargs="*", metavar="NAME", help="default: all")
    options = parser.parse_args()
    torch.set_num_threads(1)
    options.out.mkdir(parents=True, exist_ok=True)
    names = options.names or list(CASES)
    size = sum(write(name, CASES[name], options.out) for name in names)
    print(f"{len(names)} cases, {size} bytes, PyTorch {torch.__version__}")


if __name__ == "__main__":
    main()

# Copyright nnc contributors
# SPDX-License-Identifier: Apache-2.0
"""Weights, inputs and expected results of one network, by PyTorch.

    python prepare.py TWINS NETWORK BATCH LENGTH FOLDER

TWINS is the folder of networks.py, which builds each network as torchvision or transformers does. Writes
FOLDER/weights.safetensors, inputs.npz and expected.npz.
"""

import pathlib
import sys

import numpy as np
import torch

import twins


def inputs_of(case, batch, length):
    """The inputs of a test case at another batch, and sequences at another length."""
    result = {}
    for name, x in case.items():
        shape = [batch, *x.shape[1:]] if x.is_floating_point() else [batch, length]
        if x.is_floating_point():
            result[name] = torch.randn(shape)
        else:
            result[name] = torch.ones(shape, dtype=x.dtype) if x.max() <= 1 and "mask" in name else torch.randint(
                0, max(2, int(x.max())), shape, dtype=x.dtype)
    return result


def main():
    folder, name, batch, length, to = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), sys.argv[5]
    known, networks = twins.load(folder)
    from safetensors.torch import save_model

    folder = pathlib.Path(to)
    torch.manual_seed(17)
    build, cases, _ = known[name]
    case = next(iter(list(cases())[-1:]))
    model = networks.make_telling(build(), case)
    inputs = inputs_of(case, batch, length)
    with torch.inference_mode():
        if isinstance(model, networks.transformers.PreTrainedModel):
            result = model(**inputs, use_cache=False).to_tuple()
        else:
            result = model(*inputs.values())
    result = result if isinstance(result, tuple) else (result,)
    save_model(model, str(folder / "weights.safetensors"))
    np.savez(folder / "inputs.npz", **{n: x.numpy() for n, x in inputs.items()})
    np.savez(folder / "expected.npz", *[y.numpy() for y in result])


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
# Copyright nnc contributors
# SPDX-License-Identifier: Apache-2.0
"""Runs examples/resnet18.nn with the weights of a torchvision model and compares the result with PyTorch's.

    python3 resnet18.py NNC [--batch N] [--keep FOLDER] [options for nnc run...]

NNC is the compiler's path. Options that are not known here go to `nnc run`, for example -target=reference. The weights
are random, nothing is downloaded. Exit status: 0 they agree, 1 they do not, 77 (skipped) if torch, torchvision, numpy
or safetensors are not installed or the machine lacks what the target needs.
"""

import argparse
import pathlib
import subprocess
import sys
import tempfile

SKIPPED = 77
TOLERANCE = 1e-4  # for an f32 network
SOURCE = pathlib.Path(__file__).resolve().parents[2] / "examples" / "resnet18.nn"

try:
    import numpy as np
    import torch
    import torchvision
    from safetensors.torch import save
except ImportError as error:
    print(f"skipped: {error}")
    sys.exit(SKIPPED)


def build_model():
    """A ResNet-18 whose normalization layers do something: random scales and shifts, statistics of real batches."""
    torch.manual_seed(18)
    model = torchvision.models.resnet18(weights=None)
    with torch.no_grad():
        for layer in model.modules():
            if isinstance(layer, torch.nn.BatchNorm2d):
                layer.weight.uniform_(0.8, 1.2)
                layer.bias.normal_(0, 0.1)
        model.train()
        for _ in range(3):
            model(torch.randn(4, 3, 64, 64) * 1.5 + 0.2)
    return model.eval()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
                                     allow_abbrev=False)
    parser.add_argument("nnc", help="path of the compiler")
    parser.add_argument("--batch", type=int, default=1, metavar="N")
    parser.add_argument("--keep", type=pathlib.Path, metavar="FOLDER", help="leave weights, input and output there")
    options, rest = parser.parse_known_args()

    model = build_model()
    parameters = sum(p.numel() for p in model.parameters())
    assert parameters == 11_689_512, parameters

    with tempfile.TemporaryDirectory() as scratch:
        folder = options.keep or pathlib.Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        weights, x_path, y_path = folder / "resnet18.safetensors", folder / "x.npy", folder / "y.npy"
        weights.write_bytes(save(model.state_dict()))  # every key, num_batches_tracked too
        image = torch.randn(options.batch, 3, 224, 224)
        np.save(x_path, image.numpy())
        with torch.no_grad():
            reference = model.double()(image.double()).numpy()

        y_path.unlink(missing_ok=True)
        command = [options.nnc, "run", str(SOURCE), f"-weights={weights}", *rest]
        command += ["-input", f"image={x_path}", "-output", f"logits={y_path}"]
        status = subprocess.run(command, check=False).returncode
        if status == 3:
            print("skipped: this machine lacks what the target needs")
            return SKIPPED
        if status != 0:
            print(f"failed: nnc ended with status {status}")
            return 1
        result = np.load(y_path)

    if result.shape != reference.shape or result.dtype != np.float32:
        print(f"failed: {result.dtype} {result.shape}, expected float32 {reference.shape}")
        return 1
    if not np.isfinite(result).all():
        print("failed: the result is not finite everywhere")
        return 1
    difference = result.astype(np.float64) - reference
    relative = np.linalg.norm(difference) / np.linalg.norm(reference)
    greatest, bound = np.abs(difference).max(), 100 * TOLERANCE * np.abs(reference).max()
    print(f"relative error {relative:.3g} (at most {TOLERANCE:g}), greatest {greatest:.3g} (at most {bound:.3g})")
    return 0 if relative <= TOLERANCE and greatest <= bound else 1


if __name__ == "__main__":
    sys.exit(main())

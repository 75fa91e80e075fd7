# Copyright nnc contributors
# SPDX-License-Identifier: Apache-2.0
"""The networks as torchvision and transformers build them."""

import sys


def load(folder):
    """(name to (what builds the model, test cases, names of results), the module networks.py of this folder)."""
    sys.path.insert(0, folder)
    import networks
    import torch

    nothing = (torch.nn.ReLU, networks.batches("x", 1), ["y"])
    return networks.NETWORKS | {"nothing": nothing}, networks

#!/usr/bin/env python3
# Copyright nnc contributors
# SPDX-License-Identifier: Apache-2.0
"""Trains the two digit networks and writes their weights and the test set beside this file.

    python3 train.py                      splits, trains, measures, writes
    python3 train.py --cross-validate     how the settings below were judged; writes nothing

Needs torch, scikit-learn, numpy and safetensors. The settings were judged by 5-fold cross-validation inside the
training part; the test images serve for the one measurement at the end and for nothing else.
"""

import argparse
import pathlib

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save
from sklearn.datasets import load_digits
from sklearn.model_selection import StratifiedKFold, train_test_split
from torch import nn

SEED = 20
TEST_IMAGES = 360
EPOCHS = 120
BATCH = 32


def prepare(image):
    """What both networks do first: bytes 0 to 16, 8x8, become floats 0 to 1, 28x28."""
    x = image.to(torch.float32).reshape(-1, 1, 8, 8) / 16
    return F.interpolate(x, size=(28, 28), mode="bilinear", align_corners=False)


class Mlp(nn.Module):
    required = 0.97
    dropout = 0.1
    rate = 2e-3

    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(784, 64)
        self.fc2 = nn.Linear(64, 64)
        self.fc3 = nn.Linear(64, 10)

    def forward(self, x):
        x = F.relu(self.fc1(x.flatten(1)))
        x = F.relu(self.fc2(F.dropout(x, self.dropout, self.training)))
        return self.fc3(F.dropout(x, self.dropout, self.training))


class Cnn(nn.Module):
    required = 0.98
    dropout = 0.2
    rate = 3e-3

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 10, 5)
        self.conv2 = nn.Conv2d(10, 20, 5)
        self.fc1 = nn.Linear(320, 50)
        self.fc2 = nn.Linear(50, 10)

    def forward(self, x):
        x = F.relu(F.max_pool2d(self.conv1(x), 2))
        x = F.relu(F.max_pool2d(self.conv2(x), 2)).flatten(1)
        x = F.relu(self.fc1(F.dropout(x, self.dropout, self.training)))
        return self.fc2(F.dropout(x, self.dropout, self.training))


def jitter(x):
    """Rotates, scales, shears and shifts each image a little, as another hand would have written it."""
    n = x.shape[0]
    angle = (torch.rand(n) * 2 - 1) * 0.2  # radians, about 11 degrees
    scale = 1 + (torch.rand(n, 2) * 2 - 1) * 0.12
    shear = (torch.rand(n) * 2 - 1) * 0.15
    shift = (torch.rand(n, 2) * 2 - 1) * 0.12  # 1 is half the picture
    cos, sin = torch.cos(angle), torch.sin(angle)
    theta = torch.zeros(n, 2, 3)
    theta[:, 0, 0] = cos * scale[:, 0]
    theta[:, 0, 1] = (shear - sin) * scale[:, 0]
    theta[:, 1, 0] = sin * scale[:, 1]
    theta[:, 1, 1] = cos * scale[:, 1]
    theta[:, :, 2] = shift
    return F.grid_sample(x, F.affine_grid(theta, list(x.shape), align_corners=False), align_corners=False)


def train(kind, images, labels):
    torch.manual_seed(SEED)
    net = kind().train()
    x = prepare(images)
    steps = EPOCHS * (-(-len(x) // BATCH))
    optimizer = torch.optim.AdamW(net.parameters(), lr=kind.rate, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=kind.rate, total_steps=steps, pct_start=0.1)
    for _ in range(EPOCHS):
        for batch in torch.randperm(len(x)).split(BATCH):
            loss = F.cross_entropy(net(jitter(x[batch])), labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    return net.eval()


@torch.no_grad()
def right_answers(net, images, labels):
    return (net(prepare(images)).argmax(1) == labels).sum().item()


def cross_validate(images, labels):
    folds = StratifiedKFold(5, shuffle=True, random_state=SEED)
    for kind in (Mlp, Cnn):
        right = 0
        for rest, held in folds.split(images, labels):
            net = train(kind, images[rest], labels[rest])
            right += right_answers(net, images[held], labels[held])
        print(f"{kind.__name__.lower()}: {right} of {len(labels)}, {100 * right / len(labels):.2f} %", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path(__file__).resolve().parent)
    parser.add_argument("--cross-validate", action="store_true")
    options = parser.parse_args()

    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)

    digits = load_digits()
    images = digits.images.astype(np.uint8)
    labels = digits.target.astype(np.uint8)
    assert images.shape == (1797, 8, 8) and (images == digits.images).all() and images.max() == 16

    # The split comes before anything else looks at the data.
    rest, test = train_test_split(np.arange(len(labels)), test_size=TEST_IMAGES, stratify=labels, random_state=SEED)
    rest, test = np.sort(rest), np.sort(test).astype(np.int64)
    assert not set(rest) & set(test) and len(rest) + len(test) == len(labels)
    assert (np.bincount(labels[test], minlength=10) >= 30).all()

    rest_images, rest_labels = torch.from_numpy(images[rest]), torch.from_numpy(labels[rest].astype(np.int64))
    if options.cross_validate:
        cross_validate(rest_images, rest_labels)
        return

    options.out.mkdir(parents=True, exist_ok=True)
    np.save(options.out / "test_images.npy", images[test])
    np.save(options.out / "test_labels.npy", labels[test])
    np.save(options.out / "test_indices.npy", test)

    test_images, test_labels = torch.from_numpy(images[test]), torch.from_numpy(labels[test].astype(np.int64))
    for kind in (Mlp, Cnn):
        name = kind.__name__.lower()
        net = train(kind, rest_images, rest_labels)
        right = right_answers(net, test_images, test_labels)
        accuracy = right / len(test)
        print(f"{name}: {right} of {len(test)} test images, {100 * accuracy:.2f} %", flush=True)
        assert accuracy >= kind.required, f"{name} needs {100 * kind.required:.0f} %"
        (options.out / f"{name}.safetensors").write_bytes(save(net.state_dict()))


if __name__ == "__main__":
    main()

# Copyright nnc contributors
# SPDX-License-Identifier: Apache-2.0
"""Those networks of examples/ that no library has, as PyTorch modules with the same paths."""

import torch
from torch import nn
from torch.nn import functional as F

KERAS = 1e-3  # eps of batch normalization


class ResNet8(nn.Module):
    """As in Keras, "same" pads a stride of 2 at the end."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, padding=1)
        self.bn1 = nn.BatchNorm2d(16, eps=KERAS)
        self.layer1 = self.stage(16, 16)
        self.layer2 = self.stage(16, 32)
        self.layer3 = self.stage(32, 64)
        self.fc = nn.Linear(64, 10)

    @staticmethod
    def stage(given, channels):
        parts = {"conv1": nn.Conv2d(given, channels, 3, stride=channels // given),
                 "bn1": nn.BatchNorm2d(channels, eps=KERAS),
                 "conv2": nn.Conv2d(channels, channels, 3, padding=1),
                 "bn2": nn.BatchNorm2d(channels, eps=KERAS)}
        if given != channels:
            parts["shortcut"] = nn.Conv2d(given, channels, 1, stride=2)
        return nn.ModuleDict(parts)

    def forward(self, image):
        x = F.relu(self.bn1(self.conv1(image.permute(0, 3, 1, 2))))
        for layer in (self.layer1, self.layer2, self.layer3):
            narrower = "shortcut" in layer
            y = F.pad(x, (0, 1, 0, 1) if narrower else (1, 1, 1, 1))
            y = F.relu(layer["bn1"](layer["conv1"](y)))
            y = layer["bn2"](layer["conv2"](y))
            x = F.relu(y + (layer["shortcut"](x) if narrower else x))
        return self.fc(x.mean((2, 3))).softmax(1)


class DSCNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 64, (10, 4), stride=2)
        self.bn = nn.BatchNorm2d(64, eps=KERAS)
        for i in range(1, 5):
            self.add_module(f"layer{i}", nn.ModuleDict({
                "depthwise": nn.Conv2d(64, 64, 3, padding=1, groups=64), "bn1": nn.BatchNorm2d(64, eps=KERAS),
                "pointwise": nn.Conv2d(64, 64, 1), "bn2": nn.BatchNorm2d(64, eps=KERAS)}))
        self.fc = nn.Linear(64, 12)

    def forward(self, mfcc):
        x = F.pad(mfcc.permute(0, 3, 1, 2), (1, 1, 4, 5))  # "same" of 49 by 10 under 10 by 4 with stride 2
        x = F.relu(self.bn(self.conv(x)))
        for layer in (self.layer1, self.layer2, self.layer3, self.layer4):
            x = F.relu(layer["bn1"](layer["depthwise"](x)))
            x = F.relu(layer["bn2"](layer["pointwise"](x)))
        return self.fc(x.mean((2, 3))).softmax(1)


class Autoencoder(nn.Module):
    def __init__(self):
        super().__init__()
        units = [640, 128, 128, 128, 128, 8, 128, 128, 128, 128, 640]
        for i in range(10):
            self.add_module(f"fc{i}", nn.Linear(units[i], units[i + 1]))
            if i < 9:
                self.add_module(f"bn{i}", nn.BatchNorm1d(units[i + 1], eps=KERAS))

    def forward(self, frames):
        x = frames
        for i in range(9):
            x = F.relu(self.get_submodule(f"bn{i}")(self.get_submodule(f"fc{i}")(x)))
        x = self.fc9(x)
        return x, ((x - frames) ** 2).mean(1)


class KeywordMLP(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(250, 144), nn.Linear(144, 144)
        self.fc3, self.fc4 = nn.Linear(144, 144), nn.Linear(144, 12)

    def forward(self, mfcc):
        x = mfcc.flatten(1)
        for layer in (self.fc1, self.fc2, self.fc3):
            x = F.relu(layer(x))
        return self.fc4(x).softmax(1)


class DoubleConv(nn.Module):
    def __init__(self, given, channels):
        super().__init__()
        layers = []
        for channels_in in (given, channels):
            layers += [nn.Conv2d(channels_in, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels), nn.ReLU()]
        self.double_conv = nn.Sequential(*layers)

    def forward(self, x):
        return self.double_conv(x)


class UNet(nn.Module):
    """milesial's Pytorch-UNet with three channels, two classes and bilinear=False, for sides that are multiples of 16."""

    def __init__(self):
        super().__init__()
        self.inc = DoubleConv(3, 64)
        for i in range(1, 5):
            narrow, wide = 32 << i, 64 << i
            self.add_module(f"down{i}", nn.ModuleDict(
                {"maxpool_conv": nn.Sequential(nn.MaxPool2d(2), DoubleConv(narrow, wide))}))
            self.add_module(f"up{5 - i}", nn.ModuleDict(
                {"up": nn.ConvTranspose2d(wide, narrow, 2, stride=2), "conv": DoubleConv(wide, narrow)}))
        self.outc = nn.ModuleDict({"conv": nn.Conv2d(64, 2, 1)})

    def forward(self, image):
        x = self.inc(image)
        kept = []
        for down in (self.down1, self.down2, self.down3, self.down4):
            kept.append(x)
            x = down["maxpool_conv"](x)
        for up in (self.up1, self.up2, self.up3, self.up4):
            x = up["conv"](torch.cat([kept.pop(), up["up"](x)], 1))
        return self.outc["conv"](x)

# Copyright nnc contributors
# SPDX-License-Identifier: Apache-2.0
"""What runs in the race: the networks, and products and convolutions alone."""

from dataclasses import dataclass
from itertools import product

LENGTH = 128  # of sequences


@dataclass(frozen=True)
class Network:
    name: str
    batches: tuple = (1,)        # those of the full table
    sequence: bool = False       # has a length T beside the batch N
    channels_last: bool = False  # torch is faster with images in this order
    quick: bool = False

    @property
    def source(self):
        """The network text, relative to the root of the tree."""
        return "bench/peers/nothing.nn" if self.name == "nothing" else f"examples/{self.name}.nn"


@dataclass(frozen=True)
class Kernel:
    """A product M×N×K (dense on M rows), or a convolution on a batch of one."""

    kind: str
    dims: tuple
    quick: bool = False

    @property
    def name(self):
        if self.kind == "product":
            return "product {}×{}×{}".format(*self.dims)
        channels, size, filters, window, stride = self.dims
        return f"conv {channels}×{size}×{size} to {filters}, {window}×{window} by {stride}"

    @property
    def operations(self):
        if self.kind == "product":
            return 2 * self.dims[0] * self.dims[1] * self.dims[2]
        channels, size, filters, window, stride = self.dims
        return 2 * channels * filters * window * window * ((size + stride - 1) // stride) ** 2

    def source(self):
        """The network text of this kernel alone."""
        if self.kind == "product":
            m, n, k = self.dims
            return f"network kernel(x: f32[{m}, {k}]) -> (y: f32[{m}, {n}]) {{\n  y = dense(x, {n}, bias=false)\n}}\n"
        channels, size, filters, window, stride = self.dims
        out = (size + stride - 1) // stride
        return (f"network kernel(x: f32[1, {channels}, {size}, {size}]) -> (y: f32[1, {filters}, {out}, {out}]) {{\n"
                f"  y = conv2d(x, {filters}, kernel={window}, stride={stride}, pad={window // 2}, bias=false)\n}}\n")

    @property
    def shapes(self):
        """Of the input and of the weight."""
        if self.kind == "product":
            m, n, k = self.dims
            return (m, k), (n, k)
        channels, size, filters, window, _ = self.dims
        return (1, channels, size, size), (filters, channels, window, window)


NETWORKS = [
    Network("nothing", quick=True),  # what a call takes
    Network("resnet18", quick=True, channels_last=True),
    Network("resnet50", batches=(1, 8), channels_last=True),
    Network("mobilenet_v2", quick=True, channels_last=True),
    Network("efficientnet_b0", channels_last=True),
    Network("unet", channels_last=True),
    Network("vit_b_16"),
    Network("bert_base", batches=(1, 8), sequence=True),
    Network("gpt2", sequence=True),
    Network("ds_cnn"),
    Network("resnet8", quick=True),
    Network("autoencoder"),
    Network("keyword_mlp"),
]

KERNELS = [
    Kernel("product", (128, 768, 768), quick=True),
    Kernel("product", (128, 3072, 768)),
    Kernel("product", (512, 512, 512), quick=True),
    Kernel("product", (1024, 1024, 1024)),
    Kernel("product", (196, 256, 1024)),
    Kernel("product", (1, 4096, 1024)),
    Kernel("conv", (3, 224, 64, 7, 2)),
    Kernel("conv", (64, 56, 64, 3, 1), quick=True),
    Kernel("conv", (64, 56, 256, 1, 1)),
    Kernel("conv", (256, 14, 256, 3, 1)),
    Kernel("conv", (1024, 14, 256, 1, 1)),
]


@dataclass(frozen=True)
class Peer:
    """A contender: its engine, the packages whose versions count, where it may take part."""

    name: str
    engine: str
    packages: tuple = ()
    precisions: tuple = ("f32",)
    load_timeout: float = 300
    kinds: tuple = ("product", "conv")  # of kernels that it has
    first_row_only: bool = False  # takes so long to get ready that it takes part once a network
    footprint: tuple = ()  # folders of site-packages that are needed to run


PEERS = [
    Peer("nnc", "nnc", precisions=("f32", "bf16")),
    Peer("onnxruntime", "onnxruntime", ("onnxruntime",), footprint=("onnxruntime",)),
    Peer("openvino", "openvino", ("openvino",), ("f32", "bf16"), footprint=("openvino",)),
    Peer("torch", "torch_eager", ("torch", "torchvision", "transformers"), ("f32", "bf16"),
         footprint=("torch",)),
    Peer("torch.compile", "torch_compile", ("torch",), load_timeout=600, footprint=("torch",)),
    Peer("iree", "iree", ("iree-base-compiler", "iree-base-runtime"), load_timeout=600,
         footprint=("iree/runtime", "iree/_runtime_libs")),
    Peer("tvm", "tvm", ("apache-tvm",), first_row_only=True, footprint=("tvm", "tvm_ffi")),
]

# Libraries for single kernels, behind C functions (bench/kernels).
LIBRARIES = [Peer("oneDNN", "library"), Peer("OpenBLAS", "library", kinds=("product",)),
             Peer("libxsmm", "library", kinds=("product",))]


@dataclass(frozen=True)
class Cell:
    """One row of the table."""

    subject: object
    batch: int
    threads: int
    precision: str

    @property
    def key(self):
        return f"{self.subject.name}/batch {self.batch}/threads {self.threads}/{self.precision}"


def cells(options):
    """All that is to be measured, in order. options: names, batches, threads, precisions (lists), quick."""
    rows = []
    for precision in options.precisions:
        for network in NETWORKS:
            if options.networks and network.name not in options.networks or options.quick and not network.quick:
                continue
            for batch, threads in product(options.batches, options.threads):
                if batch in network.batches or options.networks:
                    rows.append(Cell(network, batch, threads, precision))
    for kernel in KERNELS:
        if options.networks and "kernels" not in options.networks or options.quick and not kernel.quick:
            continue
        rows += [Cell(kernel, 1, threads, "f32") for threads in options.threads if "f32" in options.precisions]
    return sorted(rows, key=lambda cell: cell.precision != "f32")

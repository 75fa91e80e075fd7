#!/usr/bin/env python3
# Copyright nnc contributors
# SPDX-License-Identifier: Apache-2.0
"""Runs networks of examples/ with the weights of PyTorch models and compares the results.

    python3 networks.py NNC [NETWORK...] [--target T] [--weights FOLDER] [options of nnc...]

NNC is the compiler's path; without NETWORK, all are compared. For the cpu, a network is compiled once and run for all
sizes of its symbols. Models come from torchvision and transformers, or from models.py; their weights are random,
nothing is downloaded. The state_dict is saved as it is. Exit status: 0 all agree, 1 one does not, 77 (skipped) if a
package is not installed or the machine lacks what the target needs.
"""

import argparse
import pathlib
import subprocess
import sys
import tempfile
import time

SKIPPED = 77
TOLERANCE = 1e-4  # for an f32 network
EXAMPLES = pathlib.Path(__file__).resolve().parents[2] / "examples"

try:
    import numpy as np
    import torch
    import torchvision
    import transformers
    from safetensors.torch import save_file, save_model
    import models
except ImportError as error:
    print(f"skipped: {error}")
    sys.exit(SKIPPED)


# ---- models: name to (what builds it, inputs of each run, names of the results) ----


def batches(name, *shape, sizes=(1, 3)):
    return lambda: [{name: torch.randn(n, *shape)} for n in sizes]


def sentences():
    """For BERT: lengths from one token to all, alone and as a batch whose sequences are filled up."""
    for n, t in ((1, 1), (1, 17), (3, 17), (1, 128), (3, 128), (1, 512), (3, 512)):
        lengths = torch.tensor([t, (t + 1) // 2, max(t - 5, 1)][:n])
        yield {"input_ids": torch.randint(0, 30522, (n, t)), "token_type_ids": torch.randint(0, 2, (n, t)),
               "attention_mask": (torch.arange(t) < lengths[:, None]).long()}


def texts():
    for n, t in ((1, 1), (1, 17), (3, 17), (1, 128), (3, 128), (1, 512)):
        yield {"input_ids": torch.randint(0, 50257, (n, t))}


PICTURES = batches("image", 3, 224, 224)
NETWORKS = {
    "resnet18": (torchvision.models.resnet18, PICTURES, ["logits"]),
    "resnet50": (torchvision.models.resnet50, PICTURES, ["logits"]),
    "mobilenet_v2": (torchvision.models.mobilenet_v2, PICTURES, ["logits"]),
    "efficientnet_b0": (torchvision.models.efficientnet_b0, PICTURES, ["logits"]),
    "vit_b_16": (torchvision.models.vit_b_16, PICTURES, ["logits"]),
    "bert_base": (lambda: transformers.BertModel(transformers.BertConfig()), sentences,
                  ["last_hidden_state", "pooler_output"]),
    "gpt2": (lambda: transformers.GPT2LMHeadModel(transformers.GPT2Config()), texts, ["logits"]),
    "unet": (models.UNet, batches("image", 3, 256, 256, sizes=(1,)), ["logits"]),
    "resnet8": (models.ResNet8, batches("image", 32, 32, 3), ["probs"]),
    "ds_cnn": (models.DSCNN, batches("mfcc", 49, 10, 1), ["probs"]),
    "autoencoder": (models.Autoencoder, batches("frames", 640), ["rebuilt", "score"]),
    "keyword_mlp": (models.KeywordMLP, batches("mfcc", 25, 10), ["probs"]),
}


def make_telling(model, inputs):
    """Weights under which every parameter counts: noise where all elements are alike, statistics of what is run."""
    with torch.no_grad():
        for parameter in model.parameters():
            if (parameter == parameter.flatten()[0]).all():
                parameter += 0.1 * torch.randn_like(parameter)
        normalized = [m for m in model.modules() if isinstance(m, (torch.nn.BatchNorm1d, torch.nn.BatchNorm2d))]
        if normalized:
            model.train()
            for _ in range(3):
                model(*(torch.randn(8, *x.shape[1:]) * 1.5 + 0.2 for x in inputs.values()))
    return model.eval()


# ---- runs ----


class Failure(Exception):
    pass


def nnc(*command):
    ended = subprocess.run([str(c) for c in command], check=False, stderr=subprocess.PIPE, text=True)
    if ended.returncode == 3:
        print("skipped: this machine lacks what the target needs")
        sys.exit(SKIPPED)
    if ended.returncode != 0 or ended.stderr:
        raise Failure(f"status {ended.returncode}: {' '.join(map(str, command))}\n{ended.stderr}")


def run(command, inputs, outputs, folder):
    for name, value in inputs.items():
        np.save(folder / f"{name}.npy", value.numpy())
        command += ["-input", f"{name}={folder / name}.npy"]
    for name in outputs:
        (folder / f"{name}.npy").unlink(missing_ok=True)
        command += ["-output", f"{name}={folder / name}.npy"]
    nnc(*command)
    return [np.load(folder / f"{name}.npy") for name in outputs]


def expect(model, inputs):
    with torch.no_grad():
        given = {k: v.double() if v.is_floating_point() else v for k, v in inputs.items()}
        if isinstance(model, transformers.PreTrainedModel):
            result = model(**given, use_cache=False).to_tuple()
        else:
            result = model(*given.values())
    return [r.numpy() for r in (result if isinstance(result, tuple) else [result])]


def error(result, reference):
    """The relative error, by the project's rule for agreement."""
    if result.shape != reference.shape or result.dtype != np.float32:
        raise Failure(f"{result.dtype} {result.shape}, expected float32 {reference.shape}")
    if not np.isfinite(result).all():
        raise Failure("the result is not finite everywhere")
    difference = result.astype(np.float64) - reference
    relative = np.linalg.norm(difference) / np.linalg.norm(reference)
    greatest, bound = np.abs(difference).max(), 100 * TOLERANCE * np.abs(reference).max()
    if relative > TOLERANCE or greatest > bound:
        raise Failure(f"relative error {relative:.3g} (at most {TOLERANCE:g}), greatest {greatest:.3g} "
                      f"(at most {bound:.3g})")
    return relative


def compare(name, options, rest, folder):
    build, cases, outputs = NETWORKS[name]
    torch.manual_seed(18)
    cases = list(cases())
    model = make_telling(build(), cases[0])
    weights, source = folder / f"{name}.safetensors", EXAMPLES / f"{name}.nn"
    save_model(model, str(weights))
    state = model.state_dict()
    if len({v.data_ptr() for v in state.values() if v.ndim > 1}) < sum(v.ndim > 1 for v in state.values()):
        # Tied weights: save_model kept one of each, a state_dict without sharing has all.
        save_file({k: v.clone() for k, v in state.items()}, str(folder / "copies.safetensors"))
        nnc(options.nnc, source, f"-weights={folder / 'copies.safetensors'}", "-Wextra-weights=error", "-emit=graph", "-o",
            folder / "graph")
    command = [options.nnc, "run", source, f"-weights={weights}", f"-target={options.target}", *rest]
    began = time.monotonic()
    if options.target == "cpu":
        compiled = folder / f"{name}.so"
        nnc(options.nnc, source, f"-weights={weights}", "-emit=so", "-o", compiled, *rest)
        command = [options.nnc, "run", compiled]
    compiling = time.monotonic() - began
    model = model.double()
    worst = 0
    for inputs in cases:
        sizes = ", ".join("×".join(map(str, x.shape)) for x in list(inputs.values())[:1])
        try:
            results = run(command[:], inputs, outputs, folder)
            for output, result, reference in zip(outputs, results, expect(model, inputs)):
                worst = max(worst, error(result, reference))
        except Failure as failure:
            raise Failure(f"{sizes}: {failure}") from failure
    parameters = sum(p.numel() for p in model.parameters())
    print(f"{name}: {parameters:,} parameters; agrees for {len(cases)} sizes of inputs, relative error at most "
          f"{worst:.2g}; compiled in {compiling:.1f} s", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
                                     allow_abbrev=False)
    parser.add_argument("nnc", help="path of the compiler")
    parser.add_argument("networks", nargs="*", metavar="NETWORK", help=", ".join(NETWORKS))
    parser.add_argument("--target", default="cpu")
    parser.add_argument("--weights", type=pathlib.Path, metavar="FOLDER", help="leave weights and results there")
    options, rest = parser.parse_known_args()
    transformers.logging.set_verbosity_error()

    failed = 0
    for name in options.networks or NETWORKS:
        with tempfile.TemporaryDirectory() as scratch:
            folder = options.weights or pathlib.Path(scratch)
            folder.mkdir(parents=True, exist_ok=True)
            try:
                compare(name, options, rest, folder)
            except Failure as failure:
                print(f"{name}: failed: {failure}", flush=True)
                failed += 1
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

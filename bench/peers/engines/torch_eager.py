# Copyright nnc contributors
# SPDX-License-Identifier: Apache-2.0
"""The network as torchvision or transformers build it, with the same weights."""

import torch

import twins


class Engine:
    def __init__(self, spec, inputs):
        from safetensors.torch import load_model

        known, networks = twins.load(spec["twins"])

        torch.set_num_threads(spec["threads"])
        model = known[spec["network"]][0]()
        load_model(model, spec["weights"])
        model.eval().requires_grad_(False)
        self.inputs = {name: torch.from_numpy(x) for name, x in inputs.items()}
        notes = []
        if spec["precision"] == "bf16":
            model = model.bfloat16()
            self.inputs = {n: x.bfloat16() if x.is_floating_point() else x for n, x in self.inputs.items()}
        if any(x.ndim == 4 for x in self.inputs.values()) and spec["channels_last"]:
            model = model.to(memory_format=torch.channels_last)
            self.inputs = {n: x.to(memory_format=torch.channels_last) if x.ndim == 4 else x
                           for n, x in self.inputs.items()}
            notes.append("channels_last")
        named = isinstance(model, networks.transformers.PreTrainedModel)
        self.args = () if named else tuple(self.inputs.values())
        self.kwargs = self.inputs | {"use_cache": False} if named else {}
        self.model = self.prepared(model, notes)
        self.settings = ", ".join(notes or ["eager"])

    def prepared(self, model, notes):
        return model

    def run(self):
        with torch.inference_mode():
            self.result = self.model(*self.args, **self.kwargs)

    def outputs(self):
        result = self.result.to_tuple() if hasattr(self.result, "to_tuple") else self.result
        return [y.float().numpy() for y in (result if isinstance(result, tuple) else [result])]

# Copyright nnc contributors
# SPDX-License-Identifier: Apache-2.0
import torch
import torch._inductor.config

from engines import torch_eager


class Engine(torch_eager.Engine):
    def prepared(self, model, notes):
        torch._inductor.config.freezing = True  # weights are constants: folded and packed
        notes.append("inductor, static shapes, freezing")
        return torch.compile(model, dynamic=False)

    def run(self):
        with torch.no_grad():  # freezing is not done for tensors of inference_mode
            self.result = self.model(*self.args, **self.kwargs)

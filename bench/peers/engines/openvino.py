# Copyright nnc contributors
# SPDX-License-Identifier: Apache-2.0
import openvino as ov


class Engine:
    def __init__(self, spec, inputs):
        core = ov.Core()
        wanted = {"f32": ov.Type.f32, "bf16": ov.Type.bf16}[spec["precision"]]
        self.compiled = core.compile_model(core.read_model(spec["onnx"]), "CPU", {
            "PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": spec["threads"], "NUM_STREAMS": 1,
            "INFERENCE_PRECISION_HINT": wanted, "ENABLE_CPU_PINNING": True})
        self.request = self.compiled.create_infer_request()
        self.inputs = [ov.Tensor(x, shared_memory=True) for x in inputs.values()]
        for name, tensor in zip(inputs, self.inputs):
            self.request.set_tensor(name, tensor)
        got = self.compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name()
        if got != spec["precision"]:
            raise RuntimeError(f"computes in {got}, {spec['precision']} was asked for")
        self.settings = f"PERFORMANCE_HINT=LATENCY, NUM_STREAMS=1, INFERENCE_PRECISION_HINT={got}, CPU pinning"

    def run(self):
        self.request.infer()

    def outputs(self):
        return [self.request.get_output_tensor(i).data for i in range(len(self.compiled.outputs))]

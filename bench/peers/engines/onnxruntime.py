# Copyright nnc contributors
# SPDX-License-Identifier: Apache-2.0
import onnxruntime as ort


class Engine:
    settings = "graph optimization: all; sequential; intra_op threads as given, inter_op 1; CPUExecutionProvider"

    def __init__(self, spec, inputs):
        options = ort.SessionOptions()
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
        options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
        options.intra_op_num_threads, options.inter_op_num_threads = spec["threads"], 1
        self.session = ort.InferenceSession(spec["onnx"], options, providers=["CPUExecutionProvider"])
        # Inputs and results stay where they are: no copies in a run.
        self.binding = self.session.io_binding()
        self.inputs = {name: ort.OrtValue.ortvalue_from_numpy(x) for name, x in inputs.items()}
        for name, value in self.inputs.items():
            self.binding.bind_ortvalue_input(name, value)
        for output in self.session.get_outputs():
            self.binding.bind_output(output.name)

    def run(self):
        self.session.run_with_iobinding(self.binding)

    def outputs(self):
        return self.binding.copy_outputs_to_cpu()

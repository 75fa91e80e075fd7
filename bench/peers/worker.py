# Copyright nnc contributors
# SPDX-License-Identifier: Apache-2.0
"""One contender in a process of its own.

    python worker.py ENGINE

Reads requests from standard input, one JSON object a line, and answers each with one. Nothing is computed between
requests, so that several workers can wait while one runs.

    {"do": "load", "spec": {...}}   {"import_s", "load_s", "first_s", "peak_mb", "settings"}; the spec says what to run
    {"do": "compile", "onnx": FILE} {"peak_mb"}; only engines that compile ahead
    {"do": "outputs", "to": FILE}   {}; the results of a run as FILE.npz
    {"do": "run", "seconds": S}     {"ns": [...]}: runs for about that long, at least once; before that once untimed,
                                    which brings caches and threads back, unless one run takes longer than that
"""

import importlib
import json
import os
import pathlib
import resource
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))


def peak_mb():
    usage = [resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return max(usage) / 1024


def timed(run, seconds):
    """Times of runs in ns, until that many seconds are over."""
    clock, times = time.perf_counter_ns, []
    end = clock() + int(seconds * 1e9)
    while True:
        begin = clock()
        run()
        now = clock()
        times.append(now - begin)
        if now >= end:
            return times


class Worker:
    def __init__(self, module):
        self.module, self.engine, self.run_s = module, None, 0.0

    def load(self, request):
        import numpy as np

        spec = request["spec"]
        inputs = dict(np.load(spec["inputs"]))
        begin = time.perf_counter()
        engine = importlib.import_module(f"engines.{self.module}")
        imported = time.perf_counter()
        self.engine = engine.Engine(spec, inputs)
        loaded = time.perf_counter()
        self.engine.run()
        first = time.perf_counter()
        return {"import_s": imported - begin, "load_s": loaded - imported, "first_s": first - loaded,
                "peak_mb": peak_mb(), "settings": self.engine.settings}

    def compile(self, request):
        model = pathlib.Path(request["onnx"])
        importlib.import_module(f"engines.{self.module}").compile_model(model, model.with_suffix(".vmfb"))
        return {"peak_mb": peak_mb()}

    def outputs(self, request):
        import numpy as np

        np.savez(request["to"], *[np.asarray(y, dtype=np.float32) for y in self.engine.outputs()])
        return {}

    def run(self, request):
        if self.run_s < request["seconds"]:
            self.engine.run()
        times = timed(self.engine.run, request["seconds"])
        self.run_s = min(times) / 1e9
        return {"ns": times}


def main():
    # Libraries print what they like; answers go where they cannot reach.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    worker = Worker(sys.argv[1])
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = getattr(worker, request["do"])(request)
        except Exception as error:  # whatever it is, the race goes on without this contender
            answer = {"error": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()

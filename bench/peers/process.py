# Copyright nnc contributors
# SPDX-License-Identifier: Apache-2.0
"""A worker as its parent sees it: asked one thing at a time, given up when it takes too long.

Between its answer and the next request a worker is stopped, with all that it started: threads that spin for a while after
a run, as those of onnxruntime do for some 30 ms, would take a core from the next contender.
"""

import json
import os
import pathlib
import select
import signal
import subprocess
import sys
import time


class PeerError(Exception):
    """This contender cannot take part; the text says why."""


class Worker:
    """engine: a module of engines/; cores: the CPUs that it may use; threads: how many it is told to use."""

    def __init__(self, engine, cores, threads, log, python=sys.executable, script=None):
        script = script or pathlib.Path(__file__).with_name("worker.py")
        environment = os.environ | {name: str(threads) for name in (
            "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TVM_NUM_THREADS")}
        self.log = open(log, "w", encoding="utf-8")
        self.process = subprocess.Popen(
            [python, str(script), engine], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log,
            env=environment, start_new_session=True, preexec_fn=lambda: os.sched_setaffinity(0, cores))

    def ask(self, request, timeout):
        """The answer to a request; PeerError after `timeout` seconds, an error there, or its death."""
        self.signal(signal.SIGCONT)
        try:
            self.process.stdin.write(json.dumps(request).encode() + b"\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            raise PeerError(self.death()) from None
        line, end = b"", time.monotonic() + timeout
        while not line.endswith(b"\n"):
            ready, _, _ = select.select([self.process.stdout], [], [], max(0, end - time.monotonic()))
            if not ready:
                self.close()
                raise PeerError(f"no answer to '{request['do']}' within {timeout:.0f} s")
            part = os.read(self.process.stdout.fileno(), 1 << 16)
            if not part:
                raise PeerError(self.death())
            line += part
        self.signal(signal.SIGSTOP)
        answer = json.loads(line)
        if "error" in answer:
            raise PeerError(answer["error"].strip().split("\n")[0][:300])
        return answer

    def signal(self, number):
        """To the worker and all that it started."""
        try:
            os.killpg(self.process.pid, number)
        except ProcessLookupError:
            pass

    def death(self):
        status = self.process.wait()
        return f"killed by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"

    def close(self):
        """Ends it and all that it started."""
        self.signal(signal.SIGKILL)
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self.log):
            try:
                stream.close()
            except BrokenPipeError:
                pass

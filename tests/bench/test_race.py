#!/usr/bin/env python3
# Copyright nnc contributors
# SPDX-License-Identifier: Apache-2.0
"""The race's own logic, with contenders that are made up: no package from elsewhere is needed.

    python3 test_race.py
"""

import pathlib
import sys
import tempfile
import time
import types
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "bench/peers"))

import machine
import race
import report
import worker
from networks import KERNELS, NETWORKS, cells
from process import PeerError, Worker

FAKE = """
import json, sys, time
for line in sys.stdin:
    request = json.loads(line)
    if request["do"] == "sleep": time.sleep(60)
    if request["do"] == "die": sys.exit(5)
    if request["do"] == "kill": import os; os.kill(os.getpid(), 11)
    print(json.dumps({"error": "no\\nmore"} if request["do"] == "fail" else {"ns": [1, 2, 4], "engine": sys.argv[1]}), flush=True)
"""


class Contender:
    """Answers with given times in turn; PeerError where one is None."""

    def __init__(self, name, log, times):
        self.name, self.log, self.times = name, log, list(times)

    def ask(self, _request, _timeout):
        self.log.append(self.name)
        value = self.times.pop(0)
        if value is None:
            raise PeerError("broken")
        return {"ns": [value, value, 100 * value]}


class Alternating(unittest.TestCase):
    def setUp(self):
        race.SETTLE = 0

    def run_race(self, contenders, rounds=3, patience=1e9):
        log, failures = [], {}
        workers = {name: Contender(name, log, times) for name, times in contenders.items()}
        times = race.alternate(workers, rounds, 0.1, patience, 1, failures.__setitem__)
        return times, log, failures

    def test_each_round_begins_with_another(self):
        times, log, failures = self.run_race({"nnc": [10, 20, 30], "a": [20, 40, 60], "b": [5, 5, 5]})
        self.assertEqual(log, ["nnc", "a", "b", "a", "b", "nnc", "b", "nnc", "a"])
        self.assertEqual(times, {"nnc": [10, 20, 30], "a": [20, 40, 60], "b": [5, 5, 5]})
        self.assertEqual(failures, {})

    def test_one_that_fails_does_not_stop_the_rest(self):
        times, _, failures = self.run_race({"nnc": [10, 10, 10], "a": [20, None, 20]})
        self.assertEqual(times, {"nnc": [10, 10, 10]})
        self.assertEqual(failures, {"a": "broken"})

    def test_a_slow_one_loses_its_later_turns(self):
        times, _, _ = self.run_race({"nnc": [10] * 3, "slow": [int(1e9)] * 3}, patience=50)
        self.assertEqual(times, {"nnc": [10] * 3, "slow": [1e9]})

    def test_ratios_are_taken_round_by_round(self):
        found = race.ratios({"nnc": [10, 100, 10], "a": [20, 200, 30]}, "nnc")
        self.assertEqual(found["a"], (2.0, 2.0, 2.5))
        self.assertNotIn("nnc", found)
        self.assertEqual(race.ratios({"a": [1]}, "nnc"), {})
        self.assertEqual(race.ratios({"nnc": [2], "a": [3]}, "nnc")["a"], (1.5, 1.5, 1.5))


class Resuming(unittest.TestCase):
    def test_a_row_is_kept_if_it_has_all_that_is_wanted(self):
        row = {"rounds": 7, "peers": {"nnc": {"rounds_ns": [1]}, "torch": {"failed": "crashed"}}}
        self.assertTrue(race.complete(row, ["nnc", "torch"], 7, True))
        self.assertTrue(race.complete(row, ["nnc"], 3, True))
        self.assertFalse(race.complete(row, ["nnc", "torch", "iree"], 7, True))
        self.assertFalse(race.complete(row, ["nnc"], 9, True))
        self.assertFalse(race.complete({}, ["nnc"], 1, True))

    def test_a_row_without_nnc_is_measured_again(self):
        row = {"rounds": 7, "peers": {"nnc": {"failed": "no bf16 yet"}, "torch": {"rounds_ns": [1]}}}
        self.assertFalse(race.complete(row, ["nnc", "torch"], 7, True))
        self.assertTrue(race.complete(row, ["nnc", "torch"], 7, False))


class Commands(unittest.TestCase):
    def test_a_program_that_hangs_is_ended(self):
        import subjects

        with self.assertRaisesRegex(PeerError, "sleep: not done within 0 s"):
            subjects.command("sleep", 60, timeout=0.2)
        with self.assertRaisesRegex(PeerError, "sh: why$"):
            subjects.command("sh", "-c", "echo why; exit 3")
        self.assertLess(subjects.command("true")[0], 10)


class Processes(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.script = pathlib.Path(self.folder.name) / "fake.py"
        self.script.write_text(FAKE)
        self.worker = Worker("made-up", [0], 1, pathlib.Path(self.folder.name) / "log", script=self.script)

    def tearDown(self):
        self.worker.close()
        self.folder.cleanup()

    def ask(self, what, timeout=20):
        return self.worker.ask({"do": what}, timeout)

    def test_it_answers(self):
        self.assertEqual(self.ask("run"), {"ns": [1, 2, 4], "engine": "made-up"})
        self.assertEqual(self.ask("run")["ns"], [1, 2, 4])

    def state(self):
        text = pathlib.Path(f"/proc/{self.worker.process.pid}/stat").read_text()
        return text.rsplit(")", 1)[1].split()[0]

    def test_between_answers_it_is_stopped(self):
        for _ in range(2):
            self.ask("run")
            end = time.monotonic() + 10
            while self.state() != "T" and time.monotonic() < end:
                time.sleep(0.001)
            self.assertEqual(self.state(), "T")

    def test_errors_are_one_line(self):
        with self.assertRaisesRegex(PeerError, "^no$"):
            self.ask("fail")
        self.assertIn("ns", self.ask("run"))  # it goes on

    def test_one_that_hangs_is_ended(self):
        with self.assertRaisesRegex(PeerError, "no answer to 'sleep' within 0 s"):
            self.ask("sleep", 0.2)
        self.assertIsNotNone(self.worker.process.poll())

    def test_death_is_told(self):
        with self.assertRaisesRegex(PeerError, "ended with status 5"):
            self.ask("die")

    def test_signals_are_named(self):
        with self.assertRaisesRegex(PeerError, "killed by SIGSEGV"):
            self.ask("kill")

    def test_after_its_death_it_is_refused(self):
        with self.assertRaises(PeerError):
            self.ask("die")
        with self.assertRaises(PeerError):
            self.ask("run")


class Timing(unittest.TestCase):
    def test_runs_at_least_once_and_for_about_as_long(self):
        calls = []
        self.assertEqual(len(worker.timed(lambda: calls.append(1), 0)), 1)
        times = worker.timed(lambda: calls.append(1), 0.05)
        self.assertGreater(len(times), 10)
        self.assertLess(sum(times), 0.2e9)


    def test_a_turn_begins_with_a_run_that_is_not_timed(self):
        calls = []
        made = worker.Worker("made-up")
        made.engine = types.SimpleNamespace(run=lambda: calls.append(time.sleep(0.002)))
        self.assertEqual(len(made.run({"seconds": 0.01})["ns"]), len(calls) - 1)
        self.assertEqual(len(made.run({"seconds": 0.001})["ns"]), 1)  # a run takes longer than the turn
        before = len(calls)
        made.run({"seconds": 0.001})
        self.assertEqual(len(calls), before + 1)


class Errors(unittest.TestCase):
    def test_relative_error(self):
        import numpy as np

        a = np.array([3.0, 4.0], np.float32)
        self.assertEqual(race.relative_error([a], [a]), 0)
        self.assertAlmostEqual(race.relative_error([a * 1.5], [a]), 0.5)
        self.assertEqual(race.relative_error([a], [a, a]), float("inf"))
        self.assertEqual(race.relative_error([a[:1]], [a]), float("inf"))
        self.assertEqual(race.relative_error([a * np.nan], [a]), float("inf"))
        self.assertAlmostEqual(race.relative_error([a, a], [a, 2 * a]), 0.5)


def options(**given):
    values = {"networks": [], "batches": [1, 8], "threads": [1, 2], "precisions": ["f32"], "quick": False} | given
    return types.SimpleNamespace(**values)


class Rows(unittest.TestCase):
    def test_names_are_files(self):
        for network in NETWORKS:
            self.assertTrue((ROOT / network.source).exists(), network.name)

    def test_all_of_the_full_table(self):
        keys = [cell.key for cell in cells(options())]
        self.assertEqual(len(keys), len(set(keys)))
        batches = sum(len(network.batches) for network in NETWORKS)
        self.assertEqual(len(keys), 2 * batches + 2 * len(KERNELS))

    def test_selection(self):
        self.assertEqual([c.key for c in cells(options(networks=["ds_cnn"], batches=[8], threads=[1]))],
                         ["ds_cnn/batch 8/threads 1/f32"])
        self.assertTrue(all(c.subject in KERNELS for c in cells(options(networks=["kernels"]))))
        self.assertLess(len(cells(options(quick=True))), len(cells(options())) // 2)
        self.assertFalse(any(c.subject in KERNELS for c in cells(options(precisions=["bf16"]))))

    def test_kernels_are_networks(self):
        for kernel in KERNELS:
            self.assertIn("network kernel(x: f32[", kernel.source())
        self.assertEqual(KERNELS[0].operations, 2 * 128 * 768 * 768)

    def test_expected_results_of_kernels(self):
        import numpy as np
        from networks import Kernel
        from prepare_kernel import convolve

        x, w = np.arange(2.0 * 5 * 5).reshape(1, 2, 5, 5), np.ones((3, 2, 3, 3))
        y = convolve(x, w, 2)
        self.assertEqual(y.shape, (1, 3, 3, 3))
        self.assertEqual(y[0, 1, 1, 1], x[0, :, 1:4, 1:4].sum())
        self.assertEqual(y[0, 0, 2, 2], x[0, :, 3:, 3:].sum())
        self.assertEqual(Kernel("conv", (2, 5, 3, 3, 2)).shapes, ((1, 2, 5, 5), (3, 2, 3, 3)))


def made_up_results():
    entry = {"rounds_ns": [4e6, 5e6], "load_s": 0.5, "peak_mb": 70, "start_s": 1.25, "settings": "all on"}
    row = {"batch": 1, "threads": 1, "precision": "f32", "peers": {
        "nnc": entry | {"rounds_ns": [2e6, 3e6]},
        "openvino": entry | {"ratio": (0.5, 0.4, 0.9)},
        "torch": entry | {"ratio": (12.0, 11.0, 13.0)},
        "tvm": {"failed": "no answer | to 'load'"}}}
    return {"cells": {"resnet18/batch 1/threads 1/f32": row, "unet/batch 1/threads 1/f32": row}, "command": "bench-peers",
            "machine": {"processor": "P"}, "versions": {"nnc": "1", "tvm": None},
            "subjects": {"resnet18/batch 1": {"nnc": {"compile_s": 2.5, "compile_mb": 100.0, "first_result_s": 0.01},
                                              "disk_mb": {"nnc": 47}}}}


class Reports(unittest.TestCase):
    def test_losses_are_told_as_wins_are(self):
        text = report.markdown(made_up_results(), {"resnet18/batch 1/threads 1/f32"}, types.SimpleNamespace(rounds=2))
        self.assertIn("| resnet18 | 1 | 1 | 2.500 | 0.50 [0.40–0.90] | 12.0 [11.0–13.0] |", text)
        self.assertIn("| openvino | 1 | 0 | 1 | 0 | 0.50 |", text)
        self.assertIn("| torch | 1 | 1 | 0 | 0 | 12.00 |", text)
        self.assertIn("- tvm: no answer / to 'load' (resnet18/batch 1/threads 1/f32)", text)
        self.assertIn("| resnet18 | nnc | 2.50 | 0.50 | 100 | 0.01 | 47 |", text)
        self.assertIn("| resnet18 | openvino | – | 0.50 | 70 | 1.25 | 0 |", text)
        self.assertIn("tvm not installed", text)
        self.assertNotIn("unet", text)

    def test_a_call_is_no_network_in_the_summary(self):
        results = made_up_results()
        results["cells"]["nothing/batch 1/threads 1/f32"] = results["cells"]["unet/batch 1/threads 1/f32"]
        self.assertEqual(report.summary(list(results["cells"].items()), ["openvino"])[0][:2], ["openvino", "2"])

    def test_rows_with_cores_far_apart_are_named(self):
        results = made_up_results()
        rows = [(f"net/threads {i}", row | {"apart_ns": ns}) for i, (row, ns) in enumerate(
            zip(list(results["cells"].values()) * 2, ([28, 30], [29, 165], [31], [])))]
        self.assertEqual(report.distances(rows), [
            "- a cache line took 30 to 165 ns from one core to the other; far, which slows all that share data, in "
            "net/threads 1"])
        self.assertEqual(report.distances(rows[3:]), [])

    def test_short_times_have_digits(self):
        self.assertEqual(report.ms({"rounds_ns": [2500]}), "0.00250")
        self.assertEqual(report.ms({"rounds_ns": [2500000]}), "2.500")

    def test_the_terminal_says_the_same(self):
        text = report.terminal(made_up_results(), {"unet/batch 1/threads 1/f32"})
        self.assertRegex(text, r"unet +1 +1 +2\.500 +0\.50 \[0\.40–0\.90\] +12\.0 \[11\.0–13\.0\]")
        self.assertIn("above 1, nnc is faster", text)


class LeftOut(unittest.TestCase):
    def test_what_is_missing_is_named(self):
        chosen = options(networks=["resnet50", "unet"])
        rows = [cell for cell in cells(chosen) if (cell.subject.name, cell.batch) != ("unet", 8)]
        lines = report.left_out(rows, ["unet/batch 1/threads 2/f32"], chosen)
        self.assertTrue(lines[0].startswith("not chosen: nothing, resnet18") and "conv" in lines[0])
        self.assertEqual(lines[1], "batch 8, to keep the race within an hour: unet")
        self.assertEqual(lines[2], "no time was left (-minutes): unet/batch 1/threads 2/f32")
        results = made_up_results() | {"left_out": lines}
        text = report.markdown(results, {"unet/batch 1/threads 1/f32"}, types.SimpleNamespace(rounds=2))
        self.assertIn("- left out: batch 8, to keep", text)
        self.assertIn("left out: batch 8, to keep", report.terminal(results, {"unet/batch 1/threads 1/f32"}))

    def test_a_full_table_leaves_no_network_out(self):
        lines = report.left_out(cells(options(batches=[1])), [], options(batches=[1]))
        self.assertEqual(lines, [])


class Machine(unittest.TestCase):
    def test_it_describes_itself(self):
        found = machine.describe()
        self.assertTrue(found["processor"] and found["memory"].endswith("GiB"))

    def test_distance_is_a_number_or_unknown(self):
        self.assertIsNone(machine.distance("/no/such/program", [0, 1]))
        self.assertIsNone(machine.distance("/bin/false", [0, 1]))
        self.assertEqual(machine.distance("/bin/echo", [165]), 165)

    def test_arguments_that_the_script_adds_are_left_out(self):
        self.assertEqual(machine.shown_arguments(["-nnc", "N", "-work", "W", "-quick", "-json=F"]), ["-quick", "-json=F"])


if __name__ == "__main__":
    unittest.main()

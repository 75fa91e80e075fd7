# Copyright nnc contributors
# SPDX-License-Identifier: Apache-2.0
"""The race: nnc and what a user could run instead, on the same networks, weights and inputs, in turn.

Called by scripts/bench-peers, which makes the virtual environment; docs/performance.md explains the result.
"""

import argparse
import json
import pathlib
import sys
import time

import machine
import report
import subjects
from networks import LIBRARIES, NETWORKS, PEERS, Kernel, cells
from process import PeerError, Worker
from race import alternate, complete, ratios

TOLERANCE = {"f32": 1e-3, "bf16": 5e-2}  # above it, a contender disagrees and is not timed


def numbers(text):
    return [int(part) for part in text.split(",")]


def words(text):
    return [part for part in text.split(",") if part]


def parse(arguments):
    parser = argparse.ArgumentParser(prog="bench-peers", description=__doc__, allow_abbrev=False,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-networks", type=words, metavar="A,B", default=[],
                        help="only these: " + ", ".join(n.name for n in NETWORKS) + ", kernels")
    parser.add_argument("-peers", type=words, metavar="A,B", default=[p.name for p in PEERS + LIBRARIES],
                        help="only these: " + ", ".join(p.name for p in PEERS + LIBRARIES))
    parser.add_argument("-threads", type=numbers, default=[1, 2], metavar="1,2")
    parser.add_argument("-batch", dest="batches", type=numbers, default=[1, 8], metavar="1,8")
    parser.add_argument("-precision", dest="precisions", type=words, default=["f32"], metavar="f32,bf16")
    parser.add_argument("-rounds", type=int, default=7, help="how often each contender has its turn")
    parser.add_argument("-quick", action="store_true", help="few networks, three rounds, no TVM")
    parser.add_argument("-json", type=pathlib.Path, metavar="FILE", help="results; what it holds already is kept")
    parser.add_argument("-report", type=pathlib.Path, metavar="FILE", help="write the table as Markdown")
    parser.add_argument("-minutes", type=float, default=float("inf"), metavar="N",
                        help="begin no row after that; called again, the race goes on where it stopped")
    parser.add_argument("-fresh", action="store_true", help="measure again what the results hold already")
    parser.add_argument("-nnc", type=pathlib.Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("-work", type=pathlib.Path, required=True, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    known = {n.name for n in NETWORKS} | {"kernels"}
    if unknown := set(options.networks) - known:
        parser.error(f"unknown network {', '.join(sorted(unknown))}; known: {', '.join(sorted(known))}")
    if max(options.threads) > machine.core_count():
        parser.error(f"this machine has {machine.core_count()} cores")
    if options.quick:
        options.rounds, options.batches = min(options.rounds, 3), [1]
        options.peers = [p for p in options.peers if p != "tvm"]
    return options


class Race:
    def __init__(self, options):
        self.options = options
        self.path = options.json or options.work / ("quick.json" if options.quick else "results.json")
        self.results = {"cells": {}, "subjects": {}}
        if self.path.exists() and not options.fresh:
            self.results = json.loads(self.path.read_text())
        self.versions = machine.versions(options.nnc, PEERS)
        self.results |= {"machine": machine.describe(), "versions": self.versions,
                         "command": " ".join(["scripts/bench-peers", *machine.shown_arguments(sys.argv[1:])])}
        self.began, self.done, self.left_out = time.monotonic(), 0, []

    def save(self):
        partial = self.path.with_suffix(".partial")
        partial.write_text(json.dumps(self.results, indent=1))
        partial.rename(self.path)

    def say(self, text):
        minutes = (time.monotonic() - self.began) / 60
        left = minutes / self.done * (len(self.rows) - self.done) if self.done else None
        estimate = f", about {left:.0f} min left" if left is not None else ""
        print(f"[{self.done}/{len(self.rows)}, {minutes:.1f} min{estimate}] {text}", flush=True)

    # ---- one row ----

    def contenders(self, cell):
        """Those that take part: a list of (peer, why not or None)."""
        ahead = self.results["subjects"].get(subjects.key_of(cell), {})
        peers = PEERS
        if isinstance(cell.subject, Kernel):
            peers = [peer for peer in [PEERS[0], *LIBRARIES] if cell.subject.kind in peer.kinds]
        for peer in peers:
            if peer.name not in self.options.peers:
                continue
            reason = None
            if cell.precision not in peer.precisions and peer in PEERS:
                reason = f"no {cell.precision} on the CPU"
            elif peer.first_row_only and (cell.batch, cell.threads) != (1, min(self.options.threads)):
                reason = "gets ready too slowly to take part in more than one row a network"
            elif ahead.get(peer.name, {}).get("failed"):
                reason = ahead[peer.name]["failed"]
            elif peer.packages and not all(self.versions.get(p) for p in peer.packages):
                reason = "not installed"
            yield peer, reason

    def start(self, peer, cell, subject, entry):
        """A worker that has loaded, run once, and agrees; PeerError if not."""
        spec = subject.spec(peer, cell)
        began = time.monotonic()
        worker = Worker(peer.engine, machine.cores()[:cell.threads], cell.threads, self.options.work / "worker.log")
        try:
            entry |= worker.ask({"do": "load", "spec": spec}, peer.load_timeout)
            entry["start_s"] = time.monotonic() - began
            results = subject.folder / "results.npz"
            worker.ask({"do": "outputs", "to": str(results)}, 60)
            entry["error"] = subject.error(results)
        except PeerError:
            worker.close()
            raise
        if entry["error"] > TOLERANCE[cell.precision]:
            worker.close()
            raise PeerError(f"disagrees: relative error {entry['error']:.2g}")
        return worker

    def distance(self, cell):
        """Between the first two cores of a row, in ns; None where it has one thread."""
        return machine.distance(self.options.work / "distance", machine.cores()[:2]) if cell.threads > 1 else None

    def measure(self, cell, subject):
        row = {"peers": {}, "precision": cell.precision, "threads": cell.threads, "batch": cell.batch,
               "rounds": self.options.rounds}
        workers = {}
        try:
            for peer, reason in self.contenders(cell):
                entry = row["peers"][peer.name] = {}
                if reason:
                    entry["failed"] = reason
                    continue
                self.say(f"{cell.key}: {peer.name} gets ready")
                try:
                    workers[peer.name] = self.start(peer, cell, subject, entry)
                except PeerError as error:
                    entry["failed"] = str(error)
            self.say(f"{cell.key}: {len(workers)} in turn, {self.options.rounds} rounds")

            def failed(name, why):
                row["peers"][name]["failed"] = why

            turn = 0.1 if self.options.quick else 0.25  # seconds
            patience = 4 * turn * self.options.rounds
            apart = [self.distance(cell)]
            times = alternate(workers, self.options.rounds, turn, patience, 120, failed)
            row["apart_ns"] = [ns for ns in [*apart, self.distance(cell)] if ns is not None]
        finally:
            for worker in workers.values():
                worker.close()
        compared = ratios(times, "nnc")
        for name, own in times.items():
            row["peers"][name]["rounds_ns"] = own
            if name in compared:
                row["peers"][name]["ratio"] = compared[name]
        return row

    def run(self):
        self.rows = cells(self.options)
        for cell in self.rows:
            known = self.results["cells"].get(cell.key, {})
            wanted = [peer.name for peer, _ in self.contenders(cell)]
            whole = complete(known, wanted, self.options.rounds, cell.precision in PEERS[0].precisions)
            if known.get("versions") == self.versions and whole:
                self.done += 1
                continue
            if time.monotonic() - self.began > 60 * self.options.minutes:
                self.left_out.append(cell.key)
                continue
            try:
                subject = subjects.prepare(cell, self)
                row = self.measure(cell, subject)
            except (PeerError, OSError) as error:
                row = {"peers": {}, "failed": str(error), "precision": cell.precision, "threads": cell.threads,
                       "batch": cell.batch}
            self.results["cells"][cell.key] = row | {"versions": self.versions}
            self.done += 1
            self.save()
            print(report.row_line(cell.key, row), flush=True)
        shown = {cell.key for cell in self.rows} - set(self.left_out)
        self.results["left_out"] = report.left_out(self.rows, self.left_out, self.options)
        self.save()
        print(report.terminal(self.results, shown))
        if self.options.report:
            self.options.report.write_text(report.markdown(self.results, shown, self.options))
            print(f"written to {self.options.report}")


def main():
    options = parse(sys.argv[1:])
    options.work.mkdir(parents=True, exist_ok=True)
    Race(options).run()


if __name__ == "__main__":
    main()

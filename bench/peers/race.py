# Copyright nnc contributors
# SPDX-License-Identifier: Apache-2.0
"""Timing contenders in turn, and what is made of the times."""

import statistics
import time

from process import PeerError

SETTLE = 0.02  # seconds in which threads of the one before may go to sleep


def median(values):
    return statistics.median(values)


def spread(values):
    """The quartiles of a list, for a list of one that one."""
    if len(values) < 2:
        return values[0], values[0]
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, high


def alternate(workers, rounds, seconds, patience, timeout, failed):
    """Lets every worker run in turn, `rounds` times, each round beginning at another one.

    workers: name to an object with ask(). Returns name to a list of one median time in ns a round. One that has taken
    `patience` seconds altogether has no more turns, so that a slow contender does not cost the others their rounds; one
    that fails is left out, and failed(name, why) is told.
    """
    times, spent = {name: [] for name in workers}, {name: 0.0 for name in workers}
    for number in range(rounds):
        alive = [name for name in times if spent[name] < patience]
        turn = number % len(alive) if alive else 0
        for name in alive[turn:] + alive[:turn]:
            time.sleep(SETTLE)
            try:
                each = workers[name].ask({"do": "run", "seconds": seconds}, timeout)["ns"]
            except PeerError as error:
                failed(name, str(error))
                times.pop(name)
                continue
            times[name].append(median(each))
            spent[name] += sum(each) / 1e9
    return times


def ratios(times, base):
    """name to (median, low and high quartile) of its time over base's in the same round: above 1, base is faster."""
    result = {}
    for name, own in times.items():
        if name == base or base not in times:
            continue
        each = [a / b for a, b in zip(own, times[base])]
        result[name] = (median(each), *spread(each))
    return result


def complete(row, wanted, rounds, with_nnc):
    """Whether a row of earlier results need not be measured again: it has all these contenders, in as many rounds."""
    peers = row.get("peers", {})
    if with_nnc and "rounds_ns" not in peers.get("nnc", {}):
        return False
    return set(wanted) <= set(peers) and row.get("rounds", 0) >= rounds


def relative_error(results, references):
    """The greatest relative error in the 2-norm; inf where shapes differ or something is not finite."""
    import numpy as np

    if len(results) != len(references):
        return float("inf")
    worst = 0.0
    for result, reference in zip(results, references):
        if result.size != reference.size or not np.isfinite(result).all():
            return float("inf")
        norm = np.linalg.norm(reference.astype(np.float64)) or 1.0
        difference = np.linalg.norm(result.ravel().astype(np.float64) - reference.ravel())
        worst = max(worst, float(difference / norm))
    return worst

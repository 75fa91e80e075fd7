# Copyright nnc contributors
# SPDX-License-Identifier: Apache-2.0
"""Tables of the results, for the terminal and as Markdown."""

from networks import KERNELS, LIBRARIES, NETWORKS, PEERS
from race import median

EXPLAINED = """Numbers under a peer are its time divided by nnc's, as the median over rounds in which all ran in turn, with
the quartiles in brackets: **above 1, nnc is faster; below 1, the peer is**. Where nnc has no number, a peer's is its time.
A dash stands for a contender that did not take part; why is said below each table."""


def own_ms(entry):
    return median(entry["rounds_ns"]) / 1e6


def ratio_text(entry):
    if "ratio" not in entry:  # nnc did not take part: what there is to say is the time
        return f"{ms(entry)} ms" if "rounds_ns" in entry else "–"
    middle, low, high = entry["ratio"]
    digits = 2 if middle < 10 else 1 if middle < 100 else 0
    return f"{middle:.{digits}f} [{low:.{digits}f}–{high:.{digits}f}]"


def ms(entry):
    value = own_ms(entry)
    return f"{value:.3f}" if value >= 0.1 else f"{value:.5f}"


def row_line(key, row):
    """One line about a row that was just measured."""
    if "failed" in row:
        return f"  {key}: failed: {row['failed']}"
    parts = []
    for name, entry in row["peers"].items():
        if "rounds_ns" in entry:
            parts.append(f"{name} {ms(entry)} ms" + (f" ×{entry['ratio'][0]:.2f}" if "ratio" in entry else ""))
        else:
            parts.append(f"{name}: {entry['failed']}")
    return f"  {key}: " + "; ".join(parts)


def table(header, rows):
    """Lines of a Markdown table; the first column to the left, the others to the right."""
    lines = ["| " + " | ".join(header) + " |", "| --- |" + " ---: |" * (len(header) - 1)]
    return lines + ["| " + " | ".join(row) + " |" for row in rows]


def reasons(cells):
    """Why contenders are missing: lines by reason."""
    found = {}
    for key, row in cells:
        if "failed" in row:
            found.setdefault(("nothing ran", row["failed"]), []).append(key)
        for name, entry in row["peers"].items():
            if "failed" in entry:
                found.setdefault((name, entry["failed"]), []).append(key)
    lines = []
    for (name, why), keys in found.items():
        where = ", ".join(keys) if len(keys) <= 3 else f"{len(keys)} rows"
        lines.append(f"- {name}: {why.replace('|', '/')} ({where})")
    return lines


def distances(cells):
    """A line about how far apart cores were, and in which rows farther than in others; no line where nothing is known."""
    apart = {key: max(row["apart_ns"]) for key, row in cells if row.get("apart_ns")}
    if not apart:
        return []
    least, most = min(apart.values()), max(apart.values())
    far = [key for key, ns in apart.items() if ns > 2 * least]
    where = f"; far, which slows all that share data, in {', '.join(far)}" if far else ""
    return [f"- a cache line took {least} to {most} ns from one core to the other{where}"]


def select(results, shown, subjects):
    """(key, row) of the rows of these subjects, in their order."""
    names = [s.name for s in subjects]
    chosen = [(key, row) for key, row in results["cells"].items() if key in shown and key.split("/")[0] in names]
    return sorted(chosen, key=lambda item: (item[1]["precision"], names.index(item[0].split("/")[0]), item[1]["batch"],
                                            item[1]["threads"]))


def latencies(cells, peers):
    """The rows of the table of latencies."""
    rows = []
    for key, row in cells:
        name = key.split("/")[0] + (f", {row['precision']}" if row["precision"] != "f32" else "")
        own = row["peers"].get("nnc", {})
        rows.append([name, str(row["batch"]), str(row["threads"]), ms(own) if "rounds_ns" in own else "–",
                     *[ratio_text(row["peers"].get(p, {})) for p in peers]])
    return rows


def geometric_mean(values):
    product = 1.0
    for value in values:
        product *= value
    return product ** (1 / len(values))


def summary(cells, peers):
    """One row a peer: in how many rows it is faster or slower, and the mean of the ratios."""
    rows = []
    for peer in peers:
        middle = [row["peers"][peer]["ratio"] for key, row in cells
                  if "ratio" in row["peers"].get(peer, {}) and not key.startswith("nothing/")]
        if not middle:
            continue
        wins, losses = sum(low > 1 for _, low, _ in middle), sum(high < 1 for _, _, high in middle)
        rows.append([peer, str(len(middle)), str(wins), str(losses), str(len(middle) - wins - losses),
                     f"{geometric_mean([m for m, _, _ in middle]):.2f}"])
    return rows


SUMMARY_HEADER = ["peer", "rows", "nnc faster", "peer faster", "undecided", "geometric mean"]


def seconds(value):
    return "–" if value is None else f"{value:.2f}" if value < 10 else f"{value:.0f}"


def preparations(results, cells):
    """Rows: what it takes until the first result, by network and peer; at the fewest threads."""
    rows, seen = [], set()
    for key, row in cells:
        subject = "/".join(key.split("/")[:2])
        if subject in seen or row["batch"] != 1 or row["precision"] != "f32":
            continue
        seen.add(subject)
        facts = results["subjects"].get(subject, {})
        for name, entry in row["peers"].items():
            if "load_s" not in entry:
                continue
            ahead = facts.get(name, {})
            memory = max(entry["peak_mb"] if name not in ("nnc",) else 0, ahead.get("compile_mb", 0))
            first = ahead.get("first_result_s", entry["start_s"])
            rows.append([key.split("/")[0], name, seconds(ahead.get("compile_s")), seconds(entry["load_s"]),
                         f"{memory:.0f}", seconds(first), f"{facts.get('disk_mb', {}).get(name, 0):.0f}"])
    return rows


PREPARATION_HEADER = ["network", "contender", "compile ahead, s", "load, s", "peak memory, MB", "start to first result, s",
                      "on disk, MB"]


def left_out(rows, late, options):
    """Lines about what a table of these rows does not have, and why; late: keys of those for which there was no time."""
    shown, lines = {row.subject for row in rows}, []
    if absent := [s.name for s in [*NETWORKS, *KERNELS] if s not in shown]:
        lines.append("not chosen: " + ", ".join(absent))
    for batch in options.batches:
        if few := [n.name for n in NETWORKS if n in shown and (n.name, batch) not in
                   {(row.subject.name, row.batch) for row in rows}]:
            lines.append(f"batch {batch}, to keep the race within an hour: {', '.join(few)}")
    if late:
        lines.append(f"no time was left (-minutes): {', '.join(late)}")
    return lines


def used(cells, known):
    return [p.name for p in known
            if p.name != "nnc" and any("rounds_ns" in row["peers"].get(p.name, {}) for _, row in cells)]


def aligned(header, rows):
    """Plain text with columns."""
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]
    return "\n".join("  ".join(cell.ljust(w) if i == 0 else cell.rjust(w) for i, (cell, w) in enumerate(zip(row, widths)))
                     for row in [header, *rows])


def terminal(results, shown):
    parts = []
    for title, subjects, contenders in (("networks", NETWORKS, PEERS), ("kernels", KERNELS, LIBRARIES)):
        cells = select(results, shown, subjects)
        if not cells:
            continue
        peers = used(cells, contenders)
        parts += ["", aligned([title, "batch", "threads", "nnc ms", *peers], latencies(cells, peers)), "",
                  aligned(SUMMARY_HEADER, summary(cells, peers)), *reasons(cells), *distances(cells)]
    parts += ["", *(f"left out: {line}" for line in results.get("left_out", []))]
    parts += ["A peer's number is its time over nnc's, median [quartiles]: above 1, nnc is faster."]
    return "\n".join(parts)


def markdown(results, shown, options):
    lines = ["# The race", "", "nnc and what a user could run instead: the same networks, weights and inputs, in one run.",
             "[docs/performance.md](../docs/performance.md) says how it is run and kept fair.", "", "## Where and how", ""]
    lines += [f"- {name}: {value}" for name, value in results["machine"].items()]
    lines += [f"- command: `{results['command']}`",
              f"- rounds: {options.rounds}; every contender in turn in each of them, beginning with another one",
              "- versions: " + ", ".join(f"{n} {v or 'not installed'}" for n, v in results["versions"].items()), ""]
    lines[-1:] = [*(f"- left out: {line}" for line in results.get("left_out", [])), ""]
    networks, kernels = select(results, shown, NETWORKS), select(results, shown, KERNELS)
    if networks:
        peers = used(networks, PEERS)
        lines += ["## Latency of networks", "", EXPLAINED, "",
                  *table(["network", "batch", "threads", "nnc, ms", *peers], latencies(networks, peers)), "",
                  *table(SUMMARY_HEADER, summary(networks, peers)), "", *reasons(networks), *distances(networks), "",
                  "Sequences have 128 tokens. What a call itself takes is in every number; the network `nothing` shows how much: it",
                  "matters in rows of a few microseconds. A row counts as faster or slower where the quartiles stand on one side of 1.",
                  ""]
    if kernels:
        peers = used(kernels, LIBRARIES)
        lines += ["## Single kernels", "", *table(["kernel", "batch", "threads", "nnc, ms", *peers],
                                                  latencies(kernels, peers)), "", *reasons(kernels),
                  *distances(kernels), ""]
    if networks:
        lines += ["## Until the first result", "",
                  "The first round of one network with batch 1 and the fewest threads. nnc compiles ahead, and a C program",
                  "loads the object; IREE compiles ahead, too. All others do their work when they load, in Python, as their",
                  "users mostly run them; the time from the start of the process holds Python's own and the import. On disk is",
                  "all that a run needs, Python itself not counted.", "",
                  *table(PREPARATION_HEADER, preparations(results, networks)), "", "## Settings", "",
                  *settings(networks), ""]
    return "\n".join(lines)


def settings(cells):
    """One line a contender and way it was set up."""
    found = {}
    for _, row in cells:
        for name, entry in row["peers"].items():
            if "settings" in entry:
                found.setdefault(name, set()).add(entry["settings"])
    return [f"- {name}: {text}" for name, texts in found.items() for text in sorted(texts)]

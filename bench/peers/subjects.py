# Copyright nnc contributors
# SPDX-License-Identifier: Apache-2.0
"""What one network, or one kernel, needs before it can be run: weights, inputs, expected results, and the files that
compilers make. Made once for each batch, and kept."""

import json
import os
import pathlib
import subprocess
import sys
import threading
import time

import numpy as np

import machine
from networks import LENGTH, LIBRARIES, PEERS, Kernel
from prepare_kernel import prepare as prepare_kernel
from process import PeerError, Worker
from race import relative_error

ROOT = pathlib.Path(__file__).resolve().parents[2]
TWINS = ROOT / "tests/torch"


def command(*words, timeout=900):
    """Runs a program; returns seconds and its peak memory in MB. PeerError with its message if it fails or hangs."""
    began = time.monotonic()
    # A function to run in the child makes Popen fork: after vfork, Linux counts the most memory that this process ever had
    # as the child's.
    process = subprocess.Popen([str(w) for w in words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               preexec_fn=lambda: None)
    watch = threading.Timer(timeout, process.kill)
    watch.start()
    with process.stdout as stream:
        text = stream.read().decode(errors="replace")
    _, status, usage = os.wait4(process.pid, 0)
    watch.cancel()
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0 and time.monotonic() - began >= timeout:
        raise PeerError(f"{pathlib.Path(str(words[0])).name}: not done within {timeout:.0f} s")
    if process.returncode != 0:
        last = (text.strip().splitlines() or [f"status {process.returncode}"])[-1]
        raise PeerError(f"{pathlib.Path(str(words[0])).name}: {last}")
    return time.monotonic() - began, usage.ru_maxrss / 1024


class Subject:
    """The files of one network at one batch, in `folder`."""

    def __init__(self, cell, folder):
        self.cell, self.folder = cell, folder

    def error(self, results):
        def arrays(path):
            with np.load(path) as file:
                return [file[name] for name in file.files]

        return relative_error(arrays(results), arrays(self.folder / "expected.npz"))

    def spec(self, peer, cell):
        """What the engine is told."""
        folder, subject = self.folder, cell.subject
        spec = {"inputs": folder / "inputs.npz", "threads": cell.threads, "precision": cell.precision,
                "onnx": folder / "network.onnx", "so": nnc_object(folder, cell.precision), "weights": folder / "weights.safetensors",
                "nnc_library": folder.parent / "nnc_model.so", "mcpu": machine.cpu_name(), "twins": TWINS}
        if isinstance(subject, Kernel):
            spec |= {"kind": subject.kind, "dims": subject.dims, "weight": folder / "weight.npy",
                     "result": np.load(folder / "expected.npz")["arr_0"].shape,
                     "library": folder.parent / f"kernel_{peer.name}.so"}
        else:
            spec |= {"network": subject.name, "channels_last": subject.channels_last}
        return {name: str(value) if isinstance(value, pathlib.Path) else value for name, value in spec.items()}


def build_helpers(work, nnc):
    """The libraries through which workers call C code; those whose packages are missing are left out."""
    runtime = nnc.parent / "runtime/libnnrt.a"
    model = pathlib.Path(__file__).with_name("engines") / "nnc_model.c"
    rest = [f"-I{ROOT / 'runtime'}", model, runtime, "-lpthread", "-ldl", "-lm"]
    command("cc", "-O2", "-shared", "-fPIC", "-o", work / "nnc_model.so", *rest)
    command("cc", "-O2", "-DMODEL_MAIN", "-o", work / "nnc_model", *rest)
    command("cc", "-O2", "-o", work / "distance", model.parents[1] / "distance.c", "-lpthread")
    libraries = {"oneDNN": ["-ldnnl"], "OpenBLAS": ["-lopenblas"],
                 "libxsmm": ["-lxsmm", "-lxsmmnoblas", "-lpthread", "-ldl", "-lm"]}
    for peer in LIBRARIES:
        source = ROOT / f"bench/kernels/{peer.name.lower()}.c"
        try:
            command("cc", "-O2", "-fopenmp", "-shared", "-fPIC", "-o", work / f"kernel_{peer.name}.so", source,
                    *libraries[peer.name])
        except PeerError as error:
            print(f"left out: {peer.name}: {error}")


def nnc_object(folder, precision):
    return folder / ("network.so" if precision == "f32" else f"network-{precision}.so")


def compile_all(subject, race, source, weights, fp, bindings):
    """What is compiled ahead: nnc's object and model, IREE's module. Returns what each compiler took."""
    nnc, folder = race.options.nnc, subject.folder
    common = [source, f"-weights={weights}", *bindings]
    command(nnc, "export", *common, "-o", folder / "network.onnx")
    seconds, peak = command(nnc, *common, f"-fp={fp}", "-emit=so", "-o", nnc_object(folder, "f32"))
    for precision in race.options.precisions:
        if precision != "f32" and not isinstance(subject.cell.subject, Kernel):
            command(nnc, *common, f"-fp={fp}", f"-precision={precision}", "-emit=so", "-o",
                    nnc_object(folder, precision))
    return {"nnc": {"compile_s": seconds, "compile_mb": peak}}


def first_result(subject, race):
    """Seconds from the start of a C program to nnc's first result, with one thread; the median of five."""
    program, folder, files = race.options.work / "nnc_model", subject.folder, []
    with np.load(folder / "inputs.npz") as inputs:
        for name in inputs.files:
            files.append(folder / f"{name}.raw")
            inputs[name].tofile(files[-1])
    times = [command(program, folder / "network.so", 1, *files)[0] for _ in range(5)]
    return sorted(times)[2]


def disk_mb(path):
    path = pathlib.Path(path)
    if path.is_file():
        return path.stat().st_size / 1e6
    return sum(f.lstat().st_size for f in path.rglob("*") if f.is_file() and not f.is_symlink()) / 1e6


def footprints(subject):
    """MB on disk with everything that a run needs, Python itself not counted."""
    folder, result = subject.folder, {}
    site = machine.site_packages()
    files = {"nnc": "network.so", "iree": "network.vmfb", "torch": "weights.safetensors",
             "torch.compile": "weights.safetensors"}
    for peer in PEERS:
        own = folder / files.get(peer.name, "network.onnx")
        if own.exists():
            result[peer.name] = disk_mb(own) + sum(disk_mb(site / part) for part in peer.footprint)
    return result


def key_of(cell):
    """Under which the results hold what is known of the subject of a row."""
    return f"{cell.subject.name}/batch {cell.batch}"


def remembered(folder):
    """What is known of the files in a folder: of which nnc and IREE they are, and the facts that were found."""
    try:
        return json.loads((folder / "made.json").read_text())
    except (OSError, ValueError):
        return {}


def prepare(cell, race):
    """The subject of a row, made if it is not there yet. What is known of it comes to race.results."""
    work, subject, nnc = race.options.work, cell.subject, machine.file_hash(race.options.nnc)
    folder = work / f"{subject.name.replace(' ', '_').replace('×', 'x').replace(',', '')}-{cell.batch}"
    made, known = Subject(cell, folder), remembered(folder)
    if not (work / "built").exists() or (work / "built").read_text() != nnc:
        build_helpers(work, race.options.nnc)
        (work / "built").write_text(nnc)
    if known.get("nnc") != nnc or not nnc_object(folder, cell.precision).exists():
        folder.mkdir(parents=True, exist_ok=True)
        race.say(f"{key_of(cell)}: weights, inputs and files")
        known = known | {"nnc": nnc, "facts": make(made, race)}
    iree = race.versions.get("iree-base-compiler")
    if not isinstance(subject, Kernel) and iree and "iree" in race.options.peers:
        source = [iree, machine.file_hash(folder / "network.onnx")]
        if known.get("iree") != source:
            race.say(f"{key_of(cell)}: IREE compiles")
            known |= {"iree": source, "iree_facts": compile_iree(made, race)}
        known["facts"] |= {"iree": known["iree_facts"], "disk_mb": footprints(made)}
    (folder / "made.json").write_text(json.dumps(known))
    race.results["subjects"][key_of(cell)] = known["facts"]
    race.save()
    return made


def make(made, race):
    """The files of a subject but for IREE's; returns what compilers took, and disk space."""
    cell, folder = made.cell, made.folder
    subject = cell.subject
    (folder / "made.json").unlink(missing_ok=True)
    if isinstance(subject, Kernel):
        prepare_kernel(subject, folder)
        return compile_all(made, race, folder / "network.nn", folder / "weights.npz", "strict", [])
    command(sys.executable, pathlib.Path(__file__).with_name("prepare.py"), TWINS, subject.name, cell.batch, LENGTH,
            folder)
    bindings = [f"-bind=N={cell.batch}"] + ([f"-bind=T={LENGTH}"] if subject.sequence else [])
    facts = compile_all(made, race, ROOT / subject.source, folder / "weights.safetensors", "fast", bindings)
    facts["nnc"]["first_result_s"] = first_result(made, race)
    facts["disk_mb"] = footprints(made)
    return facts


def compile_iree(subject, race):
    worker = Worker("iree", machine.cores(), machine.core_count(), race.options.work / "iree.log")
    began = time.monotonic()
    try:
        answer = worker.ask({"do": "compile", "onnx": str(subject.folder / "network.onnx")}, 600)
        return {"compile_s": time.monotonic() - began, "compile_mb": answer["peak_mb"]}
    except PeerError as error:
        return {"failed": str(error)}
    finally:
        worker.close()

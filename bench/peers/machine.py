# Copyright nnc contributors
# SPDX-License-Identifier: Apache-2.0
"""What is measured on: the machine, and the versions of everything."""

import functools
import hashlib
import importlib.metadata
import os
import pathlib
import platform
import re
import subprocess
import sysconfig

SHOWN_FLAGS = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_tile", "amx_int8", "amx_bf16")
DEBIAN = ("libdnnl-dev", "libopenblas-dev", "libxsmm-dev")


def cores():
    """The CPUs that this process may use."""
    return sorted(os.sched_getaffinity(0))


def core_count():
    return len(cores())


def site_packages():
    return pathlib.Path(sysconfig.get_paths()["purelib"])


@functools.cache
def file_hash(path):
    return hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()[:16]


def describe():
    """One line each: processor, its extensions, caches, memory, system."""
    info = pathlib.Path("/proc/cpuinfo").read_text()
    model = re.search(r"model name\s*: (.*)", info)
    flags = set(re.search(r"flags\s*: (.*)", info).group(1).split()) if "flags" in info else set()
    memory = int(re.search(r"MemTotal:\s*(\d+)", pathlib.Path("/proc/meminfo").read_text()).group(1)) / 2**20
    return {"processor": model.group(1) if model else platform.machine(), "cores": core_count(),
            "extensions": ", ".join(f for f in SHOWN_FLAGS if f in flags), "memory": f"{memory:.0f} GiB",
            "caches": caches(), "system": f"Linux {platform.release().split('-')[0]}, Python {platform.python_version()}"}


def distance(program, between):
    """How many ns a cache line takes from one of two cores to the other; None where it cannot be said."""
    try:
        text = subprocess.run([str(program), *map(str, between)], check=True, capture_output=True, timeout=10).stdout
        return int(text)
    except (OSError, subprocess.SubprocessError, ValueError):
        return None


def caches():
    folder, found = pathlib.Path("/sys/devices/system/cpu/cpu0/cache"), []
    for index in sorted(folder.glob("index*")):
        kind = (index / "type").read_text().strip()
        if kind != "Instruction":
            found.append(f"L{(index / 'level').read_text().strip()} {(index / 'size').read_text().strip()}")
    return ", ".join(found)


@functools.cache
def cpu_name():
    """LLVM's name of this processor."""
    for tool in ("clang-19", "clang"):
        try:
            text = subprocess.run([tool, "-march=native", "-###", "-c", "-x", "c", "/dev/null"], check=False,
                                  capture_output=True, text=True).stderr
        except FileNotFoundError:
            continue
        if found := re.search(r'"-target-cpu" "([^"]+)"', text):
            return found.group(1)
    return "x86-64-v3"


def versions(nnc, peers):
    """Version by package, None where it is not installed; nnc with the hash of its file."""
    said = subprocess.run([str(nnc), "-version"], check=True, capture_output=True, text=True).stdout.split("\n")[0]
    result = {"nnc": f"{said.removeprefix('nnc ')} ({file_hash(nnc)})"}
    for package in sorted({p for peer in peers for p in peer.packages}):
        try:
            result[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            result[package] = None
    for package in DEBIAN:
        query = subprocess.run(["dpkg-query", "-W", "-f=${Version}", package], check=False, capture_output=True, text=True)
        result[package] = query.stdout or None
    return result


def shown_arguments(arguments):
    """Without those that the script adds."""
    shown, skip = [], False
    for argument in arguments:
        if not skip and argument not in ("-nnc", "-work"):
            shown.append(argument)
        skip = not skip and argument in ("-nnc", "-work")
    return shown

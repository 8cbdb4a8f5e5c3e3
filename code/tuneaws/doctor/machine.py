"""This machine: Python, room on the disk, memory, PyTorch, a port of one's own."""

from __future__ import annotations

import contextlib
import os
import platform
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

from tuneaws.config import course_root
from tuneaws.doctor import lessons
from tuneaws.doctor.check import failed, passed, warned

GB = 1e9
# Room that the lessons need, in GB. A job's folder in local holds its model twice for a while; on aws a
# lesson keeps data, a tokenizer and figures. Chosen with a margin.
DISK_GB = {"local": 2, "aws": 1}
# A job in local and the kernel beside it each hold PyTorch and a small model. Chosen with a margin.
MEMORY_GB = {"local": 2, "aws": 1}
TORCH_WITHIN_S = 120
TRY_TORCH = "import torch; assert torch.ones(2, 2).sum() == 4; print(torch.__version__)"


def python(subject):
    """The interpreter is one that the course is tested with: 3.10 to 3.13 (pyproject.toml)."""
    seen = f"Python {platform.python_version()}"
    if (3, 10) <= sys.version_info[:2] <= (3, 13):
        return passed(seen)
    return failed(f"{seen}; the course runs on 3.10 to 3.13", "make PYTHON=python3.12 setup")


def disk(subject):
    """Room where the jobs, the caches and temporary files go."""
    least = DISK_GB[subject.cfg.where]
    places = disk_places(subject)
    free = {path: shutil.disk_usage(path).free / GB for path in places}
    tightest = min(free, key=free.get)
    seen = f"{free[tightest]:.1f} GB free at {tightest} ({places[tightest]})"
    fix = f"make room there, {least} GB or more, or move the course's folder to a larger disk"
    if free[tightest] < least / 4:
        return failed(seen, fix)
    return warned(f"{seen}; the lessons want {least}", fix) if free[tightest] < least else passed(seen)


def disk_places(subject) -> dict:
    """{an existing folder: what is written there}, one for each file system."""
    home = Path(subject.home or course_root() / ".pocketaws")
    hub = Path(os.environ.get("HF_HOME") or Path.home() / ".cache" / "huggingface")
    wanted = {home: "the local AWS: jobs, objects"} if subject.local else {}
    wanted |= {course_root(): "the course", hub: "models and data of the hub",
               Path(tempfile.gettempdir()): "temporary files"}
    found, systems = {}, set()
    for path, what in wanted.items():
        there = next(p for p in (path, *path.parents) if p.exists())
        if there.stat().st_dev not in systems:
            systems.add(there.stat().st_dev)
            found[there] = what
    return found


def memory(subject):
    """Memory that is free now, as the system or the container says."""
    least, (free, total) = MEMORY_GB[subject.cfg.where], memory_bytes()
    seen = f"{free / GB:.1f} GB free of {total / GB:.1f} GB"
    fix = "close other programs and other notebooks' kernels, or take a larger machine"
    if free < least / 4 * GB:
        return failed(seen, fix)
    return warned(f"{seen}; the lessons want {least}", fix) if free < least * GB else passed(seen)


def memory_bytes() -> tuple:
    """(bytes that are free, bytes there are); macOS does not say what is free, so both are the whole."""
    total = free = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    with contextlib.suppress(OSError, StopIteration):
        lines = Path("/proc/meminfo").read_text().splitlines()
        free = int(next(line for line in lines if line.startswith("MemAvailable")).split()[1]) * 1024
    with contextlib.suppress(OSError, ValueError):  # a container's limit; "max" is none
        limit = int(Path("/sys/fs/cgroup/memory.max").read_text())
        used = int(Path("/sys/fs/cgroup/memory.current").read_text())
        total, free = min(total, limit), min(free, max(0, limit - used))
    return free, total


def torch(subject):
    """PyTorch computes. Another process tries: a build for another processor ends the one that imports it."""
    if not (subject.local or lessons.needs(subject.lessons, lessons.TORCH_HERE)):
        return None
    fix = "make setup, which installs the tested build into .venv"
    try:
        tried = subprocess.run([sys.executable, "-c", TRY_TORCH], capture_output=True, text=True,
                               timeout=TORCH_WITHIN_S)
    except subprocess.TimeoutExpired:
        return failed(f"importing PyTorch takes over {TORCH_WITHIN_S} s", fix)
    if tried.returncode:
        said = (tried.stderr.strip().splitlines() or [f"it ended with {tried.returncode}"])[-1]
        return failed(f"PyTorch does not work: {said}", fix)
    return passed(f"PyTorch {tried.stdout.strip()} computes")


def loopback(subject):
    """A port of 127.0.0.1 can be had: the local AWS, its endpoints and the notebooks listen there."""
    if not subject.local:
        return None
    try:
        with socket.create_server(("127.0.0.1", 0)) as server:
            return passed(f"127.0.0.1 gives ports, such as {server.getsockname()[1]}")
    except OSError as err:
        return failed(f"no program can listen on 127.0.0.1: {err}",
                      "allow loopback connections in the firewall or sandbox that forbids them")

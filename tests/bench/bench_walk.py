#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""
The walk beside the collector's own mark of the same heap, by heap shape and number of threads.

  GRF_BPF=build/grf-bpf bench_walk.py [--part P] [--rounds N] [--threads 1,2] [SHAPE...]

Each shape is a heap of tests/programs/heaps, or tests/programs/scale (service), at full size times P.
A snapshot of it is taken, and looked at by `report` with each number of threads, in turn, N times.
The collector's figures are those of its trace: the concurrent mark, clock and CPU, least of three
forced collections with as many processors.

  walk     seconds that the walk takes; the least of the rounds
  CPU      seconds of all threads in user mode, with reading the file and writing a profile
  own      peak of what is the process's own memory (RssAnon), and its share of the heap
  peak     peak of its resident memory, with what it has mapped of the file
"""

import argparse
import os
import pathlib
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import namedtuple

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

# pylint: disable=wrong-import-position
from running import GRF, Target
from toolchains import Toolchain

SHAPES = {
    "service": ("scale", ["-scale", "{:g}"], 1),
    "graph": ("heaps", ["graph", "{:.0f}"], 30e6),
    "bytes": ("heaps", ["bytes", "{:.0f}"], 4 << 30),
    "goroutines": ("heaps", ["goroutines", "{:.0f}"], 100e3),
    "maps": ("heaps", ["maps", "{:.0f}"], 2e6),
    "list": ("heaps", ["list", "{:.0f}"], 20e6),
    "array": ("heaps", ["array", "{:.0f}"], 100e6),
}
SAMPLE_SECONDS = 0.004
# gc 5 @1.2s 3%: 0.03+120+0.01 ms clock, 0.06+0.1/200/30+0.02 ms cpu, ...
TRACE = re.compile(
    r"gc \d+ @\S+ \d+%: [\d.]+\+([\d.]+)\+[\d.]+ ms clock, [\d.]+\+([\d.]+)/([\d.]+)/([\d.]+)\+[\d.]+ ms cpu"
    r".*\(forced\)"
)

Run = namedtuple("Run", "walk user wall own peak objects typed heap")


def field(status, name):
    found = re.search(rf"^{name}:\s+(\d+) kB", status, re.M)
    return int(found[1]) * 1024 if found else 0


def watch(pid, ended, peak):
    while not ended.wait(SAMPLE_SECONDS):
        try:
            status = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
        except OSError:
            return
        peak["own"] = max(peak["own"], field(status, "RssAnon"))
        peak["all"] = max(peak["all"], field(status, "VmHWM"))


def size(number, unit):
    return float(number) * 1024 ** ["B", "KiB", "MiB", "GiB"].index(unit)


def measure(snapshot, threads, folder):
    """One look at the snapshot."""
    command = [GRF, "report", snapshot, "-j", threads, "-vv", "-o", folder / "out.pb.gz"]
    began = time.monotonic()
    process = subprocess.Popen(
        [str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    ended, peak = threading.Event(), {"own": 0, "all": 0}
    watcher = threading.Thread(target=watch, args=(process.pid, ended, peak))
    watcher.start()
    said = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.monotonic() - began
    ended.set()
    watcher.join()
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{command} failed:\n{said}")
    walk = sum(float(took) for took in re.findall(r"root class \d: \d+ objects after ([\d.]+) s", said))
    reachable = re.search(r"reachable +([\d.]+) (\S+) in ([\d,]+) objects", said)
    typed = re.search(r"typed +([\d.]+)%", said)
    return Run(
        walk,
        usage.ru_utime,
        wall,
        peak["own"],
        peak["all"],
        int(reachable[3].replace(",", "")),
        float(typed[1]),
        size(reachable[1], reachable[2]),
    )


def collector(trace):
    """(clock, CPU) seconds of the least mark that was forced."""
    marks = [
        (float(clock) / 1e3, sum(map(float, cpu)) / 1e3) for clock, *cpu in TRACE.findall(trace)
    ]
    return min(marks) if marks else (float("nan"), float("nan"))


def shape_row(name, options, folder):
    program, arguments, full = SHAPES[name]
    executable = Toolchain("1.26").build(program, "optimised")
    arguments = [argument.format(full * options.part) for argument in arguments]
    snapshot, trace = folder / "snapshot", folder / "trace"
    runs = {threads: [] for threads in options.threads}
    with trace.open("w") as stream:
        environment = {"GODEBUG": "gctrace=1", "GOMAXPROCS": str(max(options.threads))}
        with Target(executable, *arguments, environment=environment, stderr=stream, timeout=1200) as target:
            subprocess.run(
                [GRF, "snapshot", str(target.pid), "-o", snapshot], check=True, stdout=subprocess.DEVNULL
            )
    clock, cpu = collector(trace.read_text(encoding="utf-8"))
    for _ in range(options.rounds):
        for threads in options.threads:
            runs[threads].append(measure(snapshot, threads, folder))
    snapshot.unlink()
    first = runs[options.threads[0]][0]
    print(
        f"{name:<11}{first.objects:>12,} objects {first.heap / 1e6:>7,.0f} MB  typed {first.typed:.2f} %"
        f"   collector {clock:.2f} s, CPU {cpu:.2f} s"
    )
    alone = min(run.walk for run in runs[options.threads[0]])
    for threads, done in runs.items():
        walk, user = min(run.walk for run in done), min(run.user for run in done)
        own, peak = max(run.own for run in done), max(run.peak for run in done)
        print(
            f"  -j {threads:<3} walk {walk:>6.2f} s = {walk / clock:>5.2f} x collector, {alone / max(walk, 1e-9):.2f} x as fast"
            f" as -j {options.threads[0]}   CPU {user:>6.2f} s = {user / cpu:>5.2f} x"
            f"   own {own / 1e6:>5,.0f} MB = {100 * own / first.heap:>4.1f} %   peak {peak / 1e6:>6,.0f} MB",
            flush=True,
        )


def parse():
    parser = argparse.ArgumentParser()
    parser.add_argument("--part", type=float, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", default="1,2", type=lambda text: [int(part) for part in text.split(",")])
    parser.add_argument("shapes", nargs="*", metavar="SHAPE", default=list(SHAPES))
    options = parser.parse_args()
    for name in options.shapes:
        if name not in SHAPES:
            parser.error(f"{name} is none of {', '.join(SHAPES)}")
    return options


def main():
    options = parse()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="grf-bench-"))
    print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}, {options.rounds} rounds")
    try:
        for name in options.shapes:
            shape_row(name, options, folder)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    main()

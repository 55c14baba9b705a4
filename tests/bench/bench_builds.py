#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""
Two builds beside each other: what both take for the same core, alternately, in one run.

  GRF_BPF=build/grf-bpf BASE=... bench_builds.py [--scale S] [--rounds N] [--core EXE CORE]

BASE is another grf-bpf, or a commit, which is built apart. The core is that of tests/programs/scale,
12.9 million objects at scale 1, unless another one is given. Two results are made of it: a profile,
which of so many objects has the reference tree alone, and JSON, which has all that a build can say
(owners, suspects and tables are in newer builds only, so there it is not the same work).

The figure to go by is the CPU time in user mode, least of the rounds and median of the ratios: how
long a run takes depends on who else uses the machine. Memory is the peak of what is the process's
own (RssAnon), without the pages of the core that it has mapped.
"""

import argparse
import os
import pathlib
import resource
import shutil
import statistics
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
from toolchains import ROOT, Toolchain

RESULTS = {"tree alone (pb.gz)": "out.pb.gz", "all that it has (json)": "out.json"}
SAMPLE_SECONDS = 0.01

Run = namedtuple("Run", "user system wall own")


def own_bytes(pid):
    try:
        status = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return 0
    values = [line.split()[1] for line in status.splitlines() if line.startswith("RssAnon:")]
    return int(values[0]) * 1024 if values else 0


def watch(pid, ended, peak):
    while not ended.wait(SAMPLE_SECONDS):
        peak[0] = max(peak[0], own_bytes(pid))


def measure(tool, executable, core, output):
    output.unlink(missing_ok=True)
    command = [str(part) for part in (tool, "core", executable, core, "-o", output)]
    began = time.monotonic()
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    ended, peak = threading.Event(), [0]
    watcher = threading.Thread(target=watch, args=(process.pid, ended, peak))
    watcher.start()
    said = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.monotonic() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    ended.set()
    watcher.join()
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{said.decode(errors='replace')}")
    return Run(usage.ru_utime, usage.ru_stime, wall, peak[0])


def show(name, base, new):
    """Both builds' runs of one result, round by round."""
    print(f"{name}")
    for what, unit, scale in (("user", "s", 1), ("system", "s", 1), ("wall", "s", 1), ("own", "MB", 1e-6)):
        olds, news = ([getattr(run, what) * scale for run in runs] for runs in (base, new))
        ratios = [after / before for before, after in zip(olds, news) if before]
        digits = 0 if unit == "MB" else 2
        print(
            f"  {what:<8}{min(olds):>10,.{digits}f}{min(news):>10,.{digits}f} {unit:<3}"
            f"  ratio of the least {min(news) / max(min(olds), 1e-9):.3f}"
            + (
                f", of rounds {min(ratios):.3f} to {max(ratios):.3f}, median {statistics.median(ratios):.3f}"
                if ratios
                else ""
            ),
            flush=True,
        )


def compare(base, executable, core, rounds, folder):
    print(f"  {'':<8}{'base':>10}{'new':>10}      load {os.getloadavg()[0]:.1f}, {rounds} rounds")
    for name, output in RESULTS.items():
        runs = {base: [], GRF: []}
        for number in range(rounds):
            # Whoever comes first meets another machine than the one behind.
            for tool in (base, GRF) if number % 2 else (GRF, base):
                runs[tool].append(measure(tool, executable, core, folder / output))
        show(name, runs[base], runs[GRF])


def build(commit, folder):
    """The grf-bpf of a commit."""
    tree = folder / "base"
    subprocess.run(["git", "-C", ROOT, "worktree", "add", "--detach", tree, commit], check=True, capture_output=True)
    subprocess.run(["make", "-s", "-C", tree, f"-j{os.cpu_count()}", "build/grf-bpf"], check=True)
    return tree / "build" / "grf-bpf"


def parse():
    parser = argparse.ArgumentParser()
    parser.add_argument("--scale", default="1")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--core", nargs=2, metavar=("EXE", "CORE"), type=pathlib.Path)
    options = parser.parse_args()
    options.base = os.environ.get("BASE") or parser.error("BASE names no build and no commit")
    return options


def main():
    options = parse()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="grf-bench-"))
    try:
        base = pathlib.Path(options.base).absolute()
        if not base.is_file():
            base = build(options.base, folder)
        if options.core:
            executable, core = options.core
        else:
            executable = Toolchain("1.26").build("scale", "optimised")
            with Target(executable, "-scale", options.scale, timeout=600) as target:
                print(target.facts)
                core = target.gcore(folder / "core")
        compare(base, executable, core, options.rounds, folder)
    finally:
        if (folder / "base").exists():
            subprocess.run(["git", "-C", ROOT, "worktree", "remove", "--force", folder / "base"], check=False)
        shutil.rmtree(folder)


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    main()

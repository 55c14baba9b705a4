#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""
What clients of an HTTP server notice of a snapshot: tests/programs/web, with a heap of about 0.7 GB,
asked over loopback by tests/programs/load.

  GRF_BPF=build/grf-bpf bench_latency.py [--snapshots 12] [--rate 1000] [--connections 8]
      [--sessions 1000000] [OPTION OF ATTACH ...]

Twice the server is put under load, and snapshots are taken one after the other, each after a rest of
the same length in which nothing is done:

  latency     requests come at fixed times, --rate a second, and are timed from when they were to be
              sent, so that one that waits behind a late one is late too. The 99.9th percentile of those
              that were to be sent while an attach ran, from its start to its end, analysis included,
              against that of those from the rests.
  throughput  each of the connections sends its next request as soon as it has an answer. Answers a
              second during the copy, which is from the attach's first copying to the moment that the
              server was let go, against those in the rests. What the analysis costs after that is
              shown as well. The server's own garbage collections take three quarters of its
              throughput for a second or two each, and fall where they will: so the uncertainty of
              the means is shown (their standard error, each window being one observation), and
              beside them the median of the tenths of a second, which collections hardly touch.

Server, clients and grf-bpf share the CPUs of this machine, none is bound to one or given a share of
them. With fixed times, server and clients shall leave some of the CPUs free (shown as "CPU used"), as a
service does that is not overloaded; without, they use all there is, and what the copy takes comes from
them. Other work on the machine shows in both kinds of windows alike.

Exits with status 1 when a limit is missed.
"""

import argparse
import bisect
import math
import os
import pathlib
import resource
import re
import shutil
import statistics
import struct
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

# pylint: disable=wrong-import-position
from running import GRF, Target
from toolchains import Toolchain

LATENCY_LIMIT = 3.0  # ms that the 99.9th percentile may rise by
LOSS_LIMIT = 15.0  # % of the throughput that the copy may take
FIRST_REST = 3.0  # s
SLICE = 0.1  # s


class Load:
    """Requests that arrive all the time, from __enter__ to __exit__; then `taken` has
    [(when to be sent, ms until the answer was there)]."""

    def __init__(self, executable, port, rate, connections, folder):
        self._out = folder / "times"
        self.process = subprocess.Popen(
            [
                str(executable),
                f"-address=127.0.0.1:{port}",
                f"-rate={rate}",
                f"-connections={connections}",
                f"-out={self._out}",
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self.taken = []

    def __enter__(self):
        if self.process.stdout.readline() != b"READY\n":
            raise SystemExit("the load does not run")
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        if self.process.wait():
            raise SystemExit("the load failed")
        self.process.stdout.close()
        pairs = struct.iter_unpack("=2q", self._out.read_bytes())
        self.taken = sorted((due / 1e9, took / 1e6) for due, took in pairs)
        self._out.unlink()


def attach(pid, arguments, output):
    """(began copying, let go, ended), from what is said on the way."""
    process = subprocess.Popen(
        [str(GRF), "attach", str(pid), "-v", "-o", str(output), *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    copying = analysing = None
    said = []
    for line in process.stderr:
        said.append(line)
        if " MiB to copy in " in line:
            copying = time.monotonic()
        found = re.search(r"analysed in ([\d.]+) s", line)
        if found:
            analysing = time.monotonic() - float(found.group(1))
    if process.wait() or not copying or not analysing:
        raise SystemExit(f"attach failed, or says other things:\n{''.join(said)}")
    process.stderr.close()
    return copying, analysing, time.monotonic()


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def snapshots(server, load, options, folder):
    """Takes them. Returns windows of time by what was done in them, and the share of all CPUs that
    server and clients used in the rests."""
    windows = {"rest": [], "attach": [], "copy": [], "analysis": []}
    rest, used = FIRST_REST, []
    for _ in range(options.snapshots):
        before = cpu_seconds(server.pid) + cpu_seconds(load.process.pid)
        began = time.monotonic()
        time.sleep(rest)
        attached = time.monotonic()
        used.append((cpu_seconds(server.pid) + cpu_seconds(load.process.pid) - before) / rest)
        copying, let_go, ended = attach(server.pid, options.arguments, folder / "out")
        windows["rest"].append((began, attached))
        windows["attach"].append((attached, ended))
        windows["copy"].append((copying, let_go))
        windows["analysis"].append((let_go, ended))
        rest = ended - attached
    return windows, 100 * statistics.mean(used) / os.cpu_count()


def inside(taken, windows):
    """Those of the requests that belong to the windows."""
    found = []
    for begin, end in windows:
        found += taken[bisect.bisect(taken, (begin,)) : bisect.bisect(taken, (end,))]
    return found


def percentiles(taken):
    times = sorted(took for _, took in taken)
    if len(times) < 2000:
        raise SystemExit(f"{len(times)} requests are too few for a 99.9th percentile")
    return [times[int(len(times) * share)] for share in (0.5, 0.99, 0.999)] + [times[-1]]


def measure_latency(server, executable, options, folder):
    port = server.facts["port"]
    with Load(executable, port, options.rate, options.connections, folder) as load:
        time.sleep(1)
        windows, used = snapshots(server, load, options, folder)
    print(
        f"latency, ms, at {options.rate:,} requests a second (CPU used: {used:.0f} %)\n"
        f"{'':<12}{'median':>9}{'99 %':>9}{'99.9 %':>9}{'worst':>9}{'requests':>10}"
    )
    found = {}
    for name, times in windows.items():
        requests = inside(load.taken, times)
        if len(requests) < 2000 and name in ("analysis", "copy"):
            continue
        found[name] = percentiles(requests)
        print(f"{name:<12}" + "".join(f"{value:>9.2f}" for value in found[name])
              + f"{len(requests):>10,}", flush=True)
    rise = found["attach"][2] - found["rest"][2]
    print(f"the 99.9th percentile rises by {rise:.2f} ms (limit {LATENCY_LIMIT:g})")
    return [f"99.9th percentile: {rise:.2f} ms more, limit {LATENCY_LIMIT:g}"] * (rise > LATENCY_LIMIT)


def throughput(taken, windows):
    """Answers a second: (mean, its standard error, median of slices)."""
    counts = [len(inside(taken, [window])) for window in windows]
    lengths = [end - begin for begin, end in windows]
    mean = sum(counts) / sum(lengths)
    # Of a ratio of sums; the windows differ in length.
    apart = sum((count - mean * length) ** 2 for count, length in zip(counts, lengths))
    error = math.sqrt(apart * len(windows) / max(len(windows) - 1, 1)) / sum(lengths)
    slices = [
        len(inside(taken, [(begin + i * SLICE, begin + (i + 1) * SLICE)])) / SLICE
        for begin, end in windows
        for i in range(int((end - begin) / SLICE))
    ]
    return mean, error, statistics.median(slices)


def measure_throughput(server, executable, options, folder):
    port = server.facts["port"]
    with Load(executable, port, 0, options.connections, folder) as load:
        time.sleep(1)
        windows, used = snapshots(server, load, options, folder)
    print(
        f"throughput, answers a second (CPU used: {used:.0f} %)\n"
        f"{'':<12}{'mean':>9}{'':>10}{'fewer':>9}{'median':>9}{'fewer':>9}{'time':>10}"
    )
    found = {}
    for name, times in windows.items():
        mean, error, median = found[name] = throughput(load.taken, times)
        fewer = [f"{100 - 100 * now / rest:.1f} %" for now, rest in
                 zip((mean, median), (found["rest"][0], found["rest"][2]))]
        print(
            f"{name:<12}{mean:>9,.0f}{f'± {error:,.0f}':>10}{fewer[0]:>9}{median:>9,.0f}"
            f"{fewer[1]:>9}{sum(end - begin for begin, end in times):>8.1f} s",
            flush=True,
        )
    loss = 100 - 100 * found["copy"][0] / found["rest"][0]
    error = 100 * math.hypot(found["copy"][1] / found["copy"][0],
                             found["rest"][1] / found["rest"][0])
    print(f"the copy takes {loss:.1f} ± {error:.1f} % of the throughput (limit {LOSS_LIMIT:g})")
    return [f"throughput lost: {loss:.1f} %, limit {LOSS_LIMIT:g}"] * (loss >= LOSS_LIMIT)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--snapshots", type=int, default=12)
    parser.add_argument("--rate", type=int, default=1000)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--sessions", type=int, default=1000000)
    options, options.arguments = parser.parse_known_args()
    toolchain = Toolchain("1.26")
    folder = pathlib.Path(tempfile.mkdtemp(prefix="grf-bench-"))
    try:
        web, load = (toolchain.build(name, "optimised") for name in ("web", "load"))
        with Target(web, f"-sessions={options.sessions}", timeout=600) as server:
            missed = measure_latency(server, load, options, folder)
            missed += measure_throughput(server, load, options, folder)
            server.check_runs()
    finally:
        shutil.rmtree(folder)
    print("\n".join(missed) if missed else "everything asked for is met")
    return 1 if missed else 0


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sys.exit(main())

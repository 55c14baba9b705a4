#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""
The pause: how long an attach stops a service-like program (tests/programs/scale), by the tool's own
clock and as the program itself sees it.

  GRF_BPF=build/grf-bpf [GOREF=/path/to/grf] bench_pause.py [--rows 0.7:0,3:20000] [--attaches 20]
      [--freeze auto|now|gc] [--copy WAY] [--no-peers]

A row is a heap, in GB, and how many of its objects are rewritten a second. For each, both of these
are measured, and the limits hold for both, as medians and as worst cases:

  kernel  pause_ns of the profile: from the first thread that leaves its CPU to the last that is back
          on one, by eBPF in the kernel. It is held against the limits as it is.
  own     the longest stop that a thread of the program sees in the time of an attach, less the
          longest gap that it sees in times as long with nobody attached: the median of the one less
          the median of the other, and the worst less the worst.

The thread of the program is one that does nothing but read CLOCK_MONOTONIC (clock.go), at the usual
priority. It notes each gap of more than 100 us, and what the kernel counted for it meanwhile, which
tells what kind of gap it was. It never waits for anything. So when it gave up its CPU by itself
(a voluntary context switch), it was stopped, or it waited in a page fault, and both are our doing: a
stop. When it lost its CPU to another thread (an involuntary one), nobody stopped it; on two CPUs, of
which the program keeps one or both busy, this is what comes of others that work: threads of the
program itself, its garbage collector, our copying and analysis, and whoever else uses the machine.
When it is neither, the time went to interrupts or to the machine's host. Gaps that are no stops are
shown in a column of their own ("CPU lost"), beside the same from times with nobody attached
("alone"), and so is how much else there was to do on the machine ("load", of the last 5 minutes);
they are no pauses, and no limit holds for them here: bench_latency.py measures what they
cost. A stop can contain a wait for a CPU, before the thread is back on one; that counts, and what is
left without it is shown below the row.

One stop of an attach, before the others, is of one thread alone (hold/calls/injection.c); where the clock's
thread is looked at for that, it shows as a stop like any other. A stop that was given up and tried
again shows too, while "kernel" knows the last one only.

What a GB of heap adds to the pause is the difference between two sizes of idle heaps. Beside all that
stands what gcore, and goref where GOREF names an executable, do to the same programs.

Exits with status 1 when a limit is missed.
"""

import argparse
import mmap
import os
import pathlib
import re
import resource
import shutil
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from collections import Counter, namedtuple

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

# pylint: disable=wrong-import-position
from running import GRF, Target
from toolchains import Toolchain, go_build

# (GB, rewrites a second): limits of the median and of the worst pause, ms.
LIMITS = {
    (0.7, 0): (0.7, 2),
    (0.7, 20000): (1, 3),
    (0.7, 400000): (2.5, 5),
    (3.0, 0): (1.2, 3),
    (3.0, 20000): (2, 5),
}
GROWTH_LIMIT = 0.3  # ms a GB
SCALE_OF_A_GB = 1 / 0.7
CONTROL_BYTES = 4096
GAPS_BYTES = 4 << 20
GAP_HEADER, GAP = 64, struct.Struct("=6Q")
LONGEST_REST = 3.0  # s
PARTS = ("stop", "scan", "copy", "resume")

Gap = namedtuple("Gap", "begin end blocked preempted waited unused")
Attach = namedtuple("Attach", "kernel stop bare_stop cpu alone parts copied freeze given_up seconds")


def milliseconds(gap):
    return (gap.end - gap.begin) / 1e6


class Failed(Exception):
    """A command ended with an exit status that is not 0."""


class Paced:
    """A running program with a clock in it."""

    def __init__(self, executable, gigabytes, folder):
        path = folder / "control"
        path.write_bytes(bytes(CONTROL_BYTES + GAPS_BYTES))
        with path.open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), 0)
        scale = f"{gigabytes * SCALE_OF_A_GB:.2f}"
        self.target = Target(executable, "-scale", scale, "-control", path, timeout=600)
        self.pid = self.target.pid
        # The clock starts a little after READY.
        deadline = time.monotonic() + 10
        while not self._word(CONTROL_BYTES + 8) and time.monotonic() < deadline:
            time.sleep(0.01)
        self._seen = 0
        self.gaps()

    def _word(self, at):
        return struct.unpack_from("=Q", self._memory, at)[0]

    def set_rate(self, rate):
        struct.pack_into("=Q", self._memory, 0, rate)

    def rewritten(self):
        return self._word(8)

    def gaps(self):
        """Those since the last call."""
        count, capacity = self._word(CONTROL_BYTES), self._word(CONTROL_BYTES + 8)
        if not capacity:
            raise SystemExit("the clock does not run")
        if count - self._seen > capacity:
            raise SystemExit(f"{count - self._seen} gaps at once are too many to be kept")
        found = []
        for index in range(self._seen, count):
            at = CONTROL_BYTES + GAP_HEADER + index % capacity * GAP.size
            found.append(Gap(*GAP.unpack_from(self._memory, at)))
        self._seen = count
        return found

    def gaps_of(self, work):
        """(what work() returns, its seconds, the gaps meanwhile)"""
        self.gaps()
        began = time.monotonic_ns()
        result = work()
        ended = time.monotonic_ns()
        time.sleep(0.02)
        inside = [gap for gap in self.gaps() if gap.end > began and gap.begin < ended]
        return result, (ended - began) / 1e9, inside

    def resident(self):
        status = pathlib.Path(f"/proc/{self.pid}/status").read_text(encoding="ascii")
        return int(re.search(r"VmRSS:\s+(\d+)", status).group(1)) * 1024


def run(*command):
    done = subprocess.run(
        [str(part) for part in command],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise Failed(f"{' '.join(map(str, command))} failed:\n{done.stdout}{done.stderr}")
    return done


def longest(gaps):
    return max(map(milliseconds, gaps), default=0.0)


def stops_of(gaps):
    return [gap for gap in gaps if gap.blocked]


def in_ms(text):
    """Of a time as the summary has it, such as `34 us'."""
    number, unit = text.split()
    return float(number) * {"ns": 1e-6, "us": 1e-3, "ms": 1, "s": 1e3}[unit]


def in_bytes(text):
    number, unit = text.split()
    return float(number) * 1024 ** ("B", "KiB", "MiB", "GiB", "TiB").index(unit)


def attach(paced, arguments, rest, output):
    """One attach, after a rest of `rest` seconds."""
    _, _, alone = paced.gaps_of(lambda: time.sleep(rest))
    done, seconds, gaps = paced.gaps_of(
        lambda: run(GRF, "attach", paced.pid, "-v", "-o", output, *arguments)
    )
    output.unlink()
    said = dict(re.findall(r"^ +(\w+(?: \w+)*)  +(.*)$", done.stdout, re.M))
    freeze, pause, clock = re.match(r"(.*), for (.*) \((.*) clock\)", said["held"]).groups()
    if clock != "eBPF":
        freeze += ", by our own clock"
    parts = {name: in_ms(time) for name, time in re.findall(r"(\w+) ([\d.]+ \w+)", said["pause"])}
    size, way = re.match(r"([\d.]+ \w+) by ([^;]*)", said["copied"]).groups()
    at_stop = said.get("at the stop", "0 B").split(" in ")[0]
    return Attach(
        in_ms(pause),
        longest(stops_of(gaps)),
        max((milliseconds(gap) - gap.waited / 1e6 for gap in stops_of(gaps)), default=0.0),
        longest([gap for gap in gaps if not gap.blocked]),
        longest(alone),
        {name: parts.get(name, 0) for name in PARTS},
        (in_bytes(size), in_bytes(at_stop), way),
        freeze,
        done.stderr.count("let go:"),
        seconds,
    )


def middle_and_worst(values):
    return statistics.median(values), max(values)


COLUMNS = ("kernel", "own", "alone", "difference", "CPU lost", "limits")
HEADINGS = (
    f"{'':<19}" + "".join(f"{name:>17}" for name in COLUMNS) + f"{'load':>7}\n"
    f"{'heap':<7}{'rewrites/s':>12}" + f"{'median':>9}{'worst':>8}" * len(COLUMNS)
)


def show(row, rate, attaches, limits):
    """Prints the row; returns what limits it misses."""
    kernel = middle_and_worst([one.kernel for one in attaches])
    own = middle_and_worst([one.stop for one in attaches])
    alone = middle_and_worst([one.alone for one in attaches])
    cpu = middle_and_worst([one.cpu for one in attaches])
    more = [max(0.0, mine - others) for mine, others in zip(own, alone)]
    pairs = (kernel, own, alone, more, cpu)
    print(
        f"{row[0]:g} GB".ljust(7)
        + f"{rate:>12,.0f}"
        + "".join(f"{middle:>9.2f}{worst:>8.2f}" for middle, worst in pairs)
        + (f"{limits[0]:>9g}{limits[1]:>8g}" if limits else f"{'none':>17}")
        + f"{os.getloadavg()[1]:>7.1f}",
        flush=True,
    )
    if not limits:
        return []
    return [
        f"{row[0]:g} GB, {row[1]:,} rewrites/s: {what} {value:.2f} ms, limit {limit:g} ms"
        for what, value, limit in (
            ("median pause (kernel)", kernel[0], limits[0]),
            ("worst pause (kernel)", kernel[1], limits[1]),
            ("median stop (own, on top)", more[0], limits[0]),
            ("worst stop (own, on top)", more[1], limits[1]),
        )
        if value >= limit
    ]


def describe(attaches):
    """What the pause was made of."""
    parts = ", ".join(
        f"{name} {statistics.median(one.parts[name] for one in attaches):.3f}" for name in PARTS
    )
    total, at_stop, ways = zip(*(one.copied for one in attaches))
    ways = Counter(ways)
    freezes = Counter(one.freeze for one in attaches)
    counted = "; ".join(
        f"{name}: {count}" for name, count in (ways + freezes).most_common()
    )
    print(
        f"        parts, ms: {parts}; copied {statistics.median(total) / 2**20:,.0f} MiB, at the stop"
        f" {statistics.median(at_stop) / 2**10:,.0f} KiB (worst {max(at_stop) / 2**10:,.0f});"
        f" stops given up: {sum(one.given_up for one in attaches)};"
        f" {statistics.median(one.seconds for one in attaches):.1f} s until the result is there;"
        f" own stop without its wait for a CPU: median"
        f" {statistics.median(one.bare_stop for one in attaches):.2f},"
        f" worst {max(one.bare_stop for one in attaches):.2f}\n"
        f"        {counted}",
        flush=True,
    )


def measure(paced, row, options, folder):
    """One row of the table. Returns (median pause, limits that were missed)."""
    paced.set_rate(row[1])
    time.sleep(1)
    rest = 1.0
    attaches = []
    rewritten, began = paced.rewritten(), time.monotonic()
    missed = []
    for _ in range(options.attaches):
        try:
            attaches.append(attach(paced, options.arguments, rest, folder / "out"))
        except Failed as error:
            missed.append(str(error))
            continue
        rest = min(attaches[-1].seconds, LONGEST_REST)
        if options.each:
            print(attaches[-1], flush=True)
    rate = (paced.rewritten() - rewritten) / (time.monotonic() - began)
    paced.target.check_runs()
    if not attaches:
        return None, missed
    missed += show(row, rate, attaches, LIMITS.get(row))
    describe(attaches)
    if rate < 0.75 * row[1]:
        missed.append(f"only {rate:,.0f} of {row[1]:,} objects a second were rewritten")
    return statistics.median(one.kernel for one in attaches), missed


def show_peers(paced, folder):
    """What other tools do to the same program."""
    peers = {"gcore": lambda: run("gcore", "-o", folder / "core", paced.pid)}
    if os.environ.get("GOREF"):
        peers["goref"] = lambda: run(os.environ["GOREF"], "attach", paced.pid, "-o", folder / "out")
    for name, work in peers.items():
        if name == "gcore" and not shutil.which("gcore"):
            print("        gcore is not installed")
            continue
        _, seconds, gaps = paced.gaps_of(work)
        print(
            f"        {name}: stopped for {longest(stops_of(gaps)):,.0f} ms,"
            f" result after {seconds:.1f} s",
            flush=True,
        )
        for path in folder.glob("core*"):
            path.unlink()


def parse():
    parser = argparse.ArgumentParser()
    default = ",".join(f"{size:g}:{rate}" for size, rate in LIMITS)
    parser.add_argument("--rows", default=default, help="GB:REWRITES,... (default %(default)s)")
    parser.add_argument("--attaches", type=int, default=20)
    parser.add_argument("--freeze")
    parser.add_argument("--copy")
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument("--each", action="store_true", help="print each attach too")
    options = parser.parse_args()
    rows = [row.split(":") for row in options.rows.split(",")]
    options.rows = sorted((float(size), int(rate)) for size, rate in rows)
    options.arguments = []
    if options.freeze:
        options.arguments += ["--freeze", options.freeze]
    if options.copy:
        options.arguments += ["--copy", options.copy]
    return options


def measure_size(executable, size, options, folder):
    """All rows of one size of heap. Returns (resident bytes, {rate: median pause}, missed)."""
    paced = Paced(executable, size, folder)
    pauses, missed = {}, []
    with paced.target:
        resident = paced.resident()
        for row in options.rows:
            if row[0] == size:
                pauses[row[1]], more = measure(paced, row, options, folder)
                missed += more
        paced.set_rate(0)
        facts = paced.target.facts
        print(
            f"        {facts['live_objects']:,} objects, {resident / 1e9:.2f} GB resident at first,"
            f" {paced.resident() / 1e9:.2f} GB now",
            flush=True,
        )
        if not options.no_peers:
            show_peers(paced, folder)
    return resident, pauses, missed


def main():
    options = parse()
    toolchain = Toolchain("1.26")
    folder = pathlib.Path(tempfile.mkdtemp(prefix="grf-bench-"))
    missed, idle = [], []
    try:
        executable = go_build(toolchain, "scale", folder / "scale")
        print(
            f"Go {toolchain.version}, Linux {os.uname().release}, {os.cpu_count()} CPUs, load"
            f" {os.getloadavg()[0]:.1f}; {options.attaches} attaches a row"
            f" {' '.join(options.arguments)}; ms\n{HEADINGS}",
            flush=True,
        )
        for size in sorted({size for size, _ in options.rows}):
            resident, pauses, more = measure_size(executable, size, options, folder)
            missed += more
            if pauses.get(0):
                idle.append((resident / 1e9, pauses[0]))
    finally:
        shutil.rmtree(folder)
    if len(idle) > 1:
        (small, before), (large, after) = idle[0], idle[-1]
        growth = (after - before) / (large - small)
        print(f"growth with the heap: {growth:.2f} ms a GB (limit {GROWTH_LIMIT:g})")
        if growth >= GROWTH_LIMIT:
            missed.append(f"growth {growth:.2f} ms a GB, limit {GROWTH_LIMIT:g}")
    print("\n".join(missed) if missed else "everything asked for is met")
    return 1 if missed else 0


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sys.exit(main())

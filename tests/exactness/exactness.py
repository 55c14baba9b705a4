#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""
The reached set against the collector's, over Go releases and builds: makes docs/exactness.md.

  exactness.py [-o FILE] [VERSION...]      (as root; takes about half an hour for all of them)
"""

import argparse
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
os.environ.setdefault("GRF_TEST_BUILD", str(ROOT / "build" / "e2e"))
sys.path.insert(0, str(ROOT / "tests" / "e2e"))
sys.dont_write_bytecode = True

# pylint: disable=wrong-import-position
from running import OK, Target, grf
from toolchains import ALL_VERSIONS, BUILD, COLLECT, PROGRAMS, Builder, Unavailable, go_build

KINDS = sorted(path.parent.name for path in PROGRAMS.glob("*/main.go"))
ALL = [kind for kind in KINDS if kind not in ("demo", "scale")]
HOST = PROGRAMS / "host" / "host.c"
SOME = ["busy", "closures", "concurrent", "goroutines", "locals", "maps"]
# Name, mode, flags, programs.
BUILDS = [
    ("default", "optimised", (), ALL),
    ("-N -l", "plain", (), ALL),
    ("-race", "optimised", ("-race",), SOME),
    ("PIE", "optimised", ("-buildmode=pie",), SOME),
    ("-s -w", "optimised", ("-ldflags=-s -w",), SOME),
]


def external(toolchain, folder):
    """Go that calls C and is called back, linked by the system's linker."""
    return [go_build(toolchain, "library", folder / "external", "-ldflags=-linkmode=external")]


def library(toolchain, folder):
    """A C program with a Go library."""
    guest = go_build(toolchain, "library", folder / "libguest.so", "-buildmode=c-shared")
    host = folder / "host"
    subprocess.run(["gcc", "-O1", "-o", host, HOST, "-ldl", "-lpthread"], check=True)
    return [host, guest]


def plugin(toolchain, folder):
    guest = go_build(toolchain, "plugin", folder / "plugin.so", "-buildmode=plugin")
    return [go_build(toolchain, "pluginhost", folder / "pluginhost"), guest]


WITH_C = [("cgo, external linking", external), ("c-shared", library), ("plugin", plugin)]
HEADER = """# Reached and marked

What grf-bpf finds reachable, held object by object against what the garbage collector marked, with
`grf-bpf verify`, on the programs of `tests/programs` and on a program that allocates, starts and ends
goroutines on all threads meanwhile. `make exactness` makes this page.

A cell gives the objects that are **marked and reached / missed / extra / floating**, and the share of
the reached bytes that is typed:

- *missed*: not reached, though a root or something reached points to it. Must be 0.
- *extra*: reached, and not marked. Must be 0.
- *floating*: marked, and nothing reached points to it: what became garbage, or was allocated, while
  the collector marked, and the blocks that a tiny allocator is filling.

From Go 1.25 on the programs ran with `GODEBUG=gccheckmark=1`, where the collector marks once more with
the world stopped: both sets must be the same, floating 0. Before, that mode loses most marks; they ran
with `GODEBUG=gcstoptheworld=1`, where the world is stopped while the collector marks, so that little
floats: the blocks of the tiny allocators, and what a conservative scan of a frame found that has moved
on since.

"""


def counts(text):
    found = {}
    for line in text.splitlines():
        match = re.match(r" +(\d+) +([\d,]+)  (\S.*)", line)
        if match:
            found[match.group(3).split(":")[0]] = (
                int(match.group(2).replace(",", "")),
                int(match.group(1)),
            )
    typed = re.search(r"typed +([\d.]+)%", text)
    return found, float(typed.group(1)) if typed else 0.0


def programs(builder, version, build):
    """What the cell of a version and a build is about: commands, by name."""
    _, mode, flags, kinds = build
    for kind in kinds:
        collect = () if kind == "busy" else (COLLECT,)
        yield kind, [builder.build(version, mode, kind, (*flags, *collect))]


def with_c(builder, version, build):
    folder = BUILD / f"go{version}-with-c"
    folder.mkdir(parents=True, exist_ok=True)
    yield build[0], build[1](builder.toolchain(version), folder)


def cell(builder, version, commands):
    exact = builder.toolchain(version).minor >= 25
    environment = {"GODEBUG": "gccheckmark=1" if exact else "gcstoptheworld=1"}
    totals = dict.fromkeys(
        ["marked and reached", "missed", "reached but not marked", "marked but not reached"], 0
    )
    reached = typed = 0
    for kind, command in commands:
        with Target(*command, environment=environment) as target:
            done = grf("verify", target.pid, "-v")
        if done.status != OK:
            print(done, file=sys.stderr)
            if "marked and reached" not in done.stdout:
                return f"**{kind}: status {done.status}**", False
        found, share = counts(done.stdout)
        for name in totals:
            totals[name] += found[name][0]
        size = found["marked and reached"][1]
        reached += size
        typed += size * share / 100
    missed, extra = totals["missed"], totals["reached but not marked"]
    floating = totals["marked but not reached"]
    good = not missed and not extra and not (exact and floating)
    text = f"{totals['marked and reached']:,} / {missed} / {extra} / {floating}, {100 * typed / reached:.1f} %"
    return text if good else f"**{text}**", good


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", default=str(ROOT / "docs" / "exactness.md"))
    parser.add_argument("versions", nargs="*", default=ALL_VERSIONS.split())
    options = parser.parse_args()
    builder = Builder()
    lines = [
        "| Go | " + " | ".join(build[0] for build in BUILDS + WITH_C) + " |",
        "|---" * (len(BUILDS + WITH_C) + 1) + "|",
    ]
    good = True
    for version in options.versions:
        cells = []
        for build in BUILDS + WITH_C:
            commands = (with_c if build in WITH_C else programs)(builder, version, build)
            try:
                text, held = cell(builder, version, commands)
            except (Unavailable, RuntimeError) as reason:
                text, held = "not built", True
                print(f"{version} {build[0]}: {reason}", file=sys.stderr)
            good = good and held
            cells.append(text)
            print(f"{version} {build[0]}: {text}", flush=True)
        lines.append(f"| {version} | " + " | ".join(cells) + " |")
    text = HEADER + "\n".join(lines) + "\n"
    beside = pathlib.Path(options.output + ".new")
    beside.write_text(text)
    beside.rename(options.output)
    builder.close()
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())

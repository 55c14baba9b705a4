#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""
The reached set against the collector's, over Go releases and builds: makes docs/exactness.md.

  exactness.py [-o FILE] [--columns REGEX] [VERSION...]

As root. All of it takes hours on a small machine. Each result is kept in build/exactness.json as it
comes, so that a run which was ended goes on where it was; results of another grf-bpf are thrown
away. The page says of what was not measured that it was not. With VERSIONs or
--columns only these are measured.

  GRF_TEST_REPEATS   how often the busy program is held (50)
"""

import argparse
import hashlib
import json
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
from running import GRF, OK, Target, grf
from toolchains import ALL_VERSIONS, BUILD, COLLECT, PROGRAMS, Builder, BuildFailed, Unavailable, go_build

KEPT = ROOT / "build" / "exactness.json"
REPEATS = int(os.environ.get("GRF_TEST_REPEATS", "50"))
HOST = PROGRAMS / "host" / "host.c"
COLLECTING = ["/usr/bin/env", *(f"{name}={value}" for name, value in COLLECT.items())]
# busy and scale have a part of the page for themselves; the others say nothing more.
APART = (
    "buffers", "busy", "checked", "demo", "load", "recycle", "restless", "rewriter", "sandboxed",
    "leaks", "loader", "scale", "standard", "web",
)
ALL = sorted(path.parent.name for path in PROGRAMS.glob("*/main.go"))
ALL = [kind for kind in ALL if kind not in APART]
SOME = ["closures", "concurrent", "goroutines", "hardroots", "locals", "maps", "slices"]


class Measured:
    """Sums over the programs of a cell."""

    NAMES = ["marked and reached", "missed", "reached but not marked", "marked but not reached"]

    def __init__(self, exact):
        self.exact = exact
        self.objects = dict.fromkeys(self.NAMES, 0)
        self.typed = 100.0
        self.failed = None

    def add(self, what, done):
        found = {}
        for line in done.stdout.splitlines():
            match = re.match(r" +[\d.]+ \S*B +([\d,]+)  (\S.*)", line)
            if match:
                found[match.group(2).split(":")[0]] = int(match.group(1).replace(",", ""))
        typed = re.search(r"typed +([\d.]+)%", done.stdout)
        if done.status != OK:
            print(done, file=sys.stderr)
        if done.status != OK and self.NAMES[0] not in found:
            self.failed = f"{what}: status {done.status}"
            return
        for name in self.NAMES:
            self.objects[name] += found[name]
        self.typed = min(self.typed, float(typed.group(1)))

    def cell(self):
        """(text, whether it held)"""
        if self.failed:
            return f"**{self.failed}**", False
        both, missed, extra, floating = (self.objects[name] for name in self.NAMES)
        text = f"{both:,} / {missed} / {extra} / {floating}, {self.typed:.1f} %"
        if missed or extra or (self.exact and floating):
            return f"**{text}**", False
        return text, True


# --- what is measured: each yields (name, command) --------------------------------------------------


def programs(mode, flags, kinds):
    def commands(builder, version, _):
        for kind in kinds:
            yield kind, [*COLLECTING, builder.build(version, mode, kind, flags)]

    return commands


def changed(change):
    """Programs as the linker made them, changed afterwards by `change`(from, to)."""

    def commands(builder, version, folder):
        for kind in SOME:
            executable = builder.build(version, "optimised", kind)
            change(executable, folder / kind)
            yield kind, [*COLLECTING, folder / kind]

    return commands


def strip(source, output):
    subprocess.run(["strip", "-o", output, source], check=True)


def debug_file(source, output):
    debug = f"{output}.debug"
    subprocess.run(["objcopy", "--only-keep-debug", source, debug], check=True)
    link = f"--add-gnu-debuglink={debug}"
    subprocess.run(["objcopy", "--strip-all", link, source, output], check=True)


def with_c(*flags):
    """Go that calls C and is called back."""

    def commands(builder, version, folder):
        yield "library", [go_build(builder.toolchain(version), "library", folder / "program", *flags)]

    return commands


def library(builder, version, folder):
    """A C program with a Go library."""
    guest = go_build(
        builder.toolchain(version), "library", folder / "libguest.so", "-buildmode=c-shared"
    )
    subprocess.run(["gcc", "-O1", "-o", folder / "host", HOST, "-ldl", "-lpthread"], check=True)
    yield "c-shared", [folder / "host", guest]


def plugin(builder, version, folder):
    toolchain = builder.toolchain(version)
    guest = go_build(toolchain, "plugin", folder / "plugin.so", "-buildmode=plugin")
    yield "plugin", [go_build(toolchain, "pluginhost", folder / "pluginhost"), guest]


def busy(builder, version, _):
    executable = builder.build(version, "optimised", "busy")
    for _ in range(REPEATS):
        yield "busy", [executable]


def million(builder, version, _):
    executable = builder.build(version, "optimised", "scale")
    yield "scale", [executable, "-scale", "1", "-collect", "1s"]


def million_stripped(builder, version, _):
    executable = builder.build(version, "optimised", "scale", ("-ldflags=-s -w",))
    yield "scale", [executable, "-scale", "1", "-collect", "1s"]


TABLES = [
    (
        "Programs in Go",
        "Each kind of value and of root: the first column has all programs of `tests/programs`, the "
        "others seven of them.",
        {
            "default": programs("optimised", (), ALL),
            "-N -l": programs("plain", (), SOME),
            "-race": programs("optimised", ("-race",), SOME),
            "PIE": programs("optimised", ("-buildmode=pie",), SOME),
        },
    ),
    (
        "Without debug information, and with it elsewhere",
        "The same seven programs.",
        {
            "-s -w": programs("optimised", ("-ldflags=-s -w",), SOME),
            "strip": changed(strip),
            "strip, .gnu_debuglink": changed(debug_file),
        },
    ),
    (
        "With C",
        "A program that calls C and is called back, and the same as a library of a C program; a program "
        "with a plugin.",
        {
            "cgo, internal linking": with_c("-ldflags=-linkmode=internal"),
            "cgo, external linking": with_c("-ldflags=-linkmode=external"),
            "c-shared": library,
            "plugin": plugin,
        },
    ),
    (
        "While all threads work, and a million entries",
        "`tests/programs/busy` allocates, changes what others hold, and starts and ends goroutines on "
        f"all threads. One process was held {REPEATS} times; the objects are the sum. "
        "`tests/programs/scale` has a map of a million entries, 12.9 million objects in all.",
        {
            f"busy, {REPEATS} times": busy,
            "scale": million,
            "scale, -s -w": million_stripped,
        },
    ),
]
HEADER = """# Reached and marked

`grf-bpf verify` compares, object by object, what grf-bpf finds reachable with what the garbage collector
marked. This page has the results; `make exactness` makes it.

A cell gives the objects that are **marked and reached / missed / extra / floating**, and the share of
the reached bytes that is typed, in the program where that is least:

- *missed*: not reached, though a root or a reached object points to it. Must be 0.
- *extra*: reached, and not marked. Must be 0.
- *floating*: marked, and no reached object points to it. Such objects became garbage, or were allocated,
  while the collector marked; or they are blocks that a tiny allocator is filling.

From Go 1.25 on, the programs ran with `GODEBUG=gccheckmark=1`: the collector marks once more with the world
stopped, so both sets must be the same, and floating 0. In earlier releases that mode loses most marks. Their
programs ran with `GODEBUG=gcstoptheworld=1`: the world is stopped while the collector marks, so few objects
float. Those are blocks of the tiny allocators, and objects that a conservative scan found in a frame that has
changed since.

*Typed*: a step of the chain names the object's type. An object counts as untyped when it has pointers, only a
nameless root or an `unsafe.Pointer` points to it, and its type cannot be inferred. From Go 1.22 on,
`tests/e2e/test_inference.py` asks for 99.5 % at least, with debug information and stripped. The exception is
`alike`, which has types that cannot be told apart.

A cell in bold did not hold. A cell says so where a release cannot make a build. A release that is missing in a
table was not measured there.

Programs built with `-asan` can be analysed too: their objects are in larger slots, with a redzone behind each.
`tests/e2e/test_builds.py` looks for the same types in them as without it. No table here has such builds.
"""


class Results:
    """Cells by version and column, kept in a file."""

    def __init__(self):
        self.tool = hashlib.sha256(pathlib.Path(GRF).read_bytes()).hexdigest()
        self.cells = {}
        if KEPT.exists():
            kept = json.loads(KEPT.read_text())
            if kept["tool"] == self.tool:
                self.cells = kept["cells"]

    def put(self, version, column, cell):
        self.cells[f"{version} {column}"] = cell
        beside = KEPT.with_suffix(".new")
        beside.write_text(json.dumps({"tool": self.tool, "cells": self.cells}, indent=1))
        beside.rename(KEPT)

    def get(self, version, column):
        return self.cells.get(f"{version} {column}")


def measure(builder, version, commands, folder):
    exact = builder.toolchain(version).minor >= 25
    environment = {"GODEBUG": "gccheckmark=1" if exact else "gcstoptheworld=1"}
    measured = Measured(exact)
    target = running = None
    try:
        for kind, command in commands(builder, version, folder):
            if command != running:
                if target:
                    target.stop()
                target = Target(*command, environment=environment)
                running = command
            measured.add(kind, grf("verify", target.pid, "-v"))
    finally:
        if target:
            target.stop()
    return measured.cell()


def page(results):
    text = HEADER
    for title, explanation, columns in TABLES:
        text += f"\n## {title}\n\n{explanation}\n\n"
        text += "| Go | " + " | ".join(columns) + " |\n" + "|---" * (len(columns) + 1) + "|\n"
        for version in ALL_VERSIONS.split():
            cells = [results.get(version, column) for column in columns]
            if any(cells):
                shown = [cell[0] if cell else "not measured" for cell in cells]
                text += f"| {version} | " + " | ".join(shown) + " |\n"
    return text


def linkers(path):
    """The part of the page that builds.py makes, which stands last."""
    _, heading, text = (path.read_text() if path.exists() else "").partition("\n## Linkers\n")
    return heading + text


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", default=str(ROOT / "docs" / "exactness.md"))
    parser.add_argument("--columns", default="")
    parser.add_argument("versions", nargs="*", default=ALL_VERSIONS.split())
    options = parser.parse_args()
    builder, results = Builder(), Results()
    for version in options.versions:
        for column, commands in [item for table in TABLES for item in table[2].items()]:
            if results.get(version, column) or not re.search(options.columns, column):
                continue
            folder = BUILD / f"go{version}-{re.sub(r'[^a-z]+', '-', column)}"
            folder.mkdir(parents=True, exist_ok=True)
            try:
                cell = measure(builder, version, commands, folder)
            except Unavailable as reason:
                print(f"{version} {column}: {reason}", file=sys.stderr)
                continue
            except BuildFailed as reason:
                print(f"{version} {column}: {reason}", file=sys.stderr)
                cell = "not built", True
            results.put(version, column, cell)
            print(f"{version} {column}: {cell[0]}", flush=True)
            beside = pathlib.Path(options.output + ".new")
            beside.write_text(page(results) + linkers(pathlib.Path(options.output)))
            beside.rename(options.output)
    builder.close()
    return 0 if all(held for _, held in results.cells.values()) else 1


if __name__ == "__main__":
    sys.exit(main())

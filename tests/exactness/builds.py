#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""
One program, linked in every way that people ship: makes the last part of docs/exactness.md.

  builds.py [-o FILE] [--linkers REGEX] [--kinds REGEX] [--again] [VERSION...]

As root. All of it takes half an hour on a small machine. Each result is kept in build/builds.json as it
comes, so that a run which was ended goes on where it was; results of another grf-bpf are thrown away.
With VERSIONs, --linkers or --kinds only these are measured. --again measures anew what was measured.
"""

import argparse
import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
os.environ.setdefault("GRF_TEST_BUILD", str(ROOT / "build" / "e2e"))
sys.path.insert(0, str(ROOT / "tests" / "e2e"))
sys.dont_write_bytecode = True

# pylint: disable=wrong-import-position
import pprof
from running import GRF, OK, Target, grf
from toolchains import BUILD, PROGRAMS, Builder, BuildFailed, Unavailable, go_build

KEPT = ROOT / "build" / "builds.json"
VERSIONS = "1.17.13 1.21.13 1.24.9 1.26 1.27.0"
LINKERS = ("internal", "bfd", "lld", "gold", "mold")
COMMANDS = {"bfd": "ld.bfd", "lld": "ld.lld", "gold": "ld.gold", "mold": "mold"}
KINDS = ("exe", "PIE", "static-pie", "c-shared")
STRIPPED = ("as built", "-s -w", "strip")
HEADING = "## Linkers"
EXPLANATION = """
`tests/programs/library` (Go that calls C and is called back; as c-shared a guest of a C program), linked
by Go's own linker (internal) and by others, as built, with `-ldflags=-s -w`, and after `strip`. `make
builds` makes this part. A cell **held** when

- `attach` ends well,
- `verify` has nothing missed and nothing extra, and from Go 1.25 on nothing floating,
- the typed share is within 1 % of that of the default build, which is the internal linker's executable
  with the same stripping,
- every chain with something of the program's own package in it has the same names as in the default
  build, as many objects (within 2, or 2 %), and all of them together as many bytes (within 2 %): short
  strings share blocks. A map itself may have up to 8 objects more or less, which do not count among the
  bytes: a random seed says how many of its buckets overflow. (A variable without a name counts as one
  wherever the linker put it.)

What a linker refuses says why. In bold: what did not hold.
"""


class Refused(Exception):
    """A linker, or Go, does not make this."""


# --- building ---------------------------------------------------------------------------------------


def flags(linker, kind, stripped):
    """Of go build. Raises Refused where Go has no such way."""
    if linker == "internal" and kind in ("static-pie", "c-shared"):
        raise Refused("Go's linker does not make these")
    link = ["-linkmode=internal" if linker == "internal" else "-linkmode=external"]
    extra = [] if linker == "internal" else [f"-fuse-ld={linker}"]
    if kind == "static-pie":
        extra.append("-static-pie")
    if extra:
        link.append(f"'-extldflags={' '.join(extra)}'")
    if stripped == "-s -w":
        link += ["-s", "-w"]
    mode = {"exe": "exe", "PIE": "pie", "static-pie": "pie", "c-shared": "c-shared"}[kind]
    return [f"-buildmode={mode}", f"-ldflags={' '.join(link)}"]


def reason(error):
    """The line of a failed build that says why, in few words."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    telling = [line for line in lines if re.search(r"error:|not supported|unknown|cannot|unsupported", line)]
    text = (telling or lines)[0 if telling else -1]
    text = re.sub(r"(/\S+/|\S+\.o:|\(\S*\):)", "", text)
    return re.sub(r"\s+", " ", text).replace("|", "\\|")[:90]


def program(toolchain, linker, kind, stripped):
    """The path, built where it is not there yet."""
    if linker != "internal" and not shutil.which(COMMANDS[linker]):
        raise Unavailable(f"{COMMANDS[linker]} is not installed")
    source = "as built" if stripped == "strip" else stripped
    folder = BUILD / f"go{toolchain.version}-links"
    folder.mkdir(parents=True, exist_ok=True)
    options = flags(linker, kind, stripped)
    output = folder / f"{linker}-{kind}{re.sub(r'[^a-z]+', '-', source)}"
    if not output.exists():
        try:
            beside = output.with_suffix(".new")
            go_build(toolchain, "library", beside, *options)
            beside.rename(output)
        except BuildFailed as error:
            raise Refused(reason(error)) from error
    if stripped == "strip":
        subprocess.run(["strip", "-o", f"{output}-stripped", output], check=True)
        return pathlib.Path(f"{output}-stripped")
    return output


def command(executable, kind):
    if kind != "c-shared":
        return [executable]
    host = BUILD / "links-host"
    if not host.exists():
        source = PROGRAMS / "host" / "host.c"
        subprocess.run(["gcc", "-O1", "-o", host, source, "-ldl", "-lpthread"], check=True)
    return [host, executable]


# --- measuring --------------------------------------------------------------------------------------


def own_chains(path):
    """What the program's own package has a part in: the runtime's own objects differ from run to run."""
    found = {}
    for chain, (objects, size) in pprof.read(path).chains.items():
        if not any("main." in element for element in chain):
            continue
        root = re.sub(r"^(data|bss)(\+(0x[0-9a-f]+|0)| segment)$", "variable", chain[0])
        key = " > ".join((root, *chain[1:]))
        before = found.get(key, (0, 0))
        found[key] = (before[0] + objects, before[1] + size)
    return found


def verified(done, exact):
    """What did not hold, or None."""
    counted = {}
    for line in done.stdout.splitlines():
        match = re.match(r" +[\d.]+ \S*B +([\d,]+)  (\S.*)", line)
        if match:
            counted[match.group(2).split(":")[0]] = int(match.group(1).replace(",", ""))
    if "missed" not in counted:
        return f"verify: status {done.status}"
    wrong = {name: counted[name] for name in ("missed", "reached but not marked") if counted[name]}
    if exact and counted["marked but not reached"]:
        wrong["floating"] = counted["marked but not reached"]
    if wrong or done.status != OK:
        print(done, file=sys.stderr)
        return ", ".join(f"{count} {name}" for name, count in wrong.items()) or f"verify: status {done.status}"
    return None


def look(executable, kind, exact):
    """{"failed": text} or {"typed": share, "chains": names with objects and bytes}."""
    environment = {"GODEBUG": "gccheckmark=1" if exact else "gcstoptheworld=1"}
    profile = BUILD / "links.out"
    with Target(*command(executable, kind), environment=environment) as target:
        done = grf("attach", target.pid, "-o", profile)
        if done.status != OK:
            print(done, file=sys.stderr)
            return {"failed": f"attach: status {done.status}"}
        typed = float(re.search(r"typed +([\d.]+)%", done.stdout).group(1))
        failed = verified(grf("verify", target.pid, "-v"), exact)
    found = own_chains(profile)
    profile.unlink()
    return {"failed": failed} if failed else {"typed": typed, "chains": found}


def near(one, other, least):
    return abs(one - other) <= max(least, 0.02 * other)


def maps_of(chains):
    """The chains that end at a map, where the map's own tables count."""
    return {chain.split(" > $map")[0] for chain in chains if " > $map" in chain}


def compare(found, default):
    """The text of a cell."""
    if found.get("failed"):
        return f"**{found['failed']}**"
    if default.get("failed"):
        return f"**default build: {default['failed']}**"
    if abs(found["typed"] - default["typed"]) > 1:
        return f"**typed {found['typed']} %, not {default['typed']} %**"
    chains, expected, none = found["chains"], default["chains"], (-9, 0)
    maps = maps_of(chains) | maps_of(expected)
    differing = [
        chain
        for chain in sorted(chains.keys() | expected.keys())
        if not near(
            chains.get(chain, none)[0], expected.get(chain, none)[0], 8 if chain in maps else 2
        )
    ]
    for chain in differing:
        print("  ", chain, chains.get(chain), "not", expected.get(chain), file=sys.stderr)
    if differing:
        return f"**{len(differing)} chains differ**"
    sizes = [
        sum(size for chain, (_, size) in each.items() if chain not in maps)
        for each in (chains, expected)
    ]
    return "held" if near(*sizes, 64) else f"**{sizes[0]} bytes, not {sizes[1]}**"


# --- the page ---------------------------------------------------------------------------------------


class Results:
    """Cells by release, linker, kind and stripping, kept in a file."""

    def __init__(self, again):
        self.tool = hashlib.sha256(pathlib.Path(GRF).read_bytes()).hexdigest()
        self.cells = {}
        if KEPT.exists() and not again:
            kept = json.loads(KEPT.read_text())
            if kept["tool"] == self.tool:
                self.cells = kept["cells"]

    def put(self, key, cell):
        self.cells[" ".join(key)] = cell
        beside = KEPT.with_suffix(".new")
        beside.write_text(json.dumps({"tool": self.tool, "cells": self.cells}, indent=1))
        beside.rename(KEPT)

    def get(self, *key):
        return self.cells.get(" ".join(key))


def section(results):
    text = f"{HEADING}\n{EXPLANATION}"
    for stripped in STRIPPED:
        text += f"\n### {stripped}\n\n| | " + " | ".join(VERSIONS.split()) + " |\n"
        text += "|---" * (len(VERSIONS.split()) + 1) + "|\n"
        for linker in LINKERS:
            for kind in KINDS:
                cells = [results.get(version, linker, kind, stripped) for version in VERSIONS.split()]
                text += f"| {linker}, {kind} | "
                text += " | ".join(cell or "not measured" for cell in cells) + " |\n"
    return text


def write(path, results):
    """Puts the section in the place of the one that the page has."""
    page = path.read_text() if path.exists() else ""
    before, _, rest = page.partition(f"\n{HEADING}\n")
    following = re.search(r"^## ", rest, re.M)
    after = "\n" + rest[following.start() :] if following else ""
    beside = path.with_suffix(".new")
    beside.write_text(f"{before}\n{section(results)}{after}")
    beside.rename(path)


def cell(builder, version, key, defaults):
    """The text of a cell. `defaults` keeps what the default builds of a release hold."""
    linker, kind, stripped = key
    toolchain = builder.toolchain(version)
    exact = toolchain.minor >= 25
    if (version, stripped) not in defaults:
        executable = program(toolchain, "internal", "exe", stripped)
        defaults[version, stripped] = look(executable, "exe", exact)
    try:
        executable = program(toolchain, linker, kind, stripped)
    except Refused as why:
        return f"{why}"
    try:
        found = look(executable, kind, exact)
    except RuntimeError as error:
        print(error, file=sys.stderr)
        return "the program itself does not run"
    return compare(found, defaults[version, stripped])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("-o", "--output", type=pathlib.Path, default=ROOT / "docs" / "exactness.md")
    parser.add_argument("--linkers", default="")
    parser.add_argument("--kinds", default="")
    parser.add_argument("--again", action="store_true")
    parser.add_argument("versions", nargs="*", default=VERSIONS.split())
    options = parser.parse_args()
    os.nice(10)
    builder, results, defaults = Builder(), Results(options.again), {}
    wanted = [
        (version, linker, kind, stripped)
        for version in options.versions
        for linker in LINKERS
        for kind in KINDS
        for stripped in STRIPPED
        if re.search(options.linkers, linker) and re.search(options.kinds, kind)
    ]
    for version, *key in wanted:
        if results.get(version, *key):
            continue
        try:
            text = cell(builder, version, key, defaults)
        except Unavailable as why:
            print(f"{version} {' '.join(key)}: {why}", file=sys.stderr)
            continue
        results.put((version, *key), text)
        print(f"{version} {', '.join(key)}: {text}", flush=True)
        write(options.output, results)
    builder.close()
    return 1 if any(text.startswith("**") for text in results.cells.values()) else 0


if __name__ == "__main__":
    sys.exit(main())

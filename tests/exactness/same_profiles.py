#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""
Two builds of grf-bpf beside each other: do they make the same profiles of the same cores?

  same_profiles.py OLD NEW [--programs REGEX] [--jobs N] [VERSION...]

Builds each program of tests/programs with and without DWARF and takes a core of it once it is ready. Both
builds make a profile of the core; decompressed, the profiles must be equal byte for byte. Prints what is
not; the exit status is 1 then. Cores are removed as soon as they are compared.
"""

import argparse
import concurrent.futures
import gzip
import os
import pathlib
import re
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
os.environ.setdefault("GRF_TEST_BUILD", str(ROOT / "build" / "e2e"))
sys.path.insert(0, str(ROOT / "tests" / "e2e"))
sys.dont_write_bytecode = True

# pylint: disable=wrong-import-position
import pprof
from running import OK, Target, grf
from toolchains import PROGRAMS, Builder

VERSIONS = "1.17.13 1.20.14 1.22.12 1.24.9 1.27.0"
STRIPPED = ("-ldflags=-s -w",)
# These want arguments, are no program by themselves, or have a heap that says no more than a small one.
LEFT_OUT = (
    "leaks", "library", "load", "loader", "plugin", "pluginhost", "restless", "sandboxed", "scale",
    "standard", "uninterruptible",
)


def profile(tool, executable, core, folder):
    """What a build makes of a core: status and decompressed bytes."""
    output = folder / "profile"
    output.unlink(missing_ok=True)
    done = grf("core", executable, core, "-o", output, tool=tool)
    return done.status, gzip.decompress(output.read_bytes()) if done.status == OK else done.stderr


def difference(old, new):
    """The first few chains that differ, for people."""
    if isinstance(old, str) or isinstance(new, str):
        return f"    {old if isinstance(old, str) else 'a profile'}\n    {new if isinstance(new, str) else 'a profile'}"
    samples = [
        {chain: tuple(values.values()) for chain, values in pprof.Profile(data).samples} for data in (old, new)
    ]
    chains = sorted(set(samples[0]) | set(samples[1]))
    lines = [
        f"    {' <- '.join(chain)}: {samples[0].get(chain)} became {samples[1].get(chain)}"
        for chain in chains
        if samples[0].get(chain) != samples[1].get(chain)
    ]
    return "\n".join(lines[:8] or ["    the same samples, written in another way"])


def compare(tools, executable, what):
    """Says what differs in the profiles of one program, or None."""
    with tempfile.TemporaryDirectory(dir=os.environ["GRF_TEST_BUILD"]) as folder:
        folder = pathlib.Path(folder)
        with Target(executable) as target:
            core = target.core(folder / "core")
        old, new = (profile(tool, executable, core, folder) for tool in tools)
        if old == new:
            return None
        return f"{what}: status {old[0]}, then {new[0]}\n{difference(old[1], new[1])}"


def main():
    """Compares all that was asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("old", type=pathlib.Path)
    parser.add_argument("new", type=pathlib.Path)
    parser.add_argument("versions", nargs="*", default=VERSIONS.split())
    parser.add_argument("--programs", default="")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    options = parser.parse_intermixed_args()
    programs = sorted(path.parent.name for path in PROGRAMS.glob("*/main.go"))
    programs = [name for name in programs if name not in LEFT_OUT and re.search(options.programs, name)]
    builder, pool = Builder(), concurrent.futures.ThreadPoolExecutor(options.jobs)
    pathlib.Path(os.environ["GRF_TEST_BUILD"]).mkdir(parents=True, exist_ok=True)

    def one(version, flags, program):
        what = f"{program} {version}{' stripped' if flags else ''}"
        try:
            executable = builder.build(version, "optimised", program, flags)
            return compare((options.old, options.new), executable, what)
        except Exception as reason:  # pylint: disable=broad-except
            return f"{what}: {reason}"

    wanted = [
        (version, flags, program)
        for version in options.versions
        for flags in ((), STRIPPED)
        for program in programs
    ]
    for version, flags, program in wanted:
        builder.start(version, "optimised", program, flags)
    found = list(pool.map(lambda job: one(*job), wanted))
    builder.close()
    different = [text for text in found if text]
    print("\n".join([*different, f"{len(found) - len(different)} of {len(found)} profiles are the same"]))
    return bool(different)


if __name__ == "__main__":
    sys.exit(main())

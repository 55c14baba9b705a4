# SPDX-License-Identifier: BSD-2-Clause
"""Contents of objects without pointers are not copied, unless asked for; nothing else is missed,
also where the target puts the same memory to another use meanwhile."""

import os
import re

import pprof
import pytest
from gating import pairs, times
from running import HURRIED, OK, goref, grf
from toolchains import versions

pytestmark = pytest.mark.once

RUNS = int(os.environ.get("GRF_TEST_RECYCLED", times(6, 15)))
PARTS, ELEMENTS = 24, 16 << 10


def copied(done):
    """The MiB that the summary says were copied."""
    size, unit = re.search(r"copied +([\d.]+) (\w+) by", done.stdout).groups()
    return float(size) * {"B": 2**-20, "KiB": 2**-10, "MiB": 1, "GiB": 1024}[unit]


def below(path, variable):
    """What is held by a variable of main: by the name of the field that leads to it."""
    found = {}
    for chain, (objects, size) in pprof.read(path).chains.items():
        if chain[0] == variable:
            field = chain[1].split(".")[0] if len(chain) > 1 else ""
            before = found.get(field, (0, 0))
            found[field] = (before[0] + objects, before[1] + size)
    return found


WAYS = [(copy, flags) for copy in ("precopy", "stop") for flags in ((), ("-ldflags=-s -w",))]


@pytest.mark.parametrize(
    "version, copy, flags",
    [
        pytest.param(version, *way, id=f"{version}-{way[0]}-{'stripped' if way[1] else 'named'}")
        for version, way in pairs(versions(), WAYS)
    ],
)
def test_left_out(version, flags, copy, build, start, tmp_path):
    target = start("buffers", version=version, flags=flags)
    options = ["--freeze", "now", "--copy", copy]
    few = grf("attach", target.pid, *options, "-o", tmp_path / "few")
    if copy == "precopy" and few.status != OK:
        pytest.skip(few.stderr)
    all_of_it = grf("attach", target.pid, *options, "--contents", "-o", tmp_path / "all").expect(OK)
    few.expect(OK)
    # 64 MiB in large buffers and 30 MiB in smaller ones.
    assert copied(all_of_it) - copied(few) > (90 if copy == "precopy" else 60), few.stdout
    assert "left out" in few.stdout and "left out" not in all_of_it.stdout
    assert pprof.read(tmp_path / "few").chains == pprof.read(tmp_path / "all").chains
    target.check_runs()


@pytest.mark.parametrize("copy", ["precopy", "stop"])
def test_memory_put_to_another_use(copy, start, tmp_path):
    target = start("recycle")
    kinds = set()
    for attempt in range(10 * RUNS):
        if attempt >= RUNS and kinds >= {"buffers", "arrays"}:
            break
        options = ("--freeze", "now", "--copy", copy, *HURRIED, "-o", tmp_path / "out")
        done = goref("attach", target.pid, *options)
        if copy == "precopy" and "wrote since it was copied" in done.stderr:
            continue
        done.expect(OK)
        found = below(tmp_path / "out", "main.current")
        assert set(found) in ({"", "buffers"}, {"", "arrays"}), (attempt, found)
        if "arrays" in found:
            objects, size = found["arrays"]
            # The arrays, what holds them, and what they point to.
            assert objects == 1 + PARTS + PARTS * ELEMENTS, (attempt, found)
            assert size >= PARTS * (8 * ELEMENTS + 8 * ELEMENTS), (attempt, found)
        else:
            assert found["buffers"][0] == 1 + PARTS, (attempt, found)
        kinds |= set(found)
        target.check_runs()
    assert kinds >= {"buffers", "arrays"}, "both uses should have been seen"

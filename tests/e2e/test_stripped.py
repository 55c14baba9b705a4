# SPDX-License-Identifier: BSD-2-Clause
"""Programs without DWARF and symbols: the same objects, and types all the same."""

import re
import subprocess

import pprof
import pytest
from running import OK, Target, grf
from toolchains import COLLECT, versions

STRIPPED = "-ldflags=-s -w"


def summary(done):
    reached = re.search(r"reachable +\S+ \S+ in ([\d,]+) objects", done.stdout)
    typed = re.search(r"typed +([\d.]+)%", done.stdout)
    return int(reached.group(1).replace(",", "")), float(typed.group(1))


@pytest.mark.parametrize("version", versions())
@pytest.mark.parametrize("program", ["maps", "structs", "slices", "concurrent"])
def test_the_same_and_typed(version, program, build, toolchain, tmp_path):
    # Up to 1.21 the runtime stores no types: of a large []*T only the elements tell what T is, and
    # this program has several types that look the same.
    least = 30 if program == "slices" and toolchain(version).minor < 22 else 90
    figures = {}
    for flags in ((), (STRIPPED,)):
        with Target(build(program, version=version, flags=flags)) as target:
            done = grf("attach", target.pid, "--freeze", "now", "-o", tmp_path / "out").expect(OK)
            figures[flags] = summary(done)
            assert ("no debug information" in done.stdout) == bool(flags)
    with_dwarf, without = figures.values()
    # The runtime's own objects differ by some from run to run.
    assert abs(with_dwarf[0] - without[0]) <= max(60, 0.01 * with_dwarf[0])
    assert without[1] >= least, figures


def test_names_of_types(build, tmp_path):
    with Target(build("maps", flags=(STRIPPED,))) as target:
        grf("attach", target.pid, "--freeze", "now", "-o", tmp_path / "out").expect(OK)
    chains = pprof.read(tmp_path / "out").chains
    assert any(
        re.match(r"bss\+0x|bss\+0", chain[0])
        and chain[1:] == ("?. (map[string]*main.Leaf)", "$mapval. (*main.Leaf)")
        for chain in chains
    ), list(chains)[:40]


def test_stripped_by_strip(build, tmp_path):
    stripped = tmp_path / "stripped"
    subprocess.run(["strip", "-o", stripped, build("maps")], check=True)
    with Target(stripped) as target:
        done = grf("attach", target.pid, "--freeze", "now", "-o", tmp_path / "out").expect(OK)
        assert summary(done)[1] >= 90
        # One that has it all helps.
        done = grf("attach", target.pid, build("maps"), "-o", tmp_path / "out").expect(OK)
        assert summary(done)[1] == 100
    assert any(chain[0] == "main.directory" for chain in pprof.read(tmp_path / "out").chains)


@pytest.mark.parametrize("version", versions())
def test_freeze_point(version, build):
    with Target(build("maps", version=version, flags=(STRIPPED, COLLECT))) as target:
        grf("verify", target.pid).expect(OK)

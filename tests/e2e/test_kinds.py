# SPDX-License-Identifier: BSD-2-Clause
"""
Every kind of value, with every toolchain, optimised and not, live and from a core: the chains,
objects and bytes that tests/programs/*/expect says.

A line of an expect file: objects, bytes, chain; "under N chain" counts what is below a chain too.
Before them may stand, in brackets, for which Go minors and which mode the line holds: [>=24],
[<24], [noopt]. "2..3" is a range.
"""

import re
from pathlib import Path

import pytest
from profile import Profile
from targets import MODES, PROGRAMS, VERSIONS, NoToolchain, Target, build, grf

KINDS = sorted(p.parent.name for p in PROGRAMS.glob("*/expect"))


def within(value, wanted):
    low, _, high = wanted.partition("..")
    return int(low) <= value <= int(high or low)


def applies(conditions, minor, mode):
    for condition in conditions:
        match = re.fullmatch(r"(>=|<)(\d+)", condition)
        if match:
            if (minor >= int(match[2])) != (match[1] == ">="):
                return False
        elif condition in MODES:
            if condition != mode:
                return False
        else:
            raise ValueError(condition)
    return True


def expectations(kind, minor, mode):
    for line in (PROGRAMS / kind / "expect").read_text().splitlines():
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        conditions = []
        while line.startswith("["):
            text, line = line[1:].split("]", 1)
            conditions.append(text)
            line = line.strip()
        if not applies(conditions, minor, mode):
            continue
        first, second, chain = line.split(None, 2)
        yield first, second, tuple(part.strip() for part in chain.split(" | "))


def differences(profile, kind, minor, mode):
    wrong = []
    for first, second, chain in expectations(kind, minor, mode):
        if first == "under":
            objects, _ = profile.under(chain)
            if not within(objects, second):
                wrong.append(f"under {' | '.join(chain)}: {objects} objects, not {second}")
            continue
        objects, size = profile.at(chain)
        if within(objects, first) and within(size, second):
            continue
        near = [f"      {v} {' | '.join(c)}" for c, v in profile.chains.items() if c[0] == chain[0]]
        wrong.append(
            f"{' | '.join(chain)}: {objects} objects of {size} bytes, not {first} of {second}\n"
            + "\n".join(near[:12])
        )
    return wrong


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("kind", KINDS)
def test_kind(kind, mode, version, tmp_path):
    try:
        executable = build(kind, version, mode)
    except NoToolchain as reason:
        pytest.skip(str(reason))
    minor = int(version.split(".")[1])
    live, from_core = tmp_path / "live", tmp_path / "core.out"
    with Target(executable) as target:
        grf("attach", target.pid, "-o", live)
        assert target.state() in "SR"
        core = target.core(tmp_path / "core")
    try:
        grf("core", executable, core, "-o", from_core)
    finally:
        core.unlink()
    wrong = differences(Profile(live), kind, minor, mode)
    assert not wrong, "attach:\n" + "\n".join(wrong)
    wrong = differences(Profile(from_core), kind, minor, mode)
    assert not wrong, "core:\n" + "\n".join(wrong)

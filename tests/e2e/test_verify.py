# SPDX-License-Identifier: BSD-2-Clause
"""The reached set against the collector's: on every program, with every version."""

import json
import os
import re
import shutil
import subprocess

import jsonschema
import pytest
from gating import few, programs, times
from running import HURRIED, OK, Target, grf
from test_formats import SCHEMA
from toolchains import COLLECT, PROGRAMS, versions

pytestmark = pytest.mark.once

NOT_COMPARED = 12
REPEATS = int(os.environ.get("GRF_TEST_REPEATS", times(3, 10)))
KINDS = sorted(path.name for path in PROGRAMS.iterdir() if (path / "main.go").exists())
# demo, scale and web say nothing more about exactness, and take long; rewriter's loops are write
# barriers and little else, where a goroutine cannot be preempted, so that a collection hardly ever
# begins, and in uninterruptible none ends; leaks, load, restless and sandboxed need to be told what to
# do; loader has C in it, and standard is built by newer releases alone.
LEFT_OUT = (
    "demo", "leaks", "load", "loader", "restless", "rewriter", "sandboxed", "scale", "standard",
    "uninterruptible", "web",
)
KINDS = [kind for kind in KINDS if kind not in LEFT_OUT]


def counts(done):
    """Objects by line of the report."""
    found = {}
    for line in done.stdout.splitlines():
        match = re.match(r" +[\d.]+ \S*B +([\d,]+)  (\S.*)", line)
        if match:
            found[match.group(2).split(":")[0]] = int(match.group(1).replace(",", ""))
    return found


def collecting(toolchain, version):
    """What makes the collector exact, as far as it can be made so: from 1.25 on a second marking
    with the world stopped, before that a first one."""
    exact = toolchain(version).minor >= 25
    return exact, {"GODEBUG": "gccheckmark=1" if exact else "gcstoptheworld=1"}


MATRIX = programs(KINDS)


@pytest.mark.parametrize("version, mode", dict.fromkeys(target[:2] for target in MATRIX))
def test_programs(version, mode, build, toolchain):
    exact, environment = collecting(toolchain, version)
    for kind in [kind for *target, kind in MATRIX if target == [version, mode]]:
        executable = build(kind, mode, version)
        with Target(executable, environment=environment | COLLECT) as target:
            done = grf("verify", target.pid, *HURRIED, "-v").expect(OK)
            found = counts(done)
            assert found["marked and reached"] > 50, str(done)
            assert found["missed"] == found["reached but not marked"] == 0, str(done)
            assert ("gccheckmark" in done.stdout) == exact
            if exact:
                assert found["marked but not reached"] == 0, str(done)
            target.check_runs()


@pytest.mark.parametrize("version", versions())
def test_busy_many_times(version, build, toolchain):
    exact, environment = collecting(toolchain, version)
    with Target(build("busy", version=version), environment=environment) as target:
        for _ in range(REPEATS):
            done = grf("verify", target.pid, *HURRIED, "-v").expect(OK)
            assert not exact or counts(done)["marked but not reached"] == 0, str(done)


def test_marks_alone_hold_more(start):
    """Without a second marking what became garbage meanwhile is told apart from what was missed."""
    target = start("busy")
    done = grf("verify", target.pid).expect(OK)
    assert "its mark bits" in done.stdout and counts(done)["missed"] == 0


def test_stopped_at_once(start):
    target = start("busy")
    for _ in range(times(4, 10)):
        done = grf("verify", target.pid, "--freeze", "now", *HURRIED)
        assert done.status == NOT_COMPARED, str(done)
        assert counts(done)["missed"] == 0 and "not compared with marks" in done.stdout


@pytest.mark.parametrize("version", ["1.20.14+arenas", "1.26+arenas"])
def test_arenas(version, build, toolchain):
    """One that is in use, and one that was freed."""
    exact, environment = collecting(toolchain, version)
    with Target(build("arenas", version=version), environment=environment) as target:
        for _ in range(3):
            done = grf("verify", target.pid, "-v").expect(OK)
            found = counts(done)
            assert found["missed"] == found["reached but not marked"] == 0, str(done)
            assert not exact or found["marked but not reached"] == 0, str(done)
            # The leaves in the heap that only arenas point to.
            assert found["marked and reached"] > 1100, str(done)


def word_in_core(core, address):
    """32 bits of a core's memory."""
    headers = subprocess.run(
        ["readelf", "-lW", core], capture_output=True, text=True, check=True
    ).stdout
    for offset, start, size in re.findall(r"LOAD +0x(\w+) 0x(\w+) 0x\w+ 0x(\w+)", headers):
        within = address - int(start, 16)
        if 0 <= within < int(size, 16):
            with open(core, "rb") as file:
                file.seek(int(offset, 16) + within)
                return int.from_bytes(file.read(4), "little")
    raise AssertionError(f"{address:#x} is not in the core")


@pytest.mark.parametrize("version", few(versions()))
def test_while_the_collector_marks(version, build, tmp_path):
    """Write barriers on, workers in the middle of it, goroutines that were scanned and others."""
    executable = build("scale", version=version)
    symbols = subprocess.run(["nm", executable], capture_output=True, text=True, check=True).stdout
    phase = int(re.search(r"(\w+) \w runtime\.gcphase$", symbols, re.MULTILINE).group(1), 16)
    arguments = ["-scale", "0.05", "-goroutines", "1000", "-collect", "1ms"]
    with Target(executable, *arguments) as target:
        for _ in range(20):
            core = target.core(tmp_path / "core")
            if word_in_core(core, phase) == 1:
                break
            core.unlink()
        else:
            pytest.fail("none of 20 cores was taken while the collector marked")
        done = grf("verify", executable, core)
        core.unlink()
        assert done.status == NOT_COMPARED, str(done)
        assert counts(done)["missed"] == 0, str(done)
        reached = int(
            re.search(r"([\d,]+) +reached", done.stdout).group(1).replace(",", "")
        )
        live = target.facts["live_objects"]
        assert abs(reached - live) < 0.01 * live, (reached, target.facts)


def test_core(core):
    done = grf("verify", *core)
    assert done.status == NOT_COMPARED, str(done)
    assert counts(done)["missed"] == 0


def test_as_json(core, start):
    """A core has no marks; a process that is held at the end of a collection has."""
    done = grf("verify", *core, "--format", "json", "-vv")
    assert done.status == NOT_COMPARED, str(done)
    document = json.loads(done.stdout)
    jsonschema.validate(document, SCHEMA)
    assert document["verification"] == {"holds": True, "marks": "none"}
    done = grf("verify", start("busy").pid, *HURRIED, "--format", "json", "-vv").expect(OK)
    document = json.loads(done.stdout)
    jsonschema.validate(document, SCHEMA)
    assert document["verification"]["holds"] and document["verification"]["marks"] == "mark-bits"
    rows = {row[3]: row for row in document["tables"]["verification"]["rows"]}
    assert rows["agreed"][0] > 0 and rows["missed"][:2] == rows["extra"][:2] == [0, 0]
    floating = [row for row in document["tables"]["differences"]["rows"] if row[0] == "floating"]
    assert len(floating) == rows["floating"][1]
    assert sum(row[2] for row in floating) == rows["floating"][0]


def test_core_at_the_end_of_a_collection(build, tmp_path):
    """A core that a debugger took at the same place."""
    if not shutil.which("gdb"):
        pytest.skip("gdb is not installed")
    executable = build("maps")
    environment = {"GODEBUG": "gccheckmark=1"} | COLLECT
    with Target(executable, environment=environment) as target:
        commands = ["break runtime.gcSweep", "continue", f"gcore {tmp_path / 'core'}", "delete"]
        arguments = [part for command in commands for part in ("-ex", command)]
        subprocess.run(
            ["gdb", "-batch", "-p", str(target.pid), *arguments],
            capture_output=True,
            timeout=120,
            check=False,
        )
        done = grf("verify", executable, tmp_path / "core", "-v").expect(OK)
        found = counts(done)
        assert found["marked but not reached"] == found["reached but not marked"] == 0, str(done)

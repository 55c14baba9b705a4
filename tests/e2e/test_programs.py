# SPDX-License-Identifier: BSD-2-Clause
"""Every kind of Go value, with every release, optimised and not, live and from a core: chains,
sizes and counts are what the programs' expect.json says."""

import shutil

import expectations
import pprof
import pytest
from gating import pairs, programs
from running import OK, Target, goref, kernel_core
from toolchains import PROGRAMS, versions

KINDS = sorted(path.parent.name for path in PROGRAMS.glob("*/expect.json"))


def differences(source, output, version, mode, kind):
    found = pprof.read(output)
    assert found.sample_types == [("inuse_objects", "count"), ("inuse_space", "bytes")]
    entries = expectations.read(PROGRAMS / kind / "expect.json")
    problems = expectations.check(entries, found.chains, version, mode)
    return [f"{source}:", *problems] if problems else []


@pytest.mark.parametrize("target", programs(KINDS), ids="-".join)
def test_program(target, build, toolchain, tmp_path):
    version, mode, kind = target
    executable = build(kind, mode, version)
    version = toolchain(version).version
    live, from_core = tmp_path / "live.out", tmp_path / "core.out"
    with Target(executable) as running:
        result = goref("attach", running.pid, "--freeze", "now", "-o", live).expect(OK)
        assert f"successfully output to `{live}`" in result.stdout
        running.check_runs()
        core = running.core(tmp_path / "core")
    problems = differences("attach", live, version, mode, kind)
    result = goref("core", executable, core, "-o", from_core).expect(OK)
    assert f"successfully output to `{from_core}`" in result.stdout
    problems += differences("core", from_core, version, mode, kind)
    shutil.rmtree(tmp_path)
    assert not problems, "\n" + "\n".join(problems)


# What gcore writes does not depend on the program, but on its mappings, which the releases lay out.
@pytest.mark.skipif(not shutil.which("gcore"), reason="gcore is not installed")
@pytest.mark.parametrize("version, kind", pairs(versions(), ["facts", "locals"], newest=False))
def test_gcore(kind, version, build, toolchain, tmp_path):
    executable = build(kind, version=version)
    output = tmp_path / "core.out"
    with Target(executable) as running:
        core = running.gcore(tmp_path / "core")
    goref("core", executable, core, "-o", output).expect(OK)
    problems = differences("core", output, toolchain(version).version, "optimised", kind)
    shutil.rmtree(tmp_path)
    assert not problems, "\n" + "\n".join(problems)


@pytest.mark.parametrize("kind", ["facts", "maps", "locals"])
def test_kernel_core(kind, build, toolchain, tmp_path):
    executable = build(kind)
    core = kernel_core(executable, tmp_path)
    if not core:
        pytest.skip("the kernel does not write cores into the working directory here")
    output = tmp_path / "core.out"
    goref("core", executable, core, "-o", output).expect(OK)
    problems = differences("core", output, toolchain().version, "optimised", kind)
    shutil.rmtree(tmp_path)
    assert not problems, "\n" + "\n".join(problems)

# SPDX-License-Identifier: BSD-2-Clause
"""Every kind of Go value, with every release, optimised and not, live and from a core: chains,
sizes and counts are what the programs' expect.json says."""

import shutil

import expectations
import pprof
import pytest
from running import OK, Target, grf, kernel_core
from toolchains import MODES, PROGRAMS, versions

KINDS = sorted(path.parent.name for path in PROGRAMS.glob("*/expect.json"))
TARGETS = [(version, mode, kind) for version in versions() for mode in MODES for kind in KINDS]


@pytest.fixture(scope="module", params=TARGETS, ids=lambda target: "-".join(target))
def program(request, build, tmp_path_factory):
    version, mode, kind = request.param
    executable = build(kind, mode, version)
    folder = tmp_path_factory.mktemp(kind)
    with Target(executable) as target:
        target.version, target.mode, target.kind = version, mode, kind
        target.folder = folder
        yield target
    shutil.rmtree(folder)


def check(target, output):
    entries = expectations.read(PROGRAMS / target.kind / "expect.json")
    found = pprof.read(output)
    assert found.sample_types == [("inuse_objects", "count"), ("inuse_space", "bytes")]
    problems = expectations.check(entries, found.chains, target.version, target.mode)
    assert not problems, "\n" + "\n".join(problems)


def test_attach(program):
    output = program.folder / "attach.out"
    result = grf("attach", program.pid, "-o", output).expect(OK)
    assert f"successfully output to `{output}`" in result.stdout
    program.check_runs()
    check(program, output)


def test_core(program):
    if not shutil.which("gcore"):
        pytest.skip("gcore is not installed")
    core = program.core(program.folder / "core")
    output = program.folder / "core.out"
    result = grf("core", program.executable, core, "-o", output).expect(OK)
    assert f"successfully output to `{output}`" in result.stdout
    core.unlink()
    check(program, output)


@pytest.mark.parametrize("kind", ["facts", "maps"])
def test_kernel_core(kind, build, toolchain, tmp_path):
    executable = build(kind)
    core = kernel_core(executable, tmp_path)
    if not core:
        pytest.skip("the kernel does not write cores into the working directory here")
    output = tmp_path / "core.out"
    grf("core", executable, core, "-o", output).expect(OK)
    entries = expectations.read(PROGRAMS / kind / "expect.json")
    problems = expectations.check(
        entries, pprof.read(output).chains, toolchain.version, "optimised"
    )
    assert not problems, "\n" + "\n".join(problems)

# SPDX-License-Identifier: BSD-2-Clause
"""The result of a walk does not depend on how many threads walk."""

import subprocess

import pytest
from gating import pairs
from running import GRF, OK, Target, grf
from toolchains import versions

# A thread sanitizer opens files, and is not to be confined.
CONFINED = ["--no-sandbox"] if GRF.exists() and b"__tsan_init" in GRF.read_bytes() else []
PROGRAMS = ["crowd", "scale", "leaks"]
ARGUMENTS = {"scale": ["-scale", "0.05", "-goroutines", "1000"], "leaks": ["old-configs"]}


@pytest.mark.parametrize("version, program", pairs(versions(), PROGRAMS))
def test_the_same_bytes(version, program, build, tmp_path):
    executable = build(program, version=version)
    subprocess.run(["strip", "-o", tmp_path / "stripped", executable], check=True)
    with Target(executable, *ARGUMENTS.get(program, ())) as target:
        core = target.core(tmp_path / "core")
    for given in (executable, tmp_path / "stripped"):
        for fold in ([], ["--no-fold"]):
            alone = None
            for threads in (1, 2, 3, 8):
                outputs = [tmp_path / f"out.{suffix}" for suffix in ("json", "txt")]
                arguments = [word for output in outputs for word in ("-o", output)]
                done = grf("core", given, core, "-j", threads, *CONFINED, *fold, *arguments).expect(OK)
                found = [output.read_bytes() for output in outputs], done.stdout
                alone = alone or found
                assert found == alone, (given, fold, threads)
    core.unlink()

# SPDX-License-Identifier: BSD-2-Clause
"""
End-to-end tests. They need root (or the capabilities that the README names) and Go; some want gcore.

  GRF_BPF          the command to test (build/grf-bpf)
  GRF_GO_VERSIONS  the Go versions to build programs with, such as "1.22.12 1.24.9+noswissmap";
                   "all" is every release and experiment
  GRF_TEST_BUILD   where programs are built (build/e2e)
  GRF_TEST_STOPS   how often a program is stopped at once and held against its garbage collections
                   (4; make stops: 200)
  GRF_TEST_REPEATS how often a program is held at the end of a garbage collection (3; make exactness:
                   50)
  GRF_TEST_LONG    all releases with all programs, and more repetitions: see gating.py
"""

import os
import shutil
import sys

import pytest

sys.dont_write_bytecode = True

# pylint: disable=wrong-import-position
import order
from running import GRF, Target
from toolchains import ANY_VERSION, Builder, Unavailable

_builder = Builder()


def pytest_configure(config):
    config.addinivalue_line("markers", "once: looks for harm: one failure is a fault, and no second run")


def pytest_sessionstart(session):
    if os.geteuid() != 0:
        pytest.exit("the end-to-end tests attach to processes: run them as root", returncode=3)
    if not GRF.exists():
        pytest.exit(f"{GRF} is not there: run make first", returncode=3)


def pytest_collection_modifyitems(config, items):
    """Every worker of pytest-xdist has to come to the same order."""
    if hasattr(config, "workerinput"):
        items[:] = order.deal(items, config.workerinput["workercount"])


def pytest_collection_finish(session):
    # Workers of pytest-xdist build what they need when they need it.
    if session.config.option.collectonly or "PYTEST_XDIST_WORKER" in os.environ:
        return
    if getattr(session.config.option, "numprocesses", None):
        return
    for item in session.items:
        callspec = getattr(item, "callspec", None)
        if callspec and "target" in callspec.params:
            _builder.start(*callspec.params["target"])


def pytest_terminal_summary(terminalreporter):
    """How long the tests of each file took, all together."""
    seconds = {}
    for reports in terminalreporter.stats.values():
        for report in reports:
            if hasattr(report, "duration"):
                name = report.nodeid.split("::")[0].rpartition("/")[2]
                seconds[name] = seconds.get(name, 0) + report.duration
    terminalreporter.section("seconds by file")
    for name, time in sorted(seconds.items(), key=lambda item: -item[1]):
        terminalreporter.write_line(f"{time:8.1f}  {name}")


def pytest_sessionfinish(session):
    _builder.close()


@pytest.fixture(scope="session")
def build():
    """Builds a program: build(program, mode="optimised", version=..., flags=())."""

    def run(program, mode="optimised", version=ANY_VERSION, flags=()):
        try:
            return _builder.build(version, mode, program, flags)
        except Unavailable as reason:
            return pytest.skip(str(reason))

    return run


@pytest.fixture(scope="session")
def toolchain():
    """The toolchain of version `version`, or of any."""

    def run(version=ANY_VERSION):
        try:
            return _builder.toolchain(version)
        except Unavailable as reason:
            return pytest.skip(str(reason))

    return run


@pytest.fixture
def start(build):
    """Starts a program and stops it after the test: start(program, *arguments)."""
    targets = []

    def run(program, *arguments, version=ANY_VERSION, flags=(), **options):
        executable = build(program, version=version, flags=flags)
        targets.append(Target(executable, *arguments, **options))
        return targets[-1]

    yield run
    for target in targets:
        target.stop()


@pytest.fixture(scope="session")
def core(build, tmp_path_factory):
    """(executable, core) of a small program."""
    if not shutil.which("gcore"):
        pytest.skip("gcore is not installed")
    executable = build("slices")
    folder = tmp_path_factory.mktemp("core")
    with Target(executable) as target:
        yield executable, target.gcore(folder / "core")
    shutil.rmtree(folder)

# SPDX-License-Identifier: BSD-2-Clause
"""
The process is another program all of a sudden, while the tool is halted at one of its system calls
(halt.c): it ends, and another takes its number (born.c), or it calls exec. Nothing is done to the other
one, and nothing of it is shown as the first.

  GRF_TEST_RESTLESS  how many instants for each way to copy (3); "all": each call
"""

import os
import pathlib
import re
import select
import shutil
import signal
import subprocess
import time

import pprof
import pytest
from running import (
    EXITED, GRF, HURRIED, NO_PROCESS, OK, PERMISSION, TOO_LONG, UNSUPPORTED, Target, wait_until,
)
from test_restless import REPLACED, check_unharmed, generation
from test_survival import MARK, Checked, check
from toolchains import ROOT

pytestmark = pytest.mark.once

INSTANTS = os.environ.get("GRF_TEST_RESTLESS", "3")
# What became of the process, or why nothing can be done with the one that is there when it is first
# looked at.
DOCUMENTED = {OK, NO_PROCESS, PERMISSION, EXITED, UNSUPPORTED, TOO_LONG}
# MiB that the first program has and the other has not.
BALLAST = 8
# For a hang.
PATIENCE = 300
# The status of born.c.
BORN_AND_ENDED = 97


@pytest.fixture(scope="session", name="tools")
def fixture_tools(tmp_path_factory):
    """(halt, born)"""
    folder = tmp_path_factory.mktemp("anew")
    if not shutil.which("gcc"):
        pytest.skip("gcc is not installed")
    for name in ("halt", "born"):
        source = ROOT / "tests" / "e2e" / f"{name}.c"
        command = ["gcc", "-O1", "-D_GNU_SOURCE", "-o", folder / name, source, "-lseccomp", "-lpthread"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"no libseccomp here: {done.stderr[-200:]}")
    with subprocess.Popen(["/bin/true"]) as ended:
        ended.wait()
    for command, status in (
        ([folder / "born", str(ended.pid), "/bin/true"], BORN_AND_ENDED),
        ([folder / "halt", "0", "0", "/bin/true"], 0),
    ):
        if subprocess.run(command, stdout=subprocess.DEVNULL, check=False).returncode != status:
            pytest.skip(f"{command[0].name}: not with this kernel, or not permitted")
    return folder / "halt", folder / "born"


class Halted:
    """An attach that is halted before one of its system calls; `at`: which, or "" where it ended before."""

    def __init__(self, halt, pid, which, output, *arguments):
        self.process = subprocess.Popen(
            [str(halt), str(pid), str(which), str(GRF), "attach", str(pid), *HURRIED, "-o", str(output),
             *arguments],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env=dict(os.environ, **dict([MARK.split("=")])),
        )
        assert select.select([self.process.stdout], [], [], PATIENCE)[0]
        what, self.at = self.process.stdout.readline().split()
        self.calls = None
        if what == "CALLS":
            self.calls, self.at = int(self.at), ""

    def finish(self):
        """Lets it go on. Returns its status and what it says."""
        _, said = self.process.communicate("\n", timeout=PATIENCE)
        return self.process.returncode, said


def end(target, halted):
    """Ends it. Who traces a thread has to go on for that; what comes of it is returned."""
    result = None
    target.process.kill()
    while target.process.poll() is None:
        if not result and target.tracer():
            result = halted.finish()
        time.sleep(0.005)
    target.process.stdout.close()
    return result


def is_the_first(output):
    values = [values for chain, values in pprof.read(output).chains.items() if "main.ballast" in chain]
    return sum(count_and_bytes[1] for count_and_bytes in values) >= BALLAST << 20


class Anew(Target):
    """A program that runs as the process with a number that is free."""

    def __init__(self, born, number, *command):
        super().__init__(born, str(number), *command)
        self.pid = number


def check_other(other, is_go):
    assert other.process.poll() is None, "it ended, or was stopped"
    if is_go:
        check(Checked(other))
    assert wait_until(lambda: not other.tracer()), other.tracer()
    assert wait_until(lambda: not set(other.states()) & set("tTZ")), other.states()


@pytest.fixture(name="checked")
def fixture_checked(build):
    return build("checked")


def others(checked):
    """The same program, which has the same code at the same addresses, and one that is not Go."""
    return [[str(checked)], ["/bin/sh", "-c", "echo READY; exec sleep 1000"]]


def try_instant(tools, checked, number, command, output, arguments):
    halt, born = tools
    first = Target(checked, str(BALLAST))
    halted = Halted(halt, first.pid, number, output, *arguments)
    # Where there were fewer calls this time, it has ended by now.
    result = end(first, halted)
    with Anew(born, first.pid, *command) as other:
        status, said = result or halted.finish()
        told = (number, halted.at, status, said)
        assert status in DOCUMENTED, told
        if status == OK:
            assert is_the_first(output), told
            output.unlink()
        assert not output.exists(), told
        try:
            check_other(other, command[0] == str(checked))
        except AssertionError as failure:
            raise AssertionError(told) from failure


def has_become_another(target, before, halted):
    """Tells it to. Who traces a thread has to go on for that; what comes of it is returned."""
    result = None
    os.kill(target.pid, signal.SIGUSR1)
    deadline = time.monotonic() + PATIENCE
    while generation(target) == before:
        assert time.monotonic() < deadline, target.states()
        if halted and not result and target.tracer():
            result = halted.finish()
        time.sleep(0.005)
    assert target.line() == "READY"
    return result


def instants(calls):
    if INSTANTS == "all":
        return range(1, calls + 1)
    count = int(INSTANTS)
    return sorted({1 + i * calls // count for i in range(count)})


@pytest.mark.parametrize("freeze", ["now", "gc"])
@pytest.mark.parametrize("way", ["precopy", "fork", "stop"])
def test_number_used_anew(way, freeze, tools, checked, tmp_path):
    arguments = ("--copy", way, "--freeze", freeze, "--max-pause", "10s", "--gc-wait", "20s")
    with Target(checked, str(BALLAST)) as target:
        whole = Halted(tools[0], target.pid, 0, tmp_path / "out", *arguments)
        assert whole.finish()[0] == OK
        assert is_the_first(tmp_path / "out")
    (tmp_path / "out").unlink()
    commands = others(checked)
    for turn, number in enumerate(instants(whole.calls)):
        try_instant(tools, checked, number, commands[turn % 2], tmp_path / "out", arguments)


def test_number_of_a_thread(tools, start, tmp_path):
    """A thread of the target ends when it was listed and not yet seized. Who has its number is let go
    with the others, and is not counted as one."""
    halt, born = tools
    target = start("restless", "thread")
    thread = target.facts["thread"]
    there = pathlib.Path(f"/proc/{target.pid}/task/{thread}")
    options = ("--copy", "stop", "--freeze", "now", "--no-ebpf", "-v")
    halted = Halted(halt, target.pid, "ptrace", tmp_path / "out", *options)
    assert halted.at == "ptrace"
    os.kill(target.pid, signal.SIGUSR1)
    assert wait_until(lambda: not there.exists(), PATIENCE)
    with Anew(born, thread, "/bin/sh", "-c", "echo READY; exec sleep 1000") as other:
        status, said = halted.finish()
        assert status == OK, said
        held = int(re.search(r"held (\d+) threads", said).group(1))
        assert held <= len(target.states()), said
        check_other(other, False)
    target.check_runs()


@pytest.mark.parametrize("freeze", ["now", "gc"])
@pytest.mark.parametrize("way", ["precopy", "fork", "stop"])
def test_exec_at_each_call(way, freeze, tools, start, tmp_path):
    arguments = ("--copy", way, "--freeze", freeze, "--max-pause", "10s", "--gc-wait", "20s")
    target = start("restless", "told")
    whole = Halted(tools[0], target.pid, 0, tmp_path / "out", *arguments)
    assert whole.finish()[0] == OK
    for number in instants(whole.calls):
        halted = Halted(tools[0], target.pid, number, tmp_path / "out", *arguments)
        before = generation(target)
        result = has_become_another(target, before, halted)
        status, said = result or halted.finish()
        assert status in {OK, EXITED, UNSUPPORTED, TOO_LONG, REPLACED}, (number, halted.at, status, said)
        check_unharmed(target)
        # It goes on as it should.
        has_become_another(target, before + 1, None)

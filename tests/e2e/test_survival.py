# SPDX-License-Identifier: BSD-2-Clause
"""The target survives whatever becomes of grf-bpf while it copies memory of a running process."""

import os
import pathlib
import random
import signal
import time

import pytest
from running import OK, grf, start_grf, wait_until

RUNS = int(os.environ.get("GRF_TEST_KILLS", "40"))


def is_protected(target):
    """Whether some of its memory is registered with a userfaultfd."""
    smaps = pathlib.Path(f"/proc/{target.pid}/smaps").read_text(encoding="ascii")
    flags = [line.split()[1:] for line in smaps.splitlines() if line.startswith("VmFlags:")]
    return any(set(one) & {"uw", "um", "ui"} for one in flags)


def has_ours(target):
    """Whether it has a descriptor that it did not open itself."""
    descriptors = pathlib.Path(f"/proc/{target.pid}/fd").iterdir()
    return any("userfaultfd" in os.readlink(path) for path in descriptors)


def check(target):
    """It runs, checks what it keeps, and nothing of ours is left."""
    assert wait_until(lambda: not set(target.states()) & {"T", "t", "Z"}), target.states()
    assert wait_until(lambda: not is_protected(target))
    before = target.checked()
    assert wait_until(lambda: target.checked() > before + 3), "it checks its memory no more"


class Checked:
    """tests/programs/checked writes how often it has found its memory as it should be."""

    def __init__(self, target):
        self._target = target
        self.pid = target.pid
        self.states = target.states

    def checked(self):
        self._target.check_runs()
        line = pathlib.Path(f"/proc/{self.pid}/comm").read_text(encoding="ascii").strip()
        assert line != "broken", "its memory is not as it should be"
        return int(line)


@pytest.fixture
def target(start):
    return Checked(start("checked"))


@pytest.mark.parametrize("both", [False, True])
@pytest.mark.parametrize("step", range(1, 10))
def test_killed_at_each_step(step, both, target, tmp_path, monkeypatch):
    """The steps at which a thread of the target makes a system call for us (injection.c): killed
    alone, and together with the process that takes it to its end."""
    monkeypatch.setenv("GRF_TEST_KILL_AT_STEP", str(step))
    if both:
        monkeypatch.setenv("GRF_TEST_KILL_BOTH", "1")
    for _ in range(5):
        done = grf("attach", target.pid, "--freeze", "now", "-o", tmp_path / "out")
        assert done.status == -signal.SIGKILL, str(done)
        check(target)
    assert both or wait_until(lambda: not has_ours(target))


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_killed_at_any_time(number, target, tmp_path):
    generator = random.Random(number)
    for _ in range(RUNS):
        tool = start_grf("attach", target.pid, "--freeze", "now", "-o", tmp_path / "out")
        time.sleep(generator.random() * 0.15)
        tool.send_signal(number)
        tool.communicate()
        # Before it has set up its handlers, any signal ends it.
        assert tool.returncode in (OK, -number, 128 + number), tool.returncode
        check(target)
    assert wait_until(lambda: not has_ours(target))


@pytest.mark.parametrize("copy", ["precopy", "stop"])
def test_many_in_a_row(copy, start, tmp_path):
    target = start("goroutines")
    arguments = ["attach", target.pid, "--freeze", "now", "--copy", copy, "-o", tmp_path / "out"]
    grf(*arguments).expect(OK)
    before = target.shape()
    for _ in range(RUNS):
        grf(*arguments).expect(OK)
    assert target.shape() == before
    assert not is_protected(target)

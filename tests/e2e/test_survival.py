# SPDX-License-Identifier: BSD-2-Clause
"""
The target survives whatever becomes of grf-bpf while it copies memory of a running process.

  GRF_TEST_KILLS  how often it is ended at some instant, for each signal and way of copying (10)
  GRF_TEST_ROW    how many snapshots are taken of one process in a row (30)

`make check-matrix` takes 25 and 40, `make check-survival` 1,000 and 500.
"""

import os
import pathlib
import random
import re
import signal
import statistics
import time
import uuid
from collections import Counter

import pprof
import pytest
from gating import times
from running import (
    GRF,
    HOOKED,
    HOOKS,
    HURRIED,
    OK,
    TOO_LONG,
    UNSUPPORTED,
    grf,
    processes,
    start_grf,
    wait_until,
)

pytestmark = pytest.mark.once

KILLS = int(os.environ.get("GRF_TEST_KILLS", times(10, 25)))
IN_A_ROW = int(os.environ.get("GRF_TEST_ROW", times(30, 40)))
WAYS = ["precopy", "fork", "stop"]
# After so many kills comes an attach that is left alone, and a new target.
KILLS_OF_A_TARGET = 20
# So that copying takes a good part of the time; MiB.
BALLAST = 32
# On a busy machine a thread may have no CPU for longer than it may take to stop.
PATIENT = ("--max-pause", "10s")
# Written on all that we start, so that what is left of it is found.
MARK = f"GRF_TEST_MARK={uuid.uuid4()}"


def is_protected(target):
    """Whether some of its memory is registered with a userfaultfd."""
    smaps = pathlib.Path(f"/proc/{target.pid}/smaps").read_text(encoding="ascii")
    flags = [line.split()[1:] for line in smaps.splitlines() if line.startswith("VmFlags:")]
    return any(set(one) & {"uw", "um", "ui"} for one in flags)


def descriptors(target):
    links = (os.readlink(path) for path in pathlib.Path(f"/proc/{target.pid}/fd").iterdir())
    return Counter(re.sub(r"\d+", "N", link) for link in links)


def has_ours(target):
    """Whether it has a descriptor that it did not open itself."""
    return any("userfaultfd" in link for link in descriptors(target))


def left_of_us():
    """Processes of grf-bpf that live on; zombies have lost their environment."""
    found = []
    for process in processes():
        try:
            marked = MARK.encode() in (process / "environ").read_bytes()
            if marked and os.readlink(process / "exe") == str(GRF):
                found.append(process.name)
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            pass
    return found


def children(target):
    found = []
    for task in pathlib.Path(f"/proc/{target.pid}/task").iterdir():
        try:
            found += (task / "children").read_text(encoding="ascii").split()
        except (FileNotFoundError, ProcessLookupError):
            pass
    return found


def check(target, zombies=False):
    """It runs, checks what it keeps, and nothing that we made is left; children that ended may be."""
    assert wait_until(lambda: not set(target.states()) & {"T", "t", "Z"}), target.states()
    assert wait_until(lambda: not is_protected(target))
    assert wait_until(lambda: not left_of_us()), left_of_us()
    assert zombies or not children(target)
    before = target.checked()
    assert wait_until(lambda: target.checked() > before + 3), "it checks its memory no more"
    maps = pathlib.Path(f"/proc/{target.pid}/maps").read_text(encoding="ascii")
    assert "[uprobes]" not in maps


class Checked:
    """tests/programs/checked writes how often it has found its memory as it should be."""

    def __init__(self, target):
        self._target = target
        self.pid = target.pid
        self.states = target.states
        self.stop = target.stop

    def checked(self):
        self._target.check_runs()
        line = pathlib.Path(f"/proc/{self.pid}/comm").read_text(encoding="ascii").strip()
        assert line != "broken", "its memory is not as it should be"
        return int(line)


@pytest.fixture
def target(start):
    return Checked(start("checked"))


def test_what_ends_it_is_not_in_the_tool():
    """The hooks by which the tests below end it are in a binary of their own."""
    assert all(hook.encode() not in GRF.read_bytes() for hook in HOOKS)
    assert all(hook.encode() in HOOKED.read_bytes() for hook in HOOKS)


@pytest.mark.parametrize("both", [False, True])
@pytest.mark.parametrize("step", range(1, 10))
def test_killed_at_each_step(step, both, target, tmp_path, monkeypatch):
    """The steps at which a thread of the target makes a system call for us (injection.c): killed
    alone, and together with the process that takes it to its end."""
    monkeypatch.setenv("GRF_TEST_KILL_AT_STEP", str(step))
    if both:
        monkeypatch.setenv("GRF_TEST_KILL_BOTH", "1")
    for _ in range(times(2, 5)):
        done = grf("attach", target.pid, "--freeze", "now", *PATIENT, "-o", tmp_path / "out")
        assert done.status == -signal.SIGKILL, str(done)
        check(target)
    assert both or wait_until(lambda: not has_ours(target))


class Killer:
    """Ends attaches to a target at random instants of the time that one takes, which is measured."""

    def __init__(self, number, way, folder):
        self.number = number
        self.folder = folder
        self.arguments = ["--freeze", "now", "--copy", way, *HURRIED, "-o", folder / "out"]
        self.environment = dict(os.environ, **dict([MARK.split("=")]))
        self.random = random.Random(f"{number} {way}")
        self.took = []
        self.ends = Counter()

    def _start(self, target):
        return start_grf("attach", target.pid, *self.arguments, env=self.environment)

    def undisturbed(self, target):
        for _ in range(3):
            began = time.monotonic()
            tool = self._start(target)
            _, message = tool.communicate(timeout=60)
            # On a busy machine there may be no thread that is fit, or stops, in time.
            if tool.returncode not in (UNSUPPORTED, TOO_LONG):
                break
        self.took.append(time.monotonic() - began)
        assert tool.returncode == OK, message
        self._check_output(whole=True)
        check(target)

    def _check_output(self, whole):
        """There is all of it, or nothing."""
        names = [path.name for path in self.folder.iterdir()]
        if whole:
            pprof.read(self.folder / "out")
        # What was being written at a kill may lie beside it.
        assert "out" in names or not whole
        assert self.number == signal.SIGKILL or names in (["out"], []), names
        for name in names:
            (self.folder / name).unlink()

    def end_one(self, target):
        # The time is not the same each time; what comes after it ends nothing.
        instant = self.random.random() * 1.05 * statistics.median(self.took[-5:])
        began = time.monotonic()
        tool = self._start(target)
        time.sleep(max(0.0, instant - (time.monotonic() - began)))
        tool.send_signal(self.number)
        _, message = tool.communicate(timeout=60)
        # Before it has set up its handlers, any signal ends it.
        ends = (OK, UNSUPPORTED, TOO_LONG, -self.number, 128 + self.number)
        assert tool.returncode in ends, (tool.returncode, message)
        self.ends[tool.returncode] += 1
        self._check_output(whole=tool.returncode == OK)
        check(target)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_ended_at_any_time(number, way, start, tmp_path, capsys):
    killer = Killer(number, way, tmp_path)
    for done in range(KILLS):
        if done % KILLS_OF_A_TARGET == 0:
            target = Checked(start("checked", str(BALLAST)))
            killer.undisturbed(target)
            before = descriptors(target)
            assert not has_ours(target)
        killer.end_one(target)
        if (done + 1) % KILLS_OF_A_TARGET == 0 or done + 1 == KILLS:
            killer.undisturbed(target)
            assert wait_until(lambda: descriptors(target) == before), descriptors(target)
            target.stop()
    with capsys.disabled():
        times = sorted(killer.took)
        print(
            f"\n{number.name}, {way}: {KILLS} ended within {1000 * times[0]:.0f} to"
            f" {1000 * times[-1]:.0f} ms, exit statuses {dict(killer.ends)}"
        )
    # Of fewer, all may come too late.
    if KILLS >= 25:
        late = killer.ends[OK] + killer.ends[UNSUPPORTED] + killer.ends[TOO_LONG]
        assert late < 0.7 * KILLS, "the instants are not those in which it works"


def changed_code(target):
    """Where its code is not what its file says: breakpoints."""
    found = []
    maps = pathlib.Path(f"/proc/{target.pid}/maps").read_text(encoding="ascii")
    file = target.executable.read_bytes()
    for start, end, offset in re.findall(r"^(\w+)-(\w+) r-xp (\w+) .*/", maps, re.M):
        start, end, offset = (int(number, 16) for number in (start, end, offset))
        with open(f"/proc/{target.pid}/mem", "rb") as memory:
            memory.seek(start)
            code = memory.read(end - start)
        within = file[offset : offset + end - start]
        found += [hex(start + at) for at in range(len(within)) if code[at] != within[at]]
    return found


def test_no_probe_is_left(start, tmp_path):
    """Killed while it waits for a garbage collection with a probe in the code of the target."""
    generator = random.Random(3)
    target = start("busy")
    assert not changed_code(target)
    began = time.monotonic()
    grf("attach", target.pid, "--freeze", "gc", *HURRIED, "-o", tmp_path / "out").expect(OK)
    took = time.monotonic() - began
    for _ in range(KILLS):
        tool = start_grf("attach", target.pid, "--freeze", "gc", *HURRIED, "-o", tmp_path / "out")
        time.sleep(generator.random() * took)
        tool.kill()
        tool.communicate()
        assert wait_until(lambda: not changed_code(target), 5), changed_code(target)
    target.check_runs()


def resident(target):
    status = pathlib.Path(f"/proc/{target.pid}/status").read_text(encoding="ascii")
    return {
        name: int(re.search(rf"{name}:\s+(\d+)", status).group(1)) for name in ("VmRSS", "VmPTE")
    }


@pytest.mark.parametrize("copy", WAYS)
def test_many_in_a_row(copy, start, tmp_path):
    target, alone = start("goroutines"), start("goroutines")
    arguments = ["attach", target.pid, "--freeze", "now", "--copy", copy, "-o", tmp_path / "out"]
    grf(*arguments).expect(OK)
    before, size, size_alone = target.shape(), resident(target), resident(alone)
    for _ in range(IN_A_ROW):
        grf(*arguments).expect(OK)
    target.check_shape(before)
    assert not is_protected(target)
    # Go's own collections, two minutes apart, make a process larger that nobody looks into, too, and
    # not each by the same. If an attach left one page behind it would be four times as much.
    grown = {name: kilobytes - size_alone[name] for name, kilobytes in resident(alone).items()}
    for name, kilobytes in resident(target).items():
        allowed = size[name] + max(0, grown[name]) + 64 + IN_A_ROW
        assert kilobytes <= allowed, (name, size[name], kilobytes, allowed)
    target.check_runs()

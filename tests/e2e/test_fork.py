# SPDX-License-Identifier: BSD-2-Clause
"""The forked picture: a child of the target is copied. It is as the other ways have it, and nothing
of the child is left, whatever becomes of grf-bpf."""

import contextlib
import os
import pathlib
import random
import re
import resource
import shutil
import signal
import subprocess
import tempfile
import time

import pprof
import pytest
from gating import times
from running import (
    HURRIED,
    OK,
    TOO_LONG,
    UNSUPPORTED,
    Target,
    grf,
    processes,
    start_grf,
    stat,
    wait_until,
)
from test_survival import KILLS, Checked, check
from test_target import check_kept
from toolchains import COLLECT

pytestmark = pytest.mark.once

# Where the CPUs are busy, a thread of a busy target may have none for longer than it may take to stop.
FORK = ("--copy", "fork", "--max-pause", "10s")
NOW = ("--freeze", "now")

# The steps of forked.c and reaper.c: of the call that makes the child, of having it, and of the one
# that waits for it.
MAKING = range(11, 18)
HAVING = range(18, 20)
WAITING = [*range(21, 27), 29]


@pytest.fixture
def target(start):
    return Checked(start("checked"))


def children(pid):
    """The states of the target's children, by their ids."""
    found = {}
    for process in processes():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            state, parent = stat(process)[:2]
            if int(parent) == pid:
                found[process.name] = state
    return found


def check_childless(target):
    assert wait_until(lambda: not children(target.pid)), children(target.pid)
    check(target)


def is_runtimes(chain):
    return chain[0].startswith("runtime.")


def chains(path):
    return {
        chain: counts
        for chain, counts in pprof.read(path).chains.items()
        if not is_runtimes(chain)
    }


@pytest.mark.parametrize("program", ["goroutines", "slices", "maps", "finalizers"])
def test_as_the_other_ways_have_it(program, start, tmp_path):
    target = start(program)
    for copy in ("fork", "stop"):
        done = grf("attach", target.pid, "--copy", copy, *NOW, "-o", tmp_path / copy).expect(OK)
        assert ("forked picture" in done.stdout) == (copy == "fork"), str(done)
    assert chains(tmp_path / "fork") == chains(tmp_path / "stop")
    assert not children(target.pid)
    target.check_runs()


@pytest.mark.parametrize("option", ["--no-ebpf", "--no-process-vm-readv"])
def test_without(option, start, tmp_path):
    target = start("goroutines")
    grf("attach", target.pid, *FORK, option, "-o", tmp_path / "without").expect(OK)
    grf("attach", target.pid, "--copy", "stop", "-o", tmp_path / "stop").expect(OK)
    assert chains(tmp_path / "without") == chains(tmp_path / "stop")
    assert not children(target.pid)


def test_at_the_end_of_a_collection(build, tmp_path):
    with Target(build("slices"), environment=COLLECT) as target:
        done = grf("attach", target.pid, *FORK, "--freeze", "gc", "-o", tmp_path / "out")
        done.expect(OK)
        assert "at the end of a garbage collection" in done.stdout, str(done)
        assert "forked picture" in done.stdout, str(done)
        assert (("main.bytes",), (1, 4096)) in pprof.read(tmp_path / "out").chains.items()
        target.check_runs()


def test_verified(start):
    """Object by object, against the collector's marks."""
    target = start("busy")
    grf("verify", target.pid, *FORK).expect(OK)
    assert not children(target.pid)


def test_of_a_busy_target(start, tmp_path):
    target = start("busy")
    for attempt in range(times(8, 20)):
        grf("attach", target.pid, *FORK, *NOW, *HURRIED, "-o", tmp_path / "out").expect(OK)
        check_kept(tmp_path / "out", attempt)
        target.check_runs()
    assert not children(target.pid)


def test_many_leave_no_trace(start, tmp_path):
    target = start("goroutines")
    arguments = ["attach", target.pid, *FORK, *NOW, "-o", tmp_path / "out"]
    grf(*arguments).expect(OK)
    before = target.shape()
    for _ in range(times(30, 100)):
        grf(*arguments).expect(OK)
        assert not children(target.pid)
    target.check_shape(before)
    target.check_runs()


@pytest.mark.parametrize("both", [False, True])
@pytest.mark.parametrize("step", [*MAKING, *HAVING, *WAITING])
def test_killed_at_each_step(step, both, target, tmp_path, monkeypatch):
    """Killed alone it leaves nothing; together with the process that outlives it, a zombie."""
    monkeypatch.setenv("GRF_TEST_KILL_AT_STEP", str(step))
    if both:
        monkeypatch.setenv("GRF_TEST_KILL_BOTH", "1")
    for _ in range(times(2, 5)):
        done = grf("attach", target.pid, *FORK, *NOW, "-o", tmp_path / "out")
        assert done.status == -signal.SIGKILL, str(done)
        if not both:
            check_childless(target)
            continue
        check(target, zombies=True)
        assert wait_until(lambda: set(children(target.pid).values()) <= {"Z"})


@pytest.mark.parametrize("step", [*MAKING, *HAVING, *WAITING])
def test_killed_under_a_filter(step, start, tmp_path, monkeypatch):
    """A filter of system calls, which is out of action only as long as we live."""
    target = start("sandboxed", "kill", "process")
    monkeypatch.setenv("GRF_TEST_KILL_AT_STEP", str(step))
    for _ in range(times(2, 3)):
        done = grf("attach", target.pid, *FORK, *NOW, "-o", tmp_path / "out")
        assert done.status == -signal.SIGKILL, str(done)
        assert wait_until(lambda: not children(target.pid)), children(target.pid)
        target.check_runs()


def leaders_among_children(pid):
    """Its children that are the first of a session of their own."""
    found = []
    for child in map(int, children(pid)):
        with contextlib.suppress(ProcessLookupError):
            if os.getsid(child) == child:
                found.append(child)
    return found


def test_another_waits_where_that_process_is_killed(build, tmp_path):
    with Target(build("scale"), "-scale", "0.2", "-goroutines", "100") as target:
        kills = 0
        for _ in range(20):
            tool = start_grf("attach", target.pid, *FORK, *NOW, "-o", tmp_path / "out")
            # Who has no CPU right now comes too late.
            assert wait_until(lambda: tool.poll() is not None or children(target.pid), 20)
            killed = leaders_among_children(tool.pid)
            with contextlib.suppress(ProcessLookupError):
                for pid in killed:
                    os.kill(pid, signal.SIGKILL)
            said = tool.communicate()
            assert tool.returncode == OK, said
            assert not children(target.pid), said
            kills += bool(killed)
            if kills == times(2, 5):
                break
        assert kills
        target.check_runs()


def test_not_where_it_takes_too_long(start, tmp_path):
    target = start("goroutines")
    options = ("attach", target.pid, *FORK, *NOW, "-o", tmp_path / "out", "--max-pause")
    grf(*options, "100us").expect(TOO_LONG, "a fork takes about", "0.1 ms", "--max-pause")
    grf(*options, "1s").expect(OK)
    target.check_runs()


@pytest.mark.parametrize("program", [("checked",), ("sandboxed", "kill", "process")])
@pytest.mark.parametrize("step", [*MAKING, *WAITING])
def test_killed_when_a_signal_waits(step, program, build, tmp_path, monkeypatch):
    """The thread has a signal to handle, maybe before it makes the call, on the very stack where its
    way back is, and the child's way to its end."""
    monkeypatch.setenv("GRF_TEST_KILL_AT_STEP", str(step))
    monkeypatch.setenv("GRF_TEST_SIGNAL_AT_STEP", str(step))
    name, *arguments = program
    said = tmp_path / "said"
    with open(said, "wb") as stderr, Target(build(name), *arguments, stderr=stderr) as target:
        for _ in range(times(2, 5)):
            done = grf("attach", target.pid, *FORK, *NOW, "-o", tmp_path / "out")
            assert done.status == -signal.SIGKILL, str(done)
            assert wait_until(lambda: not children(target.pid)), children(target.pid)
            target.check_runs()
        # A child that did anything but end would have come to no good.
        assert not said.read_bytes(), said.read_text(errors="replace")[:1000]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_killed_at_any_time(number, target, tmp_path):
    generator = random.Random(number)
    arguments = ["attach", target.pid, *FORK, *NOW, "-o", tmp_path / "out"]
    began = time.monotonic()
    grf(*arguments).expect(OK)
    takes = time.monotonic() - began
    for _ in range(KILLS):
        tool = start_grf(*arguments)
        time.sleep(generator.random() * takes)
        tool.send_signal(number)
        tool.communicate()
        assert tool.returncode in (OK, -number, 128 + number), tool.returncode
        check_childless(target)


def test_the_target_ends_meanwhile(build, tmp_path):
    generator = random.Random(4)
    for _ in range(times(5, 10)):
        with Target(build("checked")) as target:
            tool = start_grf("attach", target.pid, *FORK, *NOW, "-o", tmp_path / "out")
            time.sleep(generator.random() * 0.15)
            target.process.kill()
            _, message = tool.communicate(timeout=60)
            assert tool.returncode in (OK, 3, 5), message
            assert len(message.splitlines()) <= 1, message
            assert not children(tool.pid)


def test_stopped_by_a_signal_meanwhile(start, tmp_path):
    """SIGSTOP and SIGCONT at any time do what they do, and no more."""
    generator = random.Random(5)
    target = start("checked")
    for _ in range(KILLS):
        tool = start_grf("attach", target.pid, "--copy", "auto", *NOW, "-o", tmp_path / "out")
        time.sleep(generator.random() * 0.1)
        os.kill(target.pid, signal.SIGSTOP)
        tool.communicate(timeout=60)
        assert wait_until(lambda: set(target.states()) == {"T"}), target.states()
        os.kill(target.pid, signal.SIGCONT)
        # This process is its parent, and is told of both, as it is to be.
        assert wait_until(lambda: not set(target.states()) & {"T", "t"})
        with contextlib.suppress(ChildProcessError):
            os.waitid(os.P_PID, target.pid, os.WSTOPPED | os.WCONTINUED | os.WNOHANG)
        assert not children(target.pid)


def test_a_stopped_target(start, tmp_path):
    target = start("slices")
    os.kill(target.pid, signal.SIGSTOP)
    assert wait_until(lambda: set(target.states()) == {"T"})
    grf("attach", target.pid, *FORK, "-o", tmp_path / "out").expect(UNSUPPORTED, "stopped")
    assert set(target.states()) == {"T"} and not children(target.pid)
    os.kill(target.pid, signal.SIGCONT)


class ControlGroup:
    """A control group of version 1 or 2 with a limit, as the machine has it."""

    def __init__(self, controller, name):
        for place in (f"/sys/fs/cgroup/{controller}", "/sys/fs/cgroup"):
            self.path = pathlib.Path(place) / name
            with contextlib.suppress(OSError):
                self.path.mkdir()
                if (self.path / "cgroup.procs").exists():
                    return
        pytest.skip(f"no control group for {controller} can be made here")

    def set(self, names, value):
        for name in names:
            if (self.path / name).exists():
                (self.path / name).write_text(str(value))
                return
        pytest.skip(f"the control group has none of {names}")

    def take(self, pid):
        (self.path / "cgroup.procs").write_text(str(pid))

    def remove(self):
        wait_until(lambda: not (self.path / "cgroup.procs").read_text())
        self.path.rmdir()


@pytest.fixture
def group():
    made = []

    def make(controller):
        made.append(ControlGroup(controller, f"grf-test-{os.getpid()}"))
        return made[-1]

    yield make
    for one in made:
        one.remove()


def test_no_room_in_the_control_group(group, build, tmp_path):
    memory = group("memory")
    memory.set(("memory.limit_in_bytes", "memory.max"), 256 << 20)
    with Target(build("busy"), preexec_fn=lambda: memory.take(os.getpid())) as target:
        grf("attach", target.pid, *FORK, *NOW, "-o", tmp_path / "out").expect(OK)
        usage = next(
            memory.path / name
            for name in ("memory.usage_in_bytes", "memory.current")
            if (memory.path / name).exists()
        )
        memory.set(("memory.limit_in_bytes", "memory.max"), int(usage.read_text()) + (8 << 20))
        result = grf("attach", target.pid, *FORK, *NOW, "-o", tmp_path / "out")
        result.expect(UNSUPPORTED, "control group", "bytes")
        assert not children(target.pid)
        target.check_runs()


def test_no_room_for_a_process(group, build, tmp_path):
    pids = group("pids")
    with Target(build("slices"), preexec_fn=lambda: pids.take(os.getpid())) as target:
        pids.set(("pids.max",), int((pids.path / "pids.current").read_text()))
        result = grf("attach", target.pid, *FORK, *NOW, "-o", tmp_path / "out")
        result.expect(UNSUPPORTED, "control group", "process")
        pids.set(("pids.max",), int((pids.path / "pids.current").read_text()) + 1)
        grf("attach", target.pid, *FORK, *NOW, "-o", tmp_path / "out").expect(OK)
        assert not children(target.pid)


def test_not_where_devices_write_to_its_memory(build, tmp_path):
    """Direct I/O: a child could take away what is being read."""
    file = tmp_path / "file"
    file.write_bytes(b"x")
    for flags in (0, os.O_DIRECT):
        descriptor = os.open(file, os.O_RDONLY | flags)
        with Target(build("slices"), pass_fds=(descriptor,)) as target:
            os.close(descriptor)
            result = grf("attach", target.pid, *FORK, *NOW, "-o", tmp_path / "out")
            if flags:
                result.expect(UNSUPPORTED, "device", f"({descriptor})")
            else:
                result.expect(OK)
            target.check_runs()


def test_no_room_for_the_user(build, tmp_path):
    limit, user = 16, 54321
    folder = tempfile.TemporaryDirectory()  # into which others can look
    program = pathlib.Path(folder.name) / "slices"
    pathlib.Path(folder.name).chmod(0o755)
    shutil.copy(build("slices"), program)

    def limited():
        resource.setrlimit(resource.RLIMIT_NPROC, (limit, limit))

    with folder, Target(program, user=user, preexec_fn=limited) as target:
        others = [
            subprocess.Popen(["sleep", "600"], user=user)
            for _ in range(limit - len(target.states()))
        ]
        try:
            result = grf("attach", target.pid, *FORK, *NOW, "-o", tmp_path / "out")
            result.expect(UNSUPPORTED, "RLIMIT_NPROC")
        finally:
            for other in others:
                other.kill()
                other.wait()
        grf("attach", target.pid, *FORK, *NOW, "-o", tmp_path / "out").expect(OK)
        assert not children(target.pid)


def refuse_at_the_stop(pids, target, *arguments):
    """Lets the check pass that comes first, and the child itself fail."""
    tool = start_grf("attach", target.pid, "-v", "--gc-wait", "3s", *arguments)
    time.sleep(1.5)
    pids.set(("pids.max",), int((pids.path / "pids.current").read_text()))
    _, message = tool.communicate(timeout=60)
    pids.set(("pids.max",), "max")
    assert not children(target.pid)
    target.check_runs()
    return tool.returncode, message


def test_refused_at_the_stop(group, build, tmp_path):
    pids = group("pids")
    with Target(build("slices"), preexec_fn=lambda: pids.take(os.getpid())) as target:
        status, message = refuse_at_the_stop(pids, target, *FORK, "-o", tmp_path / "out")
        assert status == UNSUPPORTED and "cannot be made" in message, message
        grf("attach", target.pid, *FORK, *NOW, "-o", tmp_path / "out").expect(OK)


def without_userfaultfd(target, polls=True):
    """The target may open no other file, so that the call fails; once Go has those that it needs."""
    folder = pathlib.Path(f"/proc/{target.pid}/fd")
    if polls:
        assert wait_until(lambda: any("eventpoll" in os.readlink(path) for path in folder.iterdir()))
    files = 1 + max(int(path.name) for path in folder.iterdir())
    resource.prlimit(target.pid, resource.RLIMIT_NOFILE, (files, files))


def test_taken_where_userfaultfd_is_not_to_be_had(start, tmp_path):
    target = start("slices")
    without_userfaultfd(target)
    done = grf("attach", target.pid, *NOW, "-v", "-o", tmp_path / "out").expect(OK)
    assert "userfaultfd" in done.stderr and "next way" in done.stderr, str(done)
    if "soft-dirty" in done.stdout:
        pytest.skip("another way comes before it here")
    assert "forked picture" in done.stdout, str(done)


def test_stop_and_copy_where_it_fails_at_the_stop(group, build, tmp_path):
    pids = group("pids")
    with Target(build("slices"), preexec_fn=lambda: pids.take(os.getpid())) as target:
        without_userfaultfd(target)
        status, message = refuse_at_the_stop(pids, target, "-o", tmp_path / "out")
        if "cannot be made" not in message:
            pytest.skip("another way comes before it here")
        assert status == OK, message
        assert (("main.bytes",), (1, 4096)) in pprof.read(tmp_path / "out").chains.items()


def read_until(tool, words, seconds=60):
    """What it says up to a line with one of these words, or all of it."""
    said = ""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and not any(word in said for word in words):
        line = tool.stderr.readline()
        if not line:
            break
        said += line
    return said


def collect_until(tool, pid):
    """Has the program collect garbage now and then, until the tool is done."""
    while tool.poll() is None:
        os.kill(pid, signal.SIGUSR1)
        time.sleep(0.3)
    return tool.communicate()[1]


def test_a_collection_that_was_waited_for_is_not_lost(group, build, tmp_path):
    """No child can be made at the freeze point: all is copied in that stop, and not in another."""
    pids = group("pids")
    with Target(
        build("asked"), preexec_fn=lambda: pids.take(os.getpid()), environment={"GOMAXPROCS": "1"}
    ) as target:
        # It has all threads that it wants: where it can make none, Go gives up.
        for _ in range(10):
            os.kill(target.pid, signal.SIGUSR1)
            time.sleep(0.1)
        without_userfaultfd(target, polls=False)
        tool = start_grf("attach", target.pid, "-v", "--freeze", "gc", "-o", tmp_path / "out")
        said = read_until(tool, ["the way to copy"])
        pids.set(("pids.max",), int((pids.path / "pids.current").read_text()))
        said += collect_until(tool, target.pid)
        if "the way to copy: a child" not in said:
            pytest.skip("another way comes before it here")
        assert tool.returncode == OK and "cannot be made" in said, said
        assert "copied in the same stop" in said, said
        assert not children(target.pid)
        target.check_runs()
        # The thread that was to make it has its registers and signals back.
        pids.set(("pids.max",), "max")
        grf("attach", target.pid, *FORK, *NOW, "-o", tmp_path / "out").expect(OK)


def test_what_it_costs_is_said(start, tmp_path):
    target = start("slices")
    done = grf("attach", target.pid, *FORK, *NOW, "-v", "-o", tmp_path / "out").expect(OK)
    assert re.search(r"fork [\d.]+ (us|ms)", done.stdout), str(done)
    assert re.search(r"a thread that stood for [\d.]+ (us|ms)", done.stdout), str(done)

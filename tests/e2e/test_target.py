# SPDX-License-Identifier: BSD-2-Clause
"""The target first: it is left as it was, and its parent sees nothing; and every way to get at it
gives the same."""

import os
import random
import shutil
import signal
import time

import pprof
import pytest
from gating import times
from running import HURRIED, NO_COLLECTION, OK, UNSUPPORTED, Target, grf, start_grf, wait_until

pytestmark = pytest.mark.once

# What tests/programs/slices holds in main.bytes.
BYTES = (("main.bytes",), (1, 4096))


def is_runtimes(chain):
    """What the runtime holds for itself changes at any time."""
    return chain[0].startswith("runtime.")


def chains(path):
    return pprof.read(path).chains


@pytest.mark.parametrize(
    "opened, is_ours",
    [
        (["eventpoll", "eventfd"], False),
        (["eventpoll", "eventpoll"], True),
        (["userfaultfd"], True),
    ],
)
def test_what_go_opens_late_is_told_apart(opened, is_ours, start):
    """It says READY, and then sleeps for the first time: the runtime opens what it polls with."""
    target = start("slices")
    polling = [f"anon_inode:[{name}]" for name in ("eventpoll", "eventfd")]
    assert wait_until(lambda: set(polling) <= {link for _, link in target.shape()["descriptors"]})
    now = target.shape()
    early = [one for one in now["descriptors"] if one[1] not in polling]
    late = [(str(1000 + at), f"anon_inode:[{name}]") for at, name in enumerate(opened)]
    target.shape = lambda: now | {"descriptors": early + late}
    assert ("descriptors" in target.changes(now | {"descriptors": early})) == is_ours
    # It has them once; another one is not the runtime's.
    assert "descriptors" in target.changes(now)


def test_many_attaches_leave_no_trace(start, tmp_path):
    target = start("goroutines")
    out = tmp_path / "out"
    grf("attach", target.pid, "-o", out).expect(OK)
    before = target.shape()
    for _ in range(times(30, 100)):
        grf("attach", target.pid, "--gc-wait", "20ms", "-o", out).expect(OK)
    target.check_shape(before)
    target.check_runs()


def test_kill_of_the_tool_leaves_the_target_running(start, tmp_path):
    generator = random.Random(1)
    target = start("goroutines")
    before = target.shape()
    for _ in range(times(20, 60)):
        tool = start_grf("attach", target.pid, "-o", tmp_path / "out")
        time.sleep(generator.random() * 0.12)
        tool.kill()
        tool.communicate()
        target.check_runs()
    target.check_shape(before)


def test_two_at_once(start, tmp_path):
    """What one watches another cannot; it says so, and copies in another way."""
    target = start("scale", "-scale", "0.1", "-goroutines", "100")
    waits = ["--freeze", "gc", "--gc-wait", "1m", "--copy", "precopy", "-v"]
    first = start_grf("attach", target.pid, *waits, "-o", tmp_path / "first")
    for line in first.stderr:
        if "round" in line or "next way" in line:
            break
    if "next way" in line:
        pytest.skip(line)
    options = ["attach", target.pid, "--freeze", "now", "-o", tmp_path / "out"]
    done = grf(*options, "-v").expect(OK)
    assert "cannot be watched, as another program does so" in done.stderr, done.stderr
    assert "under userfaultfd" not in done.stdout, done.stdout
    if "no soft-dirty bits" in done.stderr:
        grf(*options, "--copy", "precopy").expect(UNSUPPORTED, "maybe another grf-bpf")
    first.send_signal(signal.SIGINT)
    first.communicate()
    again = grf(*options).expect(OK)
    assert "by pre-copy under userfaultfd" in again.stdout, str(again)
    target.check_runs()


@pytest.mark.parametrize("copy", ["precopy", "auto", "stop"])
def test_a_thread_that_nothing_interrupts(copy, start, tmp_path):
    """It cannot be stopped, nor make a call for us: others do. It stands in the kernel anyway."""
    target = start("uninterruptible")
    assert wait_until(lambda: "D" in target.states())
    done = grf("attach", target.pid, "--freeze", "now", "--copy", copy, "-v", "-o", tmp_path / "out")
    if copy != "stop" and "way to copy: pre-copy under userfaultfd" not in done.stderr:
        pytest.skip(done.stderr)
    done.expect(OK)
    assert chains(tmp_path / "out")[("main.list",)][0] == 1
    assert "D" in target.states() and not target.tracer()


def test_a_stopped_target_stays_stopped(start, tmp_path):
    target = start("slices")
    os.kill(target.pid, signal.SIGSTOP)
    assert wait_until(lambda: set(target.states()) == {"T"})
    grf("attach", target.pid, "-o", tmp_path / "out").expect(OK)
    never = grf("attach", target.pid, "--freeze", "gc", "-o", tmp_path / "never")
    never.expect(NO_COLLECTION, "stands stopped", "kill -CONT", "--freeze now")
    assert set(target.states()) == {"T"}
    os.kill(target.pid, signal.SIGCONT)
    assert wait_until(lambda: not set(target.states()) & {"T", "t"})
    assert BYTES in chains(tmp_path / "out").items()


@pytest.mark.parametrize(
    "option, says", [("--no-ebpf", "ptrace"), ("--no-process-vm-readv", "/proc/PID/mem")]
)
def test_fallbacks(option, says, start, tmp_path):
    target = start("goroutines")
    done = grf("attach", target.pid, option, "-v", "-o", tmp_path / "fallback").expect(OK)
    grf("attach", target.pid, "-o", tmp_path / "usual").expect(OK)
    assert says in done.stdout + done.stderr, str(done)
    fallback, usual = (
        {chain: counts for chain, counts in chains(path).items() if not is_runtimes(chain)}
        for path in (tmp_path / "fallback", tmp_path / "usual")
    )
    assert fallback == usual
    target.check_runs()


def test_without_capabilities_for_ebpf(start, tmp_path):
    """Where eBPF is really not permitted, that is said and the work is done without."""
    target = start("slices")
    bounded = ["setpriv", "--bounding-set=-bpf,-perfmon,-sys_admin", "--inh-caps=-all"]
    done = grf("attach", target.pid, "-v", "-o", tmp_path / "out", prefix=bounded).expect(OK)
    assert "ptrace" in done.stdout + done.stderr, str(done)
    assert BYTES in chains(tmp_path / "out").items()
    target.check_runs()


def test_a_deleted_executable(build, tmp_path):
    copy = tmp_path / "program"
    shutil.copy(build("slices"), copy)
    with Target(copy) as target:
        copy.unlink()
        grf("attach", target.pid, "-o", tmp_path / "out").expect(OK)
    assert BYTES in chains(tmp_path / "out").items()


def test_a_name_with_a_space(build, tmp_path):
    copy = tmp_path / "a program (deleted)\n"
    shutil.copy(build("slices"), copy)
    with Target(copy) as target:
        grf("attach", target.pid, "-o", tmp_path / "out").expect(OK)
    assert BYTES in chains(tmp_path / "out").items()


@pytest.mark.parametrize("version", ["1.22.12", "1.24.9", "1.26"])
def test_position_independent(version, build, tmp_path):
    program = build("slices", version=version, flags=["-buildmode=pie"])
    with Target(program) as target:
        grf("attach", target.pid, "-o", tmp_path / "out").expect(OK)
        core = target.core(tmp_path / "core")
    grf("core", program, core, "-o", tmp_path / "core.out").expect(OK)
    core.unlink()
    assert BYTES in chains(tmp_path / "out").items()
    assert BYTES in chains(tmp_path / "core.out").items()


def check_kept(path, about):
    """What tests/programs/busy keeps: the nodes, and the array that has them, of 489 pages of Go's."""
    kept = [v for chain, v in chains(path).items() if chain[0] == "main.kept"]
    objects, size = (sum(value[i] for value in kept) for i in (0, 1))
    assert (objects, size) == (500001, 500000 * 16 + 489 * 8192), about


def test_busy_target(start, tmp_path):
    """Stopped at any instruction, many times: it never fails, and what stays is always found."""
    target = start("busy")
    for attempt in range(times(10, 30)):
        grf("attach", target.pid, *HURRIED, "-o", tmp_path / "out").expect(OK)
        check_kept(tmp_path / "out", attempt)
        target.check_runs()

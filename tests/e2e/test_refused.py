# SPDX-License-Identifier: BSD-2-Clause
"""
What becomes of an attach where the kernel refuses a single system call (refuse.c): a result, by
another way, or one line and a documented status. The process runs on, and nothing is left in it.

  GRF_TEST_REFUSED  "all": each call in each way to copy, with each error
"""

import os
import shutil
import signal
import subprocess

import pytest
from running import (
    BAD_INPUT, EXITED, FAILURE, GRF, NO_PROCESS, NO_ROOM, OK, OUTPUT, PERMISSION, TOO_LONG, UNSUPPORTED,
    Target, grf, wait_until,
)
from toolchains import ROOT

pytestmark = pytest.mark.once

ALL = os.environ.get("GRF_TEST_REFUSED") == "all"
WAYS = ("auto", "precopy", "fork", "stop")
# For a hang.
PATIENCE = 300
DOCUMENTED = {
    OK, FAILURE, NO_PROCESS, PERMISSION, EXITED, UNSUPPORTED, BAD_INPUT, OUTPUT, NO_ROOM, TOO_LONG,
}

# Of linux/ptrace.h, linux/bpf.h, linux/userfaultfd.h, linux/fs.h and linux/perf_event.h.
PTRACE = {
    "SEIZE": 0x4206, "INTERRUPT": 0x4207, "DETACH": 17, "GETREGS": 12, "SETREGS": 13,
    "GETREGSET": 0x4204, "SETOPTIONS": 0x4200, "GETEVENTMSG": 0x4201, "GETSIGMASK": 0x420A,
    "SETSIGMASK": 0x420B, "SYSCALL": 24, "GET_RSEQ_CONFIGURATION": 0x420F, "KILL": 8,
}
BPF = {
    "MAP_CREATE": 0, "MAP_UPDATE_ELEM": 2, "PROG_LOAD": 5, "PROG_TEST_RUN": 10,
    "OBJ_GET_INFO_BY_FD": 15, "BTF_LOAD": 18, "MAP_FREEZE": 22, "LINK_CREATE": 28,
    "ITER_CREATE": 33, "PROG_BIND_MAP": 35,
}
IOCTL = {
    "UFFDIO_API": 0xC018AA3F, "UFFDIO_REGISTER": 0xC020AA00, "UFFDIO_UNREGISTER": 0x8010AA01,
    "UFFDIO_WRITEPROTECT": 0xC018AA06, "PAGEMAP_SCAN": 0xC0606610,
    "PERF_EVENT_IOC_ENABLE": 0x2400, "PERF_EVENT_IOC_DISABLE": 0x2401,
}
# What is called of the process, of our helpers that have to do with it, and for the priority
# with which that is done. What only reads files and makes room for ourselves is not here.
PLAIN = (
    "process_vm_readv", "pwrite64", "pidfd_open", "pidfd_getfd", "perf_event_open", "bpf",
    "ptrace", "kill", "waitid", "wait4", "clone", "clone3", "ioctl", "socketpair", "sendmsg",
    "recvmsg", "poll", "pipe2", "dup2", "close_range", "setsid", "prctl", "timer_create",
    "timer_settime", "timer_delete", "sched_setattr", "sched_setscheduler", "sched_setaffinity",
    "sched_getaffinity", "sched_yield", "getpriority", "setpriority", "ioprio_set", "ioprio_get",
    "clock_nanosleep", "epoll_create1", "epoll_ctl", "epoll_wait", "getdents64", "readlinkat",
    "rt_sigprocmask", "rt_sigaction", "prlimit64", "madvise", "getppid", "sysinfo", "recvfrom",
)
CALLS = [
    *(f"ptrace:0={value:#x}" for value in PTRACE.values()),
    *(f"bpf:0={value}" for value in BPF.values()),
    *(f"ioctl:1={value:#x}/0xffffffff" for value in IOCTL.values()),
    # Of memory at the addresses of heap and libraries; the dynamic linker reads files by it.
    "pread64:3=0xc000000000/0xc000000000",
    *PLAIN,
]
NAMES = [
    *(f"ptrace-{name}" for name in PTRACE), *(f"bpf-{name}" for name in BPF), *IOCTL, "pread64-memory", *PLAIN,
]


@pytest.fixture(scope="session", name="refuse")
def fixture_refuse(tmp_path_factory):
    program = tmp_path_factory.mktemp("refuse") / "refuse"
    command = ["gcc", "-O1", "-o", program, ROOT / "tests" / "e2e" / "refuse.c", "-lseccomp"]
    if not shutil.which("gcc"):
        pytest.skip("gcc is not installed")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"no libseccomp here: {done.stderr[-200:]}")
    return program


@pytest.fixture(scope="session", name="target")
def fixture_target(build):
    # With no collection after two minutes: a heap that grows while its memory is registered is one
    # mapping more from then on.
    with Target(build("slices"), environment={"GOGC": "off"}) as target:
        yield target


def children(target):
    tasks = f"/proc/{target.pid}/task"
    found = []
    for task in os.listdir(tasks):
        with open(f"{tasks}/{task}/children", encoding="ascii") as file:
            found += file.read().split()
    return found


def check_as_before(target, shape):
    target.check_runs()
    assert children(target) == []
    target.check_shape(shape)


def is_of_priority(call):
    """What is called for a priority is refused where one is set."""
    return call.startswith(("sched_", "ioprio_", "timer_")) or "priority" in call


def check_one(refuse, target, folder, call, error, way):
    shape = target.shape()
    output = folder / "out"
    done = grf(
        "attach", target.pid, "--copy", way, "--freeze", "now", "-o", output,
        prefix=(refuse, error, call), timeout=PATIENCE, hurried=not (ALL or is_of_priority(call)),
    )
    if done.status == 99:
        pytest.skip(f"no such call: {call}")
    check_as_before(target, shape)
    assert done.status in DOCUMENTED, str(done)
    if done.status == OK:
        output.unlink()
        return
    assert os.listdir(folder) == []
    done.expect(done.status)


@pytest.mark.parametrize("error,status", [("EPERM", PERMISSION), ("ENOSYS", UNSUPPORTED)])
def test_no_child_is_made_that_could_not_be_ended(error, status, refuse, target, tmp_path):
    done = grf(
        "attach", target.pid, "--copy", "fork", "--freeze", "now", "-o", tmp_path / "out",
        prefix=(refuse, error, "kill"), timeout=PATIENCE,
    )
    done.expect(status, "could not be ended")
    assert children(target) == []
    target.check_runs()


@pytest.mark.parametrize("error", ["EPERM", "ENOSYS"])
def test_a_child_that_is_not_to_be_killed(error, refuse, target, tmp_path):
    """By no means: it ends by itself with what traces it, and that is said. An interruption makes the
    wait for it short."""
    shape = target.shape()
    no_kill = (refuse, error, f"kill:1={signal.SIGKILL:d}")
    no_trace = (refuse, error, f"ptrace:0={PTRACE['KILL']}")
    command = ("attach", target.pid, "--copy", "fork", "--freeze", "now", "-o", tmp_path / "out")
    with subprocess.Popen(
        [*map(str, (*no_kill, *no_trace, GRF, *command))],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    ) as tool:
        seen = wait_until(lambda: children(target) or tool.poll() is not None, PATIENCE)
        assert seen and tool.poll() is None, tool.communicate()[1]
        tool.send_signal(signal.SIGINT)
        said = tool.communicate(timeout=PATIENCE)[1]
    assert "was killed and has not ended yet" in said, said
    assert wait_until(lambda: children(target) == []), children(target)
    check_as_before(target, shape)


@pytest.mark.parametrize("call", CALLS, ids=NAMES)
def test_one_call_is_refused(call, refuse, target, tmp_path):
    errors = ("EPERM", "ENOSYS") if ALL else ("EPERM",)
    for way in WAYS if ALL else ("auto", "fork"):
        for error in errors:
            check_one(refuse, target, tmp_path, call, error, way)

# SPDX-License-Identifier: BSD-2-Clause
"""
The analysis without privileges: what a command may do while it works on what it has read, and that
its result is the same. tests/unit/test_sandbox.c attempts what is denied.
"""

import ctypes
import errno
import os
import pathlib
import re
import shutil
import signal
import struct
import subprocess

import pprof
import pytest
from running import GRF, OK, AtItsEnd, Target, polite as grf, wait_until

NOBODY = 65534
NOT_COMPARED = 12
COLLECTING = ("scale", "-scale", "0.02", "-goroutines", "100", "-collect", "300ms")
# Numbers of system calls, for amd64.
LANDLOCK, SECCOMP, FACCESSAT2 = (444, 445, 446), (317,), (439,)
# linux/capability.h
DAC_OVERRIDE, FOWNER, SYS_NICE = 1 << 1, 1 << 3, 1 << 23
# An address sanitizer traces us when we end, and is not to be confined.
SANITIZED = b"__asan_init" in GRF.read_bytes() if GRF.exists() else False

pytestmark = pytest.mark.skipif(SANITIZED, reason="built with sanitizers")


def fields(thread):
    """The lines of the status of a thread that say what it may do."""
    text = (thread / "status").read_text(encoding="ascii")
    return dict(re.findall(r"^(Cap\w+|NoNewPrivs|Seccomp):\s+(\w+)$", text, re.M))


def folder_of(command):
    return pathlib.Path("/proc", str(command.process.pid))


def threads_of(command):
    return [fields(thread) for thread in (folder_of(command) / "task").iterdir()]


def descriptors_of(command):
    return {os.readlink(name) for name in (folder_of(command) / "fd").iterdir()}


def check(command, kept=0, maybe=0):
    """That no thread may do more than it has to."""
    threads = threads_of(command)
    assert threads
    for thread in threads:
        assert thread["NoNewPrivs"] == "1" and thread["Seccomp"] == "2", thread
        assert int(thread["CapInh"], 16) == int(thread["CapAmb"], 16) == 0
        for name in ("CapPrm", "CapEff"):
            assert int(thread[name], 16) & ~maybe == kept, thread
    # Nothing that leads to another process, or to eBPF.
    for link in descriptors_of(command):
        assert not re.match(r"/proc/(?!\d+/(status|task)\b)", link), descriptors_of(command)
        assert not re.match(r"anon_inode:.*(bpf|userfault|perf|pidfd)", link), descriptors_of(command)
    return threads


@pytest.mark.parametrize(
    "options",
    (
        ("--copy", "auto", "--freeze", "now"),
        ("--copy", "fork", "--freeze", "now"),
        ("--copy", "stop", "--freeze", "now"),
        ("--freeze", "gc"),
        ("--freeze", "now", "--nice", "0"),
        ("--freeze", "now", "--no-ebpf"),
    ),
    ids=lambda options: "-".join(options),
)
def test_attach(options, start, tmp_path):
    target = start(*COLLECTING) if "gc" in options else start("slices")
    with AtItsEnd("attach", target.pid, *options, "-o", tmp_path / "out") as command:
        # CAP_SYS_NICE: where an interruption could not raise the priority again otherwise.
        threads = check(command, maybe=SYS_NICE)
        # The one that waits for an interruption is there again.
        assert len(threads) >= 2
        assert (tmp_path / "out").exists()
    target.check_runs()


def test_verify(start):
    target = start(*COLLECTING)
    with AtItsEnd("verify", target.pid) as command:
        check(command, maybe=SYS_NICE)
    target.check_runs()


def test_core(core, tmp_path):
    executable, file = core
    with AtItsEnd("core", executable, file, "-o", tmp_path / "out") as command:
        check(command)


def test_not_asked_for(core, tmp_path):
    """--no-sandbox: as before, and the same result."""
    executable, file = core
    with AtItsEnd("core", executable, file, "--no-sandbox", "-o", tmp_path / "free") as command:
        assert {thread["NoNewPrivs"] for thread in threads_of(command)} == {"0"}
        ours = fields(pathlib.Path("/proc/self"))
        assert {thread["Seccomp"] for thread in threads_of(command)} == {ours["Seccomp"]}
    grf("core", executable, file, "-o", tmp_path / "confined").expect(OK)
    assert (tmp_path / "free").read_bytes() == (tmp_path / "confined").read_bytes()


@pytest.mark.parametrize("mode, kept", ((0o755, DAC_OVERRIDE), (0o1777, FOWNER), (0o777, 0)))
def test_folder_of_another_user(mode, kept, core, tmp_path):
    executable, file = core
    folder = tmp_path / "folder"
    folder.mkdir()
    result = folder / "out"
    result.write_bytes(b"before")
    os.chown(result, NOBODY, NOBODY)
    os.chown(folder, NOBODY, NOBODY)
    folder.chmod(mode)
    with AtItsEnd("core", executable, file, "-o", result) as command:
        check(command, kept)
    assert result.read_bytes() != b"before" and os.listdir(folder) == ["out"]


def test_files_of_another_user(core, tmp_path):
    """Root reads a core that its owner keeps to himself."""
    executable, file = core
    folder = tmp_path / "folder"
    folder.mkdir()
    shutil.copy(file, folder / "core")
    (folder / "core").chmod(0o600)
    os.chown(folder / "core", NOBODY, NOBODY)
    os.chown(folder, NOBODY, NOBODY)
    folder.chmod(0o700)
    grf("core", executable, folder / "core", "-o", tmp_path / "out").expect(OK)


def test_without_file_names(core, tmp_path):
    """To an open descriptor, and to nobody."""
    executable, file = core
    for name in ("-", "/dev/null"):
        done = subprocess.run(
            [str(GRF), "core", executable, file, "-o", name], capture_output=True, check=False
        )
        assert done.returncode == OK, done.stderr
    assert grf("verify", executable, file).status == NOT_COMPARED


def test_says_what_there_is(core, tmp_path):
    executable, file = core
    done = grf("core", executable, file, "-v", "-o", tmp_path / "out").expect(OK)
    assert "without privileges (" in done.stderr
    done = grf("core", executable, file, "-v", "--no-sandbox", "-o", tmp_path / "out").expect(OK)
    assert "without privileges" not in done.stderr


def lacks(*calls):
    """For a child: as in a kernel without these system calls."""

    def confine():
        code = [struct.pack("HBBI", 0x20, 0, 0, 0)]
        for number in calls:
            code.append(struct.pack("HBBI", 0x15, 0, 1, number))
            code.append(struct.pack("HBBI", 0x06, 0, 0, 0x00050000 | errno.ENOSYS))
        code.append(struct.pack("HBBI", 0x06, 0, 0, 0x7FFF0000))
        text = ctypes.create_string_buffer(b"".join(code))
        program = struct.pack("HxxxxxxP", len(code), ctypes.addressof(text))
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, program, 0, 0):
            raise OSError(ctypes.get_errno(), "prctl")

    return confine


@pytest.mark.parametrize(
    "calls, said",
    (
        (LANDLOCK, "(without Landlock, seccomp)"),
        (SECCOMP, "(Landlock, without seccomp)"),
        (LANDLOCK + SECCOMP, "(without Landlock, without seccomp)"),
        (FACCESSAT2, "(Landlock, seccomp)"),
    ),
)
def test_kernels_that_lack_something(calls, said, core, tmp_path):
    executable, file = core
    done = grf(
        *("core", executable, file, "-v", "-o", tmp_path / "out"), preexec_fn=lacks(*calls)
    ).expect(OK)
    assert said in done.stderr, done.stderr


def test_many_threads(start, tmp_path):
    """However many threads have copied, what comes after is the same without privileges."""
    target = start("scale", "-scale", "0.02")
    os.kill(target.pid, signal.SIGSTOP)
    assert wait_until(lambda: set(target.states()) == {"T"})
    for name, options in (("out", ()), ("free", ("--no-sandbox",))):
        grf("attach", target.pid, "-j", "64", *options, "-o", tmp_path / name).expect(OK)
    assert pprof.read(tmp_path / "out").chains == pprof.read(tmp_path / "free").chains

# SPDX-License-Identifier: BSD-2-Clause
"""
The analysis without privileges: what a command may do while it works on what it has read, and that
its result is the same. tests/unit/test_sandbox.c attempts what is denied.
"""

import fcntl
import os
import pathlib
import re
import shutil
import subprocess

import pytest
from running import GRF, OK, Target, grf, wait_until

NOBODY = 65534
NOT_COMPARED = 12
PIPE = 4096
COLLECTING = ("scale", "-scale", "0.02", "-goroutines", "100", "-collect", "300ms")
# linux/capability.h
DAC_OVERRIDE, FOWNER, SYS_NICE = 1 << 1, 1 << 3, 1 << 23
# An address sanitizer traces us when we end, and is not to be confined.
SANITIZED = b"__asan_init" in GRF.read_bytes() if GRF.exists() else False

pytestmark = pytest.mark.skipif(SANITIZED, reason="built with sanitizers")


def fields(thread):
    """The lines of the status of a thread that say what it may do."""
    text = (thread / "status").read_text(encoding="ascii")
    return dict(re.findall(r"^(Cap\w+|NoNewPrivs|Seccomp):\s+(\w+)$", text, re.M))


class AtItsEnd:
    """A command that has nothing more to do than to say so: it stands, as its standard output is a pipe
    that is full and nobody reads. It has given its result its name."""

    def __init__(self, *arguments):
        self.reads, writes = os.pipe()
        fcntl.fcntl(writes, fcntl.F_SETPIPE_SZ, PIPE)
        os.write(writes, b"." * PIPE)
        self.process = subprocess.Popen(
            [str(GRF), *map(str, arguments)], stdout=writes, stderr=subprocess.PIPE, text=True
        )
        os.close(writes)

    def stands(self):
        assert self.process.poll() is None, self.process.communicate()[1]
        folder = pathlib.Path(f"/proc/{self.process.pid}/syscall")
        return folder.read_text(encoding="ascii").split()[:2] == ["1", "0x1"]

    def __enter__(self):
        assert wait_until(self.stands, 300)
        return self

    def __exit__(self, *_):
        os.set_blocking(self.reads, True)
        while os.read(self.reads, PIPE):
            pass
        os.close(self.reads)
        said = self.process.communicate()[1]
        assert self.process.returncode == OK, said

    def folder(self):
        return pathlib.Path("/proc", str(self.process.pid))

    def threads(self):
        return [fields(thread) for thread in (self.folder() / "task").iterdir()]

    def descriptors(self):
        return {os.readlink(name) for name in (self.folder() / "fd").iterdir()}


def check(command, kept=0, maybe=0):
    """That no thread may do more than it has to."""
    threads = command.threads()
    assert threads
    for thread in threads:
        assert thread["NoNewPrivs"] == "1" and thread["Seccomp"] == "2", thread
        assert int(thread["CapInh"], 16) == int(thread["CapAmb"], 16) == 0
        for name in ("CapPrm", "CapEff"):
            assert int(thread[name], 16) & ~maybe == kept, thread
    # Nothing that leads to another process, or to eBPF.
    for link in command.descriptors():
        assert not re.match(r"/proc/(?!\d+/(status|task)\b)", link), command.descriptors()
        assert not re.match(r"anon_inode:.*(bpf|userfault|perf|pidfd)", link), command.descriptors()
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
        assert {thread["NoNewPrivs"] for thread in command.threads()} == {"0"}
        ours = fields(pathlib.Path("/proc/self"))
        assert {thread["Seccomp"] for thread in command.threads()} == {ours["Seccomp"]}
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


def test_many_threads(build, tmp_path):
    """Each thread of the analysis begins without privileges, whoever makes it."""
    with Target(build("scale"), "-scale", "0.02") as target:
        file = target.core(tmp_path / "core")
    grf("core", build("scale"), file, "-j", "64", "-o", tmp_path / "out").expect(OK)
    grf("core", build("scale"), file, "-j", "64", "--no-sandbox", "-o", tmp_path / "free").expect(OK)
    assert (tmp_path / "out").read_bytes() == (tmp_path / "free").read_bytes()

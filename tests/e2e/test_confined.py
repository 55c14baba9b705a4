# SPDX-License-Identifier: BSD-2-Clause
"""Targets that are confined, unreachable by name, stopped, or somebody else's to trace: each is looked
into or clearly refused, and runs on as it was."""

import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile

import pprof
import pytest
from gating import times
from running import GRF, HURRIED, OK, PERMISSION, UNSUPPORTED, Target, grf, wait_until

# What tests/programs/slices holds in main.bytes, and sandboxed in main.kept.
BYTES = (("main.bytes",), (1, 4096))
KEPT = (("main.kept", "[] (*[64]int)"), (1000, 1000 * 512))
NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all"]
# What the summary says of each way to copy.
SAYS = {
    "auto": "pre-copy under userfaultfd",
    "precopy": "pre-copy under userfaultfd",
    "fork": "forked picture",
    "stop": "stop and copy",
}
NO_ADMIN = ["setpriv", "--bounding-set=-sys_admin", "--inh-caps=-all"]


def chains(path):
    return pprof.read(path).chains


def check_sandboxed(path):
    """What tests/programs/sandboxed holds: in a variable, and in a goroutine that is always running."""
    found = chains(path)
    assert KEPT in found.items()
    # In its registers, or where they are while it is preempted.
    places = ("main.spin", "runtime.asyncPreempt")
    held = [value for chain, value in found.items() if chain[0].startswith(places)]
    assert sum(objects for objects, _ in held) >= 2 and sum(size for _, size in held) >= 48 + 8, held


class Inside(Target):
    """A program that another one, such as unshare, has started in its turn."""

    def __init__(self, *command, **options):
        super().__init__(*command, **options)
        children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        assert wait_until(lambda: children.read_text(encoding="ascii"))
        (self.pid,) = map(int, children.read_text(encoding="ascii").split())

    def pid_inside(self):
        status = pathlib.Path(f"/proc/{self.pid}/status").read_text(encoding="ascii")
        return int(re.search(r"NSpid:.*\s(\d+)\n", status).group(1))


@pytest.fixture
def namespaces():
    """Can be made; not by what is in a chroot itself."""
    command = ["unshare", "--user", "--pid", "--fork", "--mount", "--mount-proc", "true"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"no namespaces of its own here: {done.stderr}")


@pytest.fixture
def everybodys():
    """A folder that any user can reach, with a grf-bpf in it."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="grf-test-"))
    folder.chmod(0o755)
    shutil.copy(GRF, folder / "grf-bpf")
    yield folder
    shutil.rmtree(folder)


@pytest.mark.parametrize("action, shows", [("refuse", "1"), ("kill", None)])
def test_the_filter_works(action, shows, build):
    done = subprocess.run(
        [build("sandboxed"), action, "process", "try"], capture_output=True, check=False
    )
    if shows:
        assert done.stdout.decode().strip() == shows
    else:
        assert done.returncode == -signal.SIGSYS


@pytest.mark.parametrize("prefix", [[], NO_ADMIN], ids=["root", "without_sys_admin"])
@pytest.mark.parametrize("where", ["process", "thread"])
@pytest.mark.parametrize("action", ["refuse", "kill"])
def test_under_seccomp(action, where, prefix, start, tmp_path):
    """The call that we have a thread make is not one that its filter lets through."""
    target = start("sandboxed", action, where)
    before, out = target.shape(), ("-o", tmp_path / "out")
    # Where the CPUs are busy, a thread that is always running may wait long for one to stop on.
    patient = ("--copy", "fork", "--max-pause", "5s")
    for _ in range(times(2, 5)):
        done = grf("attach", target.pid, *HURRIED, "-v", *out, prefix=prefix).expect(OK)
        assert "pre-copy" in done.stdout or "the next way" in done.stderr, str(done)
        # With CAP_SYS_ADMIN the filter is put out of action for the call.
        assert prefix or "pre-copy" in done.stdout, str(done)
        check_sandboxed(tmp_path / "out")
        target.check_runs()
        done = grf("attach", target.pid, *HURRIED, *patient, *out, prefix=prefix)
        # A thread without a filter of its own can do it in any case.
        if not prefix or done.status != UNSUPPORTED:
            done.expect(OK)
            check_sandboxed(tmp_path / "out")
        target.check_runs()
    assert "descriptors" not in target.changes(before)


@pytest.mark.parametrize("copy", ["auto", "precopy", "fork", "stop"])
def test_without_privileges(copy, build, everybodys):
    """A process of the same user, who is nobody."""
    program = shutil.copy(build("slices"), everybodys / "program")
    out = everybodys / "out"
    out.mkdir()
    os.chown(out, 65534, 65534)
    with Target(NOBODY[0], *NOBODY[1:], program) as target:
        before = target.shape()
        for _ in range(3):
            done = grf(
                "attach",
                target.pid,
                "-v",
                *("--copy", copy),
                *("-o", out / "out"),
                prefix=NOBODY,
                tool=everybodys / "grf-bpf",
            ).expect(OK)
            assert BYTES in chains(out / "out").items()
            assert SAYS[copy] in done.stdout, str(done)
        assert "descriptors" not in target.changes(before)
        target.check_runs()


@pytest.mark.parametrize("copy", ["auto", "fork", "stop"])
@pytest.mark.parametrize("kinds", [["--user", "--map-root-user"], []], ids=["user", "root"])
def test_in_other_namespaces(kinds, copy, build, namespaces, tmp_path):
    """PID, mount and, or not, user namespaces of its own; it is PID 1 there."""
    unshare = ["unshare", *kinds, "--pid", "--fork", "--kill-child", "--mount", "--mount-proc"]
    with Inside(*unshare, build("sandboxed"), "refuse", "process") as target:
        assert target.pid_inside() == 1
        before = target.shape()
        done = grf("attach", target.pid, "-v", "--copy", copy, "-o", tmp_path / "out").expect(OK)
        assert SAYS[copy] in done.stdout, str(done)
        assert "eBPF task iterator" in done.stdout, str(done)
        check_sandboxed(tmp_path / "out")
        assert "descriptors" not in target.changes(before)
        target.check_runs()
        core = target.core(tmp_path / "core")
    grf("core", build("sandboxed"), core, "-o", tmp_path / "out").expect(OK)
    check_sandboxed(tmp_path / "out")
    core.unlink()


@pytest.mark.parametrize("removed", [False, True], ids=["there", "removed"])
def test_in_a_container(removed, build, tmp_path, namespaces):
    """PID 1 in a root folder of its own, on a file system that nobody else has mounted. What stands
    at the path of its executable here is another program."""
    root = tmp_path / "root"
    root.mkdir()
    script = (
        f"mount -t tmpfs none {root} && mkdir {root}/bin && cp {build('slices')} {root}/bin/sh &&"
        f" exec unshare --pid --fork --kill-child --root={root} /bin/sh"
    )
    with Inside("unshare", "--mount", "sh", "-c", script) as target:
        assert target.pid_inside() == 1 and not (root / "bin").exists()
        if removed:
            pathlib.Path("/proc", str(target.pid), "root", "bin", "sh").unlink()
        before = target.shape()
        done = grf("attach", target.pid, "-v", "-o", tmp_path / "out").expect(OK)
        assert "pre-copy under userfaultfd" in done.stdout, str(done)
        assert BYTES in chains(tmp_path / "out").items()
        assert "descriptors" not in target.changes(before)
        target.check_runs()


def test_stopped(start, tmp_path):
    """Stopped before by SIGSTOP: no thread is made to do anything, and none goes on."""
    target = start("slices")
    os.kill(target.pid, signal.SIGSTOP)
    assert wait_until(lambda: set(target.states()) == {"T"})
    for copy in ("auto", "stop"):
        grf("attach", target.pid, "--copy", copy, "-o", tmp_path / "out").expect(OK)
        # Let go, a thread takes a moment to go back into the stop.
        assert wait_until(lambda: set(target.states()) == {"T"})
        assert BYTES in chains(tmp_path / "out").items()
    done = grf("attach", target.pid, "--copy", "precopy", "-o", tmp_path / "out")
    assert done.status == UNSUPPORTED, str(done)
    assert wait_until(lambda: set(target.states()) == {"T"})
    os.kill(target.pid, signal.SIGCONT)
    assert wait_until(lambda: not set(target.states()) & {"T", "t"})
    assert target.tracer() == 0


@pytest.mark.parametrize("tracer", ["strace", "gdb"])
def test_under_another_tracer(tracer, start, tmp_path):
    if not shutil.which(tracer):
        pytest.skip(f"{tracer} is not installed")
    target = start("slices")
    command = {
        "strace": ["strace", "-f", "-o", tmp_path / "trace", "-p", str(target.pid)],
        "gdb": ["gdb", "-q", "-nx", "-batch", "-p", str(target.pid), "-ex", "shell sleep 60"],
    }[tracer]
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        try:
            assert wait_until(target.tracer, 20)
            for copy in ("auto", "precopy", "fork", "stop"):
                done = grf("attach", target.pid, "--copy", copy, "-o", tmp_path / "out")
                done.expect(PERMISSION, "traced by process", str(process.pid))
                assert not (tmp_path / "out").exists()
            assert target.tracer() == process.pid
        finally:
            # gdb has processes of its own.
            os.killpg(process.pid, signal.SIGINT if tracer == "strace" else signal.SIGKILL)
            process.wait()
    assert wait_until(lambda: not target.tracer())
    # gdb stops what it attaches to; killed, it leaves that to itself.
    grf("attach", target.pid, "-o", tmp_path / "out").expect(OK)
    assert BYTES in chains(tmp_path / "out").items()


class MemoryGroup:
    """A memory control group, of version 2 or 1."""

    def __init__(self):
        self.new = self._is_writable("/sys/fs/cgroup/cgroup.subtree_control")
        root = "/sys/fs/cgroup" if self.new else "/sys/fs/cgroup/memory"
        self.path = pathlib.Path(root) / f"grf-test-{os.getpid()}"
        try:
            if self.new:
                self._write(pathlib.Path(root) / "cgroup.subtree_control", "+memory")
            self.path.mkdir()
            self._limit = self._find("memory.max", "memory.limit_in_bytes")
            self._usage = self._find("memory.current", "memory.usage_in_bytes")
            self._events = self._find("memory.events", "memory.failcnt")
        except OSError as error:
            if self.path.exists():
                self.path.rmdir()
            pytest.skip(f"memory control groups cannot be made here: {error}")

    @staticmethod
    def _is_writable(path):
        return os.access(path, os.W_OK)

    @staticmethod
    def _write(path, text):
        path.write_text(text, encoding="ascii")

    def _find(self, *names):
        for name in names:
            if (self.path / name).exists():
                return self.path / name
        raise FileNotFoundError(names[0])

    def add(self, pid):
        self._write(self.path / "cgroup.procs", str(pid))

    def limit(self, size):
        self._write(self._limit, str(size))

    def usage(self):
        return int(self._usage.read_text(encoding="ascii"))

    def events(self):
        """How often it has run against its limit."""
        return self._events.read_text(encoding="ascii")

    def remove(self):
        assert wait_until(lambda: not (self.path / "cgroup.procs").read_text(encoding="ascii"))
        self.path.rmdir()


@pytest.mark.parametrize("copy", ["precopy", "stop"])
def test_near_the_limit_of_its_memory(copy, build, tmp_path):
    """What we do to a process is not counted as its own use of memory."""
    # The kernel counts in lots of 256 KiB for each CPU on which the memory is touched: all on one CPU.
    cpu = min(os.sched_getaffinity(0))
    on_it = ("taskset", "-c", cpu)
    group = MemoryGroup()

    def confine():
        os.sched_setaffinity(0, {cpu})
        group.add(os.getpid())

    def attach(*options):
        grf("attach", target.pid, *options, "-o", tmp_path / "out", prefix=on_it).expect(OK)

    try:
        with Target(
            build("scale"), "-scale", "0.1", "-goroutines", "1000", preexec_fn=confine
        ) as target:
            attach("--copy", "stop")
            before = group.usage()
            group.limit((before + (1 << 20)) // 4096 * 4096)
            events = group.events()
            for _ in range(5):
                attach("--freeze", "now", "--copy", copy)
            assert group.usage() - before < 512 << 10
            assert group.events() == events
            target.check_runs()
    finally:
        group.remove()

# SPDX-License-Identifier: BSD-2-Clause
"""Running programs to look into, and grf-bpf itself."""

import fcntl
import json
import os
import pathlib
import re
import select
import shutil
import signal
import subprocess
import time
from collections import Counter

import cores
from toolchains import ROOT

GRF = pathlib.Path(os.environ.get("GRF_BPF", ROOT / "build" / "grf-bpf"))
# The same with hooks (tests/hooks), which the environment sets; `make test-binaries` builds it.
HOOKED = GRF.parent / "tests" / "grf-bpf"
HOOKS = ("GRF_TEST_KILL_AT_STEP", "GRF_TEST_SIGNAL_AT_STEP", "GRF_TEST_TEAR")

# Exit statuses, as docs/grf-bpf.1 lists them.
OK, FAILURE, USAGE, NO_PROCESS, PERMISSION, EXITED, NOT_GO, UNSUPPORTED = range(8)
BAD_INPUT, MISMATCH, OUTPUT = 8, 9, 10
NO_ROOM, TOO_LONG = 13, 14
TORN, NO_COLLECTION = 16, 17
INTERRUPTED = 130

PIPE_BYTES = 4096

# For targets that keep all CPUs busy: what is polite there takes minutes, and shows nothing else.
HURRIED = ("--nice", "0")


def wait_until(condition, seconds=10):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True


def processes():
    """The folder in /proc of every process. Listed, not matched: pathlib's glob looks at each name once
    more, and fails where the process has ended since."""
    return [pathlib.Path("/proc", name) for name in os.listdir("/proc") if name.isdigit()]


def stat(process):
    """The fields of /proc/PID/stat that follow the name, which may be any bytes, as the program likes."""
    return (process / "stat").read_bytes().rpartition(b")")[2].decode("ascii").split()


# What the Go runtime opens when a goroutine first waits for a timer or a file, one of each, and keeps
# (runtime/netpoll_epoll.go). A program that has said READY may come to that a moment later.
POLLING = ("anon_inode:[eventpoll]", "anon_inode:[eventfd]")


def opened_by_go(added, before):
    """Of the descriptors that were added, one for each kind in POLLING of which there was none."""
    there = {link for _, link in before}
    wanted = {link: one for one in added for link in [one[1]] if link in POLLING and link not in there}
    return Counter(wanted.values())


# A line of /proc/PID/maps: where it is, what may be done there, and of what it is.
MAPPING = re.compile(r"^([0-9a-f]+)-([0-9a-f]+) (\S+ \S+ \S+ \S+ *\S*)", re.M)
ANONYMOUS = "rw-p 00000000 00:00 0 "


def kinds(mappings):
    return [kind for _, _, kind in mappings]


def mapped_by_go(now, before):
    """Of the mappings, those of memory that could not be read and written before: what the Go runtime
    takes for itself, from nowhere or from what it had reserved. A mapping that was split is none."""
    usable = [(begin, end) for begin, end, kind in before if kind == ANONYMOUS]
    return Counter(
        kind for begin, end, kind in now
        if kind == ANONYMOUS and not any(begin < stop and start < end for start, stop in usable)
    )


# Threads that a program may start while it is looked at: one where a system call takes long.
GO_STARTS = 3


class Target:
    """A program that has said READY."""

    def __init__(self, executable, *arguments, environment=None, timeout=120, **options):
        self.executable = pathlib.Path(executable)
        self.facts = {}
        self.process = subprocess.Popen(
            [str(executable), *arguments],
            stdout=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            env=dict(os.environ, TZ="UTC", **(environment or {})),
            **{"stderr": subprocess.DEVNULL, **options},
        )
        self.pid = self.process.pid
        deadline = time.monotonic() + timeout
        while True:
            line = self._line(deadline)
            if line == "READY":
                return
            if line.startswith("{"):
                self.facts.update(json.loads(line))

    def _line(self, deadline):
        """The next line of output, a byte at a time: nothing is left in our buffer."""
        line = b""
        stream = self.process.stdout.fileno()
        while not line.endswith(b"\n"):
            ready, _, _ = select.select([stream], [], [], max(0, deadline - time.monotonic()))
            byte = os.read(stream, 1) if ready else b""
            if not byte:
                self.stop()
                raise RuntimeError(f"{self.executable} did not get READY (said {line!r})")
            line += byte
        return line.decode().rstrip("\n")

    def line(self, timeout=120):
        """The next line that it writes."""
        return self._line(time.monotonic() + timeout)

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def states(self):
        """The state letter of each thread."""
        states = []
        for task in pathlib.Path(f"/proc/{self.pid}/task").iterdir():
            try:
                states.append(stat(task)[0])
            except (FileNotFoundError, ProcessLookupError):
                pass
        return states

    def tracer(self):
        """Who traces one of its threads; 0: nobody."""
        tracers = [0]
        for task in pathlib.Path(f"/proc/{self.pid}/task").iterdir():
            try:
                status = (task / "status").read_text()
            except (FileNotFoundError, ProcessLookupError):
                continue
            tracers.append(int(re.search(r"TracerPid:\s+(\d+)", status).group(1)))
        return max(tracers)

    def check_runs(self):
        """Fails when the target is gone, stopped or traced, or when this process, its parent or
        grandparent, was told of a stop."""
        # Asks without taking the news away from Popen, were there any.
        news = os.waitid(
            os.P_PID,
            self.process.pid,
            os.WEXITED | os.WSTOPPED | os.WCONTINUED | os.WNOHANG | os.WNOWAIT,
        )
        assert news is None, f"the parent was told of {news}"
        # What outlives a grf-bpf that was killed may be at work in one of its threads yet.
        assert wait_until(lambda: not set(self.states()) & set("tTZ"), 60), self.states()
        assert wait_until(lambda: not self.tracer(), 60), f"traced by {self.tracer()}"

    def shape(self):
        """What an attach must leave as it was."""
        process = pathlib.Path(f"/proc/{self.pid}")
        descriptors = process / "fd"
        return {
            "threads": sorted(path.name for path in (process / "task").iterdir()),
            "descriptors": sorted((fd.name, os.readlink(fd)) for fd in descriptors.iterdir()),
            # The heap may grow by itself; mappings may not be split or joined, or be of another kind.
            "mappings": [
                (int(begin, 16), int(end, 16), kind)
                for begin, end, kind in MAPPING.findall((process / "maps").read_text())
            ],
            "signals": re.findall(
                r"Sig(?:Blk|Ign|Cgt):\s+\S+", (process / "status").read_text()
            ),
        }

    def changes(self, before):
        """What is no more as shape() had it, but for what the Go runtime does by itself; by its kind."""
        now, found = self.shape(), {}
        for kind in ("descriptors", "mappings", "signals"):
            is_now, was = now[kind], before[kind]
            if kind == "mappings":
                is_now, was = kinds(is_now), kinds(was)
            added, gone = Counter(is_now) - Counter(was), Counter(was) - Counter(is_now)
            if kind == "descriptors":
                added -= opened_by_go(added, before[kind])
            if kind == "mappings":
                added -= mapped_by_go(now[kind], before[kind])
            if added or gone:
                found[kind] = f"{list(added.elements())} were added, {list(gone.elements())} are gone"
        new, ended = (set(one["threads"]) - set(other["threads"])
                      for one, other in ((now, before), (before, now)))
        if ended or len(new) > GO_STARTS:
            found["threads"] = f"{sorted(new)} were started, {sorted(ended)} have ended"
        return found

    def check_shape(self, before):
        """That nothing is different. A thread that starts another one blocks all signals for a moment."""
        assert wait_until(lambda: not self.changes(before)), self.changes(before)

    def core(self, path):
        """Writes a core file as gcore does, in a fiftieth of the time."""
        return cores.write(self.pid, path)

    def gcore(self, path):
        """Has gcore write a core file."""
        result = subprocess.run(
            ["gcore", "-o", str(path), str(self.pid)], capture_output=True, text=True, check=False
        )
        written = pathlib.Path(f"{path}.{self.pid}")
        if not written.exists():
            raise RuntimeError(f"gcore: {result.stdout}{result.stderr}")
        # Most of what gcore writes of a Go program is zero: over a gigabyte of address space that is
        # only reserved. Less of it then goes to the disk.
        subprocess.run(["fallocate", "--dig-holes", written], capture_output=True, check=False)
        written.rename(path)
        return pathlib.Path(path)


class Result:
    def __init__(self, command, status, stdout, stderr):
        self.command, self.status, self.stdout, self.stderr = command, status, stdout, stderr

    def __str__(self):
        return (
            f"{' '.join(map(str, self.command))}\nstatus {self.status}\n"
            f"--- stdout\n{self.stdout}\n--- stderr\n{self.stderr}"
        )

    def expect(self, status, *words):
        """Checks for a failure as it should be: the status, one line, with these words in it."""
        assert self.status == status, str(self)
        if status == OK:
            return self
        assert self.stdout == "" and self.stderr, str(self)
        if status == USAGE:
            return self
        lines = self.stderr.splitlines()
        assert len(lines) == 1, f"not one line on standard error:\n{self}"
        assert lines[0].startswith("grf-bpf: ") and len(lines[0]) > 25, str(self)
        for word in words:
            assert word.lower() in lines[0].lower(), f"no `{word}' in the message:\n{self}"
        return self


POLITE = ("attach", "verify", "types", "goroutines")


def hurry(arguments):
    """The same at the usual priority, where it would be polite."""
    polite_of_itself = arguments and arguments[0] in POLITE and "--nice" not in arguments
    return (*arguments, *HURRIED) if polite_of_itself else arguments


def grf(*arguments, prefix=(), tool=None, timeout=300, hurried=True, **options):
    """Runs grf-bpf to its end. `hurried`: at the usual priority, as what is polite where others want the
    CPUs takes a hundred times as long."""
    if hurried:
        arguments = hurry(arguments)
    tool = tool or (HOOKED if any(hook in os.environ for hook in HOOKS) else GRF)
    command = [*map(str, prefix), str(tool), *map(str, arguments)]
    done = subprocess.run(
        command, capture_output=True, stdin=subprocess.DEVNULL, timeout=timeout, check=False, **options
    )
    return Result(command, done.returncode, done.stdout.decode(), done.stderr.decode())


def goref(command, *arguments, **options):
    """The same with the elements of chains as goref names them: the tests that hold each step of a chain
    began with these."""
    return grf(command, *arguments, "--names", "goref", **options)


def polite(*arguments, **options):
    """The same at the priority that it has of itself, for tests of what it does by itself."""
    return grf(*arguments, hurried=False, **options)


def start_grf(*arguments, **options):
    """Starts grf-bpf, in a hurry; for tests that do something to it while it works."""
    return subprocess.Popen(
        [str(GRF), *map(str, hurry(arguments))],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


class AtItsEnd:
    """A command that has nothing more to do than to say so: it stands, as its standard output is a pipe
    that is full and nobody reads. It has given its result its name."""

    def __init__(self, *arguments, **options):
        self.reads, writes = os.pipe()
        fcntl.fcntl(writes, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        os.write(writes, b"." * PIPE_BYTES)
        self.process = subprocess.Popen(
            [str(GRF), *map(str, arguments)],
            stdin=subprocess.DEVNULL,
            stdout=writes,
            stderr=subprocess.PIPE,
            text=True,
            **options,
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
        while os.read(self.reads, PIPE_BYTES):
            pass
        os.close(self.reads)
        said = self.process.communicate()[1]
        assert self.process.returncode == OK, said


def kernel_core(executable, folder):
    """The core that the kernel writes when a program dies of SIGABRT; None where it writes none
    into the working directory."""
    pattern = pathlib.Path("/proc/sys/kernel/core_pattern").read_text().strip()
    if pattern.startswith("|") or "/" in pattern:
        return None
    shell = shutil.which("sh")
    process = subprocess.Popen(
        [shell, "-c", f"ulimit -c unlimited; exec {executable}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=folder,
        env=dict(os.environ, GOTRACEBACK="crash", TZ="UTC"),
    )
    with process.stdout as stream:
        while stream.readline().strip() != b"READY":
            if process.poll() is not None:
                raise RuntimeError(f"{executable} did not get READY")
        os.kill(process.pid, signal.SIGABRT)
        process.wait()
    cores = [path for path in pathlib.Path(folder).iterdir() if path.name.startswith("core")]
    return cores[0] if cores else None

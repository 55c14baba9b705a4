# SPDX-License-Identifier: BSD-2-Clause
"""Cores that say more than they hold: lists in a circle, stacks and arrays of memory that is zero
only by what the core says, records named many times, segments of the same bytes. What they cost is
bounded by their bytes, and they end in a result or in one line."""

import array
import os
import pathlib
import re
import resource
import shutil
import signal
import struct
import subprocess

import pytest
from running import BAD_INPUT, GRF, OK, UNSUPPORTED, Target, grf

# What it takes for the core as it was is a hundredth of this.
CPU_SECONDS = 15
MEMORY = 256 << 20
# Where no Go program has anything.
FREE = 0x10_0000_0000
LOAD, NOTE, READ_WRITE = 1, 4, 6
SELECT = 18  # waitReasonSelect of Go 1.26 and 1.27 (runtime/runtime2.go)
THREADS = 8000
# In a list of spans or goroutines; GRF_TEST_NAMES=67108864 makes cores of half a gigabyte.
NAMES = int(os.environ.get("GRF_TEST_NAMES", 1 << 23))


def offsets(executable, fields):
    """Where fields of the runtime's structures and its variables are, as gdb has it."""
    commands = ["-ex", "set language c"]
    for field in fields:
        structure, _, path = field.partition("/")
        commands += [
            "-ex",
            f"print/d (long)&(('{structure}' *)0)->{path}" if path else f"print/d (long)&'{field}'",
        ]
    done = subprocess.run(
        ["gdb", "-nx", "-batch", *commands, executable], capture_output=True, text=True, check=True
    )
    found = [int(number) for number in re.findall(r"^\$\d+ = (-?\d+)", done.stdout, re.M)]
    assert len(found) == len(fields), done.stdout + done.stderr
    return dict(zip(fields, found))


class Core:
    """A copy of a core whose memory can be changed and added to."""

    def __init__(self, source, path):
        subprocess.run(["cp", "--sparse=always", source, path], check=True)
        self.path = pathlib.Path(path)
        self.file = self.path.open("r+b")
        header = self.file.read(64)
        offset, count = struct.unpack_from("<Q", header, 32)[0], struct.unpack_from("<H", header, 56)[0]
        self.file.seek(offset)
        self.headers = [list(struct.unpack("<IIQQQQQQ", self.file.read(56))) for _ in range(count)]

    def _at(self, address, size):
        for kind, _, offset, start, _, length, _, _ in self.headers:
            if kind == LOAD and start <= address and address + size <= start + length:
                return offset + address - start
        raise KeyError(hex(address))

    def word(self, address):
        self.file.seek(self._at(address, 8))
        return struct.unpack("<Q", self.file.read(8))[0]

    def byte(self, address):
        self.file.seek(self._at(address, 1))
        return self.file.read(1)[0]

    def set(self, address, *words):
        self.file.seek(self._at(address, 8 * len(words)))
        self.file.write(struct.pack(f"<{len(words)}Q", *words))

    def put(self, address, value, size):
        self.file.seek(self._at(address, size))
        self.file.write(value.to_bytes(size, "little"))

    def add_threads(self, count):
        """Copies of the note of the first thread."""
        header = next(header for header in self.headers if header[0] == NOTE)
        self.file.seek(header[2])
        notes, at = self.file.read(header[5]), 0
        while True:
            name, size, kind = struct.unpack_from("<III", notes, at)
            end = at + 12 + (name + 3 & ~3) + (size + 3 & ~3)
            if kind == 1:
                break
            at = end
        self.file.seek(0, os.SEEK_END)
        self.headers.append([NOTE, 4, self.file.tell(), 0, 0, (end - at) * count, 0, 4])
        self.file.write(notes[at:end] * count)

    def add(self, address, content=b"", size=0):
        """More memory: `content`, and zeros to `size` that the file does not have."""
        self.file.seek(0, os.SEEK_END)
        offset = self.file.tell()
        self.file.write(content)
        self.headers.append(
            [LOAD, READ_WRITE, offset, address, 0, len(content), max(size, len(content)), 1]
        )

    def add_hole(self, address, size):
        """More memory, of a hole in the file."""
        self.file.seek(0, os.SEEK_END)
        offset = self.file.tell() + 4095 & ~4095
        self.file.truncate(offset + size)
        self.headers.append([LOAD, READ_WRITE, offset, address, 0, size, size, 1])

    def close(self):
        """Writes the program headers, behind everything else."""
        self.file.seek(0, os.SEEK_END)
        offset = self.file.tell()
        for header in self.headers:
            self.file.write(struct.pack("<IIQQQQQQ", *header))
        self.file.seek(32)
        self.file.write(struct.pack("<Q", offset))
        self.file.seek(56)
        self.file.write(struct.pack("<H", len(self.headers)))
        self.file.close()


def zero_spans(core, at):
    core.add(FREE, size=1 << 33)
    core.set(at["runtime.mheap_"] + at["runtime.mheap/allspans"], FREE, 1 << 30, 1 << 30)


def crowd(start):
    """Addresses that are eight bytes apart."""
    words = array.array("Q", range(start, start + 8 * NAMES, 8))
    return words.tobytes()


def name_spans(core, at, content):
    core.add(FREE, content)
    count = len(content) // 8
    core.set(at["runtime.mheap_"] + at["runtime.mheap/allspans"], FREE, count, count)


def one_span(core, at):
    """One span, named again and again."""
    first = core.word(at["runtime.mheap_"] + at["runtime.mheap/allspans"])
    count = core.word(at["runtime.mheap_"] + at["runtime.mheap/allspans"] + 8)
    spans = [core.word(first + 8 * i) for i in range(count)]
    used = next(span for span in spans if core.byte(span + at["runtime.mspan/state"]) == 1)
    name_spans(core, at, struct.pack("<Q", used) * NAMES)


def no_spans(core, at):
    """Addresses of nothing, and of memory that is no span."""
    name_spans(core, at, struct.pack("<2Q", 0x8, at["runtime.mheap_"]) * (NAMES // 2))


def crowded_spans(core, at):
    """Each is a span by what it says, and shares most of its bytes with the next."""
    name_spans(core, at, crowd(FREE))


def huge_span(core, at):
    span = core.word(core.word(at["runtime.mheap_"] + at["runtime.mheap/allspans"]))
    core.add(FREE, size=1 << 43)
    core.set(span + at["runtime.mspan/startAddr"], FREE)
    core.set(span + at["runtime.mspan/npages"], 1 << 30)
    core.set(span + at["runtime.mspan/elemsize"], 1 << 43)
    core.put(span + at["runtime.mspan/nelems"], 1, 2)
    core.put(span + at["runtime.mspan/freeindex"], 1, 2)
    core.put(span + at["runtime.mspan/spanclass"], 0, 1)
    core.put(span + at["runtime.mspan/state"], 1, 1)


def goroutines(core, at):
    first, count = core.word(at["runtime.allgs"]), core.word(at["runtime.allgs"] + 8)
    return [core.word(first + 8 * i) for i in range(count)]


def zero_stacks(core, at):
    for i, g in enumerate(goroutines(core, at)):
        core.add(FREE + (i << 33), size=1 << 33)
        core.set(g + at["runtime.g/stack"], FREE + (i << 33), FREE + ((i + 1) << 33))


def sparse_stacks(core, at):
    """As zero_stacks, of a file that has a hole there."""
    for i, g in enumerate(goroutines(core, at)):
        core.add_hole(FREE + (i << 32), 1 << 32)
        core.set(g + at["runtime.g/stack"], FREE + (i << 32), FREE + ((i + 1) << 32))


def sparse_spans(core, at):
    core.add_hole(FREE, 1 << 33)
    core.set(at["runtime.mheap_"] + at["runtime.mheap/allspans"], FREE, 1 << 30, 1 << 30)


def shared_stacks(core, at):
    """Stacks in different places, of the same bytes of the file."""
    content = bytes(range(256)) * (1 << 16)
    core.add(FREE, content)
    first = core.headers[-1]
    for i, g in enumerate(goroutines(core, at)):
        start = FREE + ((i + 1) << 24)
        core.headers.append([*first[:3], start, *first[4:]])
        core.set(g + at["runtime.g/stack"], start, start + len(content))


def one_goroutine(core, at):
    g = goroutines(core, at)[0]
    core.add(FREE, struct.pack("<Q", g) * (1 << 22))
    core.set(at["runtime.allgs"], FREE, 1 << 22, 1 << 22)


def name_goroutines(core, at, content):
    core.add(FREE, content)
    core.set(at["runtime.allgs"], FREE, len(content) // 8, len(content) // 8)


def no_goroutines(core, at):
    name_goroutines(core, at, crowd(FREE << 1))


def crowded_goroutines(core, at):
    """Each shares most of its bytes with the next, and waits."""
    core.add(FREE << 1, struct.pack("<Q", 4) * NAMES)
    name_goroutines(core, at, crowd(FREE << 1))


def crowded_machines(core, at):
    """A list of them in which each is eight bytes behind the one before."""
    link = at["runtime.m/alllink"]
    core.add(FREE, bytes(link) + crowd(FREE + 8))
    core.set(core.word(at["runtime.allm"]) + link, FREE)


def crowded_defers(core, at):
    link = at["runtime._defer/link"]
    core.add(FREE, bytes(link) + crowd(FREE + 8))
    core.set(goroutines(core, at)[0] + at["runtime.g/_defer"], FREE)


def defer_circle(core, at):
    record = bytearray(4096)
    struct.pack_into("<Q", record, at["runtime._defer/link"], FREE)
    struct.pack_into("<Q", record, at["runtime._defer/fn"], FREE)
    core.add(FREE, bytes(record))
    for g in goroutines(core, at):
        core.set(g + at["runtime.g/_defer"], FREE)


def wait_for(core, at, content):
    """Has all goroutines but one that is dead wait in a select, with their record at FREE."""
    core.add(FREE, content)
    for g in goroutines(core, at):
        if core.byte(g + at["runtime.g/atomicstatus"]) != 6:
            core.put(g + at["runtime.g/atomicstatus"], 4, 4)
            core.put(g + at["runtime.g/waitreason"], SELECT, 1)
            core.set(g + at["runtime.g/waiting"], FREE)


def wait_circle(core, at):
    """The record is the next one of itself, and all else that it points to."""
    wait_for(core, at, struct.pack("<Q", FREE) * 512)


def crowded_waits(core, at):
    """A list of them in which each is eight bytes behind the one before."""
    wait_for(core, at, crowd(FREE + 8))


def machine_circle(core, at):
    first = core.word(at["runtime.allm"])
    core.set(first + at["runtime.m/alllink"], first)
    core.add_threads(THREADS)


def shared_bytes(core, at):
    content = bytes(range(256)) * 16384
    core.add(FREE, content)
    for i in range(1, 4096):
        core.headers.append([*core.headers[-1]])
        core.headers[-1][3] = FREE + i * len(content)
    core.set(at["runtime.allgs"], FREE, 4096 << 10, 4096 << 10)


FIELDS = [
    "runtime.mheap_",
    "runtime.allgs",
    "runtime.allm",
    "runtime.mheap/allspans",
    "runtime.mspan/startAddr",
    "runtime.mspan/npages",
    "runtime.mspan/elemsize",
    "runtime.mspan/nelems",
    "runtime.mspan/freeindex",
    "runtime.mspan/spanclass",
    "runtime.mspan/state",
    "runtime.g/stack",
    "runtime.g/_defer",
    "runtime._defer/link",
    "runtime._defer/fn",
    "runtime.m/alllink",
    "runtime.g/atomicstatus",
    "runtime.g/waitreason",
    "runtime.g/waiting",
]
CASES = [
    (zero_spans, (BAD_INPUT,)),
    (one_span, (BAD_INPUT,)),
    (no_spans, (UNSUPPORTED,)),
    (crowded_spans, (UNSUPPORTED,)),
    (huge_span, (OK,)),
    (zero_stacks, (OK,)),
    (one_goroutine, (OK,)),
    (no_goroutines, (OK,)),
    (crowded_goroutines, (BAD_INPUT,)),
    (crowded_machines, (BAD_INPUT,)),
    (crowded_defers, (BAD_INPUT,)),
    (sparse_stacks, (OK,)),
    (sparse_spans, (BAD_INPUT,)),
    (shared_stacks, (OK,)),
    (defer_circle, (OK,)),
    (machine_circle, (OK,)),
    (wait_circle, (OK,)),
    (crowded_waits, (OK,)),
    (shared_bytes, (BAD_INPUT,)),
]


@pytest.fixture(scope="session")
def small(build, tmp_path_factory):
    """(executable, core), with no more in the core than the program wrote to."""
    executable = build("slices")
    with Target(executable) as target:
        return executable, target.core(tmp_path_factory.mktemp("core") / "core")


@pytest.fixture(scope="session")
def places(small):
    return offsets(small[0], FIELDS)


def measured(command):
    """Runs it with a limit of its CPU time. Returns status, standard error, and bytes at its peak."""

    def limit():
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))

    with subprocess.Popen(
        [*map(str, command)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=limit,
    ) as process:
        said = process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    seconds = usage.ru_utime + usage.ru_stime
    print(f"{seconds:.2f} s, {usage.ru_maxrss >> 10} MiB, status {process.returncode}: {said}")
    return process.returncode, said, usage.ru_maxrss << 10


@pytest.mark.parametrize("damage,statuses", CASES, ids=[case[0].__name__ for case in CASES])
def test_costs_what_it_holds(small, places, tmp_path, damage, statuses):
    executable, source = small
    bad = Core(source, tmp_path / "core")
    damage(bad, places)
    bad.close()
    results = {"core": ["-o", tmp_path / "out"], "types": [], "goroutines": []}
    for command, others in results.items():
        name = tmp_path / f"{command}.json"
        status, said, peak = measured([GRF, command, executable, bad.path, *others, "-o", name])
        assert status != -signal.SIGKILL and status != -signal.SIGXCPU, said
        assert status in statuses, said
        assert len(said.splitlines()) <= 2, said
        assert peak < MEMORY, f"{peak >> 20} MiB\n{said}"
    shutil.rmtree(tmp_path)


def test_the_rest_may_be_held_by_stacks(small, places, tmp_path):
    """Where stacks cannot be read, what is not reached is not called garbage."""
    executable, source = small
    bad = Core(source, tmp_path / "core")
    zero_stacks(bad, places)
    bad.close()
    done = grf("core", executable, bad.path, "-o", tmp_path / "out").expect(OK)
    assert re.search(r"garbage, or held by \d+ stacks that could not be read", done.stdout), str(done)
    done = grf("core", executable, source, "-o", tmp_path / "out").expect(OK)
    assert "stacks" not in done.stdout.split("reachable")[1].splitlines()[0], str(done)

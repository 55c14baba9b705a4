# SPDX-License-Identifier: BSD-2-Clause
"""
Cores of running processes, as gcore writes them, without what takes gcore long: more than a gigabyte
of address space that a Go program only reserves, which gcore reads and writes as zeros. Pages that do
not exist are holes here from the start.
"""

import ctypes
import os
import pathlib
import re
import struct

PAGE = 4096
PTRACE_GETREGS, PTRACE_DETACH, PTRACE_SEIZE, PTRACE_INTERRUPT = 12, 17, 0x4206, 0x4207
WALL = 0x40000000
NT_PRSTATUS, NT_AUXV, NT_FILE = 1, 6, 0x46494C45
PT_LOAD, PT_NOTE = 1, 4
# Of an entry of /proc/PID/pagemap.
PRESENT, SWAPPED, OF_A_FILE = 1 << 63, 1 << 62, 1 << 61
REGISTERS = 27 * 8

_libc = ctypes.CDLL(None, use_errno=True)
_libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
_libc.ptrace.restype = ctypes.c_long


def _ptrace(request, tid, data=None):
    if _libc.ptrace(request, tid, None, data) < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))


class Stopped:
    """A process whose threads stand still."""

    def __init__(self, pid):
        self.pid, self.threads = pid, []

    def __enter__(self):
        try:
            while self._seize_new():
                pass
        except BaseException:
            self.__exit__()
            raise
        return self

    def _seize_new(self):
        """Stops threads that are not stopped yet; whether there were any, which may have made more."""
        tasks = map(int, os.listdir(f"/proc/{self.pid}/task"))
        new = [tid for tid in tasks if tid not in self.threads]
        for tid in new:
            try:
                _ptrace(PTRACE_SEIZE, tid)
                _ptrace(PTRACE_INTERRUPT, tid)
            except ProcessLookupError:
                continue
            self.threads.append(tid)
            os.waitpid(tid, WALL)
        return new

    def __exit__(self, *_):
        for tid in self.threads:
            try:
                _ptrace(PTRACE_DETACH, tid)
            except ProcessLookupError:
                pass

    def registers(self, tid):
        buffer = ctypes.create_string_buffer(REGISTERS)
        _ptrace(PTRACE_GETREGS, tid, buffer)
        return buffer.raw


class Mapping:
    def __init__(self, line):
        match = re.match(r"(\w+)-(\w+) (\S+) (\w+) \S+ \S+ *(.*)", line)
        start, end, flags, offset, self.path = match.groups()
        self.start, self.end, self.offset = int(start, 16), int(end, 16), int(offset, 16)
        self.private = flags[3] == "p"
        self.readable = flags[0] == "r"
        self.flags = sum(bit for bit, letter in zip((4, 2, 1), "rwx") if letter in flags)

    @property
    def is_file(self):
        return self.path.startswith("/")


def _mappings(pid):
    lines = pathlib.Path(f"/proc/{pid}/maps").read_text(errors="surrogateescape").splitlines()
    return [mapping for mapping in map(Mapping, lines) if not mapping.path.startswith("[v")]


def _runs(pagemap, mapping):
    """(start, end) of the pages that exist, and whether any of them is the process' own."""
    runs, own = [], False
    length = (mapping.end - mapping.start) // PAGE
    entries = os.pread(pagemap, length * 8, mapping.start // PAGE * 8)
    if not entries.strip(b"\0"):
        return runs, own
    for index, (entry,) in enumerate(struct.iter_unpack("<Q", entries)):
        if not entry & (PRESENT | SWAPPED):
            continue
        own = own or not entry & OF_A_FILE
        at = mapping.start + index * PAGE
        if runs and runs[-1][1] == at:
            runs[-1][1] = at + PAGE
        else:
            runs.append([at, at + PAGE])
    return runs, own


def _note(kind, data):
    name = b"CORE\0\0\0\0"
    return struct.pack("<III", 5, len(data), kind) + name + data + bytes(-len(data) % 4)


def _status(tid, registers):
    """struct elf_prstatus of amd64."""
    return struct.pack("<32xi76x", tid) + registers + bytes(8)


def _files(mappings):
    files = [mapping for mapping in mappings if mapping.is_file]
    data = struct.pack("<QQ", len(files), PAGE)
    for mapping in files:
        data += struct.pack("<QQQ", mapping.start, mapping.end, mapping.offset // PAGE)
    return data + b"".join(os.fsencode(mapping.path) + b"\0" for mapping in files)


def _notes(stopped, mappings):
    threads = sorted(stopped.threads, key=lambda tid: (tid != stopped.pid, tid))
    notes = [_note(NT_PRSTATUS, _status(tid, stopped.registers(tid))) for tid in threads]
    notes.append(_note(NT_AUXV, pathlib.Path(f"/proc/{stopped.pid}/auxv").read_bytes()))
    notes.append(_note(NT_FILE, _files(mappings)))
    return b"".join(notes)


def _copy(memory, core, start, end, offset):
    while start < end:
        part = os.pread(memory, min(end - start, 1 << 20), start)
        if not part:
            raise OSError(f"{start:#x} cannot be read")
        os.pwrite(core, part, offset)
        start, offset = start + len(part), offset + len(part)


def _write(stopped, core, memory, pagemap):
    mappings = _mappings(stopped.pid)
    notes = _notes(stopped, mappings)
    segments = []
    for mapping in mappings:
        runs, own = _runs(pagemap, mapping)
        # What a file has is left out, as by gcore and the kernel.
        if own or not mapping.is_file:
            # A file's pages that the process has not touched are its file's.
            whole = mapping.is_file and mapping.readable
            segments.append((mapping, [(mapping.start, mapping.end)] if whole else runs))
    headers = 64 + 56 * (len(segments) + 1)
    offset = headers + len(notes)
    table = struct.pack("<IIQQQQQQ", PT_NOTE, 0, headers, 0, 0, len(notes), 0, 4)
    for mapping, runs in segments:
        offset += -offset % PAGE
        size = mapping.end - mapping.start
        fields = (PT_LOAD, mapping.flags, offset, mapping.start, 0, size, size, PAGE)
        table += struct.pack("<IIQQQQQQ", *fields)
        for start, end in runs:
            _copy(memory, core, start, end, offset + start - mapping.start)
        offset += size
    # ET_CORE for x86-64.
    ident = b"\x7fELF\2\1\1" + bytes(9)
    numbers = (4, 62, 1, 0, 64, 0, 0, 64, 56, len(segments) + 1, 0, 0, 0)
    os.pwrite(core, ident + struct.pack("<HHIQQQIHHHHHH", *numbers) + table + notes, 0)
    os.ftruncate(core, offset)


def write(pid, path):
    """Writes the core of a process to a new file."""
    descriptors = []
    try:
        for name, flags in (
            (path, os.O_RDWR | os.O_CREAT | os.O_EXCL),
            (f"/proc/{pid}/mem", os.O_RDONLY),
            (f"/proc/{pid}/pagemap", os.O_RDONLY),
        ):
            descriptors.append(os.open(name, flags, 0o600))
        with Stopped(pid) as stopped:
            _write(stopped, *descriptors)
    finally:
        for descriptor in descriptors:
            os.close(descriptor)
    return pathlib.Path(path)

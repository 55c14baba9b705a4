# SPDX-License-Identifier: BSD-2-Clause
"""What goes wrong ends in one line on standard error, the documented exit status, nothing left
behind, and the target running."""

import os
import shutil
import signal
import socket
import struct
import subprocess
import time

import pytest
from running import (
    BAD_INPUT,
    EXITED,
    GRF,
    INTERRUPTED,
    MISMATCH,
    NO_PROCESS,
    NOT_GO,
    OK,
    OUTPUT,
    PERMISSION,
    UNSUPPORTED,
    USAGE,
    Target,
    grf,
    start_grf,
    wait_until,
)


@pytest.fixture(name="target", scope="session")
def fixture_target(build):
    with Target(build("slices")) as running:
        yield running


@pytest.fixture(name="folder")
def fixture_folder(tmp_path):
    """A folder where nothing may be left behind."""
    made = tmp_path / "folder"
    made.mkdir()
    yield made
    assert not os.listdir(made)


def test_no_such_process(folder):
    grf("attach", 2**22 - 1, "-o", folder / "out").expect(NO_PROCESS, "4194303")


def test_not_a_go_program(folder):
    with subprocess.Popen(["sleep", "60"]) as sleeper:
        grf("attach", sleeper.pid, "-o", folder / "out").expect(NOT_GO, "Go")
        sleeper.kill()


def test_not_an_executable_file(folder, core):
    grf("core", "/etc/passwd", core[1], "-o", folder / "out").expect(BAD_INPUT, "/etc/passwd")
    grf("core", "/bin/true", core[1], "-o", folder / "out").expect(NOT_GO, "/bin/true")


def test_another_architecture(folder, core, tmp_path):
    """Each of the two files is looked at; the one line says what it is for, and what is read."""
    foreign = []
    for path in core:
        foreign.append(tmp_path / f"{len(foreign)}.arm64")
        shutil.copy(path, foreign[-1])
        with open(foreign[-1], "r+b") as file:
            file.seek(18)
            file.write(struct.pack("<H", 183))
    words = ("for arm64", "reads amd64")
    grf("core", foreign[0], core[1], "-o", folder / "out").expect(UNSUPPORTED, str(foreign[0]), *words)
    grf("core", core[0], foreign[1], "-o", folder / "out").expect(UNSUPPORTED, str(foreign[1]), *words)


@pytest.mark.parametrize(
    "kind, why",
    [
        ("none", "No such file"), ("dangling", "No such file"), ("text/x", "Not a directory"),
        ("circle", "Too many levels"), ("fifo", "not a regular file"), ("directory", "not a regular file"),
        ("text", ""),
    ],
)
def test_named_file_that_cannot_be_used(kind, why, target, folder, core, tmp_path):
    """One status, whichever file it is and whatever is wrong with it. The result has another one."""
    executable, image = core
    (tmp_path / "dangling").symlink_to("nowhere")
    (tmp_path / "circle").symlink_to("circle")
    (tmp_path / "directory").mkdir()
    (tmp_path / "text").write_text("text")
    os.mkfifo(tmp_path / "fifo")
    named, out = tmp_path / kind, ("-o", folder / "out")
    grf("core", executable, named, *out).expect(BAD_INPUT, str(named), why)
    grf("core", named, image, *out).expect(BAD_INPUT, str(named), why)
    grf("core", executable, image, "--debug-file", named, *out).expect(BAD_INPUT, str(named), why)
    grf("attach", target.pid, named, *out).expect(BAD_INPUT, str(named), why)
    grf("attach", target.pid, "--debug-file", named, *out).expect(BAD_INPUT, str(named), why)
    if kind != "directory":
        no_folder = why if why != "not a regular file" else "Not a directory"
        grf("attach", target.pid, "--debug-dir", named, *out).expect(BAD_INPUT, str(named), no_folder)
        grf("attach", target.pid, "-o", named / "out").expect(OUTPUT, str(named))


def test_a_threads_id(target, folder):
    threads = [int(name) for name in os.listdir(f"/proc/{target.pid}/task")]
    other = next(thread for thread in threads if thread != target.pid)
    grf("attach", other, "-o", folder / "out").expect(NO_PROCESS, "thread", str(target.pid))


def test_a_zombie(folder):
    child = subprocess.Popen(["true"])
    with open(f"/proc/{child.pid}/status", encoding="ascii") as status:
        assert wait_until(lambda: status.seek(0) == 0 and "Z (zombie)" in status.read())
    grf("attach", child.pid, "-o", folder / "out").expect(NO_PROCESS, "zombie")
    child.wait()


def test_itself(folder):
    done = subprocess.run(
        ["sh", "-c", f"exec {GRF} attach $$ -o {folder}/out"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == NO_PROCESS, done.stderr


def test_a_kernel_thread(folder):
    result = grf("attach", 2, "-o", folder / "out")
    assert result.status in (NOT_GO, NO_PROCESS), str(result)
    result.expect(result.status)


def test_permission_of_root(target, tmp_path):
    less = ["setpriv", "--bounding-set=-sys_ptrace"]
    result = grf("attach", target.pid, "-o", tmp_path / "out", prefix=less)
    result.expect(PERMISSION, "CAP_SYS_PTRACE")
    assert "sudo" not in result.stderr
    assert not (tmp_path / "out").exists()
    target.check_runs()


def test_permission(target, tmp_path):
    # Where nobody may go: not the folder of pytest, not that of the build.
    place = f"/tmp/grf-bpf-test-{os.getpid()}"
    os.mkdir(place, 0o755)
    try:
        tool = shutil.copy(GRF, place)
        os.mkdir(f"{place}/out")
        os.chmod(f"{place}/out", 0o777)
        nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
        result = grf("attach", target.pid, "-o", f"{place}/out/out", prefix=nobody, tool=tool)
        result.expect(PERMISSION, "CAP_SYS_PTRACE")
        assert not os.listdir(f"{place}/out")
    finally:
        shutil.rmtree(place)
    del tmp_path
    target.check_runs()


def test_another_tracer(start, folder):
    target = start("slices")
    tracer = subprocess.Popen(
        ["gdb", "-q", "-nx", "-batch", "-p", str(target.pid), "-ex", "shell sleep 30"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        assert wait_until(lambda: target.tracer() == tracer.pid)
        grf("attach", target.pid, "-o", folder / "out").expect(PERMISSION, str(tracer.pid))
    finally:
        os.killpg(tracer.pid, signal.SIGKILL)
        tracer.wait()


def content_end(path):
    """Where the last segment of an ELF file ends; behind it gcore writes section headers."""
    with open(path, "rb") as file:
        data = file.read(1 << 20)
    (offset,) = struct.unpack_from("<Q", data, 32)
    size, count = struct.unpack_from("<HH", data, 54)
    segments = [struct.unpack_from("<8xQ16xQ", data, offset + i * size) for i in range(count)]
    return max(start + length for start, length in segments)


# Bytes that are left, for lengths that end in the file header, the program headers and the notes;
# then shares of the memory; the last one lacks a byte.
CUTS = [0, 1, 10, 63, 64, 100, 500, 2000, 5000, *(i / 11 for i in range(1, 11)), 1.0]


@pytest.mark.parametrize("cut", CUTS)
def test_core_truncated(cut, core, folder, tmp_path):
    executable, whole = core
    end = content_end(whole)
    length = cut if isinstance(cut, int) else int(end * cut) - (cut == 1.0)
    image = tmp_path / "cut"
    subprocess.run(["cp", "--sparse=always", whole, image], check=True)
    os.truncate(image, length)
    result = grf("core", executable, image, "-o", folder / "out")
    image.unlink()
    result.expect(BAD_INPUT, str(image))


def test_core_of_another_program(build, core, folder):
    grf("core", build("maps"), core[1], "-o", folder / "out").expect(MISMATCH)


def test_core_and_executable_swapped(core, folder):
    grf("core", core[1], core[0], "-o", folder / "out").expect(BAD_INPUT)


def test_executable_of_another_build(build, target, folder):
    result = grf("attach", target.pid, build("maps"), "-o", folder / "out")
    result.expect(MISMATCH)
    target.check_runs()


def test_executable_of_the_same_build_id(build, start, folder):
    """Build systems that want the same bytes everywhere give every program the same id."""
    flags = ["-ldflags=-buildid=redacted"]
    target = start("slices", flags=flags)
    other = build("maps", flags=flags)
    grf("attach", target.pid, other, "-o", folder / "out").expect(MISMATCH, "code")
    grf("attach", target.pid, target.executable, "-o", folder / "out").expect(OK)
    (folder / "out").unlink()


@pytest.mark.parametrize("flags", ["-ldflags=-w", "-ldflags=-s -w"])
def test_without_dwarf(flags, build, start, folder):
    target = start("slices", flags=[flags])
    done = grf("attach", target.pid, "-o", folder / "out").expect(OK)
    assert "no debug information" in done.stdout
    (folder / "out").unlink()
    # An executable of the same build that has it would help; of what build this is, is not known.
    grf("attach", target.pid, build("maps"), "-o", folder / "out").expect(MISMATCH)
    target.check_runs()


@pytest.mark.parametrize(
    "name, words", [("no/such/folder/out", "no/such/folder does not exist"), (".", "directory")]
)
def test_output_cannot_be_made(target, folder, name, words):
    grf("attach", target.pid, "-o", folder / name).expect(OUTPUT, str(folder), words)


@pytest.mark.parametrize("kind", ["link", "fifo", "socket", "device"])
def test_output_that_is_no_file(target, core, folder, tmp_path, kind):
    """It is said before anything is done, and nobody waits for a reader."""
    victim = tmp_path / "victim"
    victim.write_text("secret")
    victim.chmod(0o600)
    out = folder / "out"
    if kind == "link":
        out.symlink_to(victim)
    elif kind == "fifo":
        os.mkfifo(out, 0o666)
    elif kind == "socket":
        socket.socket(socket.AF_UNIX).bind(str(out))
    else:
        out = "/dev/full"
    grf("attach", target.pid, "-o", out).expect(OUTPUT, kind)
    grf("core", *core, "-o", out).expect(OUTPUT, kind)
    assert victim.read_text() == "secret" and victim.stat().st_mode & 0o777 == 0o600
    if kind != "device":
        out.unlink()


def test_output_without_a_name(target, core):
    grf("attach", target.pid, "-o", "").expect(OUTPUT, "empty")
    grf("core", *core, "-o", "").expect(OUTPUT, "empty")


def test_output_that_is_an_input(target, core, folder, tmp_path):
    executable, dump = tmp_path / "executable", tmp_path / "core"
    shutil.copy(core[0], executable)
    os.link(core[1], dump)
    size = dump.stat().st_size
    grf("core", executable, dump, "-o", dump).expect(OUTPUT, "to be read")
    grf("core", executable, dump, "-o", executable).expect(OUTPUT, "to be read")
    grf("attach", target.pid, "-o", target.executable).expect(OUTPUT, "to be read")
    assert dump.stat().st_size == size
    link = tmp_path / "link"
    link.symlink_to(folder / "nothing")
    grf("core", executable, dump, "-o", link).expect(OUTPUT, "symbolic link")
    assert os.listdir(folder) == [] and link.is_symlink()


def test_too_few_descriptors(target, folder):
    """Whatever they do not suffice for, it is not said that the process has exited."""
    for limit in range(8, 32, 3):
        done = grf("attach", target.pid, "-o", folder / "out", prefix=("prlimit", f"--nofile={limit}"))
        assert done.status in (OK, 1, 7, 10), str(done)
        (folder / "out").unlink(missing_ok=True)
    target.check_runs()


def test_output_not_writable(target, core, tmp_path):
    """Root writes anywhere but to a file system that is read-only."""
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", disk], check=True)
    try:
        grf("attach", target.pid, "-o", disk / "out").expect(OUTPUT, "Read-only")
        grf("core", *core, "-o", disk / "out").expect(OUTPUT, "Read-only")
    finally:
        subprocess.run(["umount", disk], check=True)


def test_disk_full(target, core, tmp_path):
    with open("/dev/full", "wb") as full:
        command = [GRF, "attach", str(target.pid), "-o", f"/dev/fd/{full.fileno()}"]
        done = subprocess.run(command, pass_fds=[full.fileno()], capture_output=True, check=False)
    assert done.returncode == OUTPUT and b"No space left" in done.stderr
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4k", "tmpfs", disk], check=True)
    try:
        with open(disk / "filler", "wb", buffering=0) as filler:
            filler.write(b"x" * 4096)
        grf("attach", target.pid, "-o", disk / "out").expect(OUTPUT, "No space left")
        grf("core", *core, "-o", disk / "out").expect(OUTPUT, "No space left")
        assert os.listdir(disk) == ["filler"]
    finally:
        subprocess.run(["umount", disk], check=True)
    target.check_runs()


def test_an_old_result_stays_when_there_is_no_new_one(tmp_path):
    (tmp_path / "out").write_text("old")
    grf("attach", 2**22 - 1, "-o", tmp_path / "out").expect(NO_PROCESS)
    assert (tmp_path / "out").read_text() == "old"


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["attatch", "1"],
        ["attach"],
        ["attach", "x1"],
        ["attach", "-5"],
        ["attach", "0"],
        ["attach", "99999999999999999999"],
        ["attach", "1", "2", "3"],
        ["attach", "1", "--max-depth", "0"],
        ["attach", "1", "-j", "many"],
        ["attach", "1", "--no-such-option"],
        ["core"],
        ["core", "x"],
        ["core", "x", "y", "z"],
    ],
    ids=" ".join,
)
def test_usage(arguments):
    grf(*arguments).expect(USAGE)


def test_usage_says_what_was_meant():
    assert "grf-bpf attach 1234" in grf("1234").expect(USAGE).stderr
    for command in ("attach", "verify"):
        # As `$(pidof server)` gives where there are two.
        assert "second process" in grf(command, "1234", "1300").expect(USAGE).stderr


@pytest.mark.parametrize("command", [[], ["attach"], ["core"], ["version"]])
def test_help(command):
    result = grf(*command, "--help").expect(OK)
    assert "Usage: grf-bpf" in result.stdout and result.stderr == ""


def test_the_process_exits_meanwhile(build, tmp_path):
    """Killed at some moment of the capture: no hang, and a result or the documented status."""
    seen = set()
    for i in range(12):
        with Target(build("slices")) as target:
            out = tmp_path / f"out{i}"
            tool = start_grf("attach", target.pid, "-o", out)
            time.sleep(0.005 * i)
            os.kill(target.pid, signal.SIGKILL)
            errors = tool.communicate(timeout=30)[1]
        seen.add(tool.returncode)
        assert tool.returncode in (OK, NO_PROCESS, EXITED), errors
        assert out.exists() == (tool.returncode == OK), errors
        assert len(errors.splitlines()) == (tool.returncode != OK), errors
    assert seen != {OK}, "no attempt met the exit"
    assert all(name.startswith("out") and "." not in name for name in os.listdir(tmp_path))


def test_the_process_exits_before_a_collection(build):
    """What is refused because the process is gone is no feature that is missing."""
    for i in range(12):
        with Target(build("slices")) as target:
            tool = start_grf("verify", target.pid)
            time.sleep(0.01 + 0.004 * i)
            os.kill(target.pid, signal.SIGKILL)
            errors = tool.communicate(timeout=30)[1]
        assert tool.returncode in (NO_PROCESS, EXITED), errors


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted(number, start, tmp_path):
    """At any moment: the documented status, nothing left, and the target runs on."""
    target = start("goroutines")
    seen = []
    for i in range(25):
        out = tmp_path / f"out{i}"
        tool = start_grf("attach", target.pid, "-o", out)
        # Before its handler stands, the signal ends the tool as it ends any program.
        time.sleep(0.004 + 0.004 * i)
        tool.send_signal(number)
        errors = tool.communicate(timeout=30)[1]
        seen.append(tool.returncode)
        assert tool.returncode in (OK, 128 + number, -number), errors
        assert out.exists() == (tool.returncode == OK)
        target.check_runs()
    assert 128 + number in seen, seen
    assert INTERRUPTED == 128 + signal.SIGINT
    assert all("." not in name for name in os.listdir(tmp_path))


def test_interrupted_core(core, tmp_path):
    seen = []
    for i in range(12):
        out = tmp_path / f"out{i}"
        tool = start_grf("core", *core, "-o", out)
        time.sleep(0.004 + 0.006 * i)
        tool.send_signal(signal.SIGINT)
        errors = tool.communicate(timeout=30)[1]
        seen.append(tool.returncode)
        assert tool.returncode in (OK, INTERRUPTED, -signal.SIGINT), errors
        assert out.exists() == (tool.returncode == OK)
    assert INTERRUPTED in seen, seen
    assert all("." not in name for name in os.listdir(tmp_path))


def test_a_closed_pipe(target):
    """Whoever reads the result goes away: an error, not a signal's silence nor a hang."""
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [GRF, "attach", str(target.pid), "-o", "-"],
        stdout=writer,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        timeout=60,
        check=False,
    )
    os.close(writer)
    assert done.returncode in (OUTPUT, -signal.SIGPIPE), done.stderr
    target.check_runs()

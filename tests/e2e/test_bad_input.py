# SPDX-License-Identifier: BSD-2-Clause
"""What goes wrong ends in one line on stderr, the documented exit status, nothing left behind, and
the target running."""

import os
import shutil
import signal
import subprocess
import tempfile
import time

import pytest
from targets import GRF_BPF, Target, build, grf, wait_until

NEWEST = "1.26.0"

USAGE, NO_PROCESS, PERMISSION, EXITED, NOT_GO = 2, 3, 4, 5, 6
UNSUPPORTED, BAD_INPUT, MISMATCH, OUTPUT, INTERRUPTED = 7, 8, 9, 10, 130


@pytest.fixture(scope="module")
def program():
    return build("slices", NEWEST)


@pytest.fixture(scope="module")
def target(program):
    with Target(program) as running:
        yield running


@pytest.fixture(scope="module")
def core(target, tmp_path_factory):
    path = target.core(tmp_path_factory.mktemp("core") / "core")
    yield path
    path.unlink()


def refused(status, *arguments, folder=None, says="", **options):
    before = sorted(os.listdir(folder)) if folder else None
    done = grf(*arguments, check=False, **options)
    lines = done.stderr.strip().splitlines()
    assert done.returncode == status, f"exit {done.returncode}: {done.stderr}"
    assert len(lines) == 1 and lines[0].startswith("grf-bpf"), done.stderr
    assert says in lines[0]
    assert done.stdout == ""
    if folder:
        assert sorted(os.listdir(folder)) == before
    return lines[0]


def test_no_such_process(tmp_path):
    refused(NO_PROCESS, "attach", 2**22 - 1, "-o", tmp_path / "out", folder=tmp_path)


def test_not_a_go_program(tmp_path):
    with subprocess.Popen(["sleep", "60"]) as sleeper:
        refused(NOT_GO, "attach", sleeper.pid, "-o", tmp_path / "out", folder=tmp_path)
        sleeper.kill()


def test_a_threads_id(target, tmp_path):
    threads = [int(t) for t in os.listdir(f"/proc/{target.pid}/task")]
    other = next(t for t in threads if t != target.pid)
    line = refused(NO_PROCESS, "attach", other, "-o", tmp_path / "out", folder=tmp_path)
    assert str(target.pid) in line


def test_a_zombie(tmp_path):
    child = subprocess.Popen(["true"])
    assert wait_until(lambda: "Z (zombie)" in open(f"/proc/{child.pid}/status").read())
    refused(NO_PROCESS, "attach", child.pid, "-o", tmp_path / "out", folder=tmp_path, says="zombie")
    child.wait()


def test_itself(tmp_path):
    text = f'exec {GRF_BPF} attach $$ -o {tmp_path}/out'
    done = subprocess.run(["sh", "-c", text], capture_output=True, text=True)
    assert done.returncode == NO_PROCESS, done.stderr


def test_permission(target):
    # Below a folder that everybody may enter.
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o777)
        tool = os.path.join(folder, "grf-bpf")
        shutil.copy(GRF_BPF, tool)
        done = subprocess.run(
            ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
            + [tool, "attach", str(target.pid), "-o", os.path.join(folder, "out")],
            capture_output=True,
            text=True,
        )
        assert done.returncode == PERMISSION, done.stderr
        assert "CAP_SYS_PTRACE" in done.stderr
        assert os.listdir(folder) == ["grf-bpf"]


def test_another_tracer(tmp_path, program):
    with Target(program) as target:
        tracer = subprocess.Popen(
            ["gdb", "-q", "-batch", "-p", str(target.pid), "-ex", "shell sleep 20"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        status = f"/proc/{target.pid}/status"
        assert wait_until(lambda: f"TracerPid:\t{tracer.pid}" in open(status).read())
        line = refused(PERMISSION, "attach", target.pid, "-o", tmp_path / "out", folder=tmp_path)
        assert str(tracer.pid) in line
        tracer.kill()
        tracer.wait()


def test_core_truncated(program, core, tmp_path):
    size = core.stat().st_size
    cut = tmp_path / "cut"
    for i in range(20):
        # The first ones fall into the headers and notes.
        length = [0, 10, 63, 64, 100, 500, 5000][i] if i < 7 else size * (i - 6) // 14
        if length >= size:
            length = size - 1
        shutil.copyfile(core, cut) if not cut.exists() else None
        if i == 0 or cut.stat().st_size < length:
            shutil.copyfile(core, cut)
        os.truncate(cut, length)
        refused(BAD_INPUT, "core", program, cut, "-o", tmp_path / "out", folder=tmp_path)


def test_core_of_another_program(core, tmp_path):
    other = build("maps", NEWEST)
    refused(MISMATCH, "core", other, core, "-o", tmp_path / "out", folder=tmp_path)


def test_core_and_executable_swapped(program, core, tmp_path):
    refused(BAD_INPUT, "core", core, program, "-o", tmp_path / "out", folder=tmp_path)


def test_without_dwarf(tmp_path):
    stripped = build("slices", NEWEST, flags=["-ldflags=-w"])
    with Target(stripped) as target:
        folder = tmp_path / "x"
        folder.mkdir()
        refused(UNSUPPORTED, "attach", target.pid, "-o", folder / "out", folder=folder, says="DWARF")


def test_executable_of_another_build(target, tmp_path):
    other = build("maps", NEWEST)
    refused(MISMATCH, "attach", target.pid, other, "-o", tmp_path / "out", folder=tmp_path)


@pytest.mark.parametrize("name", ["no/such/folder/out", "."])
def test_output_cannot_be_made(target, tmp_path, name):
    refused(OUTPUT, "attach", target.pid, "-o", tmp_path / name, folder=tmp_path)


def test_disk_full(target, tmp_path):
    refused(OUTPUT, "attach", target.pid, "-o", "/dev/full", says="No space left")
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4k", "tmpfs", disk], check=True)
    try:
        with open(disk / "filler", "wb") as filler:
            try:
                filler.write(b"x" * 100000)
            except OSError:
                pass
        line = refused(OUTPUT, "attach", target.pid, "-o", disk / "out", folder=disk)
        assert "No space left" in line
    finally:
        subprocess.run(["umount", disk], check=True)


@pytest.mark.parametrize(
    "arguments",
    [[], ["attatch", "1"], ["attach"], ["attach", "x1"], ["attach", "1", "2", "3"], ["core", "x"]]
    + [["attach", "-5"], ["attach", "1", "--max-depth", "0"], ["attach", "1", "-j", "many"]],
)
def test_usage(arguments):
    done = grf(*arguments, check=False)
    assert done.returncode == USAGE
    assert done.stdout == "" and done.stderr


def test_the_process_exits_meanwhile(program, tmp_path):
    """Killed at some moment of the capture: no hang, and either a result or the documented status."""
    seen = set()
    for i in range(12):
        with Target(program) as target:
            out = tmp_path / f"out{i}"
            tool = subprocess.Popen(
                [GRF_BPF, "attach", str(target.pid), "-o", str(out)],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
            )
            time.sleep(0.005 * i)
            os.kill(target.pid, signal.SIGKILL)
            errors = tool.communicate(timeout=30)[1]
            seen.add(tool.returncode)
            assert tool.returncode in (0, NO_PROCESS, EXITED), errors
            assert out.exists() == (tool.returncode == 0), errors
            assert [p for p in os.listdir(tmp_path) if p.startswith(f"out{i}.")] == []
    assert seen - {0}, "no attempt met the exit"


@pytest.mark.parametrize("number, status", [(signal.SIGINT, INTERRUPTED), (signal.SIGTERM, 143)])
def test_interrupted(program, tmp_path, number, status):
    """At any moment: the documented status, nothing left, and the target runs on."""
    with Target(program) as target:
        seen = []
        for i in range(25):
            out = tmp_path / f"out{i}"
            tool = subprocess.Popen(
                [GRF_BPF, "attach", str(target.pid), "-o", str(out)],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
            )
            # Before the handler stands, the signal ends the tool as it ends any program.
            time.sleep(0.004 + 0.004 * i)
            tool.send_signal(number)
            errors = tool.communicate(timeout=30)[1]
            seen.append(tool.returncode)
            assert tool.returncode in (0, status, -number), errors
            assert out.exists() == (tool.returncode == 0)
            assert wait_until(lambda: target.state() in "SR")
        assert status in seen, seen
        assert [p for p in os.listdir(tmp_path) if "." in p] == []

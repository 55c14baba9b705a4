# SPDX-License-Identifier: BSD-2-Clause
"""Snapshots: what `report` says of one is what `attach` says of the same stop, and other tools open it."""

import functools
import json
import os
import re
import shutil
import stat
import subprocess

import pytest
from gating import pairs, times
from running import BAD_INPUT, MISMATCH, NO_ROOM, OK, OUTPUT, USAGE, Target, grf, start_grf, wait_until
from toolchains import go_build, versions

PROGRAMS = ("demo", "goroutines", "maps", "closures", "buffers")
FORMATS = ("pb.gz", "json", "txt")


def both(target, folder, *options):
    """The results of `attach` and of `report` from one capture."""
    snapshot = folder / "snapshot"
    names = {kind: [folder / f"{kind}.{name}" for name in FORMATS] for kind in ("attach", "report")}
    outputs = {kind: [part for path in paths for part in ("-o", path)] for kind, paths in names.items()}
    grf("attach", target.pid, "--snapshot", snapshot, *outputs["attach"], *options).expect(OK)
    grf("report", snapshot, *outputs["report"]).expect(OK)
    return names


def without_path(path):
    """JSON, but for the path by which the executable was opened."""
    document = json.loads(path.read_text())
    del document["program"]["opened"]
    return document


def check_same(names):
    for ours, theirs in zip(names["attach"], names["report"]):
        if ours.suffix == ".json":
            assert without_path(ours) == without_path(theirs)
        else:
            assert ours.read_bytes() == theirs.read_bytes(), ours


@pytest.mark.parametrize("version, program", pairs(versions(), PROGRAMS))
def test_the_same(version, program, start, tmp_path):
    target = start(program, version=version)
    check_same(both(target, tmp_path))
    target.check_runs()


WAYS = [("--copy", "stop"), ("--copy", "fork"), ("--freeze", "gc", "--gc-wait", "20s"), ("--no-ebpf",), ("--contents",)]


@pytest.mark.parametrize("way", WAYS, ids=" ".join)
def test_the_same_in_every_way(way, start, tmp_path):
    check_same(both(start("buffers", environment={"GRF_COLLECT": "1"}), tmp_path, *way))


def test_file(start, tmp_path):
    """For its owner alone, and what was left out is in no block of the disk."""
    target, path = start("buffers"), tmp_path / "snapshot"
    said = grf("snapshot", target.pid, "-o", path).expect(OK)
    found = path.stat()
    assert stat.S_IMODE(found.st_mode) == 0o600
    assert found.st_size - found.st_blocks * 512 > 64 << 20, found
    assert f"successfully output to `{path}`" in said.stdout and not said.stderr
    assert [entry.name for entry in tmp_path.iterdir()] == ["snapshot"]
    target.check_runs()


def test_views(start, tmp_path):
    target, path = start("demo"), tmp_path / "snapshot"
    grf("snapshot", target.pid, "-o", path).expect(OK)
    assert "main.Session" in grf("types", path).expect(OK).stdout
    assert "main.handle" in grf("goroutines", path).expect(OK).stdout
    assert "main.Session" in grf("holders", path, "main.Session").expect(OK).stdout
    assert grf("types", target.executable, path).expect(OK).stdout == grf("types", path).stdout
    assert grf("types", path, "--exe", target.executable).expect(OK).stdout == grf("types", path).stdout


def test_to_a_pipe(start, tmp_path):
    target, path = start("demo"), tmp_path / "snapshot"
    with open(path, "wb") as stream:
        process = start_grf("snapshot", target.pid, "-o", "/dev/fd/9", preexec_fn=lambda: os.dup2(stream.fileno(), 9),
                            pass_fds=(9,))
    assert process.wait() == OK, process.communicate()
    process.stderr.close()
    grf("report", path, "-o", tmp_path / "out").expect(OK)


def test_a_reader_that_goes(start, tmp_path):
    target = start("demo")
    reads, writes = os.pipe()
    os.close(reads)
    process = start_grf("snapshot", target.pid, "-o", "/dev/fd/9", preexec_fn=lambda: os.dup2(writes, 9), pass_fds=(9,))
    os.close(writes)
    said = process.communicate()[1]
    assert process.returncode == OUTPUT and "Broken pipe" in said, said
    target.check_runs()


def test_no_more_than_may_be(start, tmp_path):
    """Where it is known before, and where it is not."""
    target, path = start("demo"), tmp_path / "snapshot"
    grf("snapshot", target.pid, "--max-bytes", "1G", "-o", path).expect(OK)
    path.unlink()
    grf("snapshot", target.pid, "--max-bytes", "4M", "-o", path).expect(NO_ROOM, "--max-bytes")
    grf("snapshot", target.pid, "--max-bytes", "4M", "-o", "/dev/null").expect(NO_ROOM, "--max-bytes")
    grf("attach", target.pid, "--max-bytes", "4M").expect(USAGE)
    assert not list(tmp_path.iterdir())
    target.check_runs()


def test_memory_while_copying(build, tmp_path):
    """The copy is in the file, and not in memory as well."""
    peaks = {}
    with Target(build("scale"), "-scale", "0.6") as target:
        for kind, path in (("file", tmp_path / "snapshot"), ("memory", "/dev/null")):
            process = start_grf("snapshot", target.pid, "-o", path)
            _, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            assert process.returncode == OK, process.stderr.read()
            process.stderr.close()
            peaks[kind] = used.ru_maxrss >> 10
    assert 2 * peaks["file"] < peaks["memory"], peaks


def test_compressed(start, tmp_path):
    """Much smaller than what it holds; zstd unpacks it; `report` says the same of both."""
    target, snapshot, plain = start("demo"), tmp_path / "snapshot.zst", tmp_path / "snapshot"
    names = both(target, tmp_path, "--compress")
    check_same(names)
    (tmp_path / "snapshot").rename(snapshot)
    if shutil.which("zstd"):
        subprocess.run(["zstd", "-q", "-d", snapshot, "-o", plain], check=True)
        assert plain.stat().st_size > 4 * snapshot.stat().st_size
        grf("report", plain, "-o", tmp_path / "plain.txt").expect(OK)
        assert (tmp_path / "plain.txt").read_bytes() == names["report"][-1].read_bytes()
    for cut in (100, snapshot.stat().st_size // 2):
        (tmp_path / "cut").write_bytes(snapshot.read_bytes()[:-cut])
        grf("report", tmp_path / "cut").expect(BAD_INPUT, "zstd -d")


def test_compressed_with_the_executable(start, tmp_path):
    copy, snapshot = shutil.copy(start("demo").executable, tmp_path / "server"), tmp_path / "snapshot"
    with Target(copy) as target:
        grf("snapshot", target.pid, "--compress", "--with-exe", "-o", snapshot).expect(OK)
    os.unlink(copy)
    assert "main.Session" in grf("types", snapshot).expect(OK).stdout


@pytest.fixture
def small_disk(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "none", disk], check=True)
    yield disk
    subprocess.run(["umount", disk], check=True)


def test_a_full_disk(start, small_disk):
    target = start("demo")
    (small_disk / "snapshot").write_text("before")
    grf("snapshot", target.pid, "-o", small_disk / "snapshot").expect(OUTPUT, "No space left")
    assert (small_disk / "snapshot").read_text() == "before"
    assert len(list(small_disk.iterdir())) == 1
    target.check_runs()


@pytest.fixture
def moved(start, tmp_path):
    """A snapshot of a program that is not where it was, and the folder that it is in now."""
    folder = tmp_path / "there"
    folder.mkdir()
    copy = shutil.copy(start("demo").executable, tmp_path / "server")
    process = subprocess.Popen([copy], stdout=subprocess.PIPE)
    assert process.stdout.readline().strip() == b"READY"
    grf("snapshot", process.pid, "-o", tmp_path / "snapshot").expect(OK)
    process.kill()
    process.wait()
    process.stdout.close()
    shutil.move(copy, folder / "server")
    return tmp_path / "snapshot", folder


def test_executable_elsewhere(moved, build, tmp_path):
    snapshot, folder = moved
    out = ("-o", tmp_path / "out")
    grf("report", snapshot, *out).expect(BAD_INPUT, str(folder.parent / "server"), "--exe")
    grf("report", snapshot, "--exe", folder / "server", *out).expect(OK)
    grf("report", snapshot, "--debug-dir", folder, *out).expect(OK)
    grf("report", snapshot, "--exe", build("maps"), *out).expect(MISMATCH)
    # What stands where it was now is another program.
    shutil.copy(build("maps"), folder.parent / "server")
    grf("report", snapshot, *out).expect(BAD_INPUT, "--exe")


def build_id(path):
    notes = subprocess.run(["readelf", "-n", path], capture_output=True, text=True, check=True).stdout
    found = re.search(r"Build ID: (\w+)", notes)
    return found and found.group(1)


def test_executable_by_build_id(moved, tmp_path):
    snapshot, folder = moved
    name = build_id(folder / "server")
    if not name:
        pytest.skip("this release of Go writes no GNU build id")
    place = folder / ".build-id" / name[:2]
    place.mkdir(parents=True)
    shutil.move(folder / "server", place / name[2:])
    grf("report", snapshot, "--debug-dir", folder, "-o", tmp_path / "out").expect(OK)


def test_with_the_executable(start, build, tmp_path):
    """On a host that has neither: what `report` says is what `attach` said."""
    copy, snapshot = shutil.copy(start("demo").executable, tmp_path / "server"), tmp_path / "snapshot"
    with Target(copy) as target:
        grf("attach", target.pid, "--snapshot", snapshot, "--with-exe", "-o", tmp_path / "attach.txt").expect(OK)
    os.unlink(copy)
    grf("report", snapshot, "-o", tmp_path / "report.txt").expect(OK)
    assert (tmp_path / "attach.txt").read_bytes() == (tmp_path / "report.txt").read_bytes()
    # What is named goes before what is in it.
    grf("report", snapshot, "--exe", build("maps"), "-o", tmp_path / "out").expect(MISMATCH)


def test_with_debug_information(start, tmp_path):
    """That stands in a file of its own."""
    if not shutil.which("objcopy"):
        pytest.skip("objcopy is not installed")
    copy, snapshot = shutil.copy(start("demo").executable, tmp_path / "server"), tmp_path / "snapshot"
    subprocess.run(["objcopy", "--only-keep-debug", copy, tmp_path / "debug"], check=True)
    subprocess.run(["strip", copy], check=True)
    named = ("--debug-file", tmp_path / "debug")
    with Target(copy) as target:
        grf("attach", target.pid, "--snapshot", snapshot, "--with-exe", *named, "-o", tmp_path / "attach").expect(OK)
    os.unlink(copy)
    os.unlink(tmp_path / "debug")
    grf("report", snapshot, "-o", tmp_path / "report").expect(OK)
    assert (tmp_path / "attach").read_bytes() == (tmp_path / "report").read_bytes()


def test_with_a_plugin(toolchain, tmp_path):
    plugin = go_build(toolchain(), "plugin", tmp_path / "plugin.so", "-buildmode=plugin")
    host, snapshot = go_build(toolchain(), "pluginhost", tmp_path / "host"), tmp_path / "snapshot"
    with Target(host, plugin) as target:
        grf("attach", target.pid, "--snapshot", snapshot, "--with-exe", "-o", tmp_path / "attach").expect(OK)
    os.unlink(plugin)
    grf("report", snapshot, "-o", tmp_path / "report").expect(OK)
    assert (tmp_path / "attach").read_bytes() == (tmp_path / "report").read_bytes()


def test_other_cores(start, tmp_path):
    """`report` takes a core of gcore too, and finds what it is of."""
    target = start("demo")
    core = target.gcore(tmp_path / "core")
    said = grf("report", core, "-o", tmp_path / "report.json").expect(OK)
    grf("core", target.executable, core, "-o", tmp_path / "core.json").expect(OK)
    assert "main.cache" in said.stdout
    assert without_path(tmp_path / "report.json") == without_path(tmp_path / "core.json")


def test_usage(start, tmp_path):
    grf("snapshot").expect(USAGE)
    grf("report").expect(USAGE)
    grf("report", "a", "b").expect(USAGE)
    grf("types", "exe", "core", "--exe", "other").expect(USAGE)
    grf("report", tmp_path / "none").expect(BAD_INPUT, "none")
    grf("report", start("demo").executable).expect(BAD_INPUT, "is a program")


def test_debuggers(start, tmp_path):
    """gdb sees all threads, values in variables, and that what was left out is not there."""
    if not shutil.which("gdb"):
        pytest.skip("gdb is not installed")
    target, snapshot = start("buffers"), tmp_path / "snapshot"
    grf("snapshot", target.pid, "-o", snapshot).expect(OK)
    threads = len(target.states())
    said = subprocess.run(
        ["gdb", "-nx", "-batch", "-ex", "info threads", "-ex", "print 'runtime.physPageSize'",
         "-ex", "info auxv", target.executable, snapshot],
        capture_output=True, text=True, check=False, timeout=120).stdout
    assert len(re.findall(r"^\*? +\d+ +LWP ", said, re.M)) >= threads - 1, said
    assert re.search(r"\$1 = 4096", said), said
    assert "AT_ENTRY" in said, said


def ended(process):
    return process.poll() is not None


@pytest.mark.once
def test_killed_at_any_time(start, tmp_path):
    """Nothing half is under the name, and the target runs on."""
    target, snapshot = start("demo"), tmp_path / "snapshot"
    for at in range(times(40, 100)):
        process = start_grf("snapshot", target.pid, "-o", snapshot)
        wait_until(functools.partial(ended, process), 0.005 * at)
        process.kill()
        process.communicate()
        if snapshot.exists():
            grf("report", snapshot, "-o", tmp_path / "out").expect(OK)
            snapshot.unlink()
        assert {entry.name for entry in tmp_path.iterdir()} <= {"out"}
        target.check_runs()

# SPDX-License-Identifier: BSD-2-Clause
"""Debug information in a file of its own."""

import fcntl
import functools
import http.server
import os
import pathlib
import re
import subprocess
import threading
import time

import pprof
import pytest
from running import BAD_INPUT, GRF, MISMATCH, OK, Target, grf

NAMED = ("main.directory",)


def has_names(path):
    return any(chain[:1] == NAMED for chain in pprof.read(path).chains)


@pytest.fixture
def split(build, tmp_path):
    """(stripped executable, its debug information, build id)."""
    whole, stripped, debug = build("maps"), tmp_path / "maps", tmp_path / "maps.debug"
    subprocess.run(["objcopy", "--only-keep-debug", whole, debug], check=True)
    subprocess.run(["strip", "-o", stripped, whole], check=True)
    notes = subprocess.run(
        ["readelf", "-n", stripped], capture_output=True, text=True, check=True
    ).stdout
    build_id = re.search(r"Build ID: ([0-9a-f]{8,})$", notes, re.M)
    return stripped, debug, build_id and build_id.group(1)


def test_named(split, build, tmp_path):
    stripped, debug, _ = split
    out = tmp_path / "out"
    with Target(stripped) as target:
        grf("attach", target.pid, "--freeze", "now", "-o", out).expect(OK)
        assert not has_names(out)
        done = grf("attach", target.pid, "--freeze", "now", "--debug-file", debug, "-o", out)
        assert has_names(out) and "100.00%" in done.expect(OK).stdout
        other = grf("attach", target.pid, "--debug-file", build("slices"), "-o", out)
        other.expect(MISMATCH, "build id")
        grf("attach", target.pid, "--debug-file", stripped, "-o", out).expect(BAD_INPUT, "DWARF")
        core = target.core(tmp_path / "core")
    grf("core", stripped, core, "--debug-file", debug, "-o", out).expect(OK)
    assert has_names(out)


def test_by_build_id(split, tmp_path):
    stripped, debug, build_id = split
    if not build_id:
        pytest.skip("the linker of this Go writes no GNU build id")
    folder = tmp_path / "debug" / ".build-id" / build_id[:2]
    folder.mkdir(parents=True)
    debug.rename(folder / f"{build_id[2:]}.debug")
    with Target(stripped) as target:
        grf(
            "attach", target.pid, "--freeze", "now", "--debug-dir", tmp_path / "debug",
            "-o", tmp_path / "out",
        ).expect(OK)
    assert has_names(tmp_path / "out")


def test_by_link(split, tmp_path):
    stripped, debug, _ = split
    subprocess.run(["objcopy", f"--add-gnu-debuglink={debug}", stripped], check=True)
    with Target(stripped) as target:
        grf("attach", target.pid, "--freeze", "now", "-o", tmp_path / "out").expect(OK)
        assert has_names(tmp_path / "out")
        # Not with another checksum.
        with open(debug, "ab") as file:
            file.write(b"x")
        grf("attach", target.pid, "--freeze", "now", "-o", tmp_path / "out").expect(OK)
        assert not has_names(tmp_path / "out")


def test_no_regular_file(split, tmp_path):
    """A name that the target chose leads to what would never end: it is passed over, and said."""
    stripped, debug, _ = split
    subprocess.run(["objcopy", f"--add-gnu-debuglink={debug}", stripped], check=True)
    debug.unlink()
    with Target(stripped) as target:
        for make in (
            os.mkfifo,
            lambda path: os.symlink("/dev/zero", path),
            lambda path: subprocess.run(["truncate", "-s", "200G", path], check=True),
        ):
            make(debug)
            done = grf("attach", target.pid, "-v", "--freeze", "now", "-o", tmp_path / "out")
            assert f"cannot open {debug}" in done.expect(OK).stderr
            assert not debug.is_symlink() or "leads out of its folder" in done.stderr
            debug.unlink()


def test_bare_name(split, tmp_path):
    """The executable is named without a folder."""
    stripped, debug, _ = split
    subprocess.run(["objcopy", f"--add-gnu-debuglink={debug}", stripped], check=True)
    with Target(stripped) as target:
        core = target.core(tmp_path / "core")
    grf("core", stripped.name, core, "-o", tmp_path / "out", cwd=tmp_path).expect(OK)
    assert has_names(tmp_path / "out")


def stands_in_write(process):
    """Whether a process waits for room in its standard error."""
    try:
        words = pathlib.Path(f"/proc/{process.pid}/syscall").read_text().split()
    except OSError:
        return False
    return words[:2] == ["1", "0x2"]


@pytest.mark.parametrize("cut", ("debug file", "executable", "core"))
def test_cut_while_it_is_read(cut, split, tmp_path):
    """Somebody cuts a file after it was opened: an error, no signal, and no output."""
    stripped, debug, _ = split
    subprocess.run(["objcopy", f"--add-gnu-debuglink={debug}", stripped], check=True)
    with Target(stripped) as target:
        core = target.core(tmp_path / "core")
    # It stands at its first line, of the debug file that it has just found, until the pipe is read.
    ours, its = os.pipe()
    fcntl.fcntl(its, fcntl.F_SETPIPE_SZ, 4096)
    os.write(its, b"." * 4096)
    process = subprocess.Popen(
        [str(GRF), "core", stripped, core, "-v", "-o", tmp_path / "out"],
        stdout=subprocess.DEVNULL,
        stderr=its,
    )
    os.close(its)
    while process.poll() is None and not stands_in_write(process):
        time.sleep(0.01)
    os.truncate({"debug file": debug, "executable": stripped, "core": core}[cut], 5000)
    with os.fdopen(ours) as pipe:
        text = pipe.read().lstrip(".")
    assert process.wait() == BAD_INPUT, text
    assert re.search("was (cut|written to) while it was read|truncated", text), text
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("packing", ("zlib", "zlib-gnu", "zstd"))
def test_compressed(packing, split, build, tmp_path):
    """However debug information is compressed, in the executable or in its own file, the result is
    the same."""
    stripped, debug, _ = split
    with Target(build("maps")) as target:
        core = target.core(tmp_path / "core")
    grf("core", build("maps"), core, "-o", tmp_path / "expected").expect(OK)
    for source, packed in ((build("maps"), tmp_path / "packed"), (debug, tmp_path / "packed.debug")):
        done = subprocess.run(
            ["objcopy", f"--compress-debug-sections={packing}", source, packed],
            capture_output=True, check=False,
        )
        if done.returncode:
            pytest.skip("this objcopy does not know " + packing)
    grf("core", tmp_path / "packed", core, "-o", tmp_path / "out").expect(OK)
    assert pprof.read(tmp_path / "out").chains == pprof.read(tmp_path / "expected").chains
    grf(
        "core", stripped, core, "--debug-file", tmp_path / "packed.debug", "-o", tmp_path / "out"
    ).expect(OK)
    assert pprof.read(tmp_path / "out").chains == pprof.read(tmp_path / "expected").chains


def test_from_a_server(split, tmp_path):
    stripped, debug, build_id = split
    if not build_id:
        pytest.skip("the linker of this Go writes no GNU build id")
    folder = tmp_path / "served" / "buildid" / build_id
    folder.mkdir(parents=True)
    debug.rename(folder / "debuginfo")
    handler = functools.partial(
        http.server.SimpleHTTPRequestHandler, directory=str(tmp_path / "served")
    )
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    environment = dict(
        os.environ,
        DEBUGINFOD_URLS=f"http://127.0.0.1:{server.server_port}",
        DEBUGINFOD_CACHE_PATH=str(tmp_path / "cache"),
    )
    try:
        with Target(stripped) as target:
            done = grf(
                "attach", target.pid, "--freeze", "now", "-v", "-o", tmp_path / "out",
                env=environment,
            ).expect(OK)
    finally:
        server.shutdown()
    if "libdebuginfod is not installed" in done.stderr:
        pytest.skip("libdebuginfod is not installed")
    assert has_names(tmp_path / "out"), str(done)

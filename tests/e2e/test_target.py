# SPDX-License-Identifier: BSD-2-Clause
"""The target first: it is left as it was, and its parent sees nothing."""

import os
import random
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest
from profile import Profile
from targets import GRF_BPF, Target, build, grf, stop, wait_until

NEWEST = "1.26.0"


def shape(pid):
    """What an attach must leave alone."""
    process = Path(f"/proc/{pid}")
    # The heap may grow by itself; which mappings there are, and how many, may not change.
    maps = re.findall(r"^\S+ (\S+ \S+ \S+ \S+ *\S*)", (process / "maps").read_text(), re.M)
    return {
        "threads": sorted(os.listdir(process / "task")),
        "descriptors": sorted(
            (d, os.readlink(process / "fd" / d)) for d in os.listdir(process / "fd")
        ),
        "mappings": maps,
        "traced": re.search(r"TracerPid:\s+(\d+)", (process / "status").read_text()).group(1),
        "signals": re.findall(r"Sig(?:Blk|Ign|Cgt):\s+\S+", (process / "status").read_text()),
    }


def test_a_hundred_attaches_leave_no_trace(tmp_path):
    with Target(build("goroutines", NEWEST)) as target:
        out = tmp_path / "out"
        grf("attach", target.pid, "-o", out)
        before = shape(target.pid)
        for _ in range(100):
            grf("attach", target.pid, "-o", out)
        assert shape(target.pid) == before
        assert target.state() in "SR"
        # Its parent, this test, was told of nothing.
        flags = os.WUNTRACED | os.WCONTINUED | os.WNOHANG
        assert os.waitpid(target.pid, flags) == (0, 0)


def test_kill_of_the_tool_leaves_the_target_running(tmp_path):
    generator = random.Random(1)
    with Target(build("goroutines", NEWEST)) as target:
        before = shape(target.pid)
        for _ in range(60):
            tool = subprocess.Popen(
                [GRF_BPF, "attach", str(target.pid), "-o", str(tmp_path / "out")],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            time.sleep(generator.random() * 0.12)
            tool.kill()
            tool.wait()
            assert wait_until(lambda: target.state() in "SR"), target.state()
            assert wait_until(lambda: shape(target.pid)["traced"] == "0")
        assert shape(target.pid) == before
        flags = os.WUNTRACED | os.WCONTINUED | os.WNOHANG
        assert os.waitpid(target.pid, flags) == (0, 0)


def test_a_stopped_target_stays_stopped(tmp_path):
    with Target(build("slices", NEWEST)) as target:
        os.kill(target.pid, signal.SIGSTOP)
        assert wait_until(lambda: target.state() == "T")
        grf("attach", target.pid, "-o", tmp_path / "out")
        assert target.state() == "T"
        os.kill(target.pid, signal.SIGCONT)
        assert wait_until(lambda: target.state() in "SR")
        assert Profile(tmp_path / "out").at(["main.bytes"]) == (1, 1024)


@pytest.mark.parametrize("option", ["--no-ebpf", "--no-process-vm-readv"])
def test_fallbacks(option, tmp_path):
    with Target(build("goroutines", NEWEST)) as target:
        done = grf("attach", target.pid, option, "-v", "-o", tmp_path / "fallback")
        grf("attach", target.pid, "-o", tmp_path / "usual")
    assert {"--no-ebpf": "ptrace", "--no-process-vm-readv": "/proc/PID/mem"}[option] in (
        done.stdout + done.stderr
    )
    assert Profile(tmp_path / "fallback").chains == Profile(tmp_path / "usual").chains


def test_a_deleted_executable(tmp_path):
    import shutil

    copy = tmp_path / "program"
    shutil.copy(build("slices", NEWEST), copy)
    with Target(copy) as target:
        copy.unlink()
        grf("attach", target.pid, "-o", tmp_path / "out")
    assert Profile(tmp_path / "out").at(["main.bytes"]) == (1, 1024)


def test_position_independent(tmp_path):
    for version in ("1.22.12", "1.24.9", NEWEST):
        program = build("slices", version, flags=["-buildmode=pie"])
        with Target(program) as target:
            grf("attach", target.pid, "-o", tmp_path / "out")
            core = target.core(tmp_path / "core")
        grf("core", program, core, "-o", tmp_path / "core.out")
        core.unlink()
        for name in ("out", "core.out"):
            assert Profile(tmp_path / name).at(["main.bytes"]) == (1, 1024)


def test_busy_target(tmp_path):
    """Stopped at any instruction, many times: it never fails, and totals stay plausible."""
    with Target(build("busy", NEWEST)) as target:
        for i in range(30):
            grf("attach", target.pid, "-o", tmp_path / "out")
            profile = Profile(tmp_path / "out")
            objects, size = profile.under(["main.kept"])
            assert (objects, size) == (2001, 2000 * 16 + 16384), i
            assert target.state() in "SR"
    stop(target.pid)

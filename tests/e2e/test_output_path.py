# SPDX-License-Identifier: BSD-2-Clause
"""What others do in the folder of the result while grf-bpf works leads it nowhere else."""

import os
import pathlib
import signal

import pprof
import pytest
from running import HURRIED, OK, OUTPUT, Target, grf, start_grf, wait_until

WAITS = ("--freeze", "gc", "--gc-wait", "100s", *HURRIED)


@pytest.fixture(name="places")
def fixture_places(tmp_path):
    """(folder of the result, another one, a file that nobody may touch)"""
    folder, elsewhere, victim = tmp_path / "folder", tmp_path / "elsewhere", tmp_path / "victim"
    folder.mkdir()
    elsewhere.mkdir()
    victim.write_text("secret")
    victim.chmod(0o600)
    yield folder, elsewhere, victim
    assert victim.read_text() == "secret" and victim.stat().st_mode & 0o7777 == 0o600
    assert not os.listdir(elsewhere)


def holds(process, folder):
    """It has looked at the path, and holds the folder."""
    for descriptor in pathlib.Path(f"/proc/{process.pid}/fd").iterdir():
        try:
            if os.readlink(descriptor) == str(folder):
                return True
        except FileNotFoundError:
            pass
    return False


def attach_and(swap, build, folder):
    """Attaches, and does `swap` while a garbage collection is waited for: (status, message)."""
    with Target(build("asked")) as target:
        tool = start_grf("attach", target.pid, "-o", folder / "out", *WAITS)
        try:
            assert wait_until(lambda: holds(tool, folder), 60)
            swap()

            def ask():
                target.process.send_signal(signal.SIGUSR1)
                return tool.poll() is not None

            assert wait_until(ask, 100)
        finally:
            tool.kill()
        _, message = tool.communicate()
        target.check_runs()
    return tool.returncode, message


@pytest.mark.parametrize("kind", ["symbolic link", "FIFO", "directory"])
def test_something_is_put_there_meanwhile(kind, build, places):
    folder, _, victim = places
    out = folder / "out"
    swaps = {
        "symbolic link": lambda: out.symlink_to(victim),
        "FIFO": lambda: os.mkfifo(out, 0o666),
        "directory": out.mkdir,
    }
    status, message = attach_and(swaps[kind], build, folder)
    assert status == OUTPUT and kind in message, message
    assert len(message.splitlines()) == 1 and os.listdir(folder) == ["out"]


def test_a_hard_link_is_put_there_meanwhile(build, places):
    folder, _, victim = places
    status, message = attach_and(lambda: os.link(victim, folder / "out"), build, folder)
    assert status == OK, message
    assert pprof.read(folder / "out").samples and os.listdir(folder) == ["out"]


def test_another_folder_is_put_there_meanwhile(build, places):
    folder, elsewhere, _ = places
    moved = folder.with_name("moved")

    def swap():
        folder.rename(moved)
        folder.symlink_to(elsewhere)

    status, message = attach_and(swap, build, folder)
    assert status == OUTPUT and "folder was removed or replaced" in message, message
    assert not os.listdir(moved)


def test_results_are_private(core, places):
    folder, _, _ = places
    out = folder / "out"
    for _ in range(2):
        grf("core", *core, "-o", out, prefix=("sh", "-c", 'umask 0; exec "$@"', "sh")).expect(OK)
        assert out.stat().st_mode & 0o7777 == 0o600
        out.chmod(0o666)

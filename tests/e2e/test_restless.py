# SPDX-License-Identifier: BSD-2-Clause
"""
Targets that become another program, end, start children, change their credentials, or load and
unload plugins and libraries while they are looked at. None is harmed, and each attach ends in a result or
a documented status.

  GRF_TEST_RESTLESS  how many attaches for each case (3); `make check-hostile` takes 50
"""

import os
import pathlib
import random
import shutil
import signal
import subprocess
from collections import Counter

import pytest
from running import (
    EXITED, GRF, HURRIED, NO_COLLECTION, NO_PROCESS, OK, PERMISSION, TOO_LONG, UNSUPPORTED, Target, wait_until,
)
from toolchains import go_build

pytestmark = pytest.mark.once

ATTACHES = int(os.environ.get("GRF_TEST_RESTLESS", "3"))
REPLACED = 15
# What the process did meanwhile; and what was done to the tool, SIGINT before it listens to it too.
EXPECTED = {
    *(OK, NO_PROCESS, PERMISSION, EXITED, UNSUPPORTED, TOO_LONG, REPLACED),
    NO_COLLECTION,  # with little of the CPUs for us, none of those that end is caught
    *(130, -signal.SIGINT, -signal.SIGKILL),
}
# For a hang, not for slowness.
PATIENCE = 300


def generation(target):
    words = pathlib.Path(f"/proc/{target.pid}/cmdline").read_bytes().split(b"\0")
    return int(words[2]) if len(words) > 3 else 0


def attach(target, folder, chance, *arguments):
    """One attach, which is ended at some instant where chance wants it so. Returns its status."""
    with subprocess.Popen(
        [str(GRF), "attach", str(target.pid), "-o", str(folder / "out"), *HURRIED, *arguments],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    ) as tool:
        if chance.random() < 0.5:
            try:
                tool.wait(chance.random() * 0.6)
            except subprocess.TimeoutExpired:
                tool.send_signal(chance.choice([signal.SIGKILL, signal.SIGINT]))
        _, said = tool.communicate(timeout=PATIENCE)
    assert tool.returncode in EXPECTED, (tool.returncode, said)
    # One line says why; the status alone tells nobody what to do next.
    assert tool.returncode <= 0 or "grf-bpf: " in said, (tool.returncode, said)
    return tool.returncode


@pytest.fixture(name="statuses")
def fixture_statuses(request):
    """How often attaches ended with each status; `-rP` shows it."""
    counter = Counter()
    yield counter
    print(f"{request.node.name}: {sum(counter.values())} attaches, statuses {dict(sorted(counter.items()))}")


def check_unharmed(target):
    """Not stopped, not traced, not ended by a signal; it goes on."""
    assert target.process.poll() is None, target.process.returncode
    assert wait_until(lambda: not set(target.states()) & set("tT"), PATIENCE), target.states()
    assert wait_until(lambda: not target.tracer(), PATIENCE), target.tracer()


@pytest.mark.parametrize("freeze", ["now", "gc"])
@pytest.mark.parametrize("way", ["precopy", "fork", "stop"])
@pytest.mark.parametrize("kind", ["exe", "pie"])
def test_exec(kind, way, freeze, start, tmp_path, statuses):
    flags = {"exe": (), "pie": ("-buildmode=pie",)}[kind]
    target = start("restless", "exec", flags=flags)
    chance = random.Random(f"{kind} {way} {freeze}")
    for _ in range(ATTACHES):
        options = ("--copy", way, "--freeze", freeze, "--gc-wait", "1s")
        statuses[attach(target, tmp_path, chance, *options)] += 1
        check_unharmed(target)
        before = generation(target)
        assert wait_until(lambda: generation(target) > before, PATIENCE), target.states()
    check_unharmed(target)


@pytest.mark.parametrize("mode", ["fork", "credentials"])
def test_children_and_credentials(mode, start, tmp_path, statuses):
    target = start("restless", mode)
    chance = random.Random(mode)
    for _ in range(ATTACHES):
        way = chance.choice(["auto", "precopy", "fork", "stop"])
        statuses[attach(target, tmp_path, chance, "--copy", way)] += 1
        check_unharmed(target)


def test_exit(build, tmp_path, statuses):
    executable = build("restless")
    chance = random.Random(0)
    for _ in range(ATTACHES):
        with Target(executable, "exit") as target:
            way = chance.choice(["auto", "precopy", "fork", "stop"])
            statuses[attach(target, tmp_path, chance, "--copy", way)] += 1
            assert target.process.wait(PATIENCE) == 0


@pytest.fixture(scope="session", name="loaded")
def fixture_loaded(toolchain, tmp_path_factory):
    """(the loader, what it loads by its mode)"""
    folder = tmp_path_factory.mktemp("loader")
    source = folder / "answer.c"
    source.write_text("static int more = 41;\nint answer(int one) { return one + more; }\n")
    if not shutil.which("gcc"):
        pytest.skip("gcc is not installed")
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", folder / "answer.so", source], check=True)
    plugin = go_build(toolchain(), "plugin", folder / "plugin.so", "-buildmode=plugin")
    loader = go_build(toolchain(), "loader", folder / "loader")
    return loader, {"plugin": plugin, "library": folder / "answer.so"}


@pytest.mark.parametrize("way", ["auto", "fork", "stop"])
@pytest.mark.parametrize("mode", ["plugin", "library"])
def test_what_loads_and_unloads(mode, way, loaded, tmp_path, statuses):
    loader, files = loaded
    chance = random.Random(f"{mode} {way}")
    with Target(loader, mode, "0", str(files[mode])) as target:
        for _ in range(ATTACHES):
            freeze = chance.choice(["now", "gc"])
            options = ("--copy", way, "--freeze", freeze, "--gc-wait", "1s")
            statuses[attach(target, tmp_path, chance, *options)] += 1
            check_unharmed(target)
        check_unharmed(target)

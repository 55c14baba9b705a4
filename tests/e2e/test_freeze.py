# SPDX-License-Identifier: BSD-2-Clause
"""Where the target is held: at the end of a garbage collection, or at once."""

import json
import os
import pathlib
import random
import re
import select
import signal
import time

import pprof
import pytest
from gating import times
from running import HURRIED, INTERRUPTED, NO_COLLECTION, OK, TOO_LONG, UNSUPPORTED, USAGE, Target, grf, start_grf
from toolchains import COLLECT, versions

STOPS = int(os.environ.get("GRF_TEST_STOPS", times(4, 10)))
GC_POINT = "at the end of a garbage collection"


@pytest.mark.parametrize("version", versions())
def test_at_the_end_of_a_collection(version, build, tmp_path):
    with Target(build("slices", version=version), environment=COLLECT) as target:
        done = grf("attach", target.pid, "--freeze", "gc", "-o", tmp_path / "out").expect(OK)
        assert GC_POINT in done.stdout, str(done)
        assert (("main.bytes",), (1, 4096)) in pprof.read(tmp_path / "out").chains.items()
        target.check_runs()


def test_the_default_takes_a_collection_that_comes(build, tmp_path):
    with Target(build("slices"), environment=COLLECT) as target:
        done = grf("attach", target.pid, "--gc-wait", "20s", "-o", tmp_path / "out").expect(OK)
        assert GC_POINT in done.stdout, str(done)


def test_the_default_gives_a_costly_collection_up(start, tmp_path):
    """One that wrote to more pages than can be copied in time, and more than the program does."""
    target = start("busy")
    for _ in range(40):
        done = grf("attach", target.pid, "-v", "--max-pause", "1ms", "-o", tmp_path / "out")
        if done.status == TOO_LONG:
            continue  # in the other stops, too
        done.expect(OK)
        if "pre-copy" not in done.stdout and "let go" not in done.stderr:
            pytest.skip(done.stderr)
        if "given up" in done.stdout and "pre-copy" in done.stdout:
            assert "let go" in done.stderr and "stopped at once" in done.stdout, str(done)
            assert "eBPF task iterator" in done.stdout, str(done)
            return
    pytest.skip("each of 40 collections was cheap enough")


def test_the_default_does_not_wait_for_a_collection_that_does_not_come(start, tmp_path):
    target = start("slices")
    done = grf("attach", target.pid, "-o", tmp_path / "out").expect(OK)
    assert "stopped at once" in done.stdout and GC_POINT not in done.stdout, str(done)


def test_a_collection_that_does_not_come(start, tmp_path):
    target = start("slices")
    result = grf(
        "attach", target.pid, "--freeze", "gc", "--gc-wait", "300ms", "-o", tmp_path / "out"
    )
    result.expect(NO_COLLECTION, "0.3 s", "--gc-wait", "--freeze now")
    assert not (tmp_path / "out").exists()
    target.check_runs()


def test_the_wait_is_of_the_whole_run(start, tmp_path):
    """One collection came, and the stop at its end was given up: what is left of the time is waited for
    the next one, and no more."""
    target = start("asked")
    result = start_grf(
        "attach", target.pid, "-v", "--copy", "precopy", "--freeze", "gc", "--gc-wait", "10s",
        "--max-pause", "1us", "-o", tmp_path / "out",
    )
    said = ""
    while "let go" not in said and result.poll() is None:
        os.kill(target.pid, signal.SIGUSR1)
        if select.select([result.stderr], [], [], 0.3)[0]:
            said += os.read(result.stderr.fileno(), 65536).decode()
    said += result.communicate(timeout=300)[1]
    if "let go" not in said:
        pytest.skip(said)
    assert result.returncode == NO_COLLECTION and "another one in the 10 s" in said, said
    assert "less than about 0.2 ms" in said, said
    target.check_runs()


def test_the_pause_is_in_the_file(start, tmp_path):
    target = start("busy")
    outputs = ("-o", tmp_path / "out", "-o", tmp_path / "out.json")
    done = grf("attach", target.pid, *HURRIED, "-v", *outputs).expect(OK)
    provenance = json.loads((tmp_path / "out.json").read_text())["provenance"]
    comments = dict(line.split(": ", 1) for line in pprof.read(tmp_path / "out").comments)
    pause, freeze, clock = re.fullmatch(
        r"(\d+) \((.*), (\S.*) clock\)", comments["pause_ns"]
    ).groups()
    held = re.search(r"held +(.*), for ([\d.]+) (us|ms) \((.*) clock\)", done.stdout)
    assert (freeze, clock) == (held.group(1), held.group(4)), str(done)
    shown = float(held.group(2)) * {"us": 1e3, "ms": 1e6}[held.group(3)]
    assert abs(int(pause) - shown) <= 0.01 * shown + 1000, (comments, str(done))
    parts = provenance["pause"]
    assert int(pause) == parts["total_ns"]
    assert parts["total_ns"] == parts["stop_ns"] + parts["copying_ns"] + parts["resume_ns"] > 0
    at_stop, pages = provenance["copied_at_stop_bytes"], provenance["copied_at_stop_pages"]
    assert provenance["copied_bytes"] >= at_stop == 4096 * pages, provenance
    assert f"by {comments['copied_by']}" in done.stdout, (comments, str(done))
    if provenance["rounds"]:
        assert f"after {provenance['rounds']} round" in done.stdout, (provenance, str(done))


def test_no_round_without_a_reason(start, tmp_path):
    """A program that does nothing: after all is copied, what its runtime wrote meanwhile, if anything."""
    target, rounds = start("slices"), []
    while len(rounds) < 20 and 1 not in rounds:
        done = grf("attach", target.pid, "--freeze", "now", "-v", "-o", tmp_path / "out").expect(OK)
        found = re.search(r" after (\d+) rounds?\n", done.stdout)
        if not found:
            pytest.skip("no pre-copy here")
        rounds.append(int(found.group(1)))
    assert min(rounds) <= 2, rounds


def test_at_once(start, tmp_path):
    target = start("busy")
    done = grf("attach", target.pid, "--freeze", "now", "-o", tmp_path / "out").expect(OK)
    assert "stopped at once" in done.stdout, str(done)


def test_as_at_a_collection(start, tmp_path):
    """Stopped at any instruction, it has what it has at the collections before and after."""
    target = start("busy")

    def bytes_reached(point):
        grf("attach", target.pid, "--freeze", point, *HURRIED, "-o", tmp_path / "out").expect(OK)
        return pprof.read(tmp_path / "out").totals()[1]

    before = bytes_reached("gc")
    for attempt in range(STOPS):
        now = bytes_reached("now")
        after = bytes_reached("gc")
        low, high = sorted((before, after))
        assert 0.99 * low <= now <= 1.01 * high, (attempt, before, now, after)
        before = after
    target.check_runs()


def test_without_ebpf(start, tmp_path):
    target = start("busy")
    done = grf("attach", target.pid, "--no-ebpf", "-v", "-o", tmp_path / "out").expect(OK)
    assert "stopped at once" in done.stdout and "switched off" in done.stderr, str(done)
    grf(
        "attach", target.pid, "--no-ebpf", "--freeze", "gc", "-o", tmp_path / "out"
    ).expect(UNSUPPORTED, "eBPF")


@pytest.mark.parametrize(
    "arguments",
    [
        ["--freeze", "then"],
        ["--gc-wait", "5"],
        ["--gc-wait", "ms"],
        ["--gc-wait", "-1s"],
        ["--gc-wait", "1s1"],
        ["--gc-wait", "inf"],
        ["--gc-wait", "1e30s"],
    ],
)
def test_usage(arguments):
    grf("attach", "1", *arguments).expect(USAGE)


def test_many_collections_leave_no_trace(start, tmp_path):
    target = start("goroutines", environment=COLLECT)
    options = ("--freeze", "gc", "-o", tmp_path / "out")
    grf("attach", target.pid, *options).expect(OK)
    before = target.shape()
    for _ in range(times(15, 50)):
        grf("attach", target.pid, *options).expect(OK)
    after = target.shape()
    # The collections need threads of their own from time to time.
    assert set(before["threads"]) <= set(after["threads"])
    assert after["descriptors"] == before["descriptors"]
    assert "[uprobes]" not in pathlib.Path(f"/proc/{target.pid}/maps").read_text()
    target.check_runs()


def test_killed_while_it_waits_and_while_it_holds(start, tmp_path):
    generator = random.Random(2)
    target = start("busy")
    for _ in range(times(15, 40)):
        tool = start_grf("attach", target.pid, "--freeze", "gc", "-o", tmp_path / "out")
        time.sleep(generator.random() * 0.25)
        tool.kill()
        tool.communicate()
        target.check_runs()
    assert "[uprobes]" not in pathlib.Path(f"/proc/{target.pid}/maps").read_text()


def test_interrupted_while_it_waits(start, tmp_path):
    target = start("slices")
    tool = start_grf("attach", target.pid, "--freeze", "gc", "-o", tmp_path / "out")
    time.sleep(1)
    tool.send_signal(signal.SIGINT)
    _, message = tool.communicate(timeout=10)
    assert tool.returncode == INTERRUPTED, message
    assert len(message.splitlines()) == 1 and not (tmp_path / "out").exists()
    target.check_runs()


def test_the_target_ends_while_it_is_awaited(start, tmp_path):
    target = start("slices")
    tool = start_grf("attach", target.pid, "--freeze", "gc", "-o", tmp_path / "out")
    time.sleep(0.7)
    target.process.kill()
    _, message = tool.communicate(timeout=10)
    assert tool.returncode == 5, message
    assert re.match(r"grf-bpf: process \d+ exited", message)

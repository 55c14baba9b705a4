# SPDX-License-Identifier: BSD-2-Clause
"""Stack roots of goroutines: taken at the stop by eBPF, or from memory, and all the same; of stacks only
the part that is in use is copied at the stop."""

import json
import os
import re
import signal

import pprof
import pytest
from running import OK, TORN, grf, wait_until
from toolchains import versions

NOW = ("--freeze", "now")
STOP = [
    ("--copy", "stop"),
    ("--copy", "stop", "--no-ebpf"),
    ("--copy", "stop", "--no-process-vm-readv"),
]
RECORDING = STOP + [("--copy", "fork"), ("--copy", "precopy")]
WAYS = RECORDING + [("--copy", "fork", "--no-ebpf"), ("--copy", "precopy", "--no-ebpf")]


def attach(target, tmp_path, *options):
    """The chains of the profile, the provenance, and what was said."""
    profile, document = tmp_path / "out.pb.gz", tmp_path / "out.json"
    outputs = ("-v", "-o", profile, "-o", document)
    done = grf("attach", target.pid, *NOW, *options, *outputs).expect(OK)
    provenance = json.loads(document.read_text())["provenance"]
    return pprof.read(profile).chains, provenance, done.stdout + done.stderr


def lacks(provenance):
    return {lack["what"]: lack["why"] for lack in provenance["lacks"]}


def main_chains(chains):
    return {chain: counts for chain, counts in chains.items() if chain[0].startswith("main.")}


def check_provenance(options, provenance, said):
    by_ebpf = "--no-ebpf" not in options
    assert provenance["goroutines_by"] == ("ebpf" if by_ebpf else "memory"), options
    if by_ebpf:
        assert provenance["goroutine_records"] > 150
        assert "ebpf-stacks" not in lacks(provenance)
        assert re.search(r"stack roots +of [\d,]+ goroutines by eBPF", said)
    else:
        assert lacks(provenance)["ebpf-stacks"] == "not supported"
        assert "from memory" in said or "from the copied memory" in said


@pytest.mark.parametrize("version", versions())
def test_every_way_gives_the_same(version, start, tmp_path):
    target = start("stacks", "-goroutines", "150", version=version)
    expected = attach(target, tmp_path, *WAYS[0])[0]
    assert sum(n for chain, (n, _) in expected.items() if "main.wait" in chain[0]) >= 150
    for options in WAYS:
        chains, provenance, said = attach(target, tmp_path, *options)
        assert main_chains(chains) == main_chains(expected), options
        check_provenance(options, provenance, said)
    target.check_runs()


def test_the_same_profile_of_a_process_that_stands(start, tmp_path):
    """Down to the last object of the runtime."""
    target = start("stacks", "-goroutines", "150")
    os.kill(target.pid, signal.SIGSTOP)
    assert wait_until(lambda: set(target.states()) == {"T"})
    expected = attach(target, tmp_path, *STOP[0])[0]
    for options in STOP:
        chains, provenance, said = attach(target, tmp_path, *options)
        assert chains == expected, options
        check_provenance(options, provenance, said)
        assert provenance["goroutines_expected_ns"]
        assert provenance["goroutines_limit_ns"] == 0, "it has no pause"
    os.kill(target.pid, signal.SIGCONT)
    assert wait_until(lambda: not set(target.states()) & {"T", "t"})


def test_stacks_are_copied_where_they_are_in_use(start, tmp_path):
    """3,000 goroutines have stacks of 16 KiB, of which each uses less than 1 KiB. Where the process stands
    already, no measured time decides on it."""
    target = start("stacks")
    whole = attach(target, tmp_path, "--copy", "precopy")
    os.kill(target.pid, signal.SIGSTOP)
    assert wait_until(lambda: set(target.states()) == {"T"})
    for options in (("--copy", "stop"), ("--copy", "stop", "--no-ebpf")):
        chains, provenance, said = attach(target, tmp_path, *options)
        assert provenance["dead_stacks_bytes"] > 3000 * 14 << 10
        assert provenance["copied_bytes"] < whole[1]["copied_bytes"] - (3000 * 14 << 10)
        assert provenance["goroutine_records"] > 3000
        assert provenance["pause"]["goroutines_ns"] > 0
        assert re.search(r"left out +.* of stacks that are not in use", said)
        held = [counts for chain, counts in chains.items() if chain[0] == "main.wait.held"]
        assert [sum(numbers) for numbers in zip(*held)] == [3000, 96000]
        assert main_chains(chains) == main_chains(whole[0])
    os.kill(target.pid, signal.SIGCONT)
    assert wait_until(lambda: not set(target.states()) & {"T", "t"})


@pytest.mark.parametrize(
    "tear, words",
    [
        ("g", ("the copy is torn: sched.sp of goroutine 1 was 0x", "; take another one")),
        ("stack", ("the copy is torn: a part of the stack of goroutine 1", "; take another one")),
    ],
)
def test_a_torn_copy(tear, words, start, tmp_path, monkeypatch):
    """The memory of a g is of another instant than its record, or a stack in use was left out
    (tests/hooks/torn.c): it ends with one line and without a result, whichever the command and the way."""
    target = start("stacks", "-goroutines", "150")
    files = [tmp_path / f"out.{suffix}" for suffix in ("pb.gz", "json")]
    outputs = [word for file in files for word in ("-o", file)]
    monkeypatch.setenv("GRF_TEST_TEAR", tear)
    for options in RECORDING:
        grf("attach", target.pid, *NOW, *options, *outputs).expect(TORN, *words)
        assert not list(tmp_path.iterdir())
    for command in ("verify", "types", "goroutines"):
        grf(command, target.pid, *NOW).expect(TORN, *words)
    monkeypatch.delenv("GRF_TEST_TEAR")
    grf("attach", target.pid, *NOW, *outputs).expect(OK)
    target.check_runs()


@pytest.mark.parametrize("goroutines", (150, 600, 3000, 20000))
def test_not_where_it_would_be_in_the_way(goroutines, start, tmp_path):
    """A way whose stop copies no stacks has it taken of few goroutines, and of more where it was measured
    to take a small part of the stop; it says which numbers that was decided by."""
    target = start("stacks", "-goroutines", str(goroutines), "-depth", "1")
    for way in ("precopy", "fork"):
        chains, provenance, said = attach(target, tmp_path, "--copy", way)
        expected, limit = (provenance[f"goroutines_{what}_ns"] for what in ("expected", "limit"))
        assert expected and limit
        if goroutines == 150 or expected <= limit:
            check_provenance(("--copy", way), provenance, said)
            assert provenance["goroutine_records"] > goroutines
        else:
            assert provenance["goroutine_records"] == 0
            assert lacks(provenance)["ebpf-stacks"] == "would take too long"
            assert re.search(r"stack roots of \d+ goroutines in the stop would take .*; the limit is", said)
        assert provenance["dead_stacks_bytes"] == 0
        assert sum(n for chain, (n, _) in chains.items() if "main.wait" in chain[0]) >= goroutines
    target.check_runs()


def test_stacks_that_a_child_does_not_get(start, tmp_path):
    target = start("stacks", "-withhold")
    whole = attach(target, tmp_path, "--copy", "stop")
    for options in (("--copy", "fork"), ("--copy", "fork", "--no-ebpf")):
        chains, provenance, _ = attach(target, tmp_path, *options)
        assert provenance["copied_by"] == "fork"
        if provenance["goroutine_records"]:
            assert provenance["goroutine_records"] > 3000
            assert provenance["dead_stacks_bytes"] > 3000 * 14 << 10
        else:  # their time was measured on a busy machine
            assert lacks(provenance)["ebpf-stacks"] in ("would take too long", "not supported")
            assert provenance["dead_stacks_bytes"] == 0
        assert main_chains(chains) == main_chains(whole[0])
    target.check_runs()

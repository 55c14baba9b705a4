# SPDX-License-Identifier: BSD-2-Clause
"""Roots that are hard to see, and what is said of them."""

import json

import pprof
import pytest
from gating import times
from running import HURRIED, OK, Target, grf
from test_verify import counts
from toolchains import COLLECT, versions

pytestmark = pytest.mark.once


@pytest.mark.parametrize("version", versions())
@pytest.mark.parametrize("kind", ["hardroots", "abrupt"])
def test_interrupted_anywhere(kind, version, build):
    """With GODEBUG=gccheckmark=1, as other tests have it, the runtime does not interrupt goroutines
    between safe points. Here it does."""
    with Target(build(kind, version=version), environment=COLLECT) as target:
        for _ in range(times(3, 10)):
            done = grf("verify", target.pid, *HURRIED, "-v").expect(OK)
            found = counts(done)
            assert found["missed"] == found["reached but not marked"] == 0, str(done)
            assert found["marked and reached"] > 90, str(done)
        target.check_runs()


@pytest.mark.parametrize("version", versions())
def test_where_goroutines_were_started(version, build, tmp_path):
    with Target(build("hardroots", version=version)) as target:
        grf("attach", target.pid, "-o", tmp_path / "out").expect(OK)
    profile = pprof.read(tmp_path / "out")
    started = {}
    for (chain, values), labels in zip(profile.samples, profile.labels):
        if chain[0] == "main.waitInDefer.held":
            started[labels["created_by"]] = values["inuse_objects"]
    # Go names no creator of the main goroutine.
    main = [labels for (chain, _), labels in zip(profile.samples, profile.labels)
            if chain[0] == "main.main.ofMain"]
    assert main and not any("created_by" in labels for labels in main), main
    # From two go statements, in one function.
    assert len(started) == 2 and set(started.values()) == {10}, started
    for place in started:
        function, line = place.rstrip(")").split(" (main.go:")
        assert function == "main.main"
        assert int(line) > 0


@pytest.mark.parametrize("version", versions())
def test_labels_of_goroutines(version, build, tmp_path):
    """Samples have what runtime/pprof.Do gave the goroutine that holds. The other results do not tell
    goroutines apart by it, and a profile does not where it would have too many samples."""
    out = tmp_path / "out.pb.gz"
    with Target(build("labels", version=version)) as target:
        grf("attach", target.pid, "--freeze", "now", "-o", out, "-o", tmp_path / "out.json").expect(OK)
        few = grf("attach", target.pid, "--freeze", "now", "--max-samples", 20, "-o", tmp_path / "few")
        few.expect(OK)
        focus = tmp_path / "focus"
        grf("attach", target.pid, "--freeze", "now", "--focus", "held", "-o", focus).expect(OK)
    for path in (out, focus):
        profile = pprof.read(path)
        held = {}
        for (chain, values), labels in zip(profile.samples, profile.labels):
            if chain[0] == "main.work.held":
                labels.pop("created_by")
                key = tuple(sorted(labels.items()))
                held[key] = held.get(key, 0) + values["inuse_objects"]
        # Each has two objects.
        assert held[("path", "/a"), ("user", "ann")] == 3 * 2, held
        assert held[("path", "/b"), ("user", "bob1")] == 2 * 2, held
        assert held[(("of", "main"),)] == held[()] == 2, held
        # Of many there are the first ones by their keys, and what is long or evil is neither here.
        assert sorted(map(len, held)) == [0, 1, 1, 1, 2, 2, 13, 16], held
        assert held[(("evil", 'a, b="\\x1b[2J\\x00\\'),)] == 2, held
        assert any(key[0][0] == "long" and key[0][1].endswith("...") for key in held if key), held
    document = json.loads((tmp_path / "out.json").read_text())
    roots = [node for node in document["tree"] if node["name"] == "main.work.held"]
    assert len(roots) == len({node["created_by"] for node in roots}), roots
    assert not any("user" in labels for labels in pprof.read(tmp_path / "few").labels)


@pytest.mark.parametrize("version", versions())
def test_pools_come_behind_goroutines(version, build, tmp_path):
    """What a stale item still points to is not the pool's."""
    with Target(build("pooled", version=version)) as target:
        grf("attach", target.pid, "--freeze", "now", "-o", tmp_path / "out").expect(OK)
    chains = pprof.read(tmp_path / "out").chains
    holders = {chain[0] for chain in chains if chain[-1].startswith("main.record.name")}
    assert holders and not any(name.startswith("main.tasks") for name in holders), holders
    # The item is the pool's all the same, with what only it has.
    own = [chain for chain in chains if chain[-1] == "main.task.own"]
    assert [chain[0] for chain in own] == ["main.tasks"], chains

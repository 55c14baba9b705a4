# SPDX-License-Identifier: BSD-2-Clause
"""Owners and retained sizes of real programs: against their definition, object by object."""

import json
import re
import subprocess

import cores
import pytest
from gating import LONG, few, pairs, programs
from running import GRF, OK, Target, grf
from test_verify import KINDS
from toolchains import MODES, versions

pytestmark = pytest.mark.once

CHECK = GRF.parent / "tests" / "check_owners"
# Each program with one release; what is held against each other is the same image.
OPTIMISED, _ = MODES
SHORT = [
    (release, OPTIMISED, kind) for release, kind in pairs(few(versions()), KINDS, newest=False)
]
MATRIX = programs(KINDS) if LONG else SHORT


@pytest.mark.parametrize("version, mode", dict.fromkeys(target[:2] for target in MATRIX))
def test_owners_are_those_of_the_definition(version, mode, build, tmp_path):
    for kind in [kind for *target, kind in MATRIX if target == [version, mode]]:
        executable, core = build(kind, mode, version), tmp_path / "core"
        with Target(executable) as target:
            cores.write(target.pid, core)
        done = subprocess.run(
            [CHECK, executable, core], capture_output=True, text=True, check=False
        )
        core.unlink()
        assert done.returncode == 0, kind + done.stdout + done.stderr
        assert int(re.match(r"\d+", done.stdout)[0]) > 50, kind + done.stdout


@pytest.mark.parametrize("version", versions())
def test_goroutines_are_named_by_their_function(version, build, tmp_path):
    """And not by the wrapper that the compiler makes where a go statement has arguments."""
    with Target(build("goroutines", "optimised", version)) as target:
        grf("attach", target.pid, "--freeze", "now", "-o", tmp_path / "out.json").expect(OK)
    table = json.loads((tmp_path / "out.json").read_text())["tables"]["owners"]
    at = [column["name"] for column in table["columns"]].index("owner")
    owners = [row[at].split(" > ")[0] for row in table["rows"]]
    assert {"main.onSelect", "main.onChannel", "main.asleep"} <= set(owners), owners
    assert "goroutine descriptors" in owners


def test_the_main_goroutine_is_that_of_main(build, tmp_path):
    with Target(build("locals")) as target:
        grf("attach", target.pid, "--freeze", "now", "-o", tmp_path / "out.json").expect(OK)
    table = json.loads((tmp_path / "out.json").read_text())["tables"]["owners"]
    at = [column["name"] for column in table["columns"]].index("owner")
    owners = [row[at] for row in table["rows"]]
    assert any(re.match(r"main\.main\b", owner) for owner in owners), owners
    assert not any(owner.startswith("runtime.main") for owner in owners), owners


@pytest.mark.parametrize("version", few(versions()))
def test_timers_of_several_are_named_by_their_function(version, build, tmp_path):
    with Target(build("leases", version=version)) as target:
        grf("attach", target.pid, "--freeze", "now", "-o", tmp_path / "out.json").expect(OK)
    document = json.loads((tmp_path / "out.json").read_text())
    table = document["tables"]["owners"]
    at = [column["name"] for column in table["columns"]].index("owner")
    assert re.match(r"timer main\.\(\*lease\)\.expire\b", table["rows"][0][at]), table["rows"][0]
    # A map of package sync is one thing, whatever it is made of.
    named = [row[at] for row in table["rows"] if row[at].startswith("main.owners")]
    assert len(named) == 1 and not re.search(r"node\[|entry\[|readOnly", named[0]), named
    # One suspect, which says more than that there are many.
    suspects = document["suspects"]
    assert [suspect["name"] for suspect in suspects] == ["timers"], suspects
    assert re.match(r"timer main\.\(\*lease\)\.expire\b", suspects[0]["path"]), suspects

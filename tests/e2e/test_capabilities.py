# SPDX-License-Identifier: BSD-2-Clause
"""
What becomes of an attach by a user who lacks one capability: docs/capabilities.md. It ends in a
result or in one line, the target runs on, and nothing is left.
"""

import os
import pathlib
import re
import shutil

import pytest
from running import OK, PERMISSION, Target, grf

pytestmark = pytest.mark.once

# Their numbers are of linux/capability.h.
NUMBERS = {
    "sys_ptrace": 19, "dac_override": 1, "kill": 5, "bpf": 39, "perfmon": 38, "sys_admin": 21,
    "sys_nice": 23, "sys_resource": 24, "checkpoint_restore": 40,
}


def permitted():
    """What root may have here: a container may lack some."""
    status = pathlib.Path("/proc/self/status").read_text(encoding="ascii")
    bits = int(re.search(r"CapPrm:\s+(\w+)", status).group(1), 16)
    return [name for name, number in NUMBERS.items() if bits >> number & 1]


CAPABILITIES = permitted()
WAYS = ("auto", "precopy", "fork", "stop")
NOBODY = 65534
# For a hang.
PATIENCE = 300


def without(*missing):
    """A command in front of another one: as nobody, with all capabilities but these."""
    kept = ",".join(f"+{name}" for name in CAPABILITIES if name not in missing)
    return (
        "setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups",
        f"--inh-caps=-all,{kept}", f"--ambient-caps=-all,{kept}",
    )


def children(target):
    return [
        child
        for task in pathlib.Path(f"/proc/{target.pid}/task").iterdir()
        for child in (task / "children").read_text().split()
    ]


@pytest.fixture(name="places")
def fixture_places(build, tmp_path):
    """(target of root, folder of nobody)"""
    if not shutil.which("setpriv"):
        pytest.skip("setpriv is not installed")
    folder = tmp_path / "folder"
    folder.mkdir()
    os.chown(folder, NOBODY, NOBODY)
    for parent in list(folder.parents)[:4]:
        if str(parent).startswith("/tmp/"):
            parent.chmod(parent.stat().st_mode | 0o011)
    with Target(build("slices")) as target:
        yield target, folder
        target.check_runs()
        assert children(target) == []


def attach(places, missing, way, *more):
    target, folder = places
    arguments = ("--copy", way, "--freeze", "now", "-o", folder / "out", *more)
    prefix = without(*missing)
    # With which priority it works matters to one capability alone.
    hurried = "sys_nice" not in missing
    done = grf("attach", target.pid, *arguments, prefix=prefix, timeout=PATIENCE, hurried=hurried)
    target.check_runs()
    assert children(target) == []
    if done.status == OK:
        (folder / "out").unlink()
        return done
    assert os.listdir(folder) == []
    return done.expect(done.status)


@pytest.mark.parametrize("missing", CAPABILITIES)
def test_one_is_missing(missing, places):
    for way in WAYS:
        done = attach(places, [missing], way)
        needed = missing in ("sys_ptrace", "dac_override") or (missing == "kill" and way == "fork")
        assert done.status == (PERMISSION if needed else OK), str(done)
        if needed:
            assert f"CAP_{missing.upper()}" in done.stderr, str(done)


def test_who_may_not_signal_makes_no_child(places):
    """A child that nobody can end was waited for, for ever."""
    for missing in (["kill"], [name for name in CAPABILITIES if "_ptrace" not in name
                               and "dac" not in name]):
        attach(places, missing, "fork").expect(PERMISSION, "CAP_KILL", "run as", "--copy auto")
        done = attach(places, missing, "auto", "--no-userfaultfd", "-v")
        assert done.status == OK and "all of it at the stop" in done.stderr, str(done)

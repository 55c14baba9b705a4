# SPDX-License-Identifier: BSD-2-Clause
"""The suspects of leaks as people reported them, and that healthy programs have none."""

import json

import leaks
import pytest
from gating import times
from running import OK, Target, grf

RUNS = times(1, 10)
FOUND = [leak for leak in leaks.LEAKS if leak.suspect]


def look(executable, arguments, folder):
    files = [folder / "out.json", folder / "out.txt"]
    with Target(executable, *arguments) as target:
        done = grf("attach", target.pid, "--freeze", "now", "-o", files[0], "-o", files[1]).expect(OK)
    return json.loads(files[0].read_text()), files[1].read_text(), done.stdout


@pytest.mark.parametrize("leak", FOUND, ids=lambda leak: leak.name)
def test_the_first_suspect(leak, build, tmp_path):
    for _ in range(RUNS):
        executable = build(leaks.PROGRAM, version=leak.version)
        document, text, shown = look(executable, [leak.name], tmp_path)
        first = document["suspects"][0]
        assert first["name"] == leak.suspect, document["suspects"]
        said = " ".join([first["path"], first["sentence"], first["type"] or ""])
        # Owners name the type of what an interface holds, too.
        assert sum(word in said for word in leak.words) >= len(leak.words) - 1, first
        # It comes before all else that people read, on the terminal as in a file.
        for said in (text, shown):
            before = said.partition("largest roots")[0]
            assert first["name"] in before and "suspects" in before
            assert first["sentence"].split()[0] in before


@pytest.mark.parametrize("leak", leaks.LEAKS, ids=lambda leak: leak.name)
def test_nothing_stands_out_where_nothing_leaks(leak, build, tmp_path):
    executable = build(leaks.PROGRAM, version=leak.version)
    arguments = [leak.name] + ["healthy"] * (leak.suspect is not None)
    document, text, shown = look(executable, arguments, tmp_path)
    assert document["suspects"] == []
    assert "nothing stands out" in text
    assert "nothing stands out" in shown


@pytest.mark.parametrize("kind", ["facts", "goroutines", "interfaces", "locals", "slices"])
def test_small_programs_have_none(kind, build, tmp_path):
    document, _, _ = look(build(kind), [], tmp_path)
    assert document["suspects"] == []

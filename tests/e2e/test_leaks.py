# SPDX-License-Identifier: BSD-2-Clause
"""Leaks as people reported them: the first owners name the culprit, and where there is no leak none
stands out."""

import re

import leaks
import pytest
from gating import times
from toolchains import PROGRAMS

RUNS = times(2, 10)


def test_each_has_an_expectation():
    """Of two of the 22 of the reports there are two programs."""
    source = (PROGRAMS / leaks.PROGRAM / "main.go").read_text()
    mechanisms = re.findall(r'^\t"([\w-]+)": ', source, re.M)
    assert mechanisms == [leak.name for leak in leaks.LEAKS]
    assert len(mechanisms) == 24


@pytest.mark.parametrize("leak", leaks.LEAKS, ids=lambda leak: leak.name)
def test_the_culprit_is_named(leak, build, tmp_path):
    executable = build(leaks.PROGRAM, version=leak.version)
    found = [leaks.look(executable, leak, tmp_path) for _ in range(RUNS)]
    for run in found:
        rank = leaks.rank(leak, run.rows)
        owners = "\n".join(row.text for row in run.rows)
        # Where it is better than expected, the table has to say so.
        assert rank == leak.rank, owners
        if rank:
            # A type that is longer than a line has no middle there.
            assert all(word in run.screen or len(word) > 40 for word in leak.words), run.screen
    first = {run.rows[0].owner for run in found}
    assert len(first) == 1, first


@pytest.mark.parametrize("leak", leaks.LEAKS, ids=lambda leak: leak.name)
def test_none_stands_out_where_nothing_leaks(leak, build, tmp_path):
    """Of what does not leak in the heap, too."""
    executable = build(leaks.PROGRAM, version=leak.version)
    found = leaks.look(executable, leak, tmp_path, healthy=leak.suspect is not None)
    own = [row for row in found.rows if not row.of_runtime]
    assert len(own) >= 12
    for row in own:
        assert row.share <= leaks.HEALTHY_SHARE, row

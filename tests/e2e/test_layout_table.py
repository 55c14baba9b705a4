# SPDX-License-Identifier: BSD-2-Clause
"""The table of the runtime's fields: its rows are read, and it is what the toolchains say."""

import importlib.util

import pytest
from conftest import ANY_VERSION
from toolchains import ROOT

SPEC = importlib.util.spec_from_file_location("layout", ROOT / "tests" / "scripts" / "layout.py")
layout = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(layout)


def test_each_row_is_read():
    layout.check_rows(layout.read_rows(layout.FIELDS))


@pytest.mark.parametrize(
    "row, wrong",
    [
        (("g", "parkingOnChan", ["runtime.g"], ["parkingOnChan"]), "g.parkingOnChan: no code names it"),
        (("timer", "_size", ["runtime.timer"], []), "timer._size: no code reads this structure"),
    ],
)
def test_a_row_that_nobody_reads_is_refused(row, wrong):
    with pytest.raises(layout.Refused, match=wrong):
        layout.check_rows([*layout.read_rows(layout.FIELDS), row])


def test_a_structure_without_size_is_refused():
    rows = [row for row in layout.read_rows(layout.FIELDS) if row[:2] != ("mspan", "_size")]
    with pytest.raises(layout.Refused, match="mspan: has no _size"):
        layout.check_rows(rows)


def test_a_row_that_no_release_has_is_refused():
    with pytest.raises(layout.Refused, match="g.none: no release has it"):
        layout.make_table([("g", "none", ["runtime.g"], ["none"])], {"1.27.0": {"runtime.g": {"": 8}}})


def test_a_release_made_anew(toolchain):
    """As make layout-check does for all of them: the lines of the table have what DWARF says."""
    version = toolchain(ANY_VERSION).version
    if version not in layout.releases():
        pytest.skip(f"the table is of another patch release than {version}")
    rows = layout.read_rows(layout.FIELDS)
    structures = layout.read_releases([version], rows)[version]
    lines = [line for line in layout.TABLE.read_text().splitlines() if line.startswith("\t{") and "/*" in line]
    column = layout.releases().index(version)
    committed = [int(line.strip("\t{").split("}")[0].split(", ")[column]) for line in lines]
    assert committed == [layout.offset(structures, row[2], row[3]) for row in rows]

# SPDX-License-Identifier: BSD-2-Clause
"""Commands that show one view: types, goroutines."""

import json
import re

import jsonschema
import pytest
from running import OK, USAGE, Target, grf
from test_formats import SCHEMA
from toolchains import versions

pytestmark = pytest.mark.once


def table_of(command, *arguments):
    """The document, and the rows of its table, by column."""
    document = json.loads(grf(command, *arguments, "--format", "json").expect(OK).stdout)
    jsonschema.validate(document, SCHEMA)
    table = document["tables"][command]
    names = [column["name"] for column in table["columns"]]
    return document, [dict(zip(names, row)) for row in table["rows"]]


def test_types_add_up(core):
    document, rows = table_of("types", *core)
    summary = document["summary"]
    assert sum(row["objects"] for row in rows) == summary["reachable_objects"]
    assert sum(row["bytes"] for row in rows) == summary["reachable_bytes"]
    assert rows == sorted(rows, key=lambda row: -row["bytes"])
    assert all(
        row["bytes"] <= row["retained"] <= summary["reachable_bytes"] or row["type"] == "runtime.g"
        for row in rows
    )
    assert sum(row["share"] for row in rows) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("version", versions())
def test_types_of_a_program(version, build):
    with Target(build("goroutines", "optimised", version)) as target:
        _, rows = table_of("types", target.pid, "--freeze", "now")
    found = {row["type"]: row for row in rows}
    leaf = found["main.Leaf"]
    # In Go 1.17, those of main.deep are behind words without a name.
    assert leaf["objects"] == (1400 if version != "1.17.13" else 1200)
    assert leaf["bytes"] == leaf["retained"] == leaf["objects"] * 32
    job = found["main.Job"]
    # Each of them owns its Leaf; names are of their own or constants.
    assert job["objects"] == 1000 and job["retained"] >= job["bytes"] + 1000 * 32
    assert re.match(r"main\.on(Channel|Mutex|Select)|main\.asleep", job["holder"])


def test_text_has_as_many_rows_as_asked_for(core):
    done = grf("types", *core, "-n", 3).expect(OK)
    lines = done.stdout.splitlines()
    at = next(i for i, line in enumerate(lines) if line.split()[:1] == ["bytes"])
    rows = [line for line in lines[at + 1 :] if re.match(r" +[\d.]+ \w*B ", line)]
    assert len(rows) == 3 and re.search(r"^  \(\d+ more\)$", done.stdout, re.M)
    assert "largest roots" not in done.stdout
    everything = grf("types", *core, "-n", 1000000).expect(OK).stdout
    assert "more)" not in everything


def test_tables_go_to_files(core, tmp_path):
    """By their suffix, and as text where it says nothing."""
    grf("types", *core, "-o", tmp_path / "a", "-o", tmp_path / "b.json").expect(OK)
    assert "types: " in (tmp_path / "a").read_text()
    jsonschema.validate(json.loads((tmp_path / "b.json").read_text()), SCHEMA)


@pytest.mark.parametrize("options", [("--format", "pprof"), ("-n", "0"), ("-n", "x")])
def test_usage(core, options):
    grf("types", *core, *options).expect(USAGE)


def test_no_result_over_what_is_read(core):
    executable, file = core
    before = file.stat().st_mtime_ns
    assert grf("types", executable, file, "-o", file).status != OK
    assert file.stat().st_mtime_ns == before

# SPDX-License-Identifier: BSD-2-Clause
"""Commands that show one view: types, goroutines."""

import collections
import json
import re

import cores
import jsonschema
import pytest
from gating import few
from running import OK, USAGE, Target, grf
from test_formats import SCHEMA
from toolchains import MODES, versions

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


# Kinds of goroutines of tests/programs/stuck, and how many there are of each.
STUCK = {
    f"main.{kind}Stuck": 20 if kind == "chain" else 10
    for kind in "receive send select range mutex read write group condition empty nil chain".split()
}
HEALTHY = {
    f"main.{kind}Healthy": 20 if kind in ("chain", "receive") else 10
    for kind in "receive select mutex group condition sleep chain timer ticker network".split()
}


def counts(rows, column):
    found = collections.Counter()
    for row in rows:
        found[row["function"]] += row[column]
    return +found


def profile_of_go(path):
    """Goroutines by function, as the profile goroutineleak has them as text."""
    found = collections.Counter()
    for block in path.read_text().split("\n\n"):
        count = re.match(r"(?:goroutineleak profile: .*\n)?(\d+) @", block)
        if count:
            found[re.findall(r"\t(main\.\w+)\+", block)[-1]] += int(count[1])
    return found


def look_at_stuck(target, executable, folder):
    """A process, and a core of it: the verdicts are the same."""
    core = folder / "core"
    _, live = table_of("goroutines", target.pid, "--freeze", "now")
    cores.write(target.pid, core)
    _, dead = table_of("goroutines", executable, core)
    core.unlink()
    assert counts(live, "never") == counts(dead, "never")
    assert all(row["waiting"] is None for row in dead), "a core says nothing of the time"
    return live


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("version", versions())
def test_goroutines_that_can_never_run_again(version, mode, build, tmp_path):
    """Every kind of wait, each beside one that can be woken. Where the release has a profile of such
    goroutines, it says the same."""
    executable, profile = build("stuck", mode, version), tmp_path / "profile"
    with Target(executable) as target:
        rows = look_at_stuck(target, executable, tmp_path)
    assert counts(rows, "goroutines") == {**STUCK, **HEALTHY, "main.main": 1}
    assert counts(rows, "never") == STUCK
    with Target(executable, profile) as target:
        rows = look_at_stuck(target, executable, tmp_path)
    assert counts(rows, "never") == STUCK
    if profile.exists():
        assert profile_of_go(profile) == STUCK
    else:
        assert version != "1.27.0"


@pytest.mark.parametrize("version", few(versions()))
def test_goroutines_of_a_healthy_program(version, build):
    with Target(build("goroutines", "optimised", version)) as target:
        document, rows = table_of("goroutines", target.pid, "--freeze", "now")
    assert sum(row["goroutines"] for row in rows) == document["summary"]["goroutines"] == 1401
    assert counts(rows, "never") == {}
    by_function = {row["function"]: row for row in rows}
    row = by_function["main.onSelect"]
    assert (row["goroutines"], row["state"]) == (200, "select")
    assert re.fullmatch(r"main\.main \(main\.go:\d+\)", row["created_by"])
    # A Job of 24 bytes, a Leaf of 32, a channel of 96.
    assert row["held"] >= 200 * (24 + 32 + 96) and row["stacks"] >= 200 * 2048
    # Two collections found them waiting.
    assert 0 < row["waiting"] < 3600e9
    assert by_function["main.main"]["created_by"] is None


def test_goroutines_without_debug_information(build):
    with Target(build("stuck", flags=("-ldflags=-s -w",))) as target:
        _, rows = table_of("goroutines", target.pid, "--freeze", "now")
    assert counts(rows, "never") == STUCK


def test_goroutines_as_text(start):
    target = start("stuck")
    shown = grf("goroutines", target.pid, "-n", 100).expect(OK).stdout
    assert re.search(r"^ +10 +10 .* +chan send +main\.sendStuck$", shown, re.M), shown
    assert re.search(r"^ +created by: main\.start \(main\.go:\d+\)$", shown, re.M), shown


@pytest.mark.parametrize("version", few(versions())[1:])
def test_leaks_of_goroutines(version, build):
    """What waits for an answer that nobody takes any more can never run again; its healthy twin, and what
    a service has beside, can."""
    executable = build("leaks", "optimised", version)
    for options, expected in ((("blocked",), 600), (("blocked", "healthy"), 0), (("tickers",), 0)):
        with Target(executable, *options) as target:
            _, rows = table_of("goroutines", target.pid, "--freeze", "now")
        found = counts(rows, "never")
        assert sum(found.values()) == expected, (options, found)
        if expected:
            assert list(found) == ["main.(*upstream).forward"]


@pytest.mark.parametrize("program", ["channels", "stacks", "locals", "hardroots"])
def test_all_goroutines_can_run(program, start):
    _, rows = table_of("goroutines", start(program).pid, "--freeze", "now")
    assert rows and counts(rows, "never") == {}


def holders_of(what, *arguments):
    """All of the objects, the paths, and the pointers."""
    shown = grf("holders", *arguments, what, "--format", "json").expect(OK)
    document = json.loads(shown.stdout)
    jsonschema.validate(document, SCHEMA)
    tables = []
    for name in ("objects", "holders", "pointers"):
        names = [column["name"] for column in document["tables"][name]["columns"]]
        tables.append([dict(zip(names, row)) for row in document["tables"][name]["rows"]])
    return tables[0][0], tables[1], tables[2]


def test_holders_reconcile_with_types(core):
    """Of every large type: what all of its objects are, and that each is held by a path and a pointer."""
    _, types = table_of("types", *core)
    names = collections.Counter(row["type"] for row in types)
    for row in [row for row in types if names[row["type"]] == 1][:8]:
        objects, holders, pointers = holders_of(row["type"], *core)
        for column in ("objects", "bytes", "retained", "type"):
            assert objects[column] == row[column], row
        assert sum(holder["objects"] for holder in holders) == row["objects"]
        assert sum(holder["bytes"] for holder in holders) == row["bytes"]
        assert sum(holder["share"] for holder in holders) == pytest.approx(1, abs=1e-3)
        assert max(holder["retained"] for holder in holders) <= row["retained"]
        assert sum(place["objects"] for place in pointers) >= row["objects"]
        assert all(0 < place["objects"] <= place["pointers"] for place in pointers)
        assert len({holder["path"] for holder in holders}) == len(holders)


@pytest.mark.parametrize("flags", [(), ("-ldflags=-w",)])
@pytest.mark.parametrize("version", versions())
def test_holders_of_a_program(version, flags, build):
    """tests/programs/held: who of the program's own packages holds what, how often, and from where."""
    executable = build("held", "optimised", version, flags)
    with Target(executable) as target:
        objects, holders, pointers = holders_of("*main.User", target.pid, "--freeze", "now")
        _, hidden, _ = holders_of("main.User", target.pid, "--freeze", "now", "--hide-package", "example.com/programs/held")
    assert objects["objects"] == 300 and objects["type"] == "main.User"
    # Each has a name of 100 bytes, and 200 of them a list element around it.
    assert objects["retained"] >= 300 * (objects["bytes"] // 300 + 112)
    assert sum(place["pointers"] for place in pointers) == 200 + 100 + 50
    by_place = {place["holder"]: place for place in pointers}
    assert by_place["container/list.Element.Value"]["objects"] == 200
    friends = by_place["main.User.Friend"]
    assert (friends["pointers"], friends["objects"]) == (50, 1)
    assert {holder["mine"] for holder in holders} <= {"example.com/programs/held/store.Recent", "main.users"} or flags
    assert sum(holder["objects"] for holder in holders if holder["mine"]) == 300 or flags
    if not flags:
        # What is hidden is not own code.
        assert any(holder["mine"] == "example.com/programs/held/store.Recent" for holder in holders)
        assert {holder["mine"] for holder in hidden} == {None, "main.users"}


def test_no_holders(core):
    """Names that are near, of which there are objects."""
    _, types = table_of("types", *core)
    name = next(row["type"] for row in types if row["type"].startswith("main."))
    message = grf("holders", *core, name[5:]).expect(USAGE).stderr
    assert f"no object is of the type `{name[5:]}'; there are" in message and name in message
    assert "no reachable object is at 0x10" in grf("holders", *core, "0x10").expect(USAGE).stderr
    grf("holders", *core).expect(USAGE)
    grf("holders", "1", "2", "3", "4").expect(USAGE)
    grf("types", *core, "main.T").expect(USAGE)
    grf("types", *core, "--hide", "main").expect(USAGE)


def test_holders_as_text(core):
    shown = grf("holders", *core, "runtime.g", "-n", 2).expect(OK).stdout
    assert re.search(r"^objects: ", shown, re.M) and re.search(r"^pointers: ", shown, re.M), shown
    assert re.search(r"^ +path: ", shown, re.M), shown


@pytest.mark.parametrize("flags", [(), ("-ldflags=-w -s",)])
@pytest.mark.parametrize("version", versions())
def test_labels(version, flags, build):
    """tests/programs/labels: maps up to Go 1.23, slices since."""
    with Target(build("labels", "optimised", version, flags)) as target:
        _, rows = table_of("goroutines", target.pid, "--freeze", "now")
    found = collections.Counter()
    for row in rows:
        found[row["labels"]] += row["goroutines"]

    def many(count):
        text = ""
        for i in range(count):
            if len(text) > 512:
                return text + "..."
            text += f"key{i:03}={i}" + (", " if i + 1 < count else "")
        return text

    assert found == {
        "path=/a, user=ann": 3,
        "path=/b, user=bob1": 2,
        many(13): 1,
        many(40): 1,
        many(200): 1,
        '""="", evil="a, b=\\"\\x1b[2J\\x00\\\\"': 1,
        # Contents of that length are not copied.
        "long=...": 1,
        "of=main": 1,
        # And the main goroutine, which has none any more.
        None: 2,
    }

# SPDX-License-Identifier: BSD-2-Clause
"""Results in every format, and several of one run: they say the same."""

import json
import os
import re
import shutil

import jsonschema
import pprof
import pytest
from running import OK, USAGE, Target, grf
from toolchains import ROOT

SCHEMA = json.loads((ROOT / "docs" / "grf-bpf.schema.json").read_text())


def chains(document):
    """The tree of a document as a profile has it: chains, root first, with objects and bytes."""
    names, found = {}, {}
    for node in document["tree"]:
        chain = names.get(node["parent"], ()) + (node["name"],)
        names[node["id"]] = chain
        if node["objects"]:
            objects, size = found.get(chain, (0, 0))
            found[chain] = objects + node["objects"], size + node["bytes"]
    return found


@pytest.fixture(scope="session")
def results(core, tmp_path_factory):
    """One run with a result in every format."""
    folder = tmp_path_factory.mktemp("results")
    files = [folder / f"heap.{suffix}" for suffix in ("pb.gz", "json", "txt")]
    done = grf("core", *core, *(word for file in files for word in ("-o", file))).expect(OK)
    document = json.loads(files[1].read_text())
    return pprof.read(files[0]), document, files[2].read_text(), done


def test_schema(results):
    jsonschema.validate(results[1], SCHEMA)


def test_schema_can_fail(results):
    wrong = json.loads(json.dumps(results[1]))
    wrong["summary"]["reachable_bytes"] = "many"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(wrong, SCHEMA)


def test_all_say_the_same(results):
    profile, document, text, done = results
    assert chains(document) == profile.chains
    summary = document["summary"]
    assert (summary["reachable_objects"], summary["reachable_bytes"]) == profile.totals()
    # Those that a root without a type leads to itself have no element of their own.
    untyped = (summary["untyped_objects"], summary["untyped_bytes"])
    assert all(all_of_it >= part for all_of_it, part in zip(untyped, profile.untyped()))
    shown = done.stdout.partition("successfully")[0]
    assert text.startswith(shown.rstrip("\n"))
    assert document["program"]["go_version"] in text
    rows = document["tables"]["largest_roots"]["rows"]
    printed = re.findall(r"%\s+[\d,]+  (\S+)$", shown, re.M)
    assert [row[3] for row in rows] == printed


def test_owners_add_up(results):
    """No byte has two owners; text says the first of them as JSON does, and before the tree."""
    _, document, text, _ = results
    table = document["tables"]["owners"]
    names = [column["name"] for column in table["columns"]]
    rows = [dict(zip(names, row)) for row in table["rows"]]
    assert rows and rows == sorted(rows, key=lambda row: -row["bytes"])
    for name in ("bytes", "objects"):
        assert sum(row[name] for row in rows) <= document["summary"][f"reachable_{name}"]
    assert 0.5 < sum(row["share"] for row in rows) <= 1.000001
    shown = text.partition("owners: ")[2].partition("held by\n")[0].rstrip("\n").rsplit("\n", 1)[0]
    assert all(len(line) <= 80 for line in shown.splitlines())
    firsts = re.findall(r"^ +[\d.]+ \S?i?B +[\d.]+% +[\d,]+  (\S+)", shown, re.M)
    assert len(firsts) == min(12, len(rows))
    for row, first in zip(rows, firsts):
        assert "\u2026" in first or row["owner"].startswith(first.rstrip(":,")), (row, first)
    assert any(row["owner"].startswith("main.") for row in rows)


def program_of(target, folder, *arguments):
    grf("attach", target.pid, *arguments, "--freeze", "now", "-o", folder / "out.json").expect(OK)
    document = json.loads((folder / "out.json").read_text())
    jsonschema.validate(document, SCHEMA)
    return {name: document["program"][name] for name in ("path", "opened", "deleted")}


def test_the_path_is_the_processs(build, tmp_path):
    """Also where its file is gone, and its name has an escape sequence."""
    program = tmp_path / "the\x1bserver"
    shutil.copy(build("slices"), program)
    shown = str(program).replace("\x1b", "\\x1b")
    with Target(program) as target:
        opened = f"/proc/{target.pid}/exe"
        found = program_of(target, tmp_path)
        assert found == {"path": shown, "opened": opened, "deleted": False}
        named = str(build("slices"))
        found = program_of(target, tmp_path, named)
        assert found == {"path": shown, "opened": named, "deleted": False}
        os.link(program, tmp_path / "other")
        program.unlink()
        found = program_of(target, tmp_path)
        assert found == {"path": shown, "opened": opened, "deleted": True}


def test_a_file_that_is_called_deleted(build, tmp_path):
    program = tmp_path / "server (deleted)"
    shutil.copy(build("slices"), program)
    with Target(program) as target:
        found = program_of(target, tmp_path)
        assert (found["path"], found["deleted"]) == (str(program), False)


def test_text_adds_up(results):
    """What is shown and what is left out of the roots are all there is."""
    _, document, text, _ = results
    tree = text.partition("held by\n")[2]
    counts = [
        int(count.replace(",", ""))
        for count in re.findall(r"^ +\S+ \S*B +[\d.]+% +([\d,]+)  \S", tree, re.M)
    ]
    assert sum(counts) == document["summary"]["reachable_objects"]


def test_same_bytes(core, tmp_path):
    for name in ("a", "b"):
        grf("core", *core, "-o", tmp_path / f"{name}.json", "-o", tmp_path / f"{name}.txt").expect(OK)
    for suffix in ("json", "txt"):
        assert (tmp_path / f"a.{suffix}").read_bytes() == (tmp_path / f"b.{suffix}").read_bytes()


def test_live(start):
    """A process has all of the provenance; text and JSON go to standard output."""
    target = start("structs")
    for options in ((), ("--no-ebpf", "--copy", "stop"), ("--copy", "fork")):
        done = grf("attach", target.pid, "--format", "json", *options).expect(OK)
        document = json.loads(done.stdout)
        jsonschema.validate(document, SCHEMA)
        assert document["provenance"]["pid"] == target.pid
        assert "Go version" in done.stderr
    done = grf("attach", target.pid, "--format", "text").expect(OK)
    assert "held by" in done.stdout and "Go version" in done.stdout
    assert done.stderr == "successfully output to `/dev/stdout`\n"


def test_formats_by_name(core, tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    grf("core", *core, "-o", one, "--format", "json", "-o", two, "--format", "text").expect(OK)
    jsonschema.validate(json.loads(one.read_text()), SCHEMA)
    assert "held by" in two.read_text()


@pytest.mark.parametrize(
    "options",
    [
        ("--format", "xml"),
        ("--format", "json", "--format", "text", "-o", "x"),
        tuple(word for i in range(9) for word in ("-o", f"{i}.json")),
    ],
)
def test_usage(core, tmp_path, options):
    grf("core", *core, *options, cwd=tmp_path).expect(USAGE)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("spelling", ["x", "./x", "link/x", "../{}/x"])
def test_two_at_one_place(core, tmp_path, spelling):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "link").symlink_to(".")
    other = spelling.format("folder")
    done = grf("core", *core, "-o", "x", "-o", other, cwd=tmp_path / "folder")
    assert done.status == USAGE and "both" in done.stderr
    (tmp_path / "folder" / "link").unlink()
    (tmp_path / "folder").rmdir()
    assert not list(tmp_path.iterdir())


def shown_of(everything, focus=None, hide=None):
    """Chains of a profile as --focus and --hide show them."""
    found = {}
    for chain, values in everything.items():
        if focus and not any(re.search(focus, name) for name in chain):
            continue
        kept = tuple(name for name in chain if not (hide and re.search(hide, name))) or ("(hidden)",)
        before = found.get(kept, (0, 0))
        found[kept] = before[0] + values[0], before[1] + values[1]
    return found


@pytest.mark.parametrize(
    "focus, hide",
    [(r"^main\.", None), (None, r"^\["), (r"main\.|os\.", r"\*"), (None, "."), ("nothing has this name", None)],
)
def test_a_part_is_shown(focus, hide, core, results, tmp_path):
    """Every format has the same part, and its totals are those of its chains."""
    options = (*(("--focus", focus) if focus else ()), *(("--hide", hide) if hide else ()))
    files = [tmp_path / name for name in ("a.pb.gz", "a.json", "a.txt")]
    done = grf("core", *core, *options, *(word for file in files for word in ("-o", file))).expect(OK)
    profile, document = pprof.read(files[0]), json.loads(files[1].read_text())
    jsonschema.validate(document, SCHEMA)
    assert profile.chains == chains(document) == shown_of(results[0].chains, focus, hide)
    summary = document["summary"]
    assert (summary["shown_objects"], summary["shown_bytes"]) == profile.totals()
    assert (summary["reachable_objects"], summary["reachable_bytes"]) == results[0].totals()
    line = re.search(r"^  shown .* \((.*)% of what is reachable\) in the tree:(.*)$", done.stdout, re.M)
    assert float(line[1]) == pytest.approx(100 * summary["shown_bytes"] / summary["reachable_bytes"], abs=0.06)
    for name, text in (("focus", focus), ("hide", hide)):
        assert (f"--{name} {text}" in line[2]) == bool(text)
        assert (f"{name}: {text}" in profile.comments) == bool(text)
    assert line[0] in files[2].read_text()


def test_all_is_shown(results):
    assert "shown_bytes" not in results[1]["summary"] and "  shown  " not in results[3].stdout


@pytest.mark.parametrize("options", [("--focus", "("), ("--hide", "[a"), ("--hide", "a", "--hide", "b")])
def test_what_is_no_regular_expression(options, core):
    assert options[0] in grf("core", *core, *options).expect(USAGE).stderr

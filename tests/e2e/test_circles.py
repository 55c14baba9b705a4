# SPDX-License-Identifier: BSD-2-Clause
"""Circles of calls between files, and that the check for them can fail."""

import subprocess

import pytest
from toolchains import ROOT

CIRCLES = ROOT / "tests" / "scripts" / "circles.py"


def build(folder, files):
    """Compiles files of functions, each of which calls others: {"a": {"f": "g h"}} is a.c with f()."""
    objects = []
    for name, functions in files.items():
        source = folder / f"{name}.c"
        source.parent.mkdir(parents=True, exist_ok=True)
        called = {other for calls in functions.values() for other in calls.split()}
        lines = [f"void {other}(void);" for other in sorted(called | set(functions))]
        for function, calls in functions.items():
            lines.append(f"void {function}(void) {{ {' '.join(f'{other}();' for other in calls.split())} }}")
        source.write_text("\n".join(lines) + "\n")
        objects.append(source.with_suffix(".o"))
        subprocess.run(["gcc", "-O0", "-c", "-o", objects[-1], source], check=True)
    return objects


def check(folder, files):
    objects = build(folder, files)
    return subprocess.run([CIRCLES, folder, *objects], capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    "files, wrong",
    [
        ({"walk/a": {"f": "g puts"}, "walk/b": {"g": "h"}, "walk/c": {"h": ""}}, None),
        ({"a": {"f": "g", "own": "f"}, "b": {"g": "exit"}}, None),
        ({"a": {"f": "g"}, "b": {"g": "h"}, "c": {"h": "f"}}, "c.c uses f of a.c"),
        ({"a": {"f": "g k"}, "b": {"g": ""}, "c": {"h": "f", "k": ""}}, "a.c uses k of c.c"),
        ({"model/types/types": {"f": "g"}, "model/types/plans": {"g": "f"}}, None),
        ({"model/types/types": {"f": "g"}, "model/types/new": {"g": "f"}}, "model/types/types.c uses g of"),
        ({"graph/walk/a": {"f": "g"}, "graph/b": {"g": ""}, "cli/c": {"h": "f"}}, None),
        ({"graph/a": {"f": "g"}, "graph/walk/b": {"g": ""}}, "of graph/walk/b.c, which stands above it"),
        ({"model/a": {"f": "g"}, "graph/b": {"g": ""}}, "of graph/b.c, which stands above it"),
        ({"capture/capture": {"f": "g"}, "capture/ways/b": {"g": ""}}, None),
        ({"capture/other": {"f": "g"}, "capture/ways/b": {"g": ""}}, "of capture/ways/b.c, which stands above"),
    ],
    ids=[
        "one way", "by themselves", "three", "two", "by nature", "one more", "down", "a room above",
        "a stage above", "a table", "no table",
    ],
)
def test_circles(tmp_path, files, wrong):
    done = check(tmp_path, files)
    assert done.returncode == (1 if wrong else 0), done.stdout + done.stderr
    assert wrong in done.stdout if wrong else not done.stdout


def test_a_weak_use_is_one(tmp_path):
    (tmp_path / "graph").mkdir()
    (tmp_path / "model").mkdir()
    sources = {
        "model/a.c": "void g(void) __attribute__((weak)); void f(void) { if (g) g(); }",
        "graph/b.c": "void g(void) { }",
    }
    objects = []
    for name, text in sources.items():
        (tmp_path / name).write_text(text)
        objects.append((tmp_path / name).with_suffix(".o"))
        subprocess.run(["gcc", "-O0", "-c", "-o", objects[-1], tmp_path / name], check=True)
    done = subprocess.run([CIRCLES, tmp_path, *objects], capture_output=True, text=True, check=False)
    assert done.stdout == "model/a.c uses g of graph/b.c, which stands above it\n", done.stderr


def test_the_sources_hold():
    folder = ROOT / "build" / "user"
    objects = [
        folder / source.relative_to(ROOT / "user").with_suffix(".o") for source in (ROOT / "user").rglob("*.c")
    ]
    if not all(path.exists() for path in objects):
        pytest.skip("the tool was built elsewhere")
    done = subprocess.run([CIRCLES, folder, *objects], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")

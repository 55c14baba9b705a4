#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""
Makes user/model/release/layout_table.h, the offsets of the runtime's fields by Go release, from what the DWARF of a
program built with each release says.

  layout.py           writes the table
  layout.py --check   prints how the table differs from what it should be; the exit status is 1 then
  layout.py --rows    looks at the rows alone: each must be read by some code

The rows are those of user/model/release/layout_fields.h. A row that no code names is refused, and so is one that no
release has. The columns are the releases in tests/e2e/toolchains.py.
"""

import argparse
import concurrent.futures
import difflib
import functools
import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "e2e"))
sys.dont_write_bytecode = True

# pylint: disable=wrong-import-position
from toolchains import ALL_VERSIONS, FETCHED, Toolchain, Unavailable, installed_go

FIELDS = ROOT / "user" / "model" / "release" / "layout_fields.h"
TABLE = ROOT / "user" / "model" / "release" / "layout_table.h"
READER = ROOT / "tests" / "layout" / "structures.go"
# It has a timer, a finalizer, channels and maps: the linker leaves out structures that a program lacks.
PROGRAM = "demo"

ROW = re.compile(r'^GRF_LAYOUT_FIELD\(\s*(\w+),\s*(\w+),\s*"([^"]+)",\s*"([^"]*)"\)$', re.M)
HEADER = """\
/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Offsets in bytes on amd64, by Go release, as DWARF of programs built with it has them; -1 where
 * the release has no such field. A row for each field of layout_fields.h, in its order. Made by
 * make layout.
 */
/* clang-format off */
#ifndef GRF_MODEL_RELEASE_LAYOUT_TABLE_H
#define GRF_MODEL_RELEASE_LAYOUT_TABLE_H

#include <stdint.h>

"""


class Refused(Exception):
    """The rows are wrong."""


def read_rows(path):
    """(structure, field, names in Go of the structure, of the field) of each row."""
    text = path.read_text()
    rows = [(a, b, c.split("|"), d.split("|") if d else []) for a, b, c, d in ROW.findall(text)]
    if not rows or len(rows) != len(re.findall(r"^GRF_LAYOUT_FIELD\(", text, re.M)):
        raise Refused(f"{path}: a row is not as it should be")
    return rows


def preprocessed(path, folder):
    command = [*os.environ.get("CC", "cc").split(), "-E", "-P", "-I", str(folder), "-I", str(ROOT / "user"), "-I", str(ROOT / "include"),
               "-I", str(ROOT / "build" / "generated"), "-D_GNU_SOURCE", "-DGRF_VERSION=\"\"", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Refused(done.stderr.strip())
    return done.stdout


@functools.cache
def named_fields():
    """The GRF_FIELD_* that some code names, beside enum grf_field and what layout.c says of rows."""
    found = set()
    sources = sorted((ROOT / "user").rglob("*.c"))
    sources.remove(TABLE.parent / "layout.c")
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for text in pool.map(preprocessed, sources, [ROOT / "user"] * len(sources)):
            code = re.sub(r"enum\s+grf_field\s*\{.*?\}", "", text, count=1, flags=re.S)
            found.update(re.findall(r"\bGRF_FIELD_(\w+)", code))
    return found


def check_rows(rows):
    """The size of a structure tells that its DWARF was seen: those rows are always read."""
    named = named_fields()
    unread = [f"{a}.{b}" for a, b, _, fields in rows if fields and f"{a}_{b}" not in named]
    sized = {a for a, _, _, fields in rows if not fields}
    used = {a for a, b, _, fields in rows if fields or f"{a}_{b}" in named}
    if unread or used - sized:
        raise Refused("".join(f"{name}: no code names it\n" for name in unread) +
                      "".join(f"{name}: has no _size\n" for name in sorted(used - sized)))
    if sized - used:
        raise Refused("".join(f"{name}._size: no code reads this structure\n" for name in sorted(sized - used)))


def number(version):
    return tuple(int(part) for part in version.split("."))[1:]


def releases():
    """The releases of the columns, oldest first."""
    found = (FETCHED.get(version, version) for version in ALL_VERSIONS.split() if "+" not in version)
    return sorted(found, key=number)


def read_structures(reader, version, names, folder):
    """{structure: {field: offset}} of a release; the field "" is its size."""
    program = folder / version
    try:
        Toolchain(version).compile(PROGRAM, program, [], folder / f"{version}.d", cgo=False)
    except Unavailable as reason:
        raise Refused(f"{reason}\n") from reason
    text = subprocess.run([reader, program, *names], capture_output=True, text=True, check=True).stdout
    program.unlink()
    structures, fields = {}, {}
    for line in text.splitlines():
        what, name, value = line.split(" ")
        if what == "structure":
            structures[name] = fields = {"": int(value)}
        else:
            fields[name] = int(value)
    return structures


def build_reader(folder):
    reader = folder / "structures"
    environment = dict(os.environ, GOFLAGS="", GOENV="off", GO111MODULE="off", GOTOOLCHAIN="local")
    environment.setdefault("HOME", "/root")
    subprocess.run([installed_go(), "build", "-o", reader, READER], env=environment, check=True)
    return reader


def read_releases(versions, rows):
    """{release: {structure: {field: offset}}}."""
    names = sorted({name for _, _, structures, _ in rows for name in structures})
    found = {}
    with tempfile.TemporaryDirectory(prefix="grf-layout.") as name:
        folder = pathlib.Path(name)
        reader = build_reader(folder)
        for version in versions:
            (folder / f"{version}.d").mkdir()
            found[version] = read_structures(reader, version, names, folder)
    return found


def offset(structures, go_structures, go_fields):
    for name in go_structures:
        for field in go_fields or [""]:
            if field in structures.get(name, {}):
                return structures[name][field]
    return -1


def make_table(rows, found):
    numbers = [number(version) for version in found]
    lines = [HEADER, f"#define GRF_LAYOUT_RELEASES {len(found)}\n\n", "static const struct {\n",
             "\tint minor;\n\tint patch;\n} grf_layout_releases[GRF_LAYOUT_RELEASES] = {\n"]
    lines.append("\t" + " ".join(f"{{{minor}, {patch}}}," for minor, patch in numbers) + "\n};\n\n")
    lines.append("static const int32_t grf_layout_table[][GRF_LAYOUT_RELEASES] = {\n")
    for structure, field, go_structures, go_fields in rows:
        values = [offset(found[version], go_structures, go_fields) for version in found]
        if max(values) < 0:
            raise Refused(f"{structure}.{field}: no release has it")
        lines.append(f"\t{{{', '.join(map(str, values))}}}, /* {structure}.{field} */\n")
    return "".join(lines) + "};\n\n#endif\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--rows", action="store_true")
    chosen = parser.parse_args()
    try:
        rows = read_rows(FIELDS)
        check_rows(rows)
        if chosen.rows:
            return 0
        table = make_table(rows, read_releases(releases(), rows))
    except Refused as refused:
        print(refused, file=sys.stderr)
        return 1
    if not chosen.check:
        TABLE.write_text(table)
        return 0
    lines = list(difflib.unified_diff(TABLE.read_text().splitlines(), table.splitlines(),
                                      "as committed", "as the toolchains have it", lineterm=""))
    print(*lines, sep="\n" if lines else "", end="\n" if lines else "")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())

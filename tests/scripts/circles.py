#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""
Holds the calls between source files: they go one way, but for circles that are in the nature of the matter. And
holds the calls between stages and rooms, which go down as includes do (layers.py).

  circles.py FOLDER OBJECT...

The object files of a build, below FOLDER. Files form a circle where each uses, directly or by way of others, a
symbol of each other. Prints a line for each use in a circle, and for each use of a stage or room above, that is
not listed here; the exit status is 1 then.
"""

import pathlib
import subprocess
import sys

import layers

# The shape of a type is read when it is first asked for, and names the types of its fields.
BY_NATURE = (
    {
        f"model/types/{name}"
        for name in (
            "container_types", "dwarf_types", "generics/shaped_instances", "plans", "runtime_types",
            "special_types", "type_list", "type_names", "type_shapes", "types",
        )
    },
)
# What has a table of all that rooms above it offer, and where these are.
TABLES = {"arch/arch": "arch/", "capture/capture": "capture/ways/", "views/views": "views/"}


def read_symbols(objects):
    """For each object, the symbols that it defines for others, and those that it wants of others."""
    listed = subprocess.run(["nm", "-A", "--format=posix", *objects], capture_output=True, text=True, check=True)
    symbols = {name: (set(), set()) for name in objects}
    for line in listed.stdout.splitlines():
        path, rest = line.split(": ", 1)
        name, kind = rest.split()[:2]
        if kind in "Uwv":
            symbols[path][1].add(name)
        elif kind in "TDBRCVW":
            symbols[path][0].add(name)
    return symbols


def find_uses(folder, objects):
    """For each object file, by name without suffix: which others it uses, and by which symbols."""
    symbols = {
        pathlib.Path(path).relative_to(folder).with_suffix("").as_posix(): both
        for path, both in read_symbols(sorted(objects)).items()
    }
    home = {symbol: name for name, (defined, _) in symbols.items() for symbol in defined}
    uses = {name: {} for name in symbols}
    for name, (_, wanted) in symbols.items():
        for symbol in wanted:
            other = home.get(symbol, name)
            if other != name:
                uses[name].setdefault(other, set()).add(symbol)
    return uses


def reachable(uses, start):
    """What a file uses, directly or by way of others."""
    seen, waiting = set(), [start]
    while waiting:
        for other in uses[waiting.pop()]:
            if other not in seen:
                seen.add(other)
                waiting.append(other)
    return seen


def find_circles(uses):
    """The sets of files that all use each other."""
    far = {name: reachable(uses, name) for name in uses}
    circles = {frozenset(other for other in far[name] if name in far[other]) for name in uses if name in far[name]}
    return sorted(circles, key=sorted)


def goes_up(name, other):
    """Whether a file that uses another one stands below it."""
    if other.startswith(TABLES.get(name, "/")) or any({name, other} <= known for known in BY_NATURE):
        return False
    stage, room = layers.place_of(name)
    other_stage, other_room = layers.place_of(other)
    return {stage, other_stage} <= set(layers.BELOW) and not layers.may_include(
        stage, room, other_stage, other_room
    )


def main():
    """Prints the uses that make circles, and those that go up."""
    folder, *objects = sys.argv[1:]
    uses = find_uses(folder, objects)
    found = [
        f"{name}.c uses {', '.join(sorted(symbols))} of {other}.c, which uses it too, directly or not"
        for circle in find_circles(uses)
        if not any(circle <= known for known in BY_NATURE)
        for name in sorted(circle)
        for other, symbols in sorted(uses[name].items())
        if other in circle
    ]
    found += [
        f"{name}.c uses {', '.join(sorted(symbols))} of {other}.c, which stands above it"
        for name in sorted(uses)
        for other, symbols in sorted(uses[name].items())
        if goes_up(name, other)
    ]
    print("\n".join(found), end="\n" if found else "")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())

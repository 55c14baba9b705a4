# SPDX-License-Identifier: BSD-2-Clause
"""Types that nobody names: found out by contents, or none; and how much of each program is typed."""

import json
import re
import struct
import subprocess

import pprof
import pytest
from gating import few, pairs
from running import OK, Target, goref
from toolchains import versions

STRIPPED = "-ldflags=-s -w"
RELEASES = ["1.22.12", "1.23.12", "1.24.9", "1.25.5", "1.26", "1.27.0"]
OLDER = ["1.17.13", "1.18.10", "1.20.14", "1.21.13"]
MAKERS = re.compile(r"runtime\.(newobject|mallocgc\w*|convT|makechan|makemap|mapassign\w*)")
LEA = re.compile(rb"(?=[\x48\x4c]\x8d[\x05\x0d\x15\x1d\x25\x2d\x35\x3d](....))", re.S)


class Program:
    """The executable file of a program with symbols, not position-independent."""

    def __init__(self, path):
        self.contents = path.read_bytes()
        text = subprocess.run(
            ["readelf", "-lsW", path], capture_output=True, text=True, check=True
        ).stdout
        self.symbols = {
            name: int(value, 16)
            for value, name in re.findall(r"^ *\d+: (\w+) +\S+ \S+ .* (\S+)$", text, re.M)
        }
        self.names = {value: name for name, value in self.symbols.items()}
        self.segments = [
            [int(number, 16) for number in found]
            for found in re.findall(r"LOAD +0x(\w+) 0x(\w+) 0x\w+ 0x(\w+)", text)
        ]

    def at(self, address, length):
        for offset, start, size in self.segments:
            if start <= address < start + size:
                return self.contents[offset + address - start : offset + address - start + length]
        return b""

    def is_descriptor(self, address):
        """Whether a runtime._type stands there: other things do too, that code refers to."""
        header = self.at(address, 48)
        size, pointers, _, _, align, field_align, kind = struct.unpack("<QQIBBBB", header[:24])
        (name,) = struct.unpack("<i", header[40:44])
        text = self.at(self.symbols["runtime.types"] + name, 256) if name > 0 else b""
        return (
            0 < kind & 31 <= 26
            and pointers <= size < 1 << 30
            and align in (1, 2, 4, 8)
            and field_align in (1, 2, 4, 8)
            and len(text) > 2
            and text[0] < 16
            and 0 < text[1]
            and text[2 + (text[1] > 127) :][: min(text[1], 64)].isascii()
            and text[2 + (text[1] > 127) :][: min(text[1], 64)].decode().isprintable()
        )

    def types(self):
        """{address of a descriptor that the code refers to: whether the code makes one}"""
        begin, end = self.symbols["runtime.text"], self.symbols["runtime.etext"]
        first, last = self.symbols["runtime.types"], self.symbols["runtime.etypes"]
        code, found = self.at(begin, end - begin), {}
        places = []
        for match in LEA.finditer(code):
            target = begin + match.start() + 7 + struct.unpack("<i", match.group(1))[0]
            if first <= target < last and target % 8 == 0:
                places.append((match.start(), target))
        for (at, target), (following, _) in zip(places, [*places[1:], (len(code), 0)]):
            window = range(at + 7, min(at + 71, following - 4))
            calls = (begin + k + 5 + struct.unpack_from("<i", code, k + 1)[0]
                     for k in window if code[k] == 0xE8)
            called = next((self.names[call] for call in calls if call in self.names), "")
            if target not in found:
                found[target] = False
            found[target] |= bool(MAKERS.fullmatch(called))
        return {address: made for address, made in found.items() if self.is_descriptor(address)}


def bare(name):
    """Without package paths, and as reflect and descriptors both have it."""
    name = re.sub(r"go\.shape\.", "", name)
    name = re.sub(r"/v\d+\.", ".", name)
    name = re.sub(r"[^\s*\[\](),{}]+/", "", name)
    if "struct {" in name:
        name = re.sub(r"\w+\.", "", name)
    return name.replace(" ", "")


def right(found, kinds):
    """Whether what was found is true of a value: it is its type, or what it is made of, or begins
    with. `kinds` has the names that it goes by."""
    return bare(found) in {bare(kind) for kind in kinds}


@pytest.mark.parametrize("version", few([OLDER[-1], *RELEASES]))
def test_no_wrong_type(version, build, tmp_path):
    """Of each type that a program with much of the standard library makes, four values, each behind
    a pointer that says nothing. There are hundreds of pairs with one size and one mask: each value
    gets its type, or none."""
    executable = build("standard", version=version)
    program, stripped = Program(executable), tmp_path / "standard"
    subprocess.run(["strip", "-o", stripped, executable], check=True)
    types = program.types()
    assert len(types) > 1000 and sum(types.values()) > 500
    (tmp_path / "types").write_text(
        "\n".join(f"{address:x} {made:d}" for address, made in types.items())
    )
    with Target(stripped, tmp_path / "types") as target:
        arguments = ("--max-samples", 0, "--freeze", "now", "-o", tmp_path / "out")
        goref("attach", target.pid, *arguments).expect(OK)
    at_root = {}
    for chain in pprof.read(tmp_path / "out").chains:
        match = re.match(r"bss\+0x([0-9a-f]+)", chain[0])
        if match:
            at_root.setdefault(int(match.group(1), 16), []).append(chain)
    # What the sections are called is gone: the first of the roots is told by its type.
    first = program.symbols["main.roots"] - program.symbols["runtime.bss"]
    assert any("main.Sentinel" in element for chain in at_root[first] for element in chain)
    named, wrong = 0, []
    for number, kinds in target.facts.items():
        chains = at_root.get(first + 8 * int(number), [])
        if not chains or any(len(chain) == 1 for chain in chains):
            continue
        found = {chain[1] for chain in chains}
        named += 1
        if not all(right(name.removeprefix("?. (").removesuffix(")"), kinds) for name in found):
            wrong.append((kinds, found))
    assert not wrong, f"{len(wrong)} of {named}: {wrong[:20]}"
    assert named > 0.4 * len(target.facts), (named, len(target.facts))


# What the programs that live on in tests/programs hold, and that does not change by itself.
PROGRAMS = [
    "buffers", "channels", "cleanups", "closures", "concurrent", "demo", "facts", "finalizers", "firstfield",
    "framemaps", "generics", "goroutines", "hardroots", "inside", "interfaces", "locals", "maps", "names",
    "pieces", "pointers", "recursion", "reflection", "shapes", "slices", "strings", "structs", "timers",
    "unsafe",
]


NEWER = [version for version in versions() if int(version.split(".")[1]) >= 22]
BOTH = [(program, flag) for program in PROGRAMS for flag in ("", STRIPPED)]


@pytest.mark.parametrize(
    "version, program, flag",
    [
        pytest.param(version, *both, id=f"{version}-{both[0]}-{'stripped' if both[1] else 'dwarf'}")
        for version, both in pairs(NEWER, BOTH, share=5)
    ],
)
def test_share_typed(program, flag, version, build, tmp_path):
    executable = build(program, version=version, flags=(flag,) if flag else ())
    with Target(executable) as target:
        done = goref("attach", target.pid, "--freeze", "now", "-o", tmp_path / "out").expect(OK)
    share = float(re.search(r"typed +([\d.]+)%", done.stdout).group(1))
    assert share >= 99.5, done.stdout


@pytest.mark.parametrize("flag", ["", STRIPPED])
@pytest.mark.parametrize("version", few(["1.21.13", "1.22.12", "1.24.9", "1.26", "1.27.0"]))
def test_words_of_interfaces(version, flag, build, tmp_path):
    """The location lists mix the words of interfaces of which one becomes the other; and what stands
    behind a type word need not be what it is the type of."""
    executable = build("carried", version=version, flags=(flag,) if flag else ())
    with Target(executable) as target:
        goref("attach", target.pid, "--freeze", "now", "-o", tmp_path / "out").expect(OK)
    chains = pprof.read(tmp_path / "out").chains
    for field, size in ("side. (*[3]int)", 24), ("radius. (*[6]int)", 48):
        held = [counts for chain, counts in chains.items() if chain[-1] == field]
        objects = sum(count for count, _ in held)
        assert sum(taken for _, taken in held) == objects * size, held
        assert flag or objects >= 6, held


@pytest.mark.parametrize("version", ["1.17.13", "1.23.12", "1.26"])
def test_type_word_beside_a_pointer(version, build, tmp_path):
    """A list whose first node stands beside a type word of something else is a list of nodes."""
    with Target(build("beside", version=version, flags=(STRIPPED,))) as target:
        goref("attach", target.pid, "-o", tmp_path / "out").expect(OK)
    profile = pprof.read(tmp_path / "out")
    roots = {chain[:2] for chain in profile.chains if chain[0] == "main.list" and len(chain) > 1}
    assert ("main.list", "?. (main.Node)") in roots
    assert not [chain for chain in roots if re.search(r"Leaf|int|Large", chain[1])]


def by_root(program, chains):
    """{variable or function: the elements below it}, where the program is stripped as well."""
    bss, found = program.symbols["runtime.bss"], {}
    for chain in chains:
        match = re.match(r"bss\+(?:0x)?([0-9a-f]+)$", chain[0])
        at = bss + int(match.group(1), 16) if match else 0
        name = program.names.get(at, program.names.get(at - 8)) if match else chain[0]
        if len(chain) > 1:
            found.setdefault(name, set()).add(chain[1])
    return found


@pytest.mark.parametrize("version", [*OLDER, *RELEASES])
def test_types_by_code(version, build, tmp_path):
    """Of two types that look the same, the one that the code makes, or takes it for, where that is
    but one."""
    executable, stripped = build("alike", version=version), tmp_path / "alike"
    program = Program(executable)
    subprocess.run(["strip", "-o", stripped, executable], check=True)
    with Target(stripped) as target:
        goref("attach", target.pid, "--freeze", "now", "-o", tmp_path / "out").expect(OK)
    # Far behind the beginning of their variables.
    program.names[program.symbols["main.wide"] + 201 * 8] = "main.wide"
    program.names[program.symbols["main.long"] + 800 * 8] = "main.long"
    chains = pprof.read(tmp_path / "out").chains
    found = by_root(program, chains)
    sure = {
        "main.first": "?. (main.First)",
        "main.second": "?. (main.Second)",
        "main.returned": "?. (main.Second)",
        "main.list": "?. (*main.Second)",
        "main.raw": "?. (main.First)",
        "main.main": "?. (main.Second)",
        "main.within": "?. (main.Second)",
        "main.element": "?. (main.Second)",
        "main.firsts": "?. (map[string]*main.First)",
        "main.mapped": "?. (map[string]*main.Second)",
        "main.boxed": "?. (map[string]*main.First)",
    }
    # The code of generics has shapes in Go 1.18 and 1.19, and dictionaries from then on.
    if version >= "1.20":
        sure.update({"main.wrapped": "?. (main.Wrapped)", "main.nested": "?. (main.Wrapped)"})
        sure["main.leaves"] = "?. (*main.Leaf)"
    assert {name: found.get(name) for name in sure} == {name: {sure[name]} for name in sure}
    for name in (
        "main.either", "main.joined", "main.given", "main.swapped", "main.table", "main.state",
        "main.wide", "main.long",
    ):
        assert found[name] == {"$sub_objects$"}, name
    # What looks the same was made by code that does not say so: by reflection, and in generic code.
    assert found["main.made"] == {"?. (main.Made)"}
    assert found["main.decoded"] <= {"$sub_objects$", "?. (main.Decoded)"}
    if version >= "1.18":
        assert found.get("main.added", set()) <= {"$sub_objects$", "?. (main.Instance)"}
    typed = "main.keepArray", "?. (main.Second)"
    assert chains[typed] == (50, 800) and ("main.keepArray",) not in chains
    assert chains[("main.keepFilled",)] == (6, 96)


@pytest.mark.parametrize("flag", ["dwarf", "stripped"])
@pytest.mark.parametrize("version", few(["1.21.13", "1.22.12", "1.24.9", "1.26", "1.27.0"]))
def test_types_that_are_not_told(version, flag, build, tmp_path):
    """What has one look at its contents in common with another type has its own, or none."""
    executable = build("undecided", version=version)
    program, attached = Program(executable), executable
    if flag == "stripped":
        attached = tmp_path / "undecided"
        subprocess.run(["strip", "-o", attached, executable], check=True)
    with Target(attached) as target:
        goref("attach", target.pid, "--freeze", "now", "-o", tmp_path / "out").expect(OK)
    chains = pprof.read(tmp_path / "out").chains
    assert not [chain for chain in chains for name in chain if re.search("Hooks|Twin|Look", name)]
    found = by_root(program, chains)
    assert found.get("main.leaves", set()) <= {"$sub_objects$", "?. (map[string]*main.Leaf)"}


@pytest.mark.parametrize("version", [*OLDER, *RELEASES])
def test_inside(version, build, tmp_path):
    """Pointers and slices into the middle of objects, with debug information: what is around them has
    the type that the code makes, and no other that looks the same."""
    with Target(build("inside", version=version)) as target:
        goref("attach", target.pid, "--freeze", "now", "-o", tmp_path / "out").expect(OK)
    below, texts = {}, 0
    for chain, (_, size) in pprof.read(tmp_path / "out").chains.items():
        if chain[0].startswith("main."):
            assert "$sub_objects$" not in chain, chain
            below.setdefault(chain[0], set()).update(chain[1:2])
            texts += size if chain[-1].endswith("(*main.Text)") else 0
    fields = {"Next. (*main.Item)", "Leaf. (*main.Leaf)"}
    sure = {
        "main.element": fields,
        "main.half": fields,
        "main.right": {*fields, "?. (main.Pair)"},
        "main.field": {"?. (main.Item)"},
        "main.raw": {"?. (main.Item)"},
        "main.view": {"[0]. (main.Item)", "?. (main.Around)"},
        "main.full": {"[0]. (main.Item)", "?. (main.Full)"},
    }
    assert {name: below[name] for name in sure} == sure
    # Elements that were taken for others would count as what they are not.
    assert texts == 6 * 32


@pytest.mark.parametrize("version", ["1.21.13", *RELEASES])
def test_first_field(version, build, tmp_path):
    """Pointers to where a struct begins, of the type of its first field, with debug information: the
    struct has the only type that fits, and where there are two, none. Nothing is said to be the field
    alone."""
    with Target(build("firstfield", version=version)) as target:
        arguments = ("--freeze", "now", "--format", "json", "-o", tmp_path / "types")
        goref("types", target.pid, *arguments).expect(OK)
        goref("attach", target.pid, "--freeze", "now", "-o", tmp_path / "out").expect(OK)
    table = json.loads((tmp_path / "types").read_text())["tables"]["types"]
    names = [column["name"] for column in table["columns"]]
    rows = [dict(zip(names, row)) for row in table["rows"]]
    found = {row["type"]: (row["objects"], bool(row["likely"])) for row in rows if "main." in row["type"]}
    likely = ["main.Holder", "main.Outer", "main.Tail", "main.Number", "main.Flat"]
    # The runtime stores their types from Go 1.22 on.
    known = ["main.Big", "main.Large"] if version >= "1.22" else []
    sure = {
        **{name: (1, True) for name in likely},
        **{name: (1, False) for name in [*known, "main.Whole", "main.Far", "main.Way"]},
        "main.Holder": (101, True),
        "[...]**main.Leaf": (1, False),
        "struct around *main.Leaf": (2, False),
        # Some are below what is inferred.
        "main.Text": (105, True),
        "main.Leaf": (215, True),
    }
    if known:
        assert found == sure
    else:
        assert {name: found.get(name) for name in sure} == sure
        assert not {"*main.Leaf", "main.Inner", "main.Count"} & set(found), found
    for chain in pprof.read(tmp_path / "out").chains:
        if chain[0].startswith("main."):
            assert "$sub_objects$" not in chain, chain


@pytest.mark.parametrize("version", [*OLDER, "1.22.12", "1.26"])
def test_maps_in_frames(version, build, tmp_path):
    """Their buckets are typed by what stands in them. Where two types of maps look the same, a type is
    the right one, or there is none."""
    with Target(build("framemaps", version=version, flags=(STRIPPED,))) as target:
        goref("attach", target.pid, "--freeze", "now", "-o", tmp_path / "out").expect(OK)
    values, below = {}, {}
    for chain, (count, _) in pprof.read(tmp_path / "out").chains.items():
        below.setdefault(chain[0], set()).update(chain[1:])
        if chain[-1].startswith("$mapval. ("):
            values.setdefault(chain[0], {})[chain[-1]] = count
    for name in ("main.keepGrown", "main.keepSized", "main.keepFilled", "main.keepMade", "main.keepParam"):
        assert values[name] == {"$mapval. (*main.Node)": 100}, name
        assert "$sub_objects$" not in below[name], name
    assert not [name for name in below["main.keepNodes"] if "Twin" in name]
    assert not [name for name in below["main.keepTwins"] if "Node" in name]


@pytest.mark.parametrize("flag", ["", STRIPPED], ids=["dwarf", "stripped"])
@pytest.mark.parametrize("program", ["generics", "shapes"])
@pytest.mark.parametrize("version", ["1.18.10", "1.21.13", "1.22.12", "1.26", "1.27.0"])
def test_shapes_that_are_shown(version, program, flag, build, tmp_path):
    """The README says where a type's name has a shape in it: below a function or closure that was
    compiled for one, and in a type that is inferred. What a package variable leads to has none."""
    executable = build(program, version=version, flags=(flag,) if flag else ())
    with Target(executable) as target:
        goref("attach", target.pid, "--freeze", "now", "-o", tmp_path / "out").expect(OK)
    for chain in pprof.read(tmp_path / "out").chains:
        typed = [place for place, name in enumerate(chain) if re.search(r" \(.*go\.shape\.", name)]
        above = chain[: typed[0] + 1] if typed else ()
        assert not typed or any("[go.shape." in name.partition(" (")[0] or name.startswith("?. (")
                                for name in above), chain


def test_dictionary_that_the_caller_passes(build, tmp_path):
    """Optimised code of Go 1.26 keeps it nowhere in this frame: the caller's names it."""
    with Target(build("shapes", version="1.26")) as target:
        goref("attach", target.pid, "--freeze", "now", "-o", tmp_path / "out").expect(OK)
    below = {chain[1] for chain in pprof.read(tmp_path / "out").chains
             if chain[0].startswith("main.passed[") and len(chain) > 1}
    assert below == {"Value. (*main.Node)", "Value. (*main.Other)"}

# SPDX-License-Identifier: BSD-2-Clause
"""Programs without DWARF and symbols: the same objects, and types all the same."""

import json
import pathlib
import re
import shutil
import subprocess
from collections import Counter

import pprof
import pytest
from gating import few, pairs
from running import OK, UNSUPPORTED, Target, goref, grf
from toolchains import COLLECT, go_build, versions
from toolchains import PROGRAMS as SOURCES

STRIPPED = "-ldflags=-s -w"


def summary(done):
    reached = re.search(r"reachable +\S+ \S+ in ([\d,]+) objects", done.stdout)
    typed = re.search(r"typed +([\d.]+)%", done.stdout)
    return int(reached.group(1).replace(",", "")), float(typed.group(1))


PROGRAMS = ["maps", "structs", "slices", "concurrent", "buffers", "busy", "demo", "scale"]
ARGUMENTS = {"scale": ["-scale", "0.05", "-goroutines", "1000"]}


@pytest.mark.parametrize("version, program", pairs(versions(), PROGRAMS))
def test_the_same_and_typed(version, program, build, tmp_path):
    """Built without any, as most programs in production are."""
    figures = {}
    for flags in ((), (STRIPPED,)):
        executable = build(program, version=version, flags=flags)
        with Target(executable, *ARGUMENTS.get(program, ())) as target:
            done = goref("attach", target.pid, "--freeze", "now", "-o", tmp_path / "out").expect(OK)
            figures[flags] = summary(done)
            assert ("no debug information" in done.stdout) == bool(flags)
    with_dwarf, without = figures.values()
    # The runtime's own objects differ by some from run to run.
    assert abs(with_dwarf[0] - without[0]) <= max(60, 0.01 * with_dwarf[0])
    assert without[1] >= 90, figures


def bytes_by_type(path):
    """Of the chains' last elements. A variable has none in its name. The buckets of a map (before
    Go 1.24) count at the map where its variable is known, and as what they are where it is not. So does
    an object at a pointer to it: `f. (*T)` and `?. (T)` are both of T."""
    found = {}
    for chain, (_, size) in pprof.read(path).chains.items():
        match = re.search(r"\. \((.*)\)$", chain[-1])
        name = match.group(1) if match else chain[-1] if chain[-1] == "$sub_objects$" else "root"
        name = re.sub(r"^map\.bucket\[", "map[", name).removeprefix("*")
        found[name] = found.get(name, 0) + size
    return found


@pytest.mark.parametrize("version, program", pairs(versions(), ["slices", "maps", "buffers", "demo"]))
def test_the_same_image(version, program, build, tmp_path):
    """One core, with the executable as it was and stripped: objects and bytes are the same, and no
    type gets more than it has but what stands at the variables themselves, whose type their names
    keep to themselves."""
    executable = build(program, version=version)
    subprocess.run(["strip", "-o", tmp_path / "stripped", executable], check=True)
    with Target(executable) as target:
        core = target.core(tmp_path / "core")
    goref("core", executable, core, "-o", tmp_path / "full").expect(OK)
    goref("core", tmp_path / "stripped", core, "-o", tmp_path / "out").expect(OK)
    core.unlink()
    totals = [pprof.read(tmp_path / name).totals() for name in ("full", "out")]
    assert totals[0] == totals[1]
    full, found = bytes_by_type(tmp_path / "full"), bytes_by_type(tmp_path / "out")
    # Go's own generic types have other names in DWARF. Where the scheduler's structures stand depends
    # on what the runtime did last.
    more = {
        name: size - full.get(name, 0)
        for name, size in found.items()
        if name not in ("root", "$sub_objects$")
        and "go.shape" not in name
        and not name.startswith("runtime.")
    }
    wrong = sum(size for size in more.values() if size > 0)
    at_variables = full["root"] - found["root"]
    assert wrong <= at_variables + max(0.01 * totals[0][1], 10000), more


def test_names_of_types(build, tmp_path):
    with Target(build("maps", flags=(STRIPPED,))) as target:
        goref("attach", target.pid, "--freeze", "now", "-o", tmp_path / "out").expect(OK)
    chains = pprof.read(tmp_path / "out").chains
    assert any(
        re.match(r"bss\+0x|bss\+0", chain[0])
        and chain[1:] == ("?. (map[string]*main.Leaf)", "$mapval. (*main.Leaf)")
        for chain in chains
    ), list(chains)[:40]


def test_stripped_by_strip(build, tmp_path):
    stripped = tmp_path / "stripped"
    subprocess.run(["strip", "-o", stripped, build("maps")], check=True)
    with Target(stripped) as target:
        done = goref("attach", target.pid, "--freeze", "now", "-o", tmp_path / "out").expect(OK)
        assert summary(done)[1] >= 90
        # One that has it all helps.
        done = goref("attach", target.pid, build("maps"), "-o", tmp_path / "out").expect(OK)
        assert summary(done)[1] == 100
    assert any(chain[0] == "main.directory" for chain in pprof.read(tmp_path / "out").chains)


@pytest.mark.parametrize("version", few(versions()))
def test_freeze_point(version, build):
    with Target(build("maps", version=version, flags=(STRIPPED,)), environment=COLLECT) as target:
        grf("verify", target.pid).expect(OK)


@pytest.mark.parametrize(
    "text, says",
    [
        ("go{} (custom X:nogreenteagc build)", ""),
        ("unknown", "functions are those of go1."),
        ("devel\tvendor (öäü) " + 300 * "x", "functions are those of go1."),
        ("go1.19", "functions are those of go1."),
        ("go2.1", "newer than go1."),
        ("go{} \x1b[31mö", ""),
    ],
)
def test_any_version_string(text, says, toolchain, tmp_path):
    """The functions tell the release and its experiments; whoever builds writes the string."""
    tool = toolchain()
    program = tmp_path / "maps"
    text = text.format(tool.version.split("+")[0])
    flags = f"-ldflags=-s -w -X 'runtime.buildVersion={text}'"
    tool.compile("maps", program, [flags], tmp_path, cgo=False)
    with Target(program) as target:
        done = goref("attach", target.pid, "--freeze", "now", "-o", tmp_path / "out").expect(OK)
    assert says in done.stderr and bool(says) == bool(done.stderr), done.stderr
    assert text[:20].replace("\x1b", r"\x1b").replace("\t", " ") in done.stdout, done.stdout
    objects, typed = summary(done)
    assert objects > 20000 and typed >= 99, done.stdout


# What a later release might put before a field of the runtime's: one word.
MORE_FIELDS = {
    "chan.go": [r"\tbuf +unsafe\.Pointer"],
    "runtime2.go": [r"\tgoid +uint64", r"\t_panic +\*_panic"],
}


def with_more_fields(tool, program, fields, folder):
    """Builds a program, which collects garbage, on a runtime with one word more before `fields`."""
    tool = tool.apart(folder / "goroot")
    command = [tool.go, "env", "GOROOT"]
    root = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    replaced = {str(SOURCES / program / "zz_collect.go"): str(SOURCES / "collect.go.txt")}
    for name, patterns in fields.items():
        source = pathlib.Path(tool.root or root) / "src" / "runtime" / name
        text = source.read_text()
        for field in patterns:
            text, count = re.subn(field, r"\n\tonemore uintptr\n\g<0>", text, count=1)
            if not count:
                pytest.skip(f"go{tool.version} has no such field in {name}: {field}")
            text = text.replace("onemore", f"more{len(text)}")
        (folder / name).write_text(text)
        replaced[str(source)] = str(folder / name)
    overlay = folder / "overlay.json"
    overlay.write_text(json.dumps({"Replace": replaced}))
    flags = [f"-overlay={overlay}", STRIPPED]
    return tool.compile(program, folder / "program", flags, folder, cgo=False)


def test_a_runtime_with_more_fields(toolchain, tmp_path):
    """As that of a Go newer than known: descriptors say where the fields are."""
    program = with_more_fields(toolchain(), "concurrent", MORE_FIELDS, tmp_path)
    with Target(program, environment=COLLECT) as target:
        done = goref("attach", target.pid, "--freeze", "now", "-o", tmp_path / "out").expect(OK)
        assert summary(done)[0] > 3000 and summary(done)[1] >= 97, done.stdout
        grf("verify", target.pid).expect(OK)


@pytest.mark.parametrize("field", [r"\tallspans +\[\]\*mspan", r"\tarenas +\[1"])
def test_a_heap_with_more_fields(field, toolchain, tmp_path):
    """runtime.mheap has no descriptor: what is found by the layout of another release is right, or
    is refused."""
    program = with_more_fields(toolchain(), "maps", {"mheap.go": [field]}, tmp_path)
    with Target(program) as target:
        done = goref("attach", target.pid, "--freeze", "now", "-o", tmp_path / "out")
    assert done.status in (OK, UNSUPPORTED), str(done)
    if done.status == OK:
        assert summary(done)[0] > 20000 and summary(done)[1] >= 99, done.stdout


def without_sections(program, output):
    """As sstrip leaves a program: no section headers."""
    contents = bytearray(program.read_bytes())
    contents[0x28:0x30] = bytes(8)  # e_shoff
    contents[0x3C:0x40] = bytes(4)  # e_shnum, e_shstrndx
    output.write_bytes(contents)
    output.chmod(0o755)
    return output


@pytest.mark.skipif(not shutil.which("gcc"), reason="gcc is not installed")
@pytest.mark.parametrize(
    "version, linker, mode",
    [
        ("1.17.13", "lld", "pie"),
        ("1.17.13", "bfd", "static-pie"),
        ("1.21.13", "bfd", "pie"),
        ("1.24.9", "gold", "pie"),
    ],
)
def test_linked_by_others(version, linker, mode, toolchain, tmp_path):
    """Position-independent, by the system's linkers: what Go's own writes into the file, they leave
    to relocations, in sections of other names."""
    if not shutil.which(f"ld.{linker}"):
        pytest.skip(f"ld.{linker} is not installed")
    extra = f"-fuse-ld={linker}" + (" -static-pie" if mode == "static-pie" else "")
    flags = f"-ldflags=-s -w -linkmode=external '-extldflags={extra}'"
    program = go_build(
        toolchain(version), "library", tmp_path / "program", "-buildmode=pie", flags
    )
    bare = without_sections(program, tmp_path / "bare")
    for executable in [program] if version == "1.17.13" else [program, bare]:
        with Target(executable) as target:
            done = goref("attach", target.pid, "--freeze", "now", "-o", tmp_path / "out").expect(OK)
            by_type = Counter(bytes_by_type(tmp_path / "out")).most_common()
            assert summary(done)[0] > 500 and summary(done)[1] >= 99, (done.stdout, by_type)
            grf("verify", target.pid).expect(OK)
            target.check_runs()


@pytest.mark.parametrize("version", versions())
def test_types_with_one_mask(version, build, tmp_path):
    """context.valueCtx and an entry of sync.Map have one size and one pointer mask from Go 1.24
    on: where one has an itab, the other has a flag."""
    with Target(build("pieces", version=version, flags=(STRIPPED,))) as target:
        goref("attach", target.pid, "--freeze", "now", "-o", tmp_path / "out").expect(OK)
    chains = pprof.read(tmp_path / "out").chains
    below = [chain for chain in chains if chain[0] == "main.growContext"]
    assert below
    assert not any("internal/sync" in element for chain in below for element in chain), below


@pytest.mark.parametrize("program", ["locals", "concurrent", "structs", "pieces"])
def test_dwarf_of_a_part(program, build, tmp_path):
    """Compiled without DWARF, the program has that of assembly code alone: no worse than none."""
    executable = build(program, flags=("-gcflags=all=-dwarf=false",))
    with Target(executable) as target:
        done = goref("attach", target.pid, "--freeze", "now", "-o", tmp_path / "out").expect(OK)
        _, typed = summary(done)
        assert typed >= 95, done.stdout
        assert any("main." in element for chain in pprof.read(tmp_path / "out").chains
                   for element in chain)


@pytest.mark.parametrize("flag", ["", STRIPPED])
@pytest.mark.parametrize("version", ["1.22.12", "1.23.12", "1.26"])
def test_parts_of_maps_have_one_name(version, flag, build):
    """Buckets and groups are called as in the compiler's descriptors, with debug information or not."""
    with Target(build("maps", version=version, flags=(flag,) if flag else ())) as target:
        done = grf("types", target.pid, "--format", "json").expect(OK)
    table = json.loads(done.stdout)["tables"]["types"]
    column = [each["name"] for each in table["columns"]].index("type")
    names = [row[column] for row in table["rows"]]
    part = "map.group[" if version == "1.26" else "map.bucket["
    assert any(name.startswith("[...]" + part) for name in names), names
    wrong = re.compile(r"(\[\.\.\.\])?(bucket<|group<)|\[\.\.\.\]map\[")
    assert not [name for name in names if wrong.match(name)]


@pytest.mark.parametrize("version", versions())
def test_channels_say_of_what_they_are(version, build, tmp_path):
    """The runtime notes the type of its elements in each channel."""
    with Target(build("channels", version=version, flags=(STRIPPED,))) as target:
        goref("attach", target.pid, "--freeze", "now", "-o", tmp_path / "out").expect(OK)
    chains = pprof.read(tmp_path / "out").chains
    for tail in (
        ("?. (chan *main.Message)", "[1]. (*main.Message)", "Text. (string)"),
        ("?. (chan main.Request)", "[0]. (main.Request)", "Reply. (chan *main.Leaf)"),
        ("?. (chan chan *main.Leaf)", "[0]. (chan *main.Leaf)", "[0]. (*main.Leaf)"),
        ("?. (chan string)", "[0]. (string)"),
    ):
        assert any(chain[1:] == tail for chain in chains), (tail, list(chains))
    for chain in chains:
        assert not any("hchan" in element or "bmap" in element for element in chain), chain
        if any("(chan " in element for element in chain):
            assert "$sub_objects$" not in chain, chain


@pytest.mark.parametrize("version", versions())
def test_what_a_sync_map_holds(version, build, tmp_path):
    """The library's unsafe.Pointers, and nodes that are more than their type says, are known by the
    names of types without DWARF too: 1,000 values, each below one object found by its contents."""
    with Target(build("concurrent", version=version, flags=(STRIPPED,))) as target:
        goref("attach", target.pid, "--freeze", "now", "-o", tmp_path / "out").expect(OK)
    chains = pprof.read(tmp_path / "out").chains
    values = {
        chain: count
        for chain, (count, size) in chains.items()
        if chain[-1] == "Name. (string)" and size == 96 * count
    }
    assert sum(values.values()) == 1000
    assert all(sum(element.startswith("?. (") for element in chain) == 1 for chain in values), values


@pytest.mark.parametrize("version", [v for v in versions() if int(v.split(".")[1]) >= 22])
def test_a_local_sync_map(version, build, tmp_path):
    """A sync.Map that only a frame holds, though another type of the program is all a sync.Map, and
    package unique has trees of the same kind; and what that keeps."""
    with Target(build("concurrent", version=version, flags=(STRIPPED,))) as target:
        goref("attach", target.pid, "--freeze", "now", "-o", tmp_path / "out").expect(OK)
    chains = pprof.read(tmp_path / "out").chains
    below = {chain: found for chain, found in chains.items() if chain[0] == "main.holdMap"}
    assert all(chain[1] == "?. (sync.Map)" for chain in below), below
    assert sum(size for chain, (_, size) in below.items() if chain[-1] == "Name. (string)") == 52800
    unique = [chain for chain in chains if any("unique.label" in element or "canonMap" in element
                                               for element in chain)]
    assert not [chain for chain in unique if "$sub_objects$" in chain]

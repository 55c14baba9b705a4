# SPDX-License-Identifier: BSD-2-Clause
"""The layers of the sources and what only arch/ names, and that the checks for both can fail."""

import subprocess

import pytest
from toolchains import ROOT

LAYERS = ROOT / "tests" / "scripts" / "layers.py"


def check(*folders):
    return subprocess.run([LAYERS, *folders], capture_output=True, text=True, check=False)


def test_the_sources_hold():
    done = check(ROOT / "user", ROOT / "include", ROOT / "bpf")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize(
    "stage, include, wrong",
    [
        ("model", "capture/capture.h", "model/ may not include capture/"),
        ("model/heap", "views/tree.h", "model/ may not include views/"),
        ("image", "model/model.h", "image/ may not include model/"),
        ("base", "image/image.h", "base/ may not include image/"),
        ("views", "outputs/file.h", "views/ may not include outputs/"),
        ("more", "base/error.h", "more/ is no stage"),
        ("cli", "model/model.h", None),
        ("views", "views/tree.h", None),
        ("hold", "arch/live.h", None),
        ("arch", "image/image.h", "arch/ may not include image/"),
        ("views", "arch/arch.h", "views/ may not include arch/"),
        ("model", "arch/amd64/amd64.h", "only arch/amd64/ may include its headers"),
        ("arch/amd64", "arch/amd64/amd64.h", None),
        ("model", "../capture/capture.h", "model/ may not include capture/"),
        ("model/heap", "../../views/tree.h", "model/ may not include views/"),
        ("model", "../model/../views/tree.h", "model/ may not include views/"),
        ("model", "./heap/../../views/tree.h", "model/ may not include views/"),
        ("model", "heap/../../views/tree.h", "model/ may not include views/"),
        ("model", "<capture/capture.h>", "model/ may not include capture/"),
        ("model", "<base/../capture/capture.h>", "model/ may not include capture/"),
        ("model", "<arch/amd64/amd64.h>", "only arch/amd64/ may include its headers"),
        ("arch/other", "../amd64/amd64.h", "only arch/amd64/ may include its headers"),
        ("model", "CAPTURE_HEADER", "an include names its header, not CAPTURE_HEADER"),
        ("model/types", "../heap/heap.h", None),
        ("model/heap", "../types/types.h", "model/heap/ may not include model/types/"),
        ("model/heap", "model/model.h", "model/heap/ may not include model/"),
        ("model", "model/heap/heap.h", None),
        ("model/types", "model/types/generics/dictionaries.h", "model/types/ may not include model/types/generics/"),
        ("model/types/generics", "model/types/types.h", None),
        ("graph", "graph/walk/walk.h", "graph/ may not include graph/walk/"),
        ("graph/walk", "graph/graph.h", None),
        ("capture/ways", "capture/session.h", None),
        ("capture/copy", "<capture/session.h>", "capture/copy/ may not include capture/"),
        ("model/more", "base/error.h", "model/more/ is no room"),
        ("views/more", "base/error.h", "views/more/ is no room"),
        ("model/heap", "../../base/error.h", None),
        ("model", "<base/error.h>", None),
        ("arch/amd64/live", "../amd64.h", None),
        ("model", "<sys/capture/capture.h>", None),
    ],
)
def test_what_goes_up(tmp_path, stage, include, wrong):
    folder = tmp_path / stage
    folder.mkdir(parents=True)
    named = include if include.startswith("<") or include.isupper() else f'"{include}"'
    (folder / "file.c").write_text(f"#include <stdio.h>\n#include {named}\n")
    done = check(tmp_path)
    assert done.returncode == (1 if wrong else 0)
    assert wrong in done.stdout if wrong else not done.stdout


@pytest.mark.parametrize(
    "place, include, wrong",
    [
        ("include/grf/file.h", '"base/error.h"', "include/ may not include base/error.h"),
        ("include/grf/file.h", "<linux/types.h>", None),
        ("include/grf/file.h", '"grf/gc_point.h"', None),
        ("include/grf/file.h", "<stdint.h>", "include/ may not include stdint.h"),
        ("include/grf/file.h", '"../../user/base/error.h"', "include/ may not include ../../user/base/error.h"),
        ("bpf/file.bpf.c", '"hold/hold.h"', "bpf/ may not include hold/hold.h"),
        ("bpf/file.bpf.c", '"grf/../../user/hold/hold.h"', "bpf/ may not include grf/../../user/hold/hold.h"),
        ("bpf/file.bpf.c", '"vmlinux.h"', None),
        ("bpf/file.bpf.c", "<bpf/bpf_helpers.h>", None),
        ("bpf/file.bpf.c", "HEADER", "bpf/ may not include HEADER"),
    ],
)
def test_what_ebpf_programs_include(tmp_path, place, include, wrong):
    for folder in ("user", "include", "bpf"):
        (tmp_path / folder).mkdir()
    file = tmp_path / place
    file.parent.mkdir(exist_ok=True)
    file.write_text(f"#include {include}\n")
    done = check(tmp_path / "user", tmp_path / "include", tmp_path / "bpf")
    assert done.stdout == (f"{file}:1: {wrong}\n" if wrong else ""), done.stderr
    assert done.returncode == bool(wrong)


@pytest.mark.parametrize(
    "place, include, wrong",
    [
        ("hold", '"gc_point.skel.h"', None),
        ("capture/probes", '"pause_clock.skel.h"', None),
        ("model", '"gc_point.skel.h"', "only hold/ and capture/ may include gc_point.skel.h"),
        ("cli", "<./gc_point.skel.h>", "only hold/ and capture/ may include gc_point.skel.h"),
        ("capture", "<bpf/libbpf.h>", None),
        ("base", "<bpf/libbpf.h>", "only hold/ and capture/ may include bpf/libbpf.h"),
        ("program", "<bpf/bpf.h>", "only hold/ and capture/ may include bpf/bpf.h"),
        ("hold/calls", "<sys/ptrace.h>", None),
        ("arch/amd64/live", "<sys/ptrace.h>", None),
        ("cli", "<sys/ptrace.h>", "only arch/ and hold/ and capture/ may include sys/ptrace.h"),
        ("image", "<sys/../sys/ptrace.h>", "only arch/ and hold/ and capture/ may include sys/ptrace.h"),
        ("model/types/generics", '"model/types/naming_private.h"', None),
        ("model/types", '"model/types/naming_private.h"', None),
        ("model/variables", '"model/types/naming_private.h"', "is private to its room"),
        ("model", '"model/types/naming_private.h"', "is private to its room"),
        ("image/core", '"image/image_private.h"', None),
        ("views", '"image/image_private.h"', "is private to its room"),
        ("model/variables", '"../types/naming_private.h"', "is private to its room"),
    ],
)
def test_what_few_may_include(tmp_path, place, include, wrong):
    folder = tmp_path / place
    folder.mkdir(parents=True)
    (folder / "file.c").write_text(f"#include {include}\n")
    done = check(tmp_path)
    assert wrong in done.stdout if wrong else not done.stdout, done.stdout
    assert done.returncode == bool(wrong)


@pytest.mark.parametrize(
    "text, line",
    [
        ('/**/#include "views/view.h"\n', 1),
        ('/* a\n * comment */ # /* in */ include /* here */ "views/view.h"\n', 2),
        ('#inc\\\nlude "views/view.h"\n', 1),
        ('int x; // goes \\\non\n#include \\\n   \\ \n"views/\\\nview.h"\n', 3),
        ('%: include "views/view.h"\n', 1),
        ('\f#\vinclude\t<views/view.h>\n', 1),
        ("#include <views//view.h>\n", 1),
        ("#include <views/../views/*/../view.h>\n", 1),
        ('char quote = \'"\'; /* " */\n#include "views/view.h"\n', 2),
        ('char text[] = "/*";\n#include "views/view.h" // */\n', 2),
        ('#import "views/view.h"\r\n', 1),
        ('#include_next "views/view.h"', 1),
        ('// #include "views/view.h"\n', None),
        ('/*\n#include "views/view.h"\n*/\n', None),
        ('char text[] = "\\\n#include \\"views/view.h\\"";\n', None),
        ('// goes on \\\n#include "views/view.h"\n', None),
        ('#include <sys//types.h>\n', None),
        ('#include "base/error.h" // views/view.h\n', None),
    ],
)
def test_however_it_is_spelt(tmp_path, text, line):
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "file.c").write_bytes(text.encode())
    done = check(tmp_path)
    expected = f"{folder}/file.c:{line}: model/ may not include views/\n" if line else ""
    assert done.stdout == expected, done.stderr


@pytest.mark.parametrize("name", ["base/list.inc", "<base/list>", "table.c"])
def test_what_is_no_header(tmp_path, name):
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "file.c").write_text(f"#include {name}\n" if name[0] == "<" else f'#include "{name}"\n')
    assert f"an include names a header, not {name.strip('<>')}" in check(tmp_path).stdout


@pytest.mark.parametrize(
    "stage, one, other",
    [("model", "types", "variables"), ("graph", ".", "walk"), ("capture", "copy", "."), ("base", "files", "memory")],
)
def test_two_rooms_that_include_each_other(tmp_path, stage, one, other):
    for room, included in ((one, other), (other, one)):
        folder = tmp_path / stage / room
        folder.mkdir(parents=True, exist_ok=True)
        place = "/".join(name for name in (stage, included) if name != ".")
        (folder / "file.c").write_text(f'#include "{place}/file.h"\n')
    done = check(tmp_path)
    assert done.returncode == 1
    assert done.stdout.count("may not include") == 1, done.stdout


@pytest.mark.parametrize(
    "place, line, name",
    [
        ("model/file.c", "registers->rip = 1;", "rip"),
        ("hold/file.c", "/* from RSP on */", "RSP"),
        ("image/file.h", "#define MACHINE EM_X86_64", "EM_X86_64"),
        ("image/file.c", "type != R_X86_64_RELATIVE", "R_X86_64_RELATIVE"),
        ("capture/file.c", "record->fs_base", "fs_base"),
        ("model/code/file.c", "values[GRF_RAX]", "RAX"),
        ("program/file.c", "#ifdef __aarch64__", "__aarch64__"),
        ("arch/live.h", "/* returns in rax */", "rax"),
        ("arch/amd64/live/file.c", "registers->rip = 1;", None),
        ("image/file.c", "a description of a strip of 0x8 bytes, e_machine, trip, R1", None),
    ],
)
def test_names_of_an_architecture(tmp_path, place, line, name):
    file = tmp_path / place
    file.parent.mkdir(parents=True)
    file.write_text(line + "\n")
    done = check(tmp_path)
    assert done.returncode == (1 if name else 0), done.stdout
    assert f"{file}:1: {name} belongs into arch/" in done.stdout if name else not done.stdout

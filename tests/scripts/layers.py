#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""
Holds the layers of user/: a stage includes the headers of those that stand below it, and no others; so does each
room of a stage. Private headers stay in their room, and what reaches into the kernel in the stages that do so.
And holds arch/: what one architecture has, such as the names of its registers, stands in its folder alone.

  layers.py [FOLDER [MORE...]]

FOLDER is what the includes are relative to (user). MORE are folders that eBPF programs are made of: they include
nothing of FOLDER. Prints a line for each include and each name that is not allowed; the exit status is 1 then.
"""

import os
import pathlib
import re
import sys

# What each stage may include, beside itself. Nothing right of the image knows how it came to be.
BELOW = {
    "base": (),
    "arch": ("base",),
    "image": ("base", "arch"),
    "hold": ("base", "arch", "image"),
    "capture": ("base", "arch", "image", "hold"),
    "model": ("base", "arch", "image"),
    "graph": ("base", "image", "model"),
    "views": ("base", "image", "model", "graph"),
    "outputs": ("base", "image", "model", "graph", "views"),
    "program": ("base", "arch", "image", "hold", "capture", "model"),
    "cli": ("base", "arch", "image", "hold", "capture", "model", "graph", "views", "outputs", "program"),
}
# The rooms of a stage from the lowest on: each may include itself and those before it. "." are the stage's own
# files: first where rooms build on them, last where they put the rooms together.
ROOMS = {
    "base": (".", "files", "memory", "sandbox"),
    "arch": (".", "amd64", "amd64/live"),
    "image": ("executable", ".", "core"),
    "hold": (".", "calls"),
    "capture": ("copy", "probes", "precopy", ".", "ways"),
    "model": ("release", "heap", "code", "stacks", "types", "types/generics", "types/flow", "variables", "."),
    "graph": (".", "inference", "walk", "owners"),
    "views": (".", "owners", "types", "suspects"),
}
# What talks to eBPF programs and to threads of others, and which stages do.
ONLY = (
    (re.compile(r"\.skel\.h$|^bpf/"), ("hold", "capture")),
    (re.compile(r"^sys/ptrace\.h$|^linux/(?:ptrace|userfaultfd|bpf|perf_event)\.h$"), ("arch", "hold", "capture")),
)
# What eBPF programs, and the headers that they share with user/, may include.
OF_KERNEL = re.compile(r"grf/[^/]+\.h|vmlinux\.h|bpf/[^/]+\.h|linux/types\.h")
# What names a register, or another thing of one architecture.
NAMES = re.compile(
    r"(?<![a-z0-9])(?:orig_rax|[re](?:[abcd]x|[sd]i|[bsi]p|flags)|r(?:8|9|1[0-5])[dwb]?|[xyz]mm\d*|[fg]s_?base"
    r"|nt_x86_\w+|em_(?!none)[a-z0-9_]+|r_(?:x86_64|aarch64)_\w+|__(?:x86_64|aarch64)__|ptrace_[gs]etregs"
    r")(?![a-z0-9])",
    re.I,
)
# They may stand in a folder of arch/, in the messages about others, and in what takes registers in the kernel.
NAMED_IN = re.compile(r"arch/(?:\w+/.*|arch\.c)|thread_registers\.(?:bpf\.c|h)")
# The headers of one architecture.
ARCH_FOLDER = re.compile(r"arch/[^/]+/")
# An include in quotes, in angle brackets, or of what a macro gives, in plain text.
DIRECTIVE = r"^[ \t\f\v]*(?:#|%:)[ \t\f\v]*(?:include(?:_next)?|import)\b[ \t\f\v]*"
INCLUDE = re.compile(
    DIRECTIVE + r'(?:"(?P<quoted>[^"\n]+)"|<(?P<angle>[^>\n]+)>|(?P<macro>\S+))',
    re.M,
)
# What a comment begins in no more, and comments.
LEXEME = re.compile(
    r'"(?:\\.|[^"\\\n])*"|' r"'(?:\\.|[^'\\\n])*'|" r"(?P<comment>/\*.*?(?:\*/|\Z)|//[^\n]*)", re.S
)
IN_ANGLES = re.compile(DIRECTIVE + r"<[^>\n]*\Z", re.M)


def spliced(text):
    """A text whose lines that end with a backslash go on in the next; each line keeps its number."""
    lines, whole, more = [], "", 0
    for line in text.split("\n"):
        whole += line
        if whole.rstrip(" \t\f\v\r").endswith("\\"):
            whole = whole.rstrip(" \t\f\v\r")[:-1]
            more += 1
            continue
        lines += [whole] + [""] * more
        whole, more = "", 0
    return "\n".join(lines + ([whole] + [""] * (more - 1) if more else []))


def plain(text):
    """A text as the preprocessor reads directives in it: spliced, and a space in place of each comment."""
    text = spliced(text)
    done, at = "", 0
    while match := LEXEME.search(text, at):
        done += text[at : match.start()]
        begins = IN_ANGLES.search(done, done.rfind("\n") + 1)
        if match["comment"] and begins:
            # Two slashes in the name of a header begin no comment.
            done += text[match.start()]
            at = match.start() + 1
            continue
        done += " " + "\n" * match.group().count("\n") if match["comment"] else match.group()
        at = match.end()
    return done + text[at:]


def included_name(match):
    """What stands between the quotes or brackets of an include; empty for a macro."""
    return match["quoted"] or match["angle"] or ""


def included(folder, path, match):
    """The places in `folder` that an include may mean: from `folder` on, or beside its file if it is in quotes."""
    root = os.path.abspath(folder)
    name = included_name(match) or "."
    found = [os.path.join(root, name)]
    beside = os.path.join(os.path.abspath(path.parent), name)
    if match["quoted"] and ("." in name.split("/") or ".." in name.split("/") or os.path.exists(beside)):
        found.append(beside)
    return [os.path.relpath(place, root) for place in found]


def place_of(path):
    """The stage and the room of a path from `folder` on: graph/walk/walk.h is in the room walk of graph."""
    stage, _, room = os.path.dirname(path).partition("/")
    return stage, room or "."


def may_include(stage, room, other_stage, other_room):
    """Whether a file of that room may include one of the other; what is no room at all is not judged here."""
    if other_stage != stage:
        return other_stage in BELOW[stage]
    order = ROOMS.get(stage, (".",))
    return other_room not in order or order.index(other_room) <= order.index(room)


def wrong_private(folder, path, match):
    """Whether a private header is included from outside its room and the rooms in it."""
    places = [place for place in included(folder, path, match) if place.endswith("_private.h")]
    own = os.path.dirname(path.relative_to(folder).as_posix()) + "/"
    return any(not own.startswith(os.path.dirname(place) + "/") for place in places)


def wrong_header(folder, path, match):
    """What is wrong with an include whatever stands below whom; None: nothing."""
    name = os.path.normpath(included_name(match))
    stage = place_of(path.relative_to(folder).as_posix())[0]
    if match["macro"]:
        return f"an include names its header, not {match['macro']}"
    if not name.endswith(".h"):
        return f"an include names a header, not {included_name(match)}"
    if wrong_private(folder, path, match):
        return f"{name} is private to its room"
    for pattern, stages in ONLY:
        if pattern.search(name) and stage not in stages:
            return f"only {' and '.join(f'{stage}/' for stage in stages)} may include {name}"
    return None


def wrong_below(folder):
    """A line for each include of a folder of eBPF programs that is neither theirs nor the kernel's."""
    found = []
    for path in sorted(pathlib.Path(folder).rglob("*.[ch]")):
        text = plain(path.read_text())
        for match in INCLUDE.finditer(text):
            name = match["macro"] or included_name(match)
            if not OF_KERNEL.fullmatch(name):
                found.append(f"{path}:{line_of(text, match)}: {pathlib.Path(folder).name}/ may not include {name}")
    return found


def wrong_includes(folder):
    """A line for each include that goes up, and for each file in a folder that is neither stage nor room."""
    found = []
    for path in sorted(pathlib.Path(folder).rglob("*.[ch]")):
        stage, room = place_of("/".join(path.relative_to(folder).parts))
        if stage not in BELOW:
            found.append(f"{path}: {stage}/ is no stage; tests/scripts/layers.py lists them")
            continue
        if room not in ROOMS.get(stage, (".",)):
            found.append(f"{path}: {stage}/{room}/ is no room; tests/scripts/layers.py lists them")
            continue
        text = plain(path.read_text())
        for match in INCLUDE.finditer(text):
            wrong = wrong_header(folder, path, match)
            if wrong:
                found.append(f"{path}:{line_of(text, match)}: {wrong}")
            for place in included(folder, path, match):
                other, other_room = place_of(place)
                if other in BELOW and not may_include(stage, room, other, other_room):
                    inside = other == stage
                    found.append(
                        f"{path}:{line_of(text, match)}: {named(stage, room if inside else '.')} may not include "
                        f"{named(other, other_room if inside else '.')}"
                    )
    return found


def named(stage, room):
    """The folder of a room."""
    return f"{stage}/" if room == "." else f"{stage}/{room}/"


def line_of(text, match):
    """The number of the line where a match begins."""
    return text.count("\n", 0, match.start()) + 1


def wrong_names(folder):
    """A line for each name, and each header, of one architecture that stands outside its folder."""
    found = []
    for path in sorted(pathlib.Path(folder).rglob("*.[ch]")):
        place = path.relative_to(folder).as_posix()
        text = plain(path.read_text())
        for match in INCLUDE.finditer(text):
            for header in included(folder, path, match):
                arch = ARCH_FOLDER.match(header)
                if arch and not place.startswith(arch.group()):
                    found.append(f"{path}:{line_of(text, match)}: only {arch.group()} may include its headers")
        if NAMED_IN.search(place):
            continue
        text = spliced(path.read_text())
        for match in NAMES.finditer(text):
            found.append(f"{path}:{line_of(text, match)}: {match.group()} belongs into arch/")
    return found


def main():
    """Checks one folder, and those of eBPF programs."""
    folder, *more = sys.argv[1:] or ["user"]
    found = wrong_includes(folder)
    for name in more:
        found += wrong_below(name)
    for name in (folder, *more):
        found += wrong_names(name)
    print("\n".join(found), end="\n" if found else "")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())

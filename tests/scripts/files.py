#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""
Holds the form of C files: each begins with its license and a comment on what it does, none has more than
700 lines, and no function more than 70. Outside of tests/, a static function's name has more than one word.

  files.py FOLDER...

Prints a line for each that is not so; the exit status is 1 then.
"""

import pathlib
import re
import sys

FILE_LINES = 700
FUNCTION_LINES = 70
LICENSE = re.compile(r"/\* SPDX-License-Identifier: [^*]+\*/\n|// SPDX-License-Identifier: .+\n")
# At once behind the license, and some words of it: not a ruler, nor the name of the file.
COMMENT = re.compile(r"\s*/\*(?P<text>.*?)\*/", re.S)
WORDS = 4
# A function's first line stands at the margin, and so do its braces.
FUNCTION = re.compile(r"^(?P<head>[A-Za-z_][^\n;={}]*\([^;={}]*\n)\{\n.*?^\}$", re.M | re.S)
# The name that an argument list follows; what stands before it may be a macro with one of its own.
NAME = re.compile(r"(\w+)\((?:[^()]|\([^()]*\))*\)\s")

# A static function whose name is a verb alone: scan() does not say what it scans.
ONE_WORD = re.compile(r"^static\s[^=;{}()]*\b([a-z0-9]+)\(", re.M)


def wrong_beginning(text):
    """What the beginning of a file lacks, or None."""
    license_line = LICENSE.match(text)
    if not license_line:
        return "does not begin with its license"
    comment = COMMENT.match(text, license_line.end())
    if not comment or len(re.findall(r"\w+", comment["text"])) < WORDS:
        return "does not say, in a comment behind the license, what it does"
    return None


def line_of(text, match):
    """The number of the line where a match begins."""
    return text.count("\n", 0, match.start()) + 1


def long_functions(text):
    """The line, name and length of each function that is too long."""
    for match in FUNCTION.finditer(text):
        lines = match.group().count("\n") + 1
        if lines > FUNCTION_LINES:
            name = NAME.findall(match["head"])[-1]
            yield line_of(text, match), name, lines


def wrong_form(path):
    """A line for each rule that a file breaks."""
    text = path.read_text()
    lines = text.count("\n")
    beginning = wrong_beginning(text)
    if beginning:
        yield f"{path}:1: {beginning}"
    if lines > FILE_LINES:
        yield f"{path}: {lines} lines, more than {FILE_LINES}"
    for match in ONE_WORD.finditer(text) if "tests" not in path.parts else ():
        yield f"{path}:{line_of(text, match)}: {match[1]}() does not say what it works on"
    for line, name, length in long_functions(text):
        yield f"{path}:{line}: {name}() has {length} lines, more than {FUNCTION_LINES}"


def main():
    """Checks all C files in the folders."""
    found = []
    for folder in sys.argv[1:]:
        for path in sorted(pathlib.Path(folder).rglob("*.[ch]")):
            found += wrong_form(path)
    print("\n".join(found), end="\n" if found else "")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())

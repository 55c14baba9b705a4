# SPDX-License-Identifier: BSD-2-Clause
"""The form of the sources: first comments and lengths, and that the check for them can fail."""

import subprocess

import pytest
from toolchains import ROOT

FILES = ROOT / "tests" / "scripts" / "files.py"
LICENSE = "/* SPDX-License-Identifier: BSD-2-Clause */\n"
COMMENT = "/* Counts the sheep of a flock. */\n"
INCLUDE = '#include "a.h"\n'
NO_LICENSE = "does not begin with its license"
NO_COMMENT = "does not say, in a comment behind the license, what it does"


def check(*folders):
    return subprocess.run([FILES, *folders], capture_output=True, text=True, check=False)


def function(lines, head):
    """A function of so many lines, its head among them."""
    return head + "{\n" + "\tstep();\n" * (lines - head.count("\n") - 2) + "}\n"


def test_the_sources_hold():
    done = check(*(ROOT / folder for folder in ("user", "include", "bpf", "tests")))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize(
    "name, text, wrong",
    [
        ("good.c", LICENSE + COMMENT + INCLUDE, None),
        ("good.h", LICENSE + "/*\n * Counts the sheep\n * of a flock.\n */\n#ifndef GOOD_H\n#endif\n", None),
        ("slashes.c", "// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause\n" + COMMENT, None),
        ("late.c", LICENSE + INCLUDE + COMMENT, NO_COMMENT),
        ("none.h", LICENSE + "\n#ifndef NONE_H\n#endif\n", NO_COMMENT),
        ("empty.c", LICENSE + "/* a.c */\n" + INCLUDE, NO_COMMENT),
        ("no_license.c", COMMENT + INCLUDE, NO_LICENSE),
        ("file_700.c", LICENSE + COMMENT + "\n" * 698, None),
        ("file_701.c", LICENSE + COMMENT + "\n" * 699, "701 lines, more than 700"),
        ("function_70.c", LICENSE + COMMENT + function(70, "int count_sheep(int of)\n"), None),
        ("function_71.c", LICENSE + COMMENT + function(71, "int count_sheep(int of)\n"), "has 71 lines"),
        ("two.c", LICENSE + COMMENT + function(40, "int f(int of)\n") * 2, None),
        ("broken.c", LICENSE + COMMENT + function(72, "int count_sheep(int of,\n\t\tint by)\n"), "has 72 lines"),
        ("verb.c", LICENSE + COMMENT + "static int\nscan(int of);\n", "scan() does not say what it works on"),
        ("inline.h", LICENSE + COMMENT + "static inline int *get(void)\n{\n}\n", "get() does not say"),
        ("object.c", LICENSE + COMMENT + "static int *scan_stack(int of)\n{\n}\n", None),
        (
            "probe.bpf.c",
            LICENSE + COMMENT + function(80, 'SEC("iter/task")\nint count_sheep(void *context)\n'),
            ":3: count_sheep() has 80 lines",
        ),
    ],
    ids=lambda value: value if value and value.endswith((".c", ".h")) else "",
)
def test_form(tmp_path, name, text, wrong):
    file = tmp_path / name
    file.write_text(text)
    done = check(tmp_path)
    assert done.returncode == (1 if wrong else 0), done.stdout
    assert wrong in done.stdout and str(file) in done.stdout if wrong else not done.stdout

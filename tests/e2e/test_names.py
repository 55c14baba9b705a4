# SPDX-License-Identifier: BSD-2-Clause
"""Names that others chose steer no terminal: neither those of the target nor those of files."""

import gzip
import os
import re
import subprocess

import pprof
import pytest
from running import GRF, OK, USAGE, Target, grf
from toolchains import installed_go

HOSTILE = "\x1b]0;x\x07\x1b[31m\r\n\u202e\x9b"
PATTERN = re.compile(rb"[nN]amed\w+WithRoomForMuchElse")

# What may not be seen: controls but the newline, and characters that turn the direction.
BAD = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2066-\u2069]")


def hostile(match):
    """A name of the same length, and another for each, in valid UTF-8 and then in what is none."""
    name = match.group()
    text = name[:1] + HOSTILE.encode() + b"\xff"
    return text + name[-(len(name) - len(text)) :]


def change(executable, path):
    path.write_bytes(PATTERN.sub(hostile, executable.read_bytes()))
    path.chmod(0o755)
    return path


def check_shown(text, lines=None):
    assert not BAD.search(text), ascii(text)
    if lines is not None:
        assert len(text.splitlines()) == lines, ascii(text)


@pytest.mark.parametrize("flags", ["-ldflags=-compressdwarf=false", "-ldflags=-s -w"])
def test_names_of_the_target(flags, build, tmp_path):
    executable = change(build("names", flags=(flags,)), tmp_path / f"p{HOSTILE}")
    with Target(executable) as target:
        out = tmp_path / "out"
        result = grf("attach", target.pid, "-o", out, "-vv").expect(OK)
        check_shown(result.stdout)
        check_shown(result.stderr)
        verified = grf("verify", target.pid, "-vv", "--gc-wait", "0")
        check_shown(verified.stdout)
        check_shown(verified.stderr)
    names = {name for chain in pprof.read(out).chains for name in chain}
    shown = r"\x1b]0;x\x07\x1b[31m\x0d\x0a\u202e\u009b\xff"
    assert any(shown in name for name in names), names
    for name in names:
        check_shown(name, 1)
    strings = gzip.decompress(out.read_bytes())
    assert b"\x1b]0;x" not in strings and "\u202e".encode() not in strings
    for view in ("-top", "-traces", "-tree"):
        done = subprocess.run(
            [installed_go(), "tool", "pprof", view, out],
            capture_output=True,
            env=dict(os.environ, PPROF_TMPDIR=str(tmp_path)),
            check=True,
        )
        check_shown(done.stdout.decode().replace("\t", " "))


def test_version_text(build, tmp_path):
    """It is in the build information, and in the runtime's own string."""
    executable = tmp_path / "program"
    text = build("names").read_bytes()
    text = re.sub(rb"go1\.26\.\d+", lambda m: (m.group()[:6] + b"\x1b\r\n")[: len(m.group())], text)
    executable.write_bytes(text)
    executable.chmod(0o755)
    with Target(executable) as target:
        result = grf("attach", target.pid, "-o", tmp_path / "out", "-v")
    check_shown(result.stdout)
    check_shown(result.stderr)


def test_names_of_files(core, tmp_path):
    folder = tmp_path / HOSTILE
    folder.mkdir()
    result = grf("core", *core, "-o", folder / HOSTILE, "-v").expect(OK)
    check_shown(result.stdout)
    check_shown(result.stderr)
    assert "successfully output to" in result.stdout
    for arguments in (
        ("core", folder / "exe", core[1]),
        ("core", core[0], folder / "core"),
        ("core", *core, "-o", folder / "none" / "out"),
        ("core", *core, "-o", folder),
        ("verify", HOSTILE),
        ("core", *core, "--debug-file", folder / "debug"),
    ):
        result = grf(*arguments)
        assert result.status not in (OK, USAGE) and result.stdout == "", result
        check_shown(result.stderr, 1)


def test_an_option_has_one_meaning():
    """No two options of a command share a letter or a name."""
    commands = re.findall(r"^  (\w+) +\w", grf("--help").expect(OK).stdout.split("Examples:")[0], re.M)
    assert {"attach", "verify", "version"} <= set(commands)
    for command in commands:
        shown = grf(command, "--help").expect(OK).stdout
        options = re.findall(r"^ {2,6}((?:-\w, +)?--[\w-]+)", shown, re.M)
        names = [name for option in options for name in option.replace(",", " ").split()]
        assert names and len(names) == len(set(names)), (command, names)


@pytest.mark.parametrize(
    "arguments",
    [
        (HOSTILE,),
        ("attach", HOSTILE),
        ("attach", f"--{HOSTILE}"),
        ("attach", f"-{HOSTILE}"),
        ("attach", "1", f"--freeze={HOSTILE}"),
        ("attach", "1", "2", f"{HOSTILE}\nTry `x'"),
        ("version", HOSTILE),
        ("core", f"--max-depth={HOSTILE}\nTry `x'"),
    ],
)
def test_arguments(arguments):
    done = subprocess.run(
        [GRF, *arguments], stdin=subprocess.DEVNULL, capture_output=True, check=False
    )
    assert done.returncode == USAGE and done.stdout == b""
    check_shown(done.stderr.decode())
    assert len(done.stderr.decode().splitlines()) <= 3  # argp breaks a long line
